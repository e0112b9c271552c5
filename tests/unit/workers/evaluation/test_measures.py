"""The figures of an evaluation and of two compared, against what they are by definition."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.evaluation import AKITA, CLASSES, HUSKY, PUG, answered, evaluation
from workers.evaluation.comparing import chance, compare
from workers.evaluation.measures import latency, measure
from workers.evaluation.page import notes_of
from workers.evaluation.types import Answered


def some() -> list[Answered]:
    return [
        answered("a/1", AKITA, AKITA, 0.9), answered("a/2", AKITA, PUG, 0.95), answered("p/1", PUG, PUG, 0.6),
        answered("p/2", PUG, HUSKY, 0.5), answered("h/1", HUSKY, HUSKY, 0.7),
        Answered("h/2", HUSKY, "d", error="The model container failed"),
    ]  # fmt: skip


def test_accuracy_classes_matrix_and_mistakes() -> None:
    found = measure(evaluation(some()))
    assert (found.answered, found.failed, found.judged, found.right) == (5, 1, 5, 3)
    assert found.accuracy == pytest.approx(0.6) and found.top5 == 1.0
    assert found.confusion == ((1, 1, 0), (0, 1, 1), (0, 0, 1))
    pug = next(score for score in found.scores if score.name == PUG)
    assert (pug.precision, pug.recall, pug.support, pug.answered, pug.title) == (0.5, 0.5, 2, 2, "Pug")
    husky = next(score for score in found.scores if score.name == HUSKY)
    assert (husky.precision, husky.recall, husky.f1) == (0.5, 1.0, pytest.approx(2 / 3)), "f1: the harmonic mean"
    for answers in (some(), some()[::-1]):
        mistakes = measure(evaluation(answers)).mistakes
        assert [mistake.answer.path for mistake in mistakes] == ["a/2", "p/2"], "the most confident first"


def test_a_class_never_answered_has_no_precision_and_one_without_pictures_no_recall() -> None:
    found = measure(evaluation([answered("a/1", AKITA, PUG)]))
    by_name = {score.name: score for score in found.scores}
    assert by_name[AKITA].precision is None and by_name[AKITA].recall == 0
    assert by_name[PUG].precision == 0 and by_name[PUG].recall is None
    assert by_name[HUSKY].f1 is None and found.absent == (PUG, HUSKY)


def test_folders_that_are_no_class_of_the_model_are_named_and_do_not_count() -> None:
    answers = [answered("a/1", "akita", AKITA), answered("w/1", "Wolf", HUSKY), answered("w/2", "Wolf", PUG)]
    found = measure(evaluation(answers))
    assert found.unknown == (("Wolf", 2),)
    assert (found.judged, found.right, found.accuracy, found.unjudged) == (1, 1, 1.0, 2)
    said = " ".join(notes_of(found))
    assert "no class for 1 of the folders: Wolf (2)" in said and "2 pictures do not count" in said
    nothing = measure(evaluation([answered("w/1", "Wolf", HUSKY)]))
    assert nothing.accuracy is None and nothing.ece is None


def test_a_model_that_does_not_tell_its_classes_is_taken_at_the_folders_names() -> None:
    answers = [answered("a/1", "akita", AKITA), answered("w/1", "Wolf", HUSKY)]
    found = measure(evaluation(answers, classes=()))
    assert not found.told and "Wolf" in found.classes and found.judged == 2
    assert any("does not say which classes" in note for note in notes_of(found))


def test_two_classes_of_one_title_are_told_apart_by_their_whole_name_alone() -> None:
    twins = ("1.Pug", "2.Pug")
    answers = [answered("1", "1.Pug", "1.Pug"), answered("2", "pug", "2.Pug")]
    found = measure(evaluation(answers, classes=twins))
    assert (found.judged, found.unknown) == (1, (("pug", 1),))


def test_top5_is_not_known_where_the_answers_name_too_few_classes() -> None:
    many = tuple(f"class {at}" for at in range(10))
    few = Answered("1", many[0], "d", labels=many[:2], probabilities=(0.6, 0.4))
    assert measure(evaluation([few], classes=many)).top5 is None


def test_top5_counts_the_first_five_and_one_answer_with_fewer_leaves_it_unknown() -> None:
    many = tuple(f"class {at}" for at in range(10))

    def about(truth: int, labels: tuple[str, ...]) -> Answered:
        return Answered(str(truth), many[truth], "d", labels=labels, probabilities=(0.1,) * len(labels))

    answers = [about(4, many[:5]), about(5, many[:5]), about(5, many[:6]), about(0, many[:5])]
    assert measure(evaluation(answers, classes=many)).top5 == 0.5
    assert measure(evaluation([*answers, about(0, many[:4])], classes=many)).top5 is None
    assert measure(evaluation([about(1, many[:2])], classes=many[:2])).top5 == 1.0, "two classes are named by two"


def test_an_answer_that_is_no_class_of_the_model_is_wrong_and_in_no_cell() -> None:
    found = measure(evaluation([answered("1", PUG, "Wolf"), answered("2", PUG, PUG)]))
    assert (found.judged, found.right, sum(map(sum, found.confusion))) == (2, 1, 1)
    pug = next(score for score in found.scores if score.name == PUG)
    assert (pug.support, pug.recall, pug.precision) == (2, 0.5, 1.0) and found.mistakes[0].said == "Wolf"


def test_classes_that_the_model_does_not_tell_are_in_the_order_of_their_names() -> None:
    names = [f"{letter}{number}" for letter in "edcba" for number in range(4)]
    answers = [Answered(name, name, "d", labels=(name,), probabilities=(1.0,)) for name in names]
    wolves = [Answered(name, name, "d", labels=("a0",), probabilities=(1.0,)) for name in ("Wolf", "Fox")]
    found = measure(evaluation([*answers, *wolves], classes=()))
    assert found.classes == (*sorted(names), "Fox", "Wolf")


def test_bins_lie_side_by_side_from_0_to_1_and_hold_their_edges() -> None:
    sure = [0.0, 0.0999, 0.1, 0.55, 0.9, 1.0]
    found = measure(evaluation([answered(str(value), PUG, PUG, value) for value in sure]))
    assert [(part.low, part.high) for part in found.bins] == [(at / 10, (at + 1) / 10) for at in range(10)]
    assert [part.count for part in found.bins] == [2, 1, 0, 0, 0, 1, 0, 0, 0, 2]
    empty, last = found.bins[2], found.bins[9]
    assert (empty.confidence, empty.accuracy) == (None, None) and (last.confidence, last.accuracy) == (0.95, 1.0)


@pytest.mark.parametrize(("count", "p95"), [(1, 1.0), (2, 2.0), (19, 19.0), (20, 20.0), (21, 20.0), (100, 96.0)])
def test_the_median_and_the_time_that_95_of_100_do_not_exceed(count: int, p95: float) -> None:
    times = [float(at) for at in range(count, 0, -1)]
    found = latency([answered(str(ms), PUG, PUG, ms=ms) for ms in times])
    assert (found.p95, found.median) == (p95, (count + 1) / 2)
    assert sum(ms <= p95 for ms in times) >= 0.95 * count


def test_without_a_time_nothing_is_said_of_times_but_cold_starts_are_counted() -> None:
    cold = [answered(str(at), PUG, PUG, ms=5000.0, cold=True) for at in range(2)]
    found = latency([*cold, answered("3", PUG, PUG, ms=None)])
    assert (found.mean, found.median, found.p95, found.network, found.cold) == (None, None, None, None, 2)
    assert latency([answered("1", PUG, PUG, ms=10.0), answered("2", PUG, PUG, ms=None)]).mean == 10.0


def test_the_calibration_error_by_hand() -> None:
    answers = [answered("1", PUG, PUG, 0.95), answered("2", PUG, AKITA, 0.95), answered("3", PUG, PUG, 0.55)]
    found = measure(evaluation(answers))
    assert found.ece == pytest.approx(2 / 3 * abs(0.95 - 0.5) + 1 / 3 * abs(0.55 - 1.0))
    assert [part.count for part in found.bins] == [0, 0, 0, 0, 0, 1, 0, 0, 0, 2]


@pytest.mark.parametrize(
    ("answers", "cloud", "parts"),
    [
        ([answered("1", PUG, PUG, ms=100.0)], None, (None, None, None)),
        ([answered("1", PUG, PUG, ms=100.0)], 40.0, (60.0, None, 40.0)),
        ([answered("1", PUG, PUG, ms=100.0, function_ms=70.0)], None, (30.0, 70.0, None)),
        ([answered("1", PUG, PUG, ms=100.0, function_ms=70.0)], 40.0, (30.0, 30.0, 40.0)),
        ([answered("1", PUG, PUG, ms=100.0, model_ms=90.0)], None, (10.0, None, 90.0)),
        ([answered("1", PUG, PUG, ms=100.0)], 400.0, (None, None, None)),
        ([answered("1", PUG, PUG, ms=100.0, function_ms=70.0)], 80.0, (30.0, 70.0, None)),
        ([answered("1", PUG, PUG, ms=100.0, model_ms=0.0, function_ms=0.0)], None, (100.0, 0.0, 0.0)),
        ([answered("1", PUG, PUG, ms=90.0, model_ms=9.0), answered("2", PUG, PUG, ms=110.0)], None, (None,) * 3),
    ],
)
def test_where_the_time_goes_and_a_dash_where_nobody_says(
    answers: list[Answered], cloud: float | None, parts: tuple[float | None, ...]
) -> None:
    found = latency(answers, cloud)
    assert (found.network, found.function, found.model) == parts
    known = [part for part in parts if part is not None]
    assert not known or sum(known) == pytest.approx(100.0)


def test_a_cold_start_is_counted_but_in_no_mean() -> None:
    found = latency([answered("1", PUG, PUG, ms=5000.0, cold=True), answered("2", PUG, PUG, ms=50.0)])
    assert (found.mean, found.cold) == (50.0, 1)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(CLASSES), st.sampled_from(CLASSES), st.floats(0, 1), st.booleans()), max_size=40)
)
def test_the_figures_fit_together(rows: list[tuple[str, str, float, bool]]) -> None:
    answers = [
        answered(str(at), truth, top, sure) if good else Answered(str(at), truth, "", error="no")
        for at, (truth, top, sure, good) in enumerate(rows)
    ]
    found = measure(evaluation(answers))
    assert found.answered + found.failed == len(rows)
    assert sum(map(sum, found.confusion)) == found.judged == sum(part.count for part in found.bins)
    assert sum(found.confusion[at][at] for at in range(len(CLASSES))) == found.right
    assert found.judged - found.right == len(found.mistakes)
    assert found.ece is None or 0 <= found.ece <= 1
    again = compare(evaluation(answers), evaluation(answers))
    assert (again.changes, again.only_first, again.only_second) == ((), 0, 0) and again.same == again.pictures


def test_two_evaluations_are_compared_by_what_the_pictures_hold() -> None:
    first = evaluation([answered("1", PUG, PUG), answered("2", PUG, AKITA), answered("3", PUG, AKITA),
                        answered("4", PUG, PUG), answered("6", PUG, PUG)])  # fmt: skip
    moved = answered("1", PUG, PUG, digest=first.answers[0].digest)
    others = [answered("2", PUG, PUG), answered("3", PUG, HUSKY), answered("4", PUG, HUSKY), answered("5", PUG, PUG)]
    second = evaluation([replace(moved, path="elsewhere/1"), *others])
    found = compare(first, second)
    assert (found.both_right, found.only_first, found.only_second, found.both_wrong) == (1, 1, 1, 1)
    assert {change.path: change.kind for change in found.changes} == {
        "2": "only second right", "3": "both wrong, differently", "4": "only first right",
    }  # fmt: skip
    assert (found.not_in_second, found.not_in_first, found.same) == (1, 1, 1)


def test_names_of_one_class_in_two_models_are_one_answer() -> None:
    first = evaluation([answered("1", PUG, HUSKY)])
    other = Answered("1", PUG, first.answers[0].digest, labels=("Husky", "Pug"), probabilities=(0.9, 0.1))
    found = compare(first, evaluation([other], classes=("Husky", "Pug")))
    assert (found.both_wrong, found.changes) == (1, ())


@pytest.mark.parametrize(("only_first", "only_second"), [(0, 5), (3, 12), (7, 7), (40, 60)])
def test_mcnemars_exact_test_by_its_definition(only_first: int, only_second: int) -> None:
    total = only_first + only_second
    tail = sum(math.comb(total, at) for at in range(min(only_first, only_second) + 1)) / 2**total
    assert chance(only_first, only_second) == pytest.approx(min(1.0, 2 * tail))
    assert chance(0, 0) is None and chance(5000, 4000) is not None
