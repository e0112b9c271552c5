"""From a folder of pictures to a prediction and back to an empty account: the workers against a real sandbox."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.helpers.pictures import make_folder
from tests.helpers.processes import children_running
from tests.helpers.story import JOB_SECONDS, finished, uploaded
from tests.helpers.waiting import until
from workers.errors.tree import Conflict, InvalidInput, ModelFailed, NotFound
from workers.types import DeploySpec, TrainingSpec

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

JOB, ENDPOINT = "story-dogs-1", "story-dogs"
SETTINGS = {"views": "2", "image_size": "96", "seed": "1"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures") / "dogs"
    make_folder(folder, classes=3, per_class=20)
    return folder


async def followed(services, name):
    """The log of a finished job as a window follows it: page by page, by the token."""
    events, token = [], None
    while True:
        page, token = await services.training.log(name, token)
        if not page:
            return events
        events += page


def test_the_story(runner, services, folder):
    runner.run(story(services, folder))


async def story(services, folder):
    warming = asyncio.create_task(services.prewarm())
    bucket, data = await uploaded(services, folder, "datasets/dogs")
    await warming

    spec = TrainingSpec(JOB, data, bucket, epochs=3, batch_size=16, hyperparameters=SETTINGS)
    await services.roles.ensure_training_role(bucket)
    warm = max(children_running("workers.launcher.child"), key=lambda child: child.create_time())
    before = warm.cpu_times()
    assert await services.training.launch(spec) == JOB
    after = warm.cpu_times()
    assert after.user + after.system - before.user - before.system < 3, "the launcher was warm"
    assert (await services.training.check_name(JOB)).startswith("A job with this name")
    with pytest.raises(Conflict):
        await services.training.launch(spec)

    job = await finished(services, JOB)
    assert job.status == "Completed", await services.training.failure(job)
    assert services.prices.job_cost(job, services.region) > 0
    listed = await services.training.complete((await services.training.list(search="story-dogs")).jobs)
    assert [(row.name, row.instance_type) for row in listed] == [(JOB, "ml.m5.xlarge")]

    curves = services.training.curves(job, await followed(services, JOB))
    report = await services.training.report(job)
    assert [row.epoch for row in curves] == [1, 2, 3]
    assert [row.values["valid:loss"] for row in curves] == pytest.approx(
        [row.values["valid:loss"] for row in report.curves], abs=1e-4
    )
    assert len(report.classes) == 3
    assert sum(map(sum, report.confusion)) == sum(score.support for score in report.scores) > 0

    assert await services.endpoints.deploy(DeploySpec(ENDPOINT, JOB)) == ENDPOINT
    await until(lambda: in_service(services), JOB_SECONDS, "endpoint", every=0.2)
    await predicted(services, folder, report)

    plan = await services.endpoints.deletion_plan(ENDPOINT)
    assert sorted(kind for kind, *_ in plan.also_deleted) == ["endpoint configuration", "model"]
    assert plan.saves_per_hour == services.prices.per_hour("ml.m5.large", "hosting", services.region)
    result = await services.endpoints.delete(plan)
    assert (len(result.deleted), result.failed) == (3, ())

    async def gone():
        return not await services.endpoints.list()

    await until(gone, JOB_SECONDS, "deletion", every=0.2)
    with pytest.raises(NotFound):
        await services.endpoints.describe(ENDPOINT)
    for operation, key in (("list_models", "Models"), ("list_endpoint_configs", "EndpointConfigs")):
        assert (await services.session.call("sagemaker", operation))[key] == []
    # The job's result stays: it can be deployed again.
    assert (await services.training.report(job)).classes == report.classes


async def in_service(services):
    endpoint = await services.endpoints.describe(ENDPOINT)
    assert endpoint.status in ("Creating", "InService"), endpoint.failure_reason
    return endpoint if endpoint.status == "InService" else None


async def predicted(services, folder, report):
    endpoint = await services.endpoints.describe(ENDPOINT)
    assert (endpoint.job_name, endpoint.instance_type, endpoint.instance_count) == (JOB, "ml.m5.large", 1)
    pictures = sorted(folder.glob("test/*/*.jpg"))
    answers = await asyncio.gather(
        *(services.inference.predict(ENDPOINT, picture.read_bytes()) for picture in pictures)
    )
    right = sum(name_of(picture) == answer.top for picture, answer in zip(pictures, answers, strict=True))
    assert right / len(pictures) == pytest.approx(report.test_accuracy)
    assert right / len(pictures) > 1 / 3
    assert all(set(answer.labels) == set(report.classes) for answer in answers)
    assert all(sum(answer.probabilities) == pytest.approx(1, abs=1e-3) for answer in answers)
    with pytest.raises(ModelFailed, match="picture"):
        await services.inference.predict(ENDPOINT, b"this is no picture", "image/jpeg")

    async def counted():
        metrics = await services.endpoints.metrics(ENDPOINT)
        return metrics if sum(count for _, count in metrics.invocations) > len(pictures) else None

    metrics = await until(counted, JOB_SECONDS, "metrics", every=0.2)
    assert metrics.last_used is not None
    assert 0 < metrics.p50_ms < 5000
    events, _ = await services.endpoints.log(ENDPOINT)
    assert events


def name_of(picture: Path) -> str:
    """``001.Some_breed`` is the class ``Some breed``; another folder name is the class itself."""
    number, _, name = picture.parent.name.partition(".")
    return name.replace("_", " ") if number.isdigit() else picture.parent.name


def test_a_job_without_usable_data_fails_with_words_to_act_on(runner, services, tmp_path):
    runner.run(failing(services, tmp_path))


async def failing(services, folder):
    make_folder(folder / "one", classes=1, per_class=6)
    bucket, data = await uploaded(services, folder / "one", "datasets/one")
    spec = TrainingSpec("story-one-class", data, bucket, epochs=1, hyperparameters=SETTINGS)
    await services.training.launch(spec)
    job = await finished(services, "story-one-class")
    assert job.status == "Failed"
    failure = await services.training.failure(job)
    assert "class" in failure.summary
    with pytest.raises(NotFound):
        await services.training.report(job)
    with pytest.raises(InvalidInput, match="Failed"):
        await services.endpoints.deploy(DeploySpec("story-never", "story-one-class"))
