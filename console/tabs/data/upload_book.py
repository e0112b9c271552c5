"""The uploads of this session: each folder's own course, what it does now, how it ended, and what is left over."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, Signal

from console.context import AppContext
from console.tabs.data.commands import UploadFolder, progress_fraction
from workers.errors.tree import SageDeckError
from workers.types import PendingUpload, UploadProgress, UploadResult

if TYPE_CHECKING:
    from workers.services import Services

UploadState = Literal["idle", "running", "paused", "asks", "done", "cancelled", "failed"]
SETTING = "last_data_uri"
# Figures, more than the small curve has pixels to draw.
SPARK_POINTS = 120


@dataclass(eq=False)
class Course:
    """One upload of one folder. ``contents`` marks the folder as it was checked before."""

    command: UploadFolder
    contents: str = ""
    state: UploadState = "running"
    progress: UploadProgress | None = None
    rates: deque[float] = field(default_factory=lambda: deque(maxlen=SPARK_POINTS))
    error: Exception | None = None

    @property
    def running(self) -> bool:
        """True while something is sent or paused."""
        return self.state in ("running", "paused")

    @property
    def result(self) -> UploadResult | None:
        """How it ended, if it came that far; None while it runs."""
        return self.command.result if not self.running else None

    @property
    def fraction(self) -> float | None:
        """How far it is, 0 to 1; None where nobody knows yet."""
        return progress_fraction(self.progress) if self.progress is not None else None

    @property
    def failure(self) -> str:
        """Why it could not go on, in one sentence."""
        if isinstance(self.error, SageDeckError):
            return " ".join(part for part in (self.error.message, self.error.hint) if part)
        return str(self.error or "")


class UploadBook(QObject):
    """At most one upload runs at a time; how the last one of each folder ended is kept until it is put away.

    Properties that name no folder are about the upload that was started last, whatever folder is on the screen.

    Signals: ``changed()`` when a state changed, ``progressed()`` with new figures of the one that runs.
    """

    changed = Signal()
    progressed = Signal()

    def __init__(self, ctx: AppContext, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ctx = ctx
        self._courses: dict[Path, Course] = {}
        self.current: Course | None = None
        self.pending: list[PendingUpload] = []

    def of(self, folder: Path | None) -> Course | None:
        """The upload of ``folder`` that runs, or how its last one ended."""
        return self._courses.get(folder) if folder is not None else None

    @property
    def state(self) -> UploadState:
        """What the upload started last does."""
        return self.current.state if self.current is not None else "idle"

    @property
    def command(self) -> UploadFolder | None:
        """The upload started last."""
        return self.current.command if self.current is not None else None

    @property
    def progress(self) -> UploadProgress | None:
        """Its figures."""
        return self.current.progress if self.current is not None else None

    @property
    def running(self) -> bool:
        """True while something is sent or paused."""
        return self.current is not None and self.current.running

    @property
    def result(self) -> UploadResult | None:
        """How the upload started last ended, if it came that far; None while it runs."""
        return self.current.result if self.current is not None else None

    @property
    def fraction(self) -> float | None:
        """How far it is, 0 to 1; None where nobody knows yet."""
        return self.current.fraction if self.current is not None else None

    def start(self, folder: Path, bucket: str, prefix: str, contents: str = "", *, merge: bool = False) -> None:
        """Send ``folder`` to ``bucket``/``prefix``; nothing happens while another upload runs.

        With ``merge`` also where another set is; without it the upload then asks.
        """
        if self.running:
            return
        course = Course(UploadFolder(folder, bucket, prefix, self._remember, merge=merge), contents)
        course.command.on_progress = partial(self._progressed, course)
        self._courses[folder] = self.current = course
        if merge:
            self._overtaken(course)
        self._ctx.tasks.start(self._run(course), label=course.command.title, key="data:upload")
        self.changed.emit()

    def found(self, folder: Path, place: tuple[str, str], contents: str, result: UploadResult) -> None:
        """``folder`` lies in the account already, at ``place`` (bucket, prefix): as if its upload had just ended."""
        if folder in self._courses:
            return
        command = UploadFolder(folder, *place, self._remember)
        command.result = result
        self._courses[folder] = Course(command, contents, "done")
        self.changed.emit()

    def again(self, course: Course, *, merge: bool = False) -> None:
        """Start the same upload again: it sends what is missing."""
        command = course.command
        self.start(command.folder, command.bucket, command.prefix, course.contents, merge=merge or command.merge)

    def toggle_pause(self) -> None:
        """Pause, or go on."""
        course = self.current
        if course is None or not course.running:
            return
        if course.command.item is not None:
            course.command.item.toggle_pause()
        else:
            course.command.set_paused(course.state == "running")
        self._follow_pause(course)

    def cancel(self) -> None:
        """End it; what was sent is kept."""
        if self.current is not None and self.current.running:
            self.current.command.control.cancel()

    def dismiss(self, course: Course | None) -> None:
        """Put a result away."""
        if course is not None and not course.running:
            self._courses = {folder: kept for folder, kept in self._courses.items() if kept is not course}
            if self.current is course:
                self.current = None
            self.changed.emit()

    def removed(self, bucket: str, keys: Iterable[str] | None = None) -> None:
        """Objects were deleted from ``bucket`` (None: all): forget the uploads to there, which are whole no longer."""
        names = None if keys is None else list(keys)
        self._drop(
            lambda course: (
                course.command.bucket == bucket
                and (names is None or any(name.startswith(course.command.prefix) for name in names))
            )
        )

    def _overtaken(self, newer: Course) -> None:
        """Forget other folders' uploads to the same place, above or below it: it now holds files of both."""
        here = newer.command
        self._drop(
            lambda course: (
                course is not newer
                and course.command.bucket == here.bucket
                and (course.command.prefix.startswith(here.prefix) or here.prefix.startswith(course.command.prefix))
            )
        )

    def _drop(self, stale: Callable[[Course], bool]) -> None:
        doomed = [course for course in self._courses.values() if course.state == "done" and stale(course)]
        for course in doomed:
            self.dismiss(course)

    def reset(self) -> None:
        """Another account is in force: nothing of the old one is left over."""
        self._courses, self.current, self.pending = {}, None, []
        self.changed.emit()

    async def read_pending(self, services: Services) -> None:
        """Look for uploads that an earlier run did not finish."""
        self.pending = [entry for entry in await services.uploader.pending() if entry.folder.is_dir()]
        self.changed.emit()

    async def forget(self, services: Services, upload: PendingUpload) -> None:
        """Offer an unfinished upload no more."""
        await services.uploader.forget(upload)
        self.pending = [entry for entry in self.pending if entry != upload]
        self.changed.emit()

    async def _run(self, course: Course) -> None:
        command = course.command
        try:
            outcome = await self._ctx.run(command)
        finally:
            if course.running:
                course.state = "cancelled"
                self.changed.emit()
        if self.of(command.folder) is not course:
            return
        if outcome.status == "done":
            course.state = _ending(command.result)
            if course.state != "asks":
                self._overtaken(course)
                self.pending = [
                    entry for entry in self.pending if (entry.bucket, entry.prefix) != (command.bucket, command.prefix)
                ]
        elif outcome.status == "failed":
            course.error, course.state = outcome.error, "failed"
            if command.item is not None:
                # Retrying the bare command would go on unseen by the panel.
                command.item.retry = partial(self._retry, course)
        else:
            self.dismiss(course)
        self.changed.emit()

    def _retry(self, course: Course) -> None:
        if self.of(course.command.folder) is course:
            self.again(course)

    def _remember(self, uri: str) -> None:
        self._ctx.settings.set(SETTING, uri)

    def _progressed(self, course: Course, progress: UploadProgress) -> None:
        course.progress = progress
        if progress.phase == "uploading":
            course.rates.append(progress.bytes_per_second)
        self._follow_pause(course)
        self.progressed.emit()

    def _follow_pause(self, course: Course) -> None:
        wanted: UploadState = "paused" if course.command.control.paused else "running"
        if course.running and wanted != course.state:
            course.state = wanted
            self.changed.emit()


def _ending(result: UploadResult | None) -> UploadState:
    if result is not None and result.asks:
        return "asks"
    return "cancelled" if result is not None and result.cancelled else "done"
