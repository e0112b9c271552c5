"""Sends requests at the times that were meant, whatever becomes of those before: an open loop.

A server that stands still does not stop the arrivals: what could not be sent at its time waits for room, and its time
counts from when it was meant to go, so that the standstill is in the percentiles. (A closed loop would send one slow
request and call the rest fast.)
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable

from workers.load.outcome import Fatal, Outcome
from workers.load.tally import Tally
from workers.load.types import Ended, LoadEnd, LoadProgress

# Connections that are open at a time; what is more waits for one.
MOST_OPEN = 512
# What waits for a connection; what is more is not sent, and counted.
MOST_WAITING = 20_000
REPORT_SECONDS = 0.25
# So many refusals without an answer between them mean that it is gone for good.
FATAL_IN_A_ROW = 5
# A test that is stopped lets what is under way arrive for so long.
STOP_SECONDS = 2.0
_FIRST_SECONDS = 0.05

Exchange = Callable[[], Awaitable[Outcome]]


class Generator:
    """One run over ``times`` (seconds after the begin). ``exchange()`` sends one request and never raises."""

    def __init__(
        self,
        exchange: Exchange,
        report: Callable[[LoadProgress], None],
        *,
        timeout: float,
        most_open: int = MOST_OPEN,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._exchange, self._report = exchange, report
        self._timeout, self._most_waiting = timeout, most_waiting
        self._room = asyncio.Semaphore(most_open)
        self._tally = Tally()
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting = 0
        self._ended: Ended = "done"
        self._reason = ""
        self._stopped = asyncio.Event()
        self._fatal, self._fatal_in_a_row = "", 0
        self._began = 0.0

    def stop(self) -> None:
        """Send nothing more; call it in the loop's thread."""
        self._end("cancelled", "")

    async def run(self, times: Iterable[float]) -> LoadEnd:
        """Send everything, wait for the answers, and tell how it ended."""
        self._began = asyncio.get_running_loop().time() + _FIRST_SECONDS
        reporting = asyncio.create_task(self._report_on())
        try:
            await self._send_all(times)
            await self._drain()
        finally:
            reporting.cancel()
        # The last second is whole once it is over for everybody.
        elapsed = max(0.0, self._now())
        return LoadEnd(self._ended, round(elapsed, 3), self._tally.totals, self._tally.ended(elapsed + 1), self._reason)

    def _now(self) -> float:
        return asyncio.get_running_loop().time() - self._began

    async def _send_all(self, times: Iterable[float]) -> None:
        for intended in times:
            if (left := intended - self._now()) > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await self._stopped.wait()
            if self._stopped.is_set():
                return
            self._tally.intend(intended)
            if self._waiting >= self._most_waiting:
                self._tally.leave_out()
            else:
                task = asyncio.create_task(self._send(intended))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            # Late or not, answers must be read meanwhile.
            await asyncio.sleep(0)

    async def _send(self, intended: float) -> None:
        self._waiting += 1
        try:
            await self._room.acquire()
        except asyncio.CancelledError:
            self._tally.leave_out()
            raise
        finally:
            self._waiting -= 1
        try:
            if self._stopped.is_set():
                self._tally.leave_out()
                return
            sent = self._now()
            self._tally.send(intended, sent)
            try:
                outcome = await self._exchange()
            except asyncio.CancelledError:
                self._tally.give_up()
                raise
            self._tally.answer(outcome, intended, sent, self._now())
            self._watch(outcome)
        finally:
            self._room.release()

    def _watch(self, outcome: Outcome) -> None:
        self._fatal_in_a_row = self._fatal_in_a_row + 1 if outcome.fatal else 0
        if outcome.fatal and self._fatal_in_a_row >= FATAL_IN_A_ROW:
            self._end(outcome.fatal, f"{outcome.code}: {outcome.message}" if outcome.message else outcome.code)

    def _end(self, ended: Ended | Fatal, reason: str) -> None:
        if ended and not self._stopped.is_set():
            self._ended, self._reason = ended, reason
            self._stopped.set()

    async def _drain(self) -> None:
        if self._tasks and not self._stopped.is_set():
            stopping = asyncio.create_task(self._stopped.wait())
            everything = asyncio.ensure_future(asyncio.wait(set(self._tasks)))
            await asyncio.wait([stopping, everything], return_when=asyncio.FIRST_COMPLETED, timeout=self._timeout)
            stopping.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=min(STOP_SECONDS, self._timeout))
        for task in set(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _report_on(self) -> None:
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            now = max(0.0, self._now())
            self._report(LoadProgress(round(now, 3), self._tally.totals, self._tally.ended(now)))
