"""Every page of the window filled, in every size: ``python -m tests.helpers.scenes OUT [--scenes …] [--sizes …]``.

Saves a picture for each scene × size × text size × look and prints what :mod:`tests.helpers.faults` finds. The window
is made once and changed from size to size, as an operator does who drags its corner.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import math
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QApplication, QDialog, QWidget

from console.look.theme import theme
from console.tabs import TABS
from console.tabs.base import Tab
from console.tabs.overview.security.part import SecurityPart
from console.widgets.frames.banner import Banner
from console.widgets.pictures.viewer import Viewer
from console.window.activity_panel import ActivityPanel
from tests.helpers import full_account as full
from tests.helpers.evaluation import large_evaluations
from tests.helpers.faults import faults
from tests.helpers.load import BEGAN, report_of
from tests.helpers.models import enter
from tests.helpers.window import until
from workers.scaling.curve import Curve

SIZES = ((1440, 900), (1280, 800), (1200, 700), (1024, 700))
SCALES = {"normal": 1.0, "large": 1.15, "largest": 1.3}
IDS = ("overview", "data", "training", "compute", "endpoints", "scaling", "predict")
SPECS = [spec for spec in TABS if spec.id in IDS]


class Stage:
    """The window over the full account, and how to come to each scene."""

    def __init__(self, application: Any, folder: Path) -> None:
        self.application, self.window, self.ctx = application, application.window, application.ctx
        self.services = full.FullServices()
        self._folder = folder
        self._report: Any = None
        self._busy = False
        self.dialog: QDialog | None = None

    def tab(self, tab_id: str) -> Any:
        """The tab, shown."""
        if self.window.pages.current_tab is None or self.window.pages.current_tab.spec.id != tab_id:
            self.window.show_tab(tab_id)
        return self.window.pages.tab(tab_id)

    async def enter(self) -> None:
        """Put the account in force."""
        enter(self.application, self.services)
        self.application.window.status.show()

    async def show(self, scene: str) -> QWidget:
        """Come to a scene; the widget that it is about."""
        self.close()
        await SCENES[scene](self)
        await self.settle()
        return self.dialog or self.window

    async def settle(self) -> None:
        """Let layouts, timers and decoders run."""
        for _ in range(3):
            # Layouts ask for layouts, and small pictures come from a thread; none says that it was the last.
            await asyncio.sleep(0.02)
            QApplication.sendPostedEvents()
        self.window.toasts.clear()

    def close(self) -> None:
        """Close dialogs, drawers, the viewer and the activity panel."""
        for viewer in self.window.findChildren(Viewer):
            viewer.close_viewer()
        if self.dialog is not None:
            self.dialog.reject()
            self.dialog = None
        for panel in self.window.findChildren(ActivityPanel):
            if panel.isVisible():
                panel.close_panel()
        for tab in self.window.pages.findChildren(Tab):
            for button in tab.drawer_buttons() if tab.whole else ():
                button.setChecked(False)

    async def asked(self, kind: str) -> None:
        """Wait for the dialog of this class."""

        def found() -> QDialog | None:
            return next(
                (
                    widget
                    for widget in QApplication.topLevelWidgets()
                    if type(widget).__name__ == kind and widget.isVisible()
                ),
                None,
            )

        await until(found)
        self.dialog = found()

    # Scenes

    async def overview(self) -> None:
        """What there is, and what is idle."""
        tab = self.tab("overview")
        await until(lambda: tab.list.table.model.total and tab.idle.lines)
        tab.list.table.select_keys([("endpoint", "dog-classifier-old")])

    async def idle(self) -> None:
        """What is idle, from its drawer where the window is narrow."""
        await self.overview()
        self.tab("overview").show_side()

    async def rules(self) -> None:
        """The rules by which something is idle."""
        await self.overview()
        self.tab("overview").change_rules()
        await self.asked("RulesDialog")

    async def budget(self) -> None:
        """What a month may cost."""
        await self.overview()
        self.tab("overview").set_budget()
        await self.asked("BudgetDialog")

    async def notebook(self) -> None:
        """The form for a new notebook instance."""
        await self.overview()
        [make] = [act for text, _, act in self.tab("overview").more_entries() if "notebook" in text]
        make()
        await self.asked("NotebookDialog")

    async def unsafe(self) -> None:
        """All findings."""
        await self.overview()
        part = self.tab("overview").side.part(SecurityPart)
        await until(lambda: part.report is not None)
        part.review()
        await self.asked("ReviewDialog")

    async def role(self) -> None:
        """What a role used, and the policy that it would have."""
        await self.overview()
        self.tab("overview").side.part(SecurityPart).narrow(full.long_name("role-"))
        await self.asked("RoleDialog")
        await until(lambda: getattr(self.dialog, "use", None) is not None)

    async def events(self) -> None:
        """All that happened."""
        await self.overview()
        self.tab("overview").events.show_events()
        await self.asked("EventsDialog")
        await until(lambda: self.dialog is not None and self.dialog.table.model.total)

    async def tear_down(self) -> None:
        """Everything that would go."""
        await self.overview()
        self.tab("overview").tear_down()
        await self.asked("TearDownDialog")
        await until(lambda: self.dialog is not None and getattr(self.dialog, "plan", None) is not None)

    async def data(self) -> None:
        """A checked folder and its bucket."""
        tab = self.tab("data")
        if self._report is None:
            self._report = full.dataset(self._folder)
            tab.dataset.folder, tab.dataset.report, tab.dataset.state = self._report.root, self._report, "checked"
            tab.dataset.changed.emit()
        tab.breeds.choose(full.CLASSES[0])
        await until(lambda: tab.browser.listed and tab.pictures.grid.cell_count())

    async def bucket(self) -> None:
        """The bucket with an object chosen, from its drawer where the window is narrow."""
        await self.data()
        tab = self.tab("data")
        tab.show_side()
        rows = [row for row in tab.bucket_panel.table.model.visible_rows() if not row.is_folder]
        tab.bucket_panel.table.select_keys([rows[0].key])

    async def _chosen(self, *keys: str) -> Any:
        tab = self.tab("training")
        await until(lambda: tab.table.model.total >= 5)
        tab.compare.closed.emit()
        tab.table.select_keys(list(keys))
        return tab

    async def job(self) -> None:
        """A completed job: curves and log."""
        tab = await self._chosen(f"job:{full.JOB}")
        await until(lambda: tab.detail.report is not None and tab.detail.epochs_seen)
        tab.detail.show_page("live")

    async def report(self) -> None:
        """Its report."""
        await self.job()
        self.tab("training").detail.show_page("report")

    async def failed(self) -> None:
        """A failed job."""
        tab = await self._chosen(f"job:{full.FAILED_JOB}")
        await until(lambda: any(not banner.isHidden() for banner in tab.detail.findChildren(Banner)))

    async def tuning(self) -> None:
        """A tuning job."""
        tab = await self._chosen(f"tuning:{full.TUNING}")
        await until(lambda: tab.tuning.curves)

    async def compare(self) -> None:
        """Three jobs side by side."""
        tab = await self._chosen(*(f"job:{name}" for name in (full.JOB, full.OTHER_JOB, full.RUNNING_JOB)))
        tab.compare_button.click()
        await until(lambda: len(tab.compare.curves) >= 3)

    async def form(self) -> None:
        """The launch form, from its drawer where the window is narrow."""
        await self.job()
        tab = self.tab("training")
        for button in tab.drawer_buttons():
            button.setChecked(tab.narrow)
        tab.form.form.row("name").field.setFocus()
        tab.form.modes.set_current("tuning")

    async def fine_tuning(self) -> None:
        """The launch form of a fine-tuning, gone on from another job."""
        await self.form()
        job = replace(full.jobs()[1], checkpoint_uri="s3://b/kept", hyperparameters={"unfreeze": "all"})
        self.tab("training").form.continue_job(job, 12)

    async def endpoints(self) -> None:
        """An endpoint chosen."""
        tab = self.tab("endpoints")
        await until(lambda: tab.table.model.total == len(full.ENDPOINTS) and tab.functions.rows)
        tab.table.select_keys([full.ENDPOINTS[0]])
        tab.show_side()

    async def compute(self) -> None:
        """An instance that trains."""
        tab = self.tab("compute")
        await until(lambda: tab.table.model.total and tab.output.job is not None)

    async def launch(self) -> None:
        """The form of an instance."""
        await self.compute()
        self.tab("compute").launch()
        await self.asked("LaunchDialog")

    async def train(self) -> None:
        """The form of a job on an instance."""
        await self.compute()
        self.tab("compute").train()
        await self.asked("JobDialog")

    async def _scaling(self, kind: str, view: str = "now") -> None:
        tab = self.tab("scaling")
        tab.panel.kinds.set_current(kind)
        await until(lambda: tab.panel.apply_button.isVisibleTo(tab) and tab.panel.table.model.total)
        tab.views.set_current(view)

    async def scaling(self) -> None:
        """An endpoint variant that scales."""
        await self._scaling("variant")
        tab = self.tab("scaling")
        await until(lambda: tab.plan_page.plan is not None)

    async def plan(self) -> None:
        """Its plan."""
        await self.scaling()
        self.tab("scaling").views.set_current("plan")

    async def replay(self) -> None:
        """A curve under two plans."""
        await self.plan()
        tab = self.tab("scaling")
        tab.views.set_current("replay")
        page = tab.replay_page
        calls = tuple(20 + 140 * math.exp(-(((at - 150) / 40) ** 2)) + 60 * (at > 240) for at in range(360))
        page.set_curve(Curve(calls), "Drawn.")
        await until(lambda: len(page.sides["b"].sums.rows) > 0)

    async def load(self) -> None:
        """Two load tests compared."""
        load = self.services.load
        load.reports = [report_of(BEGAN + 3600, p50=60.0), report_of()]
        await self.scaling()
        tab = self.tab("scaling")
        tab.views.set_current("load")
        await until(lambda: tab.load_page.reports.model.total == 2)
        tab.load_page.reports.select_keys([report.id for report in load.reports])

    async def schedule(self) -> None:
        """A new scheduled action."""
        await self.scaling()
        self.tab("scaling").scheduler.edit(None)
        await self.asked("ScheduleDialog")

    async def counts(self) -> None:
        """Instances by hand."""
        await self.scaling()
        self.tab("scaling").change_counts()
        await self.asked("CountsDialog")

    async def concurrency(self) -> None:
        """A function's concurrency."""
        await self._scaling("function")

    async def function(self) -> None:
        """A function chosen, with its test open."""
        await self.endpoints()
        tab = self.tab("endpoints")
        tab.functions.table.select_keys([full.FUNCTION])
        tab.functions.open_test()
        await until(lambda: tab.functions.calls.model.total)

    async def predict(self) -> None:
        """Two endpoints and a dozen pictures."""
        tab = self.tab("predict")
        tab.show_page("pictures")
        await until(lambda: len(tab.choice.names) >= 2)
        if not tab.cards():
            tab.add_paths(full.pictures(self._folder / "asked", 12))

        def answered() -> bool:
            cards = tab.cards()
            return len(cards) == 12 and all(card.answers and None not in card.answers for card in cards)

        await until(answered)

    async def evaluation(self, part: str = "matrix", number: int = 1) -> Any:
        """One evaluation with its confusions."""
        tab, kept, place = self.tab("predict"), self.services.evaluations, self._folder / "labelled"
        kept.rows = kept.rows or large_evaluations(
            place, full.CLASSES, (full.ENDPOINTS[0], f"function:{full.FUNCTION}")
        )
        page = tab.evaluations
        tab.show_page("evaluations")
        await until(lambda: page.table.model.total == len(kept.rows))
        page.look_at(place)
        page.table.select_keys([row.id for row in page.table.model.rows()[:number]])
        await until(lambda: page.setup.labelled is not None and len(page.shown) == number)
        page.report.pages.set_current(part)
        return tab

    async def mistakes(self) -> None:
        """The worst mistakes of an evaluation, and its figures where the window is narrow."""
        (await self.evaluation("mistakes")).show_side()

    async def calibration(self) -> None:
        """How sure an evaluated model was."""
        await self.evaluation("calibration")

    async def compared(self) -> None:
        """Two evaluations compared."""
        await self.evaluation(number=2)

    async def viewer(self) -> None:
        """One of its pictures, looked at."""
        await self.predict()
        viewing = self.tab("predict").looking.viewing
        self.tab("predict").looking.look(self.tab("predict").grid.cards()[0].key)
        await until(lambda: not viewing.viewer.canvas.image.isNull())

    async def result(self) -> None:
        """The panel of the score, from its drawer where the window is narrow."""
        await self.predict()
        tab = self.tab("predict")
        tab.show_side()
        tab.grid.choose(0)

    async def activity(self) -> None:
        """The activity panel over a tab."""
        await self.job()
        if not self._busy:
            self._busy = True
            for _ in range(3):
                title = f"Uploading {full.long_name('dogImages')}"
                item = self.application.activity.begin(
                    title, "upload", cancellable=lambda: None, pausable=lambda _: None
                )
                item.progress(0.64, "5,344 of 8,351 files, 3 min 20 s left")
        self.window.toggle_activity()

    async def settings(self) -> None:
        """The settings."""
        self.window.show_settings()
        await self.asked("SettingsDialog")

    async def shortcuts(self) -> None:
        """The list of keys."""
        self.window.show_shortcuts()
        await self.asked("ShortcutsDialog")

    async def deploy(self) -> None:
        """The deploy dialog."""
        await self.endpoints()
        self.tab("endpoints").deploy(full.JOB)
        await self.asked("DeployDialog")

    async def delete(self) -> None:
        """The confirmation of a deletion."""
        await self.endpoints()
        self.tab("endpoints").delete()
        await self.asked("ConfirmDialog")

    async def findings(self) -> None:
        """What a check found."""
        await self.data()
        self.tab("data").show_findings()
        await self.asked("FindingsDialog")

    async def samples(self) -> None:
        """The dialog of the sample pictures."""
        await self.data()
        self.tab("data").make_samples()
        await self.asked("SamplesDialog")


