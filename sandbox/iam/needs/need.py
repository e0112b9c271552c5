"""One permission that a call needs, and what all services' rules share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sandbox.wire.call import Call


class Names(Protocol):
    """Finds what a member only names."""

    def role_arn(self, name: str) -> str:
        """The ARN, path and all, of the role of this name."""
        ...

    def profile_roles(self, profile: str) -> list[str]:
        """The ARNs of the roles in an instance profile, by its name or its ARN."""
        ...


# The permissions of a call; None for one that the rule does not know, which is then refused.
Rule = Callable[[Call, Names], "list[Need] | None"]


@dataclass(frozen=True)
class Need:
    """One permission: ``action`` on ``resource``, with the condition keys that only this request can tell."""

    action: str
    resource: str = "*"
    context: Mapping[str, str | Sequence[str]] = field(default_factory=dict)


def member_names(call: Call) -> Collection[str]:
    """All members that the call's operation has, given or not."""
    shape = call.model.input_shape if call.model is not None else None
    return shape.members.keys() if shape is not None else ()


def text(call: Call, member: str) -> str:
    """A member as text; empty where it is not given."""
    return str(call.members.get(member) or "")


def texts(call: Call, member: str) -> list[str]:
    """A list member as texts."""
    return [str(item) for item in call.members.get(member) or ()]
