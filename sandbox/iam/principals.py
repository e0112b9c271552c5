"""Whose policies apply to a caller: read from moto's IAM, parsed once, read again when IAM changes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from sandbox.core.account import arn as account_arn
from sandbox.moto_host.bridge import MotoBridge
from sandbox.policy.evaluate import Document


@dataclass(frozen=True)
class Source:
    """One policy of a principal: where it comes from, in the words of SimulatePrincipalPolicy, and what it says."""

    name: str
    kind: str
    document: Document


@dataclass(frozen=True)
class Principal:
    """A role, user or group with everything that decides what it may do."""

    arn: str
    policies: tuple[Source, ...] = ()
    boundary: Document | None = None
    trust: Document | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def identity(self) -> list[Document]:
        """Its identity-based policies."""
        return [source.document for source in self.policies]


class Principals:
    """The principals of the account. A principal that does not exist has no policies, so it may do nothing."""

    def __init__(self, bridge: MotoBridge) -> None:
        self._bridge = bridge
        self._lock = threading.Lock()
        self._version = -1
        self._known: dict[str, Principal | None] = {}

    def find(self, arn: str) -> Principal | None:
        """The role, user or group with this ARN. Waits for moto when it is not there yet."""
        version = self._bridge.iam_version
        with self._lock:
            if version != self._version:
                self._known.clear()
                self._version = version
            if arn in self._known:
                return self._known[arn]
        found = self._read(arn)
        with self._lock:
            if version == self._version:
                self._known[arn] = found
        return found

    def role_arn(self, name: str) -> str:
        """The ARN, with its path, of the role of this name; without a path when there is none."""
        with self._bridge.iam() as backend:
            return next(
                (str(role.arn) for role in backend.get_roles() if role.name == name),
                account_arn("iam", f"role/{name}", ""),
            )

    def profile_roles(self, profile: str) -> list[str]:
        """The ARNs of the roles in an instance profile, by its name or its ARN; none of one that does not exist."""
        with self._bridge.iam() as backend:
            profiles = backend.instance_profiles.values()
            return [str(role.arn) for found in profiles if profile in (found.name, found.arn) for role in found.roles]

    def _read(self, arn: str) -> Principal | None:
        kind = arn.rpartition(":")[2].partition("/")[0]
        with self._bridge.iam() as backend:
            if kind == "role":
                role = next((role for role in backend.get_roles() if role.arn == arn), None)
                if role is None:
                    return None
                trust = _parsed(role.assume_role_policy_document)
                return _principal(role, "role", backend, trust=trust, tags=role.tags)
            if kind == "user":
                user = next((user for user in backend.users.values() if user.arn == arn), None)
                if user is None:
                    return None
                groups = [group for group in backend.groups.values() if user in group.users]
                tags = backend.tagger.list_tags_for_resource(user.arn)["Tags"]
                more = [source for group in groups for source in _sources(group, "group")]
                return _principal(user, "user", backend, more=more, tags=tags)
            group = next((group for group in backend.groups.values() if group.arn == arn), None)
            return None if group is None else _principal(group, "group", backend)


def _principal(
    found: Any,
    kind: str,
    backend: Any,
    *,
    more: Iterable[Source] = (),
    trust: Document | None = None,
    tags: Iterable[Mapping[str, str]] = (),
) -> Principal:
    boundary_arn = getattr(found, "permissions_boundary_arn", None)
    boundary = backend.managed_policies.get(boundary_arn) if boundary_arn else None
    # A boundary that was deleted allows nothing.
    limit: Document | None = _parsed(_default(boundary)) if boundary else ({"Statement": []} if boundary_arn else None)
    named = {str(tag["Key"]): str(tag["Value"]) for tag in tags}
    return Principal(str(found.arn), (*_sources(found, kind), *more), limit, trust, named)


def _sources(found: Any, kind: str) -> list[Source]:
    inline = [Source(str(name), kind, _parsed(text)) for name, text in found.policies.items()]
    managed = [
        Source(
            str(policy.name), "aws-managed" if ":iam::aws:" in str(arn) else "user-managed", _parsed(_default(policy))
        )
        for arn, policy in found.managed_policies.items()
    ]
    return inline + managed


def _default(policy: Any) -> str:
    """The text of a managed policy's default version."""
    return next(str(version.document) for version in policy.versions if version.version_id == policy.default_version_id)


def _parsed(text: Any) -> Document:
    """A policy document; moto has checked those that it took."""
    document: Document = (
        json.loads(unquote(text) if text.startswith("%7B") else text) if isinstance(text, str) else text
    )
    return document
