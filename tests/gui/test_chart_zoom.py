"""Charts zoom and pan by wheel, drag and keys, say that they do, and are saved as picture and table."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog

from console.look.theme import theme
from console.models.chart import Event, Series, Threshold
from console.tabs.predict.evaluation.calibration import CalibrationView
from console.widgets.base import text_width
from console.widgets.charts.chart import LineChart
from console.widgets.charts.confusion_matrix import ConfusionMatrix
from console.widgets.charts.drawn_curve import DrawnCurve
from console.widgets.charts.histogram import Histogram
from console.widgets.charts.parallel import Axis, ParallelChart, Thread
from console.widgets.charts.saving import png_of
from console.widgets.charts.scatter import Dot, ScatterChart
from console.widgets.charts.stacked import Layer, StackedChart
from console.widgets.forms.buttons import IconButton
from tests.helpers.window import saying
from workers.evaluation.measures import Bin


def line_chart(qtbot, count=101):
    chart = LineChart("Loss", x_name="epoch")
    qtbot.addWidget(chart)
    chart.resize(600, 240)
    chart.set_series([Series("val", [float(at) for at in range(count)], [float(at % 10) for at in range(count)])])
    chart.set_events([Event(5.0, "begins")])
    chart.show()
    chart.grab()
    return chart


def wheel(chart, share, delta=120, modifiers=Qt.KeyboardModifier.NoModifier):
    plot = chart.plot_area()
    at = QPointF(plot.left() + share * plot.width(), plot.center().y())
    event = QWheelEvent(
        at, chart.mapToGlobal(at), QPoint(), QPoint(0, delta), Qt.MouseButton.NoButton, modifiers,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(chart, event)
    return event.isAccepted()


def drag(chart, first, last, modifiers=Qt.KeyboardModifier.NoModifier):
    plot = chart.plot_area()
    points = [QPoint(round(plot.left() + share * plot.width()), round(plot.center().y())) for share in (first, last)]
    QTest.mousePress(chart, Qt.MouseButton.LeftButton, modifiers, points[0])
    QTest.mouseMove(chart, (points[0] + points[1]) / 2)
    QTest.mouseMove(chart, points[1])
    QTest.mouseRelease(chart, Qt.MouseButton.LeftButton, modifiers, points[1])


def test_the_wheel_zooms_where_the_keyboard_is_and_scrolls_the_page_elsewhere(qtbot):
    chart = line_chart(qtbot)
    assert not wheel(chart, 0.5) and not chart.zoomed
    assert wheel(chart, 0.5, modifiers=Qt.KeyboardModifier.ControlModifier)
    low, high = chart.shown_part
    assert 49 < (low + high) / 2 < 51 and 78 < high - low < 82
    chart.activateWindow()
    chart.setFocus()
    qtbot.waitUntil(chart.hasFocus)
    wheel(chart, 0.5, -600)
    assert not chart.zoomed


def test_what_is_dragged_over_is_shown_and_shift_moves_it(qtbot):
    chart = line_chart(qtbot)
    drag(chart, 0.2, 0.4)
    assert chart.shown_part == pytest.approx((20, 40), abs=0.5)
    drag(chart, 0.5, 0.25, Qt.KeyboardModifier.ShiftModifier)
    assert chart.shown_part == pytest.approx((25, 45), abs=1)
    button = saying(IconButton, chart, "Show all of it")
    assert button.isVisible()
    button.click()
    assert not chart.zoomed and not button.isVisible()


def test_a_click_is_no_drag_and_a_double_click_shows_all(qtbot):
    chart = line_chart(qtbot)
    drag(chart, 0.5, 0.503)
    assert not chart.zoomed
    chart.zoom_to(10, 20)
    QTest.mouseDClick(chart, Qt.MouseButton.LeftButton, pos=chart.plot_area().center().toPoint())
    assert not chart.zoomed


def test_by_keys_alone(qtbot):
    chart = line_chart(qtbot)
    chart.setFocus()
    for _ in range(3):
        QTest.keyClick(chart, Qt.Key.Key_Plus)
    low, high = chart.shown_part
    QTest.keyClick(chart, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert chart.shown_part[0] > low and chart.shown_part[1] - chart.shown_part[0] == pytest.approx(high - low)
    QTest.keyClick(chart, Qt.Key.Key_Minus)
    assert chart.shown_part[1] - chart.shown_part[0] > high - low
    QTest.keyClick(chart, Qt.Key.Key_0)
    assert not chart.zoomed


def test_charts_on_one_axis_show_the_same_part(qtbot):
    chart, other = line_chart(qtbot), line_chart(qtbot)
    chart.share_axis(other)
    other.share_axis(chart)
    chart.zoom_to(30, 50)
    assert other.shown_part == (30, 50)
    other.show_all()
    assert not chart.zoomed


def test_charts_on_one_axis_end_at_the_same_place(qtbot):
    chart, other = line_chart(qtbot), line_chart(qtbot)
    chart.share_axis(other)
    other.share_axis(chart)
    alone = other.plot_area().right()
    chart.set_thresholds([Threshold(1.0, "at most 5")])
    assert chart.plot_area().right() == other.plot_area().right() < alone
    chart.set_thresholds([])
    assert other.plot_area().right() == alone


def test_new_figures_do_not_move_what_is_looked_at(qtbot):
    chart = line_chart(qtbot)
    chart.zoom_to(30, 50)
    chart.set_series([Series("val", [float(at) for at in range(400)], [1.0] * 400)])
    chart.grab()
    assert chart.shown_part == (30, 50)


def test_who_draws_by_dragging_zooms_by_wheel_and_keys_and_draws_where_the_pointer_is(qtbot):
    curve = DrawnCurve("Traffic")
    qtbot.addWidget(curve)
    curve.resize(600, 240)
    curve.set_curve(0.0, [0.0] * 1440, 100.0)
    curve.show()
    curve.grab()
    curve.zoom_to(600 * 60, 900 * 60)
    drag(curve, 0.5, 0.5)
    assert curve.shown_part == pytest.approx((36_000, 54_000))
    [drawn] = [at for at, value in enumerate(curve.values) if value]
    assert drawn == pytest.approx(750, abs=2)


def test_the_menu_saves_the_table_and_the_picture(qtbot, tmp_path):
    chart = line_chart(qtbot, 3)
    menu = chart.open_menu()
    words = [action.text() for action in menu.actions() if not action.isSeparator()]
    assert words == ["Zoom in (+)", "Zoom out (-)", "Show all of it (0)", "Save as PNG…", "Save as CSV…"]
    next(action for action in menu.actions() if action.text() == "Save as CSV…").trigger()
    dialog = chart.findChild(QFileDialog)
    assert Path(dialog.selectedFiles()[0]).name == "loss.csv"
    dialog.fileSelected.emit(str(tmp_path / "loss.csv"))
    dialog.close()
    rows = list(csv.reader((tmp_path / "loss.csv").read_text().splitlines()))
    assert rows == [["epoch", "val"], ["0.0", "0.0"], ["1.0", "1.0"], ["2.0", "2.0"]]
    picture = QImage.fromData(png_of(chart))
    assert (picture.width(), picture.height()) == (2 * 624, 2 * 264)
    menu.close()


def test_a_heap_is_saved_by_its_kinds(qtbot):
    chart = StackedChart("Cost per hour")
    qtbot.addWidget(chart)
    chart.set_layers(
        [0.0, 3600.0], [Layer("EC2", "series1", [1.0, 2.0]), Layer("Other", "series2", [3.0, float("nan")])]
    )
    assert chart.csv() == (
        "time,EC2,Other\n1970-01-01T00:00:00+00:00,1.0,3.0\n1970-01-01T01:00:00+00:00,2.0,\n"
    )  # fmt: skip


def test_a_scatter_chart_zooms_beside_its_points_and_a_parallel_one_is_only_saved(qtbot):
    chart = ScatterChart("Objective")
    qtbot.addWidget(chart)
    chart.resize(400, 240)
    chart.set_points([Dot(f"t{at}", float(at), at / 10) for at in range(11)])
    chart.show()
    chart.grab()
    drag(chart, 0.32, 0.68)
    low, high = chart.shown_part
    assert 2 < low < 4 and 6 < high < 8
    assert [dot.key for dot, _ in chart.spots()] == [f"t{at}" for at in range(11) if low <= at <= high]
    QTest.keyClick(chart, Qt.Key.Key_0)
    assert not chart.zoomed and len(chart.spots()) == 11
    assert chart.csv().splitlines()[1] == "t0,0.0,0.0"
    chart.set_points([Dot("t", "a", 1.0)], categories=("a", "b"))
    assert not wheel(chart, 0.5, modifiers=Qt.KeyboardModifier.ControlModifier)

    other = ParallelChart()
    qtbot.addWidget(other)
    other.set_content([Axis("lr"), Axis("size", values=("s", "m"))], [Thread("t1", {"lr": 0.1, "size": "m"})])
    words = [action.text() for action in other.open_menu().actions() if not action.isSeparator()]
    assert words == ["Save as PNG…", "Save as CSV…"]
    assert other.csv() == "name,lr,size\nt1,0.1,m\n"


def test_a_chart_that_was_never_painted_zooms_its_own_axis(qtbot):
    chart = LineChart("Loss")
    qtbot.addWidget(chart)
    chart.set_series([Series("val", [100.0, 150.0, 200.0], [1.0, 2.0, 3.0])])
    chart.zoom(2)
    assert chart.shown_part == (125.0, 175.0)


def test_where_the_readout_is_stays_when_the_title_has_no_room(qtbot):
    chart = LineChart("Loss", x_name="epoch", x_format=lambda x: f"{x:.0f}")
    qtbot.addWidget(chart)
    chart.set_cursor(12.0)
    assert chart.head_words(500) == "Loss  epoch 12"
    assert [chart.head_words(room) for room in (text_width("epoch 12", "strong"), 5)] == ["epoch 12", "12"]


def ink(chart, low, high):
    """How many pixels of the line's colour are painted in this share of the plot."""
    image, plot, color = chart.grab().toImage(), chart.plot_area(), theme().color("series1")
    xs = range(round(plot.left() + low * plot.width()), round(plot.left() + high * plot.width()))
    rows = range(round(plot.top()), round(plot.bottom()))
    return sum(image.pixelColor(x, y) == color for x in xs for y in rows)


