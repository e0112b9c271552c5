"""A signal to end is obeyed whatever the main thread is doing at that moment."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, cast

import pytest

from sandbox import __main__ as program

NUMBERS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in NUMBERS}
    yield
    signal.set_wakeup_fd(-1)
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


class Accepting:
    """A sandbox whose main thread waits for connections, and hears of no signal that another thread was given."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(5)

    def run(self) -> None:
        threading.Thread(target=self._signalled).start()
        with self.listener:
            self.listener.accept()[0].close()

    def _signalled(self) -> None:
        # Nobody is told when the main thread has begun to wait; where it has not, the test proves nothing and passes.
        time.sleep(0.3)
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    def stop(self) -> None:
        socket.create_connection(self.listener.getsockname()).close()


def test_a_signal_that_another_thread_was_given_ends_it() -> None:
    assert program._run(cast("Any", Accepting()), "") == 0
