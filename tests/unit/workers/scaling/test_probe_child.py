"""The threads that ask: no more requests than wanted, an end for all at the first failure, and at the wish to stop."""

from __future__ import annotations

import threading

import pytest

from workers.scaling.probe_child import Asker

LONG = 3600.0


class Endpoint:
    """Counts who asks at a time; the request ``fails_at`` is refused, and at ``stops_at`` somebody stops it."""

    def __init__(self, fails_at: int = 0, stops_at: int = 0) -> None:
        self.stop = threading.Event()
        self.asked, self._fails_at, self._stops_at = 0, fails_at, stops_at
        self._lock = threading.Lock()

    def ask(self) -> None:
        with self._lock:
            self.asked += 1
            number = self.asked
        if number == self._stops_at:
            self.stop.set()
        if number == self._fails_at:
            raise ConnectionError("No worker is available")


def test_as_many_requests_as_wanted_are_sent_by_as_many_threads() -> None:
    together = threading.Barrier(4, timeout=30)
    sample = Asker(together.wait, threading.Event()).measure(4, 40, LONG)
    assert (len(sample.latencies), sample.failed) == (40, 0) and sample.seconds > 0


def test_the_first_failure_ends_all_threads_and_is_told() -> None:
    endpoint = Endpoint(fails_at=10)
    sample = Asker(endpoint.ask, endpoint.stop).measure(3, 10_000, LONG)
    assert sample.failed == 1 and sample.problem == "No worker is available"
    assert endpoint.asked < 10_000 and len(sample.latencies) == endpoint.asked - 1


def test_where_nothing_is_answered_the_error_itself_comes_back() -> None:
    endpoint = Endpoint(fails_at=1)
    with pytest.raises(ConnectionError):
        Asker(endpoint.ask, endpoint.stop).measure(1, 10, LONG)


def test_it_stops_when_it_is_asked_to_or_the_time_is_over() -> None:
    endpoint = Endpoint(stops_at=5)
    sample = Asker(endpoint.ask, endpoint.stop).measure(1, 10_000, LONG)
    assert len(sample.latencies) == 5
    late = Endpoint()
    assert Asker(late.ask, late.stop).measure(2, 10_000, -1.0).latencies == ()
