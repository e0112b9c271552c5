"""CBOR as Smithy's rpcv2Cbor uses it, by ``cbor2``: times in epoch seconds, and of all tags only theirs.

cbor2 alone would also build what the tags of a stranger's request name: patterns, huge numbers, cycles.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from cbor2 import CBORDecoder, CBORError, undefined
from cbor2 import dumps as cbor2_dumps

# Deeper than any operation's members; a request must not use up the stack.
MAX_DEPTH = 64
_EPOCH_TIME = 1


def dumps(value: object) -> bytes:
    """Encode plain values and aware ``datetime`` (tag 1, seconds)."""
    return cbor2_dumps(value, datetime_as_timestamp=True)


def loads(data: bytes) -> object:
    """Decode one item. Tag 1 becomes an aware ``datetime``, undefined None. Raises ValueError for what is malformed."""
    stream = io.BytesIO(data)
    try:
        decoder = CBORDecoder(
            stream,
            semantic_decoders=_TimesAlone(),
            max_depth=MAX_DEPTH,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
            read_size=1,
        )
        value = decoder.decode()
    except (CBORError, ValueError, OverflowError, RecursionError, MemoryError) as exc:
        raise ValueError(f"malformed CBOR: {exc}") from exc
    if stream.tell() != len(data):
        raise ValueError("malformed CBOR: trailing bytes")
    return _plain(value)


Decode = Callable[[Any, bool], Any]


class _TimesAlone(dict[int, Decode]):
    """A decoder for each tag there is: one for times, one that refuses for all others."""

    def __getitem__(self, tag: int) -> Decode:
        return _time if tag == _EPOCH_TIME else _refuse


def _time(value: Any, immutable: bool) -> datetime:
    return datetime.fromtimestamp(float(value), UTC)


def _refuse(value: object, immutable: bool) -> object:
    raise ValueError("a tag that the protocol does not have")


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if value is undefined:
        return None
    if value is not None and not isinstance(value, str | bytes | bool | int | float | datetime):
        raise ValueError(f"malformed CBOR: {type(value).__name__}")
    return value
