"""A thin progress bar: ``ProgressBar()``; ``set_fraction(0.64)``, or ``None`` where no percentage is known."""

from __future__ import annotations

from PySide6.QtCore import QElapsedTimer, QRectF, QSize, QTimer
from PySide6.QtGui import QHideEvent, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from console.look.theme import theme
from console.models.format import percents
from console.widgets.base import antialias, fill_rounded, on_theme

# 25 frames a second, and the time of one run, of a runner that takes so much of the bar.
_FRAME_MS = 40
_PERIOD_MS = 1600
_RUNNER = 0.25


class ProgressBar(QWidget):
    """Determinate (a fraction from 0 to 1) or indeterminate (a runner, animated only while visible)."""

    def __init__(self, fraction: float | None = 0.0, *, pixels: int = 4, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fraction: float | None = 0.0
        self._pixels = pixels
        self._tone = "accentFill"
        self._clock = QElapsedTimer()
        self._clock.start()
        self._timer = QTimer(self)
        self._timer.setInterval(_FRAME_MS)
        self._timer.timeout.connect(self.update)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Progress")
        self.set_fraction(fraction)
        on_theme(self)

    @property
    def fraction(self) -> float | None:
        """What is shown; ``None`` when indeterminate."""
        return self._fraction

    def set_fraction(self, fraction: float | None) -> None:
        """Show a fraction from 0 to 1, or a runner for ``None``."""
        shown = None if fraction is None else min(1.0, max(0.0, fraction))
        if shown == self._fraction and shown is not None:
            return
        self._fraction = shown
        self.setAccessibleDescription("under way" if shown is None else percents(shown))
        self._animate()
        self.update()

    def set_tone(self, tone: str) -> None:
        """Colour token of the bar: ``accentFill``, ``ok``, ``err`` …"""
        self._tone = tone
        self.update()

    def _animate(self) -> None:
        if self._fraction is None and self.isVisible():
            self._timer.start()
        else:
            self._timer.stop()

    def showEvent(self, event: QShowEvent) -> None:
        """Begin to move, if indeterminate."""
        super().showEvent(event)
        self._animate()

    def hideEvent(self, event: QHideEvent) -> None:
        """Nothing moves unseen."""
        super().hideEvent(event)
        self._timer.stop()

    def sizeHint(self) -> QSize:
        """Four pixels high."""
        return QSize(theme().pixels(120), theme().pixels(self._pixels))

    def paintEvent(self, event: QPaintEvent) -> None:
        """The track and the part done."""
        painter = QPainter(self)
        antialias(painter)
        area = QRectF(self.rect())
        radius = area.height() / 2
        fill_rounded(painter, area, radius, theme().color("track"))
        if self._fraction is None:
            phase = (self._clock.elapsed() % _PERIOD_MS) / _PERIOD_MS
            left = -_RUNNER + phase * (1 + _RUNNER)
            begin, end = max(0.0, left), min(1.0, left + _RUNNER)
        else:
            begin, end = 0.0, self._fraction
        if end > begin:
            bar = QRectF(begin * area.width(), 0, max(area.height(), (end - begin) * area.width()), area.height())
            fill_rounded(painter, bar & area, radius, theme().color(self._tone))
