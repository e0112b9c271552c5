"""Steps of the stories that run against a real sandbox."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.waiting import until
from workers.services import Services
from workers.types import TrainingJob

# A job of a story takes half a minute; a machine that others use, too, may take four.
JOB_SECONDS = 240.0


async def finished(services: Services, name: str) -> TrainingJob:
    """The training job, once it has ended."""

    async def ended() -> TrainingJob | None:
        job = await services.training.describe(name)
        return None if job.running else job

    job: TrainingJob = await until(ended, JOB_SECONDS, f"the end of the job {name}", every=0.2)
    return job


async def uploaded(services: Services, folder: Path, prefix: str) -> tuple[str, str]:
    """Bucket and address of a folder that is uploaded now."""
    bucket = "story-pictures"
    if bucket not in {known.name for known in await services.storage.buckets()}:
        await services.storage.create_bucket(bucket)
    result = await services.uploader.upload(folder, bucket, prefix)
    assert not result.failed
    return bucket, f"s3://{bucket}/{prefix}"
