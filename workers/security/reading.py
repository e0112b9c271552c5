"""Reading facts without asking too much of the account at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from workers.errors.tree import Expired, NotFound, SageDeckError, Unreachable
from workers.security.types import Unread

T = TypeVar("T")
R = TypeVar("R")

# Of the session's ten threads; the rest answer the window meanwhile.
AT_ONCE = 4


async def each(items: Sequence[T], read: Callable[[T], Awaitable[R]]) -> list[R]:
    """``read`` of every item, a few at a time, in the items' order. Raises the first error."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def bounded(item: T) -> R:
        async with gate:
            return await read(item)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(bounded(item)) for item in items]
    return [task.result() for task in tasks]


async def each_there(items: Sequence[T], read: Callable[[T], Awaitable[R]]) -> list[R]:
    """``each``, without the items that were deleted under our eyes."""

    async def found(item: T) -> R | None:
        try:
            return await read(item)
        except NotFound:
            return None

    try:
        return [fact for fact in await each(items, found) if fact is not None]
    except BaseExceptionGroup as group:
        raise first_error(group) from group


async def known(reading: Awaitable[T], *, missing: R, codes: frozenset[str] = frozenset()) -> T | R | Unread:
    """What ``reading`` gives; ``missing`` where there is no such setting; ``Unread`` where it may not be read.

    ``codes`` are AWS's codes for "there is no such setting". Raises ``NotFound`` where the resource itself is gone, and
    what says that the account does not answer at all.
    """
    try:
        return await reading
    except SageDeckError as error:
        if error.code in codes:
            return missing
        if isinstance(error, Expired | Unreachable | NotFound):
            raise
        return Unread.of(error)


def first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error in a group of errors."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
