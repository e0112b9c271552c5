"""What stands where an account's things would be while none is in force: why, and the way out as a button."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.absence import Absence
from console.context import AppContext
from console.look.theme import PAGE_HEAD, PAGE_PADDING
from console.widgets.base import label
from console.widgets.frames.empty_state import EmptyState


class NotConnected(QWidget):
    """Follows the context: one picture for every tab, so that none tells of the account that was left.

    ``heading`` names the page that it stands for; a panel that has its own head gives none.
    """

    def __init__(self, ctx: AppContext, *, heading: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.ctx = ctx
        self.heading = label("", "page")
        self.heading.setMinimumHeight(PAGE_HEAD)
        self.heading.setContentsMargins(0, 8, 0, 0)
        self.picture = EmptyState("cloud", "")
        column = QVBoxLayout(self)
        side = PAGE_PADDING if heading else 0
        column.setContentsMargins(side, 0, side, 0)
        column.setSpacing(0)
        column.addWidget(self.heading)
        self.heading.setVisible(heading)
        column.addWidget(self.picture, 1)
        ctx.absenceChanged.connect(self._show)
        self._show(ctx.absence)

    def _show(self, absence: Absence | None) -> None:
        if absence is not None:
            first, second = (*absence.cures, None, None)[:2]
            icon = "wait" if absence.waiting else "cloud"
            self.picture.set_content(icon, absence.title, absence.text, first, second)
