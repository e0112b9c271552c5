"""The root user and the users of the account: second factors, and keys that are old."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from workers.aws.session import AwsSession
from workers.errors.tree import ServiceFault
from workers.security.changes_identity import DeactivateKey
from workers.security.check import Area, Check, Problem
from workers.security.reading import each_there, known
from workers.security.types import Resource, Unread

OLDEST_KEY = timedelta(days=90)
ROOT_DEVICE = ":mfa/root-account-mfa-device"
# IAM makes a report in some seconds, and gives the last one for four hours.
REPORT_TRIES, REPORT_WAIT = 20, 1.0


@dataclass(frozen=True)
class RootFact:
    """The account's root user. ``virtual``: its second factor is a program, not a device."""

    account: str
    second_factor: bool | Unread
    keys: bool | Unread
    virtual: bool | Unread

    @property
    def resource(self) -> Resource:
        """The root user."""
        return Resource("AwsIamUser", "<root_account>", f"arn:aws:iam::{self.account}:root")


@dataclass(frozen=True)
class AccessKey:
    """An active key; ``made`` is when it was created."""

    id: str
    made: datetime


@dataclass(frozen=True)
class UserFact:
    """A user of the account. ``keys`` are the active ones."""

    name: str
    arn: str
    password: bool | Unread
    second_factor: bool | Unread
    keys: tuple[AccessKey, ...] | Unread

    @property
    def resource(self) -> Resource:
        """The user."""
        return Resource("AwsIamUser", self.name, self.arn)


async def read_root(session: AwsSession) -> Sequence[RootFact]:
    """The root user, from the account's summary. Raises ``SageDeckError``."""
    identity = await session.identity()

    async def summary() -> dict[str, int]:
        found: dict[str, int] = (await session.call("iam", "get_account_summary", "read the account's summary"))[
            "SummaryMap"
        ]
        return found

    async def virtual() -> bool:
        devices = session.paginate(
            "iam",
            "list_virtual_mfa_devices",
            "VirtualMFADevices",
            doing="list the devices",
            AssignmentStatus="Assigned",
        )
        return any([str(device["SerialNumber"]).endswith(ROOT_DEVICE) async for device in devices])

    found, device = await asyncio.gather(known(summary(), missing={}), known(virtual(), missing=False))
    if isinstance(found, Unread):
        return [RootFact(identity.account, found, found, device)]
    return [
        RootFact(identity.account, _flag(found, "AccountMFAEnabled"), _flag(found, "AccountAccessKeysPresent"), device)
    ]


def _flag(summary: dict[str, int], name: str) -> bool | Unread:
    return bool(summary[name]) if name in summary else Unread(f"the account's summary does not tell {name}")


def judge_root_factor(fact: RootFact, now: datetime) -> Iterator[Problem]:
    """A password alone opens everything."""
    if not fact.second_factor:
        yield Problem("The root user signs in with a password alone.")


def judge_root_hardware(fact: RootFact, now: datetime) -> Iterator[Problem]:
    """A program on a phone can be copied."""
    if fact.second_factor and fact.virtual:
        yield Problem("The root user's second factor is a program, not a device.")


def judge_root_keys(fact: RootFact, now: datetime) -> Iterator[Problem]:
    """Keys of the root user cannot be narrowed."""
    if fact.keys:
        yield Problem("The root user has access keys.")


ROOT = Area(
    "the root user",
    "iam",
    read_root,
    (
        Check(
            "iam_root_mfa_enabled",
            "Root user without second factor",
            "critical",
            "Whoever learns the root user's password owns the account, and nothing can be forbidden to them.",
            "Sign in as root, then Security credentials, Assign MFA device.",
            judge_root_factor,
            ("second_factor",),
        ),
        Check(
            "iam_no_root_access_key",
            "Root user has access keys",
            "critical",
            "A leaked key of the root user opens everything, and no policy narrows it.",
            "Sign in as root, then Security credentials, delete its access keys. Use a role or a user instead.",
            judge_root_keys,
            ("keys",),
        ),
        Check(
            "iam_root_hardware_mfa_enabled",
            "Root user without a hardware key",
            "critical",
            "A second factor that is a program can be copied with the phone that it is on.",
            "Sign in as root, then Security credentials, assign a hardware key or a passkey.",
            judge_root_hardware,
            ("second_factor", "virtual"),
        ),
    ),
)


