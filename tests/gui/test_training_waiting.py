"""A tuning job that waits for its features has a row from the first moment, says how far they are, and survives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import QTimer

from console.models.running import progress_words
from console.models.states import State
from console.tabs.training.book import JobBook
from console.tabs.training.commands import StopTraining
from console.tabs.training.detail import JobDetail
from console.tabs.training.follow_features import FeaturesFollower
from console.tabs.training.pending import PendingRow, pending_rows
from console.tabs.training.tab import TICK_MS, TrainingTab
from console.widgets.charts.progress import ProgressBar
from console.widgets.forms.buttons import Button
from console.widgets.frames.banner import Banner
from tests.helpers.models import NOW, ModelServices, enter, job
from tests.helpers.training_tab import FakeAccount, said, training, tuning
from tests.helpers.window import saying, until
from workers.errors.tree import NotFound
from workers.training.curves import CurveReader
from workers.training.features_progress import FeaturesProgress
from workers.tuning.pending import awaiting_forms, awaiting_tags, form_variables
from workers.tuning.types import TuningJob, TuningPage, TuningSpec
from workers.types import LogEvent, TrainingJob

FORM = TuningSpec("dogs-tuning", "s3://data/dogs", "data")
NAME = "features-0123456789ab-1"


def features(status: Any = "InProgress", name: str = NAME, **more: Any) -> TrainingJob:
    facts = {"model_uri": "", "final_metrics": {}, "environment": form_variables(FORM), "instance_type": "ml.m5.large"}
    return job(name, status, **(facts | {"instance_count": 1, "started": NOW - timedelta(minutes=1)} | more))


def test_the_words_of_the_progress() -> None:
    told = FeaturesProgress(136, 297, 5.0, NOW)
    assert progress_words(told, NOW + timedelta(seconds=2.2)) == "features 136 of 297, 30 s left"
    assert progress_words(replace(told, rate=0.0), NOW) == "features 136 of 297"


@pytest.mark.parametrize(
    ("jobs", "launching", "state", "trouble"),
    [
        ([], True, "Starting", ""),
        ([features()], True, "Features 46 %", ""),
        ([features()], False, "Features 46 %", ""),
        ([features("Stopping")], True, "Features 46 %", ""),
        ([features("Completed")], True, "Starting", ""),
        ([features("Completed")], False, "Not started", "nothing waited for them"),
        ([features("Failed")], False, "Failed", "could not be prepared"),
        ([features("Stopped")], False, "Stopped", "was stopped"),
        ([features("Failed"), features(name=f"{NAME}2")], False, "Features 46 %", ""),
    ],
)
def test_what_the_row_says(jobs: list[TrainingJob], launching: bool, state: str, trouble: str) -> None:
    jobs = [replace(job, created=NOW + timedelta(seconds=at)) for at, job in enumerate(jobs)]
    progress = dict.fromkeys([NAME, f"{NAME}2"], FeaturesProgress(136, 297, 5.0, NOW))
    waiting = {"dogs-tuning": (FORM, NOW - timedelta(minutes=1))} if launching else {}
    (row,) = pending_rows(jobs, {}, waiting, progress, {}, {})
    assert (row.key, row.name, row.form) == ("tuning:dogs-tuning", "dogs-tuning", FORM)
    assert (row.state.word if isinstance(row.state, State) else row.state) == state
    assert trouble in row.trouble and bool(row.trouble) is bool(trouble)
    assert pending_rows(jobs, {"dogs-tuning": tuning()}, waiting, progress, {}, {}) == []


@pytest.mark.parametrize(("once", "words"), [(True, "computes the features"), (False, "Its trials are shown here")])
def test_what_a_row_waits_for_before_there_is_a_job(once: bool, words: str) -> None:
    waiting = {"dogs-tuning": (replace(FORM, features_once=once), NOW)}
    (row,) = pending_rows([], {}, waiting, {}, {}, {})
    title, sentence = row.waits_for
    assert title == "dogs-tuning is being started" and words in sentence
    assert ("features" in sentence) is once


class Waiting(FakeAccount):
    """An account with features jobs; the tuning jobs of ``hidden`` are on no page, but can be described."""

    def __init__(self, jobs: list[TrainingJob], tunings: list[TuningJob], *hidden: TuningJob) -> None:
        super().__init__(jobs, tunings, 100)
        self.hidden = hidden
        self.tags: dict[str, str] = {}
        self.asked = 0
        self.tuning.awaiting = self._awaiting

    async def _awaiting(self, job: TrainingJob) -> dict[str, TuningSpec | None]:
        self.asked += 1
        return awaiting_forms(self.tags)

    async def _describe(self, name: str) -> TuningJob:
        found = next((tuning_job for tuning_job in [*self._tunings, *self.hidden] if tuning_job.name == name), None)
        if found is None:
            raise NotFound("Could not read it", "There is none.")
        return found


async def rows_of(services: Any) -> dict[str, Any]:
    book = JobBook(lambda: None)
    await book.refresh(services)
    return {row.key: row for row in book.rows(services)}


async def test_features_are_folded_under_their_tuning_job_with_their_cost(qapp: Any) -> None:
    done = features("Completed", instance_type="ml.m5.xlarge", billable_seconds=3600)
    services = Waiting([done, training("dogs-1")], [tuning()])
    rows = await rows_of(services)
    assert set(rows) == {"tuning:dogs-tuning", "job:dogs-1"}
    without = (await rows_of(Waiting([], [tuning()])))["tuning:dogs-tuning"].cost
    assert rows["tuning:dogs-tuning"].cost == pytest.approx(without + 0.23)
    # Features made for another tuning job are folded, too, and paid for there.
    other = features("Completed", environment={}, model_uri="s3://data/f/output/model.tar.gz")
    rows = await rows_of(Waiting([other], [tuning(features_uri=other.model_uri)]))
    assert set(rows) == {"tuning:dogs-tuning"}


async def test_after_a_restart_the_wait_is_found_again_in_the_account(qapp: Any) -> None:
    rows = await rows_of(Waiting([features("Completed")], []))
    row = rows["tuning:dogs-tuning"]
    assert isinstance(row, PendingRow) and row.trouble and row.form == FORM
    older = await rows_of(Waiting([features("Completed")], [], tuning()))
    assert older["tuning:dogs-tuning"].tuning is not None, "it is on an older page of the list"


async def test_a_second_tuning_job_that_waits_for_the_same_features_is_found_again(qapp: Any) -> None:
    second = replace(FORM, tuning_name="dogs-second")
    services = Waiting([features()], [])
    services.tags = awaiting_tags(second)
    book = JobBook(lambda: None)
    await book.refresh(services)
    book.put_features(features(), FeaturesProgress(136, 297, 5.0, NOW))
    rows: dict[str, Any] = {row.key: row for row in book.rows(services)}
    assert set(rows) == {"tuning:dogs-tuning", "tuning:dogs-second"}
    row = rows["tuning:dogs-second"]
    assert (row.form, row.state.word, row.cost) == (second, "Features 46 %", 0.0)
    assert rows["tuning:dogs-tuning"].cost, "features are paid for where they were asked for first"
    stop = StopTraining([row.job], book.awaited_by(row.job))
    assert "Not created then: dogs-second, dogs-tuning." in stop.confirmation().text
    services.hidden = (tuning("dogs-second"),)
    await book.refresh(services)
    assert {row.key for row in book.rows(services) if row.tuning} == {"tuning:dogs-second"}


async def test_who_waits_for_features_that_are_there_is_asked_once(qapp: Any) -> None:
    services = Waiting([features("Completed"), training("dogs-1")], [])
    book = JobBook(lambda: None)
    await book.refresh(services)
    await book.refresh(services)
    assert services.asked == 1


class Account(ModelServices):
    """Features that take until ``go``, then the tuning job; the log of the features' job is ``log``."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()
        self.progress: FeaturesProgress | None = None
        self.tunings: list[TuningJob] = []
        self.training.features_progress = self._features_progress
        self.training.log = self._no_log
        self.training.curve_reader = lambda found: CurveReader(found.metric_definitions)
        self.tuning = SimpleNamespace(
            list=self._list,
            describe=self._tuning,
            trials=self._trials,
            launch=self._launch,
            estimate=lambda *_: None,
            awaiting=self._awaiting,
        )

    async def _features_progress(self, name: str) -> FeaturesProgress | None:
        return self.progress

    async def _no_log(self, name: str, token: str | None = None, **_: Any) -> tuple[tuple[LogEvent, ...], str]:
        return (), "end"

    async def _list(self, **_: Any) -> TuningPage:
        return TuningPage(tuple(self.tunings), None)

    async def _tuning(self, name: str) -> TuningJob:
        found = next((tuning_job for tuning_job in self.tunings if tuning_job.name == name), None)
        if found is None:
            raise NotFound("Could not read it", "There is none.")
        return found

    async def _trials(self, found: TuningJob) -> tuple[Any, ...]:
        return ()

    async def _awaiting(self, found: TrainingJob) -> dict[str, TuningSpec | None]:
        return {}

    async def _launch(self, spec: TuningSpec, on_step: Callable[[Any], None]) -> str:
        self.done.append(("launch", spec))
        await self.go.wait()
        self.tunings = [tuning(status="Completed")]
        return spec.tuning_name


