"""The pictures of the breed selected: by split, page by page."""

from __future__ import annotations

import asyncio
from pathlib import Path

from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSizePolicy, QVBoxLayout, QWidget

from console.context import AppContext
from console.look.theme import theme
from console.models.columns import natural_key
from console.models.viewing import ViewItem
from console.tabs.data.dataset import Dataset
from console.tabs.data.rows import BreedRow
from console.tabs.data.whole_rows import WholeRows
from console.viewing import Viewing
from console.widgets.base import ElidedLabel, control_height, label, text_width
from console.widgets.forms.buttons import IconButton
from console.widgets.forms.segmented import Segmented
from console.widgets.pictures.thumbnail_grid import Thumb, ThumbnailGrid
from console.widgets.pictures.thumbs import thumbnails
from console.widgets.pictures.viewer import Action
from workers.datasets.folder import class_pictures
from workers.files.folder_rules import SPLITS
from workers.inference.model_input import DEFAULT_SIZE


class PicturesPanel(QWidget):
    """Follows the breed that ``show_breed`` is given."""

    def __init__(self, ctx: AppContext, dataset: Dataset, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ctx, self._dataset = ctx, dataset
        self._row: BreedRow | None = None
        self._paths: list[Path] = []
        self._title = ElidedLabel("", "section", middle=True, least=8)
        self._count = label("", "body", "text2")
        self.splits = Segmented([(split, split) for split in SPLITS], name="Split", small=True)
        self.grid = ThumbnailGrid(columns=4, name="Pictures of the class")
        self.grid.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self._span = label("", "small", "text2")
        self._span.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        # It asks for no room: what it says must not keep the panel as wide as it was once.
        self._span.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.previous = IconButton("left", "Previous pictures", on=lambda: self._turn(-1))
        self.next = IconButton("right", "Next pictures", on=lambda: self._turn(1))
        title = QHBoxLayout()
        title.setSpacing(8)
        # As high as the head of the breeds beside it.
        title.addWidget(self._title)
        title.addStrut(control_height(small=True))
        title.addWidget(self._count)
        title.addStretch(1)
        # Above the pictures: below them they would lie outside of a low window.
        title.addWidget(self.previous)
        title.addWidget(self.next)
        shown = QHBoxLayout()
        shown.setSpacing(8)
        shown.addWidget(self.splits)
        shown.addWidget(self._span, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(title)
        column.addLayout(shown)
        grid = self.grid
        column.addWidget(WholeRows(grid, lambda: grid.cell_size().height(), grid.row_gap), 1)
        self.splits.changed.connect(self._split_chosen)
        bar = self.grid.verticalScrollBar()
        bar.valueChanged.connect(self._show_span)
        bar.rangeChanged.connect(self._show_span)
        self.viewing = Viewing(ctx, self, actions=self._actions)
        self.grid.activated.connect(self._look)
        self.grid.customContextMenuRequested.connect(self._menu)
        self.show_breed(None)

    def show_breed(self, row: BreedRow | None) -> None:
        """Show a breed's pictures, in the split shown before if it has any there."""
        if row is not None and row == self._row:
            return
        self._row = row
        self.splits.setVisible(row is not None and "all" not in row.counts)
        self._title.setText(row.name if row is not None else "")
        self._count.setText(f"{row.total:,}" if row is not None else "")
        if row is None:
            self._show([])
            return
        for split in SPLITS:
            number = row.counts.get(split, 0)
            self.splits.set_text(split, f"{split} {number:,}")
            self.splits.set_segment_enabled(split, number > 0)
        if "all" not in row.counts and not row.counts.get(self.splits.current):
            filled = [split for split in SPLITS if row.counts.get(split)]
            if filled and filled[0] != self.splits.current:
                self.splits.set_current(filled[0])
                return
        self._load()

    def _split_chosen(self, split: str) -> None:
        self._load()

    def _load(self) -> None:
        if self._row is not None:
            self._show([])
            self.grid.set_placeholder("Listing the pictures…")
            self._ctx.tasks.start(
                self._read(self._row), label=f"Listing {self._row.name}", key="data:pictures", scope="window"
            )

    async def _read(self, row: BreedRow) -> None:
        report = self._dataset.report
        entry = next((entry for entry in report.classes if entry.folder == row.folder), None) if report else None
        if report is None or entry is None:
            return
        found = await asyncio.to_thread(class_pictures, report, entry, self.splits.current)
        paths = sorted(found, key=lambda path: natural_key(path.name))
        self.grid.set_placeholder("No pictures here")
        self._show(paths)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The pictures listed, in their order."""
        return tuple(self._paths)

    def _show(self, paths: list[Path]) -> None:
        thumbnails().cancel_pending()
        self._paths = paths
        self.grid.set_items([Thumb(path, path.name) for path in paths])
        self._show_span()

    def _show_span(self, *_: int) -> None:
        first, last = self.grid.first_visible()
        self._span.setText(f"{first + 1:,} to {last + 1:,} of {len(self._paths):,}" if last >= first else "")
        self._place_span()
        bar = self.grid.verticalScrollBar()
        self.previous.allow(bar.value() > 0, "These are the first")
        self.next.allow(bar.value() < bar.maximum(), "These are the last")

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Which pictures are in sight is left out where there is no room beside the splits."""
        super().resizeEvent(event)
        self._place_span()

    def _place_span(self) -> None:
        beside = 0 if self.splits.isHidden() else self.splits.sizeHint().width() + 8
        self._span.setVisible(beside + text_width(self._span.text(), "small") < self.width())

    def _turn(self, pages: int) -> None:
        bar = self.grid.verticalScrollBar()
        bar.setValue(bar.value() + pages * (bar.pageStep() + self.grid.row_gap))

    def _look(self, at: int) -> None:
        paths, row = self._paths, self._row
        name = row.folder if row is not None else ""
        network = "a model trained with the default settings"

        def item(at: int) -> ViewItem:
            path = paths[at]
            return ViewItem(
                path.name, str(path.parent), name, path=path, input_size=DEFAULT_SIZE, network=network
            )  # fmt: skip

        self.viewing.open(len(paths), item, at, self._moved)

    def _moved(self, at: int) -> None:
        if at < len(self._paths):
            self.grid.set_current(at)

    def _actions(self, at: int) -> list[Action]:
        path = self._paths[at] if at < len(self._paths) else None
        if path is None:
            return []
        return [
            ("Classify", "predict", lambda: self._ctx.navigate("predict", {"paths": [path]})),
            ("Open with another program", "link", lambda: _open(path)),
            ("Show in folder", "folder", lambda: _open(path.parent)),
            ("Copy path", "copy", lambda: QGuiApplication.clipboard().setText(str(path))),
        ]

    def _menu(self, point: QPoint) -> None:
        at = self.grid.current
        if at < 0:
            return
        menu = QMenu(self)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.addAction(theme().icon("eye"), "Open", lambda: self._look(at))
        for text, icon, call in self._actions(at):
            menu.addAction(theme().icon(icon), text, call)
        menu.popup(self.grid.viewport().mapToGlobal(point))


def _open(path: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))
