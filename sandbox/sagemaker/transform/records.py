"""From an object to the payloads of its requests: whole, or line by line, as many lines as fit into one.

Source: SageMaker API Reference, CreateTransformJob (BatchStrategy, MaxPayloadInMB) and TransformInput (SplitType).
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast


class TooLarge(Exception):
    """A record is larger than a payload may be."""


def payloads(path: Path, *, lines: bool, single: bool, limit: int | None, gzipped: bool = False) -> Iterator[bytes]:
    """The payloads of one object. ``lines``: its records are lines, of which each payload gets one (``single``) or as
    many as ``limit`` bytes hold; otherwise the object is one record. Raises ``TooLarge``, and ``OSError`` or
    ``EOFError`` for what is no gzip file."""
    with cast(IO[bytes], gzip.open(path) if gzipped else path.open("rb")) as file:
        if not lines:
            yield _whole(file, limit)
        elif single:
            yield from (record.rstrip(b"\r\n") for record in _records(file, limit))
        else:
            yield from _batches(file, limit)


def _whole(file: IO[bytes], limit: int | None) -> bytes:
    data = file.read() if limit is None else file.read(limit + 1)
    if limit is not None and len(data) > limit:
        raise TooLarge
    return data


def _records(file: IO[bytes], limit: int | None) -> Iterator[bytes]:
    while line := file.readline() if limit is None else file.readline(limit + 1):
        if limit is not None and len(line) > limit:
            raise TooLarge
        # An empty line is no record.
        if line.strip(b"\r\n"):
            yield line


def _batches(file: IO[bytes], limit: int | None) -> Iterator[bytes]:
    batch: list[bytes] = []
    size = 0
    for record in _records(file, limit):
        if batch and limit is not None and size + len(record) > limit:
            yield b"".join(batch)
            batch, size = [], 0
        batch.append(record)
        size += len(record)
    if batch:
        yield b"".join(batch)
