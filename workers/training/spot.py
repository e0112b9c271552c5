"""Managed spot training: how long to wait for capacity, and what it usually saves."""

from __future__ import annotations

# What is usually left of the on-demand price, for the estimate before a launch only: AWS bills what the job really
# saved, and BillableTimeInSeconds of the finished job tells it.
SPOT_SAVING = 0.68
# Waiting for capacity costs nothing. AWS counts the run itself into the wait, so it may never be less than the run.
WAIT_FOR_CAPACITY_SECONDS = 3600


def max_wait_seconds(max_runtime_seconds: int) -> int:
    """StoppingCondition.MaxWaitTimeInSeconds for a job that may run this long (CreateTrainingJob's reference)."""
    return max_runtime_seconds + max(WAIT_FOR_CAPACITY_SECONDS, max_runtime_seconds)
