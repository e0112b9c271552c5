"""Looking at the pictures of a bucket: from the local file that they came from, else brought into memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication

from console.context import AppContext
from console.models.viewing import Progress, ViewItem, class_folder
from console.tabs.data.object_thumbs import ObjectThumbs
from console.tabs.data.rows import ObjectRow
from console.viewing import Viewing
from console.widgets.pictures.viewer import Action
from console.widgets.tables.table import ResourceTable
from workers.aws.s3_uri import S3Uri
from workers.inference.model_input import DEFAULT_SIZE

if TYPE_CHECKING:
    from workers.services import Services

# Some ten pictures of a good camera: forward and back again costs nothing.
CACHE_BYTES = 64_000_000
_NETWORK = "a model trained with the default settings"


class ObjectLooking:
    """Opens the viewer on the rows of a table that are pictures; ``download(rows)`` is one of its actions."""

    def __init__(
        self,
        ctx: AppContext,
        table: ResourceTable,
        thumbs: ObjectThumbs,
        bucket: Callable[[], str],
        download: Callable[[list[ObjectRow]], object],
    ) -> None:
        self._ctx, self._table, self._thumbs, self._bucket, self._download = ctx, table, thumbs, bucket, download
        self._kept: OrderedDict[tuple[str, str, str], bytes] = OrderedDict()
        self._rows: Sequence[ObjectRow] = ()
        self.viewing = Viewing(ctx, table, actions=self._actions)
        ctx.backendChanging.connect(self._kept.clear)
        table.view.look_at = self.look

    def look(self, row: object) -> bool:
        """Look at a row, and from it at the other pictures of the table; False if it is no picture."""
        services = self._ctx.services
        if not isinstance(row, ObjectRow) or not row.is_picture or services is None:
            return False
        bucket = self._bucket()
        rows = [row for row in self._table.model.visible_rows() if isinstance(row, ObjectRow) and row.is_picture]
        at = next((at for at, shown in enumerate(rows) if shown.key == row.key), -1)
        self._rows = rows
        self.viewing.open(len(rows), lambda at: self._item(services, bucket, rows[at]), at, self._moved)
        return at >= 0

    def _item(self, services: Services, bucket: str, row: ObjectRow) -> ViewItem:
        local = self._thumbs.local(bucket, row)

        async def fetch(progress: Progress) -> bytes:
            return await self._bytes(services, bucket, row, progress)

        return ViewItem(
            row.name, str(S3Uri(bucket, row.key)), class_folder(row.key.split("/")[:-1]), row.size, path=local,
            fetch=fetch if local is None else None, input_size=DEFAULT_SIZE, network=_NETWORK,
        )  # fmt: skip

    async def _bytes(self, services: Services, bucket: str, row: ObjectRow, progress: Progress) -> bytes:
        key = (bucket, row.key, row.etag)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        data = await services.storage.read(bucket, row.key, progress)
        self._kept[key] = data
        while sum(map(len, self._kept.values())) > CACHE_BYTES and len(self._kept) > 1:
            self._kept.popitem(last=False)
        return data

    def _moved(self, at: int) -> None:
        self._table.select_keys([self._rows[at].key])

    def _actions(self, at: int) -> list[Action]:
        row, bucket = self._rows[at], self._bucket()
        uri = str(S3Uri(bucket, row.key))
        return [
            ("Download…", "download", lambda: self._download([row])),
            ("Copy address", "copy", lambda: QGuiApplication.clipboard().setText(uri)),
        ]
