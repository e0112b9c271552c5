"""Pictures, cards, charts and matrices: decoded off the GUI thread, painted only in sight, used by key."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QPoint, Qt
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from console.models.cards import Answer, Card
from console.models.chart import Event, Series, Threshold
from console.models.confusion import most_confused
from console.widgets.charts.chart import LineChart
from console.widgets.charts.confusion_matrix import ConfusionMatrix
from console.widgets.charts.histogram import Histogram
from console.widgets.charts.sparkline import Sparkline, StackedBar
from console.widgets.pictures.prediction_card import PredictionCard
from console.widgets.pictures.prediction_grid import PredictionGrid
from console.widgets.pictures.thumbnail_grid import Thumb, ThumbnailGrid
from console.widgets.pictures.thumbs import ThumbnailLoader


def picture(path: Path, width: int = 300, height: int = 200) -> Path:
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(QColor("#2040c0"))
    image.setPixelColor(0, 0, QColor("white"))
    assert image.save(str(path))
    return path


@pytest.fixture
def loader(qtbot: QtBot) -> ThumbnailLoader:
    return ThumbnailLoader(threads=1)


def test_decoding_answers_later_and_is_kept(loader: ThumbnailLoader, qtbot: QtBot, tmp_path: Path) -> None:
    path = picture(tmp_path / "dog 🐶.png")
    with qtbot.waitSignal(loader.ready) as signal:
        assert loader.get(path, 48, 2.0) is None
    assert signal.args == [str(path)]
    pixmap = loader.get(path, 48, 2.0)
    assert pixmap is not None and pixmap.width() == 96 and pixmap.devicePixelRatio() == 2.0
    with qtbot.waitSignal(loader.ready):
        loader.get(tmp_path / "missing.png", 48)
    assert loader.failed(tmp_path / "missing.png", 48) and loader.get(tmp_path / "missing.png", 48) is None


def test_pasted_bytes_are_decoded_under_their_name(loader: ThumbnailLoader, qtbot: QtBot) -> None:
    image = QImage(80, 80, QImage.Format.Format_RGB32)
    image.fill(QColor("red"))
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")
    loader.add_data("pasted", bytes(data.data()))
    with qtbot.waitSignal(loader.ready):
        loader.get("pasted", 32)
    made = loader.get("pasted", 32)
    assert made is not None and made.toImage().pixelColor(5, 5) == QColor("red")


def test_scrolling_past_thousands_asks_for_few(qtbot: QtBot, tmp_path: Path) -> None:
    grid = ThumbnailGrid(columns=4)
    qtbot.addWidget(grid)
    grid.resize(360, 260)
    grid.show()
    grid.set_items([Thumb(tmp_path / f"{number}.png", f"{number}.png") for number in range(8000)])
    first, last = grid.first_visible()
    assert first == 0 and last < 20
    qtbot.keyClick(grid, Qt.Key.Key_End)
    assert grid.current == 7999 and grid.first_visible()[1] == 7999
    with qtbot.waitSignal(grid.activated) as signal:
        qtbot.keyClick(grid, Qt.Key.Key_Return)
    assert signal.args == [7999]


def cards(count: int) -> list[Card]:
    return [Card(str(number), f"missing-{number}.png", f"{number}.png", "husky", (None,)) for number in range(count)]


def test_cards_are_replaced_in_place(qtbot: QtBot) -> None:
    grid = PredictionGrid()
    qtbot.addWidget(grid)
    grid.resize(860, 500)
    grid.show()
    grid.set_cards(cards(300))
    told: list[str] = []
    grid.currentChanged.connect(told.append)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Down):
        qtbot.keyClick(grid, key)
    assert told == ["0", "1", "3"]
    answered = replace(grid.cards()[3], answers=(Answer(("husky", "akita"), (0.9, 0.05), 71.0),))
    grid.update_card(answered)
    assert grid.current == answered and grid.position_of("3") == 3
    grid.update_card(Card("new", "x", "x.png"))
    assert len(grid.cards()) == 301
    grid.set_cards(grid.cards()[:2])
    assert grid.current is None and told[-1] == ""
    grid.resize(300, 500)
    assert grid.column_count() == 1 and not grid.grab().isNull()


def test_a_card_says_its_answer(qtbot: QtBot) -> None:
    card = PredictionCard(
        Card("1", "x", "x.png", "001.Siberian_husky", (Answer(("001.Siberian_husky",), (0.63,), 71),))
    )
    qtbot.addWidget(card)
    assert "Siberian husky" in card.accessibleName() and "63 percent" in card.accessibleName()
    card.set_card(Card("1", "x", "x.png", "", (Answer(error="The picture is too large."),)))
    assert "too large" in card.accessibleName() and not card.grab().isNull()


def test_chart_tells_values_and_repaints_at_most_ten_times_a_second(qtbot: QtBot) -> None:
    chart = LineChart("Loss", y_format=lambda value: f"{value:.2f}", x_name="epoch")
    qtbot.addWidget(chart)
    chart.resize(400, 220)
    chart.show()
    for last in range(1, 50):
        xs = list(range(last))
        chart.set_series([Series("train", xs, [1 / (x + 1) for x in xs], comparison=True), Series("val", xs, xs)])
    assert chart.accessibleDescription() == ""
    qtbot.waitUntil(lambda: chart.accessibleDescription() == "train 0.02, val 48.00")
    chart.set_thresholds([Threshold(30, "out 30")])
    chart.set_events([Event(10, "first run, stopped")])
    with qtbot.waitSignal(chart.hovered) as signal:
        qtbot.keyClick(chart, Qt.Key.Key_Left)
    assert signal.args == [47]
    qtbot.mouseMove(chart, QPoint(200, 100))
    qtbot.keyClick(chart, Qt.Key.Key_Escape)
    assert not chart.grab().isNull()


def test_a_line_of_one_point_is_seen(qtbot: QtBot) -> None:
    """CloudWatch has the first figure of an instance after some minutes."""
    chart = LineChart("CPU", y_range=(0, 100), live=False)
    qtbot.addWidget(chart)
    chart.resize(300, 200)
    chart.set_x_range(0, 10)
    chart.set_series([Series("", [1.0], [50.0]), Series("", [], [])])
    empty = LineChart("CPU", y_range=(0, 100), live=False)
    qtbot.addWidget(empty)
    empty.resize(300, 200)
    empty.set_x_range(0, 10)
    empty.set_series([Series("", [1.0], [float("nan")])])
    assert chart.grab().toImage() != empty.grab().toImage()


@pytest.mark.parametrize("ys", [[], [float("nan")], [5.0], [0.0, 0.0], [float("nan"), 1.0], [-3.0, 7.0]])
def test_chart_paints_whatever_comes(qtbot: QtBot, ys: list[float]) -> None:
    chart = LineChart("Odd", time_axis=True)
    qtbot.addWidget(chart)
    chart.resize(220, 120)
    chart.set_series([Series("a", list(range(len(ys))), ys, fill=True, step=True)])
    chart.set_placeholder("nothing yet")
    chart.set_cursor(0.0)
    assert not chart.grab().isNull()


def test_matrix_by_key_and_zoom(qtbot: QtBot) -> None:
    counts = [[5, 3, 0], [0, 8, 0], [1, 0, 7]]
    matrix = ConfusionMatrix()
    qtbot.addWidget(matrix)
    matrix.resize(300, 300)
    matrix.show()
    matrix.set_matrix(["001.Siberian_husky", "Malamute", "Akita"], counts)
    told: list[str] = []
    matrix.cellChanged.connect(told.append)
    qtbot.keyClick(matrix, Qt.Key.Key_Right)
    qtbot.keyClick(matrix, Qt.Key.Key_Right)
    assert told == ["Siberian husky recognised, 5 of 8", "Siberian husky taken for Malamute, 3 of 8"]
    with qtbot.waitSignal(matrix.cellActivated) as signal:
        qtbot.keyClick(matrix, Qt.Key.Key_Return)
    assert signal.args == [0, 1]
    matrix.show_classes(most_confused(counts, 2))
    qtbot.keyClick(matrix, Qt.Key.Key_Down)
    assert told[-1].startswith("Siberian husky recognised")


def test_large_matrix_fits_zooms_and_scrolls(qtbot: QtBot) -> None:
    size = 133
    counts = [
        [6 if row == column else int((row * 7 + column) % 97 == 0) for column in range(size)] for row in range(size)
    ]
    matrix = ConfusionMatrix()
    qtbot.addWidget(matrix)
    matrix.resize(420, 420)
    matrix.show()
    matrix.set_matrix([f"breed {number}" for number in range(size)], counts)
    assert matrix.cell_size() * size <= 420 and matrix.horizontalScrollBar().maximum() == 0
    for _ in range(12):
        qtbot.keyClick(matrix, Qt.Key.Key_Plus)
    assert matrix.cell_size() > 20 and matrix.verticalScrollBar().maximum() > 1000
    for _ in range(3):
        qtbot.keyClick(matrix, Qt.Key.Key_Down)
    assert not matrix.grab().isNull()
    qtbot.keyClick(matrix, Qt.Key.Key_0)
    assert matrix.horizontalScrollBar().maximum() == 0


def test_small_pictures_of_numbers(qtbot: QtBot) -> None:
    bars = Histogram()
    qtbot.addWidget(bars)
    bars.set_bars(["a", "b", "c"], [3, 1, 2], marked=[1])
    bars.resize(300, 40)
    told: list[int] = []
    bars.chosen.connect(told.append)
    qtbot.keyClick(bars, Qt.Key.Key_Right)
    qtbot.mouseClick(bars, Qt.MouseButton.LeftButton, pos=QPoint(290, 20))
    assert told == [0, 2] and bars.accessibleDescription() == "c: 2"
    bars.set_bars([], [])
    for widget in (bars, Sparkline([1]), Sparkline([0, 0, 0]), StackedBar([]), StackedBar([(0, "series1")], 0)):
        assert not widget.grab().isNull()
