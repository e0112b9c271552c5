"""One rule for where the keyboard goes when what has it is hidden, disabled or deleted.

Left alone, Qt gives it to whatever comes next in order: a button that deletes, one of another panel, the account's.
``guard(app)`` sends it on instead: to the button's ``heir`` where it names one; to a button of the same words; after a
deletion to the list it was made in; else, from the nearest panel outwards, to the primary button, or to the first
thing there that takes the keyboard; at last to where it was before. Never to a button that deletes something, nor to
an edge that is there to be dragged (``is_handle``): there it comes only by hand. Nor to what is not seen, which Qt
allows: code that ends late gives it to a page that was left meanwhile, and there it is when the page comes back.
``first_place(page)`` is where it begins on a page that was opened.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator

import shiboken6
from PySide6.QtCore import QObject, QPoint, Qt, QTimer
from PySide6.QtWidgets import QAbstractButton, QAbstractItemView, QApplication, QDialog, QStackedWidget, QWidget

from console.widgets.base import below
from console.widgets.forms.buttons import Button

# Widgets of one window that had the keyboard: where it was before is looked for among them.
REMEMBERED = 12
# Who watches now; it lives as long as the application.
_keeper: weakref.ref[_Keeper] | None = None


def guard(app: QApplication) -> None:
    """Watch where the keyboard goes, for as long as ``app`` lives."""
    global _keeper
    keeper = _Keeper(app)
    _keeper = weakref.ref(keeper)
    app.focusChanged.connect(keeper.changed)


def give(place: QWidget) -> None:
    """Put the keyboard there, and leave it there whatever vanished just before.

    Where ``place`` is on a page that is not shown, it only begins there the next time.
    """
    place.setFocus(Qt.FocusReason.OtherFocusReason)
    keeper = _keeper() if _keeper is not None else None
    if keeper is not None and place.isVisible():
        keeper.accept(place)


class _Keeper(QObject):
    """Knows where the keyboard was in each window, the latest last; dialogs come and go meanwhile."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._path: list[weakref.ref[QWidget]] = []
        self._dialog: weakref.ref[QDialog] | None = None
        # How often it was somewhere on purpose: what was to be done about an earlier place is then no longer wanted.
        self._times = 0

    def changed(self, old: QWidget | None, now: QWidget | None) -> None:
        """The keyboard went from ``old`` to ``now``."""
        if now is None:
            return
        agreed = self._has_agreed(now.window()) and isinstance(now, QAbstractButton)
        before = self._last_in(now.window())
        gone = old is not None and not shiboken6.isValid(old)
        inside = not gone and old is not None and old.window() is now.window()
        if inside and old is not None and usable(old) and not now.isVisible():
            old.setFocus(Qt.FocusReason.OtherFocusReason)
            return
        # Our own code moved it within the window, and means it. Coming back from a dialog is another case.
        by_hand = inside and old is not None and usable(old) and not _is_page(now)
        lost = before is not None and before is not now and not usable(before)
        # A button that was off while a dialog was open is on again, but Qt no longer remembers that it had the focus.
        forgotten = not inside and before is not None and before is not now and isinstance(now, QAbstractButton)
        pushed = not by_hand and (lost or forgotten)
        # A click says where the keyboard is to be.
        clicked = QApplication.mouseButtons() != Qt.MouseButton.NoButton
        if clicked or not (pushed or gone or (agreed and is_dangerous(now))):
            self.accept(now)
            return
        if is_dangerous(now):
            _away_from(now)
        if before is not None and (pushed or before is now):
            # Later: only after the click has been dealt with is it known what became of the page.
            held, first, times = weakref.ref(before), weakref.ref(QApplication.focusWidget() or now), self._times
            QTimer.singleShot(0, self, lambda: self._settle(held, first, agreed) if times == self._times else None)

    def accept(self, place: QWidget) -> None:
        """The keyboard is at ``place`` on purpose."""
        window, before = place.window(), list(self._known())
        # A dialog in which it went to and fro must not push out where it was on the page.
        here = [widget for widget in before if widget.window() is window and widget is not place][: REMEMBERED - 1]
        kept = [widget for widget in before if widget in here or widget.window() is not window]
        self._path = [weakref.ref(widget) for widget in (*reversed(kept), place)]
        self._times += 1

    def _settle(self, before: weakref.ref[QWidget], first: weakref.ref[QWidget], agreed: bool) -> None:
        left, now = before(), QApplication.focusWidget()
        if left is None or not shiboken6.isValid(left) or (now is not None and now is not first()):
            return
        # After a deletion the next press of Space must not ask about the next row.
        stays = usable(left) and not (agreed and is_dangerous(left))
        place = left if stays else successor(left) or self._where_it_was(left)
        if place is not None and place is not now:
            place.setFocus(Qt.FocusReason.OtherFocusReason)
        elif now is not None:
            self.accept(now)

    def _has_agreed(self, window: QWidget) -> bool:
        """True when the keyboard comes back to ``window`` from a dialog that was agreed to."""
        if isinstance(window, QDialog):
            self._dialog = weakref.ref(window)
            return False
        dialog, self._dialog = self._dialog() if self._dialog is not None else None, None
        return dialog is not None and shiboken6.isValid(dialog) and dialog.result() == QDialog.DialogCode.Accepted

    def _last_in(self, window: QWidget) -> QWidget | None:
        return next((widget for widget in self._known() if widget.window() is window), None)

    def _where_it_was(self, left: QWidget) -> QWidget | None:
        window = left.window()
        return next((widget for widget in self._known() if widget.window() is window and _takes(widget)), None)

    def _known(self) -> Iterator[QWidget]:
        for ref in reversed(self._path):
            widget = ref()
            if widget is not None and shiboken6.isValid(widget):
                yield widget


