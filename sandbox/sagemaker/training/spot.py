"""Managed spot training: what a request must say, how long a job may wait and run, and what is billed.

Source: SageMaker API Reference (StoppingCondition, DescribeTrainingJob) and Developer Guide, "Managed Spot Training".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.wire.errors import AwsError

# SageMaker API Reference, StoppingCondition: one day unless asked for.
DEFAULT_MAX_RUNTIME = 86_400
# AWS takes spot instances away when it needs them. Here it is AddTags with this key on a job that does it, for the API
# has no operation for it and every client can add a tag.
INTERRUPT_TAG = "sagedeck:interrupt"
# The sandbox has no spot market. This is a usual saving; AWS's own differs by type, region and hour.
SPOT_SAVING = 0.68


def is_spot(request: Mapping[str, object]) -> bool:
    """True for a request, or a Describe answer, with EnableManagedSpotTraining."""
    return bool(request.get("EnableManagedSpotTraining"))


def check_spot(request: Mapping[str, Any]) -> None:
    """Refuse, in AWS's words, a MaxWaitTimeInSeconds that does not go with the rest of the request."""
    stopping = request.get("StoppingCondition", {})
    wait = stopping.get("MaxWaitTimeInSeconds")
    if not is_spot(request):
        if wait is not None:
            raise AwsError(
                "ValidationException",
                "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining is set to true",
            )
    elif wait is None or wait < stopping.get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME):
        raise AwsError(
            "ValidationException",
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds when "
            "EnableManagedSpotTraining is set to true",
        )


def wait_limit(job: Mapping[str, Any]) -> float | None:
    """Seconds from its creation after which a spot job ends, waiting or running; None for other jobs."""
    return job["StoppingCondition"].get("MaxWaitTimeInSeconds") if is_spot(job) else None


def trained_seconds(job: Mapping[str, Any], now: float) -> float:
    """Seconds since the job's instances began, without those in which an interrupted job had none.

    An instance is paid for until it is gone (Interrupted: up to two minutes), not while the job waits for another.
    """
    if "TrainingStartTime" not in job:
        return 0.0
    seconds = now - job["TrainingStartTime"]
    for step in job.get("SecondaryStatusTransitions", ()):
        if step["Status"] == "Starting" and step["StartTime"] >= job["TrainingStartTime"]:
            seconds -= step.get("EndTime", now) - step["StartTime"]
    return max(0.0, seconds)


def run_limit(job: Mapping[str, Any], now: float) -> tuple[float, str]:
    """Seconds that a job (its Describe answer) may still run, and the SecondaryStatus when they are over.

    The time that a spot job waited for its instances counts against MaxWaitTimeInSeconds, and what it ran before an
    interruption against MaxRuntimeInSeconds.
    """
    longest = float(job["StoppingCondition"].get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME))
    if any(step["Status"] == "Interrupted" for step in job.get("SecondaryStatusTransitions", ())):
        # All runs of a job together have the time of one.
        longest = max(0.0, longest - trained_seconds(job, now))
    wait = wait_limit(job)
    if wait is not None and (left := job["CreationTime"] + wait - now) < longest:
        return max(0.0, left), "MaxWaitTimeExceeded"
    return longest, "MaxRuntimeExceeded"


def billable_seconds(job: Mapping[str, object], training_seconds: int) -> int:
    """BillableTimeInSeconds: wall-clock time of one instance, which AWS multiplies by InstanceCount on the bill.

    For a spot job it is shorter than TrainingTimeInSeconds: the saving is ``1 - billable / training``.
    """
    if not is_spot(job):
        return training_seconds
    return max(1, round(training_seconds * (1 - SPOT_SAVING)))
