"""The life of instances: whatever is asked in whatever order, they go only the ways that EC2 knows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.core.state import Database
from sandbox.ec2 import fleet as module
from sandbox.ec2.fleet import BY_INSTANCE, BY_SANDBOX, BY_USER, Fleet
from sandbox.ec2.records import Instance, Instances
from tests.helpers.waiting import wait_for

WAYS = {
    "pending": {"running", "stopped", "shutting-down"},
    "running": {"stopping", "shutting-down"},
    "stopping": {"stopped", "shutting-down"},
    "stopped": {"pending", "shutting-down"},
    "shutting-down": {"terminated"},
    "terminated": set(),
}


class FakeMachine:
    """A machine without processes; ``fall`` ends it as if its processes had died."""

    made: list[FakeMachine] = []

    def __init__(self, ctx: Any, identity: str, disk: Any, on_power: Callable[[dict[str, Any]], None]) -> None:
        self.id, self.disk, self.on_power = identity, disk, on_power
        self.pid = 0
        self.asked_down = False
        self.going_down = threading.Event()
        self.made.append(self)

    def boot(self, env: Any, on_exit: Callable[[], None]) -> None:
        self.pid, self._on_exit = 1, on_exit

    def shut_down(self, grace: float = 0.0) -> None:
        self.asked_down = True
        self.going_down.set()
        self.fall()

    def fall(self) -> None:
        if self.pid:
            self.pid = 0
            self._on_exit()

    def busy(self) -> bool:
        return False


@pytest.fixture(autouse=True)
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Machine", FakeMachine)
    monkeypatch.setattr(module, "environment_of", lambda *_: {})
    monkeypatch.setattr(module, "_LEAST_BOOT_SECONDS", 0.0)


class World:
    """A fleet with one instance, and every state that it has been in."""

    def __init__(self, folder: Path) -> None:
        self.db = Database(folder / "db")
        self.instances = Instances(self.db)
        context: Any = SimpleNamespace(state=SimpleNamespace(path=folder))
        self.fleet = Fleet(context, self.instances)
        metadata = SimpleNamespace(
            open=lambda instance: "", close=lambda instance: None, url=lambda instance: "", stop=lambda: None
        )
        self.fleet.metadata = cast("Any", metadata)
        self.fleet._user_data = lambda *_: None  # type: ignore[method-assign]
        facts: dict[str, Any] = {"id": "i-1", "reservation": "r-1", "launched": time.time(), "image": "ami-1"}
        facts |= {"zone": "z", "subnet": "s", "vpc": "v", "groups": [], "private_ip": "10.0.0.4", "type": "t3.large"}
        self.instances.launch([Instance(**facts)], {}, "", "")
        self.seen = ["pending"]
        original = self.instances.change

        def change(identity: str, how: Callable[[Instance], None]) -> Instance:
            def noted(instance: Instance) -> None:
                # Within the change: what is noted after it may come in another order than it happened.
                how(instance)
                if instance.state != self.seen[-1]:
                    self.seen.append(instance.state)

            return original(identity, noted)

        self.instances.change = change  # type: ignore[method-assign]

    @property
    def one(self) -> Instance:
        return self.instances.get("i-1")

    def settle(self) -> str:
        """Wait until nothing is under way; the state then."""

        def settled() -> str:
            state, machine = self.one.state, self.fleet.machine("i-1")
            up = state == "running" and machine is not None and machine.pid
            return state if up or state in ("stopped", "terminated") else ""

        return str(wait_for(settled, what="a state that lasts", every=0.001))

    def do(self, step: str) -> None:
        machine = self.fleet.machine("i-1")
        if step == "start" and self.one.state == "stopped":
            self.instances.change("i-1", lambda instance: setattr(instance, "state", "pending"))
            self.fleet.boot("i-1")
        elif step == "stop":
            self.fleet.stop("i-1", BY_USER)
        elif step == "terminate":
            self.fleet.stop("i-1", BY_USER, terminate=True)
        elif step == "reboot":
            self.fleet.reboot("i-1")
        elif step == "fall" and machine is not None:
            cast("Any", machine).fall()
        elif step in ("shutdown", "cancel") and machine is not None:
            action = "stop" if step == "shutdown" else "cancel"
            cast("Any", machine).on_power({"action": action, "seconds": 0.0})


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(tmp_path)
    found.fleet.boot("i-1")
    found.settle()
    yield found
    found.fleet.close()
    found.db.close()


STEPS = st.sampled_from(["start", "stop", "reboot", "fall", "shutdown", "cancel", "wait", "terminate"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, max_size=10))
def test_only_the_ways_that_ec2_knows(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> None:
    world = World(tmp_path_factory.mktemp("fleet"))
    try:
        world.fleet.boot("i-1")
        for step in steps:
            if step == "wait":
                world.settle()
            world.do(step)
        world.settle()
        world.fleet.close()
        assert world.one.state in ("stopped", "terminated")
        ways = list(pairwise(world.seen))
        if world.one.state_reason["Code"] == BY_SANDBOX[0]:
            assert ways.pop() in (("running", "stopped"), ("pending", "stopped"))
        assert all(after in WAYS[before] for before, after in ways), world.seen
        assert world.one.state_reason["Code"] in (BY_USER[0], BY_INSTANCE[0], BY_SANDBOX[0])
        assert all(machine.pid == 0 for machine in FakeMachine.made)
    finally:
        FakeMachine.made.clear()
        world.db.close()


def test_a_slow_restart_does_not_take_the_place_of_a_later_start(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    held, go = threading.Event(), threading.Event()
    boot = FakeMachine.boot

    def slow(self: FakeMachine, env: Any, on_exit: Callable[[], None]) -> None:
        monkeypatch.setattr(FakeMachine, "boot", boot)
        held.set()
        go.wait(60)
        boot(self, env, on_exit)

    monkeypatch.setattr(FakeMachine, "boot", slow)
    world.do("reboot")
    assert held.wait(60)
    restarted = FakeMachine.made[-1]
    world.do("stop")
    wait_for(lambda: world.one.state == "stopped", what="the stop", every=0.001)
    world.do("start")
    assert world.settle() == "running"
    started = world.fleet.machine("i-1")
    go.set()
    wait_for(lambda: restarted.going_down.is_set(), what="the end of the machine that came too late", every=0.001)
    assert world.fleet.machine("i-1") is started and started is not None and started.pid
    assert not restarted.pid


@pytest.mark.parametrize(("behavior", "state"), [("stop", "stopped"), ("terminate", "terminated")])
def test_a_shutdown_from_inside_does_what_the_instance_was_launched_with(
    world: World, behavior: str, state: str
) -> None:
    world.instances.change("i-1", lambda instance: setattr(instance, "shutdown_behavior", behavior))
    world.do("shutdown")
    wait_for(lambda: world.one.state != "running", what="the shutdown", every=0.001)
    assert world.settle() == state
    assert world.one.state_reason == {
        "Code": "Client.InstanceInitiatedShutdown",
        "Message": "Client.InstanceInitiatedShutdown: Instance initiated shutdown",
    }


def test_a_later_shutdown_takes_the_place_of_an_earlier_one_and_a_cancel_takes_it_back(world: World) -> None:
    power = cast("Any", world.fleet.machine("i-1")).on_power
    power({"action": "stop", "seconds": 3600.0})
    assert world.fleet.busy()
    power({"action": "stop", "seconds": 7200.0})
    assert len(world.fleet._timers) == 1
    power({"action": "cancel", "seconds": 0.0})
    assert not world.fleet.busy() and world.one.state == "running"


def test_a_new_start_clears_the_reason(world: World) -> None:
    world.do("stop")
    assert world.settle() == "stopped" and world.one.reason.startswith("User initiated (")
    world.do("start")
    assert world.settle() == "running" and (world.one.reason, world.one.state_reason) == ("", {})


def test_what_a_killed_sandbox_left_says_who_stopped_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    for state, after, code in (
        ("pending", "stopped", BY_SANDBOX[0]),
        ("running", "stopped", BY_SANDBOX[0]),
        ("stopping", "stopped", None),
        ("shutting-down", "terminated", None),
    ):
        world.instances.change("i-1", lambda instance, state=state: _be(instance, state))  # type: ignore[misc]
        world.fleet.recover()
        assert (world.one.state, world.one.state_reason.get("Code")) == (after, code), state
    world.db.close()


def _be(instance: Instance, state: str) -> None:
    instance.state, instance.state_reason, instance.ended = state, {}, None
