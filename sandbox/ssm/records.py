"""Run Command's records: one row for each command and one for each instance that it goes to.

They outlive the process; what ran when it was killed has failed, for nobody can ever say how it would have ended.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.core.state import Database

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS ssm_commands (id TEXT PRIMARY KEY, created REAL NOT NULL, body TEXT NOT NULL)",
    """CREATE TABLE IF NOT EXISTS ssm_invocations (command TEXT NOT NULL, instance TEXT NOT NULL, created REAL NOT NULL,
        open INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (command, instance))""",
    "CREATE INDEX IF NOT EXISTS ssm_by_instance ON ssm_invocations (instance, created)",
    "CREATE INDEX IF NOT EXISTS ssm_open ON ssm_invocations (open)",
)
# Run Command's history goes back 30 days.
KEEP_SECONDS = 30 * 86_400.0
LOST = "The sandbox stopped while the command was running."


@dataclass
class Command:
    """A command as it was sent. ``request``: SendCommand's members, the document's parameters with their defaults."""

    id: str
    created: float
    request: dict[str, Any]
    targets: list[str]
    cancelled: bool = False

    @property
    def execution_seconds(self) -> int:
        """executionTimeout."""
        return int(self.request["Parameters"]["executionTimeout"][0])

    @property
    def delivery_seconds(self) -> int:
        """TimeoutSeconds."""
        return int(self.request.get("TimeoutSeconds", 3600))


@dataclass
class Invocation:
    """A command on one instance. ``interrupted``: its instance went away while it ran. Times are epoch seconds."""

    command: str
    instance: str
    created: float
    instance_name: str = ""
    status: str = "Pending"
    details: str = "Pending"
    code: int = -1
    started: float | None = None
    ended: float | None = None
    stdout: str = ""
    stderr: str = ""
    output: str = ""
    stdout_url: str = ""
    stderr_url: str = ""
    interrupted: bool = False
    restarts: int = 0
    extra: dict[str, object] = field(default_factory=dict)

    @property
    def open(self) -> bool:
        """True until it has a final status."""
        return self.status in ("Pending", "InProgress", "Delayed", "Cancelling")

    def finish(self, status: str, details: str, code: int | None = None) -> None:
        """Give it a final status."""
        self.status, self.details = status, details
        if code is not None:
            self.code = code
        if self.started is not None:
            self.ended = time.time()


class Commands:
    """All commands of one state folder."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = threading.RLock()
        for statement in _SCHEMA:
            db.execute(statement)
        old = time.time() - KEEP_SECONDS
        with db.transaction():
            db.execute("DELETE FROM ssm_invocations WHERE created < ?", (old,))
            db.execute("DELETE FROM ssm_commands WHERE created < ?", (old,))

    def recover(self) -> None:
        """End what a killed sandbox left open: what ran has failed, what waited was never delivered."""
        for invocation in self.invocations(open_only=True):
            self.change(invocation.command, invocation.instance, _lose)

    def add(self, command: Command, invocations: list[Invocation]) -> None:
        """Keep a new command."""
        with self._lock, self._db.transaction():
            self._db.execute(
                "INSERT INTO ssm_commands VALUES (?,?,?)", (command.id, command.created, json.dumps(command.__dict__))
            )
            for invocation in invocations:
                row = (
                    invocation.command,
                    invocation.instance,
                    invocation.created,
                    int(invocation.open),
                    json.dumps(invocation.__dict__),
                )
                self._db.execute("INSERT INTO ssm_invocations VALUES (?,?,?,?,?)", row)

    def command(self, command_id: str) -> Command | None:
        """One command, or None."""
        row = self._db.one("SELECT body FROM ssm_commands WHERE id=?", (command_id,))
        return Command(**json.loads(row["body"])) if row else None

    def commands(self) -> list[Command]:
        """All commands, the newest first."""
        rows = self._db.query("SELECT body FROM ssm_commands ORDER BY created DESC, id")
        return [Command(**json.loads(row["body"])) for row in rows]

    def save(self, command: Command) -> None:
        """Replace a command."""
        self._db.execute("UPDATE ssm_commands SET body=? WHERE id=?", (json.dumps(command.__dict__), command.id))

    def invocation(self, command_id: str, instance: str) -> Invocation | None:
        """One invocation, or None."""
        row = self._db.one("SELECT body FROM ssm_invocations WHERE command=? AND instance=?", (command_id, instance))
        return Invocation(**json.loads(row["body"])) if row else None

    def invocations(self, command: str = "", instance: str = "", *, open_only: bool = False) -> list[Invocation]:
        """The invocations of a command, of an instance, or all, the newest first."""
        args: list[str] = []
        sql = "SELECT body FROM ssm_invocations WHERE 1"
        for column, value in (("command", command), ("instance", instance)):
            if value:
                sql, args = f"{sql} AND {column}=?", [*args, value]
        sql += " AND open=1" if open_only else ""
        rows = self._db.query(f"{sql} ORDER BY created DESC, command, instance", args)
        return [Invocation(**json.loads(row["body"])) for row in rows]

    def change(self, command: str, instance: str, change: Callable[[Invocation], None]) -> Invocation | None:
        """Change one invocation as a whole; returns it as it is then."""
        with self._lock, self._db.transaction():
            found = self.invocation(command, instance)
            if found is None:
                return None
            change(found)
            self._db.execute(
                "UPDATE ssm_invocations SET open=?, body=? WHERE command=? AND instance=?",
                (int(found.open), json.dumps(found.__dict__), command, instance),
            )
        return found


def _lose(invocation: Invocation) -> None:
    if invocation.started is None:
        invocation.finish("TimedOut", "DeliveryTimedOut")
        return
    invocation.stderr = f"{invocation.stderr}\n{LOST}".strip()
    invocation.output = f"{invocation.output}\n{LOST}".strip()
    invocation.finish("Failed", "Failed", -1)
