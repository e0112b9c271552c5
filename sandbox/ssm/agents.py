"""SSM agents: which instances are managed, and which of them answer now.

An agent registers when its instance's role may (AmazonSSMManagedInstanceCore) and its network lets it reach SSM;
it goes on trying, as on AWS. Without a ping it is "ConnectionLost".
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.context import SandboxContext
from sandbox.core.diagnostics import tell_exception
from sandbox.core.state import Database
from sandbox.ec2.metadata import PRINCIPAL, role_of
from sandbox.ec2.records import Instance
from sandbox.ec2.service import Ec2Service
from sandbox.wire.errors import AwsError

REGISTER = "ssm:UpdateInstanceInformation"
# Either way a message comes to the agent.
RECEIVE = ("ec2messages:GetMessages", "ssmmessages:OpenControlChannel")
AGENT_VERSION = "3.3.3050.0"
# On AWS it is 5 minutes; here a role that lost its permission is noticed soon.
PING_SECONDS = 30.0
# How long after an error of ours an agent is tried again.
_RETRY_SECONDS = 2.0
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS ssm_agents (instance TEXT PRIMARY KEY, registered REAL NOT NULL, body TEXT NOT NULL)"
)


@dataclass
class Agent:
    """A managed instance. ``pinged``: when its agent last answered."""

    instance: str
    registered: float
    pinged: float
    online: bool


class Agents:
    """All agents. ``on_online`` (instance id) is told in a thread of its own."""

    def __init__(self, ctx: SandboxContext, db: Database, ec2: Ec2Service) -> None:
        self._ctx, self._db, self._ec2 = ctx, db, ec2
        self.on_online: list[Callable[[str], None]] = []
        self._lock = threading.Lock()
        self._due: dict[str, float] = {}
        self._wake = threading.Event()
        self._closed = False
        db.execute(_SCHEMA)
        for agent in self.all():
            self._save(agent.instance, agent.registered, agent.pinged, online=False)
        ec2.fleet.on_up.append(self._up)
        ec2.fleet.on_down.append(self._down)
        threading.Thread(target=self._run, name="ssm agents", daemon=True).start()

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        self._wake.set()

    def find(self, instance: str) -> Agent | None:
        """The agent of an instance, or None: when it has never registered, or the instance is gone."""
        row = self._db.one("SELECT * FROM ssm_agents WHERE instance=?", (instance,))
        return _agent(row) if row else None

    def all(self) -> list[Agent]:
        """All managed instances, in the order in which they registered."""
        return [_agent(row) for row in self._db.query("SELECT * FROM ssm_agents ORDER BY registered, instance")]

    def online(self, instance: str) -> bool:
        """Whether the agent answers now."""
        found = self.find(instance)
        return found is not None and found.online

    def receives(self, instance_id: str) -> bool:
        """Whether a command can be handed to the agent now."""
        instance = self._ec2.instances.find(instance_id)
        if instance is None or not self.online(instance_id) or self._ec2.fleet.machine(instance_id) is None:
            return False
        role = self.role(instance)
        return bool(role) and any(self._ctx.access.allows_role(role, action, "*") for action in RECEIVE)

    def role(self, instance: Instance) -> str:
        """The role that the instance really has; empty when there is none or EC2 may not use it."""
        role = role_of(self._ctx, instance.profile) if instance.profile else ""
        return role if role and self._ctx.access.trusts_service(role, PRINCIPAL, instance.arn) else ""

    def _up(self, instance: str) -> None:
        self._try(instance)
        self._wake.set()

    def _down(self, instance: str) -> None:
        with self._lock:
            self._due.pop(instance, None)
        found = self._ec2.instances.find(instance)
        if found is not None and found.state == "terminated":
            self._db.execute("DELETE FROM ssm_agents WHERE instance=?", (instance,))
        elif (agent := self.find(instance)) is not None:
            self._save(instance, agent.registered, agent.pinged, online=False)

    def _try(self, instance_id: str) -> None:
        """One attempt to register or to ping; the next one follows."""
        instance = self._ec2.instances.find(instance_id)
        if instance is None or self._ec2.fleet.machine(instance_id) is None:
            with self._lock:
                self._due.pop(instance_id, None)
            return
        try:
            good = self._may(instance)
        except AwsError:
            good = False
        now = time.time()
        agent = self.find(instance_id)
        if good:
            self._save(instance_id, agent.registered if agent else now, now, online=True)
        elif agent is not None:
            self._save(instance_id, agent.registered, agent.pinged, online=False)
        with self._lock:
            self._due[instance_id] = time.monotonic() + (PING_SECONDS if good else _RETRY_SECONDS)
        if good and (agent is None or not agent.online):
            for told in self.on_online:
                told(instance_id)

    def _may(self, instance: Instance) -> bool:
        role = self.role(instance)
        return (
            bool(role) and self._ctx.access.allows_role(role, REGISTER, "*") and self._ec2.network.reaches_ssm(instance)
        )

    def _save(self, instance: str, registered: float, pinged: float, *, online: bool) -> None:
        body = json.dumps({"pinged": pinged, "online": online})
        self._db.execute("INSERT OR REPLACE INTO ssm_agents VALUES (?,?,?)", (instance, registered, body))

    def _run(self) -> None:
        while not self._closed:
            with self._lock:
                now = time.monotonic()
                due = [instance for instance, at in self._due.items() if at <= now]
                rest = min((at - now for at in self._due.values() if at > now), default=None)
            for instance in due:
                try:
                    self._try(instance)
                except Exception as exc:
                    tell_exception(exc)
                    with self._lock:
                        self._due[instance] = time.monotonic() + _RETRY_SECONDS
            if not due:
                self._wake.wait(rest)
                self._wake.clear()


def _agent(row: Any) -> Agent:
    body = json.loads(row["body"])
    return Agent(row["instance"], row["registered"], body["pinged"], body["online"])
