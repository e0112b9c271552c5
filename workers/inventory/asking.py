"""How the readers of kinds ask the account: a few calls at a time, whole lists, times by the account's clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from workers.aws.session import AwsSession
from workers.errors.tree import AccessDenied, NotFound, SageDeckError

T = TypeVar("T")
Row = TypeVar("Row")

# Fewer than the session has threads, so that a click of the operator still finds a free one.
AT_ONCE = 7
PAGE = 100
# So many are sorted within a millisecond or two.
FEW_ROWS = 50
CLOCK_KEPT_SECONDS = 600.0


class AccountClock:
    """The time by the account, which this computer's clock may differ from by hours."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session
        self._asked = -CLOCK_KEPT_SECONDS
        self.off = 0.0
        self.account = ""

    async def set(self) -> None:
        """Ask for the time, at most every ten minutes; also finds out whose account it is. Raises ``SageDeckError``."""
        if time.monotonic() - self._asked < CLOCK_KEPT_SECONDS:
            return
        answer = await self._session.call("sts", "get_caller_identity", doing="ask whose account this is")
        self.account = answer.get("Account", "")
        told = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
        try:
            off = (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):
            off = 0.0
        # The header has whole seconds, and the answer took its time.
        self.off = off if abs(off) > 5 else 0.0
        self._asked = time.monotonic()

    def now(self) -> datetime:
        """Now, by the account."""
        return datetime.now(UTC) + timedelta(seconds=self.off)


class Asking:
    """Calls of one account for lists and details. Raises ``SageDeckError``."""

    def __init__(self, session: AwsSession, clock: AccountClock) -> None:
        self.session, self.clock = session, clock
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._kept: dict[object, Any] = {}

    async def all(self, service: str, operation: str, key: str, doing: str, **parameters: Any) -> list[Any]:
        """Every item of a list, all pages."""
        async with self._gate:
            return [item async for item in self.session.paginate(service, operation, key, doing=doing, **parameters)]

    async def one(self, service: str, operation: str, doing: str, **parameters: Any) -> dict[str, Any]:
        """One call's answer."""
        async with self._gate:
            return await self.session.call(service, operation, doing=doing, **parameters)

    async def rows(self, items: Sequence[T], make: Callable[[T], Row]) -> list[Row]:
        """What ``make`` makes of each item; of many in a thread, so that a window goes on meanwhile."""
        return await self.apart(len(items), lambda: [make(item) for item in items])

    async def apart(self, size: int, work: Callable[[], Row]) -> Row:
        """The result of ``work``, which must not ask the network; done in a thread when its ``size`` is many rows."""
        return work() if size <= FEW_ROWS else await self.session.run("sort what was read", work)

    async def once(self, key: object, service: str, operation: str, doing: str, **parameters: Any) -> dict[str, Any]:
        """The answer of something that never changes, asked for once; empty when it is gone or may not be read."""
        try:
            answer = await self.kept(key, lambda: self.one(service, operation, doing, **parameters))
        except (AccessDenied, NotFound):
            return {}
        return dict(answer)

    async def kept(self, key: object, ask: Callable[[], Awaitable[T]]) -> T:
        """What was answered to this before, or the answer of now. Raises ``SageDeckError``, and asks again then."""
        if key not in self._kept:
            self._kept[key] = await ask()
        answer: T = self._kept[key]
        return answer

    def knows(self, key: object) -> bool:
        """Whether ``kept`` would answer this without asking."""
        return key in self._kept

    def learn(self, answers: Mapping[object, Any]) -> None:
        """Keep what was answered about these at once, as if each had been asked."""
        self._kept.update(answers)

    async def each(self, wanted: Iterable[T], detail: Callable[[T], Awaitable[Any]]) -> AsyncIterator[tuple[T, Any]]:
        """``(item, detail or None or error)`` of each as it arrives; ``None``: it is gone.

        What AWS refused comes out as the error.
        """
        queue: asyncio.Queue[tuple[T, Any]] = asyncio.Queue()

        async def one(item: T) -> None:
            try:
                queue.put_nowait((item, await detail(item)))
            except NotFound:
                queue.put_nowait((item, None))
            except Exception as error:
                queue.put_nowait((item, error))

        tasks = [asyncio.ensure_future(one(item)) for item in wanted]
        try:
            for _ in tasks:
                item, found = await queue.get()
                if isinstance(found, BaseException) and not isinstance(found, SageDeckError):
                    raise found
                yield item, found
        finally:
            for task in tasks:
                task.cancel()


def tags_of(items: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    """AWS's list of tags by key."""
    return {tag["Key"]: tag["Value"] for tag in items or ()}
