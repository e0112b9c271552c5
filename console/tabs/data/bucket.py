"""The bucket in hand: which there are, what protects it, one "folder" of it, page by page."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from console.context import AppContext
from console.tabs.data.rows import ObjectRow, object_rows
from workers.errors.tree import SageDeckError
from workers.types import Bucket, BucketSafety

if TYPE_CHECKING:
    from workers.services import Services

SETTING = "bucket"
# Twenty requests. A bucket may have millions of objects; then the window says "over".
COUNT_AT_MOST = 20_000


class BucketBrowser(QObject):
    """Signals: ``bucketsChanged()``, ``listingChanged()`` (rows, loading, error), ``safetyChanged()`` (also count)."""

    bucketsChanged = Signal()
    listingChanged = Signal()
    safetyChanged = Signal()

    def __init__(self, ctx: AppContext, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ctx = ctx
        self.buckets: list[Bucket] | None = None
        self.buckets_error: SageDeckError | None = None
        self.name = ""
        self.prefix = ""
        self.rows: list[ObjectRow] = []
        self.token: str | None = None
        self._pages = 1
        self.loading = False
        self.listed = False
        self.error: SageDeckError | None = None
        self.safety: BucketSafety | None = None
        self.count: int | None = None
        self.count_is_whole = True
        # The bucket and folder that an upload is on its way to.
        self.awaited: tuple[str, str] | None = None

    def reset(self) -> None:
        """Another account is in force."""
        self.buckets, self.buckets_error = None, None
        self._forget("")
        self.bucketsChanged.emit()
        self.listingChanged.emit()
        self.safetyChanged.emit()

    def refresh(self) -> asyncio.Task[None] | None:
        """Read buckets, safety and the shown folder again; None without an account."""
        if not self._ctx.connected:
            return None
        return self._ctx.with_services(self._refresh, label="Reading the buckets", key="data:buckets")

    def choose(self, name: str) -> None:
        """Look into another bucket."""
        if name == self.name:
            return
        self._forget(name)
        if self.buckets is not None and name not in [bucket.name for bucket in self.buckets]:
            # It was made just now; the next reading has it, too.
            self.buckets = [*self.buckets, Bucket(name, None)]
        self._ctx.settings.set(SETTING, name)
        self.bucketsChanged.emit()
        self.safetyChanged.emit()
        self.open("")
        self._read_safety()

    def open(self, prefix: str) -> None:
        """Show the "folder" ``prefix`` (empty, or ending with a slash)."""
        if not self.name or not self._ctx.connected:
            return
        self.prefix, self.rows, self.token, self.listed, self.error = prefix, [], None, False, None
        self._pages = 1
        self._list()

    def up(self) -> None:
        """Show the folder above."""
        if self.prefix:
            self.open(parent_prefix(self.prefix))

    def more(self) -> None:
        """Add the next page to the rows."""
        if self.token and not self.loading:
            self._pages += 1
            self._list(self.token)

    def again(self) -> None:
        """Read the shown folder again, keeping the rows until the new ones are there; count what was not counted."""
        self.relist()
        if self.name and self._ctx.connected and self.count is None:
            self._read_safety()

    def relist(self) -> None:
        """Read the shown folder again, keeping the rows until the new ones are there."""
        if self.name and self._ctx.connected:
            self._list()

    def uncounted(self) -> None:
        """The number of objects changes just now: none is told until the next whole reading."""
        self.count = None
        self.safetyChanged.emit()

    @property
    def arriving(self) -> bool:
        """True while an upload is on its way to the folder shown or into one below it."""
        return self.awaited is not None and self.awaited[0] == self.name and self.awaited[1].startswith(self.prefix)

    def await_upload(self, place: tuple[str, str] | None) -> None:
        """An upload to this bucket and folder is under way; None: none is."""
        if place != self.awaited:
            self.awaited = place
            self.listingChanged.emit()

    def changed(self) -> None:
        """Something in the account's buckets changed: read and count again."""
        self.count = None
        # What was empty may be so no longer: until it is read again, nobody knows.
        self.listed = self.listed and bool(self.rows)
        self.refresh()

    def _forget(self, name: str) -> None:
        self.name, self.prefix, self.rows, self.token, self._pages = name, "", [], None, 1
        self.loading, self.listed, self.error = False, False, None
        self.safety, self.count, self.count_is_whole = None, None, True

    async def _refresh(self, services: Services) -> None:
        try:
            self.buckets = await services.storage.buckets()
            self.buckets_error = None
        except SageDeckError as error:
            self.buckets_error = error
            self.bucketsChanged.emit()
            return
        names = [bucket.name for bucket in self.buckets]
        if self.name not in names:
            remembered = self._ctx.settings.value(SETTING, "")
            self._forget(remembered if remembered in names else (names[0] if names else ""))
            self.safetyChanged.emit()
            self.listingChanged.emit()
        self.bucketsChanged.emit()
        self.again()
        self._ctx.mark_refreshed()

    def _list(self, token: str | None = None) -> None:
        self.loading = True
        self.listingChanged.emit()
        self._ctx.with_services(
            self._read_pages, self.name, self.prefix, token, label=f"Listing {self.name}", key="data:list"
        )

    async def _read_pages(self, services: Services, name: str, prefix: str, token: str | None) -> None:
        """One page more when there is a ``token``, else as many pages as are shown."""
        rows = list(self.rows) if token else []
        missing = 1 if token else self._pages
        try:
            while missing:
                listing = await services.storage.list(name, prefix, token)
                rows += object_rows(listing)
                token, missing = listing.next_token, missing - 1 if listing.next_token else 0
        except SageDeckError as error:
            self.loading, self.error, self.listed = False, error, True
            self.listingChanged.emit()
            return
        self.rows, self.token, self.loading, self.listed, self.error = rows, token, False, True, None
        self.listingChanged.emit()

    def _read_safety(self) -> None:
        self._ctx.with_services(self._safety_and_count, self.name, label=f"Reading {self.name}", key="data:safety")

    async def _safety_and_count(self, services: Services, name: str) -> None:
        if not name:
            return
        try:
            self.safety = await services.storage.safety(name)
            self.safetyChanged.emit()
            number = 0
            whole = True
            async for _ in services.storage.objects(name):
                number += 1
                if number >= COUNT_AT_MOST:
                    whole = False
                    break
            self.count, self.count_is_whole = number, whole
        except SageDeckError:
            # The listing of the same bucket tells what is wrong with it.
            self.count = None
        self.safetyChanged.emit()


def parent_prefix(prefix: str) -> str:
    """``a/b/`` → ``a/``; ``a/`` → empty."""
    return prefix.rstrip("/").rpartition("/")[0] + "/" if "/" in prefix.rstrip("/") else ""


def crumbs(bucket: str, prefix: str) -> list[tuple[str, str]]:
    """``(text, prefix)`` of every step from the bucket down to ``prefix``."""
    steps = [(bucket, "")]
    at = ""
    for part in prefix.split("/")[:-1]:
        at += part + "/"
        steps.append((part, at))
    return steps
