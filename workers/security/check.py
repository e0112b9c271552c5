"""A check: a pure function over one fact that was read, with the words of its finding; and how checks are made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from workers.aws.session import AwsSession
from workers.errors.tree import SageDeckError
from workers.security.types import OWN, Change, Finding, NotChecked, Report, Resource, Severity, Unread, ordered

HUB = "https://hub.prowler.com/check/"


class Fact(Protocol):
    """What is known of one resource. A field that could not be read holds ``Unread``."""

    @property
    def resource(self) -> Resource: ...


F = TypeVar("F", bound=Fact)


@dataclass(frozen=True)
class Problem:
    """What a check objects to, in a sentence; ``change``, ``cli`` and ``narrows`` as in ``Finding``."""

    reason: str
    change: Change | None = None
    cli: str = ""
    narrows: bool = False


@dataclass(frozen=True)
class Check(Generic[F]):
    """``judge(fact, now)`` gives what is wrong with a fact, and is asked only when all of ``needs`` were read."""

    id: str
    title: str
    severity: Severity
    risk: str
    remedy: str
    judge: Callable[[F, datetime], Iterable[Problem]]
    needs: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """Where Prowler describes the check; "" for one of ours."""
        return "" if self.id.startswith(OWN) else HUB + self.id


@dataclass(frozen=True)
class Area(Generic[F]):
    """Checks over the same facts, which one reader reads. ``name`` completes "looking at …"."""

    name: str
    service: str
    read: Callable[[AwsSession], Awaitable[Sequence[F]]]
    checks: tuple[Check[F], ...]


def examine(area: Area[F], facts: Sequence[F], now: datetime, account: str, region: str) -> Report:
    """Make the checks of an area. A check leaves out facts in which the part that it needs could not be read."""
    findings: list[Finding] = []
    unread: dict[tuple[str, str], list[str]] = {}
    looked = {check.id: 0 for check in area.checks}
    for check in area.checks:
        for fact in facts:
            missing = next((value for need in check.needs if isinstance(value := getattr(fact, need), Unread)), None)
            if missing is not None:
                unread.setdefault((check.id, missing.why), []).append(fact.resource.name)
                continue
            looked[check.id] += 1
            for problem in check.judge(fact, now):
                findings.append(_finding(area, check, fact.resource, problem, now, account, region))
    titles = {check.id: check.title for check in area.checks}
    not_checked = [
        NotChecked(check, titles[check], why, area.name, tuple(names)) for (check, why), names in unread.items()
    ]
    return Report(ordered(findings), tuple(not_checked), looked, now, account, region)


def refused(area: Area[F], error: SageDeckError, now: datetime, account: str, region: str) -> Report:
    """The report of an area that could not be read at all: none of its checks was made."""
    why = Unread.of(error).why
    found = tuple(NotChecked(check.id, check.title, why, area.name) for check in area.checks)
    return Report((), found, {}, now, account, region)


def _finding(
    area: Area[F], check: Check[F], resource: Resource, problem: Problem, now: datetime, account: str, region: str
) -> Finding:
    return Finding(
        check.id,
        check.title,
        check.severity,
        area.service,
        problem.reason,
        resource,
        check.risk,
        check.remedy,
        now,
        area.name,
        account,
        region,
        problem.change.cli if problem.change is not None else problem.cli,
        check.url,
        problem.change,
        problem.narrows,
    )