def opened(make_application: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, TrainingTab, Account]:
    monkeypatch.setattr(FeaturesFollower, "poll_seconds", 0.01)
    application = make_application([])
    application.show(connect=False)
    services = Account()
    enter(application, services)
    tab = TrainingTab(application.ctx)
    # The form is not what this is about: it asks for prices, quotas and data.
    for name in ("prewarm", "connect_account", "update_state"):
        monkeypatch.setattr(tab.form, name, lambda: None)
    monkeypatch.setattr(tab.form, "offer_parents", lambda _: None)
    monkeypatch.setattr(tab.form, "renew_name", lambda: None)
    tab.show()
    return application, tab, services


def row_of(tab: TrainingTab) -> Any:
    return tab.table.model.row_of("tuning:dogs-tuning")


async def test_a_launch_has_a_row_at_once_that_becomes_the_tuning_job(
    make_application: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    application, tab, services = opened(make_application, monkeypatch)
    tab.form.launchRequested.emit(FORM)
    await until(lambda: row_of(tab) is not None)
    assert row_of(tab).state == State("Starting", "run") and not services.job_rows
    assert not tab.detail.isVisibleTo(tab) and not tab.tuning.isVisibleTo(tab)
    await until(lambda: tab.waiting.isVisibleTo(tab))
    assert "a job on 1 × ml.m5.2xlarge computes the features" in said(tab.waiting)
    services.job_rows = [features()]
    services.progress = FeaturesProgress(136, 297, 5.0, NOW)
    tab.refresh()
    await until(lambda: isinstance(row_of(tab).state, State) and row_of(tab).state.word == "Features 46 %")
    assert row_of(tab).kind.startswith("Features 136 of 297")
    assert tab.table.current_row().key == "tuning:dogs-tuning"
    command = next(item for item in application.activity.running if item.title == "Launch dogs-tuning")
    await until(lambda: command.fraction == pytest.approx(136 / 297))
    services.job_rows = [features("Completed")]
    services.go.set()
    await until(lambda: row_of(tab).tuning is not None)
    assert [row.key for row in tab.table.model.rows()] == ["tuning:dogs-tuning"]
    await until(lambda: tab.tuning.isVisibleTo(tab))


async def test_features_that_nobody_waited_for_can_be_taken_up_again(
    make_application: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, tab, services = opened(make_application, monkeypatch)
    services.job_rows = [features("Completed")]
    tab.refresh()
    await until(lambda: row_of(tab) is not None)
    words = "The tuning job dogs-tuning was not created"
    await until(lambda: words in said(tab.detail))
    banner = saying(Banner, tab, words)
    next(button for button in banner.findChildren(Button) if button.text() == "Launch it again").click()
    await until(lambda: services.done)
    assert services.done == [("launch", FORM)]
    services.go.set()
    await until(lambda: row_of(tab).tuning is not None)


async def test_a_plain_job_shows_a_determinate_bar_before_its_first_epoch(make_application: Callable[..., Any]) -> None:
    services = Account()
    running = job("dogs-1", "InProgress", secondary_status="Training", started=NOW, final_metrics={}, model_uri="")
    services.job_rows = [running]
    gate = asyncio.Event()

    async def log(name: str, token: str | None = None, **_: Any) -> tuple[tuple[LogEvent, ...], str]:
        if token is None:
            return (LogEvent(NOW, "features: 136 of 297 pictures, 5.0 pictures/s"),), "more"
        await gate.wait()
        return (), "end"

    services.training.log = log
    application = make_application([])
    application.show(connect=False)
    enter(application, services)
    detail = JobDetail(application.ctx)
    detail.show_job(running)
    bar = detail.findChild(ProgressBar)
    await until(lambda: bar.isVisibleTo(detail))
    assert bar.fraction == pytest.approx(136 / 297)
    assert "features 136 of 297" in said(detail)
    detail.forget()


@pytest.mark.parametrize(
    ("listed", "found", "reads"),
    [
        (("InProgress", "Starting"), ("InProgress", "Training"), True),
        (("InProgress", "Training"), ("Completed", "Completed"), True),
        (("InProgress", "Training"), ("InProgress", "Training"), False),
        # A list need not say it.
        (("InProgress", ""), ("InProgress", "Training"), False),
    ],
)
async def test_the_list_is_read_again_when_the_job_that_is_followed_has_come_further(
    make_application: Callable[..., Any], listed: tuple[str, str], found: tuple[str, str], reads: bool
) -> None:
    services = Account()
    described = asyncio.Event()

    def running(status: str, phase: str) -> TrainingJob:
        return job("dogs-1", status, secondary_status=phase, started=NOW, final_metrics={}, model_uri="")

    async def describe(name: str) -> TrainingJob:
        described.set()
        return running(*found)

    services.training.describe = describe
    application = make_application([])
    application.show(connect=False)
    enter(application, services)
    told: list[tuple[str, str]] = []
    application.ctx.resourceChanged.connect(lambda kind, name: told.append((kind, name)))
    detail = JobDetail(application.ctx)
    detail.show_job(running(*listed))
    await described.wait()
    assert detail.job is not None and detail.job.secondary_status == found[1]
    assert told == ([("job", "dogs-1")] if reads else [])
    detail.forget()


async def test_what_runs_keeps_counting_while_nothing_else_changes(
    make_application: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, tab, services = opened(make_application, monkeypatch)
    running = job("dogs-1", "InProgress", started=NOW, instance_type="ml.m5.xlarge", instance_count=1, model_uri="")
    services.job_rows = [running]
    tab.activate()
    await until(lambda: tab.table.model.row_of("job:dogs-1") is not None)
    before = tab.table.model.row_of("job:dogs-1").cost
    [tick] = [timer for timer in tab.findChildren(QTimer) if timer.interval() == TICK_MS and not timer.isSingleShot()]
    assert tick.isActive()
    tick.timeout.emit()
    assert tab.table.model.row_of("job:dogs-1").cost > before
    tab.deactivate()
    assert not tick.isActive()
