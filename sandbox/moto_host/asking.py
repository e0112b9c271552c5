"""Asking moto, which takes members on trust: what it stumbles over was asked wrongly, and is told so in AWS's words."""

from __future__ import annotations

import sqlite3
from typing import Protocol

from sandbox.core.diagnostics import tell
from sandbox.wire.call import Call
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import RestResponse

# How AWS's services call a value that they do not take, by the protocol that they speak.
INVALID = {"query": "ValidationError", "ec2": "InvalidParameterValue"}
# XML has no form for these; moto writes them as they came, and nobody could read the answer.
_WRITABLE = bytes(ord("?") if code < ord(" ") and chr(code) not in "\t\n\r" else code for code in range(256))


class Answering(Protocol):
    """Answers the requests that are let through (``MotoBridge``)."""

    def handle(self, call: Call) -> RestResponse:
        """Answer an authorized call."""
        ...


def asked(moto: Answering, call: Call) -> RestResponse:
    """moto's answer. Raises AWS's refusal of the request where moto fails in it."""
    try:
        response = moto.handle(call)
    except (AwsError, OSError, sqlite3.Error):
        # Ours: a refusal, or the disk.
        raise
    except Exception as error:
        tell(f"moto could not carry out {call.service} {call.operation}: {error!r}")
        code = INVALID.get(call.protocol, "ValidationException")
        text = f"{call.operation} was asked without a member that it needs, or with a value that it does not know."
        raise AwsError(code, text) from error
    if call.protocol in INVALID and isinstance(response.body, bytes):
        response.body = response.body.translate(_WRITABLE)
    return response
