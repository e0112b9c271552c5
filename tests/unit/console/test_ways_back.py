"""Everything that is changed has a way back, or a reason why it has none: a new change without either fails here."""

from __future__ import annotations

import ast
import inspect
import json
import pkgutil
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import console.tabs
import workers
from console.commands import Command, PutBack, PutBackAll, Reversible
from console.tabs import CHANGES
from console.tabs.scaling.commands import ApplyPolicy, RemoveScaling, SetProvisioned, SetReserved
from console.tabs.scaling.restoring import RestoreScaling
from console.tabs.scaling.schedule_commands import DeleteSchedule, PutSchedule, SetCapacities
from console.tabs.training.tags.commands import EditTags
from console.ways_back import all_ways_back, command_of, written
from workers.scaling.snapshots import AlarmCall, Snapshot
from workers.scaling.types import (
    Capacity,
    Schedule,
    Suspended,
    Target,
    Variant,
    VariantScaling,
    VariantSettings,
    kept_warm,
)

# Calls that change scaling, concurrency or tags.
CALLS = re.compile(
    r"(?:de)?register_scalable_target|(?:put|delete)_(?:scaling_policy|scheduled_action)"
    r"|(?:put|delete)_(?:function_concurrency|provisioned_concurrency_config)"
    r"|update_endpoint_weights_and_capacities"
    r"|(?:add|put|delete|create|remove)_(?:\w+_)?tag(?:s|ging)?|(?:un)?tag_(?:resources?|\w+)"
)
# Where they are made, and which commands put back what they change, or why nothing does.
OF_CALLS: Mapping[tuple[str, str], tuple[type[Command], ...] | str] = {
    ("aws/tags.py", "add_tags"): (EditTags,),
    ("aws/tags.py", "delete_tags"): (EditTags,),
    ("scaling/variants.py", "register_scalable_target"): (ApplyPolicy,),
    ("scaling/variants.py", "deregister_scalable_target"): (RemoveScaling, ApplyPolicy),
    ("scaling/variants.py", "put_scaling_policy"): (ApplyPolicy,),
    ("scaling/variants.py", "delete_scaling_policy"): "No command deletes a policy alone",
    ("scaling/variants.py", "update_endpoint_weights_and_capacities"): (SetCapacities,),
    ("scaling/schedules.py", "register_scalable_target"): (PutSchedule,),
    ("scaling/schedules.py", "deregister_scalable_target"): (DeleteSchedule, PutSchedule),
    ("scaling/schedules.py", "put_scheduled_action"): (PutSchedule,),
    ("scaling/schedules.py", "delete_scheduled_action"): (DeleteSchedule,),
    ("scaling/concurrency.py", "put_function_concurrency"): (SetReserved,),
    ("scaling/concurrency.py", "delete_function_concurrency"): (SetReserved,),
    ("scaling/concurrency.py", "put_provisioned_concurrency_config"): (SetProvisioned,),
    ("scaling/concurrency.py", "delete_provisioned_concurrency_config"): (SetProvisioned,),
    ("scaling/snapshots.py", "register_scalable_target"): (RestoreScaling,),
    ("scaling/snapshots.py", "deregister_scalable_target"): (RestoreScaling,),
    ("scaling/snapshots.py", "put_scaling_policy"): (RestoreScaling,),
    ("scaling/snapshots.py", "delete_scaling_policy"): (RestoreScaling,),
    ("scaling/snapshots.py", "put_scheduled_action"): (RestoreScaling,),
    ("scaling/snapshots.py", "delete_scheduled_action"): (RestoreScaling,),
    # Secure keeps it as a way back of the Scaling tab (test_security_commands).
    ("security/functions.py", "put_function_concurrency"): (SetReserved,),
    # TearDown keeps what it takes from what stays as a way back of the Scaling tab (test_overview_tear_down).
    ("inventory/teardown/deleting.py", "deregister_scalable_target"): (RestoreScaling,),
    ("endpoints/deletion.py", "deregister_scalable_target"): "AWS scales nothing that is gone",
    ("parking/scaling.py", "register_scalable_target"): "Resuming brings back what parking remembers in the account",
    ("parking/scaling.py", "deregister_scalable_target"): "Resuming brings back what parking remembers in the account",
    ("parking/scaling.py", "put_scaling_policy"): "Resuming brings back what parking remembers in the account",
    ("parking/scaling.py", "put_scheduled_action"): "Resuming brings back what parking remembers in the account",
    ("parking/resume.py", "update_endpoint_weights_and_capacities"): "Parking again remembers them anew",
    ("parking/park.py", "add_tags"): "They are the memory itself; forgetting it is asked for by name",
    ("parking/account.py", "add_tags"): "They are the memory itself; forgetting it is asked for by name",
    ("parking/account.py", "delete_tags"): "They are the memory itself; forgetting it is asked for by name",
    ("training/jobs.py", "add_tags"): "It takes a spot job's instances away at once, which nobody brings back",
}  # fmt: skip
_MADE = "What it makes is deleted, stopped or parked by a command of its own"
_GONE = "AWS keeps nothing of what is deleted: it waits ten seconds, or its name is typed"
_STARTED = "What was started is stopped by a command of its own; what it cost is spent"
_STOPPED = "AWS takes up nothing that was stopped: it is started anew by a command of its own"
_SAFER = "What was made safe is not made unsafe again by one click"
# Every other command of the window, with the reason why the activity panel does not put it back.
NO_WAY_BACK = {
    "CreateBucket": _MADE, "UploadFolder": _MADE, "LaunchInstance": _MADE, "CreateDefaultVpc": _MADE,
    "DeployEndpoint": _MADE, "CreateFunction": _MADE, "PublishVersion": _MADE, "MakeNotebook": _MADE,
    "GrantJustThis": _SAFER, "NarrowRole": _SAFER, "RaiseQuota": "AWS lowers no quota on request",
    "LaunchTraining": _STARTED, "LaunchTuning": _STARTED, "LaunchJob": _STARTED, "RunLine": _STARTED,
    "RunLoadTest": _STARTED, "ProbeLatency": _STARTED, "StartInstances": _STARTED, "StartNotebooks": _STARTED,
    "StopTraining": _STOPPED, "InterruptTraining": _STOPPED, "StopTuning": _STOPPED, "StopJob": _STOPPED,
    "CancelCommand": _STOPPED, "StopRunning": _STOPPED, "StopInstances": _STOPPED, "StopNotebooks": _STOPPED,
    "TerminateInstances": _GONE, "OpenNotebook": "It changes nothing", "RestoreObjects": "It is a way back itself",
    "DeleteEndpoint": _GONE, "DeleteFunction": _GONE, "ForgetParked": _GONE, "DeleteBucket": _GONE,
    "UpdateEndpoint": "Its configurations stay: it is updated back to one by the same command",
    "UpdateFunctionCode": "AWS gives code back from published versions alone",
    "ChangeSettings": "Variables may hold secrets, which are kept nowhere on this computer",
    "MoveAlias": "It is moved back by the same command: both versions stay",
    "ParkEndpoint": "Resuming brings it back as it was", "ResumeEndpoint": "It is parked again by the same command",
    "Settle": "It parks, stops or deletes, each as its own command does",
}  # fmt: skip
# These have ways back of their own.
WITH_A_WAY_BACK = {"ApplyPlan", "DeleteObjects", "Secure", "TearDown", "PutBack", "PutBackAll"}


