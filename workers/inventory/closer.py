"""A closer look at single resources, those in sight: tags, what a bucket holds, when something was last used."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from workers.aws.tags import made_by_sagedeck
from workers.errors.tree import SageDeckError
from workers.inventory.asking import Asking, tags_of
from workers.inventory.kinds import Kind
from workers.inventory.rates import GIB, Rates
from workers.inventory.types import Resource
from workers.inventory.usage import metrics_of, read_uses

Key = tuple[Kind, str]
# CloudWatch has a figure a minute, and each question is billed.
KEPT_SECONDS = 60.0
# Tags and what a bucket holds are asked for once in so long.
SLOW_SECONDS = 600.0
# A bucket with more is told as "… or more": counting it takes a request for every thousand.
MOST_PAGES = 20
_SAGEMAKER: frozenset[Kind] = frozenset(
    {
        "endpoint",
        "endpoint-config",
        "model",
        "training-job",
        "tuning-job",
        "processing-job",
        "transform-job",
        "notebook",
    }
)


class Closer:
    """Looks, and remembers for a while when it looked."""

    def __init__(self, ask: Asking, rates: Rates, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask, self._rates, self._clock = ask, rates, clock
        self._used: dict[Key, float] = {}
        self._slow: dict[Key, float] = {}

    def metrics(self, rows: Collection[Resource]) -> int:
        """How many metrics a look at these reads."""
        return sum(metrics_of(row) for row in rows)

    async def look(self, rows: Collection[Resource]) -> dict[Key, dict[str, Any]]:
        """Fields that were found out of these rows. A field that may not be read stays unknown."""
        now = self._clock()
        found: dict[Key, dict[str, Any]] = {}
        await self._tags_and_contents([row for row in rows if self._due(self._slow, row, SLOW_SECONDS)], found)
        used = [row for row in rows if self._due(self._used, row, KEPT_SECONDS) and (_has_use(row))]
        reading = await read_uses(self._ask, used)
        for row in used:
            use = reading.uses.get(row.key)
            if use is not None:
                last = use.last(self._ask.clock.now())
                found.setdefault(row.key, {}).update({"last_use": last, "use_known": True})
            self._used[row.key] = now
        return found

    def _due(self, when: Mapping[Key, float], row: Resource, seconds: float) -> bool:
        return row.key not in when or self._clock() - when[row.key] > seconds

    async def _tags_and_contents(self, rows: Collection[Resource], found: dict[Key, dict[str, Any]]) -> None:
        async for row, fields in self._ask.each(rows, self._slowly):
            self._slow[row.key] = self._clock()
            if isinstance(fields, dict) and fields:
                found.setdefault(row.key, {}).update(fields)

    async def _slowly(self, row: Resource) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        if row.tags is None:
            tags = await read_tags(self._ask, row)
            if tags is not None:
                fields = {"tags": tags, "ours": made_by_sagedeck({"Key": k, "Value": v} for k, v in tags.items())}
        if row.kind == "bucket":
            fields |= await contents(self._ask, self._rates, row.name)
        return fields


def _has_use(row: Resource) -> bool:
    return row.kind == "notebook" or metrics_of(row) > 0


async def read_tags(ask: Asking, row: Resource) -> dict[str, str] | None:
    """The tags of one resource; ``None`` for a kind that has none, or when they may not be read."""
    try:
        if row.kind in _SAGEMAKER:
            return tags_of(await ask.all("sagemaker", "list_tags", "Tags", "read the tags", ResourceArn=row.id))
        if row.kind == "function":
            answer = await ask.one("lambda", "list_tags", "read the tags", Resource=row.id)
            return dict(answer.get("Tags", {}))
        if row.kind == "log-group":
            answer = await ask.one("logs", "list_tags_log_group", "read the tags", logGroupName=row.name)
            return dict(answer.get("tags", {}))
        if row.kind == "instance-profile":
            name = {"InstanceProfileName": row.name}
            return tags_of((await ask.one("iam", "list_instance_profile_tags", "read the tags", **name)).get("Tags"))
        if row.kind == "alarm":
            answer = await ask.one("cloudwatch", "list_tags_for_resource", "read the tags", ResourceARN=row.id)
            return tags_of(answer.get("Tags"))
        if row.kind == "bucket":
            return tags_of((await ask.one("s3", "get_bucket_tagging", "read the tags", Bucket=row.name)).get("TagSet"))
    except SageDeckError as error:
        return {} if error.code == "NoSuchTagSet" else None
    return None


async def contents(ask: Asking, rates: Rates, bucket: str, most: int = MOST_PAGES) -> dict[str, Any]:
    """How much a bucket holds, all versions, with what storing it costs; more than ``most`` pages are "or more"."""
    objects, size, whole = await counted(ask, bucket, most)
    if not whole:
        return {"size": f"{objects:,} objects or more", "dollars_per_hour": None}
    words = f"{objects:,} object{'' if objects == 1 else 's'}, {size_words(size)}"
    return {"size": words, "dollars_per_hour": rates.monthly("s3", size / GIB)}


async def counted(ask: Asking, bucket: str, most: int = MOST_PAGES) -> tuple[int, int, bool]:
    """Objects of a bucket, bytes of all their versions, and whether that is all: it ends after so many pages."""
    objects = size = 0
    marks: dict[str, str] = {}
    for _ in range(most):
        page = await ask.one("s3", "list_object_versions", f"count what is in {bucket}", Bucket=bucket, **marks)
        versions = page.get("Versions") or ()
        objects += sum(item.get("IsLatest", True) for item in versions)
        size += sum(item.get("Size", 0) for item in versions)
        if not page.get("IsTruncated"):
            return objects, size, True
        marks = {"KeyMarker": page.get("NextKeyMarker", "")}
        if page.get("NextVersionIdMarker"):
            marks["VersionIdMarker"] = page["NextVersionIdMarker"]
    return objects, size, False


def size_words(number: int) -> str:
    """Bytes as people say them."""
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= size:
            return f"{number / size:,.2f} {unit}" if unit in ("TB", "GB") else f"{number / size:,.1f} {unit}"
    return f"{number} bytes"
