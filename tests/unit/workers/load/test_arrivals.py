"""When requests are meant to be sent: bounded, ascending, as many as the area below the rate, the same for a seed."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.load.arrivals import (
    MOST_RATE,
    MOST_SECONDS,
    Shape,
    arrivals,
    curve_of,
    expected,
    profile,
    shape_problem,
)

rates = st.floats(0, 200).map(lambda rate: round(rate, 3))
seconds = st.floats(1, 60).map(lambda length: round(length, 2))


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    kind = draw(st.sampled_from(["constant", "ramp", "curve", "poisson"]))
    points = sorted(draw(st.dictionaries(st.integers(0, 90), rates, min_size=1, max_size=6)).items())
    return Shape(
        kind,
        draw(rates),
        draw(seconds),
        draw(rates) if kind == "ramp" else 0.0,
        tuple((float(at), rate) for at, rate in points) if kind == "curve" else (),
        draw(st.integers(0, 99)),
    )


@given(shapes())
def test_times_ascend_within_the_duration_and_are_the_same_again(shape: Shape) -> None:
    times = list(arrivals(shape))
    assert times == sorted(times) == list(arrivals(shape))
    assert all(0 <= time <= shape.seconds for time in times)


@given(shapes())
def test_there_are_as_many_as_the_area_below_the_rate(shape: Shape) -> None:
    times = list(arrivals(shape))
    if shape.kind == "poisson":
        mean = expected(shape)
        assert abs(len(times) - mean) <= 6 * math.sqrt(mean) + 6
    else:
        assert len(times) == expected(shape)
        # At every moment, too: never more than one away from what the rate has come to.
        for cut in (0.25, 0.5, 0.75):
            until = shape.seconds * cut
            area = sum(
                (min(t1, until) - t0) * (r0 + r0 + (r1 - r0) * (min(t1, until) - t0) / (t1 - t0)) / 2
                for (t0, r0), (t1, r1) in itertools.pairwise(profile(shape))
                if t0 < until
            )
            assert abs(sum(time < until for time in times) - area) <= 1.01


def test_what_some_shapes_come_to() -> None:
    assert list(arrivals(Shape("constant", 2, 2))) == [0.0, 0.5, 1.0, 1.5]
    ramp = list(arrivals(Shape("ramp", 2, 2)))
    assert ramp == pytest.approx([0.0, math.sqrt(2)])
    curve = Shape("curve", 0, 4, points=((1.0, 0.0), (2.0, 2.0), (3.0, 0.0)))
    assert list(arrivals(curve)) == pytest.approx([1.0, 2.0])
    assert curve.peak == 2 and expected(curve) == 2
    assert list(arrivals(Shape("poisson", 5, 10, seed=1))) != list(arrivals(Shape("poisson", 5, 10, seed=2)))


def test_gaps_of_poisson_vary_as_they_should() -> None:
    gaps = [later - earlier for earlier, later in itertools.pairwise(arrivals(Shape("poisson", 100, 60, seed=3)))]
    mean = sum(gaps) / len(gaps)
    deviation = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps))
    assert mean == pytest.approx(0.01, rel=0.1) and deviation == pytest.approx(mean, rel=0.1)


@pytest.mark.parametrize(
    "shape, words",
    [
        (Shape("constant", 0, 10), "above 0"),
        (Shape("constant", -1, 10), "0 or more"),
        (Shape("constant", math.nan, 10), "0 or more"),
        (Shape("constant", math.inf, 10), "0 or more"),
        (Shape("constant", 1, 0.5), "1 to 3,600"),
        (Shape("constant", 1, MOST_SECONDS + 1), "1 to 3,600"),
        (Shape("constant", MOST_RATE + 1, 10), "At most 2,000"),
        (Shape("ramp", 1, 10, start_rate=MOST_RATE + 1), "At most 2,000"),
        (Shape("constant", 1000, 1000), "sends at most 500,000"),
        (Shape("curve", 0, 10), "needs points"),
        (Shape("curve", 0, 10, points=((5.0, 1.0), (5.0, 2.0))), "must rise"),
        (Shape("curve", 0, 10, points=((0.0, 1.0), (5.0, MOST_RATE * 2))), "At most 2,000"),
    ],
)
def test_what_cannot_be_sent_is_said(shape: Shape, words: str) -> None:
    assert words in shape_problem(shape)


def test_what_can_be_sent_has_no_problem() -> None:
    assert shape_problem(Shape("constant", 20, 60)) == ""
    assert shape_problem(Shape("ramp", 20, 60)) == ""


@pytest.mark.parametrize(
    "text, points",
    [
        ("0 5, 60 40", ((0.0, 5.0), (60.0, 40.0))),
        ("0:5; 60:40", ((0.0, 5.0), (60.0, 40.0))),
        ("second,rate\n0,5\n60,40.5\n", ((0.0, 5.0), (60.0, 40.5))),
        ("0\t5\r\n60\t40", ((0.0, 5.0), (60.0, 40.0))),
        ("", ()),
    ],
)
def test_a_curve_is_read_as_people_write_it(text: str, points: tuple[tuple[float, float], ...]) -> None:
    assert curve_of(text) == points


@pytest.mark.parametrize("text", ["5", "0 5, six 40", "0 5 3, 4 5", "0 5\nx,y\n"])
def test_what_is_no_curve_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="is not a second and a rate"):
        curve_of(text)
