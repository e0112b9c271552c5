"""Zooming and panning: always a part of the whole, no closer than makes sense, and back to all of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from console.models.zoom import View

WHOLE = View((0.0, 100.0), least=2.0)
NUMBERS = st.floats(-1e6, 1e6)


def test_zooming_keeps_what_is_under_the_pointer() -> None:
    closer = WHOLE.zoomed(2, 25.0)
    assert closer.part == (12.5, 62.5)
    assert closer.zoomed(2, 25.0).part == (18.75, 43.75)
    assert closer.zoomed(0.1).part is None


def test_panning_stops_at_the_ends() -> None:
    part = WHOLE.to(40, 60)
    assert part.panned(0.5).part == (50, 70)
    assert part.panned(99).part == (80, 100) and part.panned(-99).part == (0, 20)
    assert WHOLE.panned(1) == WHOLE


def test_new_figures_leave_the_part_in_sight() -> None:
    part = WHOLE.to(40, 60)
    assert part.with_whole((0, 200), 2).part == (40, 60)
    assert part.with_whole((70, 200), 2).part is None
    assert part.with_whole((50, 200), 2).part == (50, 70)


@given(st.lists(st.tuples(st.sampled_from(("zoom", "pan", "to")), NUMBERS, NUMBERS), max_size=12))
def test_whatever_is_done_a_part_of_the_whole_is_shown(steps: list[tuple[str, float, float]]) -> None:
    view = WHOLE
    for what, a, b in steps:
        if what == "zoom":
            view = view.zoomed(min(50.0, abs(a) + 0.02), b)
        elif what == "pan":
            view = view.panned(a)
        else:
            view = view.to(a, b)
        low, high = view.shown
        assert -1e-6 <= low < high <= 100 + 1e-6 and high - low >= 2 - 1e-6
