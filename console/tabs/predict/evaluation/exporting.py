"""Exporting what is shown: asks where, makes the pictures here and the rest in a thread, tells how it went."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice, QPoint, QRectF, Qt
from PySide6.QtGui import QImage, QImageWriter, QPainter, QRegion
from PySide6.QtWidgets import QWidget

from console.context import AppContext
from console.look.theme import theme
from console.tabs.predict.evaluation.calibration import CalibrationView
from console.tabs.predict.evaluation.panel import Shown
from console.tabs.predict.evaluation.rows import share, title_of
from console.widgets.base import draw_text, text_width
from console.widgets.charts.confusion_matrix import ConfusionMatrix
from console.widgets.frames.file_dialog import ask_where_to_save
from workers.evaluation import export
from workers.evaluation.comparing import Comparison, compare
from workers.evaluation.page import chance_words

KINDS = {"csv": "Table (*.csv)", "json": "JSON (*.json)", "png": "Picture (*.png)", "html": "Web page (*.html)"}
# Pixels. In a cell of the smallest size a class's name can be read beside it.
_CELL, _LARGE_CELL, _MATRIX_ROOM, _LABELS = 12.4, 34.0, 700, 170
# Pixels: a page's width in a report, and a line of text with its gap.
_CHART = (900, 520)
_MARGIN = 24
_LINE = 22
MATRIX_WORDS, CALIBRATION_WORDS = "Confusions, truth down, answer across", "Calibration"


def ask_where(page: QWidget, ctx: AppContext, kind: str, shown: Sequence[Shown]) -> None:
    """Ask for a place and write ``shown`` (one evaluation, or two compared) there."""
    name = shown[0][0].head.id + (f"-and-{shown[1][0].head.id[16:]}" if len(shown) > 1 else "")
    ask_where_to_save(
        page, "Export the evaluation" if len(shown) == 1 else "Export the comparison",
        lambda path: ctx.tasks.start(write(ctx, path, kind, shown), label="Export", scope="window"),
        f"{name}.{kind}", KINDS[kind],
    )  # fmt: skip


async def write(ctx: AppContext, path: Path, kind: str, shown: Sequence[Shown]) -> None:
    """Write the file, whole or not at all. Raises ``SageDeckError``."""
    make = _one(kind, shown[0]) if len(shown) == 1 else await _two(kind, shown)
    await asyncio.to_thread(export.save, path, make)
    ctx.notify.success("Exported", str(path))


def _one(kind: str, shown: Shown) -> Callable[[], str | bytes]:
    evaluation, measures = shown
    if kind == "csv":
        return lambda: export.as_csv(evaluation)
    if kind == "json":
        return lambda: export.as_json(evaluation, measures)
    matrix, calibration = matrix_image(shown), calibration_image(shown)
    if kind == "png":
        lines = [title_of(evaluation.head), f"Accuracy {share(measures.accuracy)} of {measures.judged:,}, top 5 "
                 f"{share(measures.top5)}, calibration error {share(measures.ece)}"]  # fmt: skip
        image = _sheet(lines, [matrix, calibration])
        return lambda: png_of(image)
    return lambda: export.as_html(
        evaluation, measures, {MATRIX_WORDS: png_of(matrix), CALIBRATION_WORDS: png_of(calibration)}
    )


async def _two(kind: str, shown: Sequence[Shown]) -> Callable[[], str | bytes]:
    first, second = shown[0][0], shown[1][0]
    found = await asyncio.to_thread(compare, first, second)
    if kind == "csv":
        return lambda: export.comparison_csv(found)
    if kind == "json":
        return lambda: export.comparison_json(first, second, found)
    if kind == "html":
        return lambda: export.comparison_html(first, second, found, (shown[0][1], shown[1][1]))
    image = _sheet(_comparison_lines(shown, found), [matrix_image(each) for each in shown])
    return lambda: png_of(image)


def _comparison_lines(shown: Sequence[Shown], found: Comparison) -> list[str]:
    names = [
        f"{letter}: {title_of(evaluation.head)}, accuracy {share(measures.accuracy)}"
        for letter, (evaluation, measures) in zip("AB", shown, strict=True)
    ]
    counts = (
        f"Both right {found.both_right:,}, only A {found.only_first:,}, only B {found.only_second:,}, both wrong "
        f"{found.both_wrong:,}"
    )
    return [*names, counts, chance_words(found)]


def matrix_image(shown: Shown) -> QImage:
    """The whole matrix, large enough for its labels."""
    measures = shown[1]
    number = max(1, len(measures.classes))
    cell = max(_CELL, min(_LARGE_CELL, _MATRIX_ROOM / number))
    matrix = ConfusionMatrix()
    matrix.set_matrix(measures.classes, measures.confusion)
    side = round(theme().pixels(_LABELS) + cell * number)
    return _grabbed(matrix, side, side)


def calibration_image(shown: Shown) -> QImage:
    """The reliability diagram."""
    view = CalibrationView()
    view.show_bins(shown[1].bins, shown[1].ece)
    return _grabbed(view, theme().pixels(_CHART[0]), theme().pixels(_CHART[1]))


def _grabbed(widget: QWidget, width: int, height: int) -> QImage:
    """Painted without being shown."""
    widget.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
    widget.resize(width, height)
    widget.show()
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(theme().color("bg"))
    painter = QPainter(image)
    # The page's ground is the image's own.
    widget.render(painter, QPoint(0, 0), QRegion(), QWidget.RenderFlag.DrawChildren)
    painter.end()
    widget.close()
    widget.deleteLater()
    return image


def _sheet(lines: Sequence[str], images: Sequence[QImage]) -> QImage:
    """Lines of words with pictures below them."""
    line = theme().pixels(_LINE)
    words = max((round(text_width(text, "section")) for text in lines), default=0)
    width = max([words, *(image.width() for image in images)]) + 2 * _MARGIN
    height = 2 * _MARGIN + line * len(lines) + sum(image.height() + _MARGIN for image in images)
    sheet = QImage(width, height, QImage.Format.Format_RGB32)
    sheet.fill(theme().color("bg"))
    painter = QPainter(sheet)
    y = float(_MARGIN)
    for at, text in enumerate(lines):
        role, tone = ("section", "text") if at == 0 else ("body", "text2")
        draw_text(painter, QRectF(_MARGIN, y, width - 2 * _MARGIN, line), text, role, theme().color(tone))
        y += line
    for image in images:
        y += _MARGIN
        painter.drawImage(_MARGIN, round(y), image)
        y += image.height()
    painter.end()
    return sheet


def png_of(image: QImage) -> bytes:
    """The picture as a PNG file's bytes."""
    out = QBuffer()
    out.open(QIODevice.OpenModeFlag.WriteOnly)
    QImageWriter(out, b"png").write(image)
    return bytes(out.data().data())
