"""What happened in the account, from CloudTrail's event history: 90 days back, 50 events a page, two pages a second.

Parameters and answers of the calls are left out: they may hold secrets, and the history is read by more people than
made the calls.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from workers.aws.session import AwsSession
from workers.errors.tree import Throttled
from workers.files.hiding import hidden_text

KEPT = timedelta(days=90)
# CloudTrail's most: two requests a second are allowed.
PAGE = 50
# LookupEvents answers two requests a second for each account and region, all callers together.
BETWEEN_SECONDS = 0.55
PATIENCE_SECONDS = (2.0, 4.0, 8.0)
_LONGEST = 300
_NOT_ALLOWED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})


@dataclass(frozen=True)
class TrailEvent:
    """One call. ``who`` is the user or role, ``error`` AWS's code when it was refused, ``changes``: it was no read."""

    id: str
    at: datetime
    name: str
    service: str
    who: str
    resources: tuple[tuple[str, str], ...] = ()
    error: str = ""
    message: str = ""
    changes: bool = True
    # What machines a call asked for, of the calls that have a price; nothing else of what they said.
    machines: tuple[tuple[str, str], ...] = ()

    @property
    def target(self) -> str:
        """The name of what it is about, the last part of an ARN; "" when CloudTrail names nothing."""
        return short_name(self.resources[0][1]) if self.resources else ""


@dataclass(frozen=True)
class TrailPage:
    """Events, the newest first, and the token of the older ones."""

    events: tuple[TrailEvent, ...]
    token: str | None


class Trail:
    """The event history of one account and region. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession, wait: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._session = session
        self._wait = wait
        self._turn = asyncio.Lock()
        self._next = 0.0
        # By the token of a next page: what the first one was asked with.
        self._starts: dict[str, datetime] = {}

    async def page(self, resource: str = "", token: str | None = None, since: datetime | None = None) -> TrailPage:
        """One page: of a resource (its name or id) or, without one, of all that changed something.

        ``since``: not further back than that. A call shows up there some minutes after it was made.
        """
        attribute = (
            {"AttributeKey": "ResourceName", "AttributeValue": resource}
            if resource
            else {"AttributeKey": "ReadOnly", "AttributeValue": "false"}
        )
        asked: dict[str, Any] = {"LookupAttributes": [attribute], "MaxResults": PAGE}
        if token:
            asked["NextToken"] = token
        # With a token goes what its first page was asked with, to the second (CloudTrail API reference, LookupEvents).
        start = self._starts.get(token) if token else since and max(since, datetime.now(UTC) - KEPT)
        if start is not None:
            asked["StartTime"] = start
        answer = await self._ask(asked)
        self._starts.pop(token or "", None)
        following = answer.get("NextToken") or None
        if following is not None and start is not None:
            self._starts[following] = start
        return TrailPage(tuple(event_of(item) for item in answer.get("Events", ())), following)

    async def _ask(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        doing = "read the event history"
        for patience in (*PATIENCE_SECONDS, None):
            async with self._turn:
                pause = self._next - time.monotonic()
                if pause > 0:
                    await self._wait(pause)
                self._next = time.monotonic() + BETWEEN_SECONDS
                try:
                    return await self._session.call("cloudtrail", "lookup_events", doing, **asked)
                except Throttled:
                    if patience is None:
                        raise
                await self._wait(patience)
        raise AssertionError("the last try returned or raised")


def event_of(item: Mapping[str, Any]) -> TrailEvent:
    """An event of CloudTrail's answer, without what the call said and was told."""
    try:
        record = json.loads(item.get("CloudTrailEvent") or "{}")
    except ValueError:
        record = {}
    record = record if isinstance(record, dict) else {}
    return TrailEvent(
        str(item.get("EventId", "")),
        item["EventTime"],
        str(item.get("EventName", "")),
        str(item.get("EventSource", "")).removesuffix(".amazonaws.com"),
        _who(item, record),
        _resources(item, record),
        str(record.get("errorCode", "")),
        _refusal(record),
        str(item.get("ReadOnly", "false")).lower() != "true",
        machines_in(str(item.get("EventName", "")), record.get("requestParameters")),
    )