SCENES: dict[str, Callable[[Stage], Awaitable[None]]] = {
    name: getattr(Stage, name)
    for name in (
        "overview", "idle", "rules", "budget", "notebook", "tear_down", "unsafe", "role", "events",
        "data", "bucket", "job", "report", "failed", "tuning", "compare", "form", "fine_tuning",
        "endpoints", "function", "predict", "evaluation", "mistakes", "calibration", "compared",
        "compute", "launch", "train", "scaling", "plan", "replay", "load", "schedule", "counts", "concurrency",
        "viewer", "result", "activity", "settings", "shortcuts", "deploy", "delete", "findings", "samples",
    )
}  # fmt: skip


async def _play(out: Path, arguments: argparse.Namespace) -> int:
    from console.app import Application, Files

    # As in the program (``console/collector.py``): no thread may collect what is Qt's.
    gc.disable()
    work = Path(tempfile.mkdtemp(prefix="sagedeck-scenes-"))
    application = Application(Files.inside(work / "window"), specs=SPECS, state_dir=work / "sandbox", look="light")
    application.window.resize(1440, 900)
    application.show(connect=False)
    stage = Stage(application, work)
    await stage.enter()
    wrong = 0
    for scale, dark, size in itertools.product(arguments.scales, arguments.looks, arguments.sizes):
        theme().set_preference(dark)
        theme().set_scale(SCALES[scale])
        width, _, height = size.partition("x")
        application.window.resize(int(width), int(height))
        await stage.settle()
        for scene in arguments.scenes:
            shown = await stage.show(scene)
            # Chosen by who runs this module, to look at what is on the screen.
            await asyncio.sleep(arguments.pause)
            shown.grab().save(str(out / f"{scene}-{size}-{scale}-{dark}.png"))
            for problem in faults(shown):
                wrong += 1
                print(f"{scene} {size} {scale}: {problem}")
    stage.close()
    await application.close()
    return wrong


def main(given: Iterable[str] | None = None) -> int:
    """Save the pictures, tell the faults; 1 when there is one."""
    from qasync import QEventLoop

    from console.app import make_qt_application

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--scenes", nargs="*", default=list(SCENES))
    parser.add_argument("--sizes", nargs="*", default=[f"{width}x{height}" for width, height in SIZES])
    parser.add_argument("--scales", nargs="*", default=list(SCALES))
    parser.add_argument("--looks", nargs="*", default=["light"])
    parser.add_argument("--pause", type=float, default=0.15)
    arguments = parser.parse_args(None if given is None else list(given))
    arguments.out.mkdir(parents=True, exist_ok=True)
    app = make_qt_application()
    with asyncio.Runner(loop_factory=lambda: QEventLoop(app)) as runner:
        return int(runner.run(_play(arguments.out, arguments)) > 0)


if __name__ == "__main__":
    sys.exit(main())


async def stage_of(make_application: Callable[..., Any], folder: Path, size: tuple[int, int] = (1440, 900)) -> Stage:
    application = make_application(SPECS)
    application.window.resize(*size)
    application.show(connect=False)
    stage = Stage(application, folder)
    await stage.enter()
    return stage
