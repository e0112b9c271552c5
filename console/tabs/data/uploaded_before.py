"""What is uploaded lives in the account: looks there for the folder on the screen, after a start and a change."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from console.context import AppContext
from console.tabs.data.bucket import BucketBrowser
from console.tabs.data.dataset import Dataset
from console.tabs.data.upload_book import UploadBook
from workers.errors.tree import SageDeckError

if TYPE_CHECKING:
    from workers.services import Services

# Each is listed to see what is missing there; the latest places come first.
PLACES_AT_MOST = 3
TASK = "data:uploaded"


class UploadedBefore(QObject):
    """Looks once for each folder as it was checked, each account and each bucket in hand.

    First where this computer sent the folder before, then where it would go now; ``wanted_prefix`` tells that. What is
    there as a whole becomes the folder's upload that has ended, unless another one was begun meanwhile.
    """

    def __init__(
        self,
        ctx: AppContext,
        dataset: Dataset,
        browser: BucketBrowser,
        uploading: UploadBook,
        wanted_prefix: Callable[[], str],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._ctx, self._dataset, self._browser, self._uploading = ctx, dataset, browser, uploading
        self._wanted_prefix = wanted_prefix
        self._looked: tuple[object, ...] | None = None
        for signal in (dataset.changed, browser.bucketsChanged):
            signal.connect(self._look)
        ctx.accountForgotten.connect(self._forget)

    @property
    def settled(self) -> bool:
        """True when the account in force was asked and has answered."""
        return self._looked is not None and not self._ctx.tasks.running(TASK)

    def _forget(self) -> None:
        self._looked = None

    def _look(self) -> None:
        report, services = self._dataset.report, self._ctx.services
        if self._dataset.state != "checked" or report is None or not report.usable:
            return
        if services is None or not self._browser.name or self._browser.buckets is None:
            return
        wanted = (services, report.root, self._dataset.mark, self._browser.name)
        if wanted == self._looked or self._uploading.of(report.root) is not None:
            return
        self._looked = wanted
        place = (self._browser.name, self._wanted_prefix())
        self._ctx.with_services(
            self._find,
            report.root,
            self._dataset.mark,
            place,
            label=f"Looking for {report.root.name} in the account",
            key=TASK,
        )

    async def _find(self, services: Services, folder: Path, contents: str, place: tuple[str, str]) -> None:
        """Nothing is said where it fails: uploading compares anew and tells what is wrong."""
        with contextlib.suppress(SageDeckError):
            sent_to = (await services.uploader.places(folder))[:PLACES_AT_MOST]
            there = {bucket.name for bucket in self._browser.buckets or ()}
            for bucket, prefix in dict.fromkeys((*sent_to, place)):
                if bucket not in there or not await self._holds(services, bucket, prefix):
                    continue
                known = (bucket, prefix) in sent_to
                result = await services.uploader.look(folder, bucket, prefix, merge=known)
                if result.whole:
                    self._uploading.found(folder, (bucket, prefix), contents, result)
                    return

    async def _holds(self, services: Services, bucket: str, prefix: str) -> bool:
        listing = await services.storage.list(bucket, prefix)
        return bool(listing.objects or listing.folders)
