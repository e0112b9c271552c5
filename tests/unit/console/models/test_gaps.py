"""Where nothing was measured a line has a gap and tells no value; where nothing was counted the count is 0."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from console.models.chart import GAP_PERIODS, Series, with_zeros
from console.tabs.endpoints.detail import latency_series
from workers.types import EndpointMetrics

XS = [0.0, 60.0, 120.0, 1200.0, 1260.0, 3000.0]
LINE = Series("p50", XS, [float(at) for at in range(6)], gap=60 * GAP_PERIODS)


def test_a_line_is_in_pieces_where_minutes_lack() -> None:
    assert [[x for x, _ in piece] for piece in LINE.pieces(0, 3000)] == [XS[:3], XS[3:5], XS[5:]]
    whole = Series("p50", XS, LINE.ys)
    assert [[x for x, _ in piece] for piece in whole.pieces(0, 3000)] == [XS]
    assert LINE.pieces(0, 3000)[0] and Series("none", [], []).pieces(0, 1) == [[]]


def test_no_value_is_told_of_a_minute_without_one() -> None:
    assert LINE.at(60.0) == LINE.at(75.0) == 1.0 and LINE.at(600.0) is None and LINE.at(3000.0) == 5.0
    assert Series("p50", XS, LINE.ys).at(600.0) == 2.0


def test_a_long_line_with_gaps_keeps_them() -> None:
    xs = [float(at * 60) for at in range(5000) if not 1000 < at < 2000]
    long = Series("p50", xs, xs, gap=90.0)
    assert long.envelope(0, xs[-1], 100) == [] and len(long.pieces(0, xs[-1])) == 2
    assert Series("p50", xs, xs).envelope(0, xs[-1], 100)


def test_counts_are_nothing_between_two_minutes_that_have_some() -> None:
    assert with_zeros([(0, 5), (60, 4), (600, 3)], 60) == [(0, 5), (60, 4), (120, 0), (540, 0), (600, 3)]
    assert with_zeros([(0, 5), (120, 4)], 60) == [(0, 5), (60, 0), (120, 4)]
    assert with_zeros([], 60) == []


def test_the_latency_of_an_endpoint_ends_where_its_calls_end() -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    minutes = tuple((begin + timedelta(minutes=at), 20.0) for at in (0, 1, 18, 19))
    [line] = latency_series(EndpointMetrics((), minutes, 0, None))
    assert [len(piece) for piece in line.pieces(line.xs[0], line.xs[-1])] == [2, 2]
    quarters = tuple((begin + timedelta(minutes=15 * at), 20.0) for at in (*range(8), 12, 13))
    [line] = latency_series(EndpointMetrics((), minutes, 0, None, day_latency_ms=quarters))
    assert [len(piece) for piece in line.pieces(line.xs[0], line.xs[-1])] == [8, 2]
