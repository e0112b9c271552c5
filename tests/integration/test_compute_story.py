"""The workers of EC2 against a real sandbox: launch, train, stop gracefully, train again, deploy, end by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Picture

from tests.helpers.sandbox import SandboxProcess
from tests.helpers.waiting import until
from workers.compute.types import Command, Instance, InstanceSpec, JobSpec
from workers.services import Services
from workers.types import Backend, DeploySpec

pytestmark = pytest.mark.integration
BUCKET = "ec2-story"
DATA = f"s3://{BUCKET}/shapes"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("ec2") / "state") as process:
        s3 = process.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        upload_shapes(s3, tmp_path_factory.mktemp("shapes"))
        yield process


def upload_shapes(s3: Any, folder: Path) -> None:
    """Two classes of plain pictures, eight of each in train."""
    for split, number in (("train", 8), ("valid", 2), ("test", 2)):
        for name, colour in (("red", (200, 20, 20)), ("blue", (20, 20, 200))):
            for at in range(number):
                file = folder / f"{split}-{name}-{at}.png"
                Picture.new("RGB", (48, 48), (colour[0] + at, colour[1], colour[2] + at)).save(file)
                s3.upload_file(str(file), BUCKET, f"shapes/{split}/{name}/{at}.png")


def services_of(sandbox: SandboxProcess) -> Services:
    keys = sandbox.ready
    return Services(
        Backend(
            "sandbox",
            "sandbox",
            "us-east-1",
            endpoint_url=keys["endpoint_url"],
            access_key_id=keys["access_key_id"],
            secret_access_key=keys["secret_access_key"],
        )
    )


async def launched(services: Services, **changes: Any) -> Instance:
    """An instance that takes commands."""
    images = await services.compute.images.deep_learning()
    image = next(image for image in images if "pytorch" in image.parameter)
    spec = InstanceSpec(**{"name": "trainer", "image": image, "type": "t3.xlarge", "bucket": BUCKET} | changes)
    identity = await services.compute.launches.launch(spec)

    async def online() -> Instance | None:
        found = {instance.id: instance for instance in await services.compute.instances.all()}.get(identity)
        return found if found is not None and found.agent is not None and found.agent.online else None

    found: Instance = await until(online, what="an instance that is online", every=0.2)
    return found


async def ended(services: Services, command: Command) -> Command:
    async def look() -> Command | None:
        found = await services.compute.commands.describe(command.id, command.instance)
        return found if found is not None and not found.running else None

    found: Command = await until(look, seconds=180, what="the end of the command", every=0.3)
    return found


async def output(services: Services, command: Command) -> str:
    events, _ = await services.compute.commands.output(command)
    return "\n".join(event.message for event in events)


def job(name: str, where: Instance, **changes: Any) -> JobSpec:
    settings = {"epochs": "1", "backbone": "efficientnet_lite0", "image-size": "64", "views": "1"}
    base = {"name": name, "instance": where.id, "data_uri": DATA, "bucket": BUCKET, "hyperparameters": settings}
    return JobSpec(**base | {"shut_down": False} | changes)


async def story(sandbox: SandboxProcess) -> None:
    services = services_of(sandbox)
    compute = services.compute
    where = await launched(services)
    assert where.open_ports == () and where.tokens_required and where.profile == f"SageDeckInstance-{BUCKET}"

    # A job that is stopped while it runs saves its model.
    endless = {"epochs": "1000000", "patience": "0", "image-size": "64", "views": "1"}
    first = await compute.jobs.launch(job("stopped-job", where, hyperparameters=endless), where)
    await until(lambda: _saw(services, first, "epoch=2/"), seconds=120, what="the second epoch", every=0.3)
    running = (await compute.jobs.of_bucket(BUCKET))[0]
    assert (running.name, running.state) == ("stopped-job", "InProgress")
    await compute.jobs.stop(running, where)
    assert (await ended(services, first)).state == "Success"
    stopped = (await compute.jobs.of_bucket(BUCKET))[0]
    assert (stopped.state, bool(stopped.model_uri)) == ("Stopped", True)

    # The second one ends by itself, and the instance with it.
    second = await compute.jobs.launch(job("whole-job", where, shut_down=True), where)
    done = await ended(services, second)
    text = await output(services, second)
    assert done.state == "Success", text
    reader = compute.jobs.curve_reader(stopped)
    reader.feed((await compute.commands.output(second))[0])
    assert [epoch.epoch for epoch in reader.epochs] == [1] and "valid:accuracy" in reader.epochs[0].values
    jobs = {job.name: job for job in await compute.jobs.of_bucket(BUCKET)}
    assert jobs["whole-job"].state == "Completed"

    # It stands beside SageMaker's jobs, with its log, its report and a model like any other.
    listed = next(job for job in await compute.jobs.everywhere() if job.name == "whole-job")
    assert (listed.place, listed.status, listed.instance_type) == ("ec2", "Completed", "t3.xlarge")
    assert await services.training.describe("whole-job") == listed
    events, _ = await services.training.log("whole-job")
    assert any(event.message.startswith("epoch=1/1") for event in events)
    assert (await services.training.report(listed)).test_accuracy is not None
    name = await services.endpoints.deploy(DeploySpec("from-ec2", listed.name, model_uri=listed.model_uri))

    async def in_service() -> bool:
        return (await services.endpoints.describe(name)).status == "InService"

    await until(in_service, seconds=120, what="the endpoint", every=0.3)
    described = await services.endpoints.describe(name)
    assert described.job_name == "whole-job"
    await services.endpoints.delete(await services.endpoints.deletion_plan(name))

    async def is_stopped() -> bool:
        found = {instance.id: instance for instance in await compute.instances.all()}[where.id]
        return found.state == "stopped" and found.reason_code == "Client.InstanceInitiatedShutdown"

    await until(is_stopped, seconds=150, what="the instance that shuts itself down", every=0.5)
    await compute.instances.terminate(where.id)
    services.close()


async def _saw(services: Services, command: Command, words: str) -> bool:
    return words in await output(services, command)


def test_the_whole_story(sandbox: SandboxProcess) -> None:
    asyncio.run(story(sandbox))


def test_a_line_runs_and_a_killed_one_says_so(sandbox: SandboxProcess) -> None:
    async def lines() -> tuple[str, Command]:
        services = services_of(sandbox)
        where = await launched(services, name="lines")
        quick = await services.compute.commands.run(where, "echo $((6*7)); id -un >&2", bucket=BUCKET)
        await ended(services, quick)
        await until(lambda: _saw(services, quick, "42"), what="the output", every=0.2)
        slow = await services.compute.commands.run(where, "echo begun; sleep 600")
        await until(lambda: _saw(services, slow, "begun"), what="the first line", every=0.2)
        await services.compute.commands.cancel(slow)
        killed = await ended(services, slow)
        text = await output(services, quick)
        await services.compute.instances.terminate(where.id)
        services.close()
        return text, killed

    text, killed = asyncio.run(lines())
    assert "42" in text and killed.state == "Cancelled"