def test_no_line_is_drawn_where_nothing_was_measured(qtbot):
    chart = line_chart(qtbot)
    xs = [float(at) for at in range(101) if not 30 < at < 70]
    ys = [5.0] * len(xs)
    chart.set_series([Series("p50", xs, ys, gap=1.5)])
    chart.set_events([])
    assert ink(chart, 0.35, 0.65) == 0 < ink(chart, 0.05, 0.25)
    chart.set_cursor(50.0)
    assert ink(chart, 0.35, 0.65) == 0
    chart.set_cursor(None)
    chart.set_series([Series("p50", xs, ys)])
    assert ink(chart, 0.35, 0.65) > 0


def class_bars(qtbot, count=133):
    chart = Histogram()
    qtbot.addWidget(chart)
    chart.resize(532, 40)
    chart.set_bars([f"class {at}" for at in range(count)], [at + 1 for at in range(count)])
    chart.show()
    return chart


def test_the_bars_of_classes_zoom_and_a_click_still_chooses(qtbot):
    chart = class_bars(qtbot)
    told = []
    chart.chosen.connect(told.append)
    drag(chart, 0.5, 0.6)
    assert told == [] and chart.zoomed
    low, high = chart.shown_part
    assert 66 <= low <= 67 and 79 <= high <= 81
    QTest.mouseClick(chart, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(2, 20))
    assert told == [66]
    QTest.keyClick(chart, Qt.Key.Key_Left)
    assert told[-1] == 65 and chart.shown_part[0] <= 65
    QTest.keyClick(chart, Qt.Key.Key_0)
    assert not chart.zoomed
    QTest.keyClick(chart, Qt.Key.Key_Plus)
    low, high = chart.shown_part
    assert low < 65.5 < high < 133
    chart.set_bars(["only"], [3])
    assert not chart.zoomed and chart.csv() == "class,pictures\nonly,3\n"


