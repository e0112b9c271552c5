"""A bucket whose listing comes in pages, for tests of what shows it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from console.tabs.data import TAB
from workers.errors.tree import SageDeckError
from workers.types import Bucket, BucketSafety, Listing, ObjectPreview, S3Object

SPECS = [TAB]

PAGE = 1000

NOW = datetime(2026, 3, 4, tzinfo=UTC)


class PagedStorage:
    """``pages`` pages of one bucket; ``failure`` is raised instead, ``gate`` holds answers back."""

    def __init__(self, pages: int) -> None:
        self.pages = pages
        self.failure: SageDeckError | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def buckets(self) -> list[Bucket]:
        return [Bucket("many", NOW)]

    async def safety(self, bucket: str) -> BucketSafety:
        return BucketSafety(True, None, False)

    async def list(self, bucket: str, prefix: str = "", token: str | None = None) -> Listing:
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        number = int(token or 0)
        objects = tuple(self._object(number * PAGE + at) for at in range(PAGE))
        return Listing(prefix, (), objects, str(number + 1) if number + 1 < self.pages else None)

    async def objects(self, bucket: str, prefix: str = "") -> AsyncIterator[S3Object]:
        for at in range(self.pages * PAGE):
            yield self._object(at)

    async def preview(self, bucket: str, key: str) -> ObjectPreview:
        return ObjectPreview(key, "text/plain", 5, None, b"hello")

    @staticmethod
    def _object(at: int) -> S3Object:
        return S3Object(f"file-{at:05}.txt", at, NOW, "e")


class NoUploads:
    async def pending(self) -> list[Any]:
        return []

    async def places(self, _: Any) -> list[Any]:
        return []
