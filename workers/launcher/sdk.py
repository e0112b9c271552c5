"""``ModelTrainer`` of the SageMaker Python SDK, bent to one backend and one click.

Imported only by ``workers.launcher.child``: the import takes seconds and hundreds of MB. The SDK asks STS at
a hard-coded amazonaws.com address, lists all buckets before it uploads, uploads file by file, adds a timestamp
to the job's name and validates its settings over and over; the code below replaces just these steps. Written against
sagemaker-train 1.27 (``sagemaker/train/model_trainer.py``, ``sagemaker/core/helper/session_helper.py``).
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from pydantic import ValidationError
from sagemaker.core.config.config_manager import SageMakerConfig
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.resources import TrainingJob
from sagemaker.core.shapes import OutputDataConfig
from sagemaker.core.training.configs import (
    CheckpointConfig,
    Compute,
    InputData,
    MetricDefinition,
    SourceCode,
    StoppingCondition,
    Tag,
)
from sagemaker.train import model_trainer
from sagemaker.train.distributed import Torchrun

from workers.aws.chosen import core_session
from workers.aws.s3_uri import S3Uri
from workers.aws.session import client_config
from workers.deadlines import bound
from workers.errors.tree import InvalidInput
from workers.launcher.request import Launched, LaunchRequest
from workers.launcher.source import IGNORED_SOURCES, script_mode, source_archive, staged_source
from workers.types import Backend

# The script's files are small: their way, not their size, takes the time.
UPLOAD_THREADS = 8
NO_TELEMETRY = {"SchemaVersion": "1.0", "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}}}


class BackendSession(boto3.Session):
    """A boto3 session whose every client talks to the backend, whatever address the SDK asks for."""

    def __init__(self, backend: Backend) -> None:
        super().__init__(
            botocore_session=core_session(backend),
            profile_name=backend.profile_name,
            region_name=backend.region or None,
            aws_access_key_id=backend.access_key_id,
            aws_secret_access_key=backend.secret_access_key,
        )
        self._backend = backend

    def client(self, service_name: Any, *args: Any, **kwargs: Any) -> Any:
        """As ``boto3.Session.client``, with the backend's endpoint and this program's timeouts."""
        return bound(super().client(service_name, *args, **self._bent(service_name, kwargs)), service_name)

    def resource(self, service_name: Any, *args: Any, **kwargs: Any) -> Any:
        """As ``boto3.Session.resource``, with the backend's endpoint and this program's timeouts."""
        return super().resource(service_name, *args, **self._bent(service_name, kwargs))

    def _bent(self, service: str, kwargs: dict[str, Any]) -> dict[str, Any]:
        config = kwargs.get("config") or Config()
        kwargs["config"] = config.merge(client_config(self._backend, service))
        if self._backend.endpoint_url:
            kwargs["endpoint_url"] = self._backend.endpoint_url
        return kwargs


class LaunchSession(Session):
    """The SDK's session with a given bucket (never looked for, never created) and parallel uploads."""

    bucket = ""

    def default_bucket(self) -> str:
        """The bucket of the job that is being launched."""
        return self.bucket

    def upload_data(
        self,
        path: str,
        bucket: str | None = None,
        key_prefix: str = "data",
        callback: object = None,
        extra_args: Any = None,
    ) -> str:
        """Upload a file or folder as the SDK's own method does, several files at a time; returns its S3 URI.

        Bytecode stays here: the SDK copies its drivers with what an installer compiled beside them.
        """
        bucket, root = bucket or self.bucket, Path(path)
        if root.is_file():
            files = [(root, f"{key_prefix}/{root.name}")]
            uri = str(S3Uri(bucket, f"{key_prefix}/{root.name}"))
        else:
            files = [
                (Path(folder, name), f"{key_prefix}/{Path(folder, name).relative_to(root).as_posix()}")
                for folder, _, names in os.walk(root)
                for name in names
                if Path(folder).name != "__pycache__"
            ]
            uri = str(S3Uri(bucket, key_prefix))

        def put(item: tuple[Path, str]) -> None:
            self.s3_client.put_object(Bucket=bucket, Key=item[1], Body=item[0].read_bytes(), **(extra_args or {}))

        with ThreadPoolExecutor(UPLOAD_THREADS) as pool:
            list(pool.map(put, files))
        return uri


