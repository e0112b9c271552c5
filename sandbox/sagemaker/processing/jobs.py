"""Processing jobs: what CreateProcessingJob starts really runs, with the role's keys and in the queue of all jobs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from sandbox.billing.quotas import PROCESSING
from sandbox.containers.hosts import STOP_GRACE_SECONDS
from sandbox.containers.process import spawn
from sandbox.context import SandboxContext
from sandbox.logs.pump import LogPump
from sandbox.roles.access import RoleLogs, RoleS3
from sandbox.s3.inside import S3
from sandbox.sagemaker.batch.run import HostTools
from sandbox.sagemaker.checks import Stored, role_exists
from sandbox.sagemaker.measuring import PROCESSING_FOLDER
from sandbox.sagemaker.plain_jobs import PlainJobs, PlainRecord
from sandbox.sagemaker.processing.request import check_request, describe_body, instances_of
from sandbox.sagemaker.processing.run import ProcessingRun
from sandbox.sagemaker.queue import JobQueue
from sandbox.sagemaker.training.run import account_environment

# The keys of a job outlive its longest run by what its downloads and uploads take.
_KEY_MARGIN_SECONDS = 3600.0


class ProcessingJobs(PlainJobs):
    """CreateProcessingJob, DescribeProcessingJob, ListProcessingJobs and StopProcessingJob."""

    word, kind, usage = "Processing", "processing-job", PROCESSING
    also_listed = ("FailureReason", "ExitMessage")

    def __init__(
        self, ctx: SandboxContext, logs: LogPump, queue: JobQueue, stop_grace: float = STOP_GRACE_SECONDS
    ) -> None:
        super().__init__(ctx, queue)
        self._logs, self._grace = logs, stop_grace

    def check(self, request: Mapping[str, Any]) -> None:
        """Refuse, in AWS's words, what cannot run."""
        check_request(request, Stored(self._ctx), self._ctx.region, lambda arn: role_exists(self._ctx, arn))

    def body(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The members of the Describe answer that come from the request."""
        return describe_body(request)

    def instances(self, request: Mapping[str, Any]) -> dict[str, int]:
        """Number of instances by type."""
        return instances_of(request)

    def make(self, record: PlainRecord, request: Mapping[str, Any], ended: ExitStack) -> ProcessingRun:
        """The run of a job; at its end its keys are revoked."""
        ctx, role = self._ctx, request["RoleArn"]
        folder = ctx.state.jobs / PROCESSING_FOLDER / record.name
        limit = record.body["StoppingCondition"]["MaxRuntimeInSeconds"]
        keys = ctx.credentials.issue_session(role, "SageMaker", limit + _KEY_MARGIN_SECONDS, kept=False)
        ended.callback(ctx.credentials.revoke, keys.access_key_id)
        secrets = (keys.access_key_id, keys.secret_access_key, keys.session_token)
        tools = HostTools(
            folder=folder,
            cache=ctx.state.path / "cache",
            s3=RoleS3(ctx.part(S3), ctx.access, role),
            logs=RoleLogs(self._logs, ctx.access, role, ctx.region),
            spawn=lambda name, command: spawn(ctx, "processing", name, command),
            account_environment=account_environment(folder / "aws", ctx.region, ctx.endpoint_url, secrets),
            threads=max(1, (os.cpu_count() or 1) // max(1, self.queue.used)),
            stop_grace=self._grace,
            tmp_name=ctx.processes.tmp_name,
            forget_tmp=ctx.processes.forget_tmp,
        )
        return ProcessingRun(record, request, tools)