def usable(widget: QWidget) -> bool:
    """True while the keyboard may stay there."""
    return widget.isVisible() and widget.isEnabled()


def _is_page(widget: QWidget) -> bool:
    """True where a stack put it: Qt gives the keyboard to a page as such when it has shown another one."""
    return widget.focusPolicy() is Qt.FocusPolicy.NoFocus and isinstance(widget.parentWidget(), QStackedWidget)


def first_place(page: QWidget) -> QWidget | None:
    """Where the keyboard begins on ``page``: in its list, else on its primary button, else on the first thing there."""
    candidates = list(_in_order([page]))
    lists = [widget for widget in candidates if isinstance(widget, QAbstractItemView)]
    main = [widget for widget in candidates if isinstance(widget, Button) and widget.is_main]
    return next(iter(lists or main or candidates), None)


def is_handle(widget: QWidget) -> bool:
    """True for edges that are there to be dragged."""
    return bool(getattr(widget, "is_handle", False))


def is_dangerous(widget: QWidget) -> bool:
    """True for buttons that delete or end something."""
    return isinstance(widget, Button) and widget.is_dangerous


def successor(left: QWidget) -> QWidget | None:
    """Where the keyboard goes from ``left``, which cannot have it any longer; None where nothing near takes it."""
    heir = getattr(left, "heir", None)
    # A list that is still empty is not there to be its heir; it names the next one.
    while isinstance(heir, QWidget) and not _takes(heir):
        heir = getattr(heir, "heir", None)
    if isinstance(heir, QWidget):
        return heir
    panels = list(_panels_around(left))
    if isinstance(left, Button):
        same = [
            widget for widget in _in_order(panels) if isinstance(widget, Button) and widget.text() == left.text() != ""
        ]
        if same:
            return same[0]
    if is_dangerous(left):
        lists = [widget for widget in _in_order(panels) if isinstance(widget, QAbstractItemView)]
        if lists:
            return lists[0]
    for panel in panels:
        candidates = list(_in_order([panel]))
        main = [widget for widget in candidates if isinstance(widget, Button) and widget.is_main]
        if candidates:
            return (main or candidates)[0]
    return None


def _panels_around(widget: QWidget) -> Iterator[QWidget]:
    """The visible widgets that ``widget`` lies in, the nearest first, without the window itself."""
    place = widget.parentWidget()
    while place is not None and not place.isWindow():
        if place.isVisible():
            yield place
        place = place.parentWidget()


def _in_order(panels: list[QWidget]) -> Iterator[QWidget]:
    """What takes the keyboard in each of ``panels``, from the top left on."""
    for panel in panels:
        found = [widget for widget in below(panel, QWidget) if widget.window() is panel.window() and _takes(widget)]
        yield from sorted(found, key=lambda widget: _place(widget, panel))


def _place(widget: QWidget, panel: QWidget) -> tuple[int, int]:
    place = widget.mapTo(panel, QPoint(0, 0))
    return place.y(), place.x()


def _takes(widget: QWidget) -> bool:
    tabs = widget.focusPolicy() & Qt.FocusPolicy.TabFocus
    return bool(tabs) and usable(widget) and not is_dangerous(widget) and not is_handle(widget)


def _away_from(widget: QWidget) -> None:
    place = widget.nextInFocusChain()
    while place is not None and place is not widget:
        if place.window() is widget.window() and _takes(place):
            place.setFocus(Qt.FocusReason.OtherFocusReason)
            return
        place = place.nextInFocusChain()
    widget.clearFocus()
