"""Buckets that others can read, or that keep what they are given unencrypted."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from workers.access.policies import PolicyDocument, statements
from workers.aws.session import AwsSession
from workers.security.check import Area, Check, Problem
from workers.security.reading import each_there, known
from workers.security.types import Change, Resource, Unread, meanwhile
from workers.storage.buckets import BLOCK_ALL, NO_SETTING

EVERYBODY = ("/groups/global/AllUsers", "/groups/global/AuthenticatedUsers")


@dataclass(frozen=True)
class BucketFact:
    """A bucket: which public access is blocked, its policy, who is granted what, its default encryption ("" none)."""

    name: str
    block: Mapping[str, bool] | Unread
    policy: PolicyDocument | Unread | None
    grants: tuple[str, ...] | Unread
    encryption: str | Unread

    @property
    def resource(self) -> Resource:
        """The bucket."""
        return Resource("AwsS3Bucket", self.name, f"arn:aws:s3:::{self.name}")


async def read_buckets(session: AwsSession) -> Sequence[BucketFact]:
    """All buckets of the account. Raises ``SageDeckError``."""
    found = await session.call("s3", "list_buckets", "list the buckets")
    return await each_there([bucket["Name"] for bucket in found["Buckets"]], lambda name: read_bucket(session, name))


async def read_bucket(session: AwsSession, name: str) -> BucketFact:
    """One bucket. Raises ``SageDeckError``."""

    async def asked(operation: str) -> dict[str, Any]:
        return await session.call("s3", operation, f"read the settings of {name}", Bucket=name)

    block, policy, acl, encryption = await asyncio.gather(
        known(asked("get_public_access_block"), missing={}, codes=NO_SETTING),
        known(asked("get_bucket_policy"), missing={}, codes=NO_SETTING),
        known(asked("get_bucket_acl"), missing={}, codes=NO_SETTING),
        known(asked("get_bucket_encryption"), missing={}, codes=NO_SETTING),
    )
    return BucketFact(
        name,
        block if isinstance(block, Unread) else dict(block.get("PublicAccessBlockConfiguration", {})),
        policy if isinstance(policy, Unread) else json.loads(policy["Policy"]) if "Policy" in policy else None,
        acl if isinstance(acl, Unread) else _uris(acl),
        encryption if isinstance(encryption, Unread) else _algorithm(encryption),
    )


def _uris(acl: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(grant["Grantee"]["URI"] for grant in acl.get("Grants", ()) if "URI" in grant.get("Grantee", {}))


def _algorithm(answer: Mapping[str, Any]) -> str:
    for rule in answer.get("ServerSideEncryptionConfiguration", {}).get("Rules", ()):
        found = str(rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm", ""))
        if found:
            return found
    return ""


# Conditions on these say who may come, or from where; one on encryption or time leaves everybody in.
_WHO = frozenset(
    {
        *("aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths", "aws:userid"),
        *("aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourceorgpaths", "aws:sourceowner"),
        *("aws:sourceip", "aws:sourcevpc", "aws:sourcevpce", "aws:vpcsourceip"),
        *("s3:dataaccesspointaccount", "s3:dataaccesspointarn"),
    }
)
_ANYBODY = frozenset({"*", "0.0.0.0/0", "::/0"})
# These hold where the key is not there at all, as in a request without a signature; or say nothing but that it is.
_NO_LIMIT = re.compile(r"Not|IfExists$|^ForAllValues:|^Null$")


def _limits(condition: object) -> bool:
    """Whether a condition names who, or from where, and does not name everybody."""
    if not isinstance(condition, dict):
        return False
    for operator, keys in condition.items():
        if _NO_LIMIT.search(operator) or not isinstance(keys, dict):
            continue
        for key, value in keys.items():
            values = value if isinstance(value, list) else [value]
            if str(key).lower() in _WHO and values and not any(_means_anybody(str(found)) for found in values):
                return True
    return False


def _means_anybody(value: str) -> bool:
    """Whether a condition's value lets everybody through: ``arn:aws:iam::*:role/x`` is a role of any account."""
    return value in _ANYBODY or not value.strip("*?:") or bool(re.match(r"arn:[^:]*:(iam|sts)::[*?]+(:|$)", value))


def open_to_everybody(document: PolicyDocument | None) -> bool:
    """Whether a resource's policy allows something to everybody, without a condition that says to whom."""
    for statement in statements(document) if document else ():
        # Everybody but some is everybody.
        principal: object = "*" if "NotPrincipal" in statement else statement.get("Principal")
        named = principal.get("AWS") if isinstance(principal, dict) else principal
        everybody = "*" in named if isinstance(named, list) else named == "*"
        if statement.get("Effect") == "Allow" and everybody and not _limits(statement.get("Condition")):
            return True
    return False


def _flags(fact: BucketFact) -> Mapping[str, bool]:
    return {} if isinstance(fact.block, Unread) else fact.block


def _block(fact: BucketFact) -> BlockPublicAccess:
    return BlockPublicAccess(fact.name, tuple(sorted(_flags(fact).items())))


