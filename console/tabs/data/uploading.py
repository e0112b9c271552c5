"""The upload in hand: what it does now, how it ended, and what is left over from earlier ones."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, Signal

from console.context import AppContext
from console.tabs.data.commands import Upload, progress_fraction
from workers.errors import SageDeckError
from workers.types import PendingUpload, UploadProgress, UploadResult

UploadState = Literal["idle", "running", "paused", "done", "cancelled", "failed"]
SETTING = "last_data_uri"
SPARK_POINTS = 120


class Uploading(QObject):
    """At most one upload at a time.

    Signals: ``changed()`` when its state changed, ``progressed()`` with new figures.
    """

    changed = Signal()
    progressed = Signal()

    def __init__(self, ctx: AppContext, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ctx = ctx
        self.state: UploadState = "idle"
        self.command: Upload | None = None
        self.progress: UploadProgress | None = None
        self.rates: deque[float] = deque(maxlen=SPARK_POINTS)
        self.error: Exception | None = None
        self.pending: list[PendingUpload] = []

    @property
    def running(self) -> bool:
        """True while something is sent or paused."""
        return self.state in ("running", "paused")

    @property
    def result(self) -> UploadResult | None:
        """How the last upload ended, if it came that far; None while one runs."""
        return self.command.result if self.command is not None and not self.running else None

    @property
    def fraction(self) -> float | None:
        """How far it is, 0 to 1; None where nobody knows yet."""
        return progress_fraction(self.progress) if self.progress is not None else None

    def start(self, folder: Path, bucket: str, prefix: str) -> None:
        """Send ``folder`` to ``bucket``/``prefix``; nothing happens while another upload runs."""
        if self.running:
            return
        self.command = Upload(folder, bucket, prefix, self._progressed, self._remember)
        self.progress, self.error, self.state = None, None, "running"
        self.rates.clear()
        self._ctx.tasks.start(self._run(self.command), label=self.command.title, key="data:upload")
        self.changed.emit()

    def again(self) -> None:
        """Start the same upload again: it sends what is missing."""
        if self.command is not None:
            self.start(self.command.folder, self.command.bucket, self.command.prefix)

    def toggle_pause(self) -> None:
        """Pause, or go on."""
        if self.command is None or not self.running:
            return
        if self.command.item is not None:
            self.command.item.toggle_pause()
        else:
            self.command.set_paused(self.state == "running")
        self._follow_pause()

    def cancel(self) -> None:
        """End it; what was sent is kept."""
        if self.command is not None and self.running:
            self.command.control.cancel()

    def dismiss(self) -> None:
        """Put the result away."""
        if not self.running:
            self.state, self.command, self.progress = "idle", None, None
            self.changed.emit()

    def reset(self) -> None:
        """Another account is in force: nothing of the old one is left over."""
        self.state, self.command, self.progress = "idle", None, None
        self.pending = []
        self.changed.emit()

    async def read_pending(self) -> None:
        """Look for uploads that an earlier run did not finish."""
        services = self._ctx.services
        if services is None:
            return
        self.pending = [entry for entry in await services.uploader.pending() if entry.folder.is_dir()]
        self.changed.emit()

    async def forget(self, upload: PendingUpload) -> None:
        """Offer an unfinished upload no more."""
        if self._ctx.services is not None:
            await self._ctx.services.uploader.forget(upload)
        self.pending = [entry for entry in self.pending if entry != upload]
        self.changed.emit()

    async def _run(self, command: Upload) -> None:
        try:
            outcome = await self._ctx.run(command)
        finally:
            if self.command is command and self.running:
                self.state = "cancelled"
                self.changed.emit()
        if self.command is not command:
            return
        if outcome.status == "done":
            self.state = "cancelled" if command.result is not None and command.result.cancelled else "done"
            self.pending = [
                entry for entry in self.pending if (entry.bucket, entry.prefix) != (command.bucket, command.prefix)
            ]
        elif outcome.status == "failed":
            self.error, self.state = outcome.error, "failed"
        else:
            self.state, self.command = "idle", None
        self.changed.emit()

    def _remember(self, uri: str) -> None:
        self._ctx.settings.set(SETTING, uri)

    def _progressed(self, progress: UploadProgress) -> None:
        self.progress = progress
        if progress.phase == "uploading":
            self.rates.append(progress.bytes_per_second)
        self._follow_pause()
        self.progressed.emit()

    def _follow_pause(self) -> None:
        wanted: UploadState = "paused" if self.command is not None and self.command.control.paused else "running"
        if self.running and wanted != self.state:
            self.state = wanted
            self.changed.emit()

    @property
    def failure(self) -> str:
        """Why it could not go on, in one sentence."""
        if isinstance(self.error, SageDeckError):
            return " ".join(part for part in (self.error.message, self.error.hint) if part)
        return str(self.error or "")
