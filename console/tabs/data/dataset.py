"""The folder in hand: checked in the background, split, or drawn; its panels listen to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, Signal

from console.activity.model import ActivityItem
from console.context import AppContext
from console.models.format import bytes_text, count, duration
from workers.datasets.folder import DatasetProgress, SplitResult, check_folder, split_folder
from workers.errors.tree import SageDeckError
from workers.samples.maker import SampleProgress, SampleSet, make_samples
from workers.types import DatasetReport
from workers.upload.scan import mark

DatasetState = Literal["none", "checking", "checked", "failed"]
SETTING = "data_folder"
PROGRESS_WORDS = {"scanning": "listed", "opening": "checked", "writing": "placed"}


def short_path(path: Path) -> str:
    """The path with ``~`` for the home folder."""
    with contextlib.suppress(ValueError, RuntimeError):
        return (Path("~") / path.relative_to(Path.home())).as_posix()
    return str(path)


class Dataset(QObject):
    """One folder of pictures, or none.

    Signals: ``changed()`` when the folder, the state or the report changed; ``progressed(DatasetProgress)``.
    While it is checked, ``report`` is the early one: classes and counts, no findings.
    """

    changed = Signal()
    progressed = Signal(object)

    def __init__(self, ctx: AppContext, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ctx = ctx
        self.folder: Path | None = None
        self.report: DatasetReport | None = None
        self.error: SageDeckError | None = None
        self.state: DatasetState = "none"
        # Tells the folder as it was checked from what it becomes later.
        self.mark = ""

    def restore(self) -> None:
        """Take up the folder of the last run again, if it is still there."""
        remembered = self._ctx.settings.value(SETTING, "")
        if remembered and self.folder is None and Path(remembered).is_dir():
            self.choose(Path(remembered))

    def choose(self, folder: Path) -> None:
        """Check ``folder`` and show it; an earlier check ends."""
        self.folder, self.report, self.error, self.state = folder, None, None, "checking"
        self.mark = ""
        self._ctx.settings.set(SETTING, str(folder))
        self._ctx.tasks.start(self._check(folder), label=f"Checking {folder.name}", key="data:check", scope="window")
        self.changed.emit()

    def recheck(self) -> None:
        """Check the same folder again."""
        if self.folder is not None:
            self.choose(self.folder)

    def stop(self) -> None:
        """End the check and let the folder go."""
        self._ctx.tasks.cancel("data:check")
        self.folder, self.report, self.error, self.state = None, None, None, "none"
        self._ctx.settings.set(SETTING, "")
        self.changed.emit()

    def make_samples(self, folder: Path, classes: int, per_class: int, seed: int) -> asyncio.Task[SampleSet | None]:
        """Draw sample pictures into ``folder`` and choose it."""

        def told(item: ActivityItem) -> Callable[[SampleProgress], None]:
            def tell(progress: SampleProgress) -> None:
                left = f", {duration(progress.seconds_left)} left" if progress.seconds_left is not None else ""
                rate = f", {progress.per_second:.0f} a second" if progress.per_second else ""
                text = f"{progress.done:,} of {progress.total:,} pictures{rate}{left}"
                item.progress(progress.done / progress.total, text)

            return tell

        async def draw() -> SampleSet | None:
            title = f"Drawing {count(classes, 'breed')} into {folder.name}"
            with self._item(title, "paw") as item:
                made = await make_samples(folder, classes, per_class, seed, told(item))
                item.done(f"{count(made.pictures, 'picture')}, {bytes_text(made.bytes)} in {duration(made.seconds)}")
                self.choose(made.folder)
                return made
            return None

        return self._ctx.tasks.start(draw(), label="Drawing sample pictures", key="data:make", scope="window")

    def split(self, seed: int = 0) -> asyncio.Task[SplitResult | None]:
        """Split the folder into a new one beside it and choose that."""
        folder = self.report.root if self.report is not None else self.folder
        assert folder is not None

        async def divide() -> SplitResult | None:
            with self._item(f"Splitting {folder.name}", "data") as item:
                made = await split_folder(folder, seed=seed, on_progress=lambda progress: _tell(item, progress))
                how = f"{made.links:,} hard links" if not made.copies else f"{made.copies:,} copies"
                item.done(f"{count(made.pictures, 'picture')} in {made.folder.name}, {how}")
                self._ctx.notify.success(f"Split into {made.folder.name}", f"{folder.name} was left as it is.")
                self.choose(made.folder)
                return made
            return None

        return self._ctx.tasks.start(divide(), label=f"Splitting {folder.name}", key="data:make", scope="window")

    @contextlib.contextmanager
    def _item(self, title: str, icon: str) -> Iterator[ActivityItem]:
        """An activity entry around work of this computer; errors end up in it and in a message."""
        task = asyncio.current_task()
        item = self._ctx.activity.begin(title, icon, cancellable=task.cancel if task else None)
        try:
            yield item
        except asyncio.CancelledError:
            item.cancelled()
            raise
        except SageDeckError as error:
            item.fail(error)
            self._ctx.notify.error(error)

    async def _check(self, folder: Path) -> None:
        def tell(progress: DatasetProgress) -> None:
            if progress.early is not None:
                self.report = progress.early
                self.changed.emit()
            self.progressed.emit(progress)

        try:
            self.report = report = await check_folder(folder, tell)
            with contextlib.suppress(OSError):
                self.mark = await asyncio.to_thread(mark, report.root)
            self.state = "checked"
        except SageDeckError as error:
            self.error, self.report, self.state = error, None, "failed"
        self.changed.emit()


def _tell(item: ActivityItem, progress: DatasetProgress) -> None:
    words = f"{progress.done:,} of {progress.total:,} {PROGRESS_WORDS[progress.phase]}" if progress.total else ""
    item.progress(progress.done / progress.total if progress.total else None, words)
