"""The settings dialog: look, refreshing, and where the sandbox keeps its state. Every change holds at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from console.context import AppContext
from console.settings import REFRESH_CHOICES
from console.widgets.base import label, on_theme, set_tone
from console.widgets.forms.buttons import Button
from console.widgets.forms.segmented import Segmented
from console.widgets.frames.dialog import fit_height
from console.widgets.frames.file_dialog import ask_for_folder

# Pixels: three choices side by side.
WIDTH = 464
THEMES = (("system", "As the system"), ("light", "Light"), ("dark", "Dark"))
SCALES = (("100", "Normal", 1.0), ("115", "Large", 1.15), ("130", "Largest", 1.3))
REFRESH_WORDS = {10: "Every 10 seconds", 30: "Every 30 seconds", 60: "Every minute", 300: "Every 5 minutes"}


class SettingsDialog(QDialog):
    """``state_folder`` is the one in use; ``stop_sandbox`` ends the sandbox's process (None: it does not run)."""

    def __init__(
        self,
        ctx: AppContext,
        state_folder: Path,
        stop_sandbox: Callable[[], object] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.ctx = ctx
        self.setWindowTitle("Settings")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(24, 20, 24, 16)
        self._column.setSpacing(16)
        self._column.addWidget(label("Settings", "section"))

        self.theme = Segmented(THEMES, ctx.settings.theme, name="Colours")
        self.theme.changed.connect(lambda key: ctx.settings.set("theme", key))
        self._row("Colours", self.theme)

        scale = ctx.settings.value("text_scale", 1.0)
        current = min(SCALES, key=lambda entry: abs(entry[2] - scale))[0]
        self.scale = Segmented([(key, words) for key, words, _ in SCALES], current, name="Text size")
        self.scale.changed.connect(
            lambda key: ctx.settings.set("text_scale", next(value for name, _, value in SCALES if name == key))
        )
        self._row("Text size", self.scale)

        self.refresh = QComboBox()
        for seconds in REFRESH_CHOICES:
            self.refresh.addItem(REFRESH_WORDS.get(seconds, "Only with F5"), seconds)
        self.refresh.setCurrentIndex(REFRESH_CHOICES.index(ctx.settings.refresh_seconds))
        self.refresh.currentIndexChanged.connect(
            lambda _: ctx.settings.set("refresh_seconds", self.refresh.currentData())
        )
        self._row("Read lists again", self.refresh)

        self.folder = QLineEdit(str(state_folder))
        self.folder.setReadOnly(True)
        self.folder.setCursorPosition(0)
        choose = Button("Choose…", on=self._choose)
        pinned = bool(os.environ.get("SAGEDECK_STATE"))
        choose.setEnabled(not pinned)
        hint = "Set by SAGEDECK_STATE." if pinned else "Buckets, jobs and models of the sandbox lie here."
        self.folder_hint = self._row("State folder of the sandbox", self.folder, choose, hint=hint)

        stop = Button("Stop the sandbox", on=stop_sandbox)
        stop.setEnabled(stop_sandbox is not None)
        stop.clicked.connect(lambda: stop.setEnabled(False))
        words = (
            "Closing the window leaves the sandbox running, so that jobs and endpoints go on. It ends itself after "
            "15 minutes without requests and running jobs. What it stores is kept."
        )
        self._row("Sandbox", stop, hint=words)

        foot = QHBoxLayout()
        foot.addStretch(1)
        close = Button("Close", on=self.accept)
        close.setDefault(True)
        foot.addWidget(close)
        self._column.addLayout(foot)
        self._dress()
        on_theme(self, self._dress)

    def _dress(self) -> None:
        self.setFixedWidth(self.ctx.theme.pixels(WIDTH))
        fit_height(self)

    def event(self, event: QEvent) -> bool:
        """Be as high as the words need, also at another text size."""
        handled = super().event(event)
        if event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.Show):
            fit_height(self)
        return handled

    def _row(self, caption: str, *widgets: QWidget, hint: str = "") -> QLabel:
        row = QVBoxLayout()
        row.setSpacing(6)
        row.addWidget(label(caption, "label"))
        line = QHBoxLayout()
        line.setSpacing(8)
        for widget in widgets:
            widget.setAccessibleName(widget.accessibleName() or caption)
            line.addWidget(widget, 1 if isinstance(widget, QLineEdit) else 0)
        if not any(isinstance(widget, QLineEdit) for widget in widgets):
            line.addStretch(1)
        row.addLayout(line)
        note = label(hint, "small", "text2", wrap=True)
        row.addWidget(note)
        self._column.addLayout(row)
        # In its place first: without a parent it would be a window of its own.
        note.setVisible(bool(hint))
        return note

    def _choose(self) -> None:
        ask_for_folder(
            self, "State folder of the sandbox", lambda folder: self.use_folder(str(folder)), self.folder.text()
        )

    def use_folder(self, folder: str) -> None:
        """Keep another state folder; it counts from the next connection on. The old one stays as it is."""
        self.folder.setText(folder)
        self.ctx.settings.set("state_folder", folder)
        set_tone(self.folder_hint, "accent")
        self.folder_hint.setText("Used when the sandbox is connected again. The old folder stays as it is.")
        fit_height(self)
