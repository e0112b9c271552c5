"""The frozen values of scaling: concurrency of functions, instances of endpoint variants. Waits are in seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

# Lambda Developer Guide: 100 of the account's concurrency always stay unreserved, of a small quota less.
MOST_LEFT_FREE = 100
METRIC = "SageMakerVariantInvocationsPerInstance"
Points = tuple[tuple[datetime, float], ...]
VARIANT_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
FUNCTION_DIMENSION = "lambda:function:ProvisionedConcurrency"


@dataclass(frozen=True)
class Scalable:
    """What Application Auto Scaling scales, as it names it; ``id``: as it is called here."""

    namespace: str
    resource: str
    dimension: str
    id: str

    @property
    def arguments(self) -> dict[str, str]:
        """What names it in every request."""
        return {
            "ServiceNamespace": self.namespace,
            "ResourceId": self.resource,
            "ScalableDimension": self.dimension,
        }

    @property
    def words(self) -> str:
        """What names it on the AWS CLI."""
        return (
            f"--service-namespace {self.namespace} --resource-id {self.resource} --scalable-dimension {self.dimension}"
        )


def kept_warm(name: str, qualifier: str) -> Scalable:
    """The provisioned concurrency of a function's version or alias."""
    return Scalable("lambda", f"function:{name}:{qualifier}", FUNCTION_DIMENSION, f"{name}:{qualifier}")


@dataclass(frozen=True)
class Pool:
    """How many calls the account's functions may serve at a time in one region, and how many nobody has reserved."""

    limit: int
    unreserved: int

    @property
    def reserved(self) -> int:
        """What functions have reserved, together."""
        return max(0, self.limit - self.unreserved)

    @property
    def least_free(self) -> int:
        """What Lambda keeps for functions without a reservation: 100, or the whole of a smaller pool."""
        return min(self.limit, MOST_LEFT_FREE)

    def reservable(self, own: int | None) -> int:
        """The most that one function with ``own`` reserved may reserve."""
        return max(0, self.unreserved + (own or 0) - self.least_free)


@dataclass(frozen=True)
class Provisioned:
    """Environments kept warm for one version or alias of a function."""

    qualifier: str
    requested: int
    allocated: int
    available: int
    status: str
    reason: str = ""


@dataclass(frozen=True)
class FunctionRow:
    """A function that can be scaled."""

    name: str
    memory_mb: int


@dataclass(frozen=True)
class Qualifier:
    """A version or alias that environments can be provisioned on; an alias has the ``version`` that it points to."""

    name: str
    version: str = ""


@dataclass(frozen=True)
class FunctionScaling:
    """How many calls one function may serve at a time. ``reserved`` None: no reservation.

    ``busiest``: the most calls at a time in the last 24 hours; None: CloudWatch does not know. ``schedules`` are those
    of all its versions and aliases; None: they may not be read.
    """

    name: str
    memory_mb: int
    pool: Pool
    reserved: int | None
    provisioned: tuple[Provisioned, ...] = ()
    qualifiers: tuple[Qualifier, ...] = ()
    busiest: float | None = None
    schedules: tuple[Schedule, ...] | None = ()

    @property
    def provided(self) -> int:
        """Environments kept warm, all versions together, as they were asked for."""
        return sum(warm.requested for warm in self.provisioned)


@dataclass(frozen=True)
class Variant:
    """One variant of an endpoint that has instances. ``status`` is the endpoint's; ``weight``: of its calls."""

    endpoint: str
    name: str
    status: str
    instance_type: str
    current: int
    desired: int
    weight: float = 1.0

    @property
    def id(self) -> str:
        """``ENDPOINT / VARIANT``: what it is called here."""
        return f"{self.endpoint} / {self.name}"

    @property
    def resource(self) -> str:
        """What Application Auto Scaling calls it."""
        return f"endpoint/{self.endpoint}/variant/{self.name}"

    @property
    def scalable(self) -> Scalable:
        """The number of its instances."""
        return Scalable("sagemaker", self.resource, VARIANT_DIMENSION, self.id)