def every(kind: type[Any]) -> Iterator[type[Any]]:
    for found in kind.__subclasses__():
        yield found
        yield from every(found)


def all_commands() -> list[type[Command]]:
    for module in pkgutil.walk_packages(console.tabs.__path__, "console.tabs."):
        import_module(module.name)
    import_module("console.narrowing")
    found = {command for command in every(Command) if command.__module__.startswith("console.")}
    return sorted(
        (command for command in found if not inspect.isabstract(command) and not command.__name__.startswith("_")),
        key=lambda command: command.__name__,
    )


def test_every_command_has_a_way_back_or_a_reason() -> None:
    reversible = {command.__name__ for command in all_commands() if issubclass(command, Reversible)}
    names = {command.__name__ for command in all_commands()}
    assert names - reversible == NO_WAY_BACK.keys() | WITH_A_WAY_BACK
    assert not NO_WAY_BACK.keys() & (reversible | WITH_A_WAY_BACK)
    for command in all_commands():
        if command.__name__ in WITH_A_WAY_BACK:
            assert command.undo is not Command.undo, command


def test_every_call_that_changes_scaling_concurrency_or_tags_is_decided_on() -> None:
    root = Path(workers.__file__).parent
    made = set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CALLS.fullmatch(node.value):
                made.add((path.relative_to(root).as_posix(), node.value))
    assert made == OF_CALLS.keys()
    kept = {change.partition(":")[2] for change in CHANGES}
    for commands in OF_CALLS.values():
        if not isinstance(commands, str):
            assert {command.__name__ for command in commands} <= kept


def test_what_can_be_put_back_is_named_by_its_tab() -> None:
    named = {
        f"{command.__module__}:{command.__name__}" for command in all_commands() if issubclass(command, Reversible)
    }
    assert named == set(CHANGES)
    assert len({change.partition(":")[2] for change in CHANGES}) == len(CHANGES)


