"""One small tree of errors in plain words, and the one place that translates boto3's into it.

Every error keeps AWS's code, request id and own wording (``details``), so that nothing is lost for a
support case, and may carry a ``Fix`` that a window can offer as a button.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workers.types import Backend


@dataclass(frozen=True)
class Fix:
    """What one click could do about an error.

    ``action`` is one of ``sign_in``, ``choose_backend``, ``restart_sandbox``, ``grant``, ``raise_quota``, ``retry``,
    ``reconnect`` and ``choose_name``; ``data`` holds what the action needs (for ``grant``: action, resource,
    principal).
    """

    label: str
    action: str
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Left:
    """Something that a failed change left in the account. ``cli`` deletes it."""

    kind: str
    name: str
    note: str = ""
    cli: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" + (f" ({self.note})" if self.note else "")


class SageDeckError(Exception):
    """Something did not work. ``title`` is one short line, ``message`` says what, ``hint`` what to do next.

    ``left`` is what a change that failed has left in the account; ``message`` tells it, too. ``retried``:
    the request was sent more than once, so this may be the answer to what an earlier one has done.
    """

    left: tuple[Left, ...] = ()
    retried: bool = False

    def __init__(
        self,
        title: str,
        message: str,
        hint: str = "",
        code: str = "",
        request_id: str = "",
        fix: Fix | None = None,
        details: str = "",
    ) -> None:
        self.title, self.message, self.hint = title, message, hint
        self.code, self.request_id, self.fix, self.details = code, request_id, fix, details
        super().__init__(title, message)

    def __str__(self) -> str:
        cleanup = f"To delete it by hand: {self.cleanup}" if self.cleanup else ""
        return " ".join(part for part in (f"{self.title}. {self.message}", self.hint, cleanup) if part)

    @property
    def cleanup(self) -> str:
        """The AWS CLI lines that delete what is left, with "; " between them."""
        return "; ".join(part.cli for part in self.left if part.cli)

    def leaving(self, left: Sequence[Left]) -> SageDeckError:
        """The same error, which now also tells what is left in the account."""
        if left:
            self.left += tuple(left)
            self.message += f" Left in the account: {', '.join(map(str, left))}."
        return self


class AccessDenied(SageDeckError):
    """The credentials are good but may not do this. ``action`` and ``resource`` are set when AWS named them."""

    action: str = ""
    resource: str = ""
    principal: str = ""


class Expired(SageDeckError):
    """The credentials are missing, wrong or no longer valid: the operator has to sign in."""


class NotFound(SageDeckError):
    """What was asked for does not exist (any more)."""


class Conflict(SageDeckError):
    """A name is taken, or the resource is in a state that forbids this now."""


class QuotaExceeded(SageDeckError):
    """The account's quota does not allow it."""


class Throttled(SageDeckError):
    """AWS asks to slow down, and the retries did not help."""


class InvalidInput(SageDeckError):
    """A value that was sent is not acceptable."""


class Unreachable(SageDeckError):
    """No answer came back."""


class ModelFailed(SageDeckError):
    """The model container answered with an error."""


class ServiceFault(SageDeckError):
    """The service failed, or does not offer this operation."""


class LocalProblem(SageDeckError):
    """Something on this computer: a file, a folder, the disk."""


def translate(
    exc: BaseException, doing: str, *, service: str = "", profile: str | None = None, own: bool | None = None
) -> SageDeckError:
    """Turn whatever boto3, the network or the disk raised into a ``SageDeckError``.

    ``doing`` completes "Could not …" (for example ``create the bucket photos``). ``service`` is boto3's client
    name, used to name the refused action where AWS does not; ``profile`` is what a sign-in would be for.
    ``own`` says that a loopback address is the profile's own endpoint, not the sandbox (None: there is a profile).
    A ``SageDeckError`` is returned as it is. Works by class names, so that botocore is not imported here.
    """
    from workers.errors import rules as error_rules

    if isinstance(exc, SageDeckError):
        return exc
    response = getattr(exc, "response", None)
    if isinstance(response, dict) and "Error" in response:
        told = error_rules.from_response(exc, doing, service, profile)
        told.retried = bool(response.get("ResponseMetadata", {}).get("RetryAttempts"))
        return told
    if type(exc).__module__.startswith(("botocore", "boto3", "s3transfer", "workers.deadlines")):
        return error_rules.from_botocore(exc, doing, profile, bool(profile) if own is None else own)
    if isinstance(exc, OSError):
        return error_rules.from_os(exc, doing)
    return SageDeckError(f"Could not {doing}", f"{type(exc).__name__}: {exc}", code=type(exc).__name__)


def translate_for(backend: Backend, exc: BaseException, doing: str, service: str = "") -> SageDeckError:
    """``translate`` for a call to ``backend``."""
    return translate(exc, doing, service=service, profile=backend.profile_name, own=backend.kind != "sandbox")