@dataclass(frozen=True)
class Capacity:
    """What one variant is to have: so many instances, such a weight (None: as it is)."""

    name: str
    count: int | None = None
    weight: float | None = None

    @property
    def arguments(self) -> dict[str, str | int | float]:
        """As UpdateEndpointWeightsAndCapacities takes it."""
        given = {"DesiredInstanceCount": self.count, "DesiredWeight": self.weight}
        return {"VariantName": self.name, **{key: value for key, value in given.items() if value is not None}}

    def is_met_by(self, variant: Variant) -> bool:
        """Whether the variant is to have this already."""
        return self.as_it_is(variant) == self

    def as_it_is(self, variant: Variant) -> Capacity:
        """The same values as the variant is to have them now."""
        weight = variant.weight if self.weight is not None else None
        if self.weight is not None and math.isclose(self.weight, variant.weight, rel_tol=1e-6):
            # AWS keeps weights in half as many digits.
            weight = self.weight
        return Capacity(self.name, variant.desired if self.count is not None else None, weight)


@dataclass(frozen=True)
class Suspended:
    """Which kinds of scaling stand still."""

    scale_in: bool = False
    scale_out: bool = False
    scheduled: bool = False

    def __bool__(self) -> bool:
        return self.scale_in or self.scale_out or self.scheduled

    @property
    def arguments(self) -> dict[str, bool]:
        """As RegisterScalableTarget takes it."""
        return {
            "DynamicScalingInSuspended": self.scale_in,
            "DynamicScalingOutSuspended": self.scale_out,
            "ScheduledScalingSuspended": self.scheduled,
        }


@dataclass(frozen=True)
class Target:
    """A variant as a scalable target."""

    minimum: int
    maximum: int
    suspended: Suspended = Suspended()


@dataclass(frozen=True)
class Step:
    """From ``lower`` to ``upper`` beyond the alarm's threshold (None: without end): by how much."""

    lower: float | None
    upper: float | None
    adjustment: int


@dataclass(frozen=True)
class Policy:
    """A scaling policy. ``value`` None: it is not one of target tracking. ``metric`` is what it tracks, as AWS says.

    ``adjustment`` and ``steps`` are those of step scaling: ChangeInCapacity, PercentChangeInCapacity, ExactCapacity.
    """

    name: str
    kind: str
    value: float | None = None
    metric: str = ""
    out_wait: int = 300
    in_wait: int = 300
    scale_in_off: bool = False
    alarms: tuple[str, ...] = ()
    adjustment: str = ""
    steps: tuple[Step, ...] = ()

    @property
    def tracks_invocations(self) -> bool:
        """True for target tracking of the invocations per instance, which is what the form changes."""
        return self.value is not None and self.metric == METRIC


@dataclass(frozen=True)
class Schedule:
    """A scheduled action: at these times the limits become these (None: the limit stays).

    ``resource``: what it scales, as AWS names it. ``start`` and ``end``: not before, and not after. ``created`` is when
    AWS made it.
    """

    name: str
    expression: str
    timezone: str
    minimum: int | None
    maximum: int | None
    resource: str = ""
    start: datetime | None = None
    end: datetime | None = None
    created: datetime | None = None


@dataclass(frozen=True)
class NotScaled:
    """Why nothing was done, in AWS's code, with the capacities it goes with."""

    code: str
    current: int | None = None
    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True)
class Activity:
    """Something that auto scaling did, or did not do, with AWS's words."""

    id: str
    started: datetime
    ended: datetime | None
    status: str
    description: str
    cause: str
    message: str = ""
    not_scaled: tuple[NotScaled, ...] = ()


@dataclass(frozen=True)
class Alarm:
    """An alarm that a policy made. ``side``: whether it is crossed upwards (scale out) or downwards."""

    name: str
    side: Literal["high", "low"]
    threshold: float
    minutes: int
    state: str


@dataclass(frozen=True)
class VariantScaling:
    """All that is known of how a variant is scaled; ``target`` None: its instances are fixed."""

    variant: Variant
    target: Target | None
    policies: tuple[Policy, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    activities: tuple[Activity, ...] = ()
    alarms: tuple[Alarm, ...] = ()

    @property
    def policy(self) -> Policy | None:
        """The policy that the form changes."""
        return next((policy for policy in self.policies if policy.tracks_invocations), None)


@dataclass(frozen=True)
class VariantSettings:
    """What the form of a variant says."""

    minimum: int
    maximum: int
    target: float
    out_wait: int = 300
    in_wait: int = 300


@dataclass(frozen=True)
class VariantFigures:
    """Series of one variant, oldest first: invocations per instance and minute, latencies (ms), instances."""

    per_instance: Points = ()
    p50: Points = ()
    p90: Points = ()
    p99: Points = ()
    instances: Points = ()
    calls: Points = ()
