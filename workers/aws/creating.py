"""Creating things although an answer may get lost: each thing made is kept or deleted again, or the error names it.

When an answer is lost, the thing may still have been made; "already exists" at the next try may then mean our own.
So whatever is made carries the attempt's token (a tag, or a name that only this attempt uses); when an answer is in
doubt, the account is asked. A flow of several steps runs inside ``as_one``: it has a deadline, and when it stops, for
whatever reason, its steps are undone in a roll-back that nobody can cancel half-way and that has a deadline itself.
What is left then is in ``SageDeckError.left`` and in the error's words.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from workers.aws.names import MAX_LENGTH, suggest_name
from workers.aws.session import AwsSession
from workers.errors.tree import Conflict, Left, LocalProblem, NotFound, SageDeckError, ServiceFault, Unreachable

T = TypeVar("T")

ATTEMPT_TAG = "sagedeck:attempt"
# Two attempts within a second must not have one name.
_NAME_DIGITS = 4
# Longer than any flow takes on AWS, waits for a new role included.
FLOW_SECONDS = 120.0
ROLL_BACK_SECONDS = 30.0
# For asking the account whether something was made.
LOOK_SECONDS = 15.0
# What was made a moment ago is not seen by every server of AWS at once.
LOOK_AGAIN_SECONDS = (0.5, 1.5)
# A request under way cannot be taken back; this long a cancelled flow waits to learn what became of it.
UNDER_WAY_SECONDS = 45.0

# After these the request may have been carried out all the same, and after any error of a request that was sent more
# than once: "already exists" is then what the first one made. Another refusal is AWS's last word.
DOUBTFUL = (LocalProblem, ServiceFault, Unreachable)


_STAMPED = re.compile(rf"(.+)-\d{{8}}-\d{{6}}-[0-9a-f]{{{_NAME_DIGITS}}}")


def made_for(name: str, base: str) -> bool:
    """Whether ``name`` is one that some attempt gave for ``base`` (``Attempt.name``)."""
    found, again = _STAMPED.fullmatch(name), _STAMPED.fullmatch(attempt_name(base, "0" * _NAME_DIGITS))
    return found is not None and again is not None and found[1] == again[1]


def attempt_name(base: str, token: str) -> str:
    """A name of an attempt with this token, at this second."""
    return f"{suggest_name(base, datetime.now(UTC), MAX_LENGTH - _NAME_DIGITS - 1)}-{token[:_NAME_DIGITS]}"


@dataclass(frozen=True)
class Part:
    """One thing that a flow makes.

    ``unmake`` takes it back (``None``: it cannot be); ``cli`` does so by hand. ``own_name``: nobody else uses this
    name, so that it may be deleted without looking. ``needs``: what was made before it must stay as long as it does.
    """

    kind: str
    name: str
    unmake: Callable[[], Awaitable[Any]] | None
    cli: str = ""
    note: str = ""
    own_name: bool = False
    needs: bool = False

    def left(self, note: str = "") -> Left:
        """This part as something that stays in the account."""
        return Left(self.kind, self.name, note or self.note, self.cli)


Look = Callable[[], Awaitable[T | None]]


@dataclass
class _Outcome:
    """What became of a request: the answer (or what was found instead), or the error, and whether it is in doubt."""

    state: Literal["made", "refused", "unknown"]
    value: Any = None
    error: SageDeckError | None = None


@dataclass
class _Done:
    part: Part
    mine: Look[Any]
    certain: bool


@dataclass
class Attempt:
    """One run of a flow: its token, and what it has made so far."""

    token: str = field(default_factory=lambda: secrets.token_hex(8))
    _made: list[_Done] = field(default_factory=list)

    @property
    def tag(self) -> dict[str, str]:
        """The token as AWS's tag."""
        return {"Key": ATTEMPT_TAG, "Value": self.token}

    def name(self, base: str) -> str:
        """A name for SageMaker that no other attempt uses: ``dogs-20260131-142501-3fa2``."""
        return attempt_name(base, self.token)

    def is_mine(self, tags: Sequence[Mapping[str, str]]) -> bool:
        """Whether something with these tags was made by this attempt."""
        return self.tag in [dict(tag) for tag in tags]

    async def make(self, part: Part, create: Callable[[], Awaitable[T]], mine: Look[T]) -> T:
        """Make one part, and note it for the roll-back. A cancelled request is waited for: it is under way.

        ``mine`` looks for the part and answers ``None`` unless this attempt made it. Raises ``SageDeckError``.
        """
        task = asyncio.ensure_future(_settled(create, mine))
        try:
            outcome = await asyncio.shield(task)
        except asyncio.CancelledError:
            await _ended(task, UNDER_WAY_SECONDS)
            known = task.done() and not task.cancelled() and task.exception() is None
            self._note(part, mine, task.result() if known else _Outcome("unknown"))
            raise
        self._note(part, mine, outcome)
        if outcome.error is not None:
            raise outcome.error
        made: T = outcome.value
        return made

    def _note(self, part: Part, mine: Look[object], outcome: _Outcome) -> None:
        if outcome.state != "refused":
            self._made.append(_Done(part, mine, outcome.state == "made"))

    async def take_back(self) -> tuple[Left, ...]:
        """Unmake the parts, the last first; returns what is left. Ends within ``ROLL_BACK_SECONDS``."""
        ends = time.monotonic() + ROLL_BACK_SECONDS
        left: list[Left] = []
        while self._made:
            done = self._made.pop()
            found = await _undone(done, ends)
            if found is not None:
                left.append(found)
                if done.part.needs:
                    left += [other.part.left() for other in reversed(self._made)]
                    self._made.clear()
        return tuple(left)


