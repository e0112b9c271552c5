"""Small pictures of objects: from the local file they came from, else fetched for the rows in sight."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from console.context import AppContext
from console.tabs.data.rows import ObjectRow
from console.widgets.pictures.thumbs import WAITING, thumbnails
from workers.errors.tree import SageDeckError

if TYPE_CHECKING:
    from workers.services import Services

Twin = Callable[[str, ObjectRow], Path | None]

# Pictures in memory, several screens full, as thumbnails.
KEEP = 200
# Bytes of a file that is downloaded only to draw it small: AWS bills what leaves it.
LARGEST = 2_000_000
# Downloads, of the session's connections; the others stay free for what is clicked.
AT_ONCE = 4


class ObjectThumbs(QObject):
    """Signals: ``changed()`` when a square may have become available. ``twin(bucket, row)``: its local file, if any."""

    changed = Signal()

    def __init__(self, ctx: AppContext, twin: Twin, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ctx, self._twin = ctx, twin
        self._twins: dict[tuple[str, str], Path | None] = {}
        self._data: OrderedDict[str, None] = OrderedDict()
        self._failed: set[str] = set()
        thumbnails().listeners.add(self._ready)

    def forget(self) -> None:
        """Look for local files anew, and try again what could not be fetched."""
        self._twins.clear()
        self._failed.clear()

    def source(self, bucket: str, row: ObjectRow) -> Path | None:
        """What stands for the row's picture in the thumbnail loader; None: it has none."""
        if not row.is_picture:
            return None
        local = self.local(bucket, row)
        if local is not None:
            return local
        name = _remote(bucket, row)
        return Path(name) if name in self._data else WAITING

    def local(self, bucket: str, row: ObjectRow) -> Path | None:
        """The local file of the same relative path and size, if there is one."""
        key = (bucket, row.key)
        if key not in self._twins:
            self._twins[key] = self._twin(bucket, row)
        return self._twins[key]

    def want(self, bucket: str, rows: Sequence[ObjectRow]) -> None:
        """Fetch what is missing for these rows; earlier wishes are dropped."""
        missing = [
            row
            for row in rows
            if row.is_picture
            and (row.size or 0) <= LARGEST
            and self.local(bucket, row) is None
            and (name := _remote(bucket, row)) not in self._data
            and name not in self._failed
        ]
        if missing:
            self._ctx.with_services(
                self._fetch_all, bucket, missing, label="Fetching small pictures", key="data:thumbs"
            )

    async def _fetch_all(self, services: Services, bucket: str, rows: Sequence[ObjectRow]) -> None:
        waiting = asyncio.Semaphore(AT_ONCE)

        async def fetch(row: ObjectRow) -> None:
            async with waiting:
                await self._fetch(services, bucket, row)

        await asyncio.gather(*(fetch(row) for row in rows))

    async def _fetch(self, services: Services, bucket: str, row: ObjectRow) -> None:
        name = _remote(bucket, row)
        try:
            shown = await services.storage.preview(bucket, row.key)
        except SageDeckError:
            # A list without this small picture is still whole; opening the object tells what is wrong.
            self._failed.add(name)
            return
        thumbnails().add_data(name, shown.data)
        self._data[name] = None
        while len(self._data) > KEEP:
            thumbnails().forget_data(self._data.popitem(last=False)[0])
        self.changed.emit()

    def _ready(self, source: str) -> None:
        self.changed.emit()


def _remote(bucket: str, row: ObjectRow) -> str:
    return str(Path("/s3", bucket, row.etag or "-", row.key.replace("..", "__")))
