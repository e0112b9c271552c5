"""A chart as a picture or as a table, in a file."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from PySide6.QtCore import QBuffer, QIODevice, QPoint
from PySide6.QtGui import QPixmap, QRegion
from PySide6.QtWidgets import QMenu, QWidget

from console.look.theme import theme
from console.models.chart import Series
from console.widgets.saving import file_name, save_as
from workers.files.cells import harmless

# Twice as sharp as the usual screen.
_SHARP = 2.0
_EDGE = 12


def png_of(chart: QWidget) -> bytes:
    """What the chart shows, in the colours in force, without its buttons."""
    size = chart.size()
    pixmap = QPixmap(round((size.width() + 2 * _EDGE) * _SHARP), round((size.height() + 2 * _EDGE) * _SHARP))
    pixmap.setDevicePixelRatio(_SHARP)
    pixmap.fill(theme().color("bg"))
    chart.render(pixmap, QPoint(_EDGE, _EDGE), QRegion(), QWidget.RenderFlag.IgnoreMask)
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    pixmap.save(buffer, "PNG")
    return bytes(buffer.data().data())


def csv_of(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table as spreadsheets read it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([harmless(title) for title in head])
    writer.writerows([harmless(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return text.getvalue()


def series_csv(series: Sequence[Series], title: str, x_name: str, *, time_axis: bool) -> str:
    """A line for each x, a column for each line; times as ISO texts. What is not known is empty."""
    named = [line for line in series if len(line.xs)]
    columns = [dict(zip(line.xs, line.ys, strict=True)) for line in named]
    xs = sorted({x for column in columns for x in column})
    head = ["time" if time_axis else x_name or "x", *(line.name or title for line in named)]

    def cell(value: float | None) -> float | str:
        return value if value is not None and math.isfinite(value) else ""

    def moment(x: float) -> float | str:
        return datetime.fromtimestamp(x, UTC).isoformat() if time_axis else x

    return csv_of(head, ([moment(x), *(cell(column.get(x)) for column in columns)] for x in xs))


def save_png(chart: QWidget, title: str) -> None:
    """Ask where the picture goes, and write it."""
    save_as(chart, "Save as PNG", file_name(title, "png"), "Picture (*.png)", lambda: png_of(chart))


def save_csv(chart: QWidget, title: str, make: Callable[[], str]) -> None:
    """Ask where the table goes, and write it; ``make`` is called in a thread: 100,000 points take their time."""
    save_as(chart, "Save as CSV", file_name(title, "csv"), "Table (*.csv)", make, apart=True)


def add_saving(menu: QMenu, chart: QWidget, title: str, make: Callable[[], str]) -> None:
    """Both ways to keep a chart, in its menu."""
    menu.addAction(theme().icon("image"), "Save as PNG…").triggered.connect(lambda: save_png(chart, title))
    menu.addAction(theme().icon("download"), "Save as CSV…").triggered.connect(lambda: save_csv(chart, title, make))
