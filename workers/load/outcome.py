"""What an answer was, by its status, headers and body: good, or an error with the code that AWS gave it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Fatal = Literal["", "gone", "refused"]

# Characters: kinds of errors are counted by it and shown in a cell.
_LONGEST = 300
_GONE = re.compile(r"not found|could not find|does not exist|function not found", re.IGNORECASE)
# A caller who is refused for one of these is refused every time.
_REFUSED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_THROTTLED = ("TooManyRequestsException", "ThrottlingException")
_MEANINGS = (
    ("ReservedFunctionConcurrentInvocationLimitExceeded", "Throttled: more calls at a time than are reserved"),
    ("ConcurrentInvocationLimitExceeded", "Throttled: more calls at a time than the account's pool has left"),
    ("TooManyRequestsException", "Throttled by Lambda"),
    ("ThrottlingException", "Throttled by SageMaker: too many requests a second for this account"),
    ("ModelError 503", "The container's queue was full: more requests at a time than its instances take"),
    ("ModelError 0", "The model did not answer within 60 s"),
    ("ModelError", "The model answered with an error"),
    ("Timeout", "No answer came in time"),
    ("ConnectionFailed", "No connection, or it broke"),
    ("ServiceUnavailable", "The endpoint had no instance that could answer"),
    ("Function answered 429", "The function told of too many requests"),
    ("Function answered", "The function ran and told of an error"),
    ("FunctionError", "The function's code raised an error"),
)


@dataclass(frozen=True)
class Outcome:
    """One answer; ``code`` is empty for a good one. ``fatal``: no later one will be any better."""

    code: str = ""
    message: str = ""
    fatal: Fatal = ""


GOOD = Outcome()
TIMEOUT = Outcome("Timeout", "No answer in time.")


def failed_connection(error: BaseException) -> Outcome:
    """The outcome of a request that found no server, or lost it."""
    return Outcome("ConnectionFailed", f"{type(error).__name__}: {error}"[:_LONGEST])


def outcome_of(kind: str, status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
    """The outcome of an answer of InvokeEndpoint (``kind`` endpoint) or of Lambda's Invoke (function)."""
    if status < 300:
        return _of_function(headers, body) if kind == "function" else GOOD
    said = _json(body)
    code = headers.get("x-amzn-errortype") or str(said.get("__type") or said.get("code") or said.get("Code") or "")
    code = code.split(":")[0].rsplit("#", 1)[-1] or f"HTTP {status}"
    message = str(said.get("message") or said.get("Message") or "")[:_LONGEST]
    if code == "ModelError" and isinstance(said.get("OriginalStatusCode"), int):
        code = f"ModelError {said['OriginalStatusCode']}"
    if said.get("Reason"):
        return Outcome(f"{code}: {said['Reason']}", message)
    if code in _REFUSED:
        return Outcome(code, message, "refused")
    if code == "ResourceNotFoundException" or (code.startswith("Validation") and _GONE.search(message)):
        return Outcome(code, message, "gone")
    return Outcome(code, message)


def throttled(code: str) -> bool:
    """True for an answer that asks to slow down."""
    return code.startswith(_THROTTLED)


def meaning(code: str) -> str:
    """What a code means, in a few words; empty where AWS's own words say it."""
    words, _, reason = code.partition(": ")
    for known, text in _MEANINGS:
        if reason == known or words.startswith(known):
            return text
    return ""


def _of_function(headers: Mapping[str, str], body: bytes) -> Outcome:
    said = _json(body)
    if kind := headers.get("x-amz-function-error"):
        return Outcome(
            f"FunctionError: {said.get('errorType') or kind}", str(said.get("errorMessage") or "")[:_LONGEST]
        )
    status = said.get("statusCode")
    if isinstance(status, int) and status >= 400:
        inner = _json(str(said.get("body") or "").encode())
        cause = inner.get("cause")
        code = f" ({cause['code']})" if isinstance(cause, Mapping) and cause.get("code") else ""
        words = cause.get("message") if isinstance(cause, Mapping) else inner.get("error")
        return Outcome(f"Function answered {status}{code}", str(words or "")[:_LONGEST])
    return GOOD


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
