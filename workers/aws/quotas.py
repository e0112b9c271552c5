"""How many instances of a type an account may train on at a time, and how many it uses now."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from workers.aws.session import AwsSession
from workers.types import TrainingJob

T = TypeVar("T")

SERVICE = "sagemaker"
# ListServiceQuotas takes dozens of calls for SageMaker's thousands of quotas, and they change once in months.
QUOTAS_SECONDS = 900.0
# Between two looks at a form, running jobs change little; a launch of one's own forgets them at once.
RUNNING_SECONDS = 15.0


@dataclass(frozen=True)
class Quota:
    """One applied quota, ``name`` and ``code`` as Service Quotas has them; ``used`` are instances in use now."""

    name: str
    code: str
    limit: int
    used: int = 0


class RunningJobs(Protocol):
    """What is asked about running jobs (``workers.training.jobs.Training``)."""

    def jobs(self, *, search: str = "", status: str | None = None) -> AsyncIterator[TrainingJob]:
        """All jobs in this state."""

    async def complete(self, jobs: list[TrainingJob]) -> tuple[TrainingJob, ...]:
        """The same with their details."""


class Quotas:
    """The training quotas of one account. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession, training: RunningJobs, clock: Callable[[], float] = time.monotonic) -> None:
        self._session, self._training, self._clock = session, training, clock
        self._applied: _Kept[dict[str, dict[str, object]]] = _Kept({}, -math.inf)
        self._defaults: _Kept[dict[str, dict[str, object]]] = _Kept({}, -math.inf)
        self._running: _Kept[tuple[TrainingJob, ...]] = _Kept((), -math.inf)

    async def training(self, instance_type: str, spot: bool = False) -> Quota | None:
        """The quota for training on this type; ``None`` when AWS knows none of that name.

        Needs ``servicequotas:ListServiceQuotas``, and ``ListAWSDefaultServiceQuotas`` for a quota that was never
        applied to the account.
        """
        name = quota_name(instance_type, spot)
        found = (await self._quotas("list_service_quotas", self._applied)).get(name)
        if found is None:
            found = (await self._quotas("list_aws_default_service_quotas", self._defaults)).get(name)
        if found is None:
            return None
        used = sum(
            max(1, job.instance_count)
            for job in await self._running_jobs()
            if job.instance_type == instance_type and job.spot == spot
        )
        return Quota(name, found.get("QuotaCode", ""), int(found["Value"]), used)

    async def request(self, quota: Quota, wanted: int) -> str:
        """Ask AWS for ``wanted`` instances; returns the state of the request (``PENDING``, ``CASE_OPENED`` …)."""
        answer = await self._session.call(
            "service-quotas",
            "request_service_quota_increase",
            doing="ask for a higher quota",
            ServiceCode=SERVICE,
            QuotaCode=quota.code,
            DesiredValue=float(wanted),
        )
        self._applied.at = -math.inf
        return str(answer["RequestedQuota"].get("Status", ""))

    def forget_running(self) -> None:
        """Count the running jobs anew at the next question, for example because one was launched."""
        self._running.at = -math.inf

    async def _quotas(self, operation: str, kept: _Kept[dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
        if self._clock() - kept.at >= QUOTAS_SECONDS:
            pages = self._session.paginate(
                "service-quotas",
                operation,
                "Quotas",
                doing="read the quotas",
                ServiceCode=SERVICE,
                PaginationConfig={"PageSize": 100},
            )
            kept.value = {item["QuotaName"]: item async for item in pages}
            kept.at = self._clock()
        return kept.value

    async def _running_jobs(self) -> tuple[TrainingJob, ...]:
        if self._clock() - self._running.at >= RUNNING_SECONDS:
            jobs = [job for state in ("InProgress", "Stopping") async for job in self._training.jobs(status=state)]
            self._running.value = await self._training.complete(jobs)
            self._running.at = self._clock()
        return self._running.value


class _Kept(Generic[T]):
    """A value and when it was read."""

    def __init__(self, value: T, at: float) -> None:
        self.value, self.at = value, at


def quota_name(instance_type: str, spot: bool = False) -> str:
    """``ml.m5.2xlarge for training job usage``: how Service Quotas names it."""
    return f"{instance_type} for {'spot ' if spot else ''}training job usage"


def increase_cli(quota: Quota, wanted: int) -> str:
    """The AWS CLI line that asks AWS for ``wanted`` instances."""
    return (
        f"aws service-quotas request-service-quota-increase --service-code {SERVICE} "
        f"--quota-code {quota.code} --desired-value {wanted}"
    )
