"""What a service of the sandbox may use, and who decides for it what a role may do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from sandbox.auth.credentials import Credentials
from sandbox.core.processes import Processes
from sandbox.core.state import StateDir
from sandbox.wire.messages import Caller

Part = TypeVar("Part")


class Access(Protocol):
    """Decides about roles for the services that use them (see ``sandbox/iam/enforcer.py``)."""

    def authorize_role(
        self, role_arn: str, action: str, resource: str, context: Mapping[str, str] | None = None
    ) -> None:
        """Raise AWS's refusal when the role may not do this."""
        ...

    def allows_role(self, role_arn: str, action: str, resource: str) -> bool:
        """Whether the role may, for what AWS leaves out silently when it may not."""
        ...

    def check_assume(self, caller: Caller, role_arn: str, actions: Sequence[str], context: Mapping[str, str]) -> None:
        """Raise AWS's refusal when the role's trust policy does not allow ``caller`` one of ``actions``."""
        ...

    def trusts_service(self, role_arn: str, service: str, source_arn: str = "") -> bool:
        """Whether the role exists and its trust policy lets ``service`` (``sagemaker.amazonaws.com``) use it.

        ``source_arn``: the resource on whose behalf the service asks.
        """
        ...

    def exists(self, arn: str) -> bool:
        """Whether the account has a role, user or group of this ARN."""
        ...


@dataclass
class SandboxContext:
    """What a service may use. ``endpoint_url`` is known before the services start. ``access`` decides about what
    services do for roles.
    """

    state: StateDir
    credentials: Credentials
    processes: Processes
    endpoint_url: str
    region: str
    call: Callable[[str, str, dict[str, Any]], dict[str, Any]]
    access: Access
    # What the sandbox is made of, for ``part``.
    parts: Sequence[object] = ()

    def part(self, kind: type[Part]) -> Part:
        """The one part of this kind: ``part(S3)`` for what a job downloads, ``part(Logs)`` for what it prints.

        So a service names what it uses, and this module knows none of them.
        """
        return next(part for part in self.parts if isinstance(part, kind))
