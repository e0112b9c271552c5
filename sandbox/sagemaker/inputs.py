"""What jobs read from S3 before they run: prefixes and manifests, laid out as SageMaker lays them out."""

from __future__ import annotations

import errno
import gzip
import json
import shutil
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from sandbox.core.os_words import os_words, plain_words
from sandbox.s3.uri import S3Uri
from sandbox.wire.errors import AwsError

# S3 takes names that a file system does not: 255 bytes are the most of one part, and a file is no folder.
_BAD_NAME = frozenset({errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EINVAL, errno.EILSEQ})
_SHOWN_KEY = 300


class JobInputError(Exception):
    """An input of the job cannot be used; the text becomes the FailureReason after ``ClientError:``."""


class Cancelled(Exception):
    """The job was asked to stop while its files were being copied."""


class ObjectStore(Protocol):
    """What is needed of S3, in the same process."""

    def list(self, bucket: str, prefix: str = "") -> Iterable[Any]:
        """All objects whose ``key`` starts with ``prefix``, sorted."""
        ...

    def download_file(self, bucket: str, key: str, dest: Path) -> None:
        """Copy an object to the new file ``dest``."""
        ...

    def open_path(self, bucket: str, key: str) -> Path:
        """The file that holds an object's bytes; it must not be written to."""
        ...

    def put_file(self, bucket: str, key: str, path: Path) -> object:
        """Store a copy of a file as an object."""
        ...


class Inputs:
    """Copies objects to hosts. ``cancelled`` is asked between two files; ``failed`` begins every reason."""

    def __init__(self, store: ObjectStore, cancelled: Callable[[], bool], failed: str = "Data download failed") -> None:
        self._store, self._cancelled, self._failed = store, cancelled, failed

    def fetch(self, source: Mapping[str, Any], targets: Sequence[Path], what: str, *, gzipped: bool = False) -> None:
        """Copy the S3DataSource ``source`` into a folder of each host; ``what`` names the input in reasons."""
        bucket, files = self.find(source, what)
        sharded = source.get("S3DataDistributionType") == "ShardedByS3Key"
        for number, key in enumerate(sorted(files)):
            folders = [targets[number % len(targets)]] if sharded else targets
            self.copy(bucket, key, [folder / files[key] for folder in folders], gzipped=gzipped)

    def find(self, source: Mapping[str, Any], what: str) -> tuple[str, dict[str, str]]:
        """The bucket, and the file name below the input's folder for each key, of an S3DataSource."""
        place = S3Uri.parse(source["S3Uri"])
        try:
            if source["S3DataType"] == "ManifestFile":
                place, keys = self._manifest(place)
            else:
                keys = self._keys(place)
            self._refuse_doubled(place.bucket, keys)
            return place.bucket, channel_files(place.key, keys)
        except ValueError as error:
            raise JobInputError(f"{self._failed}: {what}: {error}") from error

    def copy(self, bucket: str, key: str, targets: Sequence[Path], *, gzipped: bool = False) -> None:
        """Copy one object to each of ``targets``."""
        if self._cancelled():
            raise Cancelled
        try:
            for target in targets:
                target.parent.mkdir(parents=True, exist_ok=True)
                if gzipped:
                    self._gunzip(self._store.open_path(bucket, key), target, key)
                else:
                    # A copy, never a link: the script may write to its inputs.
                    self._store.download_file(bucket, key, target)
        except AwsError as error:
            raise JobInputError(f"{self._failed}: {S3Uri(bucket, key)}: {error.message}") from error
        except OSError as error:
            if error.errno not in _BAD_NAME:
                raise
            text = f"{self._failed}: {S3Uri(bucket, key[:_SHOWN_KEY])} cannot be a file: {os_words(error)}"
            raise JobInputError(text) from error

    def _keys(self, place: S3Uri) -> list[str]:
        try:
            return [info.key for info in self._store.list(place.bucket, place.key)]
        except AwsError as error:
            raise JobInputError(f"{self._failed}: {place}: {error.message}") from error

    def _refuse_doubled(self, bucket: str, keys: Iterable[str]) -> None:
        """AWS downloads no key with two slashes in a row, and says so in these words."""
        doubled = next((key for key in keys if "//" in key), None)
        if doubled is not None:
            uri = S3Uri(bucket, doubled[:_SHOWN_KEY])
            raise JobInputError(
                f"{self._failed}:Failed to download data. S3 key: {uri} has an illegal char sub-sequence '//' in it"
            )

    def _manifest(self, place: S3Uri) -> tuple[S3Uri, list[str]]:
        """The prefix that a manifest names, and the keys."""
        try:
            entries = json.loads(self._store.open_path(place.bucket, place.key).read_bytes())
        except (ValueError, RecursionError, AwsError) as error:
            raise ValueError(f"the manifest {place} cannot be read: {error}") from error
        if not isinstance(entries, list) or not entries or not isinstance(entries[0], dict):
            raise ValueError(f"the manifest {place} must be a list that starts with a prefix")
        prefix = S3Uri.parse(str(entries[0].get("prefix", "")), f"prefix of {place}")
        return prefix, [prefix.key + str(entry) for entry in entries[1:]]

    def _gunzip(self, source: Path, target: Path, key: str) -> None:
        unpacked = target.with_name(target.name.removesuffix(".gz"))
        try:
            with gzip.open(source) as packed, unpacked.open("wb") as plain:
                shutil.copyfileobj(packed, plain)
        except (OSError, EOFError, zlib.error) as error:
            if isinstance(error, OSError) and error.errno in _BAD_NAME:
                raise
            raise JobInputError(f"{self._failed}: {key} is not a gzip file: {plain_words(error)}") from error


def channel_files(prefix: str, keys: Iterable[str]) -> dict[str, str]:
    """File name below the channel's folder for each key under ``prefix``, as SageMaker lays them out.

    Folder markers are left out. Raises ``ValueError`` for a key that is no usable file name (``..``), that is the same
    file as another one (``a//b`` and ``a/b``), or that would be a file and a folder at once.
    """
    files: dict[str, str] = {}
    by_name: dict[str, str] = {}
    folder = prefix if prefix.endswith("/") or not prefix else prefix + "/"
    for key in keys:
        if key.endswith("/"):
            continue
        if key.startswith(folder):
            name = key[len(folder) :]
        else:
            name = key[prefix.rfind("/") + 1 :]
        parts = [part for part in name.split("/") if part]
        if not parts or any(part in (".", "..") or "\0" in part for part in parts):
            raise ValueError(f"The object {_shown(key)} has no usable file name; rename it.")
        files[key] = "/".join(parts)
        if (other := by_name.setdefault(files[key], key)) != key:
            raise ValueError(
                f"The objects {_shown(other)} and {_shown(key)} would be the same file; rename one of them."
            )
    for name in by_name:
        for end in (n for n, character in enumerate(name) if character == "/"):
            if name[:end] in by_name:
                raise ValueError(
                    f"{_shown(name[:end])} is both an object and a folder of other objects; rename one of them."
                )
    return files


def _shown(key: str) -> str:
    return repr(key if len(key) <= _SHOWN_KEY else f"{key[:_SHOWN_KEY]}...")
