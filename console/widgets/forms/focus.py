"""One rule for the keyboard: it comes to a button that deletes something only by hand.

When the widget that has the keyboard is hidden, disabled or deleted, Qt gives the keyboard to the next one in
order, and the next press of Space would press that. ``guard(app)`` passes it on past buttons that are dangerous.
"""

from __future__ import annotations

import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget

from console.widgets.forms.buttons import Button


def guard(app: QApplication) -> None:
    """Watch where the keyboard goes, for as long as ``app`` lives."""
    app.focusChanged.connect(_changed)


def _changed(old: QWidget | None, now: QWidget | None) -> None:
    if not isinstance(now, Button) or not now.is_dangerous or not _pushed_out(old, now):
        return
    place = harmless_after(now)
    if place is not None:
        place.setFocus(Qt.FocusReason.OtherFocusReason)
    else:
        now.clearFocus()


def _pushed_out(old: QWidget | None, now: QWidget) -> bool:
    """True when the keyboard did not leave ``old`` by hand. Who comes back from a dialog had put it there before."""
    if old is None:
        return False
    if not shiboken6.isValid(old):
        return True
    return old.window() is now.window() and not (old.isVisible() and old.isEnabled())


def harmless_after(widget: QWidget) -> QWidget | None:
    """The next widget in order that takes the keyboard and deletes nothing; None when there is none."""
    place = widget.nextInFocusChain()
    while place is not None and place is not widget:
        dangerous = isinstance(place, Button) and place.is_dangerous
        if (
            not dangerous
            and place.window() is widget.window()
            and place.focusPolicy() & Qt.FocusPolicy.TabFocus
            and place.isVisible()
            and place.isEnabled()
        ):
            return place
        place = place.nextInFocusChain()
    return None
