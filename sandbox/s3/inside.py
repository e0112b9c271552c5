"""S3 for the sandbox's own services, without HTTP: the same store that the clients see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from sandbox.core.state import StateDir
from sandbox.s3.blobs import copy_into
from sandbox.s3.listing import walk
from sandbox.s3.multipart import Multipart
from sandbox.s3.settings.lifecycle import Lifecycles
from sandbox.s3.store import ObjectInfo, Store
from sandbox.s3.tags import MAX_BUCKET_TAGS, check_tags, tagging_document, tags_in
from sandbox.wire.errors import AwsError, disk_full, is_disk_full

# Bytes a read.
BLOCK = 1024 * 1024
_TAGGING = "tagging"


class S3:
    """Access to buckets and objects from inside of the process."""

    def __init__(self, state: StateDir) -> None:
        self._state = state
        self.store = Store(state)
        self.multipart = Multipart(self.store)
        self._lifecycles = Lifecycles(self.store, self.multipart)
        # Buckets of AWS's own services, whose files are had by presigned URLs alone: what a key stands for.
        self.handed_out: dict[str, Callable[[str], Path | None]] = {}

    def start(self) -> None:
        """Start the sweeper of unused blobs, and carrying out the buckets' lifecycle rules."""
        self.store.blobs.start()
        self._lifecycles.start()

    def stop(self) -> None:
        """End both."""
        self._lifecycles.stop()
        self.store.blobs.stop()

    def put_file(self, bucket: str, key: str, path: Path, content_type: str = "binary/octet-stream") -> ObjectInfo:
        """Store a copy of the file ``path``."""
        self.store.bucket(bucket)
        with path.open("rb") as file:
            blob = self.store.blobs.write(iter(lambda: file.read(BLOCK), b""), "sha256")
        meta = {"checksum": ["sha256", blob.checksum, "FULL_OBJECT"]}
        return self.store.put(bucket, key, blob, content_type, meta)

    def put_bytes(self, bucket: str, key: str, data: bytes, content_type: str = "binary/octet-stream") -> ObjectInfo:
        """Store ``data``."""
        self.store.bucket(bucket)
        blob = self.store.blobs.write([data], "sha256")
        meta = {"checksum": ["sha256", blob.checksum, "FULL_OBJECT"]}
        return self.store.put(bucket, key, blob, content_type, meta)

    def head(self, bucket: str, key: str) -> ObjectInfo:
        """What is known about an object; NoSuchBucket or NoSuchKey."""
        return self.store.get(bucket, key)

    def get_bytes(self, bucket: str, key: str, version: str | None = None) -> bytes:
        """The content of an object, or of one version of it."""
        return self.open_path(bucket, key, version).read_bytes()

    def open_path(self, bucket: str, key: str, version: str | None = None) -> Path:
        """The file that holds an object's content: read it soon and never write to it."""
        return self.store.blobs.path(self.store.get(bucket, key, version).blob or "")

    def bucket_tags(self) -> dict[str, dict[str, str]]:
        """The tags of the buckets that have some, by the bucket's name."""
        kept = {bucket.name: self.store.setting(bucket.name, _TAGGING) for bucket in self.store.buckets()}
        return {name: dict(tags_in(text.encode())) for name, text in kept.items() if text}

    def change_tags(self, bucket: str, tags: Mapping[str, str], removed: Iterable[str] = ()) -> None:
        """Set some tags of a bucket, take others away. Raises NoSuchBucket, InvalidTag; then nothing is changed."""
        with self.store.db.transaction():
            self.store.bucket(bucket)
            kept = self.store.setting(bucket, _TAGGING)
            known = dict(tags_in(kept.encode())) if kept else {}
            left = {key: value for key, value in {**known, **tags}.items() if key not in set(removed)}
            check_tags([*left.items()], MAX_BUCKET_TAGS)
            self.store.set_setting(bucket, _TAGGING, tagging_document(left) if left else None)

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectInfo]:
        """All objects under ``prefix`` in key order."""
        return walk(self.store, bucket, prefix)

    def download_file(self, bucket: str, key: str, dest: Path) -> None:
        """Copy one object to the new file ``dest``."""
        self._copy(self.store.get(bucket, key), dest)

    def download_prefix(self, bucket: str, prefix: str, dest: Path) -> int:
        """Copy everything under ``prefix`` into the folder ``dest``; returns how many files.

        A prefix that is a "folder" is cut from the names; an exact key is copied under its last name. Keys that
        would leave ``dest`` are refused (ValidationException) before anything is written.
        """
        planned = []
        for info in walk(self.store, bucket, prefix):
            relative = _relative(info.key, prefix)
            if relative:
                planned.append((info, dest / relative))
        for info, target in planned:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._copy(info, target)
        return len(planned)

    def _copy(self, info: ObjectInfo, target: Path) -> None:
        try:
            with target.open("xb") as file:
                copy_into(self.store.blobs.path(info.blob or ""), file.fileno())
        except OSError as exc:
            if is_disk_full(exc):
                raise disk_full(str(self._state.path)) from exc
            raise


def _relative(key: str, prefix: str) -> str:
    """The path below the prefix, as S3 downloads of SageMaker name it; empty for folder placeholders."""
    if key.endswith("/"):
        return ""
    if key == prefix:
        relative = key.rsplit("/", 1)[-1]
    else:
        cut = prefix if prefix.endswith("/") or not prefix else prefix.rsplit("/", 1)[0] + "/" if "/" in prefix else ""
        if prefix and not prefix.endswith("/") and key.startswith(prefix + "/"):
            cut = prefix + "/"
        relative = key[len(cut) :]
    parts = PurePosixPath(relative).parts
    if not parts or relative.startswith("/") or ".." in parts or "\0" in relative or "\\" in relative:
        raise AwsError("ValidationException", f"The key {key!r} cannot be a path of a file.")
    return relative
