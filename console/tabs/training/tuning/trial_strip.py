"""One icon for each trial of a tuning job: done, under way, stopped early, failed or still to come; a click chooses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from console.look.theme import theme
from console.widgets.base import antialias, draw_icon, draw_text, fill_rounded, focus_ring, on_theme, text_width

# Pixels of a trial's square and from one to the next.
_STEP = 24
_SIDE = 20
# More icons than this say less than their number does.
MOST_ICONS = 24
_LOOKS = {
    "Completed": ("ok", "ok"),
    "InProgress": ("run", "accent"),
    "Stopping": ("run", "accent"),
    "Stopped": ("stopped", "text2"),
    "Failed": ("err", "err"),
    "": ("wait", "text3"),
}


@dataclass(frozen=True)
class Mark:
    """A trial in the strip; without ``key`` it has not been started."""

    key: str
    state: str
    words: str


class TrialStrip(QWidget):
    """Signals: ``chosen(str key)``."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._marks: tuple[Mark, ...] = ()
        self._key = ""
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Trials")
        on_theme(self, self.updateGeometry)

    @property
    def marks(self) -> tuple[Mark, ...]:
        """The trials shown, in the order they were started."""
        return self._marks

    def set_marks(self, marks: Sequence[Mark]) -> None:
        """Show these trials."""
        self._marks = tuple(marks)
        self.setAccessibleDescription("; ".join(mark.words for mark in self._marks if mark.key))
        self.updateGeometry()
        self.update()

    def set_chosen(self, key: str) -> None:
        """Tint one."""
        self._key = key
        self.update()

    def _shown(self) -> tuple[Mark, ...]:
        """At most ``MOST_ICONS``: those around the chosen one."""
        if len(self._marks) <= MOST_ICONS:
            return self._marks
        at = next((at for at, mark in enumerate(self._marks) if mark.key == self._key), len(self._marks) - 1)
        first = max(0, min(at - MOST_ICONS // 2, len(self._marks) - MOST_ICONS))
        return self._marks[first : first + MOST_ICONS]

    def _rest(self) -> str:
        hidden = len(self._marks) - len(self._shown())
        return f"of {len(self._marks)}" if hidden else ""

    def sizeHint(self) -> QSize:
        """An icon's width for each."""
        rest = round(text_width(self._rest(), "small")) + 8 if self._rest() else 0
        return QSize(theme().pixels(_STEP) * len(self._shown()) + rest, theme().pixels(_STEP))

    def minimumSizeHint(self) -> QSize:
        """A narrow page cuts the last ones."""
        return QSize(0, theme().pixels(_STEP))

    def _box(self, at: int) -> QRectF:
        step, side = theme().pixels(_STEP), theme().pixels(_SIDE)
        return QRectF(at * step + (step - side) / 2, (self.height() - side) / 2, side, side)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The icons, the chosen one on a tint."""
        painter = QPainter(self)
        antialias(painter)
        size = theme().pixels(14)
        for at, mark in enumerate(self._shown()):
            box = self._box(at)
            if mark.key and mark.key == self._key:
                fill_rounded(painter, box, 4, theme().color("accentTint"))
            icon, tone = _LOOKS.get(mark.state, _LOOKS[""])
            spot = box.center() - QPointF(size / 2, size / 2)
            draw_icon(painter, spot.x(), spot.y(), size, icon, theme().color(tone))
        if self._rest():
            rect = QRectF(self.rect()).adjusted(theme().pixels(_STEP) * len(self._shown()) + 6, 0, 0, 0)
            draw_text(painter, rect, self._rest(), "small", theme().color("text2"))
        if self.hasFocus():
            focus_ring(painter, QRectF(self.rect()), 4)

    def _at(self, x: float) -> Mark | None:
        at = int(x // theme().pixels(_STEP))
        shown = self._shown()
        return shown[at] if 0 <= at < len(shown) else None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose a trial."""
        mark = self._at(event.position().x())
        if mark is not None and mark.key:
            self.chosen.emit(mark.key)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Say which trial it is."""
        mark = self._at(event.position().x())
        if mark is not None:
            QToolTip.showText(event.globalPosition().toPoint(), mark.words, self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right choose the neighbour."""
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        keys = [mark.key for mark in self._marks if mark.key]
        if step is None or not keys:
            super().keyPressEvent(event)
            return
        at = keys.index(self._key) + step if self._key in keys else 0
        self.chosen.emit(keys[max(0, min(len(keys) - 1, at))])

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the focus ring."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take the focus ring away."""
        super().focusOutEvent(event)
        self.update()
