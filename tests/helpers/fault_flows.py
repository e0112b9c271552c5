"""Flows of the workers through a fault proxy, and what must be true of the account after each of them.

A run ends finished, or stopped with a ``SageDeckError``; whatever the account has then that it did not have before is
the flow's result, or is in the error's ``left``, and what can bill is in the lists that the window shows.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.fault_proxy import FaultProxy
from tests.helpers.sagemaker_jobs import BUCKET, Account
from tests.helpers.sandbox import SandboxProcess
from workers import deadlines
from workers.aws import creating
from workers.aws.session import AwsSession
from workers.endpoints.update import UpdateSpec
from workers.errors.tree import SageDeckError
from workers.functions.types import FunctionSpec
from workers.launcher.client import Launcher
from workers.launcher.request import Launched, LaunchRequest
from workers.services import Services
from workers.training import request as training_request
from workers.tuning.types import ContinuousRange, TuningSpec
from workers.types import Backend, DeploySpec, TrainingSpec

INFERENCE = """
def model_fn(model_dir): return None
def input_fn(body, content_type): return body
def predict_fn(data, model): return data
def output_fn(prediction, accept): return prediction
"""
SCRIPT = f"""
import os
os.makedirs("/opt/ml/model/code", exist_ok=True)
open("/opt/ml/model/code/inference.py", "w").write({INFERENCE!r})
"""
JOB = "source-1"
# A stopped job bills nothing, and is on the screen.
OVER = ("Completed", "Failed", "Stopped", "Stopping", "Deleting")

ENDLESS = ("delay", "trickle")

Things = frozenset[tuple[str, str]]


@cache
def functions_of(sandbox: SandboxProcess) -> Any:
    """The client for Lambda; making one takes its time."""
    return sandbox.client("lambda")


def things(account: Account) -> Things:
    """What the account has, as ``(kind, name)``, asked for without the proxy."""
    sagemaker, functions = account.sagemaker, functions_of(account.sandbox)
    pages: list[tuple[str, Any, str, str, str, str]] = [
        ("endpoint", sagemaker, "list_endpoints", "Endpoints", "EndpointName", "EndpointStatus"),
        ("model", sagemaker, "list_models", "Models", "ModelName", ""),
        ("endpoint configuration", sagemaker, "list_endpoint_configs", "EndpointConfigs", "EndpointConfigName", ""),
        (
            "training job", sagemaker, "list_training_jobs", "TrainingJobSummaries", "TrainingJobName",
            "TrainingJobStatus",
        ),
        (
            "tuning job", sagemaker, "list_hyper_parameter_tuning_jobs", "HyperParameterTuningJobSummaries",
            "HyperParameterTuningJobName", "HyperParameterTuningJobStatus",
        ),
        ("function", functions, "list_functions", "Functions", "FunctionName", ""),
        ("role", account.iam, "list_roles", "Roles", "RoleName", ""),
        ("log group", account.logs, "describe_log_groups", "logGroups", "logGroupName", ""),
    ]  # fmt: skip
    found = {("bucket", bucket["Name"]) for bucket in account.s3.list_buckets()["Buckets"]}
    # Also those that ended since their training jobs were listed.
    tunings: tuple[str, ...] = ()
    for kind, client, operation, key, name, status in pages:
        for page in client.get_paginator(operation).paginate():
            found |= {(kind, entry[name]) for entry in page[key] if not status or entry[status] not in OVER}
            tunings += tuple(f"{entry[name]}-0" for entry in page[key] if kind == "tuning job")
    return frozenset(
        (kind, name)
        for kind, name in found
        # Written by the jobs and endpoints themselves; the jobs of a tuning job are its own.
        if not name.startswith("/aws/sagemaker/") and not (kind == "training job" and name.startswith(tunings))
    )


class DirectLauncher(Launcher):
    """Creates jobs by one call of the session instead of the SDK in a process: quick, and through the same proxy."""

    def __init__(self, backend: Backend, account: Account) -> None:
        super().__init__(backend)
        self._session, self._account = AwsSession(backend), account

    def close(self) -> None:
        """Nothing is called any more."""
        self._session.close()
        super().close()

    async def launch(self, request: LaunchRequest) -> Launched:
        """CreateTrainingJob, or CreateHyperParameterTuningJob of it."""
        tags = [{"Key": key, "Value": value} for key, value in request.tags.items()]
        made = self._account.request(request.job_name, SCRIPT, RoleArn=request.role_arn)
        if request.tuning is None:
            await self._session.call("sagemaker", "create_training_job", Tags=tags, **made)
            return Launched(request.job_name, "")
        made.pop("TrainingJobName")
        made["StaticHyperParameters"] = made.pop("HyperParameters")
        limits = {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1}
        ranges = {"ContinuousParameterRanges": [{"Name": "learning-rate", "MinValue": "0.001", "MaxValue": "0.1"}]}
        made["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "a", "Regex": "a=(.*)"}]
        await self._session.call(
            "sagemaker",
            "create_hyper_parameter_tuning_job",
            HyperParameterTuningJobName=request.job_name,
            HyperParameterTuningJobConfig={
                "Strategy": "Random",
                "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "a"},
                "ResourceLimits": limits,
                "ParameterRanges": ranges,
            },
            TrainingJobDefinition=made,
            Tags=tags,
        )
        return Launched(request.job_name, "")


@dataclass
class Run:
    """How one run of a flow ended."""

    flow: str
    fault: str
    error: SageDeckError | None = None
    raised: BaseException | None = None
    struck: list[str] = field(default_factory=list)
    unreported: Things = frozenset()
    unseen: Things = frozenset()

    @property
    def end(self) -> str:
        """``finished``, ``stopped``, or what must not be."""
        if self.unreported or self.unseen:
            return "left behind"
        if self.raised is not None:
            return "crashed"
        return "finished" if self.error is None else "stopped"

    def __str__(self) -> str:
        return (
            f"{self.flow} / {self.fault} on {self.struck}: {self.end}"
            f" {sorted(self.unreported)} {sorted(self.unseen)} {self.raised or self.error or ''}"
        )


Step = Callable[["Bench"], Awaitable[Things]]


class Bench:
    """A sandbox with a job to deploy, a proxy before it, and the workers behind the proxy."""

    def __init__(self, account: Account, proxy: FaultProxy, launcher: str = "") -> None:
        self.account, self.proxy = account, proxy
        ready = account.sandbox.ready
        keys = (ready["access_key_id"], ready["secret_access_key"])
        self.backend = Backend("sandbox", "Sandbox", ready["region"], None, proxy.url, *keys)
        self.direct = Backend("sandbox", "Sandbox", ready["region"], None, account.sandbox.url, *keys)
        self._launcher_module = launcher
        self._numbers = itertools.count(1)
        self.name = ""
        self.requests: list[str] = []
        self.told: Things = frozenset()

    async def start(self) -> None:
        """What the flows need: a job with a model, an endpoint that is there all the time."""
        launcher = (
            Launcher(self.backend, module=self._launcher_module)
            if self._launcher_module
            else DirectLauncher(self.backend, self.account)
        )
        self.services = Services(self.backend, launcher)
        self.seeing = Services(self.direct)
        await self.services.identity()
        self.account.start(JOB, SCRIPT)
        assert self.account.finished(JOB)["TrainingJobStatus"] == "Completed"
        self.account.endpoint("standing", {"code/inference.py": INFERENCE})
        assert self.account.settled("standing") == "InService"

    def close(self) -> None:
        """Disconnect."""
        self.services.close()
        self.seeing.close()

    async def run(self, flow: str, fault: str, at: int, times: int = 1, cancel: bool = False) -> Run:
        """One run of a flow with a fault at its ``at``-th request; cleans up behind it."""
        self.name = f"{flow.replace(' ', '-')[:12]}-{next(self._numbers)}"
        prepare, steps = FLOWS[flow]
        self.proxy.disarm()
        made = await prepare(self)
        before = things(self.account) - made
        run, self.told = Run(flow, fault), frozenset()
        self.proxy.arm(fault, at, times)
        expected: Things = frozenset()
        work = asyncio.ensure_future(steps(self))
        try:
            # Deadlines that fit the fault: an answer that never comes is not waited for as long as on AWS.
            with impatient() if fault in ENDLESS else contextlib.nullcontext():
                if cancel:
                    await self._cancelled_at(work, at)
                expected = await work
        except SageDeckError as error:
            run.error = error
            expected = self.told | frozenset((left.kind, left.name) for left in error.left)
        except asyncio.CancelledError:
            run.error = SageDeckError("Cancelled", "")
        except Exception as error:
            run.raised = error
        run.struck, self.requests = self.proxy.struck, self.proxy.seen
        self.proxy.disarm()
        after = things(self.account) - before
        if run.error is not None and made <= after:
            # What was to be deleted or stopped is all there yet.
            expected |= made
        run.unreported = frozenset(thing for thing in after - expected if not self._standing_role(thing))
        run.unseen = await self._not_listed(after)
        self._clean(things(self.account) - before)
        return run

    async def _cancelled_at(self, work: asyncio.Future[Any], at: int) -> None:
        reached = asyncio.ensure_future(asyncio.to_thread(self.proxy.reached, at))
        await asyncio.wait([work, reached], return_when=asyncio.FIRST_COMPLETED)
        work.cancel()
        self.proxy.wake()
        await reached

    def _standing_role(self, thing: tuple[str, str]) -> bool:
        """The roles for jobs and endpoints are kept for the next time, once they are complete."""
        kind, name = thing
        if kind != "role" or not name.startswith("SageDeck"):
            return False
        return self.account.iam.list_role_policies(RoleName=name)["PolicyNames"] == ["sagedeck"]

    async def _not_listed(self, after: Things) -> Things:
        seen = {("endpoint", endpoint.name) for endpoint in await self.seeing.endpoints.list(details=False)}
        seen |= {("function", function.name) async for function in self.seeing.functions.list_all()}
        seen |= {("training job", job.name) async for job in self.seeing.training.jobs()}
        seen |= {("tuning job", tuning_job.name) async for tuning_job in self.seeing.tuning.jobs()}
        seen |= {("bucket", bucket.name) for bucket in await self.seeing.storage.buckets()}
        kinds = ("endpoint", "function", "training job", "tuning job", "bucket")
        return frozenset(thing for thing in after if thing[0] in kinds and thing not in seen)

    def _in_use(self) -> Things:
        return (
            _endpoint_with_parts(self, "standing") if self.account.settled("standing") == "InService" else frozenset()
        )

    def _clean(self, left: Things) -> None:
        functions = functions_of(self.account.sandbox)
        sagemaker, iam = self.account.sagemaker, self.account.iam

        def role(name: str) -> None:
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
                iam.delete_role_policy(RoleName=name, PolicyName=policy)
            iam.delete_role(RoleName=name)

        clean: dict[str, Callable[[str], object]] = {
            "endpoint": lambda name: sagemaker.delete_endpoint(EndpointName=name),
            "endpoint configuration": lambda name: sagemaker.delete_endpoint_config(EndpointConfigName=name),
            "model": lambda name: sagemaker.delete_model(ModelName=name),
            "training job": lambda name: sagemaker.stop_training_job(TrainingJobName=name),
            "tuning job": lambda name: sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name),
            "function": lambda name: functions.delete_function(FunctionName=name),
            "role": role,
            "log group": lambda name: self.account.logs.delete_log_group(logGroupName=name),
            "bucket": lambda name: self.account.s3.delete_bucket(Bucket=name),
        }
        for kind, name in sorted(left - self._in_use()):
            # A job may end by itself meanwhile.
            with contextlib.suppress(self.account.sagemaker.exceptions.ClientError):
                clean[kind](name)


async def _nothing(bench: Bench) -> Things:
    return frozenset()


async def _deploy(bench: Bench) -> Things:
    name = await bench.services.endpoints.deploy(DeploySpec(bench.name, JOB, "ml.m5.large", 1))
    return _endpoint_with_parts(bench, name)


def _endpoint_with_parts(bench: Bench, name: str) -> Things:
    config = bench.account.sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
    variants = bench.account.sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
    models = {("model", variant["ModelName"]) for variant in variants}
    return frozenset({("endpoint", name), ("endpoint configuration", config), *models})


async def _update(bench: Bench) -> Things:
    update = await bench.services.endpoints.update(UpdateSpec("standing", "ml.m5.large", 1, JOB))
    return frozenset({("endpoint configuration", update.config_name), *(("model", model) for model in update.models)})


async def _settle(bench: Bench) -> Things:
    assert bench.account.settled("standing") == "InService"
    return frozenset()


async def _with_endpoint(bench: Bench) -> Things:
    await bench.seeing.endpoints.deploy(DeploySpec(bench.name, JOB, "ml.m5.large", 1))
    return _endpoint_with_parts(bench, bench.name)


async def _delete_endpoint(bench: Bench) -> Things:
    plan = await bench.services.endpoints.deletion_plan(bench.name)
    # What the plan keeps is in the question that the operator answered.
    bench.told = frozenset((kind, name) for kind, name, _ in plan.kept)
    result = await bench.services.endpoints.delete(plan)
    return bench.told | frozenset((kind, name) for kind, name, _ in result.failed)


async def _create_function(bench: Bench) -> Things:
    await bench.services.functions.create(FunctionSpec(bench.name, "standing"))
    return _function_with_parts(bench)


def _function_with_parts(bench: Bench) -> Things:
    return frozenset(
        {("function", bench.name), ("role", f"{bench.name}-role"), ("log group", f"/aws/lambda/{bench.name}")}
    )


async def _with_function(bench: Bench) -> Things:
    await bench.seeing.functions.create(FunctionSpec(bench.name, "standing"))
    return _function_with_parts(bench)


async def _delete_function(bench: Bench) -> Things:
    plan = await bench.services.functions.deletion_plan(bench.name)
    bench.told = frozenset((kind, name) for kind, name, _ in plan.kept)
    await bench.services.functions.delete(plan)
    return bench.told


async def _launch_training(bench: Bench) -> Things:
    spec = TrainingSpec(bench.name, f"s3://{BUCKET}/data", BUCKET, requirements="")
    return frozenset({("training job", await bench.services.training.launch(spec))})


async def _launch_tuning(bench: Bench) -> Things:
    ranges = (ContinuousRange("learning-rate", 0.001, 0.1),)
    spec = TuningSpec(
        bench.name, f"s3://{BUCKET}/data", BUCKET, ranges=ranges, max_jobs=1, max_parallel=1, features_once=False
    )
    return frozenset({("tuning job", await bench.services.tuning.launch(spec))})


async def _create_bucket(bench: Bench) -> Things:
    return frozenset({("bucket", (await bench.services.storage.create_bucket(bench.name)).name)})


async def _with_job(bench: Bench) -> Things:
    bench.account.start(bench.name, "import time; time.sleep(600)")
    return frozenset({("training job", bench.name)})


async def _stop_job(bench: Bench) -> Things:
    await bench.services.training.stop(bench.name)
    assert bench.account.describe(bench.name)["TrainingJobStatus"] in OVER
    return frozenset()


async def _make_role(bench: Bench) -> Things:
    arn = await bench.services.roles.ensure_training_role(f"{bench.name}-bucket")
    return frozenset({("role", arn.rsplit("/", 1)[-1])})


FLOWS: dict[str, tuple[Step, Step]] = {
    "deploy": (_nothing, _deploy),
    "update endpoint": (_settle, _update),
    "delete endpoint": (_with_endpoint, _delete_endpoint),
    "create function": (_nothing, _create_function),
    "delete function": (_with_function, _delete_function),
    "launch training": (_nothing, _launch_training),
    "launch tuning": (_nothing, _launch_tuning),
    "create bucket": (_nothing, _create_bucket),
    "stop job": (_with_job, _stop_job),
    "create role": (_nothing, _make_role),
}


@contextlib.contextmanager
def quick(source: Path) -> Iterator[None]:
    """No pauses between the tries, and jobs that train nothing (their source is put into ``source``)."""
    from botocore.retries import standard

    source.mkdir(parents=True, exist_ok=True)
    (source / "train.py").write_text(SCRIPT)
    (source / "requirements.txt").write_text("")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(standard.ExponentialBackoff, "delay_amount", lambda self, context: 0.01)
        patch.setattr(creating, "LOOK_AGAIN_SECONDS", (0.02, 0.05))
        patch.setattr(training_request, "TRAINING_SOURCE", source)
        yield


@contextlib.contextmanager
def impatient(attempt: float = 0.6, call: float = 1.5) -> Iterator[None]:
    """Short deadlines, for answers that never come. What a slow machine does not manage then is told, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deadlines, "ATTEMPT_SECONDS", attempt)
        patch.setattr(deadlines, "CALL_SECONDS", call)
        patch.setattr(creating, "ROLL_BACK_SECONDS", 6 * call)
        yield
