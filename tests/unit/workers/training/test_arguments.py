"""Wrong hyperparameters are told before a launch, from the training script's own source."""

from __future__ import annotations

import pytest

from workers.training.arguments import LARGEST_SEED, SETTINGS, argument_problem, script_arguments


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
    monkeypatch.setattr("workers.training.arguments.script_arguments", lambda: script_arguments.__wrapped__(path))
    assert argument_problem(["anything"]) is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"seed": "3", "weight_decay": "1e-3", "batch_size": "64.0", "backbone": "resnet18"}, None),
        ({"weight_decay": "auto", "unfreeze": "all", "schedule": "one-cycle", "flip-test": "true"}, None),
        ({"unfreeze": "auto"}, "unfreeze must be a whole number, not “auto”."),
        ({"image-size": "224.5"}, "image-size must be a whole number, not “224.5”."),
        ({"weight_decay": "inf"}, "weight_decay must be a number, not “inf”."),
        ({"label_smoothing": "0,1"}, "label_smoothing must be a number, not “0,1”."),
        ({"seed": "99999999999"}, "seed must be from 0 to 4,294,967,295."),
        ({"seed": "-1"}, "seed must be from 0"),
        ({"prepare_features": "maybe"}, "prepare_features must be true or false, not “maybe”."),
    ],
)
def test_a_value_that_the_script_would_refuse_is_told_before_the_launch(values, words):
    problem = argument_problem(values)
    assert problem is None if words is None else words in problem


def test_the_largest_seed_is_the_scripts():
    source = SETTINGS.read_text(encoding="utf-8")
    assert "LARGEST_SEED = 2**32 - 1" in source and LARGEST_SEED == 2**32 - 1
