"""Who may run: the account's and a function's concurrency, and how many processes stay warm."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any, cast

import pytest

from sandbox.functions import pool as functions_pool
from sandbox.functions.environment import Answer, Environment
from sandbox.functions.pool import Pool
from sandbox.wire.errors import AwsError


class Fake:
    """An environment without a process."""

    def __init__(self) -> None:
        self.started = self.last_used = time.monotonic()
        self.closed = False

    def close(self) -> None:
        self.closed = True


def reason(error: pytest.ExceptionInfo[AwsError]) -> Any:
    assert (error.value.code, error.value.status) == ("TooManyRequestsException", 429)
    return error.value.extra["Reason"]


def test_functions_without_a_reservation_share_what_is_left() -> None:
    pool = Pool()
    with ExitStack() as stack:
        stack.enter_context(pool.slot("a", None, 2))
        stack.enter_context(pool.slot("b", None, 2))
        with pytest.raises(AwsError) as error, pool.slot("c", None, 2):
            pass
        assert reason(error) == "ConcurrentInvocationLimitExceeded"
        # A reservation is its own.
        stack.enter_context(pool.slot("mine", 1, 2))
        with pytest.raises(AwsError) as error, pool.slot("mine", 1, 2):
            pass
        assert reason(error) == "ReservedFunctionConcurrentInvocationLimitExceeded"
        assert pool.busy()
    with pool.slot("c", None, 2):
        assert pool.concurrency("c") == 1
    assert not pool.busy()
    pool.close()


def run(pool: Pool, key: tuple[str, ...], made: list[Fake], **answer: Any) -> None:
    def make() -> Environment:
        made.append(Fake())
        return cast(Environment, made[-1])

    pool.call(key, make, lambda environment: Answer("{}", **answer))


def test_a_warm_environment_is_used_again_until_it_dies_or_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, made = Pool(), list[Fake]()
    run(pool, ("f",), made)
    run(pool, ("f",), made)
    assert len(made) == 1
    run(pool, ("f",), made, reusable=False)
    assert made[0].closed
    monkeypatch.setattr(functions_pool, "MAX_AGE_SECONDS", -1.0)
    run(pool, ("f",), made)
    assert len(made) == 2 and made[1].closed
    pool.close()


def test_the_warm_processes_of_all_functions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions_pool, "MACHINE_CONCURRENCY", 2)
    pool, made = Pool(), list[Fake]()
    for number in range(4):
        run(pool, (f"f{number}",), made)
        made[-1].last_used = float(number)
    assert [fake.closed for fake in made] == [True, True, False, False]
    pool.close()
    assert all(fake.closed for fake in made)
