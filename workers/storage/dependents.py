"""What stops working when objects go: models of training jobs, endpoints that load them, jobs that read them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from workers.aws.s3_uri import S3Uri
from workers.errors.tree import SageDeckError
from workers.storage.removal import Doomed
from workers.types import Endpoint, JobPage, TrainingJob

T = TypeVar("T")

# SageMaker puts every job's model there, whatever program made the job.
_MODEL = re.compile(r"(?:^|/)([^/]+)/output/model\.tar\.gz$")


class EndpointList(Protocol):
    """``workers.endpoints.service.Endpoints``."""

    async def list(self) -> tuple[Endpoint, ...]:
        """All endpoints, with the place of their models."""


class JobList(Protocol):
    """``workers.training.jobs.Training``."""

    async def list(self, *, status: str | None = None) -> JobPage:
        """A page of jobs."""

    async def complete(self, jobs: Iterable[TrainingJob]) -> tuple[TrainingJob, ...]:
        """The same jobs with the place of their data."""


@dataclass(frozen=True)
class Dependents:
    """Names of jobs whose models go, of endpoints that load one of them, and of running jobs that read the objects.

    ``unchecked`` says what could not be looked at ("endpoints", "running jobs").
    """

    models: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()


def models_among(keys: Iterable[str]) -> tuple[str, ...]:
    """The jobs whose models are among ``keys``, by name."""
    return tuple(sorted({found[1] for key in keys if (found := _MODEL.search(key))}))


def holds_model(key: str) -> bool:
    """True for a model file, whoever put it there."""
    return key.endswith(".tar.gz")


async def find_dependents(
    bucket: str, doomed: Iterable[Doomed], endpoints: EndpointList, training: JobList
) -> Dependents:
    """Look up what uses these objects. What may not be read is named, not passed over."""
    keys = {item.key for item in doomed}
    unchecked: list[str] = []

    async def looked_at(what: str, asked: Awaitable[T], otherwise: T) -> T:
        try:
            return await asked
        except SageDeckError:
            unchecked.append(what)
            return otherwise

    known, running = await asyncio.gather(
        looked_at("endpoints", endpoints.list(), ()) if any(map(holds_model, keys)) else _nothing(),
        looked_at("running jobs", _running(training), ()),
    )
    return Dependents(
        models=models_among(keys),
        endpoints=tuple(endpoint.name for endpoint in known if _key(endpoint.model_uri, bucket) in keys),
        jobs=tuple(
            job.name
            for job in running
            if (data := S3Uri.find(job.data_uri)) is not None
            and data.bucket == bucket
            and any(key.startswith(data.folder) for key in keys)
        ),
        unchecked=tuple(unchecked),
    )


async def _nothing() -> tuple[Endpoint, ...]:
    return ()


async def _running(training: JobList) -> tuple[TrainingJob, ...]:
    return await training.complete((await training.list(status="InProgress")).jobs)


def _key(uri: str, bucket: str) -> str | None:
    """The key of a place in this bucket."""
    place = S3Uri.find(uri)
    return place.key if place is not None and place.bucket == bucket else None
