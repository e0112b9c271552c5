"""The stacked chart: gaps where nothing is known, the readout by pointer and keys, words of events apart."""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from console.models.chart import Event
from console.widgets.base import text_width
from console.widgets.charts.stacked import Layer, StackedChart, fitting
from console.widgets.forms.segmented import Segmented

HOUR = 3600.0
BEGIN = 1_790_000_000.0 // HOUR * HOUR
XS = [BEGIN + at * HOUR for at in range(24)]


def chart_of(qtbot: Any, *layers: Layer, events: tuple[Event, ...] = ()) -> StackedChart:
    chart = StackedChart("Cost per hour")
    qtbot.addWidget(chart)
    chart.resize(800, 200)
    chart.set_x_range(XS[0], XS[-1] + HOUR)
    chart.set_layers(XS, layers)
    chart.set_events(events)
    # What was set is drawn at the next turn of the loop, and these tests have none.
    chart._refresh()
    chart.show()
    return chart


def two(value: float = 2.0) -> tuple[Layer, Layer]:
    return Layer("Endpoints", "series1", [1.0] * 24), Layer("EC2", "series2", [value] * 24)


def drawn(chart: StackedChart) -> tuple[Any, Any, Any]:
    """Where it draws, and its scales."""
    # Only the chart itself needs to know this, and whoever looks at single pixels.
    plot = chart._plot()
    # As above.
    return plot, *chart._scales(plot)


def ink(chart: StackedChart, hour: float, dollars: float) -> str:
    """The colour that is painted at a moment and a height."""
    plot, across, up = drawn(chart)
    x = across.place(BEGIN + hour * HOUR, plot.left(), plot.right())
    y = up.place(dollars, plot.bottom(), plot.top())
    return chart.grab().toImage().pixelColor(QPoint(round(x), round(y))).name()


def test_layers_stand_on_each_other(qtbot: Any) -> None:
    chart = chart_of(qtbot, *two())
    assert ink(chart, 12.5, 0.4) != ink(chart, 12.5, 1.6)
    # What is drawn is the sum, and a picture does not say it to the cent.
    assert chart._series[-1].ys[0] == 3.0
    assert chart.accessibleDescription() == "Endpoints $1.00, EC2 $2.00"


def test_what_is_not_known_is_a_gap_and_no_zero(qtbot: Any) -> None:
    ys = [2.0] * 24
    ys[10] = math.nan
    chart = chart_of(qtbot, Layer("Endpoints", "series1", [1.0] * 24), Layer("EC2", "series2", ys))
    # The layer below is known there, the sum is not.
    assert ink(chart, 10.5, 1.6) == ink(chart, 10.5, 2.4)
    assert ink(chart, 9.5, 1.6) != ink(chart, 10.5, 1.6) and ink(chart, 11.5, 1.6) == ink(chart, 9.5, 1.6)
    chart.set_cursor(XS[10])
    # The readout is painted, so its words are asked for where they are made.
    assert chart._at_cursor() == 10 and chart._figure(chart._series[-1].ys[10]) == "–"


def test_keys_and_pointer_move_the_readout(qtbot: Any) -> None:
    chart = chart_of(qtbot, *two())
    moved: list[Any] = []
    chart.hovered.connect(moved.append)
    QTest.keyClick(chart, Qt.Key.Key_Left)
    assert moved == [XS[-2]]
    QTest.keyClick(chart, Qt.Key.Key_Escape)
    plot, _, _ = drawn(chart)
    QTest.mouseMove(chart, QPoint(round(plot.center().x()), round(plot.center().y())))
    assert moved[-2] is None and moved[-1] == XS[12]


def test_words_of_events_never_lie_over_each_other(qtbot: Any) -> None:
    near = tuple(Event(XS[12] + at * 60, f"job-{at} started") for at in range(8))
    chart = chart_of(qtbot, *two(), events=near)
    chart.grab()
    # All are told to who cannot see them, and under the cursor.
    assert all(event.words in chart.accessibleDescription() for event in near)
    chart.set_cursor(XS[12])
    without = chart_of(qtbot, *two())
    without.set_cursor(XS[12])
    assert chart.grab().toImage() != without.grab().toImage()


def test_what_has_no_room_under_the_cursor_is_counted(qtbot: Any) -> None:
    words = [f"job-{at} started" for at in range(20)]
    assert fitting(words[:2], 1000) == "job-0 started, job-1 started"
    assert fitting(words, 10_000) == f"{', '.join(words[:6])} and 14 more"
    narrow = fitting(words, 260)
    assert narrow.endswith(" more") and text_width(narrow, "caption") <= 260
    assert fitting(words, 1) == "job-0 started and 19 more" and fitting([], 100) == ""


def test_a_control_stands_in_its_corner(qtbot: Any) -> None:
    chart = chart_of(qtbot, *two())
    spans = Segmented([("24h", "24 h"), ("7d", "7 d")], name="Time shown", small=True)
    chart.set_corner(spans)
    for width in (500, 900):
        chart.resize(width, 200)
        assert spans.geometry().right() == width - 1 and spans.y() == 0


def test_long_spans_name_days(qtbot: Any) -> None:
    chart = chart_of(qtbot, *two())
    # The words of the axes are painted, so they are asked for where they are made.
    assert ":" in chart._x_format(XS[3])
    chart.set_x_range(XS[0] - 30 * 86_400, XS[-1])
    # As above.
    assert any(month in chart._x_format(XS[3]) for month in ("Sep", "Oct"))


def test_cents_have_room_on_the_axis(qtbot: Any) -> None:
    chart = chart_of(qtbot, Layer("Other", "series5", [0.012] * 24))
    _, _, up = drawn(chart)
    # The words of the axes are painted, so they are asked for where they are made.
    texts = chart._up_texts(up)
    assert len(set(texts)) == len(texts) and texts[0] == "$0"
