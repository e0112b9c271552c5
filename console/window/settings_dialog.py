"""The settings dialog: look, refreshing, the sandbox's folder, who opens links. Every change holds at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from console.context import AppContext
from console.settings import REFRESH_CHOICES
from console.widgets.base import label, on_theme, screen_area, set_tone
from console.widgets.forms.buttons import Button
from console.widgets.forms.segmented import Segmented
from console.widgets.frames.dialog import Dialog
from console.widgets.frames.file_dialog import ask_for_folder
from console.widgets.frames.scroll_area import ScrollArea
from console.window.link_scheme import OPEN_WORDS, STOP_WORDS, LinkScheme

# Pixels: three choices side by side.
WIDTH = 464
# Of the screen's height: title, Close and the window's frame need the rest.
_MOST_OF_SCREEN = 0.7
THEMES = (("system", "As the system"), ("light", "Light"), ("dark", "Dark"))
SCALES = (("100", "Normal", 1.0), ("115", "Large", 1.15), ("130", "Largest", 1.3))
REFRESH_WORDS = {10: "Every 10 seconds", 30: "Every 30 seconds", 60: "Every minute", 300: "Every 5 minutes"}


class SettingsDialog(Dialog):
    """``state_folder`` is the one in use; ``stop_sandbox`` ends the sandbox's process (None: it does not run)."""

    def __init__(
        self,
        ctx: AppContext,
        state_folder: Path,
        stop_sandbox: Callable[[], object] | None = None,
        parent: QWidget | None = None,
        links: LinkScheme | None = None,
    ) -> None:
        super().__init__("Settings", width=WIDTH, parent=parent)
        self.ctx = ctx
        rows = QWidget()
        self._column = QVBoxLayout(rows)
        self._column.setContentsMargins(0, 0, 8, 0)
        self._column.setSpacing(16)
        # With the largest text the rows are higher than a small screen: they scroll, and Close stays in sight.
        self._scroll = ScrollArea("Settings")
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setWidget(rows)
        self.body.addWidget(self._scroll)

        self.theme = Segmented(THEMES, ctx.settings.theme, name="Colours")
        self.theme.changed.connect(self._set_theme)
        self._row("Colours", self.theme)

        scale = ctx.settings.value("text_scale", 1.0)
        current = min(SCALES, key=lambda entry: abs(entry[2] - scale))[0]
        self.scale = Segmented([(key, words) for key, words, _ in SCALES], current, name="Text size")
        self.scale.changed.connect(self._set_scale)
        self._row("Text size", self.scale)

        self.refresh = QComboBox()
        for seconds in REFRESH_CHOICES:
            self.refresh.addItem(REFRESH_WORDS.get(seconds, "Only with F5"), seconds)
        self.refresh.setCurrentIndex(REFRESH_CHOICES.index(ctx.settings.refresh_seconds))
        self.refresh.currentIndexChanged.connect(self._set_refresh)
        self._row("Read lists again", self.refresh)

        self.folder = QLineEdit(str(state_folder))
        self.folder.setReadOnly(True)
        self.folder.setCursorPosition(0)
        choose = Button("Choose…", on=self._choose)
        pinned = bool(os.environ.get("SAGEDECK_STATE"))
        choose.allow(not pinned, "Set by SAGEDECK_STATE")
        hint = "Set by SAGEDECK_STATE." if pinned else "Buckets, jobs and models of the sandbox lie here."
        self.folder_hint = self._row("State folder of the sandbox", self.folder, choose, hint=hint)

        stop = Button("Stop the sandbox", on=stop_sandbox)
        stop.allow(stop_sandbox is not None, "The sandbox does not run")
        stop.clicked.connect(lambda: stop.hinder("It is stopping"))
        words = (
            "Closing the window leaves the sandbox running, so that jobs and endpoints go on. It ends itself after "
            "15 minutes without requests and running jobs. What it stores is kept."
        )
        self._row("Sandbox", stop, hint=words)

        self._links = links
        self.links_button = Button(OPEN_WORDS, on=self._open_links)
        if links is not None:
            self.links_hint = self._row("Links", self.links_button, hint=" ")
            links.changed.connect(self._show_links)
            links.look()
            self._show_links()

        close = Button("Close", on=self.accept)
        close.setDefault(True)
        self.buttons.addStretch(1)
        self.buttons.addWidget(close)
        on_theme(self, self._fit)

    def _fit(self) -> None:
        layout = self.layout()
        if layout is None:
            return
        margins = layout.contentsMargins()
        width = self.width() - margins.left() - margins.right()
        self._column.activate()
        needed = max(self._column.heightForWidth(width), self._column.minimumSize().height())
        self._scroll.setFixedHeight(min(needed, round(screen_area(self).height() * _MOST_OF_SCREEN)))
        super()._fit()

    def showEvent(self, event: QShowEvent) -> None:
        """The rows know their heights only when they were dressed, which is after this."""
        super().showEvent(event)
        QTimer.singleShot(0, self, self._fit)

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

    def _set_theme(self, key: str) -> None:
        self.ctx.settings.set("theme", key)

    def _set_scale(self, key: str) -> None:
        self.ctx.settings.set("text_scale", next(value for name, _, value in SCALES if name == key))

    def _set_refresh(self, _: int) -> None:
        self.ctx.settings.set("refresh_seconds", self.refresh.currentData())

    def _choose(self) -> None:
        ask_for_folder(
            self, "State folder of the sandbox", lambda folder: self.use_folder(str(folder)), self.folder.text()
        )

    def _open_links(self) -> None:
        links = self._links
        if links is not None:
            (links.stop if links.ours else links.open_links)()

    def _show_links(self) -> None:
        links = self._links
        if links is None:
            return
        self.links_button.setText(STOP_WORDS if links.ours else OPEN_WORDS)
        self.links_button.hinder(links.against_stopping if links.ours else links.against_opening)
        words = links.handler.words if links.handler is not None else "Looking who opens such links…"
        self.links_hint.setText(words)
        self._fit()

    def use_folder(self, folder: str) -> None:
        """Keep another state folder; it counts from the next connection on. The old one stays as it is."""
        self.folder.setText(folder)
        self.ctx.settings.set("state_folder", folder)
        set_tone(self.folder_hint, "accent")
        self.folder_hint.setText("Used when the sandbox is connected again. The old folder stays as it is.")
        self._fit()
