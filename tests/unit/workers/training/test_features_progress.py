"""How far the pass over the pictures is, from the lines that the training script itself prints."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.workers.fake_aws import FakeRoles, FakeSession
from workers.training.features_progress import FeaturesProgress, ProgressReader
from workers.training.jobs import Training
from workers.types import LogEvent

AT = datetime(2026, 1, 31, tzinfo=UTC)


def events(*lines: str) -> list[LogEvent]:
    return [LogEvent(AT, line) for line in lines]


def test_the_time_left_counts_down_and_is_unknown_without_a_rate() -> None:
    progress = FeaturesProgress(136, 297, 4.6, AT)
    assert progress.fraction == pytest.approx(136 / 297)
    assert progress.seconds_left(AT) == pytest.approx(35)
    assert progress.seconds_left(AT + timedelta(seconds=5)) == pytest.approx(30)
    assert progress.seconds_left(AT + timedelta(hours=1)) == 0
    assert FeaturesProgress(0, 297, 0.0, AT).seconds_left(AT) is None
    assert FeaturesProgress(0, 0, 0.0, AT).fraction == 0


@pytest.mark.parametrize("after", ["features: prepared, content hash 0123", "epoch=1/10 train_loss=0.5"])
def test_after_the_pass_there_is_no_progress_of_it(after: str) -> None:
    reader = ProgressReader()
    assert reader.feed(events("data: 2 classes", "features: 2 of 4 pictures, 0.0 pictures/s")) is not None
    assert reader.feed(events("skipped a.jpg: damaged")) is not None
    assert reader.feed(events(after)) is None


def test_only_what_is_new_in_the_log_is_read() -> None:
    pages = [
        {
            "events": [{"timestamp": 0, "message": "features: 2 of 4 pictures, 1.0 pictures/s"}],
            "nextForwardToken": "f/1",
        },
        {"events": [], "nextForwardToken": "f/1"},
    ]
    account = FakeSession(
        describe_log_streams=lambda **_: {"logStreams": [{"logStreamName": "dogs-1/algo-1"}]},
        get_log_events=lambda **_: pages.pop(0) if len(pages) > 1 else pages[0],
    )
    training = Training(account, None, FakeRoles())  # type: ignore[arg-type]

    async def body() -> list[FeaturesProgress | None]:
        return [await training.features_progress("dogs-1") for _ in range(2)]

    found = asyncio.run(body())
    assert found[0] is not None and found[0].done == 2 and found[1] == found[0]
