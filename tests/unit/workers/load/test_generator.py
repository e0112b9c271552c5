"""The open loop in time that a test makes: nothing here waits for a clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.load.arrivals import Shape, arrivals
from workers.load.generator import FATAL_IN_A_ROW, Exchange, Generator
from workers.load.outcome import GOOD, TIMEOUT, Outcome
from workers.load.types import LoadEnd, LoadProgress, Second, Totals


class MadeTime(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next thing to do."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        # asyncio's own lists: there is no other way to a clock that nobody waits for.
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self.now = max(self.now, self._scheduled[0].when())  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


def in_made_time(make: Callable[[MadeTime], Coroutine[Any, Any, LoadEnd]]) -> LoadEnd:
    with asyncio.Runner(loop_factory=MadeTime) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, MadeTime)
        return runner.run(make(loop))


def sent(
    shape: Shape,
    exchange: Exchange,
    told: list[LoadProgress] | None = None,
    stop_at: float | None = None,
    **bounds: Any,
) -> LoadEnd:
    async def body(loop: MadeTime) -> LoadEnd:
        told_to = told if told is not None else []
        generator = Generator(exchange, told_to.append, timeout=70, **bounds)
        if stop_at is not None:
            loop.call_at(stop_at, generator.stop)
        return await generator.run(arrivals(shape))

    return in_made_time(body)


def whole(totals: Totals) -> bool:
    return (
        totals.intended == totals.sent + totals.not_sent
        and totals.sent == totals.answered + totals.failed + totals.unanswered
        and totals.open == totals.waiting == 0
    )


def seconds_of(told: list[LoadProgress], end: LoadEnd) -> list[Second]:
    return [second for progress in told for second in progress.seconds] + list(end.seconds)


def server(seconds: float, still_from: float = 0.0, still_seconds: float = 0.0, outcome: Outcome = GOOD) -> Exchange:
    async def exchange() -> Outcome:
        now = asyncio.get_running_loop().time()
        if still_from <= now < still_from + still_seconds:
            # Made time: nobody waits.
            await asyncio.sleep(still_from + still_seconds - now)
        # As above.
        await asyncio.sleep(seconds)
        return outcome

    return exchange


def test_a_server_that_stands_still_for_six_seconds_shows_in_p99() -> None:
    told: list[LoadProgress] = []
    end = sent(Shape("constant", 50, 60), server(0.02, still_from=30, still_seconds=6), told)
    assert end.ended == "done" and whole(end.totals) and end.totals.answered == 3000
    latency = end.totals.latency
    assert latency.p50 == pytest.approx(20, rel=0.02)
    # 300 of 3,000 came while it stood still: the worst of them waited for all of it.
    assert latency.p99 is not None and latency.p99 > 5000
    assert latency.worst == pytest.approx(6020, rel=0.02)
    seconds = seconds_of(told, end)
    assert [second.answered for second in seconds[31:35]] == [0] * 4
    assert [second.intended for second in seconds[:60]] == [50] * 60


def test_what_waits_for_a_connection_is_timed_from_when_it_was_meant_to_go() -> None:
    end = sent(Shape("constant", 50, 60), server(0.02, still_from=30, still_seconds=6), most_open=10)
    assert whole(end.totals) and end.totals.sent == 3000
    assert end.totals.latency.p99 is not None and end.totals.latency.p99 > 5000
    # The server itself kept only ten of them waiting.
    assert end.totals.service.p99 is not None and end.totals.service.p99 < 100
    assert end.totals.in_time < 2800 and end.totals.late.p99 is not None and end.totals.late.p99 > 5000


def test_what_has_no_room_is_counted_and_not_sent() -> None:
    end = sent(Shape("constant", 100, 10), server(2.0), most_open=5, most_waiting=20)
    assert whole(end.totals) and end.totals.not_sent > 800
    assert end.totals.intended == 1000


def test_a_test_that_is_stopped_tells_what_it_has() -> None:
    end = sent(Shape("constant", 10, 100), server(30.0), stop_at=5.0)
    assert end.ended == "cancelled" and whole(end.totals)
    assert 40 <= end.totals.intended <= 60 and end.totals.unanswered == end.totals.sent
    assert end.elapsed < 10


def test_errors_are_counted_by_code_and_are_no_latency() -> None:
    told: list[LoadProgress] = []
    end = sent(Shape("constant", 10, 5), server(0.0, outcome=TIMEOUT), told)
    assert end.totals.failed == 50 and end.totals.latency.p99 is None
    assert [(error.code, error.count) for error in end.totals.errors] == [("Timeout", 50)]
    assert sum(error.count for second in seconds_of(told, end) for error in second.errors) == 50


def test_what_is_gone_ends_the_test_with_its_words() -> None:
    gone = Outcome("ValidationError", "Endpoint e of account 1 not found.", "gone")
    end = sent(Shape("constant", 10, 100), server(0.0, outcome=gone))
    assert end.ended == "gone" and end.reason == "ValidationError: Endpoint e of account 1 not found."
    assert end.totals.failed == FATAL_IN_A_ROW and whole(end.totals)


def test_one_refusal_among_answers_ends_nothing() -> None:
    answers = iter([Outcome("ValidationError", "not found", "gone"), GOOD] * 50)

    async def exchange() -> Outcome:
        return next(answers)

    assert sent(Shape("constant", 10, 10), exchange).ended == "done"


def test_it_tells_a_few_times_a_second_and_each_second_once() -> None:
    told: list[LoadProgress] = []
    end = sent(Shape("constant", 20, 10), server(0.01), told)
    assert 35 <= len(told) <= 45
    seconds = [second.at for second in seconds_of(told, end)]
    assert seconds == list(range(len(seconds))) and len(seconds) >= 10


@settings(max_examples=30)
@given(
    st.floats(1, 80),
    st.floats(0, 3),
    st.integers(1, 30),
    st.integers(0, 40),
    st.one_of(st.none(), st.floats(0.1, 8)),
)
def test_every_request_is_accounted_for(
    rate: float, service: float, most_open: int, most_waiting: int, stop_at: float | None
) -> None:
    told: list[LoadProgress] = []
    shape = Shape("poisson", rate, 5, seed=7)
    end = sent(shape, server(service), told, stop_at, most_open=most_open, most_waiting=most_waiting)
    assert whole(end.totals)
    if stop_at is None:
        assert end.totals.intended == len(list(arrivals(shape)))
    seconds = seconds_of(told, end)
    assert sum(second.intended for second in seconds) == end.totals.intended
    assert sum(second.sent for second in seconds) == end.totals.sent
    assert sum(second.answered for second in seconds) == end.totals.answered
    for progress in told:
        totals = progress.totals
        assert totals.intended == totals.sent + totals.not_sent + totals.waiting
        assert totals.sent == totals.answered + totals.failed + totals.unanswered + totals.open
