"""Asynchronous calls: tried again as Lambda does, and kept on disk until they are done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.core.state import Database
from sandbox.functions import queue as functions_queue
from sandbox.functions.queue import EventQueue


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "db")
    yield database
    database.close()


class Function:
    """Answers its calls with ``outcomes`` in order and tells when they are used up."""

    def __init__(self, *outcomes: bool | None) -> None:
        self.outcomes, self.done = list(outcomes), threading.Event()
        self.calls: list[tuple[str, ...]] = []

    def __call__(self, name: str, qualifier: str, event: str, request_id: str) -> bool | None:
        self.calls.append((name, qualifier, event, request_id))
        outcome = self.outcomes.pop(0)
        if not self.outcomes:
            self.done.set()
        return outcome


def rows(db: Database) -> int:
    return int(db.query("SELECT count(*) AS n FROM function_events")[0]["n"])


def settled(db: Database, queue: EventQueue) -> bool:
    deadline = threading.Event()
    for _ in range(500):
        if not queue.waiting() and rows(db) == 0:
            return True
        deadline.wait(0.01)
    return False


@pytest.mark.parametrize(
    ("outcomes", "calls"),
    [
        ((True,), 1),
        ((False, True), 2),
        # Twice more, then it is given up.
        ((False, False, False), 3),
        # Being throttled is no failed try.
        ((None, None, None, False, False, False), 6),
    ],
)
def test_tries(db: Database, monkeypatch: pytest.MonkeyPatch, outcomes: tuple[bool | None, ...], calls: int) -> None:
    monkeypatch.setattr(functions_queue, "RETRY_SECONDS", (0.01, 0.02))
    monkeypatch.setattr(functions_queue, "THROTTLED_SECONDS", (0.01, 0.02))
    function = Function(*outcomes)
    queue = EventQueue(db, function)
    queue.put("f", "live", '{"a": 1}', "r1")
    assert function.done.wait(10) and settled(db, queue)
    assert function.calls == [("f", "live", '{"a": 1}', "r1")] * calls
    queue.close()


def test_the_pauses_are_those_of_lambda() -> None:
    assert functions_queue.RETRY_SECONDS == (60.0, 120.0)
    assert functions_queue.MAX_AGE_SECONDS == 6 * 3600


def test_what_was_accepted_runs_after_the_next_start(db: Database) -> None:
    first = EventQueue(db, Function())
    first.close()
    first.put("f", "", "{}", "r1")
    first.put("gone", "", "{}", "r2")
    first.forget("gone")
    function = Function(True)
    second = EventQueue(db, function)
    assert second.waiting() and not function.calls
    second.resume()
    assert function.done.wait(10) and settled(db, second)
    assert function.calls == [("f", "", "{}", "r1")]
    second.close()


def test_a_call_that_fails_waits_on_disk(db: Database) -> None:
    function = Function(False)
    queue = EventQueue(db, function)
    queue.put("f", "", "{}", "r1")
    assert function.done.wait(10)
    queue.close()
    assert rows(db) == 1
