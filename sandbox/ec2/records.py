"""EC2's instances in the sandbox's database: one row each, which outlives the process once a call was answered."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox.core.account import ACCOUNT_ID, REGION
from sandbox.core.account import arn as make_arn
from sandbox.core.state import Database
from sandbox.wire.errors import AwsError

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS ec2_instances (
    id TEXT PRIMARY KEY, launched REAL NOT NULL, state TEXT NOT NULL, ended REAL, body TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS ec2_tokens (token TEXT PRIMARY KEY, request TEXT NOT NULL, ids TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS ec2_tags (
    resource TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (resource, key))""",
)
STATE_CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
# A terminated instance can still be seen for about an hour.
TERMINATED_SECONDS = 3600.0
# A client token is good for a day; it is kept for two, so that none is forgotten within its day.
_KEPT_SECONDS = 2 * 86_400.0
# AWS's limit for every resource.
_MOST_TAGS = 50


@dataclass(frozen=True)
class Profile:
    """An instance profile: its name, ARN (with its path) and id; all empty for none."""

    name: str = ""
    arn: str = ""
    id: str = ""


@dataclass
class Instance:
    """One instance. ``described``: the members of DescribeInstances that do not follow from other fields.

    Times are epoch seconds. ``profile``: the name of its instance profile.
    """

    id: str
    reservation: str
    launched: float
    type: str
    image: str
    zone: str
    subnet: str
    vpc: str
    groups: list[dict[str, str]]
    private_ip: str
    public_ip: str = ""
    wants_public: bool = False
    state: str = "pending"
    ended: float | None = None
    reason: str = ""
    state_reason: dict[str, str] = field(default_factory=dict)
    profile: str = ""
    profile_arn: str = ""
    profile_id: str = ""
    profile_association: str = ""
    shutdown_behavior: str = "stop"
    detailed: bool = False
    protected: bool = False
    stop_protected: bool = False
    token: str = ""
    user_data: str = ""
    key_name: str = ""
    index: int = 0
    metadata: dict[str, Any] = field(default_factory=dict)
    volumes: list[dict[str, Any]] = field(default_factory=list)
    image_facts: dict[str, object] = field(default_factory=dict)
    interface: str = ""
    mac: str = ""
    started: float = 0.0
    credits: float | None = None
    credit_mode: str = ""
    source_check: bool = True
    ebs_optimized: bool = False

    def give_profile(self, profile: Profile) -> None:
        """Associate an instance profile, or with the empty one take it away."""
        self.profile, self.profile_arn, self.profile_id = profile.name, profile.arn, profile.id
        self.profile_association = new_id("iip-assoc") if profile.name else ""

    @property
    def arn(self) -> str:
        """The instance's ARN."""
        return make_arn("ec2", f"instance/{self.id}")

    @property
    def private_dns(self) -> str:
        """PrivateDnsName."""
        suffix = "ec2.internal" if REGION == "us-east-1" else f"{REGION}.compute.internal"
        return f"ip-{self.private_ip.replace('.', '-')}.{suffix}"

    @property
    def public_dns(self) -> str:
        """PublicDnsName; empty without a public address."""
        suffix = "compute-1.amazonaws.com" if REGION == "us-east-1" else f"{REGION}.compute.amazonaws.com"
        return f"ec2-{self.public_ip.replace('.', '-')}.{suffix}" if self.public_ip else ""


def new_id(prefix: str) -> str:
    """An id in EC2's form: ``i-0`` and 16 hexadecimal digits."""
    return f"{prefix}-0{secrets.token_hex(8)}"


