"""What a launch form says about the quota of its instance type; knows no widget."""

from __future__ import annotations

from dataclasses import dataclass

from console.models.format import count
from workers.aws.quotas import Quota
from workers.errors.tree import AccessDenied, SageDeckError
from workers.tuning.request import combinations
from workers.tuning.types import TuningSpec
from workers.types import TrainingSpec


@dataclass(frozen=True)
class QuotaWords:
    """A line with its tone (``ok``, ``info``, ``warn``, ``err``), and what to do below it."""

    tone: str
    line: str
    advice: str = ""


def instances_at_a_time(spec: TrainingSpec | TuningSpec) -> int:
    """How many instances a launch of this form has at the most at one time."""
    if isinstance(spec, TrainingSpec):
        return spec.instance_count
    jobs = spec.max_jobs or combinations(spec.ranges) or 1
    return min(jobs, spec.max_parallel) * spec.instance_count


def quota_words(spec: TrainingSpec | TuningSpec, quota: Quota) -> QuotaWords:
    """Whether the launch fits what the account may run, and what to do when it does not."""
    wanted = instances_at_a_time(spec)
    with_this = quota.used + wanted
    line = f"Quota: {with_this} of {quota.limit}"
    if with_this <= quota.limit:
        return QuotaWords("ok", f"Quota: {with_this} of {count(quota.limit, 'instance')} with this")
    options = []
    if wanted > 1 and quota.limit:
        jobs = isinstance(spec, TuningSpec) and spec.max_parallel > 1
        options.append("run fewer jobs at a time" if jobs else "take fewer hosts")
    options.append("switch spot off" if spec.spot else "choose another instance")
    choice = f"{', '.join(options)} or ask for more."
    if wanted > quota.limit:
        return QuotaWords("err", line, f"AWS will refuse {count(wanted, 'instance')}: {choice}")
    return QuotaWords("warn", line, f"{quota.used} in use now: wait for a job to end, {choice}")


def unknown_words(error: SageDeckError | None) -> QuotaWords:
    """The quota could not be read, or (without an error) AWS knows none of this name. A launch may well succeed."""
    if error is None:
        return QuotaWords("info", "Quota: none known for this instance")
    if isinstance(error, AccessDenied):
        missing = error.action or "servicequotas:ListServiceQuotas"
        return QuotaWords("info", "Quota: could not be read", f"The permission {missing} is missing.")
    return QuotaWords("info", "Quota: could not be read", error.message)
