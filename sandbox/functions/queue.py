"""Lambda's queue of asynchronous calls. It is in the database, so what was answered with 202 outlives a crash.

As on AWS: a call that fails is tried twice more, after one and after two minutes; one that finds no free
concurrency is tried again, with growing pauses, for six hours.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from sandbox.core.diagnostics import tell_exception
from sandbox.core.state import Database

# Lambda Developer Guide, "Asynchronous invocation": two retries after 1 and 2 minutes; throttled events are
# tried again from 1 second up to 5 minutes apart; an event is kept for 6 hours.
RETRY_SECONDS = (60.0, 120.0)
THROTTLED_SECONDS = (1.0, 300.0)
MAX_AGE_SECONDS = 6 * 3600.0
WORKERS = 8
SCHEMA = """CREATE TABLE IF NOT EXISTS function_events (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, qualifier TEXT NOT NULL, event TEXT NOT NULL,
    sent REAL NOT NULL, due REAL NOT NULL, failures INTEGER NOT NULL, throttles INTEGER NOT NULL)"""

# Runs one call (function, qualifier, event, request id): True when it was done, False when it failed, None when it
# found no free concurrency.
Run = Callable[[str, str, str, str], bool | None]


class EventQueue:
    """Runs what is due, by a few threads that are started with the first event."""

    def __init__(self, db: Database, run: Run) -> None:
        self._db, self._run = db, run
        self._condition = threading.Condition()
        self._running: set[str] = set()
        self._closed = False
        self._workers: list[threading.Thread] = []
        db.execute(SCHEMA)

    def resume(self) -> None:
        """Go on with what a sandbox before this one had accepted."""
        if self._db.one("SELECT 1 FROM function_events LIMIT 1") is not None:
            self._start()

    def put(self, name: str, qualifier: str, event: str, request_id: str) -> None:
        """Accept a call; it is on disk when this returns."""
        now = time.time()
        row = (request_id, name, qualifier, event, now, now, 0, 0)
        self._db.execute("INSERT INTO function_events VALUES (?,?,?,?,?,?,?,?)", row)
        self._start()

    def waiting(self) -> bool:
        """True while a call is under way or will be tried again soon; one that waits longer outlives the process."""
        soon = time.time() + RETRY_SECONDS[-1]
        return bool(self._running) or self._db.one("SELECT 1 FROM function_events WHERE due<?", (soon,)) is not None

    def forget(self, name: str) -> None:
        """Drop the calls of a function that was deleted."""
        self._db.execute("DELETE FROM function_events WHERE name=?", (name,))

    def close(self) -> None:
        """Start nothing more. What is left stays for the next start."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def _start(self) -> None:
        with self._condition:
            if not self._workers and not self._closed:
                self._workers = [
                    threading.Thread(target=self._work, name=f"lambda events {number}", daemon=True)
                    for number in range(WORKERS)
                ]
                for worker in self._workers:
                    worker.start()
            self._condition.notify()

    def _work(self) -> None:
        while (row := self._next()) is not None:
            try:
                done = self._run(row["name"], row["qualifier"], row["event"], row["id"])
            except Exception as exc:
                # A fault of ours counts as a failed try: the worker must go on with the other calls.
                tell_exception(exc)
                done = False
            self._settle(row, done)

    def _next(self) -> dict[str, str] | None:
        """The next call that is due; waits for one. None when the queue was closed."""
        with self._condition:
            while not self._closed:
                now = time.time()
                rows = self._db.query("SELECT * FROM function_events ORDER BY due LIMIT ?", (WORKERS + 1,))
                free = [row for row in rows if row["id"] not in self._running]
                if free and free[0]["due"] <= now:
                    self._running.add(free[0]["id"])
                    return dict(free[0])
                self._condition.wait(max(0.01, free[0]["due"] - now) if free else None)
        return None

    def _settle(self, row: dict[str, str], done: bool | None) -> None:
        failures, throttles = int(row["failures"]) + (done is False), int(row["throttles"]) + (done is None)
        pause = 0.0
        if done is None:
            pause = min(THROTTLED_SECONDS[0] * 2 ** (throttles - 1), THROTTLED_SECONDS[1])
        elif done is False and failures <= len(RETRY_SECONDS):
            pause = RETRY_SECONDS[failures - 1]
        due = time.time() + pause
        with self._condition:
            self._running.discard(row["id"])
            if self._closed and done is not True:
                return
            if pause and due - float(row["sent"]) <= MAX_AGE_SECONDS:
                self._db.execute(
                    "UPDATE function_events SET due=?, failures=?, throttles=? WHERE id=?",
                    (due, failures, throttles, row["id"]),
                )
            else:
                self._db.execute("DELETE FROM function_events WHERE id=?", (row["id"],))
            self._condition.notify()
