"""Listing of objects and versions in key order, with prefix, delimiter and markers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sandbox.s3.store import COLUMNS, ObjectInfo, Store, info_from_row

# A page of S3. With a delimiter a batch begins small, for a folder ends the reading, and grows.
BATCH = 1000
_GROWTH = 4
LAST = "\U0010ffff"


@dataclass
class Page:
    """One page: objects (or versions) and common prefixes together count against ``max_keys``."""

    objects: list[ObjectInfo] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    truncated: bool = False
    last: str = ""
    last_version: str = ""


def list_page(store: Store, bucket: str, prefix: str, delimiter: str, after: str, max_keys: int) -> Page:
    """The page of current objects whose keys (or common prefixes) come after ``after``."""
    store.bucket(bucket)
    page = Page()
    if max_keys <= 0:
        return page
    position, inclusive = (prefix, True) if after < prefix else (after, False)
    if delimiter and after:
        group = group_of(after, prefix, delimiter)
        if group and after == group:
            position, inclusive = group + LAST, False
    batch = _first_batch(delimiter)
    while True:
        sign = ">=" if inclusive else ">"
        limit = min(batch, max_keys - len(page.objects) - len(page.prefixes) + 1)
        batch = min(BATCH, batch * _GROWTH)
        rows = store.db.query(
            f"SELECT {COLUMNS} FROM s3_objects WHERE bucket=? AND key {sign} ? AND marker=0 ORDER BY key LIMIT ?",
            (bucket, position, limit),
        )
        for row in rows:
            key = row["key"]
            if not key.startswith(prefix):
                return page
            if len(page.objects) + len(page.prefixes) >= max_keys:
                page.truncated = True
                return page
            group = group_of(key, prefix, delimiter)
            if group:
                page.prefixes.append(group)
                page.last = group
                position, inclusive = group + LAST, False
                batch = _first_batch(delimiter)
                break
            page.objects.append(info_from_row(row))
            page.last = key
            position, inclusive = key, False
        else:
            if len(rows) < limit:
                return page


def _first_batch(delimiter: str) -> int:
    """How many rows to read next: a common prefix is jumped over, so that rows behind its first are read in vain."""
    return 1 if delimiter else BATCH


def group_of(key: str, prefix: str, delimiter: str) -> str:
    """The common prefix that ``key`` belongs to, or an empty string."""
    if not delimiter:
        return ""
    found = key.find(delimiter, len(prefix))
    return key[: found + len(delimiter)] if found >= 0 else ""


def walk(store: Store, bucket: str, prefix: str) -> Iterator[ObjectInfo]:
    """All current objects under ``prefix`` in key order."""
    after = ""
    while True:
        page = list_page(store, bucket, prefix, "", after, BATCH)
        yield from page.objects
        if not page.truncated:
            return
        after = page.last


def list_versions(
    store: Store, bucket: str, prefix: str, delimiter: str, key_marker: str, version_marker: str, max_keys: int
) -> Page:
    """The page of all versions and delete markers, newest first within a key."""
    store.bucket(bucket)
    page = Page()
    before_seq = _sequence_of(store, bucket, key_marker, version_marker) if version_marker else 0
    position = (key_marker, before_seq)
    group_end = ""
    if key_marker.startswith(prefix) and group_of(key_marker, prefix, delimiter) == key_marker != "":
        # The page before ended with this common prefix, which stands for all keys below it: go on behind them.
        group_end = key_marker + LAST
        position = (group_end, 0)
    batch = _first_batch(delimiter)
    # Each table is cut by itself: otherwise all keys behind the position would be sorted for every batch.
    cut = "WHERE bucket=:b AND key >= :k AND (key > :k OR seq < :s) ORDER BY key, seq DESC LIMIT :n"
    while True:
        limit = batch
        batch = min(BATCH, batch * _GROWTH)
        rows = store.db.query(
            f"SELECT * FROM (SELECT * FROM (SELECT {COLUMNS}, 1 AS latest FROM s3_objects {cut})"
            f" UNION ALL SELECT * FROM (SELECT {COLUMNS}, 0 FROM s3_versions {cut})) ORDER BY key, seq DESC LIMIT :n",
            {"b": bucket, "k": max(position[0], prefix), "s": _before(position, prefix), "n": limit},
        )
        for row in rows:
            key = row["key"]
            if not key.startswith(prefix):
                return page
            position = (key, row["seq"])
            if group_end and key < group_end:
                continue
            if len(page.objects) + len(page.prefixes) >= max_keys:
                page.truncated = True
                return page
            group = group_of(key, prefix, delimiter)
            if group:
                page.prefixes.append(group)
                page.last, page.last_version, group_end = group, "", group + LAST
                position = (group_end, 0)
                batch = _first_batch(delimiter)
                break
            page.objects.append(info_from_row(row, bool(row["latest"])))
            page.last, page.last_version = key, row["version"]
        else:
            if len(rows) < limit:
                return page


def _before(position: tuple[str, int], prefix: str) -> int:
    return position[1] if position[0] >= prefix and position[0] else 1 << 62


def _sequence_of(store: Store, bucket: str, key: str, version: str) -> int:
    for table in ("s3_objects", "s3_versions"):
        row = store.db.one(f"SELECT seq FROM {table} WHERE bucket=? AND key=? AND version=?", (bucket, key, version))
        if row is not None:
            return int(row["seq"])
    return 0
