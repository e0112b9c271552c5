"""Which journalled requests may go, and that taking them out is all or nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.core.state import StateDir
from sandbox.moto_host.compaction import Compaction
from sandbox.moto_host.journal import Journal
from tests.helpers.journals import count, fill, request

ROLE, POLICY = {"RoleName": "r"}, {"PolicyArn": "arn:aws:iam::123456789012:policy/p"}
INLINE = {**ROLE, "PolicyName": "i"}
ATTACH = {**ROLE, **POLICY}
Call = tuple[str, dict[str, str]]


def left(*calls: Call) -> list[str]:
    """The actions that stay, in order; of a replaced one the text that it takes."""
    compaction = Compaction()
    for number, (action, given) in enumerate(calls, 1):
        compaction.read(number, "/", request(action, **given).body)
    plan = compaction.plan
    gone = plan.deleted | set(plan.replaced.values())
    kept = [number for number in range(1, len(calls) + 1) if number not in gone]
    shown = [calls[plan.replaced.get(number, number) - 1] for number in kept]
    return [action + (f" {given['Text']}" if "Text" in given else "") for action, given in shown]


@pytest.mark.parametrize(
    ("calls", "kept"),
    [
        # A whole life leaves nothing.
        (
            [
                ("CreateRole", ROLE),
                ("PutRolePolicy", INLINE),
                ("AttachRolePolicy", ATTACH),
                ("TagRole", ROLE),
                ("DetachRolePolicy", ATTACH),
                ("DeleteRolePolicy", INLINE),
                ("DeleteRole", ROLE),
            ],
            [],
        ),
        ([("CreateRole", ROLE), ("DeleteRole", ROLE), ("CreateRole", ROLE)], ["CreateRole"]),
        ([("CreateRole", ROLE), ("DeleteRole", {"RoleName": "s"})], ["CreateRole", "DeleteRole"]),
        # Of a living role only the last text counts, at the place of the first.
        (
            [
                ("CreateRole", ROLE),
                ("PutRolePolicy", {**INLINE, "Text": "1"}),
                ("PutRolePolicy", {**INLINE, "PolicyName": "j", "Text": "j"}),
                ("PutRolePolicy", {**INLINE, "Text": "2"}),
                ("PutRolePolicy", {**INLINE, "Text": "3"}),
            ],
            ["CreateRole", "PutRolePolicy 3", "PutRolePolicy j"],
        ),
        (
            [("CreateRole", ROLE), ("PutRolePolicy", INLINE), ("PutRolePolicy", INLINE), ("DeleteRolePolicy", INLINE)],
            ["CreateRole"],
        ),
        (
            [("CreateRole", ROLE), *[("UpdateAssumeRolePolicy", {**ROLE, "Text": str(n)}) for n in range(3)]],
            ["CreateRole", "UpdateAssumeRolePolicy 2"],
        ),
        (
            [("PutRolePermissionsBoundary", ROLE), ("DeleteRolePermissionsBoundary", ROLE)],
            ["DeleteRolePermissionsBoundary"],
        ),
        (
            [("AttachRolePolicy", ATTACH), ("DetachRolePolicy", ATTACH), ("AttachRolePolicy", ATTACH)],
            ["AttachRolePolicy"],
        ),
        # Attached twice counts twice in moto.
        (
            [("AttachRolePolicy", ATTACH)] * 2 + [("DetachRolePolicy", ATTACH)],
            ["AttachRolePolicy"] * 2 + ["DetachRolePolicy"],
        ),
        (
            [("AttachRolePolicy", ATTACH)] * 3 + [("DetachRolePolicy", ATTACH)],
            ["AttachRolePolicy"] * 3 + ["DetachRolePolicy"],
        ),
        (
            [("PutRolePolicy", INLINE), ("Strange", ROLE), ("PutRolePolicy", INLINE), ("DeleteRolePolicy", INLINE)],
            ["PutRolePolicy", "Strange", "PutRolePolicy", "DeleteRolePolicy"],
        ),
        # A policy that was deleted while attached is another one afterwards.
        (
            [
                ("CreatePolicy", {"PolicyName": "p"}),
                ("AttachRolePolicy", ATTACH),
                ("DeletePolicy", POLICY),
                ("CreatePolicy", {"PolicyName": "p"}),
                ("DetachRolePolicy", ATTACH),
            ],
            ["CreatePolicy", "AttachRolePolicy", "DeletePolicy", "CreatePolicy", "DetachRolePolicy"],
        ),
        (
            [
                ("CreatePolicy", {"PolicyName": "p", "Path": "/"}),
                ("CreatePolicyVersion", POLICY),
                ("DeletePolicy", POLICY),
            ],
            [],
        ),
        # Whom something unknown names is kept.
        (
            [
                ("CreateUser", {"UserName": "u"}),
                ("CreateAccessKey", {"UserName": "u"}),
                ("DeleteUser", {"UserName": "u"}),
            ],
            ["CreateUser", "CreateAccessKey", "DeleteUser"],
        ),
        (
            [
                ("CreateRole", ROLE),
                ("CreateInstanceProfile", {"InstanceProfileName": "x"}),
                ("AddRoleToInstanceProfile", {"InstanceProfileName": "x", **ROLE}),
                ("RemoveRoleFromInstanceProfile", {"InstanceProfileName": "x", **ROLE}),
                ("DeleteRole", ROLE),
            ],
            ["CreateInstanceProfile"],
        ),
    ],
)
def test_what_stays(calls: list[Call], kept: list[str]) -> None:
    assert left(*calls) == kept


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDir]:
    opened = StateDir(tmp_path / "state")
    yield opened
    opened.close()


def test_thousands_of_cycles_are_taken_out_fast(state: StateDir) -> None:
    journal = Journal(state)
    fill(journal, state, 5000)
    began = time.process_time()
    assert journal.compact() == 20_000
    assert time.process_time() - began < 10
    assert count(state) == 100 and journal.compact() == 0


def test_a_request_whose_end_was_not_seen_decides_nothing(state: StateDir) -> None:
    journal = Journal(state)
    journal.confirm(journal.add(request("CreateRole", RoleName="r")))
    unseen = journal.add(request("DeleteRole", RoleName="r"))
    assert journal.compact() == 0
    assert [entry.confirmed for entry in journal.entries()] == [True, False]
    journal.confirm(unseen)
    assert journal.compact() == 2


def test_an_older_journal_is_confirmed(state: StateDir) -> None:
    Journal(state)
    state.db.execute("ALTER TABLE moto_journal DROP COLUMN confirmed")
    state.db.execute(
        "INSERT INTO moto_journal (at, seed, service, region, key_id, method, target, headers, body)"
        " VALUES (1.0, x'00', 'iam', 'us-east-1', '', 'POST', '/', '{}', x'00')"
    )
    assert [entry.confirmed for entry in Journal(state).entries()] == [True]


KILLED = """
import sys
from pathlib import Path
from sandbox.moto_host.journal import Journal
from sandbox.core.state import StateDir
journal = Journal(StateDir(Path(sys.argv[1])))
print("compacting", flush=True)
journal.compact()
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is of POSIX")
def test_a_kill_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    opened = StateDir(folder)
    fill(Journal(opened), opened, 1500)
    before = count(opened)
    opened.close()
    for pause in (0.0, 0.01, 0.05, 0.1, 0.2):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(folder)], stdout=subprocess.PIPE)
        assert process.stdout is not None and process.stdout.readline() == b"compacting\n"
        # Killed at another moment each time; each must leave all or nothing.
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        opened = StateDir(folder)
        assert count(opened) in (before, 100)
        opened.close()
    opened = StateDir(folder)
    Journal(opened).compact()
    assert count(opened) == 100
    opened.close()
