"""The stack of tabs: each is told when it is shown or left. While no account is in force one page for all says why.

Pages are built in pieces; one that is opened before it is built shows its frame until then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QApplication, QStackedWidget, QVBoxLayout, QWidget

from console.context import AppContext
from console.look.theme import PAGE_PADDING, PAGE_PADDING_NARROW
from console.not_connected import NotConnected
from console.tabs import TabSpec
from console.tabs.base import PageHead
from console.widgets.base import label
from console.widgets.forms.focus import give, is_handle
from console.window.building import PageBuilder

if TYPE_CHECKING:
    from console.tabs.base import Tab


class Pages(QStackedWidget):
    """Signals: ``shown(tab_id)``, ``badgeChanged(tab_id, icon, text, colour token)``."""

    shown = Signal(str)
    badgeChanged = Signal(str, str, str, str)

    def __init__(self, ctx: AppContext, specs: Iterable[TabSpec], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.ctx = ctx
        self.specs = {spec.id: spec for spec in specs}
        self.tabs: dict[str, Tab] = {}
        self.current_id = ""
        self._narrow = False
        self._broken: _Broken | None = None
        self._asked: dict[str, list[Any]] = {}
        self._then: list[tuple[str, Callable[[], None]]] = []
        self._builder = PageBuilder(ctx, self.specs, self)
        self.absent = NotConnected(ctx, heading=True)
        self.addWidget(self.absent)
        self.frame = PageHead("", "Opening…")
        self._frame_page = QWidget()
        self._frame_column = QVBoxLayout(self._frame_page)
        self._frame_column.addWidget(self.frame)
        self._frame_column.addStretch(1)
        self.addWidget(self._frame_page)
        self.set_narrow(False)
        ctx.absenceChanged.connect(self._account_came_or_went)

    @property
    def current_tab(self) -> Tab | None:
        """The tab that is shown, if it could be built."""
        return self.tabs.get(self.current_id)

    @property
    def coming(self) -> bool:
        """True while the page that is to be shown is still being built."""
        return self.current_id in self._asked

    def begin(self) -> None:
        """Build the page that is to be shown, then the others while nobody does anything."""
        self._builder.begin()

    def open(self, tab_id: str, payload: Any = None) -> bool:
        """Show a tab, at first its frame if it is not built yet; False when there is none of that name.

        ``payload`` is handed to it when it is whole, also when another tab was opened meanwhile.
        """
        if tab_id not in self.specs:
            return False
        before = self.current_tab
        self.current_id = tab_id
        if before is not None and before is not self.current_tab:
            before.leave()
        self._asked.setdefault(tab_id, []).append(payload)
        if tab_id in self.tabs:
            self._hand_over(tab_id)
        elif self._builder.is_small(tab_id):
            self._builder.finish(tab_id)
        else:
            self._arrange()
            self._builder.want(tab_id)
        self.shown.emit(tab_id)
        return True

    def tab(self, tab_id: str) -> Tab | None:
        """The tab, built in one go if it was not yet; None (and a message that says why) when its code fails."""
        if tab_id not in self.tabs:
            self._builder.finish(tab_id)
        return self.tabs.get(tab_id)

    def then(self, action: Callable[[], None]) -> None:
        """Do something once the page that is coming is there, unless another is opened before."""
        self._then.append((self.current_id, action))

    # What the builder tells

    def place(self, tab: Tab) -> None:
        """Take in a tab that is begun, hidden."""
        self.addWidget(tab)

    def built(self, tab_id: str, tab: Tab) -> None:
        """A tab is whole: it is shown if it was asked for, and gets what was meant for it."""
        tab.set_narrow(self._narrow)
        tab.badgeChanged.connect(lambda icon, text, token: self.badgeChanged.emit(tab_id, icon, text, token))
        self.tabs[tab_id] = tab
        if tab_id in self._asked:
            self._hand_over(tab_id)

    def broke(self, tab_id: str, tab: Tab | None, error: Exception) -> None:
        """A tab that was asked for cannot be built: its page says why, and opening it again tries again."""
        title = self.specs[tab_id].title
        self.ctx.notify.error(error, f"The tab {title} could not be opened")
        for old in (self._broken, tab):
            if old is not None:
                self.removeWidget(old)
                old.deleteLater()
        self._broken = _Broken(title, error)
        self.addWidget(self._broken)
        self._asked.pop(tab_id, None)
        if tab_id == self.current_id:
            self.setCurrentWidget(self._broken)
            self._go_on()

    # Inside

    def _hand_over(self, tab_id: str) -> None:
        tab, asked = self.tabs[tab_id], self._asked.pop(tab_id)
        left, kept = self._arrange()
        # Asked for twice while it was built: once is enough where nothing is meant for it.
        for payload in [payload for payload in asked if payload is not None] or [None]:
            tab.enter(payload)
        if tab_id == self.current_id:
            meant = [payload for payload in asked if payload is not None]
            if self.currentWidget() is tab and (left or meant):
                _give_keyboard(tab.landing(meant[-1]) if meant else kept or tab.landing())
            self._go_on()
        else:
            tab.leave()

    def _go_on(self) -> None:
        waiting, self._then = self._then, []
        for tab_id, action in waiting:
            if tab_id == self.current_id:
                action()

    def _account_came_or_went(self) -> None:
        left, kept = self._arrange()
        if left and self.current_tab is not None and self.currentWidget() is self.current_tab:
            _give_keyboard(kept or self.current_tab.landing())

    def _arrange(self) -> tuple[bool, QWidget | None]:
        """Show the tab or its frame, or in its place why no account is in force, unless it shows rows of the same.

        Whether the keyboard was on a page that went, and where it was before on the one that came, if that is usable.
        """
        tab, absence = self.current_tab, self.ctx.absence
        if tab is None and not self.coming:
            return False, None
        spec = self.specs[self.current_id]
        away = absence is not None and absence.as_of is None and not spec.works_alone
        self.absent.heading.setText(spec.title)
        self.frame.title.setText(spec.title)
        shown = self.absent if away else tab or self._frame_page
        before, held, kept = self.currentWidget(), QApplication.focusWidget(), shown.focusWidget()
        known = kept is not None and kept.isEnabled() and kept.isVisibleTo(shown) and not is_handle(kept)
        self.setCurrentWidget(shown)
        inside = held is None or self.isAncestorOf(held) or held is self
        return shown is not before and inside, kept if known else None

    def refresh(self) -> None:
        """Let the shown tab read again."""
        if self.current_tab is not None and self.ctx.connected:
            self.current_tab.refresh()

    def set_narrow(self, narrow: bool) -> None:
        """Tell the tabs that the window crossed ``NARROW_BELOW``."""
        self._narrow = narrow
        padding = PAGE_PADDING_NARROW if narrow else PAGE_PADDING
        self._frame_column.setContentsMargins(padding, 0, padding, 16)
        for tab in self.tabs.values():
            tab.set_narrow(narrow)


def _give_keyboard(place: QWidget | None) -> None:
    if place is not None:
        give(place)


class _Broken(QWidget):
    def __init__(self, title: str, error: Exception) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 16, 24, 16)
        column.addWidget(label(title, "page"))
        column.addWidget(label(f"This tab could not be opened: {type(error).__name__}: {error}", wrap=True, copy=True))
        column.addStretch(1)
