"""Arithmetic in the open: what, how it is reckoned, what comes out; and a bar of parts of a whole."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QSizePolicy, QWidget

from console.look.theme import theme
from console.widgets.base import antialias, fill_rounded, label, on_theme, rounded_path

# Pixels.
_BAR = 10


class Sums(QWidget):
    """Rows ``(what, arithmetic, result)`` with hairlines between them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[tuple[str, str, str], ...] = ()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(10)
        self._grid.setVerticalSpacing(5)
        self._grid.setColumnStretch(1, 1)

    @property
    def rows(self) -> tuple[tuple[str, str, str], ...]:
        """What is shown."""
        return self._rows

    def set_rows(self, rows: Sequence[tuple[str, str, str]]) -> None:
        """Show other rows; equal ones change nothing."""
        if tuple(rows) == self._rows:
            return
        self._rows = tuple(rows)
        while self._grid.count():
            item = self._grid.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        top, right = Qt.AlignmentFlag.AlignTop, Qt.AlignmentFlag.AlignRight
        for at, (what, arithmetic, result) in enumerate(self._rows):
            self._grid.addWidget(label(what, "small"), at * 2, 0, top)
            reckoned = label(arithmetic, "small", "text2", wrap=True)
            reckoned.setAlignment(right | top)
            self._grid.addWidget(reckoned, at * 2, 1)
            words = label(result, "name", copy=True)
            words.setAccessibleName(f"{what}: {arithmetic} = {result}" if arithmetic else f"{what}: {result}")
            self._grid.addWidget(words, at * 2, 2, right | top)
            if at + 1 < len(self._rows):
                rule = QFrame()
                rule.setProperty("panel", "line")
                self._grid.addWidget(rule, at * 2 + 1, 0, 1, 3)


class PartsBar(QWidget):
    """One bar: ``set_parts([(20, "series2"), (4, "series1")], 1000)``."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._parts: tuple[tuple[float, str], ...] = ()
        self._whole = 0.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        on_theme(self, self.updateGeometry)

    def set_parts(self, parts: Sequence[tuple[float, str]], whole: float, words: str) -> None:
        """Show parts of ``whole`` with their colour tokens; ``words`` say it to who cannot see."""
        self._parts, self._whole = tuple(parts), whole
        self.setAccessibleName(f"{self._name}: {words}")
        self.update()

    def sizeHint(self) -> QSize:
        """Any width, a finger's height."""
        return QSize(theme().pixels(120), theme().pixels(_BAR))

    def paintEvent(self, event: QPaintEvent) -> None:
        """The track and the parts, each with a gap after it."""
        painter = QPainter(self)
        antialias(painter)
        box, x = QRectF(self.rect()), 0.0
        fill_rounded(painter, box, 3, theme().color("track"))
        if self._whole <= 0:
            return
        painter.setClipPath(rounded_path(box, 3))
        for value, tone in self._parts:
            if value <= 0:
                continue
            # What is there must be seen, however small it is.
            width = max(2.0, box.width() * value / self._whole)
            painter.fillRect(QRectF(x, 0, width, box.height()), theme().color(tone))
            x += width + 1
