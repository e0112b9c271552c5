"""Stand-in services with endpoints and jobs, for the tests of the Endpoints and Predict tabs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from tests.helpers.window import SANDBOX, FakeServices
from workers.endpoints.update import EndpointUpdate, UpdateSpec
from workers.errors.tree import NotFound
from workers.parking.memory import Kept, Memory
from workers.parking.types import Parked, ParkPlan
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

if TYPE_CHECKING:
    pass

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
            list=self._endpoints,
            describe=self._describe,
            deploy=self._deploy,
            update=self._update,
            alarms=self._alarms,
            tidy=self._tidy,
            deletion_plan=self._plan,
            delete=self._delete,
            log=self._log,
            metrics=self._metrics,
        )
        self.parked_rows: list[Parked] = []
        self.parking_error: Exception | None = None
        self.parking = SimpleNamespace(
            list=self._parked, plan=self._park_plan, park=self._park, resume=self._resume, finish=self._finish,
            forget_plan=self._forget_plan, forget=self._forget,
        )  # fmt: skip
        self.finished = True
        self.training = SimpleNamespace(
            jobs=self._jobs, complete=self._complete, list=self._page, describe=self._job, report=self._report
        )
        self.inference = SimpleNamespace(predict=self._predict)

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

    async def _alarms(self, found: Endpoint) -> tuple[str, ...]:
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

    async def _resume(self, found: Parked) -> str:
        self.done.append(("resume", found.name))
        if all(row.name != found.name for row in self.endpoint_rows):
            self.endpoint_rows.append(endpoint(found.name, "InService" if self.finished else "Creating"))
        return found.name

    async def _finish(self, found: Parked) -> bool:
        if self.finished:
            self.done.append(("finish", found.name))
            self.parked_rows = [row for row in self.parked_rows if row.name != found.name]
        return self.finished

    async def _forget_plan(self, found: Parked) -> DeletionPlan:
        return DeletionPlan(found.name, (("memory", f"of {found.name}", ""), ("model", "m", "")), (), (), None)

    async def _forget(self, found: Parked, plan: DeletionPlan) -> DeletionResult:
        self.done.append(("forget", found.name))
        self.parked_rows = [row for row in self.parked_rows if row.name != found.name]
        return DeletionResult(((("memory"), found.name),))

    async def _log(self, name: str, token: str | None = None, *, from_end: bool = False) -> tuple[list[LogEvent], str]:
        lines = [] if token else self.lines.get(name, [])
        return [LogEvent(NOW, line, "AllTraffic/i-1") for line in lines], "end"

    async def _metrics(self, name: str) -> EndpointMetrics:
        return self.figures.get(name, EndpointMetrics((), (), 0.0, None))

    async def _page(self, *, status: str | None = None, size: int = 100, **_: Any) -> JobPage:
        return JobPage(tuple(row for row in self.job_rows if status in (None, row.status)), None)

    async def _job(self, name: str) -> TrainingJob:
        return next(row for row in self.job_rows if row.name == name)

    async def _report(self, found: TrainingJob) -> JobReport:
        if found.name not in self.reports:
            raise NotFound("Could not read the report", "There is none.")
        return self.reports[found.name]

    async def _predict(self, name: str, data: bytes) -> Prediction:
        self.asked += 1
        # So long a model of these tests takes.
        await asyncio.sleep(self.predict_seconds)
        labels, probabilities = self.answers[name](data)
        raw = json.dumps({"labels": labels, "probabilities": probabilities, "classes": CLASSES})
        return Prediction(labels, probabilities, latency_ms=20.0 + self.asked % 7, raw=raw)


def enter(application: Any, services: ModelServices) -> None:
    """Put the services in force, as a finished connection does."""
    application.connection.state = "ready"
    application.ctx.enter(services.backend, services, services.who)
    application.connection.changed.emit()
