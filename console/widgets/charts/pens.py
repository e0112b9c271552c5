"""How lines of charts are drawn: their pens, and the corners of a line of steps."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPen

from console.look.theme import theme
from console.models.chart import Series


def pen_of(series: Series, width: float, cap: Qt.PenCapStyle = Qt.PenCapStyle.RoundCap) -> QPen:
    """The pen of a line that is ``width`` pixels wide."""
    pen = QPen(theme().color(series.color_token), width)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    # A round cap would close the gaps of a dashed line.
    pen.setCapStyle(Qt.PenCapStyle.FlatCap if series.dash else cap)
    if series.dash:
        pen.setDashPattern(list(series.dash))
    return pen


def cutting(series: Series, width: float) -> QPen:
    """What cuts the gaps of a dashed line out of the lines below it."""
    pen = pen_of(series, width + 4)
    # The pattern is in widths of the line.
    pen.setDashPattern([length * width / (width + 4) for length in series.dash])
    pen.setColor(theme().color("bg"))
    return pen


def dashed(tone: str) -> QPen:
    """A thin dashed line in a colour token."""
    pen = QPen(theme().color(tone), 1)
    pen.setDashPattern([3, 3])
    return pen


def stepped(points: list[QPointF]) -> list[QPointF]:
    """The corners of a line that holds each value until the next."""
    made = points[:1]
    for point in points[1:]:
        made += [QPointF(point.x(), made[-1].y()), point]
    return made
