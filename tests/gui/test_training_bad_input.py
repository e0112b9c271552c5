"""Jobs that cannot be: one that hangs is stopped at its time limit, one whose name is taken is not launched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from console.tabs.training.follow import JobFollower
from console.tabs.training.form import LaunchForm
from console.tabs.training.rows import limit_words
from tests.helpers.models import ModelServices, enter, job
from tests.helpers.window import until
from workers.tuning_costs import estimate

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
