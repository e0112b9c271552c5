"""The one table of keys, and the dialog that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QFrame, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from console.tabs import TabSpec
from console.widgets.base import label, on_theme, screen_area
from console.widgets.forms.buttons import Button
from console.widgets.frames.scroll_area import ScrollArea


@dataclass(frozen=True)
class Key:
    """One entry: what ``action`` the window binds to ``keys``; an empty action is only shown."""

    keys: str
    title: str
    group: str
    action: str = ""


KEYS = (
    Key("Ctrl+K", "Find anything: actions, tabs, resources, settings", "Window", "palette"),
    Key("Ctrl+1", "First tab; Ctrl+2 the second, and so on", "Window"),
    Key("F5", "Refresh what is shown", "Window", "refresh"),
    Key("Ctrl+L", "Open or close Activity", "Window", "activity"),
    Key("Ctrl+Shift+L", "Activity log: all that was changed", "Window", "activity_log"),
    Key("Ctrl+Z", "Undo what a message still offers to take back", "Window", "undo"),
    Key("Ctrl+B", "Choose the account", "Window", "accounts"),
    Key("Ctrl+Shift+R", "Read-only mode on or off", "Window", "read_only"),
    Key("Ctrl+V", "Paste a picture to classify it", "Window", "paste"),
    Key("Ctrl+,", "Settings", "Window", "settings"),
    Key("F1", "This list", "Window", "shortcuts"),
    Key("Ctrl+Q", "Close", "Window", "quit"),
    Key("Tab", "Next control; Shift+Tab the one before", "Everywhere"),
    Key("Space", "Press the button, set the mark", "Everywhere"),
    Key("Escape", "Close the dialog or the panel", "Everywhere"),
    Key("Up", "Row above; Down the row below; with Shift select more", "Lists"),
    Key("Ctrl+A", "Select all rows", "Lists"),
    Key("Ctrl+C", "Copy the selected rows", "Lists"),
    Key("Ctrl+Shift+C", "Copy one cell; Left and Right choose its column", "Lists"),
    Key("Menu", "Other forms, a file, columns, saved views", "Lists"),
    Key("Ctrl+F", "Filter the list, or find in the log", "Lists", "find"),
    Key("+", "Closer; - farther, 0 all of it, Shift+Left and Shift+Right along", "Charts"),
    Key("Left", "Point before; Right the next one", "Charts"),
    Key("Space", "Look at the picture; in a list with marks Ctrl+Space marks it", "Pictures"),
    Key("Left", "Picture before; Right the next one", "Pictures"),
    Key("Menu", "What can be done with it", "Pictures"),
    Key("Delete", "Take it out of Predict", "Pictures"),
)


# Ctrl+0 opens nothing: nine keys have a digit that says which tab they open.
NUMBERED = 9
# What the list takes of the screen's height, and pixels that stay free around the dialog.
_MOST_OF_SCREEN, _MARGIN = 0.7, 40


def tab_keys(specs: Sequence[TabSpec]) -> dict[str, str]:
    """Which keys open which tab (by id): Ctrl+1 the first of ``specs``, and so on."""
    return {spec.id: f"Ctrl+{number}" for number, spec in enumerate(specs[:NUMBERED], 1)}


def native(keys: str) -> str:
    """Keys the way this system writes them."""
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText) or keys


class ShortcutsDialog(QDialog):
    """Every key by group."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Shortcuts")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(8)
        column.addWidget(label("Shortcuts", "section"))
        groups: dict[str, list[Key]] = {}
        for key in KEYS:
            groups.setdefault(key.group, []).append(key)
        self.keys = QWidget()
        grid = QGridLayout(self.keys)
        grid.setContentsMargins(6, 2, 8, 2)
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(6)
        # On a low screen or with large text they scroll, and the button stays in sight.
        self.area = ScrollArea("Keys")
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setWidget(self.keys)
        column.addWidget(self.area)
        row = 0
        for group, keys in groups.items():
            grid.setRowMinimumHeight(row, 30)
            grid.addWidget(label(group, "label", "text3"), row, 0, 1, 2, Qt.AlignmentFlag.AlignBottom)
            for key in keys:
                row += 1
                grid.addWidget(label(native(key.keys), "name"), row, 0)
                grid.addWidget(label(key.title, "body", "text2"), row, 1)
            row += 1
        row_layout = QHBoxLayout()
        row_layout.addStretch(1)
        close = Button("Close", on=self.accept)
        close.setDefault(True)
        row_layout.addWidget(close)
        column.addSpacing(8)
        column.addLayout(row_layout)
        column.setSizeConstraint(QVBoxLayout.SizeConstraint.SetFixedSize)
        self._size()
        on_theme(self, self._size)

    def _size(self) -> None:
        wanted = self.keys.sizeHint()
        room = screen_area(self)
        high = min(wanted.height(), round(room.height() * _MOST_OF_SCREEN))
        bar = 0 if high == wanted.height() else self.area.verticalScrollBar().sizeHint().width() + 4
        self.area.setFixedSize(min(wanted.width() + bar, room.width() - 2 * _MARGIN), high)
