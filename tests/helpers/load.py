"""Stand-ins for load tests: a report, and ``workers.load.service.LoadTests`` that a test drives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from workers.errors.tree import SageDeckError
from workers.load.arrivals import Shape, expected
from workers.load.check import Checked
from workers.load.costs import endpoint_cost
from workers.load.reports import new_id
from workers.load.service import LoadControl
from workers.load.types import (
    ErrorCount,
    Happening,
    Latency,
    LoadProgress,
    LoadReport,
    LoadTarget,
    Second,
    Totals,
)

ACCOUNT, REGION = "123456789012", "us-east-1"
BEGAN = 1_800_000_000.0
THROTTLED = "TooManyRequestsException: ReservedFunctionConcurrentInvocationLimitExceeded"
MAIN = LoadTarget("endpoint", "dog-classifier-multi", "AllTraffic")


def totals_of(intended: int = 1200, failed: int = 30, p50: float = 120.0, **changes: Any) -> Totals:
    given: dict[str, Any] = {
        "intended": intended,
        "sent": intended,
        "in_time": intended - 1,
        "answered": intended - failed,
        "failed": failed,
        "latency": Latency(p50, p50 * 1.8, p50 * 5, p50 * 9, p50 * 11, p50 * 1.2),
        "service": Latency(p50 * 0.9, p50 * 1.4, p50 * 2, p50 * 4, p50 * 5, p50),
        "late": Latency(0.8, 1.6, 4.0, 9.0, 12.0, 1.0),
        "errors": (ErrorCount(THROTTLED, failed, "Rate Exceeded."),) if failed else (),
    }
    return Totals(**given | changes)


def seconds_of(length: int = 60, rate: int = 20, p50: float = 120.0) -> tuple[Second, ...]:
    """A minute with some throttled calls in its middle."""
    found = []
    for at in range(length):
        bad = 1 if length // 3 <= at < 2 * length // 3 else 0
        slow = p50 * (1 + bad * 1.5)
        errors = (ErrorCount(THROTTLED, bad),) if bad else ()
        found.append(Second(at, rate, rate, rate - bad, bad, slow, slow * 1.8, slow * (3 + at % 5), errors))
    return tuple(found)


def report_of(began: float = BEGAN, target: LoadTarget = MAIN, p50: float = 120.0, **changes: Any) -> LoadReport:
    given: dict[str, Any] = {
        "id": new_id(began, target),
        "account": ACCOUNT,
        "region": REGION,
        "target": target,
        "shape": Shape("constant", 20, 60),
        "began": began,
        "elapsed": 60.4,
        "ended": "done",
        "totals": totals_of(p50=p50),
        "seconds": seconds_of(p50=p50),
        "instances": ((0.0, 1), (31.0, 2), (55.0, 3)),
        "happened": (
            Happening(28.0, "Setting desired instance count to 2.", "monitor alarm High triggered p", "Successful"),
        ),
    }
    return LoadReport(**given | changes)


class FakeLoad:
    """The same methods as ``LoadTests``. A test that begins goes on until ``tell``, ``end`` or its control ends it."""

    def __init__(self) -> None:
        self.reports: list[LoadReport] = []
        self.error: SageDeckError | None = None
        self.cost = endpoint_cost(60, 1, 4, 0.115, 600, 26_000)
        self.asked: list[tuple[Any, ...]] = []
        self.running: asyncio.Future[LoadReport] | None = None
        self.control: LoadControl | None = None
        self._tell: Callable[..., None] = lambda *_: None
        self.keep_error: SageDeckError | None = None

    async def check(self, target: LoadTarget, shape: Shape, pictures: str = "") -> Checked:
        self.asked.append(("check", target, shape, pictures))
        if self.error is not None:
            raise self.error
        return Checked(target, expected(shape), self.cost)

    async def run(
        self,
        target: LoadTarget,
        shape: Shape,
        pictures: str = "",
        *,
        watched: LoadTarget | None = None,
        on_progress: Callable[..., None] = lambda *_: None,
        control: LoadControl | None = None,
    ) -> LoadReport:
        self.asked.append(("run", target, shape, pictures, watched))
        self._tell, self.control = on_progress, control
        self.running = asyncio.get_running_loop().create_future()
        report = await self.running
        return replace(report, target=target, shape=shape)

    def tell(self, elapsed: float, seconds: tuple[Second, ...], instances: tuple[tuple[float, int], ...] = ()) -> None:
        """What the child tells."""
        sent = sum(second.sent for second in seconds)
        totals = totals_of(sent, sum(second.failed for second in seconds))
        self._tell(LoadProgress(elapsed, totals, seconds), instances)

    def end(self, **changes: Any) -> None:
        """The test ends like this."""
        assert self.running is not None
        self.running.set_result(report_of(**changes))

    async def keep(self, report: LoadReport) -> None:
        if self.keep_error is not None:
            raise self.keep_error
        self.reports.insert(0, report)

    async def kept(self) -> tuple[LoadReport, ...]:
        return tuple(replace(report, seconds=()) for report in self.reports)

    async def whole(self, report: LoadReport) -> LoadReport:
        return next(kept for kept in self.reports if kept.id == report.id)

    async def forget(self, report: LoadReport) -> None:
        self.reports = [kept for kept in self.reports if kept.id != report.id]
