"""Labels and values under each other, each value copyable: ``KeyValues([("Model", "dogs-0920"), ("ARN", arn)])``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication, QGridLayout, QSizePolicy, QWidget

from console.models.columns import DASH
from console.widgets.base import label
from console.widgets.forms.buttons import IconButton

# So long a copy button shows its tick.
_SAID_MS = 1200
# Words of so many characters may break, after these and between their parts.
_LONG = 28
_BREAKS = re.compile(r"[/:\-_.]|(?<=[a-z0-9])(?=[A-Z])")


class KeyValues(QWidget):
    """Rows ``(label, value)``; names in ``copy`` get a copy button, long values wrap. Empty values show a dash."""

    def __init__(
        self, rows: Sequence[tuple[str, str]] = (), *, copy: Sequence[str] = (), parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._copy = frozenset(copy)
        self._rows: tuple[tuple[str, str], ...] = ()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        # As high as the rows are at this width: a size hint does not know the width, heightForWidth does.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.set_rows(rows)

    def set_rows(self, rows: Sequence[tuple[str, str]], full: Mapping[str, str] | None = None) -> None:
        """Show other rows; equal ones change nothing, so that a selection survives a refresh.

        ``full`` has the whole value of those that are shown rounded or by another name, for tip and copy.
        """
        made = tuple(rows)
        if made == self._rows:
            return
        self._rows = made
        while self._grid.count():
            item = self._grid.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for at, (name, value) in enumerate(made):
            self._add(at, name, value, (full or {}).get(name, value))
        for at in range(self._grid.rowCount()):
            self._grid.setRowStretch(at, 0)
        self._grid.setRowStretch(len(made), 1)

    def _add(self, at: int, name: str, value: str, full: str) -> None:
        top = Qt.AlignmentFlag.AlignTop
        self._grid.addWidget(label(name, "small", "text2"), at, 0, top)
        words = label(breakable(value) or DASH, "small", "text" if value else "text3", wrap=True, copy=True)
        words.setAccessibleName(f"{name}: {value}")
        words.setToolTip(full)
        if name in self._copy and value:
            self._grid.addWidget(words, at, 1, top)
            button = IconButton("copy", f"Copy {name}", size=14, side=20)
            button.clicked.connect(lambda: _copied(button, full, name))
            self._grid.addWidget(button, at, 2, top)
        else:
            self._grid.addWidget(words, at, 1, 1, 2, top)


def breakable(words: str) -> str:
    """Long identifiers among ``words`` may break after their separators instead of widening the panel."""
    return " ".join(_BREAKS.sub("\\g<0>\u200b", word) if len(word) >= _LONG else word for word in words.split(" "))


def _copied(button: IconButton, value: str, name: str) -> None:
    QApplication.clipboard().setText(value)
    button.set_icon("check", "ok")
    button.setToolTip("Copied")

    def back() -> None:
        button.set_icon("copy", "text2")
        button.setToolTip(f"Copy {name}")

    QTimer.singleShot(_SAID_MS, button, back)
