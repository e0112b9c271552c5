"""A journal of the sandbox with many entries."""

from __future__ import annotations

from urllib.parse import urlencode

from sandbox.core.state import StateDir
from sandbox.moto_host.journal import Journal, MotoRequest


def request(action: str, **given: str) -> MotoRequest:
    body = urlencode({"Action": action, **given}).encode()
    return MotoRequest("iam", "us-east-1", "", "POST", "/", {}, body)


def fill(journal: Journal, state: StateDir, cycles: int) -> None:
    with state.db.transaction():
        for number in range(cycles):
            name = {"RoleName": f"role-{number}"}
            inline = {**name, "PolicyName": "p"}
            calls = [
                ("CreateRole", name),
                ("PutRolePolicy", inline),
                ("DeleteRolePolicy", inline),
                ("DeleteRole", name),
            ]
            for action, given in calls:
                journal.confirm(journal.add(request(action, **given)))
        for number in range(50):
            journal.confirm(journal.add(request("CreateRole", RoleName=f"kept-{number}")))
            journal.confirm(journal.add(request("PutRolePolicy", RoleName=f"kept-{number}", PolicyName="p")))


def count(state: StateDir) -> int:
    return int(state.db.query("SELECT count(*) AS n FROM moto_journal")[0]["n"])
