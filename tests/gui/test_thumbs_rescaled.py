"""Pictures that are still being decoded when the text size changes are pictures afterwards, not grey boxes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from console.look.theme import theme
from console.models.cards import Card
from console.widgets.pictures import thumbs
from console.widgets.pictures.prediction_grid import PredictionGrid
from console.widgets.pictures.thumbnail_grid import Thumb, ThumbnailGrid

RED = QColor(200, 30, 40)
COUNT = 6


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch, qapp: Any) -> Iterator[threading.Event]:
    """Pictures are decoded only once it is set; the loader is a new one."""
    opened, read = threading.Event(), thumbs.read_fitting

    def slow(*what: Any) -> Any:
        opened.wait(30)
        return read(*what)

    monkeypatch.setattr(thumbs, "read_fitting", slow)
    monkeypatch.setattr(thumbs, "_current", thumbs.ThumbnailLoader())
    yield opened
    opened.set()
    thumbs.thumbnails().wait()


def thumbnail_grid(paths: list[Path]) -> QWidget:
    grid = ThumbnailGrid(columns=3)
    grid.set_items([Thumb(path, path.name) for path in paths])
    return grid


def prediction_grid(paths: list[Path]) -> QWidget:
    grid = PredictionGrid()
    grid.set_cards([Card(path.name, path, path.name) for path in paths])
    return grid


class Painted(QObject):
    """How many pictures were still to be decoded whenever the window painted by itself."""

    def __init__(self, watched: Any) -> None:
        super().__init__(watched)
        self.left: list[int] = []
        watched.viewport().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            # How many wait is nobody's business but of this race.
            self.left.append(len(thumbs.thumbnails()._pending))
        return False


def red_cells(widget: Any) -> int:
    """How many cells show their picture."""
    shown = widget.viewport().grab().toImage()
    found = 0
    for at in range(COUNT):
        rect = widget.cell_rect(at).toRect()
        spots = [(x, y) for x in range(rect.left(), rect.right(), 4) for y in range(rect.top(), rect.bottom(), 4)]
        colors = [shown.pixelColor(x, y) for x, y in spots if shown.valid(x, y)]
        found += any(color.red() > 180 and color.green() < 60 for color in colors)
    return found


@pytest.mark.parametrize("scales", [(1.3,), (1.3, 1.0), (1.15, 1.3, 1.15, 1.0, 1.3)], ids=str)
@pytest.mark.parametrize("make", [thumbnail_grid, prediction_grid])
def test_pictures_come_at_the_size_in_force(
    qtbot: QtBot,
    tmp_path: Path,
    gate: threading.Event,
    make: Callable[[list[Path]], QWidget],
    scales: tuple[float, ...],
) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(COUNT)]
    for path in paths:
        image = QImage(300, 300, QImage.Format.Format_RGB32)
        image.fill(RED)
        image.save(str(path))
    grid = make(paths)
    qtbot.addWidget(grid)
    grid.resize(900, 1600)
    grid.show()
    assert red_cells(grid) == 0
    for number, scale in enumerate(scales):
        theme().set_scale(scale)
        grid.resize(900 + 24 * number, 1600)
        assert red_cells(grid) == 0
        if number % 2:
            # Another list was opened meanwhile: wishes that nobody has begun are dropped.
            thumbs.thumbnails().cancel_pending()
    painted = Painted(grid)
    gate.set()
    # When all are painted is nobody else's business: the product has no word for it.
    qtbot.waitUntil(lambda: painted.left[-1:] == [0] and not thumbs.thumbnails()._pending)
    assert red_cells(grid) == COUNT


def test_a_wish_that_gives_way_to_newer_ones_is_made_known(
    qtbot: QtBot, tmp_path: Path, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumbs, "MOST_PENDING", 4)
    loader, told = thumbs.thumbnails(), list[str]()
    loader.ready.connect(told.append)
    for number in range(8):
        loader.get(f"{number}", 40)
    # Who still shows it asks again; otherwise its box stays grey.
    assert {"2", "3"} <= set(told)