async def surely(create: Callable[[], Awaitable[T]], mine: Look[T]) -> T:
    """Await ``create()``; when its answer is in doubt, what ``mine()`` finds takes its place. Raises ``SageDeckError``.

    ``mine`` answers ``None`` when there is nothing, or nothing of this attempt.
    """
    outcome = await _settled(create, mine)
    if outcome.error is not None:
        raise outcome.error
    made: T = outcome.value
    return made


async def surely_gone(delete: Callable[[], Awaitable[Any]], is_there: Callable[[], Awaitable[bool]]) -> bool:
    """Delete something; false when it was gone before. When the answer is in doubt, ``is_there()`` is asked.

    Raises ``SageDeckError`` when it is, or may be, still there.
    """
    try:
        await delete()
    except NotFound:
        return False
    except SageDeckError as error:
        if not _in_doubt(error):
            raise
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                there = await is_there()
        except (SageDeckError, TimeoutError):
            there = True
        if there:
            raise
    return True


async def as_one(steps: Callable[[Attempt], Awaitable[T]], doing: str, seconds: float | None = None) -> T:
    """Run the steps of a flow; when one fails, or the flow is cancelled or takes too long, take back what it made.

    Raises what the step raised, with ``left`` set and told where something could not be taken back. A cancelled flow
    that leaves something raises a ``SageDeckError`` instead of ``CancelledError``, so that it is not lost.
    """
    attempt = Attempt()
    seconds = FLOW_SECONDS if seconds is None else seconds
    try:
        async with asyncio.timeout(seconds):
            return await steps(attempt)
    except BaseException as error:
        left, cancelled = await to_the_end(attempt.take_back())
        if isinstance(error, TimeoutError):
            slow = Unreachable(
                "It took too long",
                f"Could not {doing} within {seconds:.0f} seconds, so it was given up.",
                "Check the network (proxy, VPN), then try again.",
                code="FlowTimeout",
            )
            raise slow.leaving(left) from error
        if isinstance(error, SageDeckError) and (left or not cancelled):
            error.leaving(left)
            raise
        if left:
            stopped = SageDeckError(
                "Stopped, but not all could be taken back", f"It was asked to {doing}, and then to stop.", code="Left"
            )
            raise stopped.leaving(left) from error
        if cancelled:
            raise asyncio.CancelledError from error
        raise


async def to_the_end(work: Coroutine[Any, Any, T]) -> tuple[T, bool]:
    """Await ``work`` to its end even when cancelled; its result, and whether it was cancelled. It must be bounded."""
    task = asyncio.ensure_future(work)
    cancelled = await _ended(task, None)
    return task.result(), cancelled


async def tagged(
    session: AwsSession, operation: str, attempt: Attempt, doing: str, **parameters: str
) -> dict[str, Any] | None:
    """SageMaker's description of something if this attempt made it; ``None`` otherwise. Raises ``SageDeckError``."""
    try:
        answer = await session.call("sagemaker", operation, doing=doing, **parameters)
        arn = next((value for key, value in answer.items() if key in _ARNS), None)
        if arn is None:
            raise ServiceFault(f"Could not {doing}", "The answer of the account was not complete.")
        tags = await session.call("sagemaker", "list_tags", doing=doing, ResourceArn=arn)
    except NotFound:
        return None
    return answer if attempt.is_mine(tags.get("Tags", ())) else None


_ARNS = ("ModelArn", "EndpointConfigArn", "EndpointArn", "TrainingJobArn", "HyperParameterTuningJobArn")


def _in_doubt(error: SageDeckError) -> bool:
    return error.retried or isinstance(error, DOUBTFUL)


async def _settled(create: Callable[[], Awaitable[Any]], mine: Look[object]) -> _Outcome:
    try:
        return _Outcome("made", await create())
    except SageDeckError as error:
        if not _in_doubt(error):
            return _Outcome("refused", error=error)
        return await _looked(mine, error)


async def _looked(mine: Look[object], error: SageDeckError) -> _Outcome:
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            for pause in (*LOOK_AGAIN_SECONDS, 0.0):
                found = await mine()
                if found is not None:
                    return _Outcome("made", found)
                await asyncio.sleep(pause)
    except (SageDeckError, TimeoutError):
        return _Outcome("unknown", error=error)
    # A request that was slow may still come; somebody else's work, which a conflict means, is nothing to undo.
    return _Outcome("refused" if isinstance(error, Conflict) else "unknown", error=error)


async def _undone(done: _Done, ends: float) -> Left | None:
    part = done.part
    try:
        async with asyncio.timeout(max(0.0, ends - time.monotonic())):
            if not done.certain and not (part.own_name and part.unmake) and await done.mine() is None:
                return None
            if part.unmake is None:
                return part.left()
            await part.unmake()
    except NotFound:
        return None
    except SageDeckError as error:
        return await _still_there(done, ends) if _in_doubt(error) else part.left()
    except TimeoutError:
        return part.left("" if done.certain else _UNKNOWN)
    return None


async def _still_there(done: _Done, ends: float) -> Left | None:
    try:
        async with asyncio.timeout(max(0.0, ends - time.monotonic())):
            return done.part.left() if await done.mine() is not None else None
    except (SageDeckError, TimeoutError):
        return done.part.left("" if done.certain else _UNKNOWN)


_UNKNOWN = "it could not be asked whether it was made"


async def _ended(task: asyncio.Future[Any], seconds: float | None) -> bool:
    """Wait for the task, also when cancelled meanwhile; whether that happened."""
    cancelled = False
    ends = None if seconds is None else time.monotonic() + seconds
    while not task.done() and (ends is None or time.monotonic() < ends):
        try:
            await asyncio.wait([task], timeout=None if ends is None else max(0.0, ends - time.monotonic()))
        except asyncio.CancelledError:
            cancelled = True
    return cancelled
