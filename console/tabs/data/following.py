"""Keeps the bucket's listing up with an upload into it, so that it never says "empty" while pictures arrive."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QObject

from console.tabs.data.bucket import BucketBrowser
from console.tabs.data.upload_book import UploadBook

# A page of the listing each time. The bucket fills during an upload, and nobody reads along faster.
PERIOD_SECONDS = 5.0


class UploadFollower(QObject):
    """Opens the folder that an upload goes to as soon as something is in it, and reads it again now and then.

    It opens it once for an upload, and only from a folder above, or from where it went with an earlier upload:
    whoever looks elsewhere stays there. Once the upload has ended the bucket is counted anew.
    """

    def __init__(
        self,
        browser: BucketBrowser,
        uploading: UploadBook,
        parent: QObject | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(parent)
        self._browser, self._uploading = browser, uploading
        self._opened: object = None
        self._counted: object = None
        self._went: tuple[str, str] | None = None
        self._clock = clock
        self._read_at = 0.0
        uploading.changed.connect(self._changed)
        uploading.progressed.connect(self._progressed)

    def _changed(self) -> None:
        if self._uploading.state == "done":
            self._open()
        command = self._uploading.command
        if command is not None and not self._uploading.running and self._counted is not command:
            self._counted = command
            self._count()

    def _count(self) -> None:
        """What was counted while the upload ran is too little."""
        if self._here() and self._uploading.progress is not None:
            self._browser.uncounted()
            self._browser.again()

    def _progressed(self) -> None:
        progress = self._uploading.progress
        arrived = progress is not None and progress.phase == "uploading" and progress.files_done > 0
        if not self._uploading.running or not arrived or not self._here():
            return
        if self._opened is not self._uploading.command:
            self._open()
        elif self._clock() - self._read_at > PERIOD_SECONDS and not self._browser.loading:
            self._read_at = self._clock()
            self._browser.relist()

    def _here(self) -> bool:
        command = self._uploading.command
        return command is not None and command.bucket == self._browser.name

    def _open(self) -> None:
        command = self._uploading.command
        if command is None or not self._here() or self._opened is command:
            return
        self._opened = command
        self._read_at = self._clock()
        self._browser.uncounted()
        here = (self._browser.name, self._browser.prefix)
        if command.prefix != self._browser.prefix and (
            command.prefix.startswith(self._browser.prefix) or here == self._went
        ):
            self._browser.open(command.prefix)
        if command.prefix == self._browser.prefix:
            self._went = (command.bucket, command.prefix)
