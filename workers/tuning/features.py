"""Features once: one job computes the frozen backbone's features, all trials train on them.

The job is an ordinary training job whose model.tar.gz holds the features. Its name carries a hash of all that the
features depend on, so that a later tuning job finds it, also from another computer.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Callable

from workers.aws.s3_uri import S3Uri
from workers.aws.session import AwsSession
from workers.aws.tags import Tags
from workers.errors.tree import InvalidInput, NotFound, SageDeckError, ServiceFault
from workers.paths import TRAINING_SOURCE
from workers.training.jobs import Training
from workers.tuning.pending import awaited_name, awaiting_forms, awaiting_tags, form_variables
from workers.tuning.request import FEATURE_SETTINGS
from workers.tuning.types import TuningSpec, TuningStep
from workers.types import TrainingJob, TrainingSpec

# Short, because it stands in a list of jobs; earlier versions put "sagedeck-" before it and had a longer hash, and
# the search by a part of the name finds these, too.
NAME = "features-"
_KEY_LENGTH = 12
_JOB_NAME = re.compile(rf"(?:sagedeck-)?{NAME}[0-9a-f]{{{_KEY_LENGTH},20}}-\d+")
# The pass over all pictures takes longer than a trial, whose limit the operator set.
LEAST_RUNTIME = 4 * 3600
# Its rules (which pictures are in which split) and what it installs (the weights) are JSON and text.
_SOURCES = frozenset({".py", ".json", ".txt"})
_POLL_SECONDS = (0.3, 5.0)
# The longer it has taken, the longer until the next look: what is waited for in vain is a small share of the whole.
_POLL_GROWTH = 1.02

OnStep = Callable[[TuningStep], None]


class Features:
    """Finds or makes the prepared features of a tuning job."""

    def __init__(self, session: AwsSession, training: Training) -> None:
        self._session, self._training = session, training
        self._tags = Tags(session)

    async def key(self, spec: TuningSpec) -> str:
        """A hash of what the features depend on: names and ETags of the data, backbone, sizes, the script itself.

        Raises ``InvalidInput`` when there is no data.
        """
        place = S3Uri.find(spec.data_uri)
        if place is None:
            raise InvalidInput("The data cannot be read", "The data must be a folder in S3 (s3://bucket/folder).")
        prefix = place.folder
        digest = hashlib.sha256()
        settings = {
            name: value for name, value in spec.hyperparameters.items() if name.replace("-", "_") in FEATURE_SETTINGS
        }
        facts = [spec.backbone, sorted(settings.items()), spec.output_bucket, _script_hash()]
        digest.update(json.dumps(facts).encode())
        count = 0
        async for item in self._session.paginate(
            "s3", "list_objects_v2", "Contents", doing="list the data", Bucket=place.bucket, Prefix=prefix
        ):
            digest.update(f"\n{item['Key'][len(prefix) :]}\t{item['ETag']}".encode())
            count += 1
        if not count:
            raise InvalidInput("There is no data", f"{spec.data_uri} is empty.", "Upload a folder with pictures first.")
        return digest.hexdigest()[:_KEY_LENGTH]

    async def ensure(self, spec: TuningSpec, on_step: OnStep) -> str:
        """The S3 URI of the prepared features of this form; runs the job and waits for it when there are none.

        Cancelling leaves the job running; the next launch finds it. Raises ``SageDeckError``.
        """
        key = await self.key(spec)
        earlier = [job async for job in self._training.jobs(search=NAME + key)]
        for job in [*(job for job in earlier if job.status == "Completed"), *(job for job in earlier if job.running)]:
            found = await self._usable(job, spec, on_step)
            if found:
                return found
        name = f"{NAME}{key}-{len(earlier) + 1}"
        on_step(TuningStep("features", name, "Computing the features of all pictures once"))
        # As the trials are started: where jobs are forked from a process that has torch loaded, it begins at once.
        await self._training.launch(features_spec(spec, name), script_mode=True)
        return await self._finished(name)

    async def awaiting(self, job: TrainingJob) -> dict[str, TuningSpec | None]:
        """The tuning jobs that wait for the features of ``job`` besides the one that it was started for, by name.

        ``None`` for a form that was not kept.
        """
        return awaiting_forms(await self._tags.of(job.arn)) if job.arn else {}

    async def _usable(self, job: TrainingJob, spec: TuningSpec, on_step: OnStep) -> str:
        """The features of an earlier job, or "" when they are not there any more."""
        if job.running:
            lost = await self._write_down(spec, job.name)
            on_step(TuningStep("features", job.name, f"Waiting for the features that are being computed{lost}"))
            return await self._finished(job.name)
        detail = await self._training.describe(job.name)
        place = S3Uri.find(detail.model_uri)
        if place is None:
            return ""
        try:
            await self._session.call(
                "s3", "head_object", doing="look for the features", Bucket=place.bucket, Key=place.key
            )
        except NotFound:
            return ""
        on_step(TuningStep("features", job.name, "The features of these pictures are there already", reused=True))
        return detail.model_uri

    async def _write_down(self, spec: TuningSpec, name: str) -> str:
        """Leave the form with the job that it waits for; returns what to say where that cannot be done."""
        try:
            job = await self._training.describe(name)
            if job.running and awaited_name(job) != spec.tuning_name:
                await self._tags.add(job.arn, awaiting_tags(spec))
        except SageDeckError as error:
            # Not worth a launch: it only matters to who closes the window meanwhile.
            return f"; a window that is opened later will not know of it: {error.message}"
        return ""

    async def _finished(self, name: str) -> str:
        wait, longest = _POLL_SECONDS
        while (job := await self._training.describe(name)).running:
            await asyncio.sleep(wait)
            wait = min(longest, wait * _POLL_GROWTH)
        if job.status == "Completed" and job.model_uri:
            return job.model_uri
        if job.status == "Stopped":
            raise InvalidInput(
                "The features were not prepared",
                f"The job {name} was stopped before it had all features. No tuning job was created.",
                "Start again, or switch off “features once”.",
            )
        failure = await self._training.failure(job)
        raise ServiceFault(
            "The features could not be prepared",
            f"The job {name} failed, and no tuning job was created. {failure.summary}",
            failure.hint or "Look at the job's log.",
            code="FeaturesFailed",
            details=failure.details,
        )


def is_features_job(name: str) -> bool:
    """Whether a training job of this name prepares features for tuning jobs."""
    return _JOB_NAME.fullmatch(name) is not None


def features_limit(spec: TuningSpec) -> int:
    """Seconds that the job which prepares the features may run."""
    return max(spec.trial_seconds, LEAST_RUNTIME)


def features_spec(spec: TuningSpec, name: str) -> TrainingSpec:
    """The training job that prepares the features of a tuning form."""
    settings = {
        name: value for name, value in spec.hyperparameters.items() if name.replace("-", "_") in FEATURE_SETTINGS
    }
    return TrainingSpec(
        job_name=name,
        data_uri=spec.data_uri,
        output_bucket=spec.output_bucket,
        backbone=spec.backbone,
        epochs=1,
        instance_type=spec.instance_type,
        instance_count=spec.instance_count,
        max_runtime_seconds=features_limit(spec),
        volume_gb=spec.volume_gb,
        hyperparameters={**settings, "prepare_features": "true"},
        tags=spec.tags,
        spot=spec.spot,
        environment=form_variables(spec),
    )


def _script_hash() -> str:
    """Another version of the training script may make other features, and so may its rules and requirements."""
    digest = hashlib.sha256()
    for path in sorted(path for path in TRAINING_SOURCE.rglob("*") if path.suffix in _SOURCES):
        digest.update(path.relative_to(TRAINING_SOURCE).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
