"""The queue of all jobs of the account: the oldest first, and no more at once than the machine carries."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable

# A tuning of three parallel jobs must make progress on two processors, too.
_LEAST_SLOTS = 4


class Turn:
    """One job's place in the queue, and later its thread."""

    def __init__(self, name: str, slots: int, run: Callable[[], None]) -> None:
        self.name, self.slots, self.run = name, slots, run
        self.thread: threading.Thread | None = None

    def join(self, timeout: float) -> None:
        """Wait until the job's thread has ended, if it has begun."""
        if self.thread is not None:
            self.thread.join(timeout)


class JobQueue:
    """Runs jobs in threads of their own. A host of a job takes one slot."""

    def __init__(self) -> None:
        self.slots = max(_LEAST_SLOTS, os.cpu_count() or 1)
        self._lock = threading.Lock()
        self._waiting: deque[Turn] = deque()
        self._used = 0
        self._closed = False

    @property
    def used(self) -> int:
        """How many slots the running jobs take."""
        return self._used

    def put(self, turn: Turn) -> None:
        """Run ``turn`` as soon as there is room; one that wants more than there is takes all of it."""
        turn.slots = min(turn.slots, self.slots)
        with self._lock:
            self._waiting.append(turn)
        self._dispatch()

    def withdraw(self, turn: Turn) -> bool:
        """Take back a job that has not begun; False when it has."""
        with self._lock:
            if turn not in self._waiting:
                return False
            self._waiting.remove(turn)
        self._dispatch()
        return True

    def close(self) -> None:
        """Start nothing any more."""
        self._closed = True

    def _dispatch(self) -> None:
        with self._lock:
            while not self._closed and self._waiting and self._used + self._waiting[0].slots <= self.slots:
                turn = self._waiting.popleft()
                self._used += turn.slots
                turn.thread = threading.Thread(target=self._run, args=(turn,), name=turn.name, daemon=True)
                turn.thread.start()

    def _run(self, turn: Turn) -> None:
        try:
            turn.run()
        finally:
            with self._lock:
                self._used -= turn.slots
            self._dispatch()
