"""When a tuning job stops one of its training jobs early.

Source: SageMaker Developer Guide, "Stop training jobs early", and for Hyperband "How hyperparameter tuning works".
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

# Successive halving keeps the better third at every rung.
HYPERBAND_REDUCTION = 3


def stops_early(current: Sequence[float], previous: Sequence[Sequence[float]], *, maximize: bool) -> bool:
    """The documented median rule, for the latest epoch of a running job.

    ``current``: the objective after each epoch so far; ``previous``: the same for the tuning job's earlier training
    jobs. The job stops when its latest value is worse than the median of the running averages that the others had
    up to the same epoch. Jobs that did not come that far do not count; with none there is nothing to compare.
    """
    epochs = len(current)
    averages = [statistics.fmean(values[:epochs]) for values in previous if len(values) >= epochs > 0]
    averages = [average for average in averages if math.isfinite(average)]
    if not averages or not math.isfinite(current[-1]):
        return False
    median = statistics.median(averages)
    return current[-1] < median if maximize else current[-1] > median


def hyperband_rungs(min_resource: int, max_resource: int) -> list[int]:
    """The epochs at which Hyperband compares jobs: ``min``, ``min`` x 3, … below ``max``."""
    rungs = []
    rung = min_resource
    while rung < max_resource:
        rungs.append(rung)
        rung *= HYPERBAND_REDUCTION
    return rungs


def hyperband_stops(
    current: Sequence[float], others: Sequence[Sequence[float]], rungs: Sequence[int], *, maximize: bool
) -> bool:
    """True when the job has just reached a rung and is not among the best third of those that reached it.

    Asynchronous successive halving: a job is compared with what is known now and never waits for others.
    """
    epochs = len(current)
    if epochs not in rungs:
        return False
    scores = [_best(values[:epochs], maximize) for values in others if len(values) >= epochs]
    mine = _best(current, maximize)
    if mine is None or len(scores) < HYPERBAND_REDUCTION - 1:
        return False
    better = sum(1 for score in scores if score is not None and (score > mine if maximize else score < mine))
    return better >= math.ceil((len(scores) + 1) / HYPERBAND_REDUCTION)


def _best(values: Sequence[float], maximize: bool) -> float | None:
    finite = [value for value in values if math.isfinite(value)]
    return (max(finite) if maximize else min(finite)) if finite else None
