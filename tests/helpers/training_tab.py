"""The Training tab and its form, with an account of jobs that answers at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from PySide6.QtWidgets import QLabel, QPlainTextEdit

from console.tabs.training.form.form import LaunchForm
from console.widgets.frames.banner import Banner
from tests.helpers.compute import FakeCompute
from tests.helpers.like import like
from tests.helpers.window import connect
from workers.prices.table import PriceTable
from workers.training.jobs import Training
from workers.tuning.answers import leaderboard
from workers.tuning.costs import estimate
from workers.tuning.jobs import Tuning
from workers.tuning.types import CategoricalRange, ContinuousRange, Trial, TuningJob, TuningPage
from workers.types import JobPage, TrainingJob

DATA = "s3://dogs-1/breeds"


async def shown(make_application: Callable[..., Any], mode: str = "tuning") -> LaunchForm:
    application = make_application()
    services = await connect(application)

    async def pictures(data_uri: str) -> int:
        return 8351

    async def check_name(name: str) -> str | None:
        return None

    services.tuning = SimpleNamespace(  # type: ignore[attr-defined]
        pictures=like(Tuning.pictures)(pictures),
        check_name=like(Tuning.check_name)(check_name),
        estimate=like(Tuning.estimate)(
            lambda spec, prices, pictures: estimate(spec, prices, services.region, pictures)
        ),
    )
    services.training.check_name = like(Training.check_name)(check_name)
    form = LaunchForm(application.ctx)
    form.offer_data([DATA])
    form.modes.set_current(mode)
    return form


NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)

RANGES = (ContinuousRange("learning_rate", 1e-4, 1e-1, "Logarithmic"), CategoricalRange("batch_size", ("32", "64")))


def trial(number: int, objective: float | None, rate: str, batch: str, status: str = "Completed") -> Trial:
    return Trial(
        f"dogs-tuning-{number:03}-0123abcd",
        status,  # type: ignore[arg-type]
        NOW + timedelta(minutes=number),
        started=NOW + timedelta(minutes=number),
        ended=None if status == "InProgress" else NOW + timedelta(minutes=number, hours=1),
        hyperparameters={"learning_rate": rate, "batch_size": batch},
        objective=objective,
    )


def tuning(name: str = "dogs-tuning", status: str = "Completed", **more: Any) -> TuningJob:
    values: dict[str, Any] = {
        "ranges": RANGES,
        "objective_metric": "valid:accuracy",
        "max_jobs": 4,
        "max_parallel": 2,
        "instance_type": "ml.m5.2xlarge",
        "instance_count": 1,
        "strategy": "Bayesian",
        **more,
    }
    return TuningJob(name, status, NOW, **values)  # type: ignore[arg-type]


def training(name: str, minutes: int = 0, **more: Any) -> TrainingJob:
    values: dict[str, Any] = {"instance_type": "ml.m5.xlarge", "instance_count": 1, "billable_seconds": 3600, **more}
    return TrainingJob(name, "Completed", NOW + timedelta(minutes=minutes), **values)


TRIALS = (
    trial(1, 0.8, "0.001", "32"),
    trial(2, 0.9, "0.01", "64"),
    trial(3, 0.5, "0.1", "32", "Stopped"),
)


class FakeAccount:
    """Many jobs, listed in pages of ``page`` by name search and token as AWS lists them."""

    def __init__(self, jobs: list[TrainingJob], tunings: list[TuningJob], page: int) -> None:
        self.region = "us-east-1"
        self.prices = PriceTable.load()
        self._jobs, self._tunings, self._page = jobs, tunings, page
        self.searches: list[str] = []
        self.compute = FakeCompute()
        self.training = SimpleNamespace(
            list=like(Training.list)(self._list_jobs), complete=like(Training.complete)(self._complete)
        )
        self.tuning = SimpleNamespace(
            list=like(Tuning.list)(self._list_tunings),
            describe=like(Tuning.describe)(self._describe),
            trials=like(Tuning.trials)(self._trials),
        )

    def _slice(self, every: list[Any], search: str, token: str | None) -> tuple[tuple[Any, ...], str | None]:
        found = [row for row in every if search.lower() in row.name.lower()]
        at = int(token or 0)
        end = at + self._page
        return tuple(found[at:end]), str(end) if end < len(found) else None

    async def _list_jobs(
        self, *, search: str = "", status: str | None = None, token: str | None = None, size: int = 0
    ) -> JobPage:
        self.searches.append(search)
        return JobPage(*self._slice(self._jobs, search, token))

    async def _list_tunings(
        self, *, search: str = "", status: str | None = None, token: str | None = None, size: int = 0
    ) -> TuningPage:
        jobs, token = self._slice(self._tunings, search, token)
        # The list knows neither ranges nor instances.
        return TuningPage(tuple(replace(job, ranges=(), instance_type="", instance_count=0) for job in jobs), token)

    async def _complete(self, jobs: Iterable[TrainingJob]) -> tuple[TrainingJob, ...]:
        return tuple(jobs)

    async def _describe(self, name: str) -> TuningJob:
        return next(job for job in self._tunings if job.name == name)

    async def _trials(self, job: TuningJob | str) -> tuple[Trial, ...]:
        assert isinstance(job, TuningJob)
        return leaderboard(job, TRIALS) if job.name == "dogs-tuning" else ()


def said(banner: Banner) -> str:
    details = [box.toPlainText() for box in banner.findChildren(QPlainTextEdit)]
    return " ".join([text.text() for text in banner.findChildren(QLabel)] + details)
