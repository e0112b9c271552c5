"""A choice of a few words in one track: ``Segmented([("single", "Single job"), ("tuning", "Tuning")])``.

Arrow keys, Home and End choose; ``changed(str)`` carries the key chosen by the operator or by ``set_current``.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from console.look.theme import RADIUS, theme
from console.widgets.base import antialias, control_height, draw_text, fill_rounded, focus_ring, on_theme, text_width

_PAD = 2.0


class Segmented(QWidget):
    """Segments by ``(key, text)``; the text may change later through ``set_text`` (for example to show a count)."""

    changed = Signal(str)

    def __init__(
        self,
        segments: Sequence[tuple[str, str]],
        current: str | None = None,
        *,
        name: str = "",
        small: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._keys = [key for key, _ in segments]
        self._texts = dict(segments)
        self._off: set[str] = set()
        self._current = current if current is not None else self._keys[0]
        self._hover = ""
        self._small = small
        self._name = name
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self._tell()
        on_theme(self, self._resized)

    @property
    def current(self) -> str:
        """The key of the segment chosen."""
        return self._current

    def texts(self) -> list[str]:
        """The words of all segments."""
        return [self._texts[key] for key in self._keys]

    def segments(self) -> list[tuple[str, str]]:
        """All segments: key and words."""
        return [(key, self._texts[key]) for key in self._keys]

    def is_segment_enabled(self, key: str) -> bool:
        """Whether a segment can be chosen."""
        return self.isEnabled() and key not in self._off

    def set_current(self, key: str) -> None:
        """Choose a segment; ``changed`` follows if it was another one. KeyError for an unknown key."""
        if key not in self._texts:
            raise KeyError(key)
        if key != self._current:
            self._current = key
            self._tell()
            self.update()
            self.changed.emit(key)

    def set_segments(self, segments: Sequence[tuple[str, str]]) -> None:
        """Offer other segments; when the one chosen is not among them, the first is, and ``changed`` follows."""
        if [key for key, _ in segments] == self._keys:
            for key, text in segments:
                self.set_text(key, text)
            return
        before = self._current
        self._keys, self._texts = [key for key, _ in segments], dict(segments)
        self._hover = ""
        if before not in self._texts:
            self._current = self._keys[0]
        self._tell()
        self._resized()
        if self._current != before:
            self.changed.emit(self._current)

    def set_text(self, key: str, text: str) -> None:
        """Change a segment's words."""
        if self._texts[key] != text:
            self._texts[key] = text
            self._tell()
            self._resized()

    def set_segment_enabled(self, key: str, enabled: bool) -> None:
        """Let a segment be chosen or not."""
        (self._off.discard if enabled else self._off.add)(key)
        self.update()

    def _tell(self) -> None:
        chosen = self._texts[self._current]
        self.setAccessibleName(f"{self._name}: {chosen}" if self._name else chosen)
        self.setAccessibleDescription("One of " + ", ".join(self._texts[key] for key in self._keys))

    def _resized(self) -> None:
        self.updateGeometry()
        self.update()

    def _role(self) -> str:
        return "small" if self._small else "body"

    def _widths(self) -> list[float]:
        pad = 11 if self._small else 13
        font = theme().font(self._role())
        font.setWeight(font.Weight.DemiBold)
        return [round(text_width(self._texts[key], font) + 2 * pad) for key in self._keys]

    def _rects(self) -> list[QRectF]:
        rects = []
        x = _PAD
        for width in self._widths():
            rects.append(QRectF(x, _PAD, width, self.height() - 2 * _PAD))
            x += width
        return rects

    def sizeHint(self) -> QSize:
        """All segments side by side, as high as a small control."""
        return QSize(round(sum(self._widths()) + 2 * _PAD), control_height(self._small))

    def minimumSizeHint(self) -> QSize:
        """Segments are never cut."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The track, the chosen segment raised on it, and the focus ring."""
        painter = QPainter(self)
        antialias(painter)
        colors = theme()
        track = QRectF(self.rect())
        fill_rounded(painter, track, RADIUS, colors.color("track"))
        for key, rect in zip(self._keys, self._rects(), strict=True):
            chosen = key == self._current
            if chosen:
                fill_rounded(painter, rect, RADIUS - 1.5, colors.color("segment"))
            ink = "text" if chosen or key == self._hover else "text2"
            if key in self._off or not self.isEnabled():
                ink = "disabled"
            font = colors.font(self._role())
            if chosen:
                font.setWeight(font.Weight.Medium if self._small else font.Weight.DemiBold)
            draw_text(painter, rect, self._texts[key], font, colors.color(ink), Qt.AlignmentFlag.AlignHCenter)
        if self.hasFocus():
            focus_ring(painter, track, RADIUS)

    def rect_of(self, key: str) -> QRectF:
        """Where a segment is in the widget."""
        return self._rects()[self._keys.index(key)]

    def _at(self, point: QPointF) -> str:
        for key, rect in zip(self._keys, self._rects(), strict=True):
            if rect.contains(point) and key not in self._off:
                return key
        return ""

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the segment under the pointer."""
        key = self._at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and key:
            self.set_current(key)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Darken the segment under the pointer."""
        key = self._at(event.position())
        if key != self._hover:
            self._hover = key
            self.update()

    def leaveEvent(self, event: QEvent) -> None:
        """The pointer left: no segment is hovered."""
        self._hover = ""
        QToolTip.hideText()
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows step over the segments that may be chosen."""
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1}
        usable = [key for key in self._keys if key not in self._off]
        if not usable:
            return
        at = usable.index(self._current) if self._current in usable else 0
        if event.key() in steps:
            self.set_current(usable[(at + steps[Qt.Key(event.key())]) % len(usable)])
        elif event.key() == Qt.Key.Key_Home:
            self.set_current(usable[0])
        elif event.key() == Qt.Key.Key_End:
            self.set_current(usable[-1])
        else:
            super().keyPressEvent(event)