class NamedTrainer(model_trainer.ModelTrainer):
    """A trainer that stages its code in the job's bucket without asking IAM where it may."""

    def _resolve_staging_bucket(self) -> tuple[str, str | None]:
        return self.sagemaker_session.default_bucket(), None


def _exact_name(base: str, max_length: int = 63) -> str:
    """Stands in for the SDK's ``_get_unique_name``: the operator chose and saw the job's name."""
    return base


def _already_checked(sagemaker_config: Mapping[str, object] | None = None) -> None:
    """Stands in for the SDK's check of its configuration against its JSON schema."""


class SdkLauncher:
    """One warm SDK session for one backend. Everything blocks."""

    def __init__(self, backend: Backend) -> None:
        model_trainer._get_unique_name = _exact_name
        self._boto = BackendSession(backend)
        self._session = LaunchSession(boto_session=self._boto, sagemaker_config=NO_TELEMETRY)
        # The session just checked its configuration, a constant. The SDK would check it again at every look-up,
        # seven times a launch, which takes a second.
        SageMakerConfig.validate_sagemaker_config = staticmethod(_already_checked)
        # The SDK makes its own clients for the create call: made now, so that the first click does not wait.
        TrainingJob.get_sagemaker_client(session=self._boto)

    def launch(self, request: LaunchRequest) -> Launched:
        """Upload the code and create the training job; returns what was made.

        Raises ``InvalidInput`` for what the SDK refuses; what boto3 raises comes out as it is.
        """
        try:
            with staged_source(request) as source:
                return self._launch(request, source)
        except ValidationError as error:
            # Its own text repeats every argument; only the reasons are of use.
            reasons = "; ".join(str(item["msg"]) for item in error.errors(include_input=False, include_url=False))
            raise InvalidInput(f"Could not {request.doing}", reasons) from error

    def trainer(self, request: LaunchRequest, source: str) -> model_trainer.ModelTrainer:
        """The SDK's trainer for a request, with the code in the folder ``source``."""
        self._session.bucket = request.bucket
        return NamedTrainer(
            sagemaker_session=self._session,
            role=request.role_arn,
            base_job_name=request.job_name,
            input_s3_key_prefix=request.prefix,
            training_image=request.image,
            source_code=SourceCode(
                source_dir=source,
                entry_script=request.entry_script,
                requirements=request.requirements,
                ignore_patterns=IGNORED_SOURCES,
            ),
            distributed=Torchrun() if request.several_processes else None,
            compute=Compute(
                instance_type=request.instance_type,
                instance_count=request.instance_count,
                volume_size_in_gb=request.volume_gb,
                enable_managed_spot_training=request.max_wait_seconds is not None or None,
            ),
            stopping_condition=StoppingCondition(
                max_runtime_in_seconds=request.max_runtime_seconds,
                max_wait_time_in_seconds=request.max_wait_seconds,
            ),
            output_data_config=OutputDataConfig(s3_output_path=request.output_uri),
            checkpoint_config=CheckpointConfig(s3_uri=request.checkpoint_uri) if request.checkpoint_uri else None,
            hyperparameters=dict(request.hyperparameters),
            environment=dict(request.environment),
            tags=[Tag(key=key, value=value) for key, value in request.tags.items()],
        )

    def _launch(self, request: LaunchRequest, source: str) -> Launched:
        trainer = self.trainer(request, source).with_metric_definitions(
            [MetricDefinition(name=metric.name, regex=metric.regex) for metric in request.metric_definitions]
        )
        if request.script_mode:
            # Without source code the SDK names no entry point; the image's own starts what these two name.
            trainer.source_code = None
            trainer.hyperparameters = {**request.hyperparameters, **script_mode(request, self._upload(request, source))}
        channels = [InputData(channel_name=name, data_source=uri) for name, uri in sorted(request.channels.items())]
        trainer.train(input_data_config=channels, wait=False, logs=False)
        job = trainer._latest_training_job
        return Launched(job.training_job_name, job.training_job_arn)

    def _upload(self, request: LaunchRequest, source: str) -> str:
        """Upload the folder ``source`` as an archive; its S3 URI."""
        place = S3Uri.parse(source_archive(request))
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            for path in sorted(Path(source).rglob("*")):
                if path.is_file():
                    tar.add(path, arcname=path.relative_to(source).as_posix())
        self._session.s3_client.put_object(Bucket=place.bucket, Key=place.key, Body=packed.getvalue())
        return str(place)
