"""The index of S3: buckets, their settings, objects and their versions. The bodies are in ``blobs``."""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.core.account import REGION
from sandbox.core.state import StateDir
from sandbox.s3.blobs import Blob, Blobs
from sandbox.s3.bucket_names import check_bucket_name
from sandbox.wire.errors import AwsError

# S3 User Guide, "Naming Amazon S3 objects".
MAX_KEY_BYTES = 1024
# Buckets of an account (AWS General Reference, S3 quotas).
MOST_BUCKETS = 10_000
COLUMNS = "bucket, key, seq, version, marker, blob, size, etag, modified, type, meta"
ROW = """bucket TEXT NOT NULL, key TEXT NOT NULL, seq INTEGER NOT NULL, version TEXT NOT NULL,
    marker INTEGER NOT NULL, blob TEXT, size INTEGER NOT NULL, etag TEXT NOT NULL, modified REAL NOT NULL,
    type TEXT NOT NULL, meta TEXT NOT NULL"""
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS s3_buckets (name TEXT PRIMARY KEY, created REAL NOT NULL, region TEXT NOT NULL)",
    """CREATE TABLE IF NOT EXISTS s3_settings (bucket TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (bucket, name)) WITHOUT ROWID""",
    f"CREATE TABLE IF NOT EXISTS s3_objects ({ROW}, PRIMARY KEY (bucket, key)) WITHOUT ROWID",
    f"CREATE TABLE IF NOT EXISTS s3_versions ({ROW}, PRIMARY KEY (bucket, key, seq)) WITHOUT ROWID",
)


_VERSION = re.compile(r"null|[0-9a-f]{32}")


@dataclass(frozen=True)
class Bucket:
    """A bucket; ``created`` in epoch seconds, ``policy`` as JSON text (empty: it has none)."""

    name: str
    created: float
    region: str
    versioning: str = ""
    policy: str = ""


@dataclass(frozen=True)
class ObjectInfo:
    """One version of an object. ``meta`` holds headers, user metadata, tags and the checksum (JSON values)."""

    bucket: str
    key: str
    seq: int
    version: str
    marker: bool
    blob: str | None
    size: int
    etag: str
    modified: float
    content_type: str
    meta: dict[str, Any] = field(default_factory=dict)
    latest: bool = True


def no_such_key(key: str) -> AwsError:
    """The answer for a key that is not there."""
    return AwsError("NoSuchKey", "The specified key does not exist.", 404, Key=key)


