"""Deleting exactly what was shown: listed once, deleted by version or unchanged content, and told key by key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from workers.aws.session import AwsSession
from workers.errors.tree import Conflict, SageDeckError
from workers.storage.download import common_folder
from workers.types import S3Object

# DeleteObjects takes 1,000 keys.
BATCH = 1000
TOLD_EVERY = 500
# The object is another one than the one that was listed.
CHANGED_CODES = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
GONE_CODES = frozenset({"NoSuchKey", "NoSuchVersion"})


@dataclass(frozen=True)
class Doomed:
    """One object that is to go, as it was when it was listed; with ``version`` just that version, for good."""

    key: str
    size: int
    etag: str = ""
    version: str = ""


@dataclass(frozen=True)
class RemovalResult:
    """What became of a list: ``changed`` keys are other objects now and stay, ``refused`` are (key, reason).

    ``markers`` are the (key, version) of delete markers that hide what a bucket with versions keeps. ``left`` is how
    many were not tried, because the removal was stopped.
    """

    deleted: int
    changed: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    markers: tuple[tuple[str, str], ...] = ()
    left: int = 0


class Removals:
    """Deletes objects and buckets of one account, and takes deletions back. All methods raise ``SageDeckError``."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    async def find(
        self,
        bucket: str,
        objects: Sequence[S3Object] = (),
        *,
        folders: Sequence[str] = (),
        keys: Sequence[str] = (),
        on_found: Callable[[int, int], None] = lambda number, size: None,
    ) -> tuple[Doomed, ...]:
        """List once what would go: ``objects`` as they are, everything in ``folders``, and those of ``keys`` there.

        ``on_found(objects, bytes)`` is called now and then.
        """
        found = {item.key: Doomed(item.key, item.size, item.etag) for item in objects}
        size = sum(item.size for item in objects)
        wanted = set(keys)
        places = [*folders, *([common_folder(keys)] if keys else [])]
        for at, place in enumerate(places):
            whole = at < len(folders)
            async for item in self._current(bucket, place):
                if item.key not in found and (whole or item.key in wanted):
                    found[item.key] = item
                    size += item.size
                    if len(found) % TOLD_EVERY == 0:
                        on_found(len(found), size)
        on_found(len(found), size)
        return tuple(found.values())

    async def find_versions(
        self, bucket: str, on_found: Callable[[int, int], None] = lambda number, size: None
    ) -> tuple[Doomed, ...]:
        """Every version and delete marker of a bucket."""
        found: list[Doomed] = []
        size = 0
        async for kind, item in self._versions(bucket, ""):
            found.append(Doomed(item["Key"], item.get("Size", 0) if kind == "Versions" else 0, "", item["VersionId"]))
            size += found[-1].size
            if len(found) % TOLD_EVERY == 0:
                on_found(len(found), size)
        on_found(len(found), size)
        return tuple(found)

    async def remove(
        self,
        bucket: str,
        doomed: Sequence[Doomed],
        on_done: Callable[[int, int], bool] = lambda done, total: True,
    ) -> RemovalResult:
        """Delete the listed objects and nothing else: one that was replaced since stays.

        ``on_done(done, total)`` is asked after every thousand; False stops there.
        """
        deleted = done = 0
        changed: list[str] = []
        refused: list[tuple[str, str]] = []
        markers: list[tuple[str, str]] = []
        for start in range(0, len(doomed), BATCH):
            batch = doomed[start : start + BATCH]
            try:
                answer = await self._delete(bucket, [_identifier(item) for item in batch])
            except SageDeckError as error:
                if not start:
                    raise
                # What went before is gone: that has to be told as well.
                refused += [(item.key, error.message) for item in batch]
                done += len(batch)
                break
            gone = 0
            for item in answer.get("Errors", ()):
                code = item.get("Code", "")
                if code in CHANGED_CODES:
                    changed.append(item["Key"])
                elif code in GONE_CODES:
                    gone += 1
                else:
                    refused.append((item.get("Key", "?"), item.get("Message") or code))
            for item in answer.get("Deleted", ()):
                if item.get("DeleteMarker") and not item.get("VersionId"):
                    markers.append((item["Key"], item["DeleteMarkerVersionId"]))
            deleted += len(batch) - len(answer.get("Errors", ())) + gone
            done += len(batch)
            if not on_done(done, len(doomed)):
                break
        left = len(doomed) - done
        return RemovalResult(deleted, tuple(changed), tuple(refused), tuple(markers), left)

    async def hidden(self, bucket: str, prefix: str = "") -> tuple[tuple[str, str], ...]:
        """``(key, version)`` of the delete markers under ``prefix`` behind which an older version is kept."""
        markers: dict[str, str] = {}
        kept: set[str] = set()
        async for kind, item in self._versions(bucket, prefix):
            if kind == "Versions":
                kept.add(item["Key"])
            elif item["IsLatest"]:
                markers[item["Key"]] = item["VersionId"]
        return tuple((key, version) for key, version in markers.items() if key in kept)

    async def restore(self, bucket: str, markers: Sequence[tuple[str, str]]) -> RemovalResult:
        """Take delete markers away, so that the versions behind them are the objects again."""
        return await self.remove(bucket, [Doomed(key, 0, "", version) for key, version in markers])

    async def remove_bucket(
        self,
        bucket: str,
        versions: Sequence[Doomed],
        on_done: Callable[[int, int], bool] = lambda done, total: True,
    ) -> RemovalResult:
        """Delete the listed versions and then the bucket; with anything else in it, it stays. Raises ``Conflict``."""
        result = await self.remove(bucket, versions, on_done)
        if result.refused or result.left:
            return result
        async for upload in self._session.paginate(
            "s3", "list_multipart_uploads", "Uploads", f"look for unfinished uploads in {bucket}", Bucket=bucket
        ):
            await self._session.call(
                "s3",
                "abort_multipart_upload",
                f"end an unfinished upload in {bucket}",
                Bucket=bucket,
                Key=upload["Key"],
                UploadId=upload["UploadId"],
            )
        try:
            await self._session.call("s3", "delete_bucket", f"delete the bucket {bucket}", Bucket=bucket)
        except SageDeckError as error:
            if error.code != "BucketNotEmpty":
                raise
            raise Conflict(
                "The bucket was not deleted",
                f"Something was put into {bucket} since it was counted. The {result.deleted:,} listed before are gone.",
                "Look at what it holds now, and delete it again.",
                code="BucketNotEmpty",
            ) from error
        return result

    async def _delete(self, bucket: str, identifiers: list[dict[str, str]]) -> dict[str, Any]:
        return await self._session.call(
            "s3", "delete_objects", f"delete from {bucket}", Bucket=bucket, Delete={"Objects": identifiers}
        )

    async def _current(self, bucket: str, prefix: str) -> AsyncIterator[Doomed]:
        pages = self._session.paginate(
            "s3", "list_objects_v2", "Contents", f"list {bucket}/{prefix}", Bucket=bucket, Prefix=prefix
        )
        async for item in pages:
            yield Doomed(item["Key"], item["Size"], item.get("ETag", "").strip('"'))

    async def _versions(self, bucket: str, prefix: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        marks: dict[str, object] = {}
        while True:
            page = await self._session.call(
                "s3", "list_object_versions", f"list the versions of {bucket}", Bucket=bucket, Prefix=prefix, **marks
            )
            for kind in ("Versions", "DeleteMarkers"):
                for item in page.get(kind) or ():
                    yield kind, item
            if not page.get("IsTruncated"):
                return
            marks = {"KeyMarker": page.get("NextKeyMarker", "")}
            if page.get("NextVersionIdMarker"):
                marks["VersionIdMarker"] = page["NextVersionIdMarker"]


def _identifier(item: Doomed) -> dict[str, str]:
    if item.version:
        return {"Key": item.key, "VersionId": item.version}
    return {"Key": item.key, "ETag": f'"{item.etag}"'} if item.etag else {"Key": item.key}


def total_size(doomed: Iterable[Doomed]) -> int:
    """Bytes of all together."""
    return sum(item.size for item in doomed)
