"""Which journalled IAM requests no longer matter, so that a long history does not make every start longer.

A role that was created and deleted leaves nothing behind in moto, nor does a policy that was attached and detached
again; of a policy that was written many times only the last text counts. Every request is replayed with random
numbers and a clock of its own, so taking such requests out changes nothing about the others. What is not understood
here is kept, and so is everything about whom it names.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from sandbox.core.account import ACCOUNT_ID

Holder = tuple[str, str]
Key = tuple[str, ...]

_MEMBERS = {
    "RoleName": "role",
    "UserName": "user",
    "GroupName": "group",
    "InstanceProfileName": "instance-profile",
    "PolicyArn": "policy",
}
_CREATES = {
    "CreateRole": "RoleName",
    "CreateUser": "UserName",
    "CreateGroup": "GroupName",
    "CreateInstanceProfile": "InstanceProfileName",
    "CreatePolicy": "PolicyArn",
}
_DELETES = {f"Delete{name.removeprefix('Create')}": member for name, member in _CREATES.items()}
# Pairs of operations: the second undoes the first, if both name the same resource.
_PAIRS = {
    "AttachRolePolicy": ("DetachRolePolicy", ("RoleName", "PolicyArn")),
    "AttachUserPolicy": ("DetachUserPolicy", ("UserName", "PolicyArn")),
    "AttachGroupPolicy": ("DetachGroupPolicy", ("GroupName", "PolicyArn")),
    "AddRoleToInstanceProfile": ("RemoveRoleFromInstanceProfile", ("InstanceProfileName", "RoleName")),
    "AddUserToGroup": ("RemoveUserFromGroup", ("GroupName", "UserName")),
}
# Pairs: the first writes a document that the second removes. One that is written again keeps its place.
_TEXTS = {
    "PutRolePolicy": ("DeleteRolePolicy", ("RoleName", "PolicyName")),
    "PutUserPolicy": ("DeleteUserPolicy", ("UserName", "PolicyName")),
    "PutGroupPolicy": ("DeleteGroupPolicy", ("GroupName", "PolicyName")),
}
_CLOSING = {close: (opens, members) for opens, (close, members) in {**_PAIRS, **_TEXTS}.items()}
# Of these only the last one of a role or user counts.
_LAST_COUNTS = {
    "UpdateAssumeRolePolicy": "trust",
    "PutRolePermissionsBoundary": "boundary",
    "DeleteRolePermissionsBoundary": "boundary",
    "PutUserPermissionsBoundary": "boundary",
    "DeleteUserPermissionsBoundary": "boundary",
}
# These change only what they name; they go when it goes.
_INNER = frozenset(
    {
        "TagRole", "UntagRole", "UpdateRole", "UpdateRoleDescription",
        "TagPolicy", "UntagPolicy", "CreatePolicyVersion", "DeletePolicyVersion", "SetDefaultPolicyVersion",
    }
)  # fmt: skip


@dataclass
class Plan:
    """What to do to the journal: rows to delete, and rows that take the content of a later row."""

    deleted: set[int] = field(default_factory=set)
    replaced: dict[int, int] = field(default_factory=dict)


@dataclass
class _Life:
    """The requests about one entity since it was created. ``clean``: all of them are understood."""

    ids: list[int]
    clean: bool = True
    open: set[Key] = field(default_factory=set)


class Compaction:
    """Reads the journal's IAM requests in order with ``read``; ``plan`` is what can be done then."""

    def __init__(self) -> None:
        self.plan = Plan()
        self._lives: dict[Holder, _Life] = {}
        self._pairs: dict[Key, int] = {}
        self._texts: dict[Key, int] = {}
        self._last: dict[Key, int] = {}
        self._named: dict[str, set[Key]] = {}
        self._spoiled: set[Key] = set()

    def read(self, number: int, target: str, body: bytes) -> None:
        """One request that succeeded, by its row's number."""
        given = dict(parse_qsl(target.partition("?")[2])) | dict(parse_qsl(body.decode("utf-8", "replace")))
        action = given.get("Action", "")
        if action == "CreatePolicy":
            path = given.get("Path", "/")
            given["PolicyArn"] = f"arn:aws:iam::{ACCOUNT_ID}:policy{path}{given.get('PolicyName', '')}"
        holders = [(kind, given[member]) for member, kind in _MEMBERS.items() if member in given]
        if action in _CREATES and _CREATES[action] in given:
            self._create(number, (_MEMBERS[_CREATES[action]], given[_CREATES[action]]))
        elif action in _DELETES and _DELETES[action] in given:
            self._delete(number, (_MEMBERS[_DELETES[action]], given[_DELETES[action]]))
        elif action in _PAIRS:
            self._open_pair(number, _key(action, _PAIRS[action][1], given), holders)
        elif action in _TEXTS:
            self._write_text(number, _key(action, _TEXTS[action][1], given), holders)
        elif action in _CLOSING:
            self._close(number, _key(_CLOSING[action][0], _CLOSING[action][1], given), holders)
        elif action in _LAST_COUNTS and len(holders) == 1:
            self._last_counts(number, (_LAST_COUNTS[action], *holders[0]), holders[0])
        elif action in _INNER and len(holders) == 1:
            self._note(number, holders)
        else:
            for holder in holders:
                self._keep(holder)

    def _create(self, number: int, holder: Holder) -> None:
        self._forget(holder)
        self._lives[holder] = _Life([number], clean=holder not in self._lives)

    def _delete(self, number: int, holder: Holder) -> None:
        life = self._lives.pop(holder, None)
        if life is not None and life.clean and not life.open:
            self.plan.deleted.update([*life.ids, number])
            for gone in life.ids:
                self.plan.replaced.pop(gone, None)
        self._forget(holder)

    def _open_pair(self, number: int, key: Key, holders: Iterable[Holder]) -> None:
        self._note(number, holders)
        if key in self._pairs or key in self._spoiled:
            # moto counts a second attachment of the same policy.
            self._spoil(key, holders)
            return
        self._pairs[key] = number
        self._index(key)
        for holder in holders:
            if holder in self._lives:
                self._lives[holder].open.add(key)

    def _write_text(self, number: int, key: Key, holders: Iterable[Holder]) -> None:
        self._note(number, holders)
        if key in self._spoiled:
            self._spoil(key, holders)
            return
        first = self._texts.setdefault(key, number)
        self._index(key)
        if first != number:
            self._drop_replacement(first)
            self.plan.replaced[first] = number

    def _close(self, number: int, key: Key, holders: Iterable[Holder]) -> None:
        opened = self._pairs.pop(key, None) or self._texts.pop(key, None)
        if opened is None:
            self._note(number, holders)
            self._spoil(key, holders)
            return
        self._drop_replacement(opened)
        self.plan.deleted.update((opened, number))
        for holder in holders:
            if holder in self._lives:
                self._lives[holder].open.discard(key)

    def _last_counts(self, number: int, key: Key, holder: Holder) -> None:
        self._note(number, [holder])
        if key in self._last:
            self.plan.deleted.add(self._last[key])
        self._last[key] = number
        self._index(key)

    def _drop_replacement(self, first: int) -> None:
        last = self.plan.replaced.pop(first, None)
        if last is not None:
            self.plan.deleted.add(last)

    def _note(self, number: int, holders: Iterable[Holder]) -> None:
        for holder in holders:
            if holder in self._lives:
                self._lives[holder].ids.append(number)

    def _keep(self, holder: Holder) -> None:
        """Something that is not understood happened to it: nothing about it may go any more."""
        if holder in self._lives:
            self._lives[holder].clean = False
        self._forget(holder)

    def _spoil(self, key: Key, holders: Iterable[Holder]) -> None:
        """The requests that make and that delete this key can no longer be paired: all of them are kept."""
        self._spoiled.add(key)
        self._pairs.pop(key, None)
        self._texts.pop(key, None)
        for holder in holders:
            if holder in self._lives:
                self._lives[holder].clean = False

    def _index(self, key: Key) -> None:
        for name in key[1:]:
            self._named.setdefault(name, set()).add(key)

    def _forget(self, holder: Holder) -> None:
        """Do not pair what was created up to now with a deletion that comes later."""
        for key in self._named.pop(holder[1], ()):
            if key in self._pairs or key in self._texts:
                self._spoiled.add(key)
            for known in (self._pairs, self._texts, self._last):
                known.pop(key, None)


def _key(action: str, members: Iterable[str], given: dict[str, str]) -> Key:
    return (action, *(given.get(member, "") for member in members))
