"""One definition of how good a job is: the best validation accuracy over its epochs, wherever it is read from."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from workers.tuning.accuracy import BEST, Accuracy, best_accuracy, best_of_tuning
from workers.tuning.types import Trial, TuningJob
from workers.types import EpochMetrics, TrainingJob

START = datetime(2026, 1, 31, tzinfo=UTC)
# It was best in the second of three epochs.
CURVE = [
    EpochMetrics(number, 3, {"valid:accuracy": value, "train:accuracy": 0.99}, START)
    for number, value in enumerate((0.7, 0.831, 0.814), 1)
]


@pytest.mark.parametrize(
    ("metrics", "curve", "expected"),
    [
        ({BEST: 0.831, "valid:accuracy": 0.814}, [], Accuracy(0.831)),
        ({BEST: 0.831, "valid:accuracy": 0.814}, CURVE, Accuracy(0.831)),
        ({"valid:accuracy": 0.814}, [], Accuracy(0.814, exact=False)),
        ({"valid:accuracy": 0.814}, CURVE, Accuracy(0.831)),
        ({"validation:accuracy": 0.6}, [], Accuracy(0.6, exact=False)),
        ({}, CURVE, Accuracy(0.831)),
        ({"train:accuracy": 0.99}, [], None),
        ({BEST: math.nan, "valid:accuracy": math.inf}, [], None),
        ({BEST: math.nan}, CURVE, Accuracy(0.831)),
    ],
)
def test_a_jobs_accuracy_is_the_best_of_its_epochs(
    metrics: dict[str, float], curve: list[EpochMetrics], expected: Accuracy | None
) -> None:
    assert best_accuracy(TrainingJob("dogs", "Completed", START, final_metrics=metrics), curve) == expected


@pytest.mark.parametrize(
    ("metric", "objective", "curve", "expected"),
    [
        (BEST, 0.831, [], Accuracy(0.831)),
        (BEST, 0.831, CURVE, Accuracy(0.831)),
        ("valid:accuracy", 0.814, [], Accuracy(0.814, exact=False)),
        ("valid:accuracy", 0.814, CURVE, Accuracy(0.831)),
        ("valid:loss", 0.4, CURVE, Accuracy(0.831)),
        ("valid:loss", 0.4, [], None),
        # The training accuracy is no validation accuracy.
        ("train:accuracy", 0.99, [], None),
        (BEST, math.nan, [], None),
        (BEST, None, [], None),
    ],
)
def test_a_tuning_jobs_accuracy_is_that_of_its_best_trial(
    metric: str, objective: float | None, curve: list[EpochMetrics], expected: Accuracy | None
) -> None:
    best = Trial("t-001-0123abcd", "Completed", START, objective=objective)
    assert best_of_tuning(TuningJob("t", "Completed", START, objective_metric=metric, best=best), curve) == expected
    assert best_of_tuning(TuningJob("t", "Completed", START, objective_metric=metric), []) is None
