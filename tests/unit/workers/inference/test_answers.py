"""What an answer says, and what is none: other people's endpoints answer as they like."""

from __future__ import annotations

import pytest

from workers.errors.tree import ModelFailed
from workers.inference.answers import classes_of, read_answer


def test_the_best_class_is_first_whatever_the_order() -> None:
    assert read_answer('{"labels": ["Pug", "Akita", 3], "probabilities": [0.1, 0.7, 0.2]}') == (
        ("Akita", "3", "Pug"), (0.7, 0.2, 0.1),
    )  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        "", "no JSON", "[]", "3", "null", "[" * 100_000, "{}", '{"labels": ["a"]}', '{"probabilities": [1]}',
        '{"labels": [], "probabilities": []}', '{"labels": ["a", "b"], "probabilities": [1]}',
        '{"labels": "ab", "probabilities": [0.5, 0.5]}', '{"labels": ["a"], "probabilities": ["much"]}',
        '{"labels": ["a"], "probabilities": [null]}', '{"labels": ["a"], "probabilities": [NaN]}',
        '{"labels": ["a", "b"], "probabilities": [1, -Infinity]}', '{"labels": ["a"], "probabilities": [1e999]}',
        '{"labels": ["a"], "probabilities": [1' + "0" * 400 + "]}",
    ],
    ids=lambda body: body[:60],
)  # fmt: skip
def test_what_is_no_answer_is_told(body: str) -> None:
    with pytest.raises(ModelFailed) as error:
        read_answer(body)
    assert error.value.code == "UnexpectedAnswer" and error.value.details == body[:2000]


def test_classes_are_read_where_the_answer_has_a_list_of_them() -> None:
    assert classes_of('{"classes": ["Pug", 3]}') == ("Pug", "3")
    for body in ("", "[]", "{}", '{"classes": null}', '{"classes": "Pug"}', "[" * 100_000):
        assert classes_of(body) == ()