async def read_users(session: AwsSession) -> Sequence[UserFact]:
    """All users, from the credential report; the ids of old keys are asked for by name. Raises ``SageDeckError``."""
    rows = [row for row in await credential_report(session) if row.get("user") != "<root_account>"]

    async def fact(row: dict[str, str]) -> UserFact:
        name = row["user"]
        keys: tuple[AccessKey, ...] | Unread = ()
        if "true" in (row.get("access_key_1_active"), row.get("access_key_2_active")):
            keys = await known(active_keys(session, name), missing=())
        return UserFact(
            name,
            row.get("arn", ""),
            _told(row, "password_enabled"),
            _told(row, "mfa_active"),
            keys,
        )

    return await each_there(rows, fact)


async def active_keys(session: AwsSession, user: str) -> tuple[AccessKey, ...]:
    """The user's keys that work. Raises ``SageDeckError``."""
    found = session.paginate(
        "iam", "list_access_keys", "AccessKeyMetadata", doing=f"list the keys of {user}", UserName=user
    )
    return tuple([AccessKey(key["AccessKeyId"], key["CreateDate"]) async for key in found if key["Status"] == "Active"])


async def credential_report(session: AwsSession) -> list[dict[str, str]]:
    """The rows of the account's credential report, which IAM may have made up to four hours ago.

    Raises ``SageDeckError``, also when IAM does not finish it.
    """
    doing = "read the credential report"
    for _ in range(REPORT_TRIES):
        made = await session.call("iam", "generate_credential_report", doing)
        if made.get("State") == "COMPLETE":
            content = (await session.call("iam", "get_credential_report", doing))["Content"]
            text = content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content)
            return list(csv.DictReader(io.StringIO(text)))
        await asyncio.sleep(REPORT_WAIT)
    raise ServiceFault(
        f"Could not {doing}", "IAM has not finished it.", "Look again in a minute.", code="ReportNotReady"
    )


def _told(row: dict[str, str], column: str) -> bool | Unread:
    value = row.get(column, "").lower()
    if value in ("true", "false"):
        return value == "true"
    return Unread(f"the credential report says “{value}” for {column}")


def judge_user_factor(fact: UserFact, now: datetime) -> Iterator[Problem]:
    """A password without a second factor."""
    if fact.password and not fact.second_factor:
        yield Problem("Signs in to the console with a password alone.")


def judge_old_keys(fact: UserFact, now: datetime) -> Iterator[Problem]:
    """Keys that nobody has changed for long."""
    keys = fact.keys if not isinstance(fact.keys, Unread) else ()
    for key in keys:
        age = now - key.made
        if age > OLDEST_KEY:
            yield Problem(
                f"The key {ending(key.id)} is {age.days} days old.", DeactivateKey(fact.name, key.id, key.made)
            )


def ending(key: str) -> str:
    """A key by its last four letters: the id alone signs nothing, but names an account to whoever reads it."""
    return f"…{key[-4:]}"


USERS = Area(
    "users",
    "iam",
    read_users,
    (
        Check(
            "iam_user_mfa_enabled_console_access",
            "No MFA on a user",
            "high",
            "Whoever learns the password may do all that the user may.",
            "The user signs in, then Security credentials, Assign MFA device.",
            judge_user_factor,
            ("password", "second_factor"),
        ),
        Check(
            "iam_rotate_access_key_90_days",
            "Access key older than 90 days",
            "medium",
            "The longer a key lives, the more places it has been copied to.",
            "Make a new key, change what uses the old one, deactivate the old one, delete it when nothing has failed.",
            judge_old_keys,
            ("keys",),
        ),
    ),
)