# Members that name what a call is about, where CloudTrail itself names no resource (as for Application Auto Scaling).
# A name is no secret.
_NAMES = ("resourceId", "resourceArn", "resourceARN", "endpointName", "functionName", "alarmName", "logGroupName")


def _resources(item: Mapping[str, Any], record: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    found = [(str(entry.get("ResourceType", "")), entry.get("ResourceName")) for entry in item.get("Resources", ())]
    if not any(name for _, name in found):
        members = _members(record.get("requestParameters"))
        found = [("", members[name]) for name in _NAMES if isinstance(members.get(name), str)][:1]
    return tuple((kind, str(name)) for kind, name in found if name and not _is_key(str(name)))


# By call: the members that say what will be paid for. None of them can hold a secret.
_MACHINES: Mapping[str, tuple[str, ...]] = {
    "CreateEndpointConfig": ("endpointConfigName", "productionVariants"),
    "CreateEndpoint": ("endpointName", "endpointConfigName"),
    "UpdateEndpoint": ("endpointName", "endpointConfigName"),
    "UpdateEndpointWeightsAndCapacities": ("endpointName", "desiredWeightsAndCapacities"),
    "RunInstances": ("instanceType",),
    "CreateNotebookInstance": ("notebookInstanceName", "instanceType"),
}
_VARIANT = ("variantName", "instanceType", "initialInstanceCount", "desiredInstanceCount")


def machines_in(name: str, parameters: object) -> tuple[tuple[str, str], ...]:
    """The members of a call that say what machines it asks for, by name; those of variants as ``at.member``."""
    wanted = _MACHINES.get(name, ())
    found: list[tuple[str, str]] = []
    members = _members(parameters)
    for member in wanted:
        value = members.get(member)
        if isinstance(value, (str, int)):
            found.append((member, str(value)))
        elif isinstance(value, list):
            for at, variant in enumerate(value):
                of_variant = _members(variant)
                found += [(f"{at}.{key}", str(of_variant[key])) for key in _VARIANT if key in of_variant]
    return tuple(found)


def _members(value: object) -> dict[str, Any]:
    """CloudTrail writes members with a small first letter."""
    if not isinstance(value, Mapping):
        return {}
    return {str(key)[:1].lower() + str(key)[1:]: member for key, member in value.items()}


def _refusal(record: Mapping[str, Any]) -> str:
    """What AWS said to somebody who may not do it; other errors may repeat what the call was told."""
    allowed = str(record.get("errorCode", "")).removeprefix("Client.") not in _NOT_ALLOWED
    return "" if allowed else hidden_text(str(record.get("errorMessage", "")))[:_LONGEST]


def _who(item: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    identity = record.get("userIdentity")
    identity = identity if isinstance(identity, dict) else {}
    issuer = identity.get("sessionContext", {}).get("sessionIssuer", {}) if identity.get("sessionContext") else {}
    if issuer.get("userName"):
        return str(issuer["userName"])
    if identity.get("type") == "Root":
        return "root"
    name = str(item.get("Username") or identity.get("userName") or identity.get("invokedBy") or "")
    return name if not _is_key(name) else ""


def short_name(name: str) -> str:
    """The last part of an ARN, the endpoint or function of a scalable target; other names as they are."""
    if name.startswith("arn:"):
        return re.split(r"[/:]", name)[-1]
    scaled = re.match(r"endpoint/([^/]+)|function:([^:]+)", name)
    return scaled[1] or scaled[2] if scaled is not None else name


def _is_key(text: str) -> bool:
    return re.fullmatch(r"(?:AKIA|ASIA)[A-Z0-9]{12,}", text) is not None