def judge_public(fact: BucketFact, now: datetime) -> Iterator[Problem]:
    """Open by its policy or its grants, and nothing blocks that."""
    flags = _flags(fact)
    if (
        not isinstance(fact.policy, Unread)
        and open_to_everybody(fact.policy)
        and not flags.get("RestrictPublicBuckets")
    ):
        yield Problem("Its policy lets everybody in.", _block(fact))
    granted = () if isinstance(fact.grants, Unread) else fact.grants
    if any(uri.endswith(EVERYBODY) for uri in granted) and not flags.get("IgnorePublicAcls"):
        yield Problem("Its access list lets everybody in.", _block(fact))


def judge_block(fact: BucketFact, now: datetime) -> Iterator[Problem]:
    """Not all four blocks are on."""
    flags = _flags(fact)
    missing = [name for name in BLOCK_ALL if not flags.get(name)]
    if missing:
        said = (
            "Nothing keeps it" if len(missing) == len(BLOCK_ALL) else f"Without {', '.join(missing)} nothing keeps it"
        )
        yield Problem(f"{said} from being opened to everybody by mistake.", _block(fact))


def judge_encryption(fact: BucketFact, now: datetime) -> Iterator[Problem]:
    """No default encryption."""
    if not fact.encryption:
        yield Problem("What is put there without asking for encryption is kept unencrypted.", EncryptBucket(fact.name))


BUCKETS = Area(
    "buckets",
    "s3",
    read_buckets,
    (
        Check(
            "s3_bucket_public_access",
            "Bucket open to everybody",
            "critical",
            "Whoever finds its name reads, or even writes, what is in it.",
            "Block public access; give whoever needs it a role or a presigned link.",
            judge_public,
            ("block", "policy", "grants"),
        ),
        Check(
            "s3_bucket_level_public_access_block",
            "Public access is not blocked",
            "medium",
            "One policy or access list written by mistake opens the bucket to everybody.",
            "Turn on all four blocks of public access.",
            judge_block,
            ("block",),
        ),
        Check(
            "s3_bucket_default_encryption",
            "Bucket without default encryption",
            "medium",
            "Objects lie readable on AWS's disks.",
            "Encrypt by default (SSE-S3 costs nothing).",
            judge_encryption,
            ("encryption",),
        ),
    ),
)


@dataclass(frozen=True)
class BlockPublicAccess(Change):
    """Turn on all four blocks of public access of a bucket."""

    label: ClassVar[str] = "Block"

    bucket: str
    before: tuple[tuple[str, bool], ...]

    @property
    def title(self) -> str:
        """The command's name."""
        return f"Block public access to {self.bucket}"

    @property
    def sentence(self) -> str:
        """What may stop working."""
        return "Whoever reads it without signing in, by its policy or access list, is refused from then on."

    @property
    def cli(self) -> str:
        """The same by the AWS CLI."""
        flags = ",".join(f"{name}=true" for name in BLOCK_ALL)
        return (
            f"aws s3api put-public-access-block --bucket {shlex.quote(self.bucket)} "
            f"--public-access-block-configuration {flags}"
        )

    @property
    def subject(self) -> tuple[str, str]:
        """The bucket."""
        return "bucket", self.bucket

    async def carry_out(self, session: AwsSession) -> None:
        """Raises ``Conflict`` when other blocks are on than were shown."""
        found = await read_bucket(session, self.bucket)
        if tuple(sorted(_flags(found).items())) != self.before:
            raise meanwhile(f"Which access to {self.bucket} is blocked")
        await session.call(
            "s3",
            "put_public_access_block",
            f"block public access to {self.bucket}",
            Bucket=self.bucket,
            PublicAccessBlockConfiguration=BLOCK_ALL,
        )


@dataclass(frozen=True)
class EncryptBucket(Change):
    """Encrypt by default what is put into a bucket from then on."""

    label: ClassVar[str] = "Encrypt"

    bucket: str

    @property
    def title(self) -> str:
        """The command's name."""
        return f"Encrypt {self.bucket} by default"

    @property
    def sentence(self) -> str:
        """What does not change."""
        return "What is put there from then on is encrypted with keys of S3. What is there already stays as it is."

    @property
    def cli(self) -> str:
        """The same by the AWS CLI."""
        return (
            f"aws s3api put-bucket-encryption --bucket {shlex.quote(self.bucket)} "
            "--server-side-encryption-configuration "
            '\'{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"AES256"}}]}\''
        )

    @property
    def subject(self) -> tuple[str, str]:
        """The bucket."""
        return "bucket", self.bucket

    async def carry_out(self, session: AwsSession) -> None:
        """Raises ``Conflict`` when it is encrypted by now, maybe with a key of its own."""
        found = await read_bucket(session, self.bucket)
        if found.encryption:
            raise meanwhile(f"The encryption of {self.bucket}")
        await session.call(
            "s3",
            "put_bucket_encryption",
            f"encrypt {self.bucket} by default",
            Bucket=self.bucket,
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            },
        )
