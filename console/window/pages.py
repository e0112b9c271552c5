"""The stack of tabs: each is imported and built when it is first shown, and told when it is shown or left.

While no account is in force one page for all says why.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from console.context import AppContext
from console.not_connected import NotConnected
from console.tabs import TabSpec
from console.widgets.base import label

if TYPE_CHECKING:
    from console.tabs.base import Tab

log = logging.getLogger(__name__)


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
        self.absent = NotConnected(ctx, heading=True)
        self.addWidget(self.absent)
        ctx.absenceChanged.connect(self._arrange)

    @property
    def current_tab(self) -> Tab | None:
        """The tab that is shown, if it could be built."""
        return self.tabs.get(self.current_id)

    def open(self, tab_id: str, payload: Any = None) -> bool:
        """Show a tab, building it if need be; False when there is none of that name."""
        if tab_id not in self.specs:
            return False
        before = self.current_tab
        tab = self.tab(tab_id)
        if before is not None and before is not tab:
            before.leave()
        self.current_id = tab_id
        if tab is not None:
            self._arrange()
            tab.enter(payload)
        self.shown.emit(tab_id)
        return True

    def tab(self, tab_id: str) -> Tab | None:
        """The tab, built now if it was not; None (and a page that says why) when its code fails."""
        if tab_id in self.tabs:
            return self.tabs[tab_id]
        spec = self.specs[tab_id]
        try:
            tab = spec.load()(self.ctx)
        except Exception as error:
            self.ctx.notify.error(error, f"The tab {spec.title} could not be opened")
            self._show_broken(spec.title, error)
            return None
        tab.set_narrow(self._narrow)
        tab.badgeChanged.connect(lambda icon, text, token: self.badgeChanged.emit(tab_id, icon, text, token))
        self.addWidget(tab)
        self.tabs[tab_id] = tab
        return tab

    async def prepare(self) -> None:
        """Import the code of the tabs that were not opened yet, so that opening them does not wait for the disk."""
        for spec in [spec for tab_id, spec in self.specs.items() if tab_id not in self.tabs]:
            try:
                await asyncio.to_thread(spec.load)
            except Exception:
                # Opening the tab will tell, if anybody opens it.
                log.exception("the tab %s cannot be imported", spec.title)

    def _arrange(self) -> None:
        """Show the tab, or in its place why no account is in force, unless it shows rows of the same one."""
        tab, absence = self.current_tab, self.ctx.absence
        if tab is None:
            return
        away = absence is not None and absence.as_of is None and not tab.works_alone
        self.absent.heading.setText(tab.spec.title)
        self.setCurrentWidget(self.absent if away else tab)

    def refresh(self) -> None:
        """Let the shown tab read again."""
        if self.current_tab is not None and self.ctx.connected:
            self.current_tab.refresh()

    def _show_broken(self, title: str, error: Exception) -> None:
        if self._broken is not None:
            self.removeWidget(self._broken)
            self._broken.deleteLater()
        self._broken = _Broken(title, error)
        self.addWidget(self._broken)
        self.setCurrentWidget(self._broken)

    def set_narrow(self, narrow: bool) -> None:
        """Tell the tabs that the window crossed 1200 px."""
        self._narrow = narrow
        for tab in self.tabs.values():
            tab.set_narrow(narrow)


class _Broken(QWidget):
    def __init__(self, title: str, error: Exception) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 16, 24, 16)
        column.addWidget(label(title, "page"))
        column.addWidget(label(f"This tab could not be opened: {type(error).__name__}: {error}", wrap=True, copy=True))
        column.addStretch(1)
