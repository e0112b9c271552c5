"""The frozen values of a load test. Times are seconds, latencies milliseconds; None is what is not known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workers.load.arrivals import Shape
from workers.types import Backend

Ended = Literal["done", "cancelled", "gone", "refused", "broken"]

# InvokeEndpoint gives up after 60 s; a bit later it will not answer any more.
TIMEOUT_SECONDS = 70.0
# Sent so soon after its time counts as in time.
IN_TIME_SECONDS = 0.010


@dataclass(frozen=True)
class LoadTarget:
    """What is asked: a variant of an endpoint, or a function. ``part`` is the variant, or a version or alias.

    ``pick`` names the variant in each request, which only an endpoint with several needs.
    """

    kind: Literal["endpoint", "function"]
    name: str
    part: str = ""
    pick: bool = False

    @property
    def words(self) -> str:
        """``dogs / AllTraffic``, ``function dogs-predict``."""
        if self.kind == "function":
            return f"function {self.name}{f':{self.part}' if self.part else ''}"
        return f"{self.name} / {self.part}" if self.part else self.name

    @property
    def resource(self) -> str:
        """What Application Auto Scaling calls a variant."""
        return f"endpoint/{self.name}/variant/{self.part}"


@dataclass(frozen=True)
class LoadRequest:
    """What the child is told. ``pictures``: absolute path of a file or a folder; "": one drawn picture."""

    backend: Backend
    target: LoadTarget
    shape: Shape
    pictures: str = ""
    timeout: float = TIMEOUT_SECONDS


@dataclass(frozen=True)
class Latency:
    """Percentiles in milliseconds."""

    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    p999: float | None = None
    worst: float | None = None
    mean: float | None = None


@dataclass(frozen=True)
class ErrorCount:
    """Answers that were none: their code as it is shown, how many, and the words of the first."""

    code: str
    count: int
    message: str = ""


@dataclass(frozen=True)
class Second:
    """What happened in one second of a test, ``at`` seconds after its begin. Percentiles from the intended start."""

    at: int
    intended: int
    sent: int
    answered: int
    failed: int
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    errors: tuple[ErrorCount, ...] = ()


@dataclass(frozen=True)
class Totals:
    """All of a test so far.

    ``latency`` counts from when a request was meant to be sent, ``service`` from when it was sent, ``late`` is what
    lies between. ``not_sent``: there was no room for it, or the test was stopped before. ``unanswered``: it was stopped
    while they were under way. intended = sent + not_sent + waiting; sent = answered + failed + unanswered + open.
    """

    intended: int = 0
    sent: int = 0
    in_time: int = 0
    not_sent: int = 0
    answered: int = 0
    failed: int = 0
    unanswered: int = 0
    open: int = 0
    waiting: int = 0
    latency: Latency = Latency()
    service: Latency = Latency()
    late: Latency = Latency()
    errors: tuple[ErrorCount, ...] = ()


@dataclass(frozen=True)
class LoadProgress:
    """How far a test is, and the seconds that have ended since the last time."""

    elapsed: float
    totals: Totals
    seconds: tuple[Second, ...] = ()


@dataclass(frozen=True)
class LoadEnd:
    """How the child's part ended, with the words of what ended it."""

    ended: Ended
    elapsed: float
    totals: Totals
    seconds: tuple[Second, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Happening:
    """Something that auto scaling did meanwhile, ``at`` seconds after the begin, in AWS's words."""

    at: float
    description: str
    cause: str
    status: str


@dataclass(frozen=True)
class LoadReport:
    """A test that has ended, as it is kept. ``began`` is POSIX seconds. No secrets, no pictures.

    ``instances``: (seconds after the begin, in service); ``pictures`` in words.
    """

    id: str
    account: str
    region: str
    target: LoadTarget
    shape: Shape
    began: float
    elapsed: float
    ended: Ended
    totals: Totals
    seconds: tuple[Second, ...]
    reason: str = ""
    pictures: str = ""
    instances: tuple[tuple[float, int], ...] = ()
    happened: tuple[Happening, ...] = ()
