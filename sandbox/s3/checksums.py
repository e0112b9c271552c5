"""Checksums of S3 objects: MD5 for the ETag, and the ``x-amz-checksum-*`` algorithms.

CRC32C and CRC64NVME are not in the standard library; they are computed with numpy over parallel lanes and the
lanes joined by the linearity of a CRC (as ``crc32_combine`` of zlib does).
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol

from sandbox.wire.errors import AwsError

ALGORITHMS = ("crc32", "crc32c", "crc64nvme", "sha1", "sha256")
PREFIX = "x-amz-checksum-"
POLYNOMIALS = {"crc32c": (0x82F63B78, 32), "crc64nvme": (0x9A6C9329AC4BC9B5, 64)}
# Pieces of the data that numpy goes through side by side: fewer lanes take more steps in Python.
LANES = 512


class Hash(Protocol):
    """A running checksum."""

    def update(self, data: bytes, /) -> None:
        """Add bytes."""
        ...

    def digest(self) -> bytes:
        """The value so far, big-endian."""
        ...


class Crc32:
    """CRC-32 of zlib."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        """Add bytes."""
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        """Four bytes, big-endian."""
        return self._value.to_bytes(4, "big")


class LaneCrc:
    """A reflected CRC with all-ones start and final xor (CRC32C, CRC64NVME)."""

    def __init__(self, name: str) -> None:
        self._polynomial, self._bits = POLYNOMIALS[name]
        self._table = _table(self._polynomial)
        self._mask = (1 << self._bits) - 1
        self._register = self._mask

    def update(self, data: bytes, /) -> None:
        """Add bytes."""
        lane = len(data) // LANES
        if lane >= 16:
            self._register = self._advance(self._register, lane * LANES) ^ self._lanes(data, lane)
            data = data[lane * LANES :]
        register, table = self._register, self._table
        for byte in data:
            register = (register >> 8) ^ table[(register ^ byte) & 255]
        self._register = register

    def _lanes(self, data: bytes, lane: int) -> int:
        import numpy as np

        kind: Any = np.uint32 if self._bits == 32 else np.uint64
        table = np.array(self._table, dtype=kind)
        columns = np.frombuffer(data, np.uint8, lane * LANES).reshape(LANES, lane).T
        registers: Any = np.zeros(LANES, kind)
        eight, low = kind(8), kind(255)
        for column in columns:
            registers = (registers >> eight) ^ table[((registers ^ column.astype(kind)) & low).astype(np.intp)]
        joined = 0
        for value in registers.tolist():
            joined = self._advance(joined, lane) ^ value
        return joined

    def _advance(self, register: int, zeros: int) -> int:
        """The register after ``zeros`` zero bytes."""
        power = 0
        while zeros:
            if zeros & 1:
                register = _times(_zeros_matrix(self._polynomial, self._bits, power), register)
            zeros >>= 1
            power += 1
        return register

    def digest(self) -> bytes:
        """The value, big-endian."""
        return (self._register ^ self._mask).to_bytes(self._bits // 8, "big")


@cache
def _table(polynomial: int) -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (polynomial if value & 1 else 0)
        table.append(value)
    return tuple(table)


def _times(matrix: tuple[int, ...], vector: int) -> int:
    total, index = 0, 0
    while vector:
        if vector & 1:
            total ^= matrix[index]
        vector >>= 1
        index += 1
    return total


@cache
def _zeros_matrix(polynomial: int, bits: int, power: int) -> tuple[int, ...]:
    """What 2**power zero bytes do to each bit of the register."""
    if power == 0:
        table = _table(polynomial)
        return tuple(((1 << bit) >> 8) ^ table[(1 << bit) & 255] for bit in range(bits))
    half = _zeros_matrix(polynomial, bits, power - 1)
    return tuple(_times(half, column) for column in half)


def new_hash(algorithm: str) -> Hash:
    """A running checksum of one of ``ALGORITHMS``."""
    if algorithm == "crc32":
        return Crc32()
    if algorithm in POLYNOMIALS:
        return LaneCrc(algorithm)
    if algorithm in ("sha1", "sha256"):
        return hashlib.new(algorithm, usedforsecurity=False)
    raise AwsError("InvalidRequest", f"The checksum algorithm {algorithm.upper()} is not supported.")


def announced(headers: Mapping[str, str]) -> tuple[str, str | None] | None:
    """The checksum that a request carries: (algorithm, value or None when it comes as a trailer)."""
    found = [name for name in ALGORITHMS if PREFIX + name in headers]
    if len(found) > 1:
        raise AwsError("InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum types found.")
    if found:
        return found[0], headers[PREFIX + found[0]]
    trailer = headers.get("x-amz-trailer", "").strip().lower()
    if trailer.startswith(PREFIX):
        return trailer.removeprefix(PREFIX), None
    wanted = headers.get("x-amz-sdk-checksum-algorithm", headers.get("x-amz-checksum-algorithm", "")).lower()
    return (wanted, None) if wanted in ALGORITHMS else None


def check(algorithm: str, expected: str, actual: str) -> None:
    """Raise BadDigest when a checksum that the client sent is not that of the bytes that came."""
    try:
        base64.b64decode(expected, validate=True)
    except ValueError as exc:
        raise AwsError("InvalidRequest", f"Value for {PREFIX}{algorithm} header is invalid.") from exc
    if expected != actual:
        raise AwsError(
            "BadDigest", f"The {algorithm.upper()} you specified did not match the calculated checksum: {actual}."
        )


def check_md5(headers: Mapping[str, str], md5: Any) -> None:
    """Raise BadDigest when Content-MD5 is given and is not that of the body."""
    given = headers.get("content-md5")
    if given is not None and given != base64.b64encode(md5.digest()).decode():
        raise AwsError("BadDigest", "The Content-MD5 you specified did not match what we received.")
