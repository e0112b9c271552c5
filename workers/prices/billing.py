"""What bills: the one rule by which the states of endpoints and jobs become instances that AWS charges for.

AWS charges for an endpoint's instances from their start until they are gone (SageMaker's price page), and for a
training job from TrainingStartTime to TrainingEndTime (DescribeTrainingJob's reference). Everything that shows a
price or a sum asks here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workers.types import Endpoint, Fleet, TrainingJob

# The instances run or are being started. While an update goes on, the larger of both numbers is meant.
_RUN = frozenset({"Creating", "InService", "Updating", "SystemUpdating", "RollingBack", "UpdateRollbackFailed"})
# These have no instances, or lose them: only those bill that AWS still reports.
_AS_REPORTED = frozenset({"Failed", "Deleting", "OutOfService"})
ENDPOINT_STATES = _RUN | _AS_REPORTED
# The instance is not there yet, or was taken away: spot capacity that AWS needed itself.
_UNBILLED_PHASES = frozenset({"Pending", "Starting", "LaunchingMLInstances", "Interrupted"})


def billed_fleets(endpoint: Endpoint) -> tuple[Fleet, ...]:
    """The instances that are charged for now, by variant; a state that is not known is taken to bill.

    ``current`` of each is the number to be charged for. Serverless variants have no instances and are left out.
    """
    reported = endpoint.status in _AS_REPORTED
    fleets = endpoint.fleets
    if not fleets and not reported:
        # Before AWS reports variants, the configuration says how many there will be.
        least = 1 if endpoint.status in _RUN else 0
        count = max(endpoint.instance_count, endpoint.desired_count, least)
        fleets = (Fleet(endpoint.instance_type, count, count),)
    charged = ((fleet, fleet.current if reported else max(fleet.current, fleet.desired)) for fleet in fleets)
    return tuple(Fleet(fleet.instance_type, count, count) for fleet, count in charged if count and fleet.instance_type)


def bills_now(job: TrainingJob) -> bool:
    """True while a training job's instances are charged for: from their start until the model is saved."""
    if not job.running:
        return False
    # Until its details are read a job may have no start and no phase: running jobs are then taken to bill.
    return job.secondary_status != "Interrupted" and (
        job.started is not None or job.secondary_status not in _UNBILLED_PHASES
    )


def billed_environments(config: Mapping[str, Any]) -> int:
    """How many environments of one ProvisionedConcurrencyConfig are charged for.

    Those asked for, from the moment of asking; where AWS could not provide them (FAILED), those that are there.
    """
    key = "Allocated" if config.get("Status") == "FAILED" else "Requested"
    return int(config.get(f"{key}ProvisionedConcurrentExecutions", 0))
