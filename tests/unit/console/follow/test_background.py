"""What is under way is read until it has ended, whatever it is; one failed reading is no failed job."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from console.activity.model import ActivityItem, ActivityModel
from console.context import AppContext
from console.follow.background import Follower
from console.look.theme import theme
from console.notify import Notifier
from tests.helpers.waiting import until
from workers.errors.tree import NotFound, Throttled


@dataclass(frozen=True)
class Run:
    """Something that no tab has: followers must not be bound to what Training follows."""

    name: str
    percent: int
    state: str = "running"


class RunFollower(Follower[Run]):
    kind, tab, verb, noun, icon = "run", "training", "Running", "run", "training"
    poll_seconds = slow_poll_seconds = 0.0

    def under_way(self, run: Run) -> bool:
        return run.state == "running"

    async def read(self, services: Any, name: str) -> Run:
        return await services.read(name)

    def show(self, item: ActivityItem, run: Run) -> None:
        item.progress(run.percent / 100, f"{run.percent} %")

    def tell_end(self, item: ActivityItem, run: Run) -> None:
        if run.state == "done":
            item.done("done")
        else:
            self.failed(item, run, "it broke\nand more", "Its log says why.")


class Account:
    """Answers a reading with the next of ``answers``: a ``Run``, or an error that is raised."""

    def __init__(self, *answers: Run | Exception) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def read(self, name: str) -> Run:
        await asyncio.sleep(0)
        self.asked += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Desk:
    ctx: AppContext
    follower: RunFollower
    texts: list[str]
    changed: list[tuple[str, str]]

    def item(self) -> ActivityItem:
        [item] = [*self.ctx.activity.running, *self.ctx.activity.history]
        return item

    async def all_over(self) -> None:
        await until(lambda: not len(self.ctx.tasks))


def at_a_desk(body: Callable[[Desk], Awaitable[None]], services: Any) -> None:
    async def run() -> None:
        ctx = AppContext(
            settings=SimpleNamespace(),  # type: ignore[arg-type]
            theme=theme(),
            activity=ActivityModel(),
            notify=Notifier(),
        )
        ctx.services = services
        desk = Desk(ctx, RunFollower(ctx), [], [])
        ctx.activity.changed.connect(lambda item: desk.texts.append(item.text))
        ctx.resourceChanged.connect(lambda kind, name: desk.changed.append((kind, name)))
        await asyncio.wait_for(body(desk), 60)

    asyncio.run(run())


def test_it_is_read_until_it_has_ended() -> None:
    account = Account(Run("a", 40), Run("a", 80), Run("a", 100, "done"))

    async def body(desk: Desk) -> None:
        desk.follower.follow(Run("a", 10))
        await desk.all_over()
        assert (desk.item().title, desk.item().state, desk.item().text) == ("Running a", "done", "done")
        assert [text for text in desk.texts if text.endswith("%")] == ["10 %", "40 %", "80 %"]
        assert desk.changed == [("run", "a")]

    at_a_desk(body, account)


def test_it_is_followed_once_and_again_after_its_end() -> None:
    account = Account(Run("a", 100, "done"), Run("a", 100, "done"))

    async def body(desk: Desk) -> None:
        desk.follower.follow(Run("a", 10))
        desk.follower.follow(Run("a", 20))
        await desk.all_over()
        assert account.asked == 1
        desk.follower.follow(Run("a", 100, "done"))
        assert len(desk.ctx.tasks) == 0
        desk.follower.follow(Run("a", 10))
        await desk.all_over()
        assert account.asked == 2

    at_a_desk(body, account)


def test_a_failed_reading_is_said_and_tried_again() -> None:
    throttled = Throttled("AWS asks to wait", "")
    account = Account(throttled, throttled, Run("a", 60), Run("a", 100, "done"))

    async def body(desk: Desk) -> None:
        desk.follower.follow(Run("a", 30))
        await desk.all_over()
        said = [text for text in desk.texts if text != "done"]
        assert said == ["30 %", "AWS asks to wait", "AWS asks to wait", "60 %"], "old progress must not hide the error"
        assert desk.item().state == "done"

    at_a_desk(body, account)


def test_one_that_is_deleted_is_told() -> None:
    async def body(desk: Desk) -> None:
        desk.follower.follow(Run("a", 30))
        await desk.all_over()
        assert desk.item().state == "failed" and desk.item().text == "The run is gone."
        assert desk.changed == []

    at_a_desk(body, Account(NotFound("There is no a", "")))


def test_a_failure_is_told_with_the_way_to_its_reason() -> None:
    async def body(desk: Desk) -> None:
        told: list[Any] = []
        gone: list[tuple[str, Any]] = []
        desk.ctx.notify.listen(told.append)
        desk.ctx.navigateRequested.connect(lambda tab, payload: gone.append((tab, payload)))
        desk.follower.follow(Run("a", 30))
        await desk.all_over()
        assert desk.item().text == "it broke"
        [message] = told
        assert message.title == "a failed"
        desk.follower.shown("a")[1]()
        assert gone == [("training", {"run": "a"})]

    at_a_desk(body, Account(Run("a", 30, "failed")))


@pytest.mark.parametrize("polls, seconds", [(0, 3.0), (39, 3.0), (40, 15.0), (4000, 15.0)])
def test_what_takes_long_is_asked_for_less_often(polls: int, seconds: float) -> None:
    follower = RunFollower(SimpleNamespace())  # type: ignore[arg-type]
    follower.poll_seconds, follower.slow_poll_seconds = 3.0, 15.0
    assert follower.pause(polls) == seconds


def test_it_goes_on_when_the_account_is_left() -> None:
    class Silent:
        async def read(self, name: str) -> Run:
            await asyncio.get_running_loop().create_future()
            raise AssertionError

        def close(self) -> None:
            pass

    async def body(desk: Desk) -> None:
        desk.follower.follow(Run("a", 30))
        await asyncio.sleep(0)
        desk.ctx.leave()
        await desk.all_over()
        assert desk.item().state == "cancelled"
        assert desk.item().text == "not followed any more; the run goes on"
        desk.follower.follow(Run("a", 30))
        assert len(desk.ctx.tasks) == 0, "without an account there is nothing to follow"

    at_a_desk(body, Silent())
