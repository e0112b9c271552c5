"""What is known of a test while it runs, and the report that comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from workers.children.typed import read
from workers.errors.tree import AccessDenied, LocalProblem, NotFound, SageDeckError
from workers.load.arrivals import Shape
from workers.load.reports import new_id
from workers.load.types import LoadEnd, LoadProgress, LoadReport, LoadTarget, Second, Totals

Instances = tuple[tuple[float, int], ...]
OnProgress = Callable[[LoadProgress, Instances], None]


class Running:
    """What is known of a test that runs."""

    def __init__(
        self, target: LoadTarget, shape: Shape, pictures: str, account: str, region: str, on_progress: OnProgress
    ) -> None:
        self._target, self._shape, self._pictures = target, shape, pictures
        self._account, self._region, self._on_progress = account, region, on_progress
        self.began = time.time()
        self.begun = False
        self._seconds: list[Second] = []
        self._counts: list[tuple[float, int]] = []
        self._end = LoadEnd("broken", 0.0, Totals())

    def hear(self, kind: str, value: Mapping[str, Any]) -> None:
        """A frame of the child."""
        if kind == "result":
            self._end = read(LoadEnd, value)
            self._seconds += self._end.seconds
            return
        progress = read(LoadProgress, value)
        if not self.begun:
            self.begun, self.began = True, time.time() - progress.elapsed
        self._seconds += progress.seconds
        self._end = LoadEnd("broken", progress.elapsed, progress.totals)
        self._on_progress(progress, self._instances())

    def count(self, instances: int) -> None:
        """So many instances are in service now."""
        self._counts.append((time.time(), instances))

    def _instances(self) -> Instances:
        """The counts by seconds after the begin, which is known only when the child tells of it; before it the last."""
        after = [(round(at - self.began, 1), number) for at, number in self._counts]
        before = [number for second, number in after if second <= 0]
        return (*((0.0, number) for number in before[-1:]), *(entry for entry in after if entry[0] > 0))

    def break_off(self, reason: str) -> None:
        """The child died."""
        self._end = replace(self._end, reason=reason)

    def leave(self) -> None:
        """Nobody waits for it any more."""
        self._end = replace(self._end, ended="cancelled")

    def report(self) -> LoadReport:
        """All of it."""
        return LoadReport(
            id=new_id(self.began, self._target),
            account=self._account,
            region=self._region,
            target=self._target,
            shape=self._shape,
            began=self.began,
            elapsed=self._end.elapsed,
            ended=self._end.ended,
            totals=self._end.totals,
            seconds=tuple(self._seconds),
            reason=self._end.reason,
            pictures=Path(self._pictures).name if self._pictures else "",
            instances=self._instances(),
        )


def problem_of(report: LoadReport) -> SageDeckError | None:
    """Why a test ended before its time, as an error to show; None for one that came to its end or was stopped."""
    if report.ended == "gone":
        return NotFound(
            "The load test ended: what it asks is gone",
            report.reason,
            f"{report.target.words} was deleted meanwhile. The report up to then is kept.",
        )
    if report.ended == "refused":
        return AccessDenied("The load test ended: every request is refused", report.reason, "The report is kept.")
    if report.ended == "broken":
        return LocalProblem(
            "The load test stopped unexpectedly",
            "Its process ended before the test did. What it had told up to then is kept.",
            "Start it again.",
            code=report.reason if report.reason.startswith("exit ") else "",
            details=report.reason,
        )
    return None