class Instances:
    """All instances of one state folder."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = threading.RLock()
        for statement in _SCHEMA:
            db.execute(statement)
        self._forget(time.time() - _KEPT_SECONDS)

    def _forget(self, before: float) -> None:
        """Remove what ended before, with its tags and the tokens that made it."""
        rows = self._db.query("SELECT id, body FROM ec2_instances WHERE ended < ?", (before,))
        with self._db.transaction():
            for row in rows:
                instance = Instance(**json.loads(row["body"]))
                for resource in (instance.id, instance.interface, *(volume["VolumeId"] for volume in instance.volumes)):
                    self._db.execute("DELETE FROM ec2_tags WHERE resource=?", (resource,))
                self._db.execute("DELETE FROM ec2_tokens WHERE token=?", (instance.token,))
                self._db.execute("DELETE FROM ec2_instances WHERE id=?", (instance.id,))

    def launch(self, instances: list[Instance], tags: dict[str, dict[str, str]], token: str, request: str) -> None:
        """Keep new instances, the tags of them and theirs, and the client token that made them, all or none."""
        with self._lock, self._db.transaction():
            for instance in instances:
                row = (instance.id, instance.launched, instance.state, instance.ended, json.dumps(instance.__dict__))
                self._db.execute("INSERT INTO ec2_instances VALUES (?,?,?,?,?)", row)
            for resource, pairs in tags.items():
                self.tag(resource, pairs)
            if token:
                ids = json.dumps([instance.id for instance in instances])
                self._db.execute("INSERT INTO ec2_tokens VALUES (?,?,?)", (token, request, ids))

    def made_by(self, token: str) -> tuple[str, list[str]] | None:
        """The request that came with a client token before, and the instances that it made."""
        row = self._db.one("SELECT * FROM ec2_tokens WHERE token=?", (token,))
        return (row["request"], json.loads(row["ids"])) if row else None

    def find(self, instance_id: str) -> Instance | None:
        """One instance, or None: also for one that was terminated an hour ago."""
        row = self._db.one("SELECT body, ended FROM ec2_instances WHERE id=?", (instance_id,))
        if row is None or (row["ended"] is not None and row["ended"] < time.time() - TERMINATED_SECONDS):
            return None
        return Instance(**json.loads(row["body"]))

    def get(self, instance_id: str) -> Instance:
        """One instance. Raises InvalidInstanceID.NotFound or InvalidInstanceID.Malformed."""
        return self.several([instance_id])[0]

    def several(self, ids: Iterable[str]) -> list[Instance]:
        """The instances of these ids, in their order; as ``get``, with all that are missing."""
        wanted = list(dict.fromkeys(ids))
        for identity in wanted:
            if not identity.startswith("i-") or not identity[2:].isalnum():
                raise AwsError("InvalidInstanceID.Malformed", f'Invalid id: "{identity}"')
        found = {identity: self.find(identity) for identity in wanted}
        missing = [identity for identity, instance in found.items() if instance is None]
        if len(missing) == 1:
            raise AwsError("InvalidInstanceID.NotFound", f"The instance ID '{missing[0]}' does not exist")
        if missing:
            raise AwsError("InvalidInstanceID.NotFound", f"The instance IDs '{', '.join(missing)}' do not exist")
        return [instance for instance in found.values() if instance is not None]

    def all(self) -> list[Instance]:
        """Every instance that can be seen, the oldest first."""
        rows = self._db.query(
            "SELECT body FROM ec2_instances WHERE ended IS NULL OR ended >= ? ORDER BY launched, id",
            (time.time() - TERMINATED_SECONDS,),
        )
        return [Instance(**json.loads(row["body"])) for row in rows]

    def change(self, instance_id: str, change: Callable[[Instance], None]) -> Instance:
        """Change one instance as a whole; returns it as it is then."""
        with self._lock, self._db.transaction():
            row = self._db.one("SELECT body FROM ec2_instances WHERE id=?", (instance_id,))
            if row is None:
                raise AwsError("InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist")
            instance = Instance(**json.loads(row["body"]))
            change(instance)
            self._db.execute(
                "UPDATE ec2_instances SET state=?, ended=?, body=? WHERE id=?",
                (instance.state, instance.ended, json.dumps(instance.__dict__), instance_id),
            )
        return instance

    def tag(self, resource: str, pairs: dict[str, str]) -> None:
        """Set tags of an instance or of what belongs to it. More than 50: TagLimitExceeded."""
        with self._lock, self._db.transaction():
            for key, value in pairs.items():
                self._db.execute("INSERT OR REPLACE INTO ec2_tags VALUES (?,?,?)", (resource, key, value))
            if len(self.tags(resource)) > _MOST_TAGS:
                text = f"You have reached the maximum number of tags ({_MOST_TAGS}) on this resource."
                raise AwsError("TagLimitExceeded", text)

    def untag(self, resource: str, key: str, value: str | None) -> None:
        """Remove a tag, if it has ``value`` (None: whatever it is)."""
        sql, args = "DELETE FROM ec2_tags WHERE resource=? AND key=?", [resource, key]
        self._db.execute(sql if value is None else f"{sql} AND value=?", args if value is None else [*args, value])

    def tags(self, resource: str) -> dict[str, str]:
        """The tags of one resource."""
        rows = self._db.query("SELECT key, value FROM ec2_tags WHERE resource=? ORDER BY key", (resource,))
        return {row["key"]: row["value"] for row in rows}


def tag_set(pairs: dict[str, str]) -> list[dict[str, str]]:
    """Tags as EC2 answers them."""
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


def owner() -> str:
    """OwnerId."""
    return ACCOUNT_ID
