"""Finds what is wrong with a layout by itself: cut text, parts outside of their parent, overlaps, useless panes.

``faults(window)`` gives one sentence for each; an empty list is a good layout. What scrolls may be out of sight along
the way it scrolls; what elides by itself (``ElidedLabel``) has the whole text as tool tip.
"""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QPoint, QRect
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QScrollArea,
    QSizePolicy,
    QWidget,
)

from console.widgets.base import ElidedLabel
from console.widgets.charts.chart import LineChart
from console.widgets.charts.confusion_matrix import ConfusionMatrix
from console.widgets.forms.reasons import Reasoned
from console.widgets.tables.view import TableView
from console.widgets.text.log_view import LogView
from console.window.popover import Popover

LOG_LINES = 6
TABLE_ROWS = 3
CHART_PIXELS = 90
MATRIX_PIXELS = 160
_CONTROLS = (QAbstractButton, QLineEdit, QComboBox, QAbstractSpinBox, QLabel)


def faults(root: QWidget) -> list[str]:
    """What is wrong in the visible part of ``root``."""
    found = []
    for widget in _shown(root):
        for problem in _of(widget, root):
            found.append(f"{_name(widget)}: {problem}")
    return sorted(set(found))


def _shown(root: QWidget) -> Iterator[QWidget]:
    for widget in root.findChildren(QWidget):
        if widget.isVisibleTo(root) and widget.window() is root.window() and widget.size().isValid():
            yield widget


def _name(widget: QWidget) -> str:
    text = widget.accessibleName() or str(widget.property("text") or "")
    owner = widget.parentWidget()
    return f"{type(owner).__name__}/{type(widget).__name__} “{text[:44]}”"


def _of(widget: QWidget, root: QWidget) -> Iterator[str]:
    if isinstance(widget, QLabel) and widget.text():
        yield from _label(widget)
    if isinstance(widget, (QAbstractButton, QComboBox, QAbstractSpinBox)) or _fixed(widget):
        yield from _squeezed(widget)
    if isinstance(widget, Reasoned) and not _may_be_pressed(widget) and not widget.why_off():
        yield "off without a reason"
    if isinstance(widget, LogView):
        lines = widget.visible_lines()
        if lines < LOG_LINES:
            yield f"a log of {lines} lines"
    elif isinstance(widget, TableView):
        yield from _table(widget)
    elif isinstance(widget, LineChart) and widget.height() < CHART_PIXELS:
        yield f"a chart of {widget.height()} px"
    elif isinstance(widget, ConfusionMatrix) and widget.height() < MATRIX_PIXELS:
        yield f"a matrix of {widget.height()} px"
    yield from _outside(widget, root)
    yield from _overlaps(widget)


def _may_be_pressed(widget: QWidget) -> bool:
    """Whether it is on, or off only with what is around it."""
    parent = widget.parentWidget()
    return widget.isEnabled() or (parent is not None and not parent.isEnabled())


def _label(widget: QLabel) -> Iterator[str]:
    room = widget.contentsRect()
    if isinstance(widget, ElidedLabel):
        if room.width() < widget.fontMetrics().horizontalAdvance("mmm…"):
            shown = widget.shown_text()
            if shown != widget.text() and shown:
                yield f"elided to nothing, {room.width()} px"
        return
    if widget.pixmap() is not None and not widget.pixmap().isNull():
        return
    if widget.wordWrap():
        wanted = widget.heightForWidth(widget.width())
        if wanted > widget.height() + 2:
            yield f"{wanted} px of lines in {widget.height()} px"
        return
    text = widget.text()
    if _cut(text) and not widget.toolTip():
        yield "cut by an ellipsis without a tool tip"
    wanted = max(widget.fontMetrics().horizontalAdvance(line) for line in text.split("\n"))
    if wanted > room.width() + 2:
        yield f"text of {wanted} px in {room.width()} px"
    if widget.fontMetrics().height() > widget.height() + 4:
        yield f"text of {widget.fontMetrics().height()} px in a height of {widget.height()} px"


