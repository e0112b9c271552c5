"""The way from the bucket down to the folder shown, every step a link."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSizePolicy, QWidget

from console.look.theme import theme
from console.tabs.data.bucket import crumbs
from console.widgets.base import ElidedLabel, control_height, text_width
from console.widgets.forms.buttons import Button, IconButton
from console.widgets.forms.lines import IconLabel

# Pixels of a chevron and what is free around it.
STEP = 26


class Crumbs(QWidget):
    """Signals: ``opened(str prefix)``. Steps that do not fit are behind a button with three dots."""

    opened = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bucket = self._prefix = ""
        self._hidden: list[tuple[str, str]] = []
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(2)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_place(self, bucket: str, prefix: str) -> None:
        """Show the way to another folder."""
        if (bucket, prefix) != (self._bucket, self._prefix):
            self._bucket, self._prefix = bucket, prefix
            self._build()

    def steps(self) -> list[str]:
        """The words of every step, hidden ones too."""
        return [text for text, _ in crumbs(self._bucket, self._prefix)]

    def sizeHint(self) -> QSize:
        """As high as a small control; any width."""
        return QSize(theme().pixels(160), control_height())

    def minimumSizeHint(self) -> QSize:
        """Whatever there is room for."""
        return QSize(theme().pixels(80), control_height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Other steps fit."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._build()

    def _build(self) -> None:
        while (item := self._row.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        steps = crumbs(self._bucket, self._prefix) if self._bucket else []
        shown = self._fitting(steps)
        self._hidden = steps[: len(steps) - len(shown)]
        if self._hidden:
            dots = IconButton("dots", "Folders above", on=self._menu)
            self._row.addWidget(dots)
            self._row.addWidget(IconLabel("right", "text3", 12))
        for at, (text, prefix) in enumerate(shown):
            if at == len(shown) - 1:
                self._row.addWidget(ElidedLabel(text, "strong", "text"))
            else:
                self._row.addWidget(Button(text, "link", on=partial(self.opened.emit, prefix)))
                self._row.addWidget(IconLabel("right", "text3", 12))
        self._row.addStretch(1)
        self.setAccessibleName("Folder " + " / ".join(text for text, _ in steps))

    def _fitting(self, steps: list[tuple[str, str]]) -> list[tuple[str, str]]:
        room = self.width()
        shown: list[tuple[str, str]] = []
        for step in reversed(steps):
            room -= round(text_width(step[0], "strong")) + theme().pixels(STEP)
            if shown and room < (0 if len(shown) == len(steps) - 1 else theme().pixels(48)):
                break
            shown.insert(0, step)
        return shown

    def _menu(self) -> None:
        menu = QMenu(self)
        for text, prefix in self._hidden:
            menu.addAction(theme().icon("folder" if prefix else "bucket"), text, partial(self.opened.emit, prefix))
        menu.popup(self.mapToGlobal(self.rect().bottomLeft()))
