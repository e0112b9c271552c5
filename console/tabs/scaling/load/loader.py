"""What stands behind the page Load test: the test that runs, and the reports."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from console.commands import Confirmation
from console.context import AppContext
from console.tabs.scaling.load.commands import RunLoadTest
from console.tabs.scaling.load.page import LoadPage
from console.tabs.scaling.load.words import headline
from console.widgets.frames.file_dialog import ask_where_to_save
from workers.errors.tree import Conflict, SageDeckError
from workers.load.arrivals import Shape
from workers.load.reports import export
from workers.load.running import Instances
from workers.load.types import LoadProgress, LoadReport, LoadTarget
from workers.scaling.types import FunctionRow, Variant

if TYPE_CHECKING:
    from workers.services import Services

_RUN, _LIST, _SHOW = "scaling:load", "scaling:reports", "scaling:report"


class Loader(QObject):
    """One test at a time."""

    def __init__(self, ctx: AppContext, page: LoadPage, parent: QObject) -> None:
        super().__init__(parent)
        self._ctx, self._page = ctx, page
        self._watched: LoadTarget | None = None
        self._test: RunLoadTest | None = None
        page.started.connect(self.start)
        page.stopped.connect(self.stop)
        page.exported.connect(self.export)
        page.deleted.connect(self.delete)
        page.form.changed.connect(self.update)
        page.reports.selectionChanged.connect(self._chosen)

    # What the tab tells

    def forget_account(self) -> None:
        """Forget what was tested in the account that was left."""
        self._ctx.tasks.cancel(_LIST)
        self._page.reports.set_rows([])
        self._page.reports.set_loading()
        self._page.forget()
        self.set_targets(None, ())

    def set_targets(self, variant: Variant | None, functions: Sequence[FunctionRow]) -> None:
        """What may be asked: the variant chosen, whose instances are counted, and functions."""
        found = LoadTarget("endpoint", variant.endpoint, variant.name) if variant is not None else None
        self._watched = found
        targets = [found] if found is not None else []
        self._page.form.set_targets([*targets, *(LoadTarget("function", row.name) for row in functions)])
        self.update()

    def refresh(self) -> None:
        """Read the reports again."""
        if not self._page.reports.model.total:
            self._page.reports.set_loading()
        self._ctx.with_services(
            self._list, label="Read the reports", key=_LIST, on_error=self._page.reports.set_error
        )  # fmt: skip

    async def _list(self, services: Services) -> None:
        self._page.show_reports(await services.load.kept())

    def update(self) -> None:
        """What may be pressed now."""
        form = self._page.form
        untold = "" if form.target is not None else "Choose what is asked"
        self._page.start_button.hinder(self._ctx.hindrance or untold or form.problem())

    # The test

    def start(self) -> None:
        """Look whether it can begin, ask with what it costs, and run it."""
        form = self._page.form
        target = form.target
        if target is None or form.problem() or self._ctx.tasks.running(_RUN):
            return
        pictures = "" if form.pictures is None else str(form.pictures)
        self._page.banner.hide()
        self._ctx.with_services(
            self._start, target, form.shape, pictures, label="Load test", key=_RUN, on_error=self._page.show_error
        )

    async def _start(self, services: Services, target: LoadTarget, shape: Shape, pictures: str) -> None:
        checked = await services.load.check(target, shape, pictures)
        outcome = await self._ctx.run(RunLoadTest(checked, shape, pictures, self._watched, self))
        if isinstance(outcome.error, SageDeckError):
            self._page.show_error(outcome.error)

    def begin(self, test: RunLoadTest) -> None:
        """A test begins."""
        if self._test is not None:
            raise Conflict(
                "A load test is running", f"{test.title} was not begun beside it.", "Stop it, or wait for its end."
            )
        self._test = test
        self._page.begin(test.target, test.shape, watched=test.watched is not None)
        self._page.show_running(True)

    def progress(self, progress: LoadProgress, instances: Instances) -> None:
        """How far it is."""
        self._page.show_progress(progress, instances)

    def report(self, report: LoadReport) -> None:
        """It has ended."""
        self._page.show_report(report)

    def end(self) -> None:
        """It runs no more."""
        self._test = None
        self._page.show_running(False)
        self.refresh()

    def stop(self) -> None:
        """Send nothing more; what was measured is shown and kept."""
        if self._test is not None:
            self._test.control.cancel()

    # Reports

    def _chosen(self) -> None:
        if self._page.running:
            return
        chosen: list[LoadReport] = sorted(self._page.reports.selected_rows(), key=lambda report: report.began)
        if chosen:
            self._ctx.with_services(
                self._show, chosen if len(chosen) == 2 else chosen[-1:],
                label="Read the report", key=_SHOW, on_error=self._page.show_error,
            )  # fmt: skip

    async def _show(self, services: Services, chosen: list[LoadReport]) -> None:
        whole = [await services.load.whole(report) for report in chosen]
        if not self._page.running:
            self._page.show_report(whole[-1], whole[0] if len(whole) == 2 else None)

    def export(self, kind: str) -> None:
        """Ask where, then write the report shown as ``csv`` or ``json``."""
        report = self._page.report
        if report is None:
            return
        kinds = {"csv": "Table (*.csv)", "json": "JSON (*.json)"}[kind]
        ask_where_to_save(
            self._page, "Export the report", lambda path: self._export(report, path), f"{report.id}.{kind}", kinds
        )

    def _export(self, report: LoadReport, path: Path) -> None:
        self._ctx.tasks.start(self._write(report, path), label="Export the report", scope="window")

    async def _write(self, report: LoadReport, path: Path) -> None:
        await asyncio.to_thread(export, report, path)
        self._ctx.notify.success("The report was exported", str(path))

    def delete(self) -> None:
        """Ask, then delete the report shown."""
        if self._page.report is not None:
            self._ctx.with_services(self._delete, self._page.report, label="Delete the report")

    async def _delete(self, services: Services, report: LoadReport) -> None:
        question = Confirmation(
            "Delete this report?", f"{headline(report)}. It is only on this computer.", confirm_label="Delete"
        )
        if self._ctx.ask is not None and not await self._ctx.ask(question, ""):
            return
        await services.load.forget(report)
        self._page.forget()
        # Also in place of a reading that began before.
        self.refresh()
