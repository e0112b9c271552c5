"""A log in sight gets every new line once, for as long as something writes it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from console.follow.log import MOST_PAGES, LogFollower, Page
from console.tasks import TaskRegistry
from tests.helpers.waiting import until
from workers.errors.tree import AccessDenied
from workers.types import LogEvent


class View:
    """What a ``LogFollower`` uses of a log view."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.placeholder, self.live = "", False

    def clear(self) -> None:
        self.lines = []

    def set_placeholder(self, text: str) -> None:
        self.placeholder = text

    def set_live(self, live: bool) -> None:
        self.live = live

    def append_events(self, events: Sequence[LogEvent]) -> None:
        self.lines += [event.message for event in events]


class Context:
    """An ``AppContext`` that is connected."""

    def __init__(self) -> None:
        self.reported: list[BaseException] = []
        self.tasks = TaskRegistry(lambda _, error: self.reported.append(error))

    def with_services(self, work: Any, *rest: Any, **options: Any) -> Any:
        return self.tasks.start(work(object(), *rest), **options)


class Log:
    """Grows by what is given to ``write``; a page holds two lines, the position is the number of lines read."""

    def __init__(self, *lines: str) -> None:
        self.lines = list(lines)
        self.pages = 0

    async def read(self, services: Any, position: str | None) -> Page:
        await asyncio.sleep(0)
        self.pages += 1
        begin = int(position or 0)
        taken = self.lines[begin : begin + 2]
        events = [LogEvent(at=datetime(2026, 1, 1, tzinfo=UTC), message=line, stream="s") for line in taken]
        return events, str(begin + len(taken))


def follower(failed: Any = None) -> tuple[LogFollower, View, Context]:
    view, ctx = View(), Context()
    made: Any = LogFollower(ctx, view, "log", seconds=0.0, failed=failed)  # type: ignore[arg-type]
    return made, view, ctx


async def all_over(ctx: Context) -> None:
    await until(lambda: not len(ctx.tasks))


def test_lines_arrive_while_it_goes_on_and_the_last_ones_after_its_end() -> None:
    async def body() -> None:
        made, view, ctx = follower()
        log, given, ended, live = Log("1", "2", "3"), list[str](), list[str](), list[bool]()
        later = iter([["4"], ["5", "6", "7"]])

        async def goes_on(_: Any) -> bool:
            live.append(view.live)
            more = next(later, None) if view.lines else []
            log.lines += more or []
            if more is None:
                log.lines.append("last words")
            return more is not None

        async def lines(events: Sequence[LogEvent]) -> None:
            given.extend(event.message for event in events)

        async def end(_: Any) -> None:
            ended.append(view.lines[-1])

        made.follow(log.read, goes_on=goes_on, lines=lines, ended=end, nothing="It wrote nothing")
        assert view.placeholder == "Waiting for the first line…"
        await all_over(ctx)
        assert view.lines == given == [*"1234567", "last words"]
        assert ended == ["last words"] and not view.live and live[1:] == [True, True, True]
        assert view.placeholder == "It wrote nothing" and ctx.reported == []

    asyncio.run(body())


def test_another_log_takes_its_place() -> None:
    async def body() -> None:
        made, view, ctx = follower()
        made.follow(Log("old").read)
        await until(lambda: view.lines == ["old"])
        made.follow(Log("new").read)
        assert view.lines == []
        await until(lambda: view.lines == ["new"])
        assert not view.live, "a log without an end has no last line that is worth a colour"
        made.stop()
        await all_over(ctx)
        assert view.lines == ["new"]

    asyncio.run(body())


def test_a_huge_log_lets_its_job_be_asked_for_between() -> None:
    async def body() -> None:
        made, view, ctx = follower()
        log, asked = Log(*map(str, range(5 * MOST_PAGES))), list[int]()

        async def goes_on(_: Any) -> bool:
            asked.append(len(view.lines))
            return len(view.lines) < len(log.lines)

        made.follow(log.read, goes_on=goes_on)
        await all_over(ctx)
        assert asked == [0, 2 * MOST_PAGES, 4 * MOST_PAGES, 5 * MOST_PAGES]

    asyncio.run(body())


def test_an_error_is_said_where_lines_would_be_or_handed_on() -> None:
    async def refused(services: Any, position: str | None) -> Page:
        raise AccessDenied("The log may not be read", "logs:GetLogEvents")

    async def body() -> None:
        made, view, ctx = follower()
        made.follow(refused)
        await all_over(ctx)
        assert view.placeholder == "The log cannot be read: The log may not be read" and ctx.reported == []
        taken: list[BaseException] = []
        made, view, ctx = follower(taken.append)
        made.follow(refused)
        await all_over(ctx)
        assert [type(error) for error in taken] == [AccessDenied]

    asyncio.run(body())
