"""The breeds of the folder: histogram, filter, sorting, and the list with the splits as bars."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from console.look.theme import theme
from console.models.format import plural_of
from console.settings import Settings
from console.tabs.data.rows import SPLIT_TONES, BreedRow, breed_columns, breed_rows, scarce
from console.tabs.data.whole_rows import WholeRows
from console.widgets.base import antialias, draw_text, fill_rounded, label, on_theme, text_width
from console.widgets.charts.histogram import Histogram
from console.widgets.forms.fields import ComboBox
from console.widgets.pictures.thumbs import thumbnails
from console.widgets.tables.search_field import SearchField
from console.widgets.tables.table import ResourceTable
from workers.types import DatasetReport

SORTS = (("name", "A to Z"), ("-total", "Most first"), ("total", "Fewest first"))
# A breed's line with its bar: 133 of them are to be looked over.
ROW_PIXELS = 28
# A few bars say no more than the rows below them.
WORTH_A_HISTOGRAM = 8


class Legend(QWidget):
    """Coloured squares with words, side by side."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entries: list[tuple[str, str]] = []
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        on_theme(self, self.updateGeometry)

    def set_entries(self, entries: list[tuple[str, str]]) -> None:
        """Show ``(words, colour token)``."""
        self._entries = entries
        self.setAccessibleName("Splits: " + ", ".join(words for words, _ in entries))
        self.updateGeometry()
        self.update()

    def _widths(self) -> list[float]:
        return [theme().pixels(10) + 6 + text_width(words, "small") + 14 for words, _ in self._entries]

    def sizeHint(self) -> QSize:
        """All entries in one line."""
        return QSize(round(sum(self._widths())) + 1, theme().metrics("small").height() + 4)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Squares and words."""
        painter = QPainter(self)
        antialias(painter)
        size, x = theme().pixels(10), 0.0
        for (words, tone), width in zip(self._entries, self._widths(), strict=True):
            fill_rounded(painter, QRectF(x, (self.height() - size) / 2, size, size), 3, theme().color(tone))
            place = QRectF(x + size + 6, 0, width - size - 6, self.height())
            draw_text(painter, place, words, "small", theme().color("text2"))
            x += width


class BreedsPanel(QWidget):
    """Signals: ``chosen(BreedRow or None)``."""

    chosen = Signal(object)

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[BreedRow] = []
        self._narrow = False
        self._count = label("", "body", "text2")
        self.search = SearchField("Filter", chars=9)
        self.sorting = ComboBox(SORTS, "name", name="Order", small=True)
        self.title = label("", "section")
        self.histogram = Histogram()
        self._legend = Legend()
        self._range = label("", "small", "text2")
        self.table = ResourceTable(
            breed_columns(), "folder", sort=("name", "asc"), multi=False,
            row_pixels=ROW_PIXELS,
        )  # fmt: skip
        self.table.view.horizontalHeader().hide()
        self.table.remember(settings, "classes")
        head = QHBoxLayout()
        head.setSpacing(8)
        for part in (self.title, self._count):
            head.addWidget(part)
        head.addStretch(1)
        head.addWidget(self.search)
        head.addWidget(self.sorting)
        figures = QHBoxLayout()
        figures.addWidget(self._legend)
        figures.addStretch(1)
        figures.addWidget(self._range)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(head)
        column.addWidget(self.histogram)
        column.addLayout(figures)
        view = self.table.view
        column.addWidget(WholeRows(self.table, lambda: view.verticalHeader().defaultSectionSize()), 1)
        self.table.search_by(self.search)
        self.sorting.chosen.connect(self._sort)
        self.histogram.chosen.connect(self._bar_chosen)
        self.table.selectionChanged.connect(self._row_chosen)
        self.table.model.applied.connect(self._show_bars)
        self.table.view.columnsChanged.connect(self._show_legend)
        thumbnails().listeners.add(self._thumb_ready)
        self._call_them("class")

    @property
    def current(self) -> BreedRow | None:
        """The breed selected."""
        row = self.table.current_row()
        return row if isinstance(row, BreedRow) else None

    def set_report(self, report: DatasetReport | None) -> None:
        """Show the classes of a report; the breed selected stays selected if it is there."""
        self._rows = breed_rows(report) if report is not None else []
        self._call_them(report.noun if report is not None else "class")
        self.table.set_rows(self._rows)
        self._count.setText(f"{len(self._rows):,}" if self._rows else "")
        self._show_histogram()
        splits = report.splits if report is not None and report.splits else ("all",)
        words = {"all": "not split"}
        self._legend.set_entries([(words.get(split, split), SPLIT_TONES[split]) for split in splits])
        self._show_legend()
        totals = [row.total for row in self._rows]
        self._range.setText(f"fewest {min(totals):,}, most {max(totals):,}" if totals else "")
        if self._rows and self.current is None:
            shown = self.table.model.visible_rows()
            self.table.select_keys([shown[0].folder] if shown else [], scroll=False)
        self._row_chosen()

    def _call_them(self, noun: str) -> None:
        names = plural_of(noun)
        self.title.setText(names.capitalize())
        self.table.set_noun(names)
        self.search.setAccessibleName(f"Filter {names}")

    def set_narrow(self, narrow: bool) -> None:
        """Without the histogram where the window is small."""
        self._narrow = narrow
        self._show_histogram()

    def _show_legend(self) -> None:
        """The colours are those of the bars in the list: without these they explain nothing."""
        bars = next(at for at, column in enumerate(self.table.model.columns) if column.kind == "bar")
        self._legend.setVisible(bool(self._rows) and not self.table.view.isColumnHidden(bars))

    def _show_histogram(self) -> None:
        self.histogram.setVisible(not self._narrow and len(self._rows) >= WORTH_A_HISTOGRAM)

    def choose(self, folder: str) -> None:
        """Select a breed by its folder."""
        self.table.select_keys([folder])

    def _sort(self, key: str) -> None:
        self.table.sort_by(key.lstrip("-"), descending=key.startswith("-"))

    def _show_bars(self) -> None:
        rows = self.table.model.visible_rows()
        self.histogram.set_bars([row.name for row in rows], [row.total for row in rows], scarce(rows))
        self._mark_bar()

    def _mark_bar(self) -> None:
        row = self.current
        at = self.table.model.position_of(row.folder) if row is not None else None
        self.histogram.set_current(-1 if at is None else at)

    def _bar_chosen(self, at: int) -> None:
        if 0 <= at < self.table.model.rowCount():
            self.table.select_keys([self.table.model.key_at(at)])

    def _row_chosen(self) -> None:
        self._mark_bar()
        self.chosen.emit(self.current)

    def _thumb_ready(self, source: str) -> None:
        self.table.view.viewport().update()
