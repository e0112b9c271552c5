"""What the Data tab puts into the account: buckets made, folders uploaded."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from console.commands import Command
from console.models.format import bytes_text, count, duration
from workers.aws.s3_uri import S3Uri
from workers.samples.maker import MARK as SAMPLES_MARK
from workers.types import Bucket, UploadProgress, UploadResult
from workers.upload.uploader import UploadControl

if TYPE_CHECKING:
    from workers.services import Services

PHASES = {"scanning": "Listing the folder", "comparing": "Comparing", "uploading": "Sending", "verifying": "Verifying"}


class CreateBucket(Command):
    """Makes a private, encrypted bucket."""

    icon = "bucket"

    def __init__(self, name: str) -> None:
        self.title = f"Create bucket {name}"
        self._name = name

    async def run(self, services: Services) -> Bucket:
        """Make it."""
        return await services.storage.create_bucket(self._name)

    def done_text(self, result: Bucket) -> str:
        """What it is like."""
        return "Private, encrypted, public access blocked"

    def cli(self) -> str:
        """The same with the AWS CLI (which needs further calls to block public access)."""
        return f"aws s3api create-bucket --bucket {shlex.quote(self._name)}"

    def events(self) -> list[tuple[str, str]]:
        """A bucket appeared."""
        return [("bucket", self._name)]


class UploadFolder(Command):
    """Sends a folder to a bucket; pausable, and resumable by running it again."""

    icon = "upload"

    def __init__(
        self,
        folder: Path,
        bucket: str,
        prefix: str,
        on_whole: Callable[[str], None] = lambda uri: None,
        *,
        merge: bool = False,
    ) -> None:
        self.folder, self.bucket, self.prefix, self.merge = folder, bucket, prefix, merge
        self.title = f"Uploading {folder.name}"
        self.control = UploadControl()
        self.result: UploadResult | None = None
        self.on_progress: Callable[[UploadProgress], None] = lambda progress: None
        self._on_whole = on_whole

    @property
    def uri(self) -> str:
        """Where the folder goes, without a slash at the end."""
        return str(S3Uri(self.bucket, self.prefix)).rstrip("/")

    async def run(self, services: Services) -> UploadResult:
        """Send what is not there yet."""
        if self.item is not None:
            self.item.cancel, self.item.pause = self.control.cancel, self.set_paused
            # The operator may have paused it before this entry existed.
            self.item.paused = self.control.paused
        try:
            self.result = await services.uploader.upload(
                self.folder, self.bucket, self.prefix, self._tell, self.control, merge=self.merge
            )
        except asyncio.CancelledError:
            self.control.cancel()
            raise
        if self.result.cancelled and self.item is not None:
            self.item.cancelled(self.result.summary)
        if self.whole:
            self._on_whole(self.uri)
        return self.result

    @property
    def whole(self) -> bool:
        """True when everything arrived: there is a dataset to train on."""
        return self.result is not None and self.result.whole

    def set_paused(self, paused: bool) -> None:
        """Pause or go on."""
        if paused:
            self.control.pause()
        else:
            self.control.resume()

    def _tell(self, progress: UploadProgress) -> None:
        if self.item is not None:
            self.item.progress(progress_fraction(progress), progress_text(progress, paused=self.control.paused))
        self.on_progress(progress)

    def done_text(self, result: UploadResult) -> str:
        """How it ended."""
        return how_it_ended(result)

    def cli(self) -> str:
        """The same with the AWS CLI."""
        return f"aws s3 sync {shlex.quote(str(self.folder))} {shlex.quote(self.uri + '/')}"

    def events(self) -> list[tuple[str, str]]:
        """The bucket changed; a whole upload is a dataset to train on."""
        if self.result is not None and self.result.asks:
            return []
        changed = [("bucket", self.bucket)]
        if self.whole:
            changed.append(("dataset", self.uri))
        return changed


def progress_fraction(progress: UploadProgress) -> float | None:
    """0 to 1 by bytes while sending, None before."""
    if progress.phase in ("uploading", "verifying") and progress.bytes_total:
        return progress.bytes_done / progress.bytes_total
    return None


def progress_text(progress: UploadProgress, *, paused: bool = False) -> str:
    """One line of figures; without a rate while it is paused."""
    if progress.phase == "scanning":
        return f"{PHASES['scanning']}: {count(progress.files_total, 'file')}"
    if progress.phase == "comparing":
        return f"Comparing with the bucket: {progress.files_done:,} of {progress.files_total:,}"
    parts = [f"{progress.files_done:,} of {progress.files_total:,} files"]
    if paused:
        return f"{parts[0]}, paused"
    if progress.bytes_per_second:
        parts.append(f"{bytes_text(progress.bytes_per_second)}/s")
    if progress.seconds_left is not None:
        parts.append(f"{duration(progress.seconds_left)} left")
    return ", ".join(parts)


def how_it_ended(result: UploadResult) -> str:
    """How an upload ended, with size and time; the mark that a sample set carries is not worth a word."""
    shown = replace(result, ignored=tuple(name for name in result.ignored if name != SAMPLES_MARK))
    if not result.sent or result.cancelled:
        return shown.summary
    return f"{shown.summary} {bytes_text(result.bytes_sent)} in {duration(max(1, result.seconds))}."
