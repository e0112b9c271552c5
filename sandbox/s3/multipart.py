"""Multipart uploads: parts are blobs of their own until the upload is completed."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sandbox.s3.blobs import Blob
from sandbox.s3.checksums import new_hash
from sandbox.s3.store import ObjectInfo, Store, check_key
from sandbox.s3.xml import malformed
from sandbox.wire.errors import AwsError

# S3 User Guide, "Amazon S3 multipart upload limits".
MIN_PART_BYTES = 5 * 1024 * 1024
MAX_PARTS = 10_000
FULL_OBJECT_ALGORITHMS = frozenset({"crc32", "crc32c", "crc64nvme"})
SCHEMA = (
    """CREATE TABLE IF NOT EXISTS s3_uploads (id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL,
        started REAL NOT NULL, type TEXT NOT NULL, meta TEXT NOT NULL, algorithm TEXT, checksum_type TEXT)""",
    """CREATE TABLE IF NOT EXISTS s3_parts (upload TEXT NOT NULL, number INTEGER NOT NULL, bucket TEXT NOT NULL,
        blob TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL, checksum TEXT, modified REAL NOT NULL,
        PRIMARY KEY (upload, number)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS s3_completed (id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL,
        at REAL NOT NULL, version TEXT NOT NULL, etag TEXT NOT NULL, meta TEXT NOT NULL) WITHOUT ROWID""",
)
# So long an upload that is completed again, because the answer was lost, is answered as the first time.
REMEMBERED_SECONDS = 86_400.0


@dataclass(frozen=True)
class Upload:
    """An unfinished upload. ``algorithm`` and ``checksum_type`` as CreateMultipartUpload asked."""

    id: str
    bucket: str
    key: str
    started: float
    content_type: str
    meta: dict[str, Any]
    algorithm: str | None
    checksum_type: str


@dataclass(frozen=True)
class Part:
    """One part that was sent."""

    number: int
    blob: str
    size: int
    etag: str
    checksum: str | None
    modified: float


class Multipart:
    """The unfinished uploads of one state folder."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._db = store.db
        for statement in SCHEMA:
            self._db.execute(statement)

    def create(
        self, bucket: str, key: str, content_type: str, meta: dict[str, Any], algorithm: str | None, kind: str
    ) -> Upload:
        """Begin an upload."""
        self._store.bucket(bucket)
        check_key(key)
        upload = Upload(
            id=secrets.token_urlsafe(48),
            bucket=bucket,
            key=key,
            started=time.time(),
            content_type=content_type,
            meta=meta,
            algorithm=algorithm,
            checksum_type=kind,
        )
        self._db.execute(
            "INSERT INTO s3_uploads VALUES (?,?,?,?,?,?,?,?)",
            (upload.id, bucket, key, upload.started, content_type, json.dumps(meta), algorithm, kind),
        )
        return upload

    def get(self, bucket: str, key: str, upload_id: str) -> Upload:
        """The upload, or NoSuchUpload."""
        row = self._db.one("SELECT * FROM s3_uploads WHERE id=? AND bucket=? AND key=?", (upload_id, bucket, key))
        if row is None:
            self._store.bucket(bucket)
            raise AwsError(
                "NoSuchUpload",
                "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
                "aborted or completed.",
                404,
                UploadId=upload_id,
            )
        return _upload(row)

    def uploads(self, bucket: str, prefix: str) -> list[Upload]:
        """All unfinished uploads of a bucket under ``prefix``, in key order."""
        self._store.bucket(bucket)
        rows = self._db.query("SELECT * FROM s3_uploads WHERE bucket=? ORDER BY key, started", (bucket,))
        return [_upload(row) for row in rows if row["key"].startswith(prefix)]

    def put_part(self, upload: Upload, number: int, blob: Blob) -> None:
        """Record a part; sending the same number again replaces it."""
        with self._db.transaction():
            self.get(upload.bucket, upload.key, upload.id)
            args = (upload.id, number)
            old = self._db.query("SELECT blob FROM s3_parts WHERE upload=? AND number=?", args)
            self._store.blobs.discard(row["blob"] for row in old)
            self._db.execute(
                "INSERT OR REPLACE INTO s3_parts VALUES (?,?,?,?,?,?,?,?)",
                (*args, upload.bucket, blob.name, blob.size, blob.etag, blob.checksum, time.time()),
            )

    def parts(self, upload: Upload) -> list[Part]:
        """The parts that were sent, by number."""
        rows = self._db.query("SELECT * FROM s3_parts WHERE upload=? ORDER BY number", (upload.id,))
        names = ("number", "blob", "size", "etag", "checksum", "modified")
        return [Part(*(row[name] for name in names)) for row in rows]

    def abort(self, upload: Upload) -> None:
        """Forget an upload and its parts."""
        with self._db.transaction():
            self._store.blobs.discard(part.blob for part in self.parts(upload))
            self._forget(upload)

    def _forget(self, upload: Upload) -> None:
        self._db.execute("DELETE FROM s3_parts WHERE upload=?", (upload.id,))
        self._db.execute("DELETE FROM s3_uploads WHERE id=?", (upload.id,))

    def complete(
        self,
        upload: Upload,
        wanted: list[tuple[int, str, str | None]],
        condition: Callable[[ObjectInfo | None], None] | None,
        expected_checksum: str | None,
        expected_size: str | None = None,
    ) -> ObjectInfo:
        """Join the wanted parts (number, ETag, checksum) into the object."""
        chosen = self._choose(upload, wanted)
        if expected_size is not None and expected_size != str(sum(part.size for part in chosen)):
            raise AwsError("InvalidRequest", "The provided x-amz-mp-object-size does not match the size of the object.")
        joined = self._store.blobs.join([part.blob for part in chosen])
        digest = hashlib.md5(b"".join(bytes.fromhex(part.etag) for part in chosen), usedforsecurity=False)
        size = sum(part.size for part in chosen)
        blob = Blob(joined, size, digest.digest())
        meta = dict(upload.meta)
        meta["parts"] = [part.size for part in chosen]
        try:
            if upload.algorithm is not None:
                meta["checksum"] = self._checksum(upload, chosen, blob, expected_checksum)
        except BaseException:
            self._store.blobs.drop_unrecorded(blob)
            raise
        with self._db.transaction():
            self.get(upload.bucket, upload.key, upload.id)
            info = self._store.put(
                upload.bucket,
                upload.key,
                blob,
                upload.content_type,
                meta,
                condition=condition,
                etag=f"{digest.hexdigest()}-{len(chosen)}",
            )
            self._store.blobs.discard(part.blob for part in self.parts(upload))
            self._forget(upload)
            self._remember(upload, info)
        return info

    def _remember(self, upload: Upload, info: ObjectInfo) -> None:
        now = time.time()
        self._db.execute("DELETE FROM s3_completed WHERE at < ?", (now - REMEMBERED_SECONDS,))
        row = (upload.id, upload.bucket, upload.key, now, info.version, info.etag, json.dumps(info.meta))
        self._db.execute("INSERT INTO s3_completed VALUES (?,?,?,?,?,?,?)", row)

    def completed(self, bucket: str, key: str, upload_id: str) -> ObjectInfo | None:
        """What an upload that is over became, as it was answered then; None for one that was not completed."""
        row = self._db.one("SELECT * FROM s3_completed WHERE id=? AND bucket=? AND key=?", (upload_id, bucket, key))
        if row is None:
            return None
        return ObjectInfo(
            bucket=bucket,
            key=key,
            seq=0,
            version=row["version"],
            marker=False,
            blob=None,
            size=0,
            etag=row["etag"],
            modified=row["at"],
            content_type="",
            meta=json.loads(row["meta"]),
        )

    def _choose(self, upload: Upload, wanted: list[tuple[int, str, str | None]]) -> list[Part]:
        if not wanted:
            raise malformed()
        if any(left[0] >= right[0] for left, right in pairwise(wanted)):
            raise AwsError("InvalidPartOrder", "The list of parts was not in ascending order.")
        have = {part.number: part for part in self.parts(upload)}
        chosen = []
        for number, etag, checksum in wanted:
            part = have.get(number)
            if part is None or part.etag != etag.strip('"') or (checksum and checksum != part.checksum):
                raise AwsError(
                    "InvalidPart", "One or more of the specified parts could not be found.", PartNumber=number
                )
            chosen.append(part)
        for part in chosen[:-1]:
            if part.size < MIN_PART_BYTES:
                raise AwsError(
                    "EntityTooSmall",
                    "Your proposed upload is smaller than the minimum allowed size",
                    PartNumber=part.number,
                    MinSizeAllowed=MIN_PART_BYTES,
                )
        return chosen

    def _checksum(self, upload: Upload, chosen: list[Part], blob: Blob, expected: str | None) -> list[str]:
        """[algorithm, value, type] of the joined object."""
        algorithm = upload.algorithm or ""
        running = new_hash(algorithm)
        if upload.checksum_type == "FULL_OBJECT":
            for block in _read(self._store.blobs.path(blob.name)):
                running.update(block)
            value = base64.b64encode(running.digest()).decode()
        else:
            for part in chosen:
                running.update(base64.b64decode(part.checksum or ""))
            value = f"{base64.b64encode(running.digest()).decode()}-{len(chosen)}"
        if expected is not None and expected.partition("-")[0] != value.partition("-")[0]:
            raise AwsError("BadDigest", f"The {algorithm.upper()} you specified did not match what we received.")
        return [algorithm, value, upload.checksum_type]


def _read(path: Any) -> Iterable[bytes]:
    with path.open("rb") as file:
        while block := file.read(1024 * 1024):
            yield block


def _upload(row: Any) -> Upload:
    return Upload(
        id=row["id"],
        bucket=row["bucket"],
        key=row["key"],
        started=row["started"],
        content_type=row["type"],
        meta=json.loads(row["meta"]),
        algorithm=row["algorithm"],
        checksum_type=row["checksum_type"] or "COMPOSITE",
    )