def matrix(qtbot, count=133):
    chart = ConfusionMatrix()
    qtbot.addWidget(chart)
    chart.resize(400, 400)
    counts = [[3 if truth == answer else int(answer == 0) for answer in range(count)] for truth in range(count)]
    chart.set_matrix([f"c{at}" for at in range(count)], counts)
    chart.show()
    chart.grab()
    return chart


def test_a_confusion_matrix_is_zoomed_dragged_and_kept_by_its_menu(qtbot):
    chart = matrix(qtbot)
    small = chart.cell_size()
    menu = chart.open_menu()
    entries = {action.text(): action for action in menu.actions()}
    for _ in range(6):
        entries["Zoom in (+)"].trigger()
    assert chart.cell_size() > 2 * small
    activated = []
    chart.cellActivated.connect(lambda *cell: activated.append(cell))
    bar, view = chart.horizontalScrollBar(), chart.viewport()
    bar.setValue(100)
    QTest.mousePress(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, QPoint(200, 200))
    QTest.mouseMove(view, QPoint(160, 200))
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, QPoint(160, 200))
    assert bar.value() == 140 and activated == []
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QTest.mousePress(view, left, none, QPoint(200, 200))
    QTest.mouseMove(view, QPoint(240, 200))
    QTest.mouseRelease(view, left, none, QPoint(240, 200))
    assert bar.value() == 100 and activated == [], "a drag is no click"
    QTest.mousePress(view, left, none, QPoint(200, 200))
    QTest.mouseMove(view, QPoint(203, 200))
    QTest.mouseRelease(view, left, none, QPoint(203, 200))
    assert bar.value() == 100 and len(activated) == 1, "a hand that shakes clicks"
    QTest.mouseClick(view, Qt.MouseButton.MiddleButton, none, QPoint(200, 200))
    assert len(activated) == 1
    entries["Show all of it (0)"].trigger()
    assert chart.cell_size() == small
    chart.show_classes([0, 2])
    assert chart.csv() == "truth,c0,c2\nc0,3,0\nc2,1,3\n"
    assert {"Save as PNG…", "Save as CSV…"} <= set(entries)
    menu.close()
    image = QImage.fromData(png_of(chart.viewport()))
    colors = {image.pixelColor(x, y).name() for x in range(0, image.width(), 3) for y in range(0, image.height(), 3)}
    assert theme().color("series1").name() in colors


