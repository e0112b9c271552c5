"""The overview's story through the real widgets, against a real sandbox process: seen, settled, taken down, proven."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console.tabs import TABS
from console.tour.story import Story
from workers.account import sandbox as local_account
from workers.services import Services


def furnish(services: Services) -> None:
    """Two volumes, of which nobody needs one, an instance, a bucket with an object and logs kept for ever."""
    client = services.session.client
    ec2: Any = client("ec2")
    ec2.create_volume(AvailabilityZone="us-east-1a", Size=60, VolumeType="gp3")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    made = ec2.run_instances(ImageId=image, InstanceType="t3.xlarge", MinCount=1, MaxCount=1)
    # One that is only coming does not bill.
    running = ec2.get_waiter("instance_running")
    running.wait(InstanceIds=[made["Instances"][0]["InstanceId"]], WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    ec2.allocate_address()
    for name in ("/aws/sagemaker/TrainingJobs", "/aws/lambda/dogs"):
        client("logs").create_log_group(logGroupName=name)
    s3 = client("s3")
    s3.create_bucket(Bucket="story-pictures")
    s3.put_object(Bucket="story-pictures", Key="dogs/1.jpg", Body=b"dog")


def left(services: Services) -> dict[str, list[Any]]:
    """What AWS's own lists say is there."""
    client = services.session.client
    ec2: Any = client("ec2")
    instances = [instance for group in ec2.describe_instances()["Reservations"] for instance in group["Instances"]]
    return {
        "instances": [instance["InstanceId"] for instance in instances if instance["State"]["Name"] != "terminated"],
        "volumes": ec2.describe_volumes()["Volumes"],
        "addresses": ec2.describe_addresses()["Addresses"],
        "buckets": client("s3").list_buckets()["Buckets"],
    }


@pytest.mark.integration
async def test_everything_is_seen_settled_and_taken_down(tmp_path: Path, make_application: Callable[..., Any]) -> None:
    state = tmp_path / "sandbox"
    application = make_application(specs=TABS, state_dir=state)
    application.window.resize(1440, 900)
    application.show()
    story = Story(application, tmp_path / "dogs")
    try:
        await story.connect()
        services = application.ctx.services
        await asyncio.to_thread(furnish, services)
        application.window.refresh()
        await story.overview()
        await story.notebook("story-notebook")
        await story.idle()
        await story.tear_down()
        nothing = await asyncio.to_thread(left, services)
    finally:
        await local_account.stop(state)
    seen, notebook, idle, gone = (step.result for step in story.steps[1:])
    # Where JupyterLab is not installed, the window says so.
    jupyter = importlib.util.find_spec("jupyterlab") is not None
    assert notebook.get("page") == "JupyterLab" if jupyter else "JupyterLab is not installed" in notebook["why"]
    assert seen["per_hour"] == "$0.18" and seen["resources"] >= 7
    assert idle["idle"] >= 3 and gone["gone"] >= 6
    assert nothing == {"instances": [], "volumes": [], "addresses": [], "buckets": []}
