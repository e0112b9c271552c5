"""Time limits of commands that nobody can run, and what a killed sandbox leaves of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.core.state import Database
from sandbox.ssm.calls import _command_status, _elapsed
from sandbox.ssm.records import LOST, Command, Commands, Invocation
from sandbox.ssm.run import Runner, output_key

REQUEST = {"Parameters": {"commands": ["true"], "workingDirectory": [""], "executionTimeout": ["100"]}}


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[Commands]:
    db = Database(tmp_path / "db")
    yield Commands(db)
    db.close()


def add(commands: Commands, age: float, *, started: bool = False, **request: Any) -> str:
    """A command that was sent ``age`` seconds ago to i-1."""
    created = time.time() - age
    command = Command(f"c-{age}-{started}", created, {**REQUEST, **request}, ["i-1"])
    invocation = Invocation(command.id, "i-1", created)
    if started:
        invocation.status, invocation.details, invocation.started = "InProgress", "InProgress", created
    commands.add(command, [invocation])
    return command.id


def look(commands: Commands) -> None:
    """One look of the runner at what is open; no agent is there."""
    nobody: Any = SimpleNamespace(on_online=[], receives=lambda instance: False)
    ec2: Any = SimpleNamespace(fleet=SimpleNamespace(machine=lambda instance: None))
    runner = Runner(cast("Any", None), cast("Any", SimpleNamespace(invocations=lambda **_: [])), nobody, ec2, nobody)
    runner.close()
    runner._commands = commands
    runner._look_after(commands.invocations(open_only=True))


def status(commands: Commands, command: str) -> tuple[str, str]:
    invocation = commands.invocation(command, "i-1")
    assert invocation is not None
    return invocation.status, invocation.details


@pytest.mark.parametrize(
    ("age", "seconds", "after"),
    [
        (29, 30, ("Pending", "Pending")),
        (31, 30, ("TimedOut", "DeliveryTimedOut")),
        (3599, None, ("Pending", "Pending")),
        (3601, None, ("TimedOut", "DeliveryTimedOut")),
    ],
)
def test_what_is_not_delivered_in_time_never_is(
    commands: Commands, age: float, seconds: int | None, after: tuple[str, str]
) -> None:
    command = add(commands, age, **({"TimeoutSeconds": seconds} if seconds else {}))
    look(commands)
    assert status(commands, command) == after


@pytest.mark.parametrize(
    ("age", "after"), [(129, ("InProgress", "InProgress")), (131, ("TimedOut", "DeliveryTimedOut"))]
)
def test_of_a_lost_agent_nothing_is_known_until_both_limits_have_passed(
    commands: Commands, age: float, after: tuple[str, str]
) -> None:
    command = add(commands, age, started=True, TimeoutSeconds=30)
    look(commands)
    assert status(commands, command) == after


def test_a_killed_sandbox_leaves_nothing_in_progress(commands: Commands) -> None:
    running, waiting = add(commands, 1, started=True), add(commands, 1)
    commands.recover()
    assert status(commands, running) == ("Failed", "Failed")
    assert status(commands, waiting) == ("TimedOut", "DeliveryTimedOut")
    invocation = commands.invocation(running, "i-1")
    assert invocation is not None and invocation.stderr == LOST and invocation.ended is not None
    assert commands.invocations(open_only=True) == []


def test_changes_of_many_threads_are_all_kept(commands: Commands) -> None:
    command = add(commands, 1)

    def count() -> None:
        for _ in range(50):
            commands.change(command, "i-1", lambda invocation: setattr(invocation, "restarts", invocation.restarts + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    invocation = commands.invocation(command, "i-1")
    assert invocation is not None and invocation.restarts == 200


STATUSES = st.sampled_from(
    [
        ("Pending", "Pending"),
        ("InProgress", "InProgress"),
        ("Success", "Success"),
        ("Failed", "Failed"),
        ("Cancelled", "Cancelled"),
        ("TimedOut", "ExecutionTimedOut"),
        ("TimedOut", "DeliveryTimedOut"),
    ]
)


@given(st.lists(STATUSES, max_size=5), st.booleans())
def test_a_command_is_as_its_invocations_are(found: list[tuple[str, str]], cancelled: bool) -> None:
    command = Command("c", 0.0, dict(REQUEST), [], cancelled)
    rows = [Invocation("c", f"i-{n}", 0.0, status=status, details=details) for n, (status, details) in enumerate(found)]
    whole, details = _command_status(command, rows)
    if not rows:
        assert (whole, details) == ("Success", "NoInstancesInTag")
    elif any(row.open for row in rows):
        assert whole in ("Pending", "InProgress", "Cancelling")
    else:
        assert (whole == "Success") == all(row.status == "Success" for row in rows)
        assert whole == "Success" or (whole, details) in found


@pytest.mark.parametrize(("prefix", "start"), [("", ""), ("out", "out/"), ("/out/deep/", "out/deep/")])
def test_where_the_output_lies(prefix: str, start: str) -> None:
    command = Command("c", 0.0, {**REQUEST, "OutputS3KeyPrefix": prefix}, [])
    assert output_key(command, "i-1", "stdout") == f"{start}c/i-1/awsrunShellScript/0.awsrunShellScript/stdout"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.271, "PT0.271S"), (65, "PT1M5.000S"), (3600.5, "PT1H0.500S"), (7384, "PT2H3M4.000S")]
)
def test_the_elapsed_time_is_iso(seconds: float, text: str) -> None:
    assert _elapsed(Invocation("c", "i", 0.0, started=100.0, ended=100.0 + seconds)) == text
