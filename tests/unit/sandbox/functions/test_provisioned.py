"""Environments that stand ready: when they count as ready, who gets one, what becomes of those that end."""

from __future__ import annotations

import threading
import time
from typing import Any, cast

import pytest

from sandbox.functions.environment import Answer, Environment
from sandbox.functions.provisioned import Provisioned
from sandbox.wire.errors import AwsError
from tests.helpers.waiting import wait_for

CONFIG = {"FunctionName": "f", "Version": "1", "RevisionId": "r"}


class Fake:
    """An environment without a process. ``gate``: it is loaded when this is set."""

    def __init__(self, gate: threading.Event, problem: str | None = None) -> None:
        self.gate, self.problem = gate, problem
        self.started = time.monotonic()
        self.closed = False

    def load(self, request_id: str, lines: list[str]) -> str | None:
        assert self.gate.wait(30)
        return self.problem

    def close(self) -> None:
        self.closed = True


class Made:
    """Makes the environments of a test."""

    def __init__(self, problem: str | None = None) -> None:
        self.gate = threading.Event()
        self.all: list[Fake] = []
        self.problem = problem
        self.provisioned = Provisioned(self._start, lambda *_: None)

    def _start(self, config: dict[str, Any]) -> Environment:
        self.all.append(Fake(self.gate, self.problem))
        return cast(Environment, self.all[-1])

    def state(self) -> tuple[str, int]:
        found = self.provisioned.state("f", "live")
        return found["Status"], found["AllocatedProvisionedConcurrentExecutions"]

    def ready(self, count: int) -> None:
        self.gate.set()
        self.provisioned.put("f", "live", CONFIG, count)
        wait_for(lambda: self.state() == ("READY", count))


def answered(environment: Environment) -> Answer:
    return Answer("{}")


def test_ready_is_said_only_when_all_are_there() -> None:
    made = Made()
    made.provisioned.put("f", "live", CONFIG, 2)
    assert made.state() == ("IN_PROGRESS", 0) and made.provisioned.busy()
    assert made.provisioned.call("f", "live", "1", answered) == (None, False)
    made.gate.set()
    wait_for(lambda: made.state() == ("READY", 2))
    wait_for(lambda: not made.provisioned.busy())
    made.provisioned.close()
    assert all(environment.closed for environment in made.all)


def test_a_call_beyond_them_spills_over_and_another_version_has_none() -> None:
    made = Made()
    made.ready(1)
    seen: list[Any] = []

    def run(environment: Environment) -> Answer:
        seen.append(made.provisioned.call("f", "live", "1", answered))
        assert made.provisioned.use("f", "live") == 1.0
        return Answer("{}")

    answer, _ = made.provisioned.call("f", "live", "1", run)
    assert answer is not None and seen == [(None, True)]
    assert made.provisioned.call("f", "live", "2", answered) == (None, False)
    assert made.provisioned.call("f", "1", "1", answered) == (None, False)


def test_one_that_ends_is_made_again_and_one_that_was_refused_stays() -> None:
    made = Made()
    made.ready(1)

    def refused(environment: Environment) -> Answer:
        raise AwsError("TooManyRequestsException", "", 429)

    with pytest.raises(AwsError):
        made.provisioned.call("f", "live", "1", refused)
    assert not made.all[0].closed
    made.provisioned.call("f", "live", "1", lambda _: Answer("{}", reusable=False))
    wait_for(lambda: made.state() == ("READY", 1) and len(made.all) == 2)
    assert [environment.closed for environment in made.all] == [True, False]


def test_more_or_fewer_keep_what_stands_and_another_revision_does_not() -> None:
    made = Made()
    made.ready(2)
    made.ready(3)
    assert len(made.all) == 3
    made.ready(1)
    assert [environment.closed for environment in made.all].count(True) == 2
    made.provisioned.put("f", "live", CONFIG | {"RevisionId": "s"}, 1)
    wait_for(lambda: made.state() == ("READY", 1))
    assert [environment.closed for environment in made.all] == [True, True, True, False]


def test_code_that_does_not_load_and_too_many_are_told() -> None:
    made = Made("no module")
    made.gate.set()
    made.provisioned.put("f", "live", CONFIG, 1)
    wait_for(lambda: made.state() == ("FAILED", 0))
    assert "no module" in made.provisioned.state("f", "live")["StatusReason"]
    made.provisioned.put("f", "live", CONFIG, 1000)
    assert made.state() == ("FAILED", 0)
    assert "this machine" in made.provisioned.state("f", "live")["StatusReason"]
