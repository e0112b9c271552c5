"""A signal to end is obeyed whatever the main thread is doing at that moment."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest

from sandbox import __main__ as program

NUMBERS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in NUMBERS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Serving:
    """A sandbox whose main thread holds a lock that its own end needs, as when it starts a thread or sets an event."""

    def __init__(self, *numbers: signal.Signals) -> None:
        self.numbers, self.lock, self.ended = numbers, threading.Lock(), threading.Event()
        self.stops = 0

    def run(self) -> None:
        with self.lock:
            for number in self.numbers:
                signal.raise_signal(number)
        assert self.ended.wait(60)

    def stop(self) -> None:
        assert self.lock.acquire(timeout=10), "it waits for what its own thread holds"
        self.stops += 1
        self.ended.set()


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number.name)
def test_a_signal_ends_it_in_the_midst_of_what_it_does(number: signal.Signals) -> None:
    serving = Serving(number)
    assert program._run(cast("Any", serving), "") == 0
    assert serving.stops == 1


def test_more_signals_do_not_end_it_more_often() -> None:
    serving = Serving(*NUMBERS, signal.SIGTERM)
    assert program._run(cast("Any", serving), "") == 0
    assert serving.stops == 1
