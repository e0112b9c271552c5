"""Flows that make several things: they end, take back what they made, whoever cancels, and tell what is left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from workers.aws import creating
from workers.aws.creating import Attempt, Part, as_one, surely, surely_gone
from workers.errors.tree import Conflict, NotFound, QuotaExceeded, SageDeckError, Unreachable

SILENT = Unreachable("No answer", "It did not come.")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(creating, "LOOK_AGAIN_SECONDS", (0.0,))


class Account:
    """Things in a set; ``hang`` and ``refuse`` are names that cannot be unmade."""

    def __init__(self, hang: str = "", refuse: str = "") -> None:
        self.has: set[str] = set()
        self.hang, self.refuse = hang, refuse
        self.unmaking = asyncio.Event()

    def part(self, name: str, **more: Any) -> Part:
        return Part("thing", name, lambda: self.unmake(name), f"rm {name}", **more)

    async def make(self, attempt: Attempt, name: str, error: SageDeckError | None = None, **more: Any) -> str:
        async def create() -> str:
            await asyncio.sleep(0)
            self.has.add(name)
            if error is not None:
                raise error
            return name

        async def mine() -> str | None:
            return name if name in self.has else None

        return await attempt.make(self.part(name, **more), create, mine)

    async def unmake(self, name: str) -> None:
        self.unmaking.set()
        await asyncio.sleep(0)
        if name == self.hang:
            await asyncio.Event().wait()
        if name == self.refuse:
            raise QuotaExceeded("no", "no")
        if name not in self.has:
            raise NotFound("gone", "gone")
        self.has.remove(name)


def ended(steps: Callable[[Account, Attempt], Awaitable[Any]], **account: str) -> tuple[Account, SageDeckError]:
    """Run a flow that fails."""

    async def body() -> tuple[Account, SageDeckError]:
        made = Account(**account)
        with pytest.raises(SageDeckError) as told:
            await as_one(lambda attempt: steps(made, attempt), "make things", 30)
        return made, told.value

    return asyncio.run(body())


async def two_then_full(account: Account, attempt: Attempt) -> None:
    await account.make(attempt, "a")
    await account.make(attempt, "b")
    raise QuotaExceeded("full", "full")


def test_a_failed_flow_leaves_nothing() -> None:
    account, error = ended(two_then_full)
    assert account.has == set() and error.left == () and isinstance(error, QuotaExceeded)


def test_what_cannot_be_taken_back_is_left_and_the_rest_is_not() -> None:
    account, error = ended(two_then_full, refuse="b")
    assert account.has == {"b"} and [left.name for left in error.left] == ["b"] and error.cleanup == "rm b"


def test_a_roll_back_that_hangs_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(creating, "ROLL_BACK_SECONDS", 0.1)
    account, error = ended(two_then_full, hang="b")
    assert {left.name for left in error.left} == account.has >= {"b"}


def test_what_a_thing_needs_stays_with_it() -> None:
    async def steps(account: Account, attempt: Attempt) -> None:
        await account.make(attempt, "role")
        await account.make(attempt, "function", needs=True)
        raise SILENT

    account, error = ended(steps, refuse="function")
    assert account.has == {"role", "function"} == {left.name for left in error.left}


def test_a_flow_that_takes_too_long_is_taken_back() -> None:
    async def body() -> tuple[set[str], str]:
        account = Account()

        async def steps(attempt: Attempt) -> None:
            await account.make(attempt, "a")
            await asyncio.Event().wait()

        with pytest.raises(Unreachable) as told:
            await as_one(steps, "make things", 0.05)
        return account.has, told.value.title

    assert asyncio.run(body()) == (set(), "It took too long")


@pytest.mark.parametrize(("refuse", "raised"), [("", asyncio.CancelledError), ("b", SageDeckError)])
def test_nobody_can_cancel_a_roll_back_half_way(refuse: str, raised: type[BaseException]) -> None:
    async def body() -> tuple[set[str], BaseException]:
        account, waiting = Account(refuse=refuse), asyncio.Event()

        async def steps(attempt: Attempt) -> None:
            await account.make(attempt, "a")
            await account.make(attempt, "b")
            waiting.set()
            await asyncio.Event().wait()

        task = asyncio.ensure_future(as_one(steps, "make things"))
        await waiting.wait()
        task.cancel()
        await account.unmaking.wait()
        task.cancel()
        with pytest.raises(raised) as told:
            await task
        return account.has, told.value

    has, error = asyncio.run(body())
    assert has == set(refuse)
    if refuse:
        # A cancelled flow must not keep to itself what it left.
        assert isinstance(error, SageDeckError) and "Left in the account: thing b" in error.message


def test_an_answer_in_doubt_is_asked_for_and_a_refusal_is_not() -> None:
    asked: list[str] = []

    async def fails(error: SageDeckError) -> str:
        raise error

    async def mine() -> str:
        asked.append("?")
        return "found"

    again = Conflict("taken", "already exists")
    again.retried = True
    assert asyncio.run(surely(lambda: fails(SILENT), mine)) == "found"
    assert asyncio.run(surely(lambda: fails(again), mine)) == "found"
    assert len(asked) == 2
    for error in (Conflict("taken", "already exists"), QuotaExceeded("full", "full")):
        with pytest.raises(type(error)):
            asyncio.run(surely(lambda error=error: fails(error), mine))
    assert len(asked) == 2


@pytest.mark.parametrize(("there", "gone"), [(False, True), (True, None)])
def test_a_deletion_in_doubt_is_looked_after(there: bool, gone: bool | None) -> None:
    async def delete() -> None:
        raise SILENT

    async def is_there() -> bool:
        return there

    if gone is None:
        with pytest.raises(Unreachable):
            asyncio.run(surely_gone(delete, is_there))
    else:
        assert asyncio.run(surely_gone(delete, is_there)) is gone


def test_names_of_two_attempts_within_a_second_differ() -> None:
    names = {Attempt().name("d" * 80) for _ in range(20)}
    assert len(names) > 18 and all(len(name) <= 63 for name in names)
