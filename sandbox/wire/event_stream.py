"""AWS's event streams: answers that go on, message by message (``application/vnd.amazon.eventstream``).

Written from the Smithy document "Amazon Event Stream": a prelude with two lengths and its CRC, headers, payload, CRC.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping

from sandbox.wire import cbor

CONTENT_TYPE = "application/vnd.amazon.eventstream"
# The type of a header whose value is a text.
_TEXT = 7
# Two lengths and three checksums around headers and payload: 4 bytes each.
_AROUND = 16


def message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message of a stream."""
    written = b"".join(
        struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", _TEXT, len(value.encode())) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack("!II", len(written) + len(payload) + _AROUND, len(written))
    begun = prelude + struct.pack("!I", zlib.crc32(prelude)) + written + payload
    return begun + struct.pack("!I", zlib.crc32(begun))


def event(kind: str, members: Mapping[str, object], protocol: str) -> bytes:
    """An event of a stream of an RPC protocol (json, cbor); the first one is called ``initial-response``."""
    binary = protocol == "cbor"
    headers = {
        ":message-type": "event",
        ":event-type": kind,
        ":content-type": "application/cbor" if binary else "application/json",
    }
    return message(headers, cbor.dumps(members) if binary else json.dumps(members).encode())


def failure(code: str, text: str, protocol: str) -> bytes:
    """A modelled exception that ends a stream."""
    binary = protocol == "cbor"
    headers = {
        ":message-type": "exception",
        ":exception-type": code,
        ":content-type": "application/cbor" if binary else "application/json",
    }
    body = {"message": text}
    return message(headers, cbor.dumps(body) if binary else json.dumps(body).encode())
