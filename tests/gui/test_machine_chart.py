"""What a job's hosts and an endpoint's instances use, drawn where they are looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from console.tabs.endpoints.detail import EndpointPanel
from console.tabs.training.detail import JobDetail
from console.widgets.charts.machine_chart import MachineChart, machine_series
from tests.helpers import full_account as full
from tests.helpers.scenes import stage_of
from tests.helpers.waiting import until
from workers.aws.machine_use import MachineUse
from workers.errors.tree import AccessDenied
from workers.types import TrainingJob

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def test_processors_are_a_share_of_the_cores_where_they_are_known(qtbot: Any) -> None:
    use = MachineUse(((NOW, 150.0),), ((NOW, 40.0),))
    assert {series.name: series.ys[-1] for series in machine_series(use, 2)} == {"CPU": 75.0, "memory": 40.0}
    assert {series.name: series.ys[-1] for series in machine_series(use, 0)}["CPU"] == 150.0
    chart = MachineChart()
    qtbot.addWidget(chart)
    chart.set_use(use, "none", 2)
    assert "its 2 cores" in chart.toolTip()


def test_no_entry_of_the_legend_is_cut_where_there_is_little_room(qtbot: Any) -> None:
    chart = MachineChart()
    qtbot.addWidget(chart)
    chart.set_use(MachineUse(((NOW, 12.0),), ((NOW, 5.0),), ((NOW, 0.0),)), "none", 1)
    chart.resize(600, 140)
    needed = chart.legend()[-1][1]
    chart.resize(int(needed) - 12, 140)
    assert [series.name for _, _, series, _ in chart.legend()] == ["CPU", "memory", "disk"]
    assert chart.legend()[-1][1] <= chart.width()


async def test_job_and_endpoint_show_their_machines(make_application: Callable[..., Any], tmp_path: Path) -> None:
    stage = await stage_of(make_application, tmp_path)
    await stage.show("job")
    detail: JobDetail = stage.tab("training").detail
    await until(lambda: set(detail.machine.shown) == {"disk", "memory", "CPU"})
    assert detail.machine.shown["CPU"] < 100
    await stage.show("endpoints")
    panel = stage.window.findChild(EndpointPanel)
    await until(lambda: len(panel.machine.shown) == 3)
    stage.close()


async def test_why_there_are_no_figures_is_said(make_application: Callable[..., Any], tmp_path: Path) -> None:
    stage = await stage_of(make_application, tmp_path)
    stage.services.use = MachineUse()
    await stage.show("job")
    detail: JobDetail = stage.tab("training").detail
    await until(lambda: detail.machine.said == "CloudWatch has no figures of this job")

    async def refused(job: TrainingJob) -> MachineUse:
        raise AccessDenied("You may not read metrics", "no")

    stage.services.machines.job = refused
    job = next(job for job in full.jobs() if job.name == full.JOB)
    await detail.read_machine(stage.services, job)
    assert detail.machine.said == "You may not read metrics"
    elsewhere = replace(job, name="elsewhere", place="ec2", created=NOW - timedelta(days=1))
    detail.show_job(elsewhere)
    assert detail.machine.said == "Its instance's figures stand in EC2"
    stage.close()
