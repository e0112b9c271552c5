"""Waiting for the job that prepares features."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import cast

import pytest

from workers.aws.session import AwsSession
from workers.training.jobs import Training
from workers.tuning import features
from workers.tuning.features import Features
from workers.types import TrainingJob

CREATED = datetime(2026, 1, 1, tzinfo=UTC)


class Slow:
    """Stands for the training jobs: one that ends after so many seconds, on a clock that only waiting moves."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.now, self.asked = seconds, 0.0, 0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    async def describe(self, name: str) -> TrainingJob:
        self.asked += 1
        status = "InProgress" if self.now < self.seconds else "Completed"
        return TrainingJob(name, status, CREATED, model_uri="s3://bucket/model.tar.gz")  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [1.3, 7, 31, 44.4, 61, 90, 300, 3000])
def test_the_end_of_a_preparation_is_seen_soon_and_few_questions_are_asked(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(seconds)
    monkeypatch.setattr(features.asyncio, "sleep", slow.sleep)
    finder = Features(cast(AwsSession, None), cast(Training, slow))
    assert asyncio.run(finder._finished("features-1")) == "s3://bucket/model.tar.gz"
    assert slow.now - seconds <= 0.3 + 0.02 * seconds
    assert slow.asked <= 2 + 100 + seconds / 5
