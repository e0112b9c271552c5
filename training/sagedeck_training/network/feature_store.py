"""Features kept in files, so that the trials of a tuning job train only the head.

A folder (or a ``.tar.gz`` of it, which is what SageMaker makes of a model folder) with ``manifest.json`` and
shards ``SPLIT-NNNNN.npy`` of half-precision numbers, shape (pictures, views, features).
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..machine.os_words import os_words
from .features import FeatureSet

MANIFEST = "manifest.json"
# Raised with what a view of a picture is: features of other views are not to be mixed.
FORMAT = 2
# Some 10 MB a file at 1,280 figures a row.
ROWS_PER_SHARD = 2048
ARCHIVES = ("model.tar.gz", "output.tar.gz", "features.tar.gz")


class FeatureStoreError(ValueError):
    """Stored features are missing, damaged, or made from something else; the message says which."""


@dataclass(frozen=True)
class Origin:
    """What features were made from. ``data`` is ``data.content_hash``, ``weights`` is ``model.state_hash``."""

    data: str
    backbone: str
    weights: str
    image_size: int
    views: int
    seed: int

    @property
    def content_hash(self) -> str:
        """SHA-256 of all of it: features with the same hash are the same features."""
        return hashlib.sha256(json.dumps({"format": FORMAT, **asdict(self)}, sort_keys=True).encode()).hexdigest()

    def differences(self, wanted: Origin, *, ignore_data: bool) -> list[str]:
        """The names of the parts in which this differs from ``wanted``."""
        mine, other = asdict(self), asdict(wanted)
        return [name for name in mine if mine[name] != other[name] and not (ignore_data and name == "data")]


@dataclass
class Store:
    """Features read from files, with the classes and the skipped files of the run that made them."""

    origin: Origin
    folders: list[str]
    skipped: list[tuple[str, str]]
    sets: dict[str, FeatureSet]


def write_store(
    folder: Path,
    origin: Origin,
    folders: Sequence[str],
    skipped: Sequence[tuple[str, str]],
    sets: Mapping[str, FeatureSet],
) -> None:
    """Write shards, then the manifest: a folder with a manifest is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    splits: dict[str, Any] = {}
    for split, found in sets.items():
        shards = []
        for number, rows in enumerate(found.features.split(ROWS_PER_SHARD) if len(found) else []):
            buffer = io.BytesIO()
            np.save(buffer, rows.numpy(), allow_pickle=False)
            name = f"{split}-{number:05}.npy"
            (folder / name).write_bytes(buffer.getvalue())
            digest = hashlib.sha256(buffer.getvalue()).hexdigest()
            shards.append({"file": name, "rows": len(rows), "sha256": digest})
        splits[split] = {"shards": shards, "paths": found.paths, "labels": found.labels.tolist()}
    manifest = {
        "format": FORMAT,
        "content_hash": origin.content_hash,
        "origin": asdict(origin),
        "classes": list(folders),
        "skipped": [list(entry) for entry in skipped],
        "splits": splits,
    }
    partial = folder / (MANIFEST + ".part")
    partial.write_text(json.dumps(manifest, ensure_ascii=False), encoding="utf-8")
    partial.replace(folder / MANIFEST)


def read_store(folder: Path) -> Store:
    """Read and verify a folder or archive written by ``write_store``. Raises ``FeatureStoreError``."""
    try:
        if (folder / MANIFEST).is_file():
            return _read(lambda name: (folder / name).read_bytes())
        for name in ARCHIVES:
            if (folder / name).is_file():
                return _read(_members(folder / name).__getitem__)
    except FeatureStoreError:
        raise
    except (OSError, KeyError, TypeError, ValueError, tarfile.TarError) as error:
        why = os_words(error) if isinstance(error, OSError) else repr(error)
        raise FeatureStoreError(f"The prepared features are damaged ({why}). Prepare them again.") from error
    raise FeatureStoreError(f"The features folder holds neither {MANIFEST} nor an archive with it.")


def _read(read: Callable[[str], bytes]) -> Store:
    manifest = json.loads(read(MANIFEST))
    if manifest["format"] != FORMAT:
        told = f"The prepared features have format {manifest['format']}, not {FORMAT}. Prepare them again."
        raise FeatureStoreError(told)
    sets = {}
    for split, entry in manifest["splits"].items():
        parts = []
        for shard in entry["shards"]:
            data = read(_plain(shard["file"]))
            if hashlib.sha256(data).hexdigest() != shard["sha256"]:
                raise FeatureStoreError(f"{shard['file']} of the prepared features is damaged. Prepare them again.")
            parts.append(torch.from_numpy(np.load(io.BytesIO(data), allow_pickle=False)))
        rows = torch.cat(parts) if parts else torch.zeros(0, 1, 0, dtype=torch.float16)
        sets[split] = FeatureSet(rows, torch.tensor(entry["labels"], dtype=torch.int64), entry["paths"])
        if not len(rows) == len(entry["labels"]) == len(entry["paths"]):
            raise FeatureStoreError(f"The prepared features of {split} are incomplete. Prepare them again.")
    origin = Origin(**manifest["origin"])
    if origin.content_hash != manifest["content_hash"]:
        raise FeatureStoreError("The manifest of the prepared features was changed. Prepare them again.")
    skipped = [(path, reason) for path, reason in manifest["skipped"]]
    return Store(origin, manifest["classes"], skipped, sets)


def _plain(name: str) -> str:
    """A file name that cannot lead out of its folder."""
    if not re.fullmatch(r"[A-Za-z]+-\d{5}\.npy", name):
        raise FeatureStoreError(f"The manifest of the prepared features names a strange file: {name!r}.")
    return name


def _members(archive: Path) -> dict[str, bytes]:
    """The store's files in an archive, read without extracting anything to disk."""
    files = {}
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            name = member.name.removeprefix("./")
            data = tar.extractfile(member) if member.isfile() and "/" not in name else None
            if data is not None and (name == MANIFEST or name.endswith(".npy")):
                files[name] = data.read()
    return files
