"""Is told of every call: calls that change something go to the event history, and each caller's to the last uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from sandbox.audit.event import is_recorded, resources_of
from sandbox.audit.trail import Trail
from sandbox.audit.usage import Usage
from sandbox.core.diagnostics import tell_exception
from sandbox.wire.call import Call
from sandbox.wire.errors import AwsError
from sandbox.wire.models import service_model

# The ARNs that a call is about.
Arns = Callable[[Call], Iterable[str]]


class Recorder:
    """What the dispatcher tells of each call, kept."""

    def __init__(self, trail: Trail, usage: Usage, arns: Arns) -> None:
        self._trail, self._usage, self._arns = trail, usage, arns

    def called(self, call: Call, error: AwsError | None, answer: Mapping[str, Any] | None) -> None:
        """Note a call that ended with ``error``, or with the members ``answer`` (None where a stream answers)."""
        if error is not None and error.code == "NotImplemented":
            return
        try:
            self._usage.called(call.caller, prefix(call.service), call.operation, call.region)
            if is_recorded(call):
                self._trail.add(call, error, resources_of(self._named(call), answer, call.service))
        except Exception as exc:
            # The call itself was answered, and stays so; only its record is missing, which is said.
            tell_exception(exc)

    def _named(self, call: Call) -> Iterable[str]:
        try:
            return self._arns(call)
        except AwsError:
            # It names a resource in no valid way.
            return ()


@cache
def prefix(service: str) -> str:
    """How the actions of a service begin, by botocore's name: ``cloudwatch``, ``sagemaker``, ``servicequotas``."""
    return service if service == "cloudwatch" else str(service_model(service).signing_name)
