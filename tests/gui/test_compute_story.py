"""Training on an instance through the real widgets, against a real sandbox process: stopped, whole, deployed, ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console.tabs import TABS
from console.tour.story import Story
from workers.account import sandbox as local_account


@pytest.mark.integration
async def test_train_on_an_instance_and_predict_with_its_model(
    tmp_path: Path, make_application: Callable[..., Any]
) -> None:
    state = tmp_path / "sandbox"
    application = make_application(specs=TABS, state_dir=state)
    application.window.resize(1440, 900)
    application.show()
    story = Story(application, tmp_path / "dogs")
    try:
        await story.connect()
        await story.samples(classes=3, per_class=12)
        await story.upload()
        await story.launch_instance("trainer")
        launched = story.steps[-1].result
        await story.train_on_instance("dogs-stopped", 1000, stop=True)
        stopped = story.steps[-1].result
        await story.train_on_instance("dogs-whole", 8, stop=False)
        await story.deploy_from_instance("dogs-ec2")
        await story.predict(sorted((tmp_path / "dogs" / "test").rglob("*.jpg"))[:1])
        predicted = story.steps[-1].result
        await story.end_instance()
        ended = story.steps[-1].result
        await story.delete()
    finally:
        await local_account.stop(state)
    assert (launched["open_ports"], launched["imdsv2"]) == (0, True)
    assert stopped["state"] == "Stopped" and stopped["model"].endswith("/dogs-stopped/output/model.tar.gz")
    assert predicted["right"] == 1
    assert ended == {"stopped_by": "Client.InstanceInitiatedShutdown", "state": "terminated"}
