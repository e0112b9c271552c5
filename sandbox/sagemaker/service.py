"""SageMaker's control plane: which part of it answers which operation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.context import SandboxContext
from sandbox.core.diagnostics import tell
from sandbox.core.settings import time_factor
from sandbox.logs.pump import LogPump
from sandbox.logs.store import Logs
from sandbox.metrics.store import Metrics
from sandbox.sagemaker.hosting.endpoints import Endpoints
from sandbox.sagemaker.hosting.metrics import InvocationMetrics
from sandbox.sagemaker.hosting.models import Models
from sandbox.sagemaker.measuring import JobMeters
from sandbox.sagemaker.notebooks.calls import Notebooks
from sandbox.sagemaker.processing.jobs import ProcessingJobs
from sandbox.sagemaker.queue import JobQueue
from sandbox.sagemaker.records import Tags
from sandbox.sagemaker.search import Search
from sandbox.sagemaker.training.jobs import TrainingJobs
from sandbox.sagemaker.training.spot import INTERRUPT_TAG
from sandbox.sagemaker.transform.jobs import TransformJobs
from sandbox.sagemaker.tuning.jobs import TuningJobs
from sandbox.service import Service


class SageMakerService(Service):
    """Training, tuning, processing and transform jobs, models, endpoints, notebook instances and their tags."""

    name = "sagemaker"
    undone = {
        "CreateEndpointConfig": {
            "ShadowProductionVariants": ([],),
            "MetricsConfig": (),
            "CrossRegionTrafficConfig": (),
        },
        "CreateNotebookInstance": {"IpAddressType": ("ipv4",)},
        "CreateTrainingJob": {
            "SessionChainingConfig": ({}, {"EnableSessionTagChaining": False}),
            "ServerlessJobConfig": (),
            "MlflowConfig": (),
            "ModelPackageConfig": (),
        },
        "Search": {"CrossAccountFilterOption": ("SameAccount",), "VisibilityConditions": ([],)},
        "UpdateNotebookInstance": {"IpAddressType": ("ipv4",)},
    }

    training: TrainingJobs
    tuning: TuningJobs
    processing: ProcessingJobs
    transform: TransformJobs
    endpoints: Endpoints
    notebooks: Notebooks
    invocations: InvocationMetrics

    def start(self, ctx: SandboxContext) -> None:
        """Open the records and bring back what a former sandbox left."""
        self.logs = LogPump(ctx.part(Logs), _report)
        tags = Tags(ctx.state.db)
        self.queue = JobQueue()
        self.training = TrainingJobs(ctx, self.logs, queue=self.queue)
        self.training.recover()
        self.tuning = TuningJobs(ctx, self.training)
        self.tuning.recover()
        self.processing = ProcessingJobs(ctx, self.logs, self.queue)
        self.processing.recover()
        models = Models(ctx)
        self.endpoints = Endpoints(ctx, self.logs, models)
        serving, running = self.endpoints.serving, self.endpoints.running
        self.invocations = InvocationMetrics(ctx.part(Metrics), serving, time_factor(), running)
        self.endpoints.recover()
        self.transform = TransformJobs(ctx, models, self.endpoints.tools, self.queue)
        self.transform.recover()
        self.operations |= self.processing.operations | self.transform.operations
        self.operations |= (
            self.training.operations | self.tuning.operations | models.operations | self.endpoints.operations
        )
        self._meters = JobMeters(ctx)
        self.notebooks = Notebooks(ctx, self.logs)
        self.notebooks.recover()
        self.operations |= self.notebooks.operations
        self.operations |= Search(ctx.state.db).operations
        self.operations |= {
            "AddTags": lambda given, _: self._add_tags(tags, given),
            "ListTags": lambda given, _: tags.list_tags(given),
            "DeleteTags": lambda given, _: tags.delete_tags(given),
        }

    def _add_tags(self, tags: Tags, given: Mapping[str, Any]) -> dict[str, Any]:
        kind, _, name = given["ResourceArn"].rpartition("/")
        if kind.endswith(":training-job") and any(tag["Key"] == INTERRUPT_TAG for tag in given["Tags"]):
            self.training.interrupt(name)
        return tags.add_tags(given)

    def stop(self) -> None:
        """End all jobs and endpoints; no process is left."""
        self._meters.close()
        self.queue.close()
        self.tuning.stop_launching()
        self.training.close()
        self.tuning.close()
        self.processing.close()
        self.transform.close()
        self.endpoints.close()
        self.notebooks.close()
        self.invocations.close()
        self.logs.close()

    def busy(self) -> bool:
        """True while a job runs or waits, or an endpoint changes."""
        jobs = (self.training, self.tuning, self.processing, self.transform)
        return any(part.busy() for part in (*jobs, self.endpoints, self.notebooks))


def _report(error: Exception) -> None:
    # The server's own output: there is no stream left to tell it in.
    tell(f"sagemaker logs: {error}")
