"""What a role may and what of it was used; and its policies cut down to that, never to more than they allowed before.

IAM's last-accessed data is made asynchronously, is some hours late, and looks back 400 days. It tells the services
that were used, and of some services the actions: those that only manage. An action that IAM does not track is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from workers.access.grants import DiffLine, Grants, diff_lines
from workers.access.policies import VERSION, PolicyDocument, Statement, as_list, statements
from workers.aws.session import AwsSession
from workers.errors.tree import ServiceFault
from workers.security.changes_identity import NarrowRole, as_seen
from workers.security.roles import as_document, wild_actions

POLICY = "sagedeck-narrowed"
# IAM's jobs take seconds; a minute says that something is wrong.
TRIES, WAIT_SECONDS = 60, 1.0
_BROAD_NAMES = ("AdministratorAccess", "PowerUserAccess")
# What IAM does not track although it is used all the time: reading and writing of data.
UNTRACKED: Mapping[str, tuple[str, ...]] = {
    "cloudwatch": ("PutMetricData",),
    "ecr": ("BatchCheckLayerAvailability", "BatchGetImage", "GetAuthorizationToken", "GetDownloadUrlForLayer"),
    "kms": ("Decrypt", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo"),
    "lambda": ("InvokeFunction",),
    "logs": ("CreateLogGroup", "CreateLogStream", "DescribeLogStreams", "GetLogEvents", "PutLogEvents"),
    "s3": (
        *("AbortMultipartUpload", "DeleteObject", "GetBucketLocation", "GetObject", "GetObjectTagging", "ListBucket"),
        *("ListMultipartUploadParts", "PutObject", "PutObjectTagging"),
    ),
    "sagemaker": ("InvokeEndpoint", "InvokeEndpointAsync", "BatchPutMetrics"),
}
# No call of its own, so nobody sees it used, and whoever starts a job needs it. Where a policy names it, it is kept; by
# a pattern alone it is not: who may pass any role has the rights of all of them.
_NEVER_SEEN = "iam:passrole"


@dataclass(frozen=True)
class ServiceUse:
    """A service that a role may use. ``last``: when it did; ``None``: not in the time that IAM looks back on.

    ``tracked`` are the actions that IAM tracks, with when each was used.
    """

    namespace: str
    name: str
    last: datetime | None
    tracked: tuple[tuple[str, datetime | None], ...] = ()


@dataclass(frozen=True)
class RoleUse:
    """What a role may and used. ``change`` narrows it to that; ``None``: nothing about it is broad (any more)."""

    role: str
    services: tuple[ServiceUse, ...]
    at: datetime
    change: NarrowRole | None = None
    diff: tuple[DiffLine, ...] = ()

    @property
    def used(self) -> tuple[ServiceUse, ...]:
        """The services it used, the last one first."""
        found = [service for service in self.services if service.last is not None]
        return tuple(sorted(found, key=lambda service: service.last or self.at, reverse=True))


async def role_use(session: AwsSession, role: str, wait: Callable[[float], Awaitable[None]] = asyncio.sleep) -> RoleUse:
    """What the role may and used, and what narrows it. Takes seconds. Raises ``SageDeckError``."""
    doing = f"read what the role {role} used"
    arn = (await session.call("iam", "get_role", doing, RoleName=role))["Role"]["Arn"]
    grants = Grants(session)
    services, inline, attached = await asyncio.gather(
        last_accessed(session, arn, doing, wait), grants.inline_policies(role), grants.attached_policies(role)
    )
    detach = [arn for name, arn in sorted(attached.items()) if "FullAccess" in name or name in _BROAD_NAMES]
    broad = {name: document for name, document in inline.items() if name != POLICY and wild_actions(document)}
    at = datetime.now(UTC)
    if not detach and not broad:
        return RoleUse(role, services, at)
    documents = [await managed_policy(session, arn, doing) for arn in detach] + [broad[name] for name in sorted(broad)]
    kept = [inline[POLICY]] if POLICY in inline else []
    document = narrowed([*kept, *documents], services)
    change = NarrowRole(
        role,
        POLICY,
        document,
        tuple(detach),
        tuple(sorted(broad)),
        tuple(sorted(attached.values())),
        as_seen(inline),
    )
    return RoleUse(role, services, at, change, diff_lines(None, document) if document is not None else ())


async def last_accessed(
    session: AwsSession, arn: str, doing: str, wait: Callable[[float], Awaitable[None]]
) -> tuple[ServiceUse, ...]:
    """What may be used by whom ``arn`` names, and when it was. Raises ``SageDeckError``, also when it takes long."""
    job = (
        await session.call("iam", "generate_service_last_accessed_details", doing, Arn=arn, Granularity="ACTION_LEVEL")
    )["JobId"]
    found: list[ServiceUse] = []
    marker: dict[str, str] = {}
    for _ in range(TRIES):
        answer = await session.call("iam", "get_service_last_accessed_details", doing, JobId=job, **marker)
        if answer["JobStatus"] == "FAILED":
            words = answer.get("Error", {})
            raise ServiceFault(f"Could not {doing}", str(words.get("Message", "IAM gave up.")), code="JobFailed")
        if answer["JobStatus"] == "IN_PROGRESS":
            await wait(WAIT_SECONDS)
            continue
        found += [_service(item) for item in answer["ServicesLastAccessed"]]
        if not answer.get("IsTruncated"):
            return tuple(found)
        marker = {"Marker": answer["Marker"]}
    raise ServiceFault(f"Could not {doing}", "IAM is still collecting it.", "Look again in a minute.", code="NotReady")


def _service(item: Mapping[str, Any]) -> ServiceUse:
    return ServiceUse(
        item["ServiceNamespace"],
        item["ServiceName"],
        item.get("LastAuthenticated"),
        tuple(
            (action["ActionName"], action.get("LastAccessedTime"))
            for action in item.get("TrackedActionsLastAccessed") or ()
        ),
    )


async def managed_policy(session: AwsSession, arn: str, doing: str) -> PolicyDocument:
    """The document of a managed policy that is in force. Raises ``SageDeckError``."""
    version = (await session.call("iam", "get_policy", doing, PolicyArn=arn))["Policy"]["DefaultVersionId"]
    answer = await session.call("iam", "get_policy_version", doing, PolicyArn=arn, VersionId=version)
    return as_document(answer["PolicyVersion"]["Document"])


def narrowed(documents: Iterable[PolicyDocument], services: Sequence[ServiceUse]) -> PolicyDocument | None:
    """The statements of ``documents`` with the actions that were used alone; resources and conditions stay.

    Whatever it allows, the documents allowed. ``None`` when nothing of them was used.
    """
    found: list[Statement] = []
    for document in documents:
        for statement in statements(document):
            if statement.get("Effect") != "Allow":
                kept = statement
            else:
                actions = _used_actions(statement, services)
                if not actions:
                    continue
                rest = {key: value for key, value in statement.items() if key not in ("Action", "NotAction", "Sid")}
                kept = {"Effect": "Allow", "Action": actions, **rest}  # type: ignore[typeddict-item]
            if kept not in found:
                found.append(kept)
    if not any(statement.get("Effect") == "Allow" for statement in found):
        return None
    return {"Version": VERSION, "Statement": found}


def _used_actions(statement: Statement, services: Sequence[ServiceUse]) -> list[str]:
    named = as_list(statement.get("Action", []))
    works = any(service.last is not None for service in services)
    actions = [pattern for pattern in named if works and pattern.casefold() == _NEVER_SEEN]
    for service in services:
        if service.last is None:
            continue
        tracked = {name.casefold() for name, _ in service.tracked}
        used = [name for name, last in service.tracked if last is not None]
        known = [
            f"{service.namespace}:{name}" for name in dict.fromkeys((*used, *UNTRACKED.get(service.namespace, ())))
        ]
        if "NotAction" in statement:
            barred = as_list(statement["NotAction"])
            # Without a list of its actions a service cannot be told from the barred part of it.
            actions += [action for action in known if not any(matches(action, pattern) for pattern in barred)]
            continue
        for pattern in named:
            if pattern in ("*", "*:*"):
                pattern = f"{service.namespace}:*"
            prefix, _, name = pattern.partition(":")
            if prefix.casefold() != service.namespace.casefold():
                continue
            if "*" not in name and "?" not in name:
                if name.casefold() not in tracked or name.casefold() in {action.casefold() for action in used}:
                    actions.append(pattern)
            elif tracked:
                actions += [action for action in known if matches(action, pattern)]
            else:
                actions.append(pattern)
    return sorted(dict.fromkeys(actions))


def matches(action: str, pattern: str) -> bool:
    """Whether a policy's pattern means an action; IAM knows no case in them."""
    return pattern == "*" or fnmatchcase(action.casefold(), pattern.casefold().replace("[", "[[]"))
