"""Whether a job left a model that an endpoint can load: by its description, and before a deployment by its archive."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable
from typing import IO, Any

from workers.aws.s3_uri import S3Uri
from workers.aws.session import AwsSession
from workers.errors.tree import AccessDenied, InvalidInput, NotFound, SageDeckError
from workers.tuning.features import is_features_job
from workers.types import TrainingJob

# What the serving container is told to load (``CONTAINER_ENVIRONMENT`` in ``workers.endpoints.steps``).
HANDLER = "code/inference.py"
FEATURES = "manifest.json"
# An archive is looked into as far as this, in its unpacked size: then the model is taken to be in order.
MAX_READ_BYTES = 512 * 1024**2
MAX_MEMBERS = 10_000
_NOT_ENDED = {"InProgress": "It is still running: its model is there when it has finished.",
              "Stopping": "It is being stopped: its model is there when it has ended."}  # fmt: skip


def no_model_reason(job: TrainingJob) -> str:
    """Why a job has no model to deploy, in a sentence; "" when it seems to have one. No network.

    Only a job with its details (``Training.describe``) has a model that is known of.
    """
    if prepares_features(job):
        return "It prepared features for tuning, which are no model."
    if job.status in _NOT_ENDED:
        return _NOT_ENDED[job.status]
    if job.status == "Failed":
        return "It failed, so it left no model."
    if S3Uri.find(job.model_uri) is None:
        return "It was stopped before it saved a model." if job.status == "Stopped" else "It left no model."
    return ""


def prepares_features(job: TrainingJob) -> bool:
    """True for a job that computes features for tuning jobs: by its name, or as its hyperparameters say."""
    given = {name.replace("-", "_"): value.strip('"').lower() for name, value in job.hyperparameters.items()}
    return is_features_job(job.name) or given.get("prepare_features", "false") not in ("false", "0", "")


def job_of_model(uri: str) -> str:
    """The job that left the archive at ``uri``; "" when it does not lie where jobs put theirs."""
    place = S3Uri.find(uri)
    parts = place.parts if place is not None else ()
    return parts[-3] if len(parts) >= 3 and parts[-2:] == ("output", "model.tar.gz") else ""


async def require_model(session: AwsSession, job_name: str, uri: str) -> None:
    """Look into the archive that an endpoint is to load. Raises ``InvalidInput`` when it holds no model."""
    if problem := await model_problem(session, job_name, uri):
        raise no_model(job_name, problem)


async def model_problem(session: AwsSession, job_name: str, uri: str) -> str:
    """What is wrong with a job's archive as a model, in a sentence; "" for one that an endpoint can load.

    An archive that may not be read, or that is no ``.tar.gz``, is left to the endpoint.
    """
    place = S3Uri.find(uri)
    if place is None or not place.key.endswith(".tar.gz"):
        return ""
    try:
        return await session.run(
            f"look into the model of {job_name}", _read, session, place.bucket, place.key, service="s3"
        )
    except NotFound:
        return f"Its model file is not there: {uri}."
    except AccessDenied:
        return ""


def no_model(job_name: str, reason: str, status: str = "") -> SageDeckError:
    """The error for a job without a model; its ``status`` where it is known."""
    hint = "Wait until it has finished." if status in _NOT_ENDED else "Choose another job."
    text = f"The job {job_name} {f'is {status}' if status else 'has ended'}. {reason}"
    return InvalidInput("The job has no model to deploy", text, hint, code="NoModel")


def _read(session: AwsSession, bucket: str, key: str) -> str:
    body: Any = session.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
    try:
        return archive_problem(body)
    finally:
        # Closing without reading to the end drops the connection instead of downloading the rest.
        body.close()


def archive_problem(archive: IO[bytes]) -> str:
    """What is wrong with a ``.tar.gz`` as a model, in a sentence; "" for one that an endpoint can load."""
    try:
        with tarfile.open(fileobj=archive, mode="r|gz") as tar:
            return _members_problem(tar)
    except (tarfile.TarError, EOFError, OSError):
        return "Its model file is damaged: it is no .tar.gz archive."


def _members_problem(tar: Iterable[tarfile.TarInfo]) -> str:
    names: set[str] = set()
    for member in tar:
        names.add(member.name.removeprefix("./"))
        if HANDLER in names or len(names) > MAX_MEMBERS or member.offset_data + member.size > MAX_READ_BYTES:
            return ""
    if not names - {"", "."}:
        return "Its model file is empty."
    if FEATURES in names and any(name.endswith(".npy") for name in names):
        return "Its archive holds prepared features, which are no model."
    return f"Its archive has no {HANDLER}, which an endpoint needs to answer."
