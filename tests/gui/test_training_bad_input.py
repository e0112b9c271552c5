"""Jobs that cannot be: one that hangs is stopped at its time limit, one whose name is taken is not launched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from console.tabs.training.detail import JobDetail
from console.tabs.training.follow import JobFollower
from console.tabs.training.form.form import LaunchForm
from console.tabs.training.rows import limit_words
from console.tabs.training.tuning import detail as tuning_detail
from console.widgets.frames.banner import Banner
from tests.helpers.models import ModelServices, enter, job
from tests.helpers.training_tab import said, shown, tuning
from tests.helpers.window import until
from workers.training.curves import CurveReader
from workers.training.failures import Failure, explain
from workers.tuning.costs import estimate
from workers.tuning.types import Trial, TuningJob
from workers.types import LogEvent, TrainingJob

HANGING = job("hangs", "Stopped", secondary_status="MaxRuntimeExceeded", max_runtime_seconds=3600)


def test_only_a_limit_is_called_a_limit() -> None:
    assert limit_words(HANGING) == "stopped at its time limit of 1 h 00 min"
    assert limit_words(replace(HANGING, secondary_status="Stopped")) == ""
    assert limit_words(job("done")) == ""


async def test_the_limit_is_told_wherever_one_is(make_application: Callable[..., Any], monkeypatch: Any) -> None:
    monkeypatch.setattr(JobFollower, "poll_seconds", 0.01)
    services = ModelServices()
    services.job_rows = [HANGING]
    application = make_application([])
    application.show(connect=False)
    enter(application, services)
    follower = JobFollower(application.ctx, lambda: False)
    follower.follow(replace(HANGING, status="InProgress", secondary_status="Training"))
    await until(lambda: application.notify.notices)
    assert application.notify.notices[-1].title == "hangs was stopped at its time limit of 1 h 00 min"
    assert application.activity.history[0].text == "stopped at its time limit of 1 h 00 min"


async def test_a_taken_name_is_said_at_its_field_and_not_launched(make_application: Callable[..., Any]) -> None:
    services = ModelServices()

    async def check_name(name: str) -> str | None:
        return "A job with this name exists already." if name == "dogs-1" else None

    async def pictures(uri: str) -> int:
        return 100

    services.training.check_name = check_name
    services.tuning = SimpleNamespace(  # type: ignore[attr-defined]
        check_name=check_name,
        pictures=pictures,
        estimate=lambda spec, prices, found: estimate(spec, prices, services.region, found),
    )
    application = make_application([])
    application.show(connect=False)
    enter(application, services)
    form = LaunchForm(application.ctx)
    form.offer_data(["s3://bucket/dogs"])
    form.modes.set_current("single")
    await until(form.launch_button.isEnabled)
    form.form.set_values({"name": "dogs-1"})
    form.form.row("name").field.edited.emit()
    await until(lambda: not form.launch_button.isEnabled())
    form.form.set_values({"name": "dogs-2"})
    form.form.row("name").field.edited.emit()
    await until(form.launch_button.isEnabled)


async def test_a_loss_that_is_not_a_number_is_told_with_its_step(make_application: Callable[..., Any]) -> None:
    step = "The loss became nan at step 12 (epoch 2, batch 3 of 9)."
    failed = job("nan", "Failed", failure_reason=f"AlgorithmError: settings.TrainingFailed: {step} exit code: 1")
    services = ModelServices()
    services.job_rows = [failed]

    async def log(name: str, token: str | None = None) -> tuple[tuple[LogEvent, ...], str]:
        return (), "end"

    async def failure(found: TrainingJob) -> Failure:
        return explain(found.failure_reason)

    services.training.log, services.training.failure = log, failure
    services.training.curve_reader = lambda found: CurveReader(found.metric_definitions)
    application = make_application([])
    application.show(connect=False)
    enter(application, services)
    detail = JobDetail(application.ctx)
    detail.show_job(failed)
    banner = detail.findChild(Banner)
    await until(lambda: not banner.isHidden())
    assert step in said(banner)


async def test_an_objective_that_no_line_matches_is_told_while_the_trials_run(
    make_application: Callable[..., Any], monkeypatch: Any
) -> None:
    monkeypatch.setattr(tuning_detail, "POLL_SECONDS", 0.01)
    running = tuning(status="InProgress")
    told: list[str | None] = ["No line of t-001 matches the objective accuracy.\nepoch 2 acc=0.5"]

    async def describe(name: str) -> TuningJob:
        return running

    async def trials(found: TuningJob) -> tuple[Trial, ...]:
        return ()

    async def curves(found: TuningJob, given: tuple[Trial, ...]) -> dict[str, Any]:
        return {}

    async def unseen(found: TuningJob, given: tuple[Trial, ...]) -> str | None:
        return told[0]

    services = ModelServices()
    services.tuning = SimpleNamespace(describe=describe, trials=trials, curves=curves, unseen_objective=unseen)  # type: ignore[attr-defined]
    application = make_application([])
    application.show(connect=False)
    enter(application, services)
    view = tuning_detail.TuningDetail(application.ctx, lambda found, given: None)
    view.show_job(running, ())
    banner = view.findChild(Banner)
    await until(lambda: not banner.isHidden())
    assert "objective has not been seen" in said(banner) and "epoch 2 acc=0.5" in said(banner)
    told[0] = None
    await until(banner.isHidden)
    view.forget()


@pytest.mark.parametrize(
    ("mode", "values", "row", "words"),
    [
        ("single", {"rate": 0.0}, "rate", "Between 0 and 10"),
        ("single", {"rate": float("nan")}, "rate", "Not a number"),
        ("single", {"extra": "weight_decay"}, "extra", "not name=value"),
        ("single", {"extra": "seed=1, seed=2"}, "extra", "there twice"),
        ("single", {"extra": "weight_decy=0.1"}, "extra", "Did you mean weight_decay?"),
        ("tuning", {"extra": "momentum_of_things=1"}, "extra", "no argument momentum_of_things"),
        ("single", {"tags": "aws:mine=1"}, "tags", "belong to AWS"),
        ("hosts", {"count": 0}, "count", "a single job"),
        ("hosts", {"name": "with space"}, "name", "not a space"),
    ],
)
async def test_what_one_job_cannot_be_launched_with_is_said_at_its_field(
    make_application: Callable[..., Any], mode: str, values: dict[str, Any], row: str, words: str
) -> None:
    form = await shown(make_application, mode)
    form.form.set_values(values)
    assert words in form.form.row(row).hint_text
    assert form.spec() is None and not form.launch_button.isEnabled()
