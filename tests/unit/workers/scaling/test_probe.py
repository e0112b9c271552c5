"""A probe goes up until more requests at a time bring no more, and never beyond its bounds."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from workers.scaling.probe import (
    MOST_AT_ONCE,
    MOST_REQUESTS,
    MOST_SECONDS,
    WARM_UP,
    ProbeRequest,
    ProbeResult,
    Sample,
    is_flat,
    level_of,
    most_dollars,
    probe,
    share,
    steps,
)
from workers.types import Backend

BACKEND = Backend("sandbox", "Sandbox", "us-east-1")


class Server:
    """Works on ``workers`` requests at a time, each for ``seconds``; time passes only here."""

    def __init__(self, workers: int, seconds: float, fails_at: int = 10**6) -> None:
        self.workers, self.seconds, self.fails_at = workers, seconds, fails_at
        self.now, self.asked = 0.0, [0][:0]

    def measure(self, threads: int, requests: int, seconds: float) -> Sample:
        each = self.seconds * max(1.0, threads / self.workers)
        rounds = max(1, min(requests // threads, int(seconds / each)))
        self.asked.append(rounds * threads)
        self.now += rounds * each
        if threads >= self.fails_at:
            return Sample((each,) * (rounds * threads - 1), rounds * each, 1, "No worker is available")
        return Sample((each,) * (rounds * threads), rounds * each)


def ran(server: Server, instances: int = 1, stopped: Callable[[], bool] = lambda: False) -> ProbeResult:
    request = ProbeRequest(BACKEND, "dogs", "AllTraffic", instances)
    return probe(request, server.measure, lambda: server.now, stopped)


def test_it_ends_where_more_at_a_time_brings_no_more() -> None:
    found = ran(Server(workers=4, seconds=0.1))
    assert [level.at_once for level in found.levels] == [1, 2, 4, 8]
    assert found.ended == "flat" and found.best is not None
    assert (found.best.at_once, round(found.best.per_second), round(found.best.mean, 6)) == (4, 40, 0.1)


def test_several_instances_are_asked_alike_and_what_counts_is_one_of_them() -> None:
    found = ran(Server(workers=6, seconds=0.1), instances=3)
    assert found.best is not None and (found.best.at_once, round(found.best.per_second)) == (2, 20)


def test_the_first_answers_are_not_counted() -> None:
    server = Server(workers=1, seconds=0.1)
    found = ran(server)
    assert server.asked[0] == WARM_UP and found.requests == sum(server.asked)
    assert sum(level.requests for level in found.levels) == found.requests - WARM_UP


def test_an_error_ends_it_and_that_level_does_not_count() -> None:
    found = ran(Server(workers=64, seconds=0.1, fails_at=4))
    assert found.ended == "errors" and found.levels[-1].problem == "No worker is available"
    assert found.best is not None and found.best.at_once == 2


def test_who_stops_it_keeps_what_was_measured() -> None:
    server = Server(workers=64, seconds=0.1)
    found = ran(server, stopped=lambda: len(server.asked) > 2)
    assert found.ended == "stopped" and [level.at_once for level in found.levels] == [1]


@given(st.integers(1, 100), st.floats(0.001, 70), st.integers(1, 20), st.integers(1, 200))
def test_it_never_goes_beyond_its_bounds(workers: int, seconds: float, instances: int, fails_at: int) -> None:
    server = Server(workers, seconds, fails_at)
    found = ran(server, instances)
    assert sum(server.asked) == found.requests <= MOST_REQUESTS
    # What is under way when the time is over is waited for.
    assert server.now <= MOST_SECONDS + seconds * MOST_AT_ONCE / min(workers, MOST_AT_ONCE) + 2 * seconds * instances
    assert all(level.at_once * instances <= max(MOST_AT_ONCE, instances) for level in found.levels)


def test_levels_double_up_to_what_may_be_asked_at_a_time() -> None:
    assert steps(1) == (1, 2, 4, 8, 16, 32, 64)
    assert steps(5) == (1, 2, 4, 8)
    assert steps(100) == (1,)


def test_figures_of_a_level() -> None:
    level = level_of(2, 2, Sample((0.1, 0.3, 0.2, 0.2), 0.5))
    assert (level.requests, level.per_second, round(level.mean, 3), level.p50, level.p90) == (4, 4.0, 0.2, 0.2, 0.3)
    assert share([], 0.9) == 0.0 and share([1.0, 2.0], 0.5) == 1.0
    assert not is_flat([level])


def test_what_the_data_costs() -> None:
    assert most_dollars(6_000_000, 1000) < 0.1
    assert most_dollars(40_000) < 0.01
