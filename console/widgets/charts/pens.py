"""How lines of charts are drawn: their pens, the corners of a line of steps, and lines of few and of many points."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF

from console.look.theme import theme
from console.models.chart import Series

# Pixels of its radius.
_DOT = 2.0


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


def paint_points(painter: QPainter, plot: QRectF, series: Series, points: list[QPointF]) -> None:
    """A line through its points, with what is filled below it and the bar at its end; one point alone is a dot."""
    if len(points) == 1:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().color(series.color_token))
        painter.drawEllipse(points[0], _DOT, _DOT)
        return
    if series.fill and len(points) > 1:
        _fill_below(painter, plot, series, points)
    width = series.width or (1.5 if series.comparison else 2.0)
    if series.dash:
        # The dashes are cut out of the lines below, or two colours would run into each other.
        painter.setPen(cutting(series, width))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF(points))
    painter.setPen(pen_of(series, width))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPolyline(QPolygonF(points))
    if series.cut:
        painter.drawLine(points[-1] - QPointF(0, 4), points[-1] + QPointF(0, 4))


def paint_crowd(painter: QPainter, plot: QRectF, series: Series, above: list[QPointF], below: list[QPointF]) -> None:
    """More points than pixels: a line through all of them would fill this area, and take long to do so."""
    if series.fill:
        _fill_below(painter, plot, series, above)
    half = QPointF(0, (series.width or (1.0 if series.comparison else 1.5)) / 2)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme().color(series.color_token))
    painter.drawPolygon(QPolygonF([*(point - half for point in above), *(point + half for point in reversed(below))]))


def _fill_below(painter: QPainter, plot: QRectF, series: Series, points: list[QPointF]) -> None:
    foot = [QPointF(points[-1].x(), plot.bottom()), QPointF(points[0].x(), plot.bottom())]
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme().color(series.color_token, 0.12))
    painter.drawPolygon(QPolygonF(points + foot))
