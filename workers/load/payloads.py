"""The bodies that are sent: pictures of a file or a folder, or one that is drawn."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workers.errors.tree import InvalidInput, translate
from workers.files.folder_rules import is_ignored, is_picture
from workers.files.regular_file import read_regular
from workers.inference.answers import MAX_BODY_BYTES, guess_type
from workers.samples.catalogue import chosen
from workers.samples.maker import TYPICAL_BYTES
from workers.samples.scene import picture_bytes

# Different pictures; more would only fill the memory.
MOST_PICTURES = 200
MOST_BYTES = 128 * 1024**2
# Names looked at for them.
_MOST_NAMES = 20_000
_SEED = "load/1"


@dataclass(frozen=True)
class Payload:
    """One body with its type and its SHA-256 (hex)."""

    body: bytes
    content_type: str
    digest: str


def payloads(pictures: str, kind: Literal["endpoint", "function"]) -> list[Payload]:
    """The bodies for an endpoint (the picture itself) or a function (``{"image": base64}``), at least one.

    ``pictures`` is the path of a file or a folder, "": one drawn picture. A folder's are taken evenly, at most
    ``MOST_PICTURES``; those that are too large for a request are left out. Raises ``SageDeckError``. Blocking.
    """
    if not pictures:
        return [_payload(picture_bytes(chosen(1)[0], _SEED), kind)]
    place = Path(pictures)
    found: list[Payload] = []
    room = MOST_BYTES
    try:
        for name in _chosen(place):
            payload = _read(name, kind, alone=place == name)
            if payload is not None and (room := room - len(payload.body)) >= 0:
                found.append(payload)
    except OSError as error:
        raise translate(error, f"read the pictures of {place.name}") from error
    if not found:
        raise _nothing(place, kind)
    return found


def mean_bytes(pictures: str, kind: Literal["endpoint", "function"]) -> float:
    """About how large the body of one request is, by the sizes of the files. Raises ``SageDeckError``. Blocking."""
    grown = 4 / 3 if kind == "function" else 1.0
    if not pictures:
        return TYPICAL_BYTES * grown
    try:
        sizes = [size for name in _chosen(Path(pictures)) if 0 < (size := name.stat().st_size) <= _most(kind)]
    except OSError as error:
        raise translate(error, f"read the pictures of {Path(pictures).name}") from error
    if not sizes:
        raise _nothing(Path(pictures), kind)
    return sum(sizes) / len(sizes) * grown


def _chosen(place: Path) -> list[Path]:
    return [place] if place.is_file() else _evenly(sorted(_names(place)))


def _nothing(place: Path, kind: str) -> InvalidInput:
    return InvalidInput(
        "No picture to send",
        f"{place} has no picture of at most {_most(kind) / 1024**2:.1f} MB.",
        "Choose another folder, or send the drawn picture.",
    )


def _most(kind: str) -> int:
    """Bytes of the largest picture; as base64 it grows by a third."""
    return MAX_BODY_BYTES if kind == "endpoint" else MAX_BODY_BYTES * 3 // 4 - 1024


def _read(path: Path, kind: Literal["endpoint", "function"], *, alone: bool) -> Payload | None:
    try:
        data = read_regular(path, _most(kind))
    except OSError:
        if alone:
            raise
        return None
    return _payload(data, kind) if data else None


def _payload(picture: bytes, kind: Literal["endpoint", "function"]) -> Payload:
    body, content_type = picture, guess_type(picture)
    if kind == "function":
        body = json.dumps({"image": base64.b64encode(picture).decode()}).encode()
        content_type = "application/json"
    return Payload(body, content_type, hashlib.sha256(body).hexdigest())


def _names(folder: Path) -> Iterator[Path]:
    looked = 0
    for place, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = sorted(name for name in folders if not is_ignored(name))
        for name in names:
            looked += 1
            if is_picture(name) and not is_ignored(name):
                yield Path(place, name)
        if looked >= _MOST_NAMES:
            return


def _raise(error: OSError) -> None:
    raise error


def _evenly(names: list[Path]) -> list[Path]:
    step = max(1.0, len(names) / MOST_PICTURES)
    return [names[int(at * step)] for at in range(min(len(names), MOST_PICTURES))]
