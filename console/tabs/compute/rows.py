"""The rows and columns of the instances and of their commands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from console.models.columns import Column
from console.models.format import cost, duration, when
from console.models.states import INSTANCE_STATES, State
from workers.compute.instances import up_seconds
from workers.compute.types import Command, Instance, Series

# An instance that does nothing for this long, and bills, wants to be looked at.
IDLE_AFTER = timedelta(hours=1)
IDLE_PERCENT = 5.0
_REASONS = {
    "Client.InstanceInitiatedShutdown": "it shut itself down",
    "Client.UserInitiatedShutdown": "somebody stopped it",
    "Client.UserInitiatedHibernate": "somebody hibernated it",
    "Server.InsufficientInstanceCapacity": "AWS had no capacity for it",
    "Server.SpotInstanceTermination": "AWS took the spot instance back",
    "Server.ScheduledStop": "AWS stopped it on schedule",
    "Server.InternalError": "an error at AWS stopped it",
    "Client.VolumeLimitExceeded": "the quota of volumes was reached",
    "Client.InternalError": "its disk could not be used",
}


@dataclass(frozen=True)
class Row:
    """An instance with its price and cost (US dollars; ``None``: not known) and the CPU of its last hour."""

    instance: Instance
    per_hour: float | None = None
    cost: float | None = None
    # While it ran: what its commands cost does not change when it stops.
    list_price: float | None = None
    cpu: Series | None = None

    @property
    def id(self) -> str:
        """The instance's id."""
        return self.instance.id

    @property
    def name(self) -> str:
        """What to call it."""
        return self.instance.title

    @property
    def idle(self) -> bool:
        """True when it runs and its CPU was under 5 % for the whole last hour."""
        if not self.instance.running or self.cpu is None:
            return False
        first = datetime.now(UTC) - IDLE_AFTER
        values = [value for at, value in self.cpu.values if at >= first]
        long_enough = datetime.now(UTC) - self.instance.started >= IDLE_AFTER
        return bool(values) and long_enough and max(values) < IDLE_PERCENT

    @property
    def state(self) -> State:
        """EC2's word, or Idle."""
        return State("Idle", "warn", "idle") if self.idle else state_of_instance(self.instance)


def state_of_instance(instance: Instance) -> State:
    """EC2's word for where the instance is."""
    return INSTANCE_STATES.get(instance.state, State(instance.state))


def why(instance: Instance) -> str:
    """Why it is not running, in words with AWS's code; "" for one that runs."""
    if instance.state in ("pending", "running") or not instance.reason_code:
        return ""
    words = _REASONS.get(instance.reason_code, instance.reason)
    return f"{words} ({instance.reason_code})" if words else instance.reason_code


# A new instance's agent reports within two or three minutes; after ten it will not by itself.
AGENT_AFTER = timedelta(minutes=10)


def silent_agent(instance: Instance, now: datetime | None = None) -> str:
    """What to check, in order, when an instance has run for ten minutes and takes no commands; "" otherwise."""
    if not instance.running or (instance.agent is not None and instance.agent.online):
        return ""
    if (now or datetime.now(UTC)) - instance.started < AGENT_AFTER:
        return ""
    role = f"has the role of {instance.profile}" if instance.profile else "has no role at all"
    return (
        "It runs for over ten minutes and takes no commands. Check in this order: "
        f"1. its role must have AmazonSSMManagedInstanceCore (it {role}); "
        "2. its subnet needs a way to SSM (internet gateway and public address, or VPC endpoints), and the security "
        "group must let HTTPS out; 3. the image must have the SSM agent, as Deep Learning AMIs and Amazon Linux "
        "do; 4. its clock must be right, or its requests are refused. Then stop and start it."
    )


def agent_state(instance: Instance) -> State | None:
    """Whether commands reach it; ``None`` for one that does not run."""
    if not instance.running:
        return None
    if instance.agent is None:
        return State("Not reported", "neutral", "wait")
    if instance.agent.online:
        return State("Online", "ok")
    return State("Connection lost", "warn")


def _up(row: Row) -> float | None:
    return up_seconds(row.instance)


def _curve(row: Row) -> list[float] | None:
    values = [value for _, value in row.cpu.values] if row.cpu is not None else []
    return values if len(values) > 1 else None


COLUMNS = [
    Column("name", "Name", kind="name", icon="ec2", priority=0, tooltip=lambda row: why(row.instance)),
    Column("id", "Instance", kind="mono", priority=4),
    Column("type", "Type", value=lambda row: row.instance.type, priority=2),
    Column("state", "State", kind="state", priority=0, sample="Shutting down", tooltip=lambda row: why(row.instance)),
    Column("agent", "Commands (SSM)", kind="state", value=lambda row: agent_state(row.instance), priority=3),
    Column("cpu", "CPU, last hour", kind="spark", value=_curve, sortable=False, ceiling=100.0, priority=5),
    Column("up", "Up", kind="number", value=_up, format=lambda v, _: duration(v), priority=4),
    Column(
        "per_hour",
        "$ per hour",
        kind="number",
        strong=True,
        value=lambda row: row.per_hour or None,
        format=lambda v, _: f"{v:.3f}",
        priority=1,
    ),
    Column("cost", "Since start", kind="number", format=lambda v, _: cost(v), priority=2),
]


def took(command: Command, now: datetime | None = None) -> float | None:
    """Seconds that a command ran, or has run so far; ``None`` before it began."""
    if command.started is None:
        return None
    return max(0.0, ((command.ended or now or datetime.now(UTC)) - command.started).total_seconds())


def state_of_command(command: Command) -> State:
    """SSM's word for a command, with the exit code of one that failed."""
    words = {
        "Pending": State("Pending", "neutral", "wait"),
        "InProgress": State("Running", "run"),
        "Success": State("Success", "ok"),
        "Cancelled": State("Cancelled", "neutral"),
        "Cancelling": State("Cancelling", "run"),
        "TimedOut": State(command.detail if "Timed" in command.detail else "Timed out", "err"),
    }
    if command.state == "Failed":
        code = command.exit_code
        return State(f"Exit code {code}" if code not in (None, -1) else command.detail or "Failed", "err")
    return words.get(command.state, State(command.state))


COMMAND_COLUMNS = [
    Column("title", "Command", kind="name", icon="terminal", priority=0),
    Column("state", "State", kind="state", value=state_of_command, priority=0, sample="In progress"),
    Column(
        "requested", "Started", kind="number", value=lambda row: row.requested, format=lambda v, _: when(v), priority=2
    ),
    Column("took", "Took", kind="number", value=took, format=lambda v, _: duration(v), priority=1),
]
