"""Stand-ins for ``Security`` and ``Trail`` of the workers: an account that a test sets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from workers.access.grants import DiffLine
from workers.audit.trail import TrailEvent, TrailPage
from workers.security.changes_identity import NarrowRole
from workers.security.check import examine
from workers.security.groups import GroupFact, OpenRule
from workers.security.narrowing import RoleUse, ServiceUse
from workers.security.secrets import Hint
from workers.security.service import AREAS
from workers.security.types import Change, NotChecked, Report, ordered

ACCOUNT = "123456789012"
FULL = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
SSH = OpenRule("tcp", 22, 22, "0.0.0.0/0")


def report(facts: dict[str, Sequence[Any]], not_checked: Sequence[NotChecked] = ()) -> Report:
    """What a look at these facts (by area) finds; every other area has none."""
    now = datetime.now(UTC)
    parts = [examine(area, facts.get(area.name, ()), now, ACCOUNT, "us-east-1") for area in AREAS]
    return Report(
        ordered([finding for part in parts for finding in part.findings]),
        (*not_checked, *(entry for part in parts for entry in part.not_checked)),
        {check: number for part in parts for check, number in part.looked.items()},
        now,
        ACCOUNT,
        "us-east-1",
    )


def open_group(*rules: OpenRule) -> GroupFact:
    """A security group with these rules."""
    return GroupFact("sg-0c81d9be27", "sg-dog-trainer", ACCOUNT, "us-east-1", rules or (SSH,))


def unsafe_account(long: str = "") -> dict[str, Sequence[Any]]:
    """The account of the pictures: a broad role, SSH open, IMDSv1, a user without MFA, and some more.

    ``long`` names a role and a function besides.
    """
    from tests.helpers import security as facts

    more = [replace(facts.FUNCTION, name=long, urls=("NONE",), hints=(Hint("Secret Keyword", long),))] if long else []
    return {
        "functions": more,
        "users": [replace(facts.USER, name="operator", second_factor=False, keys=())],
        "roles and users": [
            replace(facts.ROLE, name=long or "dog-predict-role", attached=(("AmazonSageMakerFullAccess", FULL),))
        ],
        "security groups": [open_group()],
        "instances": [replace(facts.INSTANCE, id="i-07be44d0", name="dog-scratch", tokens=False)],
        "log groups": [replace(facts.LOGS, name=f"/aws/lambda/dog-{number}", days=None) for number in range(3)],
    }


class FakeSecurity:
    """The same methods as ``Security``. ``facts`` by area are what is there; ``did`` has what was carried out."""

    def __init__(self, facts: dict[str, Sequence[Any]] | None = None) -> None:
        self.facts = facts or {}
        self.not_checked: tuple[NotChecked, ...] = ()
        self.asked: list[tuple[str, ...]] = []
        self.did: list[Change] = []
        self.error: Exception | None = None
        self.apply_error: Exception | None = None
        self.use: RoleUse | None = None
        self.answered: Callable[[], Any] | None = None

    async def look(self, areas: Sequence[str] = (), progress: Callable[[int, int], object] | None = None) -> Report:
        self.asked.append(tuple(areas))
        if progress is not None:
            progress(1, len(AREAS))
        await asyncio.sleep(0)
        if self.answered is not None:
            await self.answered()
        if self.error is not None:
            raise self.error
        found = report(self.facts, self.not_checked)
        if not areas:
            return found
        return replace(
            found,
            findings=tuple(finding for finding in found.findings if finding.area in areas),
            not_checked=tuple(entry for entry in found.not_checked if entry.area in areas),
        )

    async def apply(self, change: Change) -> None:
        await asyncio.sleep(0)
        if self.apply_error is not None:
            raise self.apply_error
        self.did.append(change)
        kind, _ = change.subject
        for area, kinds in (("security groups", "securitygroup"), ("instances", "instance"), ("log groups", "log")):
            if kind == kinds:
                name = change.subject[1]
                self.facts = {
                    **self.facts,
                    area: [fact for fact in self.facts.get(area, ()) if fact.resource.name != name],
                }

    async def role_use(self, role: str) -> RoleUse:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return self.use or narrowable(role)


def narrowable(role: str = "dog-predict-role") -> RoleUse:
    """What a role of the pictures used."""
    now = datetime.now(UTC)
    statement = '    { "Effect": "Allow", "Action": ["s3:GetObject", "sagemaker:InvokeEndpoint"],'
    lines = ['{ "Version": "2012-10-17",', '  "Statement": [', statement, '      "Resource": "*" }', "  ] }"]
    document: Any = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["s3:GetObject", "sagemaker:InvokeEndpoint"], "Resource": "*"},
        ],
    }
    change = NarrowRole(role, "sagedeck-narrowed", document, (FULL,), (), (FULL,), ())
    services = (
        ServiceUse("sagemaker", "Amazon SageMaker", now - timedelta(hours=5)),
        ServiceUse("s3", "Amazon S3", now - timedelta(days=2)),
        *(ServiceUse(name, f"Amazon {name.upper()}", None) for name in ("ec2", "ecr", "glue", "kms")),
    )
    return RoleUse(
        role, services, now, change, tuple(DiffLine(at, "+", text) for at, text in enumerate(lines, start=1))
    )


def happened(number: int, name: str, target: str, minutes: int, **more: Any) -> TrailEvent:
    """An event so many minutes ago."""
    at = datetime.now(UTC) - timedelta(minutes=minutes)
    service = more.pop("service", "sagemaker")
    return TrailEvent(f"e-{number}", at, name, service, "operator", (("AWS::SageMaker::Endpoint", target),), **more)


def some_events() -> list[TrailEvent]:
    """The events of the pictures."""
    return [
        happened(1, "CreateEndpoint", "dog-classifier-canary", 3),
        happened(2, "CreateHyperParameterTuningJob", "dogs-tuning-1409", 41),
        happened(3, "RegisterScalableTarget", "endpoint/dog-classifier-multi", 60, service="application-autoscaling"),
        happened(4, "DeleteBucket", "dogs-482109375516", 200, service="s3", error="AccessDenied"),
        happened(5, "UpdateFunctionCode20150331v2", "arn:aws:lambda:us-east-1:1:function:dog-predict", 2000,
                 service="lambda"),
        happened(6, "RunInstances", "i-0a3f91c2", 5000, service="ec2"),
        happened(7, "CreateTrainingJob", "dogs-resnet50-ddp-2", 9000),
    ]  # fmt: skip


class FakeTrail:
    """The same methods as ``Trail``: pages of ``PAGE`` events of ``events``."""

    PAGE = 5

    def __init__(self, events: Sequence[TrailEvent] = ()) -> None:
        self.events = list(events)
        self.asked: list[tuple[str, str | None]] = []
        self.error: Exception | None = None
        self.answered: Callable[[], Any] | None = None

    async def page(self, resource: str = "", token: str | None = None, since: datetime | None = None) -> TrailPage:
        self.asked.append((resource, token))
        await asyncio.sleep(0)
        if self.answered is not None:
            await self.answered()
        if self.error is not None:
            raise self.error
        found = [event for event in self.events if not resource or resource in repr(event.resources)]
        start = int(token or 0)
        end = start + self.PAGE
        return TrailPage(tuple(found[start:end]), str(end) if end < len(found) else None)
