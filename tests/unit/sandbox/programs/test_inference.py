"""The queue of an endpoint's inference process: which of its threads gets the next request."""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[4] / "sandbox" / "programs" / "inference.py"


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A queue; the program that it is in changes where modules are looked for."""
    monkeypatch.setattr("sys.path", [])
    spec = importlib.util.spec_from_file_location("inference_program", PROGRAM)
    assert spec is not None and spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    return program.Waiting()


class Taker(threading.Thread):
    """Takes requests until the end, and says after each that it waits again by ``taken``."""

    def __init__(self, waiting: Any, taken: list[tuple[str, Any]], name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._waiting, self._taken = waiting, taken
        self.answered = threading.Semaphore(0)

    def run(self) -> None:
        while (request := self._waiting.get()) is not None:
            self._taken.append((self.name, request))
            self.answered.release()


def _all_wait(waiting: Any, count: int) -> None:
    pause = threading.Event()
    for _ in range(3000):
        if len(waiting._free) == count:
            return
        pause.wait(0.01)
    pytest.fail(f"{len(waiting._free)} of {count} threads wait")


def _end(waiting: Any, takers: list[Taker]) -> None:
    waiting.end()
    for taker in takers:
        taker.join(30)
        assert not taker.is_alive()


def test_one_callers_requests_are_answered_by_one_thread(waiting: Any) -> None:
    taken: list[tuple[str, Any]] = []
    takers = [Taker(waiting, taken, f"stream {number}") for number in range(3)]
    for number, taker in enumerate(takers, start=1):
        taker.start()
        _all_wait(waiting, number)
    for number in range(6):
        waiting.put(({"id": number}, b""))
        assert takers[-1].answered.acquire(timeout=30)
        _all_wait(waiting, 3)
    _end(waiting, takers)
    assert taken == [("stream 2", ({"id": number}, b"")) for number in range(6)]


def test_every_request_is_taken_once_by_whoever_is_free_and_those_before_the_end_too(waiting: Any) -> None:
    taken: list[tuple[str, Any]] = []
    takers = [Taker(waiting, taken, f"stream {number}") for number in range(4)]
    for taker in takers[:2]:
        taker.start()
    for number in range(500):
        waiting.put(number)
    for taker in takers[2:]:
        taker.start()
    _end(waiting, takers)
    assert sorted(request for _name, request in taken) == list(range(500))
    assert waiting.get_now() is None


def test_what_waits_is_counted_and_taken_in_the_order_in_which_it_came(waiting: Any) -> None:
    assert waiting.get_now() is None
    for number in range(3):
        waiting.put(number)
    assert waiting.count() == 3
    assert [waiting.get_now(), waiting.get(), waiting.get_now(), waiting.get_now()] == [0, 1, 2, None]