VARIANT = Variant("dogs", "a", "InService", "ml.m5.large", 1, 2, 0.5)
AT = datetime(2027, 3, 4, 5, 6, 7, tzinfo=UTC)
NIGHTS = Schedule("nights", "cron(0 22 * * ? *)", "Europe/Berlin", None, 2, "r", AT, None, AT)
WHOLE = Snapshot(
    {"MinCapacity": 2, "SuspendedState": {"DynamicScalingInSuspended": True}, "MaxCapacity": 3},
    ({"PolicyName": "p", "PolicyType": "StepScaling", "StepScalingPolicyConfiguration": {"Cooldown": 3, "x": [1.5]}},),
    ({"ScheduledActionName": "n", "Schedule": "rate(1 hour)", "EndTime": AT.isoformat()},),
    (AlarmCall("busy", "p", ("AlarmActions",)),),
)
# Of each change: it, what was there before, and what tells the thing.
SCALING = ("scaling", "dogs")
EXAMPLES: list[tuple[Reversible, Any]] = [
    (SetReserved("ask", 5), None),
    (SetReserved("ask", None), 0),
    (SetProvisioned("ask", 5, "", 12.5, 512), 0),
    (SetProvisioned("ask", 0, "7", None, 512), 3),
    (ApplyPolicy(VARIANT, VariantSettings(1, 4, 12.5, 0, 60), Suspended(scheduled=True), "p", False), WHOLE),
    (ApplyPolicy(VARIANT, VariantSettings(1, 4, 12.5, 0, 60), Suspended()), Snapshot()),
    (RemoveScaling(VariantScaling(VARIANT, Target(1, 2), schedules=(NIGHTS,))), WHOLE),
    (RestoreScaling(VARIANT.scalable, SCALING, WHOLE, "p", VARIANT), Snapshot(starts=None)),
    (RestoreScaling(kept_warm("ask", "live"), SCALING, Snapshot()), WHOLE),
    (PutSchedule(kept_warm("ask", "live"), NIGHTS, SCALING, Target(1, 1), None), None),
    (PutSchedule(VARIANT.scalable, NIGHTS, SCALING), Schedule("nights", "rate(1 day)", "UTC", 1, None)),
    (DeleteSchedule(VARIANT.scalable, NIGHTS, SCALING, Target(1, 2, Suspended(True)), tidy=True), NIGHTS),
    (SetCapacities([VARIANT], [Capacity("a", 3, None)], {"a": 0.2}, Target(1, 9)), (Capacity("a", 2, None),)),
    (EditTags("job", "dogs-1", "arn:x", {"team": "ü", "new": ""}, ["old"]), {"team": "b", "new": None, "old": "1"}),
]


def noted(change: Reversible, before: Any) -> Reversible:
    change.before, change.knows_before, change.thing = before, True, "made on Monday"
    return change


@pytest.mark.parametrize("change, before", EXAMPLES)
def test_a_way_back_survives_the_disk_to_the_letter(change: Reversible, before: Any) -> None:
    back = noted(change, before).undo(None)
    assert isinstance(back, PutBack)
    record = json.loads(json.dumps(written(back)))
    again = command_of(record, CHANGES)
    assert isinstance(again, PutBack) and type(again.done) is type(change)
    assert (again.title, again.icon, again.cli(), again.events()) == (back.title, back.icon, back.cli(), back.events())
    assert (again.done.before, again.done.thing) == (before, "made on Monday")
    assert written(again) == record


def test_every_reversible_change_has_an_example() -> None:
    assert {f"{type(change).__module__}:{type(change).__name__}" for change, _ in EXAMPLES} == set(CHANGES)


def test_several_are_one_way_back() -> None:
    backs = [noted(change, before).undo(None) for change, before in EXAMPLES[:2]]
    whole = PutBackAll("Apply the plan", "scaling", [back for back in backs if isinstance(back, PutBack)])
    record = json.loads(json.dumps(written(whole)))
    again = command_of(record, CHANGES)
    assert isinstance(again, PutBackAll) and (again.title, again.cli()) == (whole.title, whole.cli())
    assert record == all_ways_back("Apply the plan", "scaling", record["parts"])


def test_only_what_a_tab_names_is_ever_imported() -> None:
    for change in ("os:system", "system", "PutBack", "console.tabs.scaling.commands:SetReserved", ""):
        with pytest.raises(ValueError, match="no change is called"):
            command_of({"version": 1, "change": change, "made": {}}, CHANGES)
