"""What a page about an evaluation says beside its figures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.helpers.evaluation import AKITA, HUSKY, PUG, answered, evaluation
from workers.evaluation.comparing import compare
from workers.evaluation.measures import measure
from workers.evaluation.page import comparison_page, evaluation_page, notes_of
from workers.evaluation.types import Answered, Evaluation, Run

ALL = [answered("1", AKITA, AKITA), answered("2", PUG, PUG), answered("3", HUSKY, HUSKY)]
FAILED = Answered("4", PUG, "", error="It is damaged")


@pytest.mark.parametrize(
    ("made", "notes"),
    [
        (evaluation(ALL), []),
        (evaluation(ALL, pictures=5), ["Stopped: 2 of 5 pictures were not asked about; this is of the rest."]),
        (evaluation(ALL[:1]), ["2 of the model's classes have no picture here: Pug, Husky."]),
        (evaluation([*ALL, FAILED]), ["1 picture got no answer: it is listed with the reason."]),
        (evaluation([*ALL, FAILED, replace(FAILED, path="5")]),
         ["2 pictures got no answer: they are listed with the reason."]),
        (evaluation([*ALL, answered("w", "Wolf", PUG)]),
         ["The model has no class for 1 of the folders: Wolf (1). Their 1 picture does not count as right or wrong: "
          "the figures are of the other 3."]),
        (evaluation(ALL, classes=()),
         ["The model does not say which classes it knows: the folders' names are taken for them."]),
        (evaluation([FAILED], classes=()), ["1 picture got no answer: it is listed with the reason."]),
    ],
)  # fmt: skip
def test_what_a_reader_must_know_is_said_and_nothing_else(made: Evaluation, notes: list[str]) -> None:
    assert notes_of(measure(made)) == notes
    page = evaluation_page(made, measure(made), {})
    assert page.count('class="note"') == len(notes)


def test_the_page_says_what_was_asked_and_how_long_it_took() -> None:
    made = evaluation([*ALL, answered("5", PUG, AKITA), answered("6", PUG, PUG, cold=True)], folder="/pictures")
    page = evaluation_page(made, measure(made), {})
    assert "test pictures of /pictures; begun" in page and "took 2.0 s; account 123456789012, us-east-1" in page
    assert "1 cold start is left out." in page and "Mistakes, the most confident first" in page
    again = replace(made, head=replace(made.head, split="all"), runs=(*made.runs, Run(made.head.began + 9, 1.5, 1)))
    page = evaluation_page(again, measure(again), {})
    assert "all pictures of /pictures" in page and "took 3.5 s in 2 goes" in page
    weakest = page.index("Classes, weakest first")
    assert weakest < page.index("Akita", weakest) < page.index("Husky", weakest), "Akita was answered wrongly once"


def test_a_page_of_two_names_both() -> None:
    first, second = evaluation(ALL), evaluation([*ALL[:2], answered("3", HUSKY, PUG)], target="model:dogs-2")
    page = comparison_page(first, second, compare(first, second), (measure(first), measure(second)))
    assert "A: endpoint dogs" in page and "B: model of dogs-2 on this computer" in page