def _cut(text: str) -> bool:
    """True for an ellipsis that something put where it had no room, not for that of a button or of waiting."""
    return "…" in text[:-1] or (text.endswith("…") and len(text) > 24)


def _fixed(widget: QWidget) -> bool:
    return widget.sizePolicy().horizontalPolicy() == QSizePolicy.Policy.Fixed and not isinstance(
        widget, (QLabel, QLineEdit, QAbstractSpinBox)
    )


def _squeezed(widget: QWidget) -> Iterator[str]:
    wanted = widget.minimumSizeHint() if not _fixed(widget) else widget.sizeHint()
    if widget.minimumWidth() > 0:
        wanted.setWidth(widget.minimumWidth())
    if isinstance(widget, QComboBox) and widget.width() < 60:
        yield f"a choice of {widget.width()} px"
    if not widget.sizeHint().isValid() or widget.minimumWidth() == widget.maximumWidth():
        return
    if wanted.width() > widget.width() + 1 and not isinstance(widget, QComboBox):
        yield f"squeezed to {widget.width()} of {wanted.width()} px"
    if wanted.height() > widget.height() + 3:
        yield f"squeezed to a height of {widget.height()} of {wanted.height()} px"


def _table(view: TableView) -> Iterator[str]:
    rows = min(TABLE_ROWS, view.rows.rowCount())
    if view.viewport().height() < rows * view.row_height():
        yield f"a table of {view.viewport().height() // view.row_height()} rows"
    shown = [at for at in range(len(view.rows.columns)) if not view.isColumnHidden(at)]
    if sum(view.columnWidth(at) for at in shown) > view.viewport().width() + 1:
        yield "columns run out of the table"
    for at in shown:
        head = view.heads.width_of(at)
        if view.columnWidth(at) + 1 < head:
            yield f"head “{view.rows.columns[at].title}” has {view.columnWidth(at)} of {head:.0f} px"
    if len(view.rows.columns) > 2 and len([at for at in shown if view.rows.columns[at].kind != "check"]) < 2:
        yield "only the name is shown"


def _outside(widget: QWidget, root: QWidget) -> Iterator[str]:
    """A control or text that its ancestors cut, unless it can be scrolled into sight."""
    if not isinstance(widget, _CONTROLS) or isinstance(widget.parentWidget(), (QComboBox, QAbstractSpinBox, QLineEdit)):
        return
    rect = QRect(QPoint(0, 0), widget.size())
    below, scrolls = widget, False
    while below is not root and (above := below.parentWidget()) is not None:
        rect.translate(below.pos())
        area = above.parentWidget()
        if isinstance(area, QScrollArea) and area.viewport() is above:
            scrolls = True
        elif isinstance(area, QAbstractScrollArea) and area.viewport() is above:
            return
        inside = above.rect()
        if rect.left() < -1 or rect.right() > inside.right() + 1:
            yield f"{max(-rect.left(), rect.right() - inside.right())} px outside of {type(above).__name__} sideways"
            return
        if not scrolls and (rect.top() < -1 or rect.bottom() > inside.bottom() + 1):
            over = max(-rect.top(), rect.bottom() - inside.bottom())
            yield f"{over} px outside of {type(above).__name__} up or down"
            return
        if scrolls and isinstance(area, QScrollArea):
            # What scrolls is in sight where the area is.
            rect = QRect(0, 0, min(rect.width(), above.width()), 1)
            scrolls = False
            below = area
            continue
        below = above


def _overlaps(widget: QWidget) -> Iterator[str]:
    owner = widget.parentWidget()
    if owner is None or not isinstance(widget, _CONTROLS):
        return
    mine = widget.geometry()
    for other in owner.children():
        if not isinstance(other, _CONTROLS) or other is widget or not other.isVisibleTo(owner):
            continue
        if isinstance(other, Popover):
            continue
        both = mine.intersected(other.geometry())
        if both.width() > 2 and both.height() > 2 and id(widget) < id(other):
            yield f"lies over {_name(other)}"
