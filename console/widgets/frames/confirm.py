"""The question before something is deleted: what goes, what stays, what breaks, what it saves.

``if await ConfirmDialog(confirmation, cli, parent).ask(): …``; a mutation's own ``Confirmation`` says everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from console.look.theme import theme
from console.widgets.base import label, screen_area, text_width
from console.widgets.forms.buttons import Button
from console.widgets.forms.fields import LineEdit
from console.widgets.forms.lines import IconLabel
from console.widgets.frames.dialog import Dialog
from console.widgets.frames.scroll_area import ScrollArea

if TYPE_CHECKING:
    from console.commands import Affected, Confirmation

# What is left of the dialog's 400 px for a name and its note.
_LINE = 320
# What the lists take of the screen at most: above that they scroll, and the buttons stay in sight.
_MOST_OF_SCREEN = 0.5


class ConfirmDialog(Dialog):
    """Shows a ``Confirmation``; accepted when the operator agreed (and typed the name, where that is asked)."""

    def __init__(self, confirmation: Confirmation, cli: str = "", parent: QWidget | None = None) -> None:
        super().__init__(confirmation.title, confirmation.text, parent=parent)
        self._expected = confirmation.type_name
        self._cli = cli
        self.listed = QWidget()
        # What is deleted, kept and no longer works: a layout to fill.
        self.told = QVBoxLayout(self.listed)
        self.told.setContentsMargins(0, 0, 0, 0)
        self.told.setSpacing(8)
        self._scroll = ScrollArea("What it means")
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setWidget(self.listed)
        self.body.addWidget(self._scroll)
        self._list("", confirmation.listed)
        self._list("Also deleted", confirmation.also_deleted)
        self._list("Kept", confirmation.kept)
        self._list(confirmation.stops_title, confirmation.stops_working, warn=True)
        if confirmation.saves:
            self.told.addWidget(self._savings(confirmation.saves))
        self.field = LineEdit(placeholder=confirmation.type_name)
        if self._expected:
            self.body.addSpacing(4)
            # Its name stays in sight while it is being typed.
            asked = f"Type {self._expected} to confirm"
            title = label(asked, "label", "text2", wrap=True)
            title.setBuddy(self.field)
            self.body.addWidget(title)
            self.body.addWidget(self.field)
            self.field.setAccessibleName(asked)
            self.field.edited.connect(self._check)
        kind = "danger" if confirmation.danger else "primary"
        icon = confirmation.icon if confirmation.icon != "trash" or confirmation.danger else ""
        self.confirm_button = Button(confirmation.confirm_label, kind, icon, on=self.accept)  # type: ignore[arg-type]
        self.cancel_button = Button("Cancel", on=self.reject)
        if cli:
            self.copy_button = Button("Copy as CLI", "ghost", "terminal", on=self._copy)
            self.buttons.addWidget(self.copy_button)
        self.buttons.addStretch(1)
        self.buttons.addWidget(self.cancel_button)
        self.buttons.addWidget(self.confirm_button)
        if self._expected:
            self.confirm_button.setDefault(True)
            self.field.setFocus()
        else:
            # Return must not delete by surprise.
            (self.cancel_button if confirmation.danger else self.confirm_button).setDefault(True)
            (self.cancel_button if confirmation.danger else self.confirm_button).setFocus()
        self._check()

    def _list(
        self, title: str, entries: tuple[Affected, ...], *, warn: bool = False, into: QVBoxLayout | None = None
    ) -> None:
        if not entries:
            return
        body = into or self.told
        body.addSpacing(2)
        if title:
            body.addWidget(label(title, "label", "text3"))
        for entry in entries:
            line = QHBoxLayout()
            line.setSpacing(8)
            icon = IconLabel("warn" if warn else entry.icon, "warn" if warn else "text3")
            line.addWidget(icon, 0, Qt.AlignmentFlag.AlignTop)
            # A name is never cut: one that does not fit beside its note stands above it.
            beside = text_width(entry.name) + text_width(entry.note, "small") < theme().pixels(_LINE)
            words: QHBoxLayout | QVBoxLayout = QHBoxLayout() if beside else QVBoxLayout()
            words.setSpacing(8 if beside else 0)
            words.addWidget(label(entry.name, "body", wrap=not beside), 1)
            if beside:
                words.addStretch(1)
            if entry.note:
                words.addWidget(label(entry.note, "small", "text2", wrap=not beside))
            line.addLayout(words, 1)
            body.addLayout(line)

    def _savings(self, text: str) -> QWidget:
        panel = QFrame()
        panel.setProperty("panel", "sunken")
        panel.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        line = QHBoxLayout(panel)
        line.setContentsMargins(12, 8, 12, 8)
        line.setSpacing(6)
        line.addWidget(label("Saves"))
        line.addWidget(label(text, "strong"))
        line.addStretch(1)
        return panel

    def showEvent(self, event: QShowEvent) -> None:
        """Follow the lists while they are in sight, and not while the dialog is taken apart: it has none then."""
        super().showEvent(event)
        self.listed.installEventFilter(self)

    def hideEvent(self, event: QHideEvent) -> None:
        """Stop following the lists."""
        self.listed.removeEventFilter(self)
        super().hideEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """What is told later gets its room as soon as it has laid itself out."""
        if watched is self.listed and event.type() is QEvent.Type.LayoutRequest:
            QTimer.singleShot(0, self, self._fit)
        return super().eventFilter(watched, event)

    def _fit(self) -> None:
        layout = self.layout()
        if layout is None:
            return
        margins = layout.contentsMargins()
        width = self.width() - margins.left() - margins.right()
        needed = max(self.told.heightForWidth(width), self.told.minimumSize().height()) if self.told.count() else 0
        most = round(screen_area(self).height() * _MOST_OF_SCREEN)
        self._scroll.setFixedHeight(min(needed, most))
        self._scroll.setVisible(needed > 0)
        super()._fit()

    def _check(self) -> None:
        typed = not self._expected or self.field.value() == self._expected
        self.confirm_button.allow(typed, f"Type {self._expected}")

    def _copy(self) -> None:
        QApplication.clipboard().setText(self._cli)
        self.copy_button.setText("Copied")
        self.copy_button.set_icon("check")
