"""The page Evaluations: begins, follows and stops them, lists those that are kept, shows one or compares two."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from console.activity.model import ActivityItem
from console.commands import Confirmation
from console.context import NO_ACCOUNT, AppContext
from console.look.theme import theme
from console.models.format import count, duration
from console.models.viewing import ViewItem
from console.tabs.predict.evaluation import exporting
from console.tabs.predict.evaluation.comparison import ComparisonView
from console.tabs.predict.evaluation.panel import EvaluationPanel, Shown
from console.tabs.predict.evaluation.report import EvaluationReport
from console.tabs.predict.evaluation.rows import EVALUATIONS, UnderWay, card_of, share, title_of
from console.tabs.predict.evaluation.setup import Setup
from console.viewing import Viewing
from console.widgets.base import on_theme
from console.widgets.frames.banner import Banner, error_words
from console.widgets.frames.empty_state import EmptyState
from console.widgets.frames.file_dialog import ask_for_folder
from console.widgets.frames.panes import Panes
from console.widgets.frames.scroll_area import ScrollArea
from console.widgets.tables.table import ResourceTable
from workers.errors.tree import SageDeckError
from workers.evaluation.comparing import compare
from workers.evaluation.measures import truths
from workers.evaluation.service import EvaluationControl
from workers.evaluation.types import Answered, Labelled, Progress, Split, Summary
from workers.inference.targets import words_of

if TYPE_CHECKING:
    from workers.services import Services

_RUN, _LIST, _SHOW, _LOOK = (f"predict:{name}" for name in ("evaluate", "evaluations", "evaluation", "folder"))

# Rows that are always in sight, of few and of many; pixels of a matrix with its line of words.
_FEWEST_ROWS, _MOST_ROWS, _REPORT_PIXELS = 2, 4, 340


class EvaluationPage(QWidget):
    """``asked()`` gives the targets chosen, ``report`` shows one evaluation.

    Signals: ``shownChanged()``: others are shown in the panel.
    """

    shownChanged = Signal()

    def __init__(self, ctx: AppContext, asked: Callable[[], list[str]], report: EvaluationReport) -> None:
        super().__init__()
        self._ctx, self._asked = ctx, asked
        self._control: EvaluationControl | None = None
        self._kept: tuple[Summary, ...] = ()
        self._progress: Progress | None = None
        self.shown: list[Shown] = []
        self.setup = Setup()
        self.setup.folderWanted.connect(self._choose_folder)
        self.setup.splitChosen.connect(lambda split: self.look_at(self.setup.folder, cast("Split", split)))
        self.setup.started.connect(self.start)
        self.setup.stopped.connect(self.stop)
        self.banner = Banner("err", closable=True)
        self.banner.hide()
        self.table = ResourceTable(
            EVALUATIONS, key="id", name="Evaluations", noun="evaluations", sort=("began", "desc")
        )  # fmt: skip
        self.table.remember(ctx.settings, "predict.evaluations")
        self.table.set_empty(
            "predict",
            "No evaluation yet",
            "Every picture of a labelled folder is asked about, and what is right counted.",
        )
        self.table.set_actions(self._actions)
        self.table.selectionChanged.connect(self._chosen)
        self.report = report
        self.comparison = ComparisonView()
        self._none = EmptyState("predict", "No evaluation chosen", "Choose one to see it, two to compare them.")
        self._stack = QStackedWidget()
        self._reading = EmptyState("wait", "Reading what was answered…", plain=True)
        for page in (self._none, self.report, self.comparison, self._reading):
            self._stack.addWidget(page)
        panes = Panes(Qt.Orientation.Vertical, ctx.settings, "predict.evaluations")
        panes.add(self.table, 1)
        panes.add(self._stack, 4)
        self.panel = EvaluationPanel()
        self.panel.resumeWanted.connect(lambda: self.resume(self.shown[0][0].head.id))
        # What was resumed is looked at next.
        self.panel.resume_button.heir = self.table.view
        self.panel.exportWanted.connect(self.export)
        self.panel.deleteWanted.connect(self.delete)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        for part in (self.setup, self.banner):
            column.addWidget(part)
        # On a low window the lists scroll together; a matrix of some pixels shows no pattern.
        scroll = ScrollArea("Evaluations")
        scroll.setWidget(panes)
        column.addWidget(scroll, 1)
        on_theme(self, self._keep_room)
        self._keep_room()
        self.viewing = Viewing(ctx, self)
        self.report.lookWanted.connect(self._look)
        self.comparison.lookWanted.connect(self._look)

    def _keep_room(self) -> None:
        view = self.table.view
        rows = min(_MOST_ROWS, max(_FEWEST_ROWS, self.table.model.total))
        self.table.setMinimumHeight(view.heads.sizeHint().height() + rows * view.row_height())
        self._stack.setMinimumHeight(theme().pixels(_REPORT_PIXELS))

    @property
    def running(self) -> bool:
        """True while an evaluation is under way."""
        return self._ctx.tasks.running(_RUN)

    # The account

    def forget_account(self) -> None:
        """Forget the evaluations of the other account; the folder stays."""
        self._ctx.tasks.cancel(_LIST)
        self.banner.hide()
        self._kept = ()
        self.table.set_rows([])
        self.table.set_loading()
        self._show([])

    def refresh(self) -> None:
        """Read the list again."""
        if not self.table.model.total:
            self.table.set_loading()
        self._ctx.with_services(self._list, label="Read the evaluations", key=_LIST, on_error=self.table.set_error)

    async def _list(self, services: Services) -> None:
        self._kept = await services.evaluations.kept()
        self._show_rows()
        # Without any there is nothing to choose.
        self._stack.setVisible(bool(self.table.model.total))
        self._keep_room()

    def _show_rows(self) -> None:
        """What was read last, and of the one under way how far it is by now."""
        control, progress = self._control, self._progress
        now = control.evaluation if control is not None and progress is not None else ""
        self.table.set_rows(
            [UnderWay.of(row, progress.done) if progress and row.id == now else row for row in self._kept]
        )  # fmt: skip

    def update_targets(self) -> None:
        """Others may be chosen now."""
        unchosen = "" if self._asked() else "Choose what is asked"
        self.setup.start_button.hinder(NO_ACCOUNT if self._ctx.services is None else unchosen)

    # The folder

    def _choose_folder(self) -> None:
        ask_for_folder(
            self.window(), "Choose a labelled folder", self.look_at, str(self.setup.folder or "")
        )  # fmt: skip

    def look_at(self, folder: Path | None, split: Split | None = None) -> None:
        """Find the labelled pictures of a folder."""
        if folder is not None and not self.running:
            self.banner.hide()
            self._ctx.with_services(
                self._look_at, folder, split, label="Look for labelled pictures", key=_LOOK, on_error=self._show_error
            )

    async def _look_at(self, services: Services, folder: Path, split: Split | None) -> None:
        self._found(await services.evaluations.look(folder, split))

    def _found(self, labelled: Labelled) -> None:
        self.setup.show_folder(labelled)
        self.update_targets()

    # Running

    def start(self) -> None:
        """Evaluate each target that is chosen, one after the other."""
        labelled, targets = self.setup.labelled, self._asked()
        if labelled is None or not targets or self.running:
            return
        self._run(lambda services: self._start(services, labelled, targets, self.setup.at_once.value()))

    def resume(self, name: str) -> None:
        """Go on with one."""
        if not self.running:
            self._run(lambda services: self._resume(services, name))

    def stop(self) -> None:
        """Ask about no more pictures; what was answered is kept."""
        if self._control is not None:
            self._control.cancel()
            self.setup.say_stopping()

    def _run(self, work: Callable[[Services], object]) -> None:
        self.banner.hide()
        self._control = EvaluationControl()
        self.setup.show_running(True)
        # What goes on now is not offered to be gone on with.
        self._show_panel()
        task = self._ctx.with_services(
            work, label="Evaluate", key=_RUN, on_error=self._show_error  # type: ignore[arg-type]
        )  # fmt: skip
        if task is None:
            self._ended()
        else:
            task.add_done_callback(lambda _: self._ended())

    async def _start(self, services: Services, labelled: Labelled, targets: Sequence[str], at_once: int) -> None:
        done: list[str] = []
        for at, target in enumerate(targets):
            which = f"{words_of(target)} ({at + 1} of {len(targets)})" if len(targets) > 1 else words_of(target)
            pictures = count(len(labelled.pictures), "picture")

            async def go(follow: Callable[[Progress], object], target: str = target) -> Summary:
                return await services.evaluations.start(
                    target, labelled, at_once=at_once, on_progress=follow, control=self._control
                )

            summary = await self._followed(f"Evaluate {words_of(target)} on {pictures}", which, go)
            done.append(summary.id)
            await self._list(services)
            if self._control is None or self._control.cancelled:
                break
        self.table.select_keys(done[-2:])

    async def _resume(self, services: Services, name: str) -> None:
        row = next((row for row in self.table.model.rows() if row.id == name), None)
        words = title_of(row.head) if row is not None else "the evaluation"

        async def go(follow: Callable[[Progress], object]) -> Summary:
            return await services.evaluations.resume(name, on_progress=follow, control=self._control)

        await self._followed(f"Resume the evaluation {words}" if row is not None else "Resume an evaluation", words, go)
        await self._list(services)
        self.table.select_keys([name])
        self._chosen()

    async def _followed(self, title: str, words: str, go: Callable[[Callable[[Progress], object]], object]) -> Summary:
        item: ActivityItem = self._ctx.activity.begin(title, "predict", cancellable=self.stop)

        def follow(progress: Progress) -> None:
            item.progress(progress.done / max(1, progress.total), f"{progress.done:,} of {progress.total:,}")
            self.setup.show_progress(words, progress)
            begins, self._progress = self._progress is None, progress
            if begins:
                self.refresh()
                self._show_panel()
            else:
                self._show_rows()

        self._progress = None
        try:
            summary: Summary = await go(follow)  # type: ignore[misc]
        except asyncio.CancelledError:
            item.cancelled("What was answered is kept; it can be resumed")
            raise
        except SageDeckError as error:
            item.fail(error)
            raise
        finally:
            self._progress = None
        told = f"{share(summary.accuracy)} right, {count(summary.failed, 'failure')}, {duration(summary.seconds)}"
        if summary.whole:
            item.done(told)
        else:
            item.cancelled(f"{summary.done:,} of {summary.head.pictures:,} were answered; it can be resumed")
        return summary

    def _ended(self) -> None:
        self._control = None
        if not self._ctx.tasks.closed:
            self.setup.show_running(False)
            self.update_targets()
            self._show_panel()

    def _show_error(self, error: BaseException) -> None:
        title, words, details = error_words(error)
        fix = self._ctx.notify.fix(error) if isinstance(error, SageDeckError) else None
        self.banner.set_content("err", title, words, fix=fix, details=details)
        self.banner.show()
        if not self.shown:
            self._stack.setCurrentWidget(self._none)
        # What was answered before is there all the same.
        self.refresh()

    # Showing

    def _chosen(self) -> None:
        rows: list[Summary] = sorted(self.table.selected_rows(), key=lambda row: row.head.began)
        if not rows or len(rows) > 2:
            self._show([])
        else:
            if not self.shown:
                self._stack.setCurrentWidget(self._reading)
            self._ctx.with_services(
                self._read, [row.id for row in rows], label="Read the evaluation", key=_SHOW, on_error=self._show_error
            )

    async def _read(self, services: Services, names: Sequence[str]) -> None:
        shown = [await services.evaluations.whole(name) for name in names]
        if len(shown) == 2:
            compared = await asyncio.to_thread(compare, shown[0][0], shown[1][0])
            self.comparison.show_comparison(shown[0][0], compared)
        self._show(shown)

    def _show(self, shown: list[Shown]) -> None:
        self.shown = shown
        if len(shown) == 1:
            self.report.show_evaluation(*shown[0])
        self._stack.setCurrentWidget((self._none, self.report, self.comparison)[len(shown)])
        self._show_panel()
        self.shownChanged.emit()

    def _show_panel(self) -> None:
        self.panel.show_evaluations(self.shown, running=self._control is not None)
        now = self._control.evaluation if self._control is not None else ""
        under_way = any(evaluation.head.id == now for evaluation, _ in self.shown)
        self.panel.delete_button.hinder("It is under way: stop it first" if under_way else "")

    def _actions(self, rows: list[Summary]) -> list[tuple[str, str, Callable[[], object]]]:
        if len(rows) != 1:
            return []
        row = rows[0]
        if isinstance(row, UnderWay):
            return []
        resume = [("Resume", "play", lambda: self.resume(row.id))] if not row.whole or row.failed else []
        return [*resume, ("Delete…", "trash", self.delete)]

    def _look(self, keys: Sequence[str], key: str) -> None:
        grid = self.sender()
        source = self.comparison if grid is self.comparison else self.report
        self.viewing.open(len(keys), lambda at: self._item(source, keys[at]), list(keys).index(key))

    def _item(self, source: QWidget, key: str) -> ViewItem:
        evaluation = self.shown[0][0]
        path = Path(evaluation.head.folder) / key
        card = None
        if source is self.comparison:
            card = next((card for card in self.comparison.grid.cards() if card.key == key), None)
        else:
            answer: Answered | None = next((answer for answer in evaluation.answers if answer.path == key), None)
            if answer is not None:
                card = card_of(evaluation.head, answer, truths(evaluation)(answer))
        asked = tuple(words_of(evaluation.head.target) for evaluation, _ in self.shown)
        return ViewItem(path.name, str(path.parent), card.truth if card else "", path=path, answers=card, asked=asked)

    # Export, deletion

    def export(self, kind: str) -> None:
        """Ask where, then write what is shown."""
        if self.shown:
            exporting.ask_where(self.window(), self._ctx, kind, list(self.shown))

    def delete(self) -> None:
        """Ask, then delete the evaluation shown."""
        if len(self.shown) == 1:
            self._ctx.with_services(self._delete, self.shown[0], label="Delete the evaluation")

    async def _delete(self, services: Services, shown: Shown) -> None:
        head = shown[0].head
        question = Confirmation(
            "Delete this evaluation?", f"{title_of(head)}. It is only on this computer.", confirm_label="Delete"
        )
        if self._ctx.ask is not None and not await self._ctx.ask(question, ""):
            return
        await services.evaluations.forget(head.id)
        self._show([])
        await self._list(services)
