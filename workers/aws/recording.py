"""What was really sent: every call that changes something, with its parameters, AWS's answer and the request's id.

A session's clients are watched; who wants to know sets a listener around what it awaits::

    with recording(calls.append):
        await services.endpoints.delete(plan)

Calls that only read, dry runs, and the use of endpoints and functions are no changes. Secrets are left out before
anybody gets a call (``workers/files/hiding.py``). What programs of their own send (the launcher, uploads) is not seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from workers.files.hiding import hidden

_READS = re.compile(
    r"^(?:Get|List|Describe|Head|Search|Lookup|Simulate|BatchGet|Filter|Test|Query|Select|Estimate|Preview|Decode"
    r"|Validate|Assume|Invoke|StartQuery|StopQuery|DryRun|Generate|CreatePresigned)"
)
_ASKED = "sagedeck.asked"

Listener = Callable[["SentCall"], object]
_listener: ContextVar[Listener | None] = ContextVar("what was sent", default=None)


@dataclass(frozen=True)
class SentCall:
    """One call. ``service`` is boto3's name, ``operation`` AWS's; ``error`` is AWS's code, "" when it was accepted.

    An ``error`` that is no code of AWS's (``EndpointConnectionError``) means that nobody knows whether it arrived.
    """

    service: str
    operation: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    region: str = ""
    request_id: str = ""
    error: str = ""
    at: str = ""

    def as_record(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return asdict(self)

    @classmethod
    def from_record(cls, kept: object) -> SentCall | None:
        """From what a file holds; None for what is not understood."""
        if not isinstance(kept, dict) or not isinstance(kept.get("parameters"), dict):
            return None
        texts = {name: kept.get(name, "") for name in ("service", "operation", "region", "request_id", "error", "at")}
        if not all(isinstance(text, str) for text in texts.values()) or not texts["operation"]:
            return None
        return cls(parameters=kept["parameters"], **texts)


@contextmanager
def recording(listener: Listener) -> Iterator[None]:
    """While inside, ``listener`` gets what this task and what it starts have sent. It is called in any thread."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def is_change(operation: str, parameters: Mapping[str, Any]) -> bool:
    """Whether a call of this operation changes something of the account."""
    return _READS.match(operation) is None and parameters.get("DryRun") is not True


def watch(client: Any, elsewhere: Callable[[], Listener | None] = lambda: None) -> None:
    """Tell of what this boto3 client sends from now on; ``elsewhere()`` hears what is sent outside of ``recording``."""
    events = client.meta.events

    def asked(params: Mapping[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        _note(params, model, context, _listener.get() or elsewhere())

    events.register("provide-client-params", asked)
    events.register("after-call", _answered)
    events.register("after-call-error", _failed)


def spoken(operation: str) -> str:
    """AWS's name of an operation as words: ``UpdateEndpoint`` is ``update endpoint``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", operation).lower()


def _note(params: Mapping[str, Any], model: Any, context: dict[str, Any], listener: Listener | None) -> None:
    if listener is not None and is_change(model.name, params):
        service = model.service_model.service_name
        call = SentCall(
            service, model.name, hidden(params), context.get("client_region", ""), at=datetime.now(UTC).isoformat()
        )
        context[_ASKED] = call, listener


def _answered(http_response: Any, parsed: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
    meta = parsed.get("ResponseMetadata", {})
    refused = getattr(http_response, "status_code", 200) >= 300
    error = str(parsed.get("Error", {}).get("Code", "")) or str(http_response.status_code) if refused else ""
    _tell(context, str(meta.get("RequestId") or meta.get("HostId") or ""), error)


def _failed(exception: BaseException, context: dict[str, Any], **_: Any) -> None:
    _tell(context, "", type(exception).__name__)


def _tell(context: dict[str, Any], request_id: str, error: str) -> None:
    call, listener = context.pop(_ASKED, (None, None))
    if call is not None:
        listener(SentCall(call.service, call.operation, call.parameters, call.region, request_id, error, call.at))
