"""Where the launch form is: a panel at the left edge, or in a narrow window a drawer behind a button."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from console.look.theme import theme
from console.widgets.base import on_theme
from console.widgets.forms.buttons import Button
from console.widgets.frames.edge import Edge

if TYPE_CHECKING:
    from console.tabs.base import Tab

# Pixels: an instance type with its price.
WIDTH = 320


class _Ground(QFrame):
    def __init__(self) -> None:
        super().__init__()
        on_theme(self)

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), theme().color("sunken"))


class FormDrawer:
    """Places ``form`` into the row of ``tab``; ``button`` opens the drawer."""

    def __init__(self, tab: Tab, form: QWidget, row: QHBoxLayout) -> None:
        self._tab, self._place_row = tab, row
        holder = _Ground()
        inner = QHBoxLayout(holder)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(0)
        inner.addWidget(form, 1)
        inner.addWidget(Edge(holder, tab.ctx.settings, "side.form", WIDTH, at_left=False))
        self._holder = holder
        row.insertWidget(0, holder)
        self.button = Button("New job", icon="plus")
        self.button.setCheckable(True)
        self.button.toggled.connect(lambda _: self.place())

    def place(self) -> None:
        """Put the form where the window's width wants it."""
        floating = self._tab.narrow
        inside = self._place_row.indexOf(self._holder) >= 0
        self.button.setVisible(floating)
        if floating and inside:
            self._place_row.removeWidget(self._holder)
            self._holder.setParent(self._tab)
        elif not floating and not inside:
            self._place_row.insertWidget(0, self._holder)
        self._holder.setVisible(not floating or self.button.isChecked())
        if floating and self.button.isChecked():
            top = self._tab.head.geometry().bottom() + 1
            self._holder.setGeometry(0, top, self._holder.width(), self._tab.height() - top)
            self._holder.raise_()
