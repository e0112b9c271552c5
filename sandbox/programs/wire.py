"""Frames between the sandbox and an inference process: a JSON header and a body, each with its length.

Both sides use this module; the inference process loads it as a plain file, so it imports nothing of ours.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Mapping
from typing import Any

_LENGTHS = struct.Struct(">II")
# Bytes: a request of SageMaker has at most 25 MB, and one of Lambda 6.
MAX_HEADER = 1024 * 1024
MAX_BODY = 128 * 1024 * 1024


class WireClosed(Exception):
    """The other side closed the connection, or sent what is no frame."""


def send(connection: socket.socket, header: Mapping[str, object], body: bytes = b"") -> None:
    """Send one frame."""
    head = json.dumps(header).encode()
    start = _LENGTHS.pack(len(head), len(body)) + head
    # In one piece, so that the other side wakes up once.
    connection.sendall(start + body)


def receive(connection: socket.socket) -> tuple[dict[str, Any], bytes]:
    """Receive one frame. Raises ``WireClosed``, and ``TimeoutError`` when the socket has a timeout."""
    head_length, body_length = _LENGTHS.unpack(_exactly(connection, _LENGTHS.size))
    if head_length > MAX_HEADER or body_length > MAX_BODY:
        raise WireClosed("a frame is too large")
    header = json.loads(_exactly(connection, head_length))
    return header, bytes(_exactly(connection, body_length))


def _exactly(connection: socket.socket, size: int) -> bytearray:
    buffer = bytearray(size)
    view = memoryview(buffer)
    filled = 0
    while filled < size:
        try:
            count = connection.recv_into(view[filled:])
        except ConnectionError as error:
            raise WireClosed(str(error)) from error
        if count == 0:
            raise WireClosed("the connection was closed")
        filled += count
    return buffer
