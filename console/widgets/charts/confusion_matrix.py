"""A confusion matrix as a heat map, from ten classes to hundreds: truth down, answer across.

::

    matrix = ConfusionMatrix()
    matrix.set_matrix(classes, counts)                       # counts[truth][answer]
    matrix.show_classes(most_confused(counts, 10))           # only these; None: all
    matrix.cellChanged.connect(readout.setText)              # "Husky taken for malamute, 3 of 8"

Right answers are blue, mistakes red, both deeper with their share of the class. Arrow keys and the pointer move the
readout; Ctrl+wheel, + and - zoom, 0 fits all into sight. Dragging moves it where it is larger than its place, and is no
click; its menu zooms and saves it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QMenu, QWidget

from console.look.theme import theme
from console.models.cards import class_title
from console.widgets.base import antialias, draw_text, fill_rounded, on_theme, stroke_rounded, text_width
from console.widgets.charts.saving import add_saving, csv_of

# Pixels of a cell: at most, at least, and from where a number fits into it.
_LARGEST = 34.0
_SMALLEST = 2.0
_READABLE = 12.0
# A hand that shakes by less than this clicks.
_DRAG = 6
# What a key press zooms by.
_STEP = 1.25
# Pixels of a class's name beside the matrix.
_LONGEST_LABEL = 150
_RIGHT = Qt.AlignmentFlag.AlignRight
_CENTER = Qt.AlignmentFlag.AlignHCenter


class ConfusionMatrix(QAbstractScrollArea):
    """Signals: ``cellChanged(str)`` words for the cell under the pointer or the keyboard's cell ("" for none),
    ``cellActivated(int truth, int answer)`` on a click or Return."""

    cellChanged = Signal(str)
    cellActivated = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._classes: tuple[str, ...] = ()
        self._counts: Sequence[Sequence[int]] = ()
        self._sums: list[int] = []
        self._shown: list[int] = []
        self._cell: tuple[int, int] | None = None
        self._zoom: float | None = None
        self._dragged: QPointF | None = None
        self._pressed: QPointF | None = None
        self._placeholder = ""
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Confusion matrix")
        self.viewport().setMouseTracking(True)
        on_theme(self, self._restyle)

    # Contents

    def set_matrix(self, classes: Sequence[str], counts: Sequence[Sequence[int]]) -> None:
        """Show all classes of a matrix of numbers of pictures."""
        self._classes = tuple(class_title(name) for name in classes)
        self._counts = counts
        self._sums = [sum(row) for row in counts]
        self._cell = None
        self._zoom = None
        self.show_classes(None)

    def show_classes(self, positions: Sequence[int] | None) -> None:
        """Show only the classes at these positions, in this order; ``None`` shows all."""
        self._shown = list(range(len(self._classes)) if positions is None else positions)
        self._cell = None
        self._zoom = None
        self._place_bars()
        self.updateGeometry()
        self.viewport().update()

    def set_placeholder(self, text: str) -> None:
        """What to say without a matrix."""
        self._placeholder = text
        self.viewport().update()

    def words(self, truth: int, answer: int) -> str:
        """What a cell says, by positions in the classes."""
        count, whole = self._counts[truth][answer], self._sums[truth]
        name = self._classes[truth]
        if truth == answer:
            return f"{name} recognised, {count} of {whole}"
        return f"{name} taken for {self._classes[answer]}, {count} of {whole}"

    # Geometry

    def _labels(self) -> tuple[float, float]:
        if not self._shown or self.cell_size() < _READABLE:
            edge = theme().pixels(4)
            return edge, edge
        longest = max(text_width(self._classes[at], "caption") for at in self._shown)
        wide = round(min(longest, theme().pixels(_LONGEST_LABEL))) + 8.0
        return wide, wide

    def cell_size(self) -> float:
        """Side of a cell in pixels, zoomed or as it fits."""
        if self._zoom is not None:
            return self._zoom
        count = max(1, len(self._shown))
        area = self.viewport().size()
        longest = max((text_width(self._classes[at], "caption") for at in self._shown), default=0.0)
        wide = min(longest, theme().pixels(_LONGEST_LABEL)) + 8
        fit = min(area.width() - wide, area.height() - wide) / count
        if fit < _READABLE:
            fit = (min(area.width(), area.height()) - theme().pixels(8)) / count
            fit = min(fit, _READABLE - 0.5)
        return max(_SMALLEST, min(_LARGEST, fit))

    def natural_height(self) -> int:
        """Pixels that it takes with cells as large as they get: higher, it would leave a hole."""
        longest = max((text_width(self._classes[at], "caption") for at in self._shown), default=0.0)
        label = min(longest, theme().pixels(_LONGEST_LABEL)) + 8
        return math.ceil(label + _LARGEST * len(self._shown)) + 2 * self.frameWidth() + 2

    def _origin(self) -> QPointF:
        left, top = self._labels()
        return QPointF(left - self.horizontalScrollBar().value(), top - self.verticalScrollBar().value())

    def _place_bars(self) -> None:
        left, top = self._labels()
        extent = self.cell_size() * len(self._shown)
        for bar, need, have in (
            (self.horizontalScrollBar(), left + extent, self.viewport().width()),
            (self.verticalScrollBar(), top + extent, self.viewport().height()),
        ):
            bar.setPageStep(have)
            bar.setSingleStep(round(self.cell_size()))
            bar.setRange(0, max(0, round(need - have)))

    def zoom(self, factor: float, about: QPointF | None = None) -> None:
        """Make cells ``factor`` times as large, keeping what is under ``about`` in place."""
        center = about or QPointF(self.viewport().rect().center())
        before = self.cell_size()
        origin = self._origin()
        self._zoom = max(_SMALLEST, min(_LARGEST, before * factor))
        self._place_bars()
        left, top = self._labels()
        scale = self.cell_size() / before
        self.horizontalScrollBar().setValue(round((center.x() - origin.x()) * scale - center.x() + left))
        self.verticalScrollBar().setValue(round((center.y() - origin.y()) * scale - center.y() + top))
        self.viewport().update()

    def fit(self) -> None:
        """All classes in sight, as far as cells of two pixels allow."""
        self._zoom = None
        self._place_bars()
        self.viewport().update()

    def _restyle(self) -> None:
        self._place_bars()
        self.viewport().update()

    def sizeHint(self) -> QSize:
        """Room for ten readable classes."""
        side = theme().pixels(330)
        return QSize(side, side)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit again."""
        super().resizeEvent(event)
        self._place_bars()

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Cells in sight, then labels over their edges."""
        painter = QPainter(self.viewport())
        antialias(painter)
        area = QRectF(self.viewport().rect())
        if not self._shown:
            draw_text(painter, area, self._placeholder, "small", theme().color("text3"), _CENTER)
            return
        left, top = self._labels()
        painter.save()
        # Two pixels more, so that the frame of a cell at the edge is whole.
        painter.setClipRect(QRectF(left - 2, top - 2, area.width() - left + 2, area.height() - top + 2))
        self._paint_cells(painter, area)
        painter.restore()
        self._paint_labels(painter, area, left, top)

    def _sight(self, area: QRectF) -> tuple[range, range]:
        size, origin, count = self.cell_size(), self._origin(), len(self._shown)
        left, top = self._labels()
        columns = range(
            max(0, int((left - origin.x()) / size)), min(count, int((area.width() - origin.x()) / size) + 1)
        )
        rows = range(max(0, int((top - origin.y()) / size)), min(count, int((area.height() - origin.y()) / size) + 1))
        return rows, columns

    def _paint_cells(self, painter: QPainter, area: QRectF) -> None:
        colors = theme()
        size, origin = self.cell_size(), self._origin()
        gap = 2.0 if size >= 14 else 1.0 if size >= 7 else 0.0
        rows, columns = self._sight(area)
        figures = size >= theme().pixels(15)
        empty = colors.color("track", 0.55)
        right, wrong = colors.color("series1"), colors.color("errFill")
        extent = size * len(self._shown)
        if gap:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, size >= 14)
        else:
            painter.fillRect(QRectF(origin.x(), origin.y(), extent, extent), empty)
        for row in rows:
            truth = self._shown[row]
            counts, whole = self._counts[truth], max(1, self._sums[truth])
            for column in columns:
                answer = self._shown[column]
                count = counts[answer]
                if not count and not gap:
                    continue
                box = QRectF(origin.x() + column * size, origin.y() + row * size, size - gap, size - gap)
                color = _deepened(right if truth == answer else wrong, count / whole) if count else empty
                if size >= 14:
                    fill_rounded(painter, box, 2.5, color)
                else:
                    painter.fillRect(box, color)
                if count and figures:
                    draw_text(painter, box, str(count), "head", _ink_on(color), _CENTER)
        self._paint_cursor(painter, origin, size, gap)

    def _paint_cursor(self, painter: QPainter, origin: QPointF, size: float, gap: float) -> None:
        if self._cell is None:
            return
        row, column = self._cell
        box = QRectF(origin.x() + column * size, origin.y() + row * size, size - gap, size - gap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tone = "accentFill" if self.hasFocus() else "text"
        stroke_rounded(
            painter, box.adjusted(-1.5, -1.5, 1.5, 1.5), 3.5, theme().color(tone), 2 if self.hasFocus() else 1.5
        )

    def _paint_labels(self, painter: QPainter, area: QRectF, left: float, top: float) -> None:
        size, origin = self.cell_size(), self._origin()
        if size < _READABLE:
            return
        colors = theme()
        height = colors.metrics("caption").height()
        rows, columns = self._sight(area)
        for row in rows:
            y = origin.y() + row * size + (size - height) / 2 - 1
            if y + height / 2 >= top - 1:
                chosen = self._cell is not None and self._cell[0] == row
                ink = colors.color("text" if chosen else "text2")
                draw_text(
                    painter, QRectF(0, y, left - 6, height), self._classes[self._shown[row]], "caption", ink, _RIGHT
                )
        for column in columns:
            x = origin.x() + column * size + size / 2 - 1
            if x >= left - 1:
                chosen = self._cell is not None and self._cell[1] == column
                ink = colors.color("text" if chosen else "text2")
                painter.save()
                painter.translate(x, top - 6)
                painter.rotate(-90)
                box = QRectF(0, -height / 2, top - 8, height)
                draw_text(painter, box, self._classes[self._shown[column]], "caption", ink)
                painter.restore()

    # Readout

    def _move(self, cell: tuple[int, int] | None) -> None:
        if cell == self._cell:
            return
        self._cell = cell
        text = self.words(self._shown[cell[0]], self._shown[cell[1]]) if cell is not None else ""
        self.setAccessibleDescription(text)
        self.cellChanged.emit(text)
        self.viewport().update()

    def _at(self, point: QPointF) -> tuple[int, int] | None:
        size, origin = self.cell_size(), self._origin()
        left, top = self._labels()
        row, column = int((point.y() - origin.y()) // size), int((point.x() - origin.x()) // size)
        inside = (
            point.x() >= left and point.y() >= top and 0 <= row < len(self._shown) and 0 <= column < len(self._shown)
        )
        return (row, column) if inside else None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag, or tell the cell under the pointer."""
        at = event.position()
        if self._dragged is None:
            self._move(self._at(at))
            return
        if self._pressed is not None and (at - self._pressed).manhattanLength() < _DRAG:
            return
        self._pressed = None
        by, self._dragged = at - self._dragged, at
        self.horizontalScrollBar().setValue(self.horizontalScrollBar().value() - round(by.x()))
        self.verticalScrollBar().setValue(self.verticalScrollBar().value() - round(by.y()))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A drag or a click may begin."""
        left = event.button() == Qt.MouseButton.LeftButton
        if left or event.button() == Qt.MouseButton.MiddleButton:
            self._dragged = self._pressed = event.position()
        if left:
            self._move(self._at(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """The drag is over; what was no drag was meant for the cell."""
        clicked, self._dragged, self._pressed = self._pressed, None, None
        cell = self._at(clicked) if clicked is not None and event.button() == Qt.MouseButton.LeftButton else None
        if cell is not None:
            self.cellActivated.emit(self._shown[cell[0]], self._shown[cell[1]])

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """What can be done with it, by right click or the Menu key."""
        if self._shown:
            self.open_menu().popup(event.globalPos())

    def open_menu(self) -> QMenu:
        """The menu, to be opened."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Zoom in (+)").triggered.connect(lambda: self.zoom(_STEP))
        menu.addAction("Zoom out (-)").triggered.connect(lambda: self.zoom(1 / _STEP))
        menu.addAction(theme().icon("refresh"), "Show all of it (0)").triggered.connect(self.fit)
        menu.addSeparator()
        add_saving(menu, self.viewport(), self.accessibleName(), self.csv)
        return menu

    def csv(self) -> str:
        """The classes that are shown: a line for each truth, a column for each answer."""
        names = [self._classes[at] for at in self._shown]
        rows = ([self._classes[at], *(self._counts[at][answer] for answer in self._shown)] for at in self._shown)
        return csv_of(["truth", *names], rows)

    def leaveEvent(self, event: QEvent) -> None:
        """No cell, unless the keyboard chose one."""
        if not self.hasFocus():
            self._move(None)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """With Ctrl: zoom about the pointer."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom(1.15 ** (event.angleDelta().y() / 120), event.position())
            event.accept()
        else:
            super().wheelEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows move, Return activates, + and - zoom, 0 fits."""
        steps = {
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
        }
        last = len(self._shown) - 1
        if event.key() in steps and self._shown:
            down, across = steps[Qt.Key(event.key())]
            row, column = self._cell if self._cell is not None else (0, 0)
            moved = (row, column) if self._cell is None else (row + down, column + across)
            self._move((max(0, min(last, moved[0])), max(0, min(last, moved[1]))))
            self._reveal()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._cell is not None:
            self.cellActivated.emit(self._shown[self._cell[0]], self._shown[self._cell[1]])
        elif event.key() in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom(_STEP)
        elif event.key() == Qt.Key.Key_Minus:
            self.zoom(1 / _STEP)
        elif event.key() == Qt.Key.Key_0:
            self.fit()
        else:
            super().keyPressEvent(event)

    def _reveal(self) -> None:
        if self._cell is None:
            return
        size, origin = self.cell_size(), self._origin()
        left, top = self._labels()
        row, column = self._cell
        for bar, begin, low, high in (
            (self.verticalScrollBar(), origin.y() + row * size, top, self.viewport().height()),
            (self.horizontalScrollBar(), origin.x() + column * size, left, self.viewport().width()),
        ):
            if begin < low:
                bar.setValue(round(bar.value() + begin - low))
            elif begin + size > high:
                bar.setValue(round(bar.value() + begin + size - high))

    def focusInEvent(self, event: QFocusEvent) -> None:
        """By Tab: begin with the first cell, so that the focus can be seen."""
        super().focusInEvent(event)
        if event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason) and self._shown:
            self._move(self._cell or (0, 0))
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take the cell away."""
        super().focusOutEvent(event)
        self._move(None)


def _ink_on(color: QColor) -> QColor:
    """Black or white ink, whichever reads better on ``color`` painted over the page."""
    ground, share = theme().color("bg"), color.alphaF()

    def mixed(top: float, below: float) -> float:
        value = top * share + below * (1 - share)
        return value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4

    luminance = (
        0.2126 * mixed(color.redF(), ground.redF())
        + 0.7152 * mixed(color.greenF(), ground.greenF())
        + 0.0722 * mixed(color.blueF(), ground.blueF())
    )
    # Equal contrast to black and to white is at a luminance of 0.179 (WCAG 2).
    return theme().color("onFill") if luminance < 0.24 else theme().color("bg" if theme().dark else "text")


def _deepened(color: QColor, share: float) -> QColor:
    made = QColor(color)
    made.setAlphaF(0.35 + 0.65 * min(1.0, share))
    return made
