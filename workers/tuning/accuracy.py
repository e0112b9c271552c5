"""How good a job is: its best validation accuracy over all epochs, the one figure that lists and comparisons show."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from workers.tuning.types import TuningJob
from workers.types import EpochMetrics, TrainingJob

# What training/train.py reports in every epoch: the best so far. FinalMetricDataList holds the last value of a metric.
BEST = "valid:best_accuracy"
# The accuracy of an epoch, as this program's script and others call it.
OF_AN_EPOCH = ("valid:accuracy", "val:accuracy", "validation:accuracy")


@dataclass(frozen=True)
class Accuracy:
    """A validation accuracy, 0 to 1. Not ``exact``: only the last epoch's is known, so the best is at least this."""

    value: float
    exact: bool = True


def best_accuracy(job: TrainingJob, epochs: Iterable[EpochMetrics] = ()) -> Accuracy | None:
    """The best validation accuracy of a job over its epochs; ``epochs`` (log or report) help where they are known."""
    found = _of_epochs(epochs)
    best = _finite(job.final_metrics.get(BEST))
    if best is not None or found is not None:
        return Accuracy(max(value for value in (best, found) if value is not None))
    last = next((_finite(job.final_metrics[name]) for name in OF_AN_EPOCH if name in job.final_metrics), None)
    return None if last is None else Accuracy(last, exact=False)


def best_of_tuning(job: TuningJob, epochs: Iterable[EpochMetrics] = ()) -> Accuracy | None:
    """The best validation accuracy of a tuning job's best trial, whose ``epochs`` help where they are known."""
    found = _of_epochs(epochs)
    objective = _finite(job.best.objective) if job.best is not None else None
    if job.objective_metric == BEST and objective is not None:
        return Accuracy(max(objective, found or 0.0))
    if found is not None:
        return Accuracy(found)
    return Accuracy(objective, exact=False) if objective is not None and job.objective_metric in OF_AN_EPOCH else None


def _of_epochs(epochs: Iterable[EpochMetrics]) -> float | None:
    seen = [_finite(epoch.values.get(name)) for epoch in epochs for name in (*OF_AN_EPOCH, BEST)]
    return max((value for value in seen if value is not None), default=None)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
