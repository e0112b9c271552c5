"""The frozen values of scaling: concurrency of functions, instances of endpoint variants. Waits are in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

MOST_LEFT_FREE = 100
METRIC = "SageMakerVariantInvocationsPerInstance"
Points = tuple[tuple[datetime, float], ...]


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

    ``busiest``: the most calls at a time in the last 24 hours; None: CloudWatch does not know.
    """

    name: str
    memory_mb: int
    pool: Pool
    reserved: int | None
    provisioned: tuple[Provisioned, ...] = ()
    qualifiers: tuple[Qualifier, ...] = ()
    busiest: float | None = None

    @property
    def provided(self) -> int:
        """Environments kept warm, all versions together, as they were asked for."""
        return sum(warm.requested for warm in self.provisioned)


@dataclass(frozen=True)
class Variant:
    """One variant of an endpoint that has instances. ``status`` is the endpoint's."""

    endpoint: str
    name: str
    status: str
    instance_type: str
    current: int
    desired: int

    @property
    def id(self) -> str:
        """``ENDPOINT / VARIANT``: what it is called here."""
        return f"{self.endpoint} / {self.name}"

    @property
    def resource(self) -> str:
        """What Application Auto Scaling calls it."""
        return f"endpoint/{self.endpoint}/variant/{self.name}"


@dataclass(frozen=True)
class Suspended:
    """Which kinds of scaling stand still."""

    scale_in: bool = False
    scale_out: bool = False
    scheduled: bool = False

    def __bool__(self) -> bool:
        return self.scale_in or self.scale_out or self.scheduled


@dataclass(frozen=True)
class Target:
    """A variant as a scalable target."""

    minimum: int
    maximum: int
    suspended: Suspended = Suspended()


@dataclass(frozen=True)
class Policy:
    """A scaling policy. ``value`` None: it is not one of target tracking. ``metric`` is what it tracks, as AWS says."""

    name: str
    kind: str
    value: float | None = None
    metric: str = ""
    out_wait: int = 300
    in_wait: int = 300
    scale_in_off: bool = False
    alarms: tuple[str, ...] = ()

    @property
    def tracks_invocations(self) -> bool:
        """True for target tracking of the invocations per instance, which is what the form changes."""
        return self.value is not None and self.metric == METRIC


@dataclass(frozen=True)
class Schedule:
    """A scheduled action: at these times the limits become these (None: the limit stays)."""

    name: str
    expression: str
    timezone: str
    minimum: int | None
    maximum: int | None


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
