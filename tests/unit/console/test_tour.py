"""The tour: how long it waits, and what it tells of others' listings."""

from __future__ import annotations

import asyncio
import itertools
from types import SimpleNamespace
from typing import Any

import pytest

from console.tour import hands
from console.tour.hands import STEP_SECONDS, Hands, StoryFailed
from console.tour.listings import LISTINGS, Left, told


async def at_once(_: float) -> None:
    return None


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch) -> Hands:
    """Every look at its clock is a third of its patience later."""
    clock = itertools.count(0.0, STEP_SECONDS / 3)
    monkeypatch.setattr(hands, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr(hands, "asyncio", SimpleNamespace(sleep=at_once))
    application: Any = SimpleNamespace(activity=SimpleNamespace(history=[]))
    return Hands(application)


def test_what_moves_is_waited_for_and_what_stands_still_is_not(story: Hands) -> None:
    looks, steps = itertools.count(), itertools.count()
    # The story's own waiting is what is tested.
    wait = story._until
    asyncio.run(wait(lambda: next(looks) > 50, "it stopped", lambda: next(steps)))
    with pytest.raises(StoryFailed, match="it stopped"):
        asyncio.run(wait(lambda: False, "it stopped", lambda: "the same"))
    with pytest.raises(StoryFailed, match="it stopped"):
        asyncio.run(wait(lambda: False, "it stopped"))


@pytest.mark.parametrize(
    ("left", "nothing"),
    [
        ([Left("a"), Left("b")], True),
        ([Left("a"), Left("b", ("vol-1",))], False),
        ([Left("a"), Left("b", error="denied")], False),
        ([], None),
    ],
)
def test_nothing_bills_only_when_every_listing_is_had_and_empty(left: list[Left], nothing: bool | None) -> None:
    assert told(left)["nothing_bills"] is nothing


def test_each_kind_is_listed_once() -> None:
    assert len({command for command, _ in LISTINGS}) == len(LISTINGS)
