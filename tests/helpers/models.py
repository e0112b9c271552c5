"""Stand-in services with endpoints and jobs, for the tests of the Endpoints and Predict tabs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, TypeVar

from tests.helpers.evaluation import FakeEvaluations
from tests.helpers.like import like
from tests.helpers.window import SANDBOX, FakeServices
from workers.endpoints.service import Endpoints
from workers.endpoints.update import EndpointUpdate, UpdateSpec
from workers.errors.tree import NotFound
from workers.inference.invoke import Inference
from workers.parking.memory import Kept, Memory
from workers.parking.service import Parking
from workers.parking.types import Parked, ParkPlan
from workers.training.jobs import Training
from workers.types import (
    Backend,
    DeletionPlan,
    DeletionResult,
    DeploySpec,
    Endpoint,
    EndpointMetrics,
    JobPage,
    JobReport,
    LogEvent,
    Prediction,
    TrainingJob,
)

NOW = datetime.now(UTC)
CLASSES = ("004.Akita", "010.Pug", "031.Husky")
Answers = Callable[[bytes], tuple[tuple[str, ...], tuple[float, ...]]]


def endpoint(name: str, status: str = "InService", **facts: Any) -> Endpoint:
    """An endpoint of one ``ml.m5.large`` that came up an hour ago."""
    given: dict[str, Any] = {
        "created": NOW - timedelta(hours=1),
        "arn": f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{name}",
        "config_name": f"{name}-config",
        "model_names": (f"{name}-model",),
        "instance_type": "ml.m5.large",
        "instance_count": 1,
        "desired_count": 1,
    }
    return Endpoint(name, status, **(given | facts))


def job(name: str, status: Any = "Completed", **facts: Any) -> TrainingJob:
    """A job that ended a minute ago, with a model."""
    given = {"model_uri": f"s3://bucket/{name}/output/model.tar.gz", "final_metrics": {"valid:accuracy": 0.87}}
    return TrainingJob(name, status, NOW - timedelta(hours=1), NOW - timedelta(minutes=1), **(given | facts))


def memory(name: str, **facts: Any) -> Memory:
    """What is remembered of an endpoint of one ``ml.m5.large`` that scaled from 1 to 5."""
    resource = {
        "ResourceId": f"endpoint/{name}/variant/AllTraffic",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    tracking = {"TargetValue": 70.0}
    given: dict[str, Any] = {
        "variants": (Kept("AllTraffic", "ml.m5.large", 1, 1.0),),
        "models": (f"{name}-model",),
        "job": f"{name}-job",
        "tags": {"team": "kennel"},
        "targets": ({**resource, "MinCapacity": 1, "MaxCapacity": 5},),
        "policies": ({**resource, "PolicyName": "tracks", "TargetTrackingScalingPolicyConfiguration": tracking},),
        "schedules": ({**resource, "ScheduledActionName": "nights", "Schedule": "cron(0 22 * * ? *)"},),
    }
    at = round(NOW.timestamp() * 1000)
    return Memory(name, f"{name}-config", at - 86_400_000, at - 3_600_000, **(given | facts))


def parked(name: str, state: Any = "parked", problem: str = "", **facts: Any) -> Parked:
    """A parked endpoint; with a ``problem`` its memory cannot be read."""
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:endpoint-config/{name}-config"
    return Parked(name, f"{name}-config", arn, state, None if problem else memory(name, **facts), problem)


class ModelServices(FakeServices):
    """Endpoints that answer with what ``answers[name](bytes)`` gives; everything done to them is in ``done``."""

    def __init__(self, backend: Backend = SANDBOX) -> None:
        super().__init__(backend)
        self.done: list[tuple[str, Any]] = []
        self.answers: dict[str, Answers] = {}
        self.figures: dict[str, EndpointMetrics] = {}
        self.lines: dict[str, list[str]] = {}
        self.reports: dict[str, JobReport] = {}
        self.list_error: Exception | None = None
        self.list_gate: asyncio.Event | None = None
        self.predict_seconds = 0.0
        self.asked = 0
        self.endpoints = SimpleNamespace(
            list=like(Endpoints.list)(self._endpoints),
            describe=like(Endpoints.describe)(self._describe),
            deploy=like(Endpoints.deploy)(self._deploy),
            update=like(Endpoints.update)(self._update),
            alarms=like(Endpoints.alarms)(self._alarms),
            tidy=like(Endpoints.tidy)(self._tidy),
            deletion_plan=like(Endpoints.deletion_plan)(self._plan),
            delete=like(Endpoints.delete)(self._delete),
            log=like(Endpoints.log)(self._log),
            metrics=like(Endpoints.metrics)(self._metrics),
        )
        self.parked_rows: list[Parked] = []
        self.parking_error: Exception | None = None
        self.parking = SimpleNamespace(
            list=like(Parking.list)(self._parked),
            plan=like(Parking.plan)(self._park_plan),
            park=like(Parking.park)(self._park),
            resume=like(Parking.resume)(self._resume),
            finish=like(Parking.finish)(self._finish),
            forget_plan=like(Parking.forget_plan)(self._forget_plan),
            forget=like(Parking.forget)(self._forget),
        )
        self.finished = True
        self.training = SimpleNamespace(
            jobs=like(Training.jobs)(self._jobs),
            complete=like(Training.complete)(self._complete),
            list=like(Training.list)(self._page),
            describe=like(Training.describe)(self._job),
            report=like(Training.report)(self._report),
        )
        self.inference = SimpleNamespace(predict=like(Inference.predict)(self._predict))
        self.evaluations = FakeEvaluations()

    async def _endpoints(self, *, details: bool = True) -> tuple[Endpoint, ...]:
        if self.list_gate is not None:
            await self.list_gate.wait()
        if self.list_error is not None:
            raise self.list_error
        return tuple(self.endpoint_rows)

    async def _describe(self, name: str) -> Endpoint:
        found = next((row for row in self.endpoint_rows if row.name == name), None)
        if found is None:
            raise NotFound(f"Could not read {name}", "It does not exist.")
        return found

    async def _deploy(self, spec: DeploySpec) -> str:
        self.done.append(("deploy", spec))
        self.endpoint_rows.append(endpoint(spec.endpoint_name, "Creating", job_name=spec.job_name))
        return spec.endpoint_name

    async def _update(self, spec: UpdateSpec) -> EndpointUpdate:
        before = await self._describe(spec.endpoint_name)
        self.done.append(("update", spec))
        at = self.endpoint_rows.index(before)
        self.endpoint_rows[at] = replace(before, status="Updating")
        name = f"{spec.endpoint_name}-config-2"
        return EndpointUpdate(spec.endpoint_name, name, before.config_name, (name,) if spec.job_name else ())

    async def _alarms(self, endpoint: Endpoint) -> tuple[str, ...]:
        return ("too-slow",)

    async def _tidy(self, update: EndpointUpdate) -> None:
        self.done.append(("tidy", update.old_config))

    async def _plan(self, name: str) -> DeletionPlan:
        await self._describe(name)
        return DeletionPlan(
            name,
            also_deleted=(("config", f"{name}-config", "used by nothing else"), ("model", f"{name}-model", "")),
            kept=(("log", f"/aws/sagemaker/Endpoints/{name}", "costs next to nothing"),),
            stops_working=(("function", "classify", "asks this endpoint"),),
            saves_per_hour=0.115,
        )

    async def _delete(self, plan: DeletionPlan) -> DeletionResult:
        self.done.append(("delete", plan.target))
        self.endpoint_rows = [row for row in self.endpoint_rows if row.name != plan.target]
        deleted = [("endpoint", plan.target), *((kind, name) for kind, name, _ in plan.also_deleted)]
        return DeletionResult(tuple(deleted), (), ())

    async def _parked(self, endpoints: Iterable[Endpoint]) -> tuple[Parked, ...]:
        if self.parking_error is not None:
            raise self.parking_error
        return tuple(self.parked_rows)

    async def _park_plan(self, name: str) -> ParkPlan:
        found, plan = await self._describe(name), await self._plan(name)
        goes = (("scalable target", f"endpoint/{name}/variant/AllTraffic", "remembered"),)
        kept = (("endpoint configuration", found.config_name, "the memory is in its tags"),)
        return ParkPlan(found, memory(name), goes, kept, plan.stops_working, plan.saves_per_hour, ())

    async def _park(self, plan: ParkPlan) -> Parked:
        name = plan.endpoint.name
        self.done.append(("park", name))
        self.endpoint_rows = [row for row in self.endpoint_rows if row.name != name]
        self.parked_rows.append(parked(name))
        return self.parked_rows[-1]

    async def _resume(self, parked: Parked) -> str:
        self.done.append(("resume", parked.name))
        if all(row.name != parked.name for row in self.endpoint_rows):
            self.endpoint_rows.append(endpoint(parked.name, "InService" if self.finished else "Creating"))
        return parked.name

    async def _finish(self, parked: Parked) -> bool:
        if self.finished:
            self.done.append(("finish", parked.name))
            self.parked_rows = [row for row in self.parked_rows if row.name != parked.name]
        return self.finished

    async def _forget_plan(self, parked: Parked) -> DeletionPlan:
        return DeletionPlan(parked.name, (("memory", f"of {parked.name}", ""), ("model", "m", "")), (), (), None)

    async def _forget(self, parked: Parked, plan: DeletionPlan) -> DeletionResult:
        self.done.append(("forget", parked.name))
        self.parked_rows = [row for row in self.parked_rows if row.name != parked.name]
        return DeletionResult(((("memory"), parked.name),))

    async def _log(
        self, name: str, token: str | None = None, *, from_end: bool = False
    ) -> tuple[tuple[LogEvent, ...], str]:
        lines = [] if token else self.lines.get(name, [])
        return tuple(LogEvent(NOW, line, "AllTraffic/i-1") for line in lines), "end"

    async def _metrics(self, name: str, variant: str = "AllTraffic") -> EndpointMetrics:
        return self.figures.get(name, EndpointMetrics((), (), 0.0, None))

    async def _page(self, *, status: str | None = None, size: int = 100, **_: Any) -> JobPage:
        return JobPage(tuple(row for row in self.job_rows if status in (None, row.status)), None)

    async def _job(self, name: str) -> TrainingJob:
        return next(row for row in self.job_rows if row.name == name)

    async def _report(self, job: TrainingJob) -> JobReport:
        if job.name not in self.reports:
            raise NotFound("Could not read the report", "There is none.")
        return self.reports[job.name]

    async def _predict(self, target: str, data: bytes, content_type: str | None = None) -> Prediction:
        self.asked += 1
        # So long a model of these tests takes.
        await asyncio.sleep(self.predict_seconds)
        labels, probabilities = self.answers[target](data)
        raw = json.dumps({"labels": labels, "probabilities": probabilities, "classes": CLASSES})
        return Prediction(labels, probabilities, latency_ms=20.0 + self.asked % 7, raw=raw)


T = TypeVar("T")


def tab_alone(
    make_application: Callable[..., Any], spec: Any, kind: type[T], services: ModelServices | None = None
) -> tuple[Any, T]:
    """The window with this tab alone, over ``services`` (None: not connected)."""
    application = make_application([spec])
    application.window.resize(1440, 900)
    application.show(connect=False)
    tab = application.window.pages.tab(spec.id)
    assert isinstance(tab, kind)
    if services is not None:
        enter(application, services)
    return application, tab


def enter(application: Any, services: ModelServices) -> None:
    """Put the services in force, as a finished connection does."""
    application.connection.state = "ready"
    application.ctx.enter(services.backend, services, services.who)
    application.connection.changed.emit()
