"""Batch transform jobs: a job's model is really served, by the code that endpoints run on, and asked for all data."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from sandbox.billing.quotas import TRANSFORM
from sandbox.context import SandboxContext
from sandbox.core.account import arn as make_arn
from sandbox.roles.access import RoleS3
from sandbox.s3.inside import S3
from sandbox.sagemaker.checks import Stored
from sandbox.sagemaker.hosting.container import container_of
from sandbox.sagemaker.hosting.fleet import Fleet, FleetTools, Variant
from sandbox.sagemaker.hosting.models import Models
from sandbox.sagemaker.plain_jobs import PlainJobs, PlainRecord
from sandbox.sagemaker.queue import JobQueue
from sandbox.sagemaker.transform.request import (
    DEFAULT_PAYLOAD_MB,
    check_request,
    concurrency,
    describe_body,
    instances_of,
)
from sandbox.sagemaker.transform.run import LOG_GROUP, TransformRun, TransformTools


class TransformJobs(PlainJobs):
    """CreateTransformJob, DescribeTransformJob, ListTransformJobs and StopTransformJob."""

    word, kind, usage = "Transform", "transform-job", TRANSFORM
    only_listed = frozenset({"LastModifiedTime"})

    def __init__(self, ctx: SandboxContext, models: Models, tools: FleetTools, queue: JobQueue) -> None:
        super().__init__(ctx, queue)
        self._models, self._tools = models, tools

    def check(self, request: Mapping[str, Any]) -> None:
        """Refuse, in AWS's words, what cannot run."""
        model = self._models.model(request["ModelName"])
        check_request(request, model["ExecutionRoleArn"], Stored(self._ctx), self._ctx.region)

    def body(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The members of the Describe answer that come from the request."""
        return describe_body(request)

    def instances(self, request: Mapping[str, Any]) -> dict[str, int]:
        """Number of instances by type."""
        return instances_of(request)

    def make(self, record: PlainRecord, request: Mapping[str, Any], ended: ExitStack) -> TransformRun:
        """The run of a job on a fleet of its own."""
        ctx = self._ctx
        model = _with_environment(self._models.model(request["ModelName"]), request, record.name)
        # No name of a training job begins with a dot.
        folder = ctx.state.jobs / ".transform" / record.name
        count = sum(instances_of(request).values())
        stamp = f"-{int(time.time())}"
        fleet = Fleet(
            record.name, folder / "fleet", [Variant(record.name, model, count, 1.0)], self._tools, LOG_GROUP, stamp
        )
        role = model["ExecutionRoleArn"]

        def data_log() -> Any:
            first = fleet.instances()[0]
            return self._tools.logs(role).stream(LOG_GROUP, f"{first.stream}/data-log")

        store = RoleS3(ctx.part(S3), ctx.access, role)
        return TransformRun(record, request, TransformTools(folder, store, fleet, data_log))


def _with_environment(model: Mapping[str, Any], request: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The model with the job's variables, and those by which a container knows that it serves a batch."""
    container = dict(container_of(model))
    strategy = "SINGLE_RECORD" if request.get("BatchStrategy") == "SingleRecord" else "MULTI_RECORD"
    container["Environment"] = {
        **container.get("Environment", {}),
        "SAGEMAKER_BATCH": "true",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(request.get("MaxPayloadInMB", DEFAULT_PAYLOAD_MB)),
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(concurrency(request)),
        "SAGEMAKER_BATCH_STRATEGY": strategy,
        "TRANSFORM_JOB_ARN": make_arn("sagemaker", f"transform-job/{name}"),
        **request.get("Environment", {}),
    }
    return {
        **{member: value for member, value in model.items() if member != "Containers"},
        "PrimaryContainer": container,
    }
