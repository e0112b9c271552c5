"""What every painted widget shares: repainting on a theme change, focus rings, rounded boxes, elided text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QGuiApplication, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from console.look import icons
from console.look.theme import theme

FOCUS_WIDTH = 2.0
# Joined once: Python's flags are slow to join and to take apart, and a list paints hundreds of cells a frame.
_SMOOTH = (
    QPainter.RenderHint.Antialiasing | QPainter.RenderHint.TextAntialiasing | QPainter.RenderHint.SmoothPixmapTransform
)
_LEFT = Qt.AlignmentFlag.AlignLeft
W = TypeVar("W", bound=QWidget)


def below(root: QWidget, kind: type[W], *, in_sight: bool = False) -> Iterator[W]:
    """The widgets of ``kind`` inside ``root``, also in its dialogs, each before what is inside of it.

    ``in_sight``: none that is hidden; pages that are not shown are not even looked through.

    Not ``findChildren``: PySide makes the widget that is searched an owner of all that it finds. A window that was
    searched for a dialog's button would then keep that dialog for ever.
    """
    for child in root.children():
        if isinstance(child, QWidget) and not (in_sight and child.isHidden()):
            if isinstance(child, kind):
                yield child
            yield from below(child, kind, in_sight=in_sight)


def on_theme(widget: QWidget, slot: Callable[[], None] | None = None) -> None:
    """Call ``slot`` (default: the widget's ``update``) after every theme change, as long as the widget lives.

    ``slot`` must be a bound method of ``widget`` without arguments.
    """
    theme().listeners.add(slot if slot is not None else widget.update)


def at_once(pieces: Iterable[None]) -> None:
    """Build in one go what can be built in pieces: all of what a ``build`` generator does."""
    for _ in pieces:
        pass


def screen_area(widget: QWidget) -> QRect:
    """What panels and docks leave of the screen that ``widget`` is on, in device independent pixels.

    Not ``widget.screen()``: PySide takes the screen for a part of that widget, and destroys it when the widget is
    collected (``tests/gui/test_outliving.py``).
    """
    window = widget.window()
    parent = window.parentWidget()
    shown = window if window.isVisible() or parent is None else parent.window()
    screen = QGuiApplication.screenAt(shown.frameGeometry().center()) or QGuiApplication.primaryScreen()
    return screen.availableGeometry()


def antialias(painter: QPainter) -> None:
    """Smooth edges, pictures and text."""
    painter.setRenderHints(_SMOOTH)


def fill_rounded(painter: QPainter, rect: QRectF, radius: float, color: QColor) -> None:
    """Fill a rounded rectangle without an outline."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawRoundedRect(rect, radius, radius)


def stroke_rounded(painter: QPainter, rect: QRectF, radius: float, color: QColor, width: float = 1.0) -> None:
    """Outline a rounded rectangle; the line lies wholly inside ``rect``."""
    half = width / 2
    painter.setPen(QPen(color, width))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(rect.adjusted(half, half, -half, -half), max(0.0, radius - half), max(0.0, radius - half))


def focus_ring(painter: QPainter, rect: QRectF, radius: float) -> None:
    """The 2 px focus ring, inside ``rect``."""
    stroke_rounded(painter, rect, radius, theme().color("accentFill"), FOCUS_WIDTH)


def hairline(painter: QPainter, x1: float, x2: float, y: float, tone: str = "line") -> None:
    """A crisp horizontal line of one device independent pixel whose upper edge is ``y``."""
    painter.fillRect(QRectF(x1, y, x2 - x1, 1.0), theme().color(tone))


def rounded_path(rect: QRectF, radius: float) -> QPainterPath:
    """A rounded rectangle as a clip path."""
    path = QPainterPath()
    path.addRoundedRect(rect, radius, radius)
    return path


def draw_text(
    painter: QPainter,
    rect: QRectF,
    text: str,
    role: str | QFont,
    color: QColor,
    align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
    elide: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
) -> float:
    """One line of text, vertically centred and elided to ``rect``; returns the width it took."""
    font = theme().font(role) if isinstance(role, str) else role
    metrics = QFontMetricsF(font)
    width = metrics.horizontalAdvance(text)
    if width > rect.width() + 0.5:
        text = metrics.elidedText(text, elide, rect.width())
        width = metrics.horizontalAdvance(text)
    painter.setFont(font)
    painter.setPen(color)
    x = rect.left()
    if align is _LEFT:
        pass
    elif align & Qt.AlignmentFlag.AlignRight:
        x = rect.right() - width
    elif align & Qt.AlignmentFlag.AlignHCenter:
        x = rect.left() + (rect.width() - width) / 2
    baseline = rect.top() + (rect.height() + metrics.ascent() - metrics.descent()) / 2
    painter.drawText(QPointF(x, round(baseline)), text)
    return width


def draw_icon(painter: QPainter, x: float, y: float, size: int, name: str, color: QColor) -> None:
    """An icon with its left upper corner at (x, y), from the cache of pixmaps: for what is painted often."""
    ratio = painter.device().devicePixelRatioF()
    spot = QPointF(round(x * ratio) / ratio, round(y * ratio) / ratio)
    painter.drawPixmap(spot, icons.pixmap(name, color, size, ratio))


def text_width(text: str, role: str | QFont = "body") -> float:
    """Width of a line of text in device independent pixels."""
    font = theme().font(role) if isinstance(role, str) else role
    return QFontMetricsF(font).horizontalAdvance(text)


def control_height(small: bool = False) -> int:
    """Height of a control: 32 (small 28) at the normal text size, never less than the text needs."""
    role = "small" if small else "body"
    return max(theme().pixels(28 if small else 32), theme().metrics(role).height() + 10)


def label(text: str = "", role: str = "body", tone: str = "text", *, wrap: bool = False, copy: bool = False) -> QLabel:
    """A label by font role and colour token. ``wrap``: several lines; ``copy``: its text can be selected."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setProperty("role", role)
    made.setProperty("tone", tone)
    if wrap:
        made.setWordWrap(True)
    else:
        made.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    if copy:
        made.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
    return made


class ElidedLabel(QLabel):
    """A label that gives way: cut with an ellipsis where room is short, its whole text as tool tip.

    ``middle`` cuts names: how they begin and their end tell them apart. ``least`` is how many characters stay.
    """

    def __init__(self, text: str, role: str, tone: str = "text", *, middle: bool = False, least: int = 0) -> None:
        super().__init__(text)
        self._mode = Qt.TextElideMode.ElideMiddle if middle else Qt.TextElideMode.ElideRight
        self._least = least
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("role", role)
        self.setProperty("tone", tone)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QSize:
        """As narrow as the ellipsis and the characters that stay."""
        metrics = self.fontMetrics()
        least = min(self._least * metrics.averageCharWidth(), metrics.horizontalAdvance(self.text()))
        return QSize(least + metrics.horizontalAdvance("…"), super().minimumSizeHint().height())

    def shown_text(self) -> str:
        """What of the text fits."""
        return self.fontMetrics().elidedText(self.text(), self._mode, self.width())

    def paintEvent(self, event: QPaintEvent) -> None:
        """The text, cut if it must be."""
        shown = self.shown_text()
        self.setToolTip(self.text() if shown != self.text() else "")
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), shown)


def set_tone(widget: QLabel, tone: str) -> None:
    """Give a label another colour token."""
    if widget.property("tone") != tone:
        from console.look.style import restyle

        widget.setProperty("tone", tone)
        restyle(widget)