class Store:
    """Buckets and objects of one state folder. Every method is safe from any thread."""

    def __init__(self, state: StateDir) -> None:
        self.db = state.db
        for statement in SCHEMA:
            self.db.execute(statement)
        self.blobs = Blobs(state, ("s3_objects", "s3_versions", "s3_parts"))
        self._cache: dict[str, Bucket] = {}
        self._cache_lock = threading.Lock()
        self._changes = 0
        self._lock = threading.Lock()
        self._sequence = time.time_ns() // 1000

    def next_sequence(self) -> int:
        """A number larger than all before it, over restarts too: it orders the versions of a key."""
        with self._lock:
            self._sequence = max(self._sequence + 1, time.time_ns() // 1000)
            return self._sequence

    def bucket(self, name: str) -> Bucket:
        """The bucket, or NoSuchBucket."""
        cached = self._cache.get(name)
        if cached is not None:
            return cached
        changes = self._changes
        row = self.db.one("SELECT * FROM s3_buckets WHERE name=?", (name,))
        if row is None:
            raise AwsError("NoSuchBucket", "The specified bucket does not exist", 404, BucketName=name)
        settings = [self.setting(name, setting) or "" for setting in ("versioning", "policy")]
        bucket = Bucket(row["name"], row["created"], row["region"], *settings)
        with self._cache_lock:
            # A bucket that was changed while it was read must not be remembered as it was before.
            if changes == self._changes:
                self._cache[name] = bucket
        return bucket

    def has_bucket(self, name: str) -> bool:
        """Whether the account has this bucket."""
        return bool(self.db.query("SELECT 1 FROM s3_buckets WHERE name=?", (name,)))

    def buckets(self) -> list[Bucket]:
        """All buckets by name."""
        rows = self.db.query("SELECT * FROM s3_buckets ORDER BY name")
        return [Bucket(row["name"], row["created"], row["region"]) for row in rows]

    def create_bucket(self, name: str, region: str = REGION) -> None:
        """Make a bucket. In us-east-1 making one's own bucket again is no error, as on AWS."""
        check_bucket_name(name)
        with self.db.transaction():
            known = self.db.one("SELECT region FROM s3_buckets WHERE name=?", (name,))
            if known is not None:
                if (region, known["region"]) != ("us-east-1", "us-east-1"):
                    raise AwsError(
                        "BucketAlreadyOwnedByYou",
                        "Your previous request to create the named bucket succeeded and you already own it.",
                        409,
                        BucketName=name,
                    )
                return
            count = self.db.one("SELECT count(*) AS n FROM s3_buckets")
            if count is not None and count["n"] >= MOST_BUCKETS:
                raise AwsError("TooManyBuckets", "You have attempted to create more buckets than allowed")
            self.db.execute("INSERT INTO s3_buckets VALUES (?,?,?)", (name, time.time(), region))

    def delete_bucket(self, name: str) -> None:
        """Remove an empty bucket, its settings and its unfinished uploads."""
        self.bucket(name)
        with self.db.transaction():
            for table in ("s3_objects", "s3_versions"):
                if self.db.query(f"SELECT 1 FROM {table} WHERE bucket=? LIMIT 1", (name,)):
                    raise AwsError(
                        "BucketNotEmpty", "The bucket you tried to delete is not empty", 409, BucketName=name
                    )
            parts = self.db.query("SELECT blob FROM s3_parts WHERE bucket=?", (name,))
            self.blobs.discard(row["blob"] for row in parts)
            self.db.execute("DELETE FROM s3_parts WHERE bucket=?", (name,))
            self.db.execute("DELETE FROM s3_uploads WHERE bucket=?", (name,))
            self.db.execute("DELETE FROM s3_completed WHERE bucket=?", (name,))
            self.db.execute("DELETE FROM s3_settings WHERE bucket=?", (name,))
            self.db.execute("DELETE FROM s3_buckets WHERE name=?", (name,))
        self._changed(name)

    def setting(self, bucket: str, name: str) -> str | None:
        """A setting of a bucket, as its document was sent; None when it is not set."""
        row = self.db.one("SELECT value FROM s3_settings WHERE bucket=? AND name=?", (bucket, name))
        return row["value"] if row else None

    def set_setting(self, bucket: str, name: str, value: str | None) -> None:
        """Keep or (None) remove a setting of a bucket."""
        self.bucket(bucket)
        if value is None:
            self.db.execute("DELETE FROM s3_settings WHERE bucket=? AND name=?", (bucket, name))
        else:
            self.db.execute("INSERT OR REPLACE INTO s3_settings VALUES (?,?,?)", (bucket, name, value))
        self._changed(bucket)

    def _changed(self, bucket: str) -> None:
        with self._cache_lock:
            self._changes += 1
            self._cache.pop(bucket, None)

    def put(
        self,
        bucket: str,
        key: str,
        blob: Blob,
        content_type: str,
        meta: dict[str, Any],
        condition: Callable[[ObjectInfo | None], None] | None = None,
        etag: str | None = None,
    ) -> ObjectInfo:
        """Record a written blob as the current version of ``key``.

        ``condition`` gets what is there now and may raise; it is checked in the same transaction. When anything
        fails, the blob is removed.
        """
        try:
            check_key(key)
            with self.db.transaction():
                info = ObjectInfo(
                    bucket=bucket,
                    key=key,
                    seq=self.next_sequence(),
                    version="null",
                    marker=False,
                    blob=blob.name,
                    size=blob.size,
                    etag=etag or blob.etag,
                    modified=time.time(),
                    content_type=content_type,
                    meta=meta,
                )
                return self._insert(info, condition)
        except BaseException:
            self.blobs.drop_unrecorded(blob)
            raise

    def _insert(self, info: ObjectInfo, condition: Callable[[ObjectInfo | None], None] | None = None) -> ObjectInfo:
        versioning = self.bucket(info.bucket).versioning
        row = self.db.one("SELECT * FROM s3_objects WHERE bucket=? AND key=?", (info.bucket, info.key))
        if condition is not None:
            condition(info_from_row(row) if row is not None and not row["marker"] else None)
        if versioning == "Enabled":
            info = replace(info, version=secrets.token_hex(16))
        elif versioning:
            self._drop_null(info.bucket, info.key)
        if row is not None and (versioning == "Enabled" or row["version"] != "null"):
            self._archive(info.bucket, info.key)
        elif row is not None and row["blob"]:
            self.blobs.discard([row["blob"]])
        self.db.execute(
            f"INSERT OR REPLACE INTO s3_objects ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            (
                info.bucket,
                info.key,
                info.seq,
                info.version,
                int(info.marker),
                info.blob,
                info.size,
                info.etag,
                info.modified,
                info.content_type,
                json.dumps(info.meta, separators=(",", ":")) if info.meta else "{}",
            ),
        )
        return info

    def _archive(self, bucket: str, key: str) -> None:
        self.db.execute(
            f"INSERT INTO s3_versions ({COLUMNS}) SELECT {COLUMNS} FROM s3_objects WHERE bucket=? AND key=?",
            (bucket, key),
        )

    def _drop_null(self, bucket: str, key: str) -> None:
        """A new ``null`` version replaces the one that is among the older versions."""
        where = "WHERE bucket=? AND key=? AND version='null'"
        rows = self.db.query(f"SELECT blob FROM s3_versions {where}", (bucket, key))
        if rows:
            self.blobs.discard(row["blob"] for row in rows if row["blob"])
            self.db.execute(f"DELETE FROM s3_versions {where}", (bucket, key))

    def get(self, bucket: str, key: str, version: str | None = None) -> ObjectInfo:
        """The current version of a key, or the named one. Raises NoSuchKey, NoSuchVersion, MethodNotAllowed."""
        row = self.db.one("SELECT * FROM s3_objects WHERE bucket=? AND key=?", (bucket, key))
        if version is None:
            if row is None:
                self.bucket(bucket)
                raise no_such_key(key)
            if row["marker"]:
                error = no_such_key(key)
                error.headers = {"x-amz-delete-marker": "true", "x-amz-version-id": row["version"]}
                raise error
            return info_from_row(row)
        if row is None or row["version"] != version:
            row = self.db.one(
                "SELECT * FROM s3_versions WHERE bucket=? AND key=? AND version=?", (bucket, key, version)
            )
        if row is None:
            self.bucket(bucket)
            _check_version(version)
            raise AwsError("NoSuchVersion", "The specified version does not exist.", 404, Key=key, VersionId=version)
        if row["marker"]:
            raise AwsError(
                "MethodNotAllowed",
                "The specified method is not allowed against this resource.",
                405,
                headers={"x-amz-delete-marker": "true", "x-amz-version-id": version, "Allow": "DELETE"},
                ResourceType="DeleteMarker",
            )
        return info_from_row(row)

    def update_meta(self, info: ObjectInfo, meta: Mapping[str, object]) -> None:
        """Replace what is kept beside the body of one version (tags)."""
        text = json.dumps(meta, separators=(",", ":"))
        for table in ("s3_objects", "s3_versions"):
            self.db.execute(
                f"UPDATE {table} SET meta=? WHERE bucket=? AND key=? AND seq=?",
                (text, info.bucket, info.key, info.seq),
            )

    def delete(
        self,
        bucket: str,
        key: str,
        version: str | None = None,
        condition: Callable[[ObjectInfo | None], None] | None = None,
    ) -> tuple[str | None, bool]:
        """Delete a key (or write a delete marker), or one version for good. ``condition`` as for ``put``.

        Returns the version id to report (None in a bucket without versions) and whether it is a delete marker.
        Deleting what is not there is no error, as on AWS.
        """
        with self.db.transaction():
            versioning = self.bucket(bucket).versioning
            if condition is not None:
                row = self.db.one("SELECT * FROM s3_objects WHERE bucket=? AND key=?", (bucket, key))
                condition(info_from_row(row) if row is not None and not row["marker"] else None)
            if version is not None:
                return version, self._delete_version(bucket, key, version)
            if versioning:
                marker = ObjectInfo(
                    bucket=bucket,
                    key=key,
                    seq=self.next_sequence(),
                    version="null",
                    marker=True,
                    blob=None,
                    size=0,
                    etag="",
                    modified=time.time(),
                    content_type="",
                    meta={},
                )
                return self._insert(marker).version, True
            row = self.db.one("SELECT blob FROM s3_objects WHERE bucket=? AND key=?", (bucket, key))
            if row is not None:
                self.blobs.discard([row["blob"]])
                self.db.execute("DELETE FROM s3_objects WHERE bucket=? AND key=?", (bucket, key))
            return None, False

    def _delete_version(self, bucket: str, key: str, version: str) -> bool:
        _check_version(version)
        args = (bucket, key, version)
        for table in ("s3_objects", "s3_versions"):
            where = f"FROM {table} WHERE bucket=? AND key=? AND version=?"
            row = self.db.one(f"SELECT blob, marker {where}", args)
            if row is None:
                continue
            if row["blob"]:
                self.blobs.discard([row["blob"]])
            self.db.execute(f"DELETE {where}", args)
            if table == "s3_objects":
                self._promote(bucket, key)
            return bool(row["marker"])
        return False

    def _promote(self, bucket: str, key: str) -> None:
        newest = self.db.one("SELECT max(seq) AS seq FROM s3_versions WHERE bucket=? AND key=?", (bucket, key))
        if newest is None or newest["seq"] is None:
            return
        args = (bucket, key, newest["seq"])
        where = "FROM s3_versions WHERE bucket=? AND key=? AND seq=?"
        self.db.execute(f"INSERT INTO s3_objects ({COLUMNS}) SELECT {COLUMNS} {where}", args)
        self.db.execute(f"DELETE {where}", args)


def _check_version(version: str) -> None:
    """Raise InvalidArgument for what is no version that is gone, but no name of one at all."""
    if not _VERSION.fullmatch(version):
        text = "Invalid version id specified"
        raise AwsError("InvalidArgument", text, ArgumentName="versionId", ArgumentValue=version)


def check_key(key: str) -> None:
    """Raise KeyTooLongError or InvalidURI for a key that S3 does not take."""
    try:
        size = len(key.encode())
    except UnicodeEncodeError as exc:
        raise AwsError("InvalidURI", "Couldn't parse the specified URI: the key is not UTF-8.") from exc
    if size > MAX_KEY_BYTES:
        raise AwsError("KeyTooLongError", "Your key is too long", Size=size, MaxSizeAllowed=MAX_KEY_BYTES)


def info_from_row(row: Any, latest: bool = True) -> ObjectInfo:
    return ObjectInfo(
        bucket=row["bucket"],
        key=row["key"],
        seq=row["seq"],
        version=row["version"],
        marker=bool(row["marker"]),
        blob=row["blob"],
        size=row["size"],
        etag=row["etag"],
        modified=row["modified"],
        content_type=row["type"],
        meta=json.loads(row["meta"]),
        latest=latest,
    )
