"""Carrying a tear-down out: each thing after those that need it gone, several at a time, until nothing more can go.

Nothing of it lives here but the present run: stopped and started again it begins with a new plan and goes on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from workers.aws.creating import DOUBTFUL
from workers.errors.tree import AccessDenied, Expired, NotFound, SageDeckError, Throttled
from workers.inventory.kinds import KINDS
from workers.inventory.teardown.deleting import SLOW
from workers.inventory.teardown.plan import NEEDS
from workers.inventory.types import Resource, StepState, TearDownProgress, TearDownStep

# Deletions at a time; SageMaker throttles who asks for many at once.
AT_ONCE = 4
# Endpoints take minutes to go.
POLL_SECONDS = 3.0
# How long something is waited for: an endpoint that is being created may take AWS half an hour and more.
PATIENCE_SECONDS = 2 * 3600.0
# A network interface is let go some minutes after its instance; then a security group may go, too.
CONFLICT_SECONDS = 600.0
TRIES = 6
# In use, or between two states: codes of EC2, IAM and others for what passes by itself.
PASSING = frozenset(
    {"DependencyViolation", "VolumeInUse", "InvalidIPAddress.InUse", "DeleteConflict", "IncorrectState",
     "IncorrectInstanceState", "ResourceInUse", "ResourceInUseException", "OperationAborted",
     "OperationAbortedException", "ConflictException", "ResourceConflictException"}
)  # fmt: skip
_SETTLED_ENDPOINTS = frozenset({"InService", "Failed", "OutOfService", "Deleting"})


class Hands(Protocol):
    """Who deletes (``workers.inventory.teardown.deleting.Deleting``)."""

    async def begin(self, row: Resource) -> None:
        """Delete it, or ask AWS to."""

    async def over(self, row: Resource) -> bool:
        """Whether it is really gone."""

    async def there(self, row: Resource) -> bool:
        """Whether it is still there."""


@dataclass
class _Course:
    """How one step goes."""

    step: TearDownStep
    # When it was first tried, and then when AWS took the order.
    since: float | None = None
    tries: int = 0
    next: float = 0.0

    @property
    def over(self) -> bool:
        return self.step.over


class TearDown:
    """One run of a plan."""

    def __init__(self, hands: Hands, steps: Sequence[TearDownStep], poll: float = POLL_SECONDS) -> None:
        self._hands, self._poll = hands, poll
        self._courses = [_Course(step) for step in steps]
        self._words = ""

    async def run(self) -> AsyncGenerator[TearDownProgress, None]:
        """Yield after everything that happened; the last one has ``ended``."""
        yield self._progress("Beginning")
        running: dict[asyncio.Task[None], _Course] = {}
        try:
            while True:
                busy = {id(course) for course in running.values()}
                self._give_up(busy)
                for course in self._ready(busy):
                    if len(running) >= AT_ONCE:
                        break
                    if course.step.state in ("todo", "queued"):
                        self._set(course, "doing")
                    running[asyncio.ensure_future(self._advance(course))] = course
                if not running and all(course.over for course in self._courses):
                    break
                yield self._progress()
                if running:
                    done, _ = await asyncio.wait(running, timeout=self._poll, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        del running[task]
                        task.result()
                else:
                    await asyncio.sleep(self._poll)
        finally:
            for task in running:
                task.cancel()
        yield self._progress(self._outcome(), ended=True)

    def _ready(self, busy: set[int]) -> list[_Course]:
        """The steps that can be gone on with now, in their order."""
        now = time.monotonic()
        return [
            course
            for course in self._courses
            if not course.over and id(course) not in busy and now >= course.next and not self._blocking(course)
        ]

    def _blocking(self, course: _Course) -> list[_Course]:
        """Those that must be gone first and are not."""
        needs = NEEDS.get(course.step.resource.kind, frozenset())
        return [
            other
            for other in self._courses
            if other.step.resource.kind in needs and other.step.state not in ("deleted", "gone")
        ]

    def _give_up(self, busy: set[int]) -> None:
        """Steps fail that wait for something that stays, or that have waited too long."""
        now = time.monotonic()
        again = True
        while again:
            again = False
            for course in self._courses:
                if course.over or id(course) in busy:
                    continue
                stuck = next((other for other in self._blocking(course) if other.step.state == "failed"), None)
                if stuck is not None:
                    row = stuck.step.resource
                    words = f"kept, because the {KINDS[row.kind].one.lower()} {row.name} is still there"
                    self._set(course, "failed", words)
                    again = True
                elif course.since is not None and now - course.since > PATIENCE_SECONDS:
                    note = course.step.note or "AWS has not finished"
                    self._set(course, "failed", f"{note}; begin again later, it goes on from here")
                    again = True

    async def _advance(self, course: _Course) -> None:
        row = course.step.resource
        try:
            if course.step.state == "waiting":
                if await self._hands.over(row):
                    self._set(course, "deleted")
                else:
                    course.next = time.monotonic() + self._poll
                return
            course.since = course.since or time.monotonic()
            await self._hands.begin(row)
            if row.kind in SLOW:
                self._set(course, "waiting", _waits(row))
                course.since = time.monotonic()
            else:
                self._set(course, "deleted")
        except NotFound:
            self._set(course, "gone")
        except SageDeckError as error:
            await self._refused(course, error)

    async def _refused(self, course: _Course, error: SageDeckError) -> None:
        """Whether to try again: lost answers, throttling, and what AWS does not allow yet; the rest stays."""
        row, now = course.step.resource, time.monotonic()
        course.tries += 1
        later = now + self._poll * min(course.tries, 10)
        if isinstance(error, (AccessDenied, Expired)):
            self._set(course, "failed", error.message)
        elif course.step.state == "waiting":
            # It was asked for and goes on by itself; only the look at it failed.
            course.next = later
        elif isinstance(error, Throttled):
            course.next = later
            self._set(course, "queued", "AWS asks to slow down; tried again")
        elif error.code in PASSING and now - (course.since or now) < CONFLICT_SECONDS:
            course.next = later
            self._set(course, "queued", "still in use; tried again")
        elif isinstance(error, DOUBTFUL):
            if row.kind not in SLOW and not await self._still_there(row):
                self._set(course, "deleted")
            elif course.tries >= TRIES:
                self._set(course, "failed", error.message)
            else:
                course.next = later
                self._set(course, "queued", "no sure answer; tried again")
        elif row.kind == "endpoint" and row.state not in _SETTLED_ENDPOINTS:
            course.next = later
            self._set(course, "queued", f"it is {row.state}: deleted as soon as AWS lets it")
        else:
            self._set(course, "failed", error.message)

    async def _still_there(self, row: Resource) -> bool:
        try:
            return await self._hands.there(row)
        except SageDeckError:
            return True

    def _set(self, course: _Course, state: StepState, note: str = "") -> None:
        course.step = replace(course.step, state=state, note=note)
        row = course.step.resource
        if state == "doing":
            ing = {"Stop": "Stopping", "Release": "Releasing", "Terminate": "Terminating", "Forget": "Forgetting"}
            self._words = f"{ing.get(course.step.does, 'Deleting')} {row.name}"

    def _progress(self, words: str = "", *, ended: bool = False) -> TearDownProgress:
        steps = tuple(course.step for course in self._courses)
        busy = [step for step in steps if step.state == "doing"]
        waiting = [step for step in steps if step.state in ("waiting", "queued")]
        if not words and not busy and waiting:
            words = f"Waiting for {waiting[0].resource.name}"
            words += f" and {len(waiting) - 1:,} more" if len(waiting) > 1 else ""
        return TearDownProgress(steps, words or self._words, ended)

    def _outcome(self) -> str:
        failed = sum(course.step.state == "failed" for course in self._courses)
        total = len(self._courses)
        if failed:
            return f"{total - failed:,} of {total:,} are gone; {failed:,} remain."
        return f"All {total:,} are gone." if total else "There was nothing to do."


def _waits(row: Resource) -> str:
    return {"instance": "shutting down", "endpoint": "being deleted", "notebook": "being stopped and deleted"}.get(
        row.kind, "being stopped"
    )
