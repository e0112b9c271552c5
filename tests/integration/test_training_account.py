"""What surrounds a training job in an account: spot instances, quotas and tags, against a real sandbox."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.helpers.pictures import make_folder
from tests.helpers.story import finished, uploaded
from workers.aws.s3_uri import S3Uri
from workers.aws.tags import job_of_arn
from workers.errors.tree import QuotaExceeded
from workers.prices.table import PriceTable
from workers.types import TrainingSpec

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

SETTINGS = {"views": "1", "image_size": "64", "seed": "1"}


def test_a_spot_job_has_its_quota_its_price_and_its_tags(runner, services, tmp_path_factory):
    folder = tmp_path_factory.mktemp("account") / "dogs"
    make_folder(folder, classes=2, per_class=8)
    runner.run(story(services, folder))


async def prices_are_read(services):
    dated = PriceTable.load()
    assert await services.pricing.refresh()
    assert "Price List API" in services.prices.caption() and services.prices.as_of == dated.as_of
    for kind in ("training", "hosting"):
        assert services.prices.offers(kind, services.region) == dated.offers(kind, services.region) != ()


async def goes_on(services, spec, job):
    """Another job goes on from a copy of the checkpoints; those of the first one stay."""
    assert job.checkpoint_uri.endswith("/account-dogs/checkpoints")
    kept = S3Uri.parse(job.checkpoint_uri)
    before = await services.storage.list(kept.bucket, kept.folder)
    more = replace(
        spec, job_name="account-dogs-on", epochs=4, continue_from=job.checkpoint_uri, spot=False, keep_checkpoints=True
    )
    await services.training.launch(more)
    second = await finished(services, more.job_name)
    assert second.status == "Completed"
    events, _ = await services.training.log(more.job_name)
    lines = [event.message for event in events]
    assert any("goes on after epoch 2" in line for line in lines), lines
    assert {epoch.epoch for epoch in services.training.curves(second, events)} == {3, 4}
    assert await services.storage.list(kept.bucket, kept.folder) == before
    report = await services.training.report(second)
    assert len(report.curves) == 4


async def story(services, folder):
    await prices_are_read(services)
    bucket, data = await uploaded(services, folder, "datasets/account")
    before = await services.quotas.training("ml.m5.xlarge", spot=True)
    assert before is not None and before.limit > 0 and before.used == 0
    spec = TrainingSpec(
        "account-dogs", data, bucket, epochs=2, batch_size=8, hyperparameters=SETTINGS, spot=True,
        tags={"team": "vision lab"},
    )  # fmt: skip
    await services.training.launch(spec)
    services.quotas.forget_running()
    during = await services.quotas.training("ml.m5.xlarge", spot=True)
    on_demand = await services.quotas.training("ml.m5.xlarge")
    assert (during.used, on_demand.used) == (1, 0)

    too_many = TrainingSpec("account-many", data, bucket, instance_count=on_demand.limit + 1, hyperparameters=SETTINGS)
    with pytest.raises(QuotaExceeded):
        await services.training.launch(too_many)

    job = await finished(services, spec.job_name)
    assert job.status == "Completed" and job.spot
    assert 0 < job.billable_seconds < job.training_seconds
    hour = services.prices.per_hour("ml.m5.xlarge", "training", services.region)
    cost = services.prices.job_cost(job, services.region)
    assert cost == pytest.approx(job.billable_seconds * hour / 3600)

    await goes_on(services, spec, job)

    assert (await services.tags.of(job.arn))["team"] == "vision lab"
    await services.tags.add(job.arn, {"stage": "best"})
    await services.tags.remove(job.arn, ["team"])
    every = await services.tags.of_all_jobs()
    assert every[job.arn]["stage"] == "best" and "team" not in every[job.arn]
    assert job_of_arn(job.arn) == ("job", "account-dogs")

    asked = await asyncio.wait_for(services.quotas.request(before, before.limit + 2), 30)
    assert asked
