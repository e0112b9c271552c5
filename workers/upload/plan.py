"""What has to be sent: local files against the listing, by content."""

from __future__ import annotations

import hashlib
import mimetypes
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from workers.upload.manifest import Hashes, Sent
from workers.upload.remote import RemoteObject
from workers.upload.scan import LocalFile, Scan

# S3 User Guide, "Naming Amazon S3 objects".
KEY_BYTES = 1024
HASH_THREADS = 2
# Bytes. Larger files go in parts of this size. It is the size that the AWS CLI and boto3 take: an ETag is the MD5 of
# the parts' MD5s, so what they uploaded is known by its ETag, and what is here is known to them.
PART_SIZE = 8 * 2**20

_TYPES = mimetypes.MimeTypes()
for _suffix, _type in {
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".heic": "image/heic",
    ".heif": "image/heif",
}.items():
    _TYPES.add_type(_type, _suffix)


def content_type(name: str) -> str:
    """The media type by the name's ending; the same on every machine."""
    return _TYPES.guess_type(name, strict=True)[0] or "application/octet-stream"


def clean_prefix(prefix: str) -> str:
    """``a/b/`` from ``/a/b`` and the like; empty for the whole bucket."""
    inner = prefix.strip("/")
    return inner + "/" if inner else ""


@dataclass
class Plan:
    """Files to send, files that are there, and (name, reason) of files that have no valid key."""

    send: list[LocalFile] = field(default_factory=list)
    there: list[LocalFile] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    hashed: list[tuple[LocalFile, Hashes]] = field(default_factory=list)


def hash_file(file: LocalFile) -> Hashes:
    """SHA-256 and the ETag (SSE-S3) of the file's content in one pass. Raises ``OSError``."""
    parts: list[bytes] = []
    sha256 = hashlib.sha256()
    size = 0
    with open(file.path, "rb") as stream:  # noqa: PTH123 - 8,000 Path objects would cost more than the hashing
        while part := stream.read(PART_SIZE):
            size += len(part)
            parts.append(hashlib.md5(part, usedforsecurity=False).digest())
            sha256.update(part)
    if size > PART_SIZE:
        etag = f"{hashlib.md5(b''.join(parts), usedforsecurity=False).hexdigest()}-{len(parts)}"
    else:
        etag = parts[0].hex() if parts else hashlib.md5(usedforsecurity=False).hexdigest()
    return Hashes(sha256=sha256.hexdigest(), etag=etag)


def make_plan(
    files: Iterable[LocalFile],
    prefix: str,
    remote: Mapping[str, RemoteObject],
    known: Mapping[str, Hashes],
    sent: Mapping[str, Sent],
    keep_on: Callable[[int], bool] = lambda compared: True,
) -> Plan:
    """Decide for each file. It is there when the object has its size and one of these holds:

    the ETag is the one that S3 gives such a file (SSE-S3, parts of 8 MiB), or the ETag is still the one that the
    service gave when this very content was sent (SSE-KMS). ``keep_on(files compared)`` is asked as it goes on; False
    ends the comparison early, with an incomplete plan.
    """
    plan = Plan()
    undecided: list[tuple[LocalFile, RemoteObject]] = []
    for file in files:
        key = prefix + file.name
        if len(key.encode()) > KEY_BYTES:
            plan.problems.append((file.name, f"The path is longer than the {KEY_BYTES} bytes that S3 takes"))
            continue
        there = remote.get(key)
        if there is None or there.size != file.size:
            plan.send.append(file)
        elif file.name in known:
            _decide(plan, file, there, known[file.name], sent.get(key))
        else:
            undecided.append((file, there))
    compared = len(plan.send) + len(plan.there)
    if not keep_on(compared):
        return plan

    with ThreadPoolExecutor(HASH_THREADS, thread_name_prefix="hash") as threads:
        for (file, there), hashes in zip(
            undecided, threads.map(_try_hash, (file for file, _ in undecided)), strict=False
        ):
            if isinstance(hashes, OSError):
                # Sending it will say why it cannot be read.
                plan.send.append(file)
            else:
                plan.hashed.append((file, hashes))
                _decide(plan, file, there, hashes, sent.get(prefix + file.name))
            compared += 1
            if not keep_on(compared):
                threads.shutdown(wait=False, cancel_futures=True)
                break
    plan.send.sort(key=lambda file: file.name)
    return plan


def gone_keys(scan: Scan, prefix: str, remote: Iterable[str]) -> tuple[str, ...]:
    """Keys of the listing whose local file does not exist: not those that were left out or could not be read."""
    local = {file.name for file in scan.files}
    local.update(name for name, _ in scan.problems)
    names = ((key, key.removeprefix(prefix)) for key in remote if not key.endswith("/"))
    return tuple(key for key, name in names if name not in local and not scan.may_hold(name))


@dataclass(frozen=True)
class Others:
    """What lies under the prefix and is not of the folder: ``extra`` keys, and how many would be overwritten."""

    extra: tuple[str, ...]
    overwrites: int


def find_others(
    found: Scan, prefix: str, remote: Mapping[str, RemoteObject], plan: Plan, sent: Mapping[str, Sent], folder: str
) -> Others:
    """Tell the folder's own objects from those of another set.

    An object is the folder's own when it is still the one that this folder sent, or has the content of a file of it.
    Objects of the names of its files count as another set only when nothing there is its own: one that somebody
    replaced does not make a set.
    """
    own = {
        key
        for key, record in sent.items()
        if record.folder == folder and key in remote and remote[key].etag == record.etag
    }
    own.update(prefix + file.name for file in plan.there)
    extra = tuple(key for key in gone_keys(found, prefix, remote) if key not in own)
    overwrites = sum(1 for file in plan.send if prefix + file.name in remote and prefix + file.name not in own)
    return Others(extra, overwrites if extra or not own else 0)


def find_twins(names: Iterable[str]) -> tuple[str, ...]:
    """Names that differ only in how their accents are written: two files here, one name to whoever reads them."""
    seen: dict[str, list[str]] = {}
    for name in names:
        if not name.isascii():
            seen.setdefault(unicodedata.normalize("NFC", name), []).append(name)
    return tuple(name for same in seen.values() if len(same) > 1 for name in same)


def _try_hash(file: LocalFile) -> Hashes | OSError:
    try:
        return hash_file(file)
    except OSError as exc:
        return exc


def _decide(plan: Plan, file: LocalFile, there: RemoteObject, hashes: Hashes, sent: Sent | None) -> None:
    as_sent = sent is not None and sent.etag == there.etag and sent.sha256 == hashes.sha256
    same = as_sent or (bool(hashes.etag) and hashes.etag == there.etag)
    (plan.there if same else plan.send).append(file)
