"""Wrong hyperparameters are told before a launch, from the training script's own source."""

from __future__ import annotations

import pytest

from workers.training_arguments import argument_problem, script_arguments


def test_the_arguments_are_those_of_the_script():
    assert {"backbone", "epochs", "learning_rate", "batch_size", "views", "unfreeze", "seed"} <= script_arguments()
    assert all(name.replace("_", "").isalpha() for name in script_arguments())


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["weight_decay", "image-size"], None),
        ([], None),
        (["weight_decy"], "Did you mean weight_decay?"),
        (["seed", "momentum_of_things"], "no argument momentum_of_things."),
    ],
)
def test_a_name_that_the_script_does_not_know_is_told(names, words):
    problem = argument_problem(names)
    assert problem is None if words is None else words in problem


@pytest.mark.parametrize("source", ["def broken(", None])
def test_a_source_that_cannot_be_read_forbids_nothing(tmp_path, monkeypatch, source):
    path = tmp_path / "settings.py"
    if source is not None:
        path.write_text(source)
    monkeypatch.setattr("workers.training_arguments.script_arguments", lambda: script_arguments.__wrapped__(path))
    assert argument_problem(["anything"]) is None
