"""Formats, axes, cards and confusions: the arithmetic behind what is painted."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from console.models.cards import Answer, Card, bars, class_title, headline, latency_of, verdict
from console.models.chart import Series, count_scale, nice_step, time_scale, value_scale
from console.models.confusion import accuracy, most_confused, top_confusions
from console.models.format import ago, bytes_text, count, dollars, duration, fraction, milliseconds, percent, when

NOW = datetime(2025, 9, 18, 14, 0).astimezone()


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (246_000, "246 KB"), (1_080_000_000, "1.08 GB"), (23_400_000, "23.4 MB")],
)
def test_sizes(size: int, text: str) -> None:
    assert bytes_text(size) == text


def test_sizes_never_show_four_digits() -> None:
    assert bytes_text(999_900) == "1 MB"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(48, "48 s"), (192, "3 min 12 s"), (2460, "41 min"), (7500, "2 h 05 min"), (800_000, "9 d"), (-3, "0 s")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_times_ago() -> None:
    assert ago(NOW - timedelta(seconds=1), NOW) == "now"
    assert ago(NOW - timedelta(seconds=8), NOW) == "8 s ago"
    assert ago(NOW - timedelta(minutes=4, seconds=50), NOW) == "4 min ago"
    assert ago(NOW - timedelta(days=19), NOW) == "19 d ago"


def test_times_of_day_yesterday_and_before() -> None:
    assert when(NOW, NOW) == f"{NOW.astimezone():%H:%M}"
    assert when(NOW - timedelta(days=1), NOW) == "yesterday"
    assert when(datetime(2025, 3, 5, 12).astimezone(), NOW) == "5 Mar"
    assert when(datetime(2023, 3, 5, 12).astimezone(), NOW) == "5 Mar 2023"


def test_scores_money_and_percents() -> None:
    assert (fraction(0.8712), fraction(1), fraction(0.9999), fraction(0)) == (".871", "1.000", "1.000", ".000")
    assert fraction(0.25, 2) == ".25"
    assert (dollars(0.47), dollars(-1), dollars(1204)) == ("$0.47", "–$1.00", "$1,204.00")
    assert (percent(0.634), percent(0.001), percent(0), percent(1)) == ("63", "<1", "0", "100")
    assert (milliseconds(71.2), milliseconds(1400), milliseconds(2.34)) == ("71 ms", "1.4 s", "2.3 ms")
    assert (count(1, "job"), count(1204, "picture")) == ("1 job", "1,204 pictures")


@given(st.floats(1e-6, 1e9), st.integers(2, 8))
def test_steps_are_round_and_few(span: float, most: int) -> None:
    step = nice_step(span, most)
    assert span / step <= most + 1e-6
    digits = step / 10 ** math.floor(math.log10(step) + 1e-12)
    assert min(abs(digits - wanted) for wanted in (1, 2, 2.5, 5, 10)) < 1e-6


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
@example(5e-324, 0.0)
@example(-2e-308, 1e-308)
@example(1e-12, 9e-13)
def test_value_axes_hold_every_value(low: float, span: float) -> None:
    scale = value_scale(low, low + span)
    assert scale.low <= low + 1e-6 * abs(low) and scale.high >= low + span
    assert len(scale.ticks) >= 2 and len(set(scale.ticks)) == len(scale.ticks)


def test_value_axis_of_nothing_and_of_not_a_number() -> None:
    assert value_scale(math.nan, 1).ticks
    assert value_scale(5, 5).high > 5


@pytest.mark.parametrize("most", range(1, 8))
def test_what_is_counted_has_whole_ticks(most: int) -> None:
    for high in range(1, 40):
        ticks = value_scale(0, high, most, whole=True).ticks
        assert all(tick == round(tick) for tick in ticks) and len(ticks) <= most + 2


def test_epochs_get_whole_ticks_within_the_axis() -> None:
    scale = count_scale(1, 20, 5)
    assert all(tick == int(tick) and 1 <= tick <= 20 for tick in scale.ticks)
    assert count_scale(1, 2, 6).ticks == (1, 2)
    assert count_scale(1, 10, 4).ticks == (2, 4, 6, 8, 10), "no half epochs"
    assert count_scale(1, 22, 9).ticks == (5, 10, 15, 20)
    assert count_scale(0.4, 0.8, 4, 0.11).ticks == pytest.approx((0.4, 0.5, 0.6, 0.7, 0.8))
    assert count_scale(0, 1, 6, 0.1).ticks == pytest.approx((0, 0.2, 0.4, 0.6, 0.8, 1.0)), "an axis of shares"


def test_time_ticks_are_on_round_local_times() -> None:
    scale = time_scale(1_700_000_123, 1_700_003_700, 6, offset=5400)
    assert scale.ticks and all((tick + 5400) % 600 == 0 for tick in scale.ticks)


def test_the_value_nearest_to_a_place() -> None:
    series = Series("val", [1, 2, 5], [0.1, 0.2, 0.5])
    assert (series.at(4), series.at(-9), Series("none", [], []).at(1)) == (0.5, 0.1, None)


def test_class_folders_in_words() -> None:
    assert class_title("004.Akita") == "Akita"
    assert class_title("124.Poodle_standard") == "Poodle standard"
    assert class_title("2007") == "2007"
    assert class_title("shih-tzu") == "shih-tzu"


HUSKY = Answer(("husky", "malamute"), (0.6, 0.3), 70.0)
MALAMUTE = Answer(("malamute", "husky"), (0.5, 0.4), 80.0)


def test_bars_join_the_answers_by_class() -> None:
    card = Card("1", "x.jpg", "x.jpg", "husky", (MALAMUTE, HUSKY))
    assert [(bar.label, bar.values) for bar in bars(card)] == [("husky", (0.4, 0.6)), ("malamute", (0.5, 0.3))]
    assert latency_of(card) == 80.0


@pytest.mark.parametrize(
    ("truth", "answers", "expected"),
    [
        ("husky", (HUSKY,), ("ok", "right")),
        ("husky", (MALAMUTE,), ("err", "wrong")),
        ("husky", (HUSKY, HUSKY), ("ok", "both right")),
        ("husky", (MALAMUTE, HUSKY), ("err", "A wrong")),
        ("husky", (HUSKY, MALAMUTE), ("err", "B wrong")),
        ("akita", (HUSKY, MALAMUTE), ("err", "both wrong")),
        ("", (HUSKY,), ("neutral", "")),
        ("husky", (HUSKY, None), ("run", "asking…")),
        ("husky", (Answer(error="too large"),), ("err", "failed")),
        ("husky", (HUSKY, Answer(error="too large")), ("err", "B failed")),
        ("husky", (Answer(error="gone"), Answer(error="too large")), ("err", "both failed")),
        ("husky", (), ("run", "")),
    ],
)
def test_verdicts(truth: str, answers: tuple[Answer | None, ...], expected: tuple[str, str]) -> None:
    assert verdict(Card("1", "x", "x.jpg", truth, answers)) == expected


def test_nobody_waits_for_what_is_not_asked() -> None:
    assert verdict(Card("1", "x", "x.jpg", "husky", (None,), asking=False)) == ("neutral", "not asked")


def test_headline_is_the_truth_else_the_answer_else_the_file() -> None:
    assert headline(Card("1", "x", "x.jpg", "001.Great_dane", (HUSKY,))) == "Great dane"
    assert headline(Card("1", "x", "x.jpg", "", (HUSKY,))) == "husky"
    assert headline(Card("1", "x", "x.jpg")) == "x.jpg"
    assert latency_of(Card("1", "x", "x.jpg", "", (HUSKY, None))) is None


def test_confusions_by_number_and_partners_together() -> None:
    counts = [[5, 3, 0, 0], [0, 8, 0, 0], [0, 0, 2, 1], [0, 1, 0, 7]]
    worst = top_confusions(counts)
    assert [(cell.truth, cell.answer, cell.count, cell.of) for cell in worst] == [
        (0, 1, 3, 8),
        (2, 3, 1, 3),
        (3, 1, 1, 8),
    ]
    assert most_confused(counts, 3) == [0, 1, 2]
    assert most_confused(counts, 2) == [0, 1] and most_confused(counts) == [0, 1, 2, 3]
    # Of those that nobody confuses the first ones fill up, and the worst pair stands before them.
    assert most_confused([[9, 0, 0, 0], [0, 9, 0, 0], [0, 0, 9, 0], [0, 2, 0, 7]], 3) == [3, 1, 0]
    # Of equals the one that is the larger share of its class.
    assert [(cell.truth, cell.answer) for cell in top_confusions([[8, 2], [2, 1]])] == [(1, 0), (0, 1)]
    many = [[0 if at == other else 1 for other in range(12)] for at in range(12)]
    assert len(top_confusions(many)) == len(most_confused(many)) == len(set(most_confused(many))) == 10
    assert accuracy(counts) == pytest.approx(22 / 27)
    assert accuracy([[0]]) is None and top_confusions([]) == [] and most_confused([]) == []