@pytest.mark.parametrize("hide", ["zoom", "pan", "time"])
def test_a_readout_that_is_out_of_sight_is_not_told(qtbot, hide):
    chart = line_chart(qtbot)
    if hide == "pan":
        chart.zoom_to(0, 40)
    chart.set_cursor(5.0)
    chart.grab()
    assert chart.head_words(500).endswith("epoch 5")
    if hide == "zoom":
        chart.zoom_to(50, 90)
    elif hide == "pan":
        chart.pan(1.0)
    else:
        chart.set_x_range(20, 99)
    chart.grab()
    assert chart.head_words(500) == "Loss"


def test_an_axis_of_shares_has_ticks_and_zooms(qtbot):
    page = CalibrationView()
    qtbot.addWidget(page)
    page.resize(700, 500)
    page.show_bins([Bin(at / 10, at / 10 + 0.1, 3, at / 10 + 0.05, at / 10) for at in range(10)], 0.1)
    page.show()
    for chart in (page.chart, page.counts):
        chart.grab()
        drag(chart, 0.2, 0.6)
        low, high = chart.shown_part
        assert low == pytest.approx(0.2, abs=0.02) and high == pytest.approx(0.6, abs=0.02)
        assert page.chart.shown_part == page.counts.shown_part
        chart.show_all()
    page.chart.show_all()
    page.chart.set_cursor(None)
    QTest.keyClick(page.chart, Qt.Key.Key_Left)
    told = {name: figure for name, figure, _ in page.chart.head_lines(700)}
    assert told == {"as sure as right": "85.0 %", "right": "80.0 %"}


def test_a_drag_that_begins_on_a_point_is_no_choice_and_what_keys_choose_comes_into_sight(qtbot):
    chart = ScatterChart()
    qtbot.addWidget(chart)
    chart.resize(500, 300)
    chart.set_points([Dot(f"d{at}", float(at), 0.5 + 0.01 * at) for at in range(20)])
    chart.show()
    chart.grab()
    told: list[str] = []
    chart.chosen.connect(told.append)
    places = {dot.key: spot.toPoint() for dot, spot in chart.spots()}
    QTest.mousePress(chart, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, places["d2"])
    QTest.mouseMove(chart, places["d4"])
    QTest.mouseMove(chart, places["d6"])
    QTest.mouseRelease(chart, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, places["d6"])
    assert chart.zoomed and told == []
    for _ in range(9):
        QTest.keyClick(chart, Qt.Key.Key_Right)
    low, high = chart.shown_part
    assert told[-1] == "d8" and low <= 8 <= high
