"""CBOR (RFC 8949), as much of it as Smithy's rpcv2Cbor protocol uses: CloudWatch's clients speak it."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import Any

MAX_DEPTH = 64
_BREAK = object()


def dumps(value: object) -> bytes:
    """Encode dicts, lists, str, bytes, bool, None, int, float and ``datetime`` (tag 1, seconds)."""
    out = bytearray()
    _encode(value, out)
    return bytes(out)


def loads(data: bytes) -> Any:
    """Decode one item. Tag 1 becomes an aware ``datetime``. Raises ``ValueError`` for anything malformed."""
    try:
        value, end = _decode(data, 0, 0)
    except (IndexError, struct.error, UnicodeDecodeError, OverflowError, TypeError) as exc:
        raise ValueError(f"malformed CBOR: {exc}") from exc
    if value is _BREAK or end != len(data):
        raise ValueError("malformed CBOR: trailing bytes")
    return value


def _head(major: int, number: int, out: bytearray) -> None:
    if number < 24:
        out.append(major << 5 | number)
        return
    for code, form, limit in ((24, ">B", 1 << 8), (25, ">H", 1 << 16), (26, ">I", 1 << 32), (27, ">Q", 1 << 64)):
        if number < limit:
            out.append(major << 5 | code)
            out += struct.pack(form, number)
            return
    raise ValueError("integer too large for CBOR")


def _encode(value: object, out: bytearray) -> None:
    if value is None:
        out.append(0xF6)
    elif isinstance(value, bool):
        out.append(0xF5 if value else 0xF4)
    elif isinstance(value, int):
        _head(0, value, out) if value >= 0 else _head(1, -1 - value, out)
    elif isinstance(value, float):
        out += b"\xfb" + struct.pack(">d", value)
    elif isinstance(value, str):
        raw = value.encode()
        _head(3, len(raw), out)
        out += raw
    elif isinstance(value, bytes):
        _head(2, len(value), out)
        out += value
    elif isinstance(value, datetime):
        out.append(0xC1)
        _encode(value.timestamp(), out)
    elif isinstance(value, dict):
        _head(5, len(value), out)
        for key, item in value.items():
            _encode(str(key), out)
            _encode(item, out)
    elif isinstance(value, list | tuple):
        _head(4, len(value), out)
        for item in value:
            _encode(item, out)
    else:
        raise TypeError(f"cannot encode {type(value).__name__} as CBOR")


def _decode(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    if depth > MAX_DEPTH:
        raise ValueError("malformed CBOR: nested too deeply")
    first = data[at]
    major, info = first >> 5, first & 31
    at += 1
    if major == 7:
        return _simple(data, at, info)
    if info == 31:
        return _indefinite(data, at, major, depth)
    number, at = _number(data, at, info)
    if major == 0:
        return number, at
    if major == 1:
        return -1 - number, at
    if major in (2, 3):
        raw = data[at : at + number]
        if len(raw) != number:
            raise ValueError("malformed CBOR: truncated string")
        return (raw if major == 2 else raw.decode()), at + number
    if major == 4:
        items = []
        for _ in range(number):
            item, at = _decode(data, at, depth + 1)
            items.append(item)
        return items, at
    if major == 5:
        pairs = {}
        for _ in range(number):
            key, at = _decode(data, at, depth + 1)
            pairs[key], at = _decode(data, at, depth + 1)
        return pairs, at
    value, at = _decode(data, at, depth + 1)
    if number == 1:
        return datetime.fromtimestamp(float(value), UTC), at
    return value, at


def _number(data: bytes, at: int, info: int) -> tuple[int, int]:
    if info < 24:
        return info, at
    if info > 27:
        raise ValueError("malformed CBOR: reserved length")
    size = 1 << (info - 24)
    raw = data[at : at + size]
    if len(raw) != size:
        raise ValueError("malformed CBOR: truncated number")
    return int.from_bytes(raw, "big"), at + size


def _simple(data: bytes, at: int, info: int) -> tuple[Any, int]:
    if info in (20, 21):
        return info == 21, at
    if info in (22, 23):
        return None, at
    if info == 31:
        return _BREAK, at
    for code, form, size in ((25, ">e", 2), (26, ">f", 4), (27, ">d", 8)):
        if info == code:
            number = struct.unpack_from(form, data, at)[0]
            return number, at + size
    raise ValueError("malformed CBOR: unknown simple value")


def _indefinite(data: bytes, at: int, major: int, depth: int) -> tuple[Any, int]:
    items = []
    while True:
        item, at = _decode(data, at, depth + 1)
        if item is _BREAK:
            break
        items.append(item)
    if major == 2:
        return b"".join(items), at
    if major == 3:
        return "".join(items), at
    if major == 4:
        return items, at
    if major == 5 and len(items) % 2 == 0:
        return dict(zip(items[::2], items[1::2], strict=True)), at
    raise ValueError("malformed CBOR: indefinite length")
