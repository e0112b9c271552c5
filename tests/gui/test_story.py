"""The whole main job through the real widgets, against a real sandbox process: small numbers, real training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console.tabs import TABS
from console.tour.story import Story
from workers.account import sandbox as local_account


@pytest.mark.integration
async def test_from_sample_pictures_to_the_right_class(tmp_path: Path, make_application: Callable[..., Any]) -> None:
    state = tmp_path / "sandbox"
    application = make_application(specs=TABS, state_dir=state)
    application.window.resize(1440, 900)
    application.show()
    story = Story(application, tmp_path / "dogs")
    try:
        await story.connect()
        await story.samples(classes=3, per_class=12)
        await story.upload()
        await story.train(epochs=8, views=1)
        await story.deploy()
        pictures = sorted((tmp_path / "dogs" / "test").rglob("*.jpg"))[:1]
        await story.predict(pictures)
        predicted = story.steps[-1].result
        await story.function(pictures[0])
        await story.scale()
        await story.reserve(pictures[0])
        await story.load(rate=2, seconds=15)
        await story.park(pictures[0])
        scaled = {step.name: step.result for step in story.steps[-4:]}
        await story.second_function(story.job_name, "dogs-2", pictures[0])
        second = story.steps[-1].result
        await story.delete()
    finally:
        await local_account.stop(state)
    assert scaled["scale the endpoint"]["said"] == "Setting desired instance count to 2."
    assert scaled["reserve concurrency"] == {"reserved": 100, "then": 2, "calls": 3, "throttled": 1}
    assert scaled["load test during an update"] == {"sent": 30, "answered": 30, "lost": 0}
    assert scaled["park and resume"] == {"parked_cost": 0.0, "limits": "1 to 5", "same_answer": True}
    assert second == {"function": "dogs-2-predict", "numbers": 3, "refused": "dogs"}
    assert predicted["pictures"] == 1
    assert predicted["right"] == 1, "the class of the dropped picture is not the top answer"
    uploaded = next(step.result for step in story.steps if step.name == "upload")
    assert uploaded["sent"] == 36 and not uploaded["failed"]
