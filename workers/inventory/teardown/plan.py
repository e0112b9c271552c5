"""What a tear-down deletes, in which order, and what stays and why. Pure: no network."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence

from workers.inventory.kinds import JOB_KINDS, KINDS, Kind
from workers.inventory.types import Inventory, Resource, Stays, TearDownChoice, TearDownPlan, TearDownStep

RUNNING = frozenset({"InProgress", "Stopping", "Deleting"})
GONE = frozenset({"terminated"})
# One stage begins when those before it that it needs are over: what is used goes after who uses it.
STAGES: tuple[tuple[Kind, ...], ...] = (
    JOB_KINDS,
    ("scalable-target",),
    ("alarm",),
    ("endpoint",),
    ("parked-endpoint",),
    ("endpoint-config",),
    ("model",),
    ("function",),
    ("notebook",),
    ("instance",),
    ("volume", "address"),
    ("log-group",),
    ("bucket",),
    ("instance-profile",),
    ("role",),
    ("security-group",),
)
STAGE: Mapping[Kind, int] = {kind: at for at, kinds in enumerate(STAGES) for kind in kinds}
_USERS: frozenset[Kind] = frozenset((*JOB_KINDS, "endpoint", "function", "notebook", "instance"))
# What must be really gone before a kind is deleted.
NEEDS: Mapping[Kind, frozenset[Kind]] = {
    "endpoint": frozenset({"scalable-target"}),
    "parked-endpoint": frozenset({"endpoint"}),
    "endpoint-config": frozenset({"endpoint", "parked-endpoint"}),
    "model": frozenset({"endpoint", "parked-endpoint", "endpoint-config", "transform-job"}),
    "function": frozenset({"scalable-target"}),
    "volume": frozenset({"instance"}),
    "address": frozenset({"instance"}),
    # A function or job that still runs would write them anew.
    "log-group": _USERS,
    "bucket": _USERS,
    "instance-profile": frozenset({"instance"}),
    "role": _USERS | {"instance-profile", "model"},
    "security-group": frozenset({"instance", "notebook", "function"}),
}
_LAST: frozenset[Kind] = frozenset({"instance-profile", "role", "security-group"})
_OWN_ALARM = "TargetTracking-"
_OWN_BUCKET = "sagedeck-"
_LOGS: tuple[tuple[str, Kind], ...] = (
    ("/aws/sagemaker/Endpoints/", "endpoint"),
    ("/aws/lambda/", "function"),
)


class Owners:
    """Who made what, as far as it is known, and what belongs to something that SageDeck made."""

    def __init__(self, inventory: Inventory) -> None:
        self._ours: dict[Kind, set[str]] = {}
        for row in inventory.resources:
            if row.ours:
                self._ours.setdefault(row.kind, set()).add(row.name)
        self._roles = {row.id for row in inventory.of("role") if row.ours}

    def of(self, row: Resource) -> bool | None:
        """Whether SageDeck made it; ``None``: nobody can tell."""
        if row.ours is not None:
            return row.ours
        if row.kind == "bucket":
            # Buckets have no tag of SageDeck's; the name that it suggests is the only sign.
            return row.name.startswith(_OWN_BUCKET)
        if row.kind == "scalable-target":
            kind: Kind = "endpoint" if row.facts.get("space") == "sagemaker" else "function"
            parts = row.facts.get("resource", "").replace(":", "/").split("/")
            return len(parts) > 1 and parts[1] in self._ours.get(kind, ())
        if row.kind == "alarm":
            watched = set(row.facts.get("dimensions", "").split(","))
            mine = watched & (self._ours.get("endpoint", set()) | self._ours.get("function", set()))
            return bool(mine) and row.name.startswith((_OWN_ALARM, _OWN_BUCKET))
        if row.kind == "log-group":
            return self._log(row.name)
        if row.kind == "instance-profile":
            return any(part in self._roles for kind, part in row.parts if kind == "role")
        return None

    def _log(self, name: str) -> bool:
        for start, kind in _LOGS:
            if name.startswith(start):
                return name.removeprefix(start) in self._ours.get(kind, ())
        return False


def make_plan(
    inventory: Inventory,
    choice: TearDownChoice,
    confirm: str,
    region: str,
    roles_of: Callable[[Resource], tuple[str, ...] | None] = lambda row: (),
    contents: tuple[int, int] | None = None,
) -> TearDownPlan:
    """The plan for an account as it was read. ``roles_of`` tells the roles that something which stays works with,
    ``None`` where that is not known; ``contents`` are objects and bytes in the buckets.
    """
    owners = Owners(inventory)
    goes: list[Resource] = []
    stays: list[Stays] = []
    for row in inventory.resources:
        if row.state in GONE:
            continue
        why = _stays(row, owners, choice, region)
        if why:
            stays.append(Stays(row, why))
        else:
            goes.append(row)
    blind = [KINDS[read.kind].many.lower() for read in inventory.unread if read.kind in _USERS]
    if blind:
        why = f"{', '.join(blind)} could not be read, and one of them may need it"
        stays += [Stays(row, why) for row in goes if row.kind in _LAST]
        goes = [row for row in goes if row.kind not in _LAST]
    roles = _kept_roles([row for row in goes if row.kind == "role"], stays, roles_of)
    stays += roles
    goes = [row for row in goes if row not in [stay.resource for stay in roles]]
    goes.sort(key=lambda row: (STAGE[row.kind], row.kind, row.name))
    steps = tuple(TearDownStep(row, verb(row), STAGE[row.kind], note=_note(row), cli=cli_of(row)) for row in goes)
    rates = [row.dollars_per_hour for row in goes if row.kind != "bucket"]
    saves = None if not rates or all(rate is None for rate in rates) else sum(rate or 0.0 for rate in rates)
    objects, size = contents or (None, None)
    return TearDownPlan(choice, steps, tuple(stays), inventory.unread, confirm, saves, objects, size)


def _kept_roles(
    roles: Sequence[Resource], stays: Sequence[Stays], roles_of: Callable[[Resource], tuple[str, ...] | None]
) -> list[Stays]:
    """Those of ``roles`` that something which stays works with, or may work with: only the others are deleted."""
    users: dict[str, Resource] = {}
    unknown: Resource | None = None
    for stay in stays:
        worked_with = roles_of(stay.resource)
        if worked_with is None:
            unknown = unknown or stay.resource
        users |= dict.fromkeys(worked_with or (), stay.resource)
    kept = []
    for row in roles:
        if (user := users.get(row.id)) is not None:
            kept.append(Stays(row, f"the {KINDS[user.kind].one.lower()} {user.name} works with it and stays"))
        elif unknown is not None:
            named = f"the {KINDS[unknown.kind].one.lower()} {unknown.name}"
            kept.append(Stays(row, f"{named} stays, its role could not be read, and it may be this one"))
    return kept


def _stays(row: Resource, owners: Owners, choice: TearDownChoice, region: str) -> str:
    """Why something is not touched; "" when it goes."""
    if row.key in choice.keep:
        return "you keep it"
    if row.kind == "security-group" and row.facts.get("default") == "True":
        return "it belongs to its network, which costs nothing and stays"
    if row.kind in JOB_KINDS and row.state not in RUNNING and not row.bills:
        return "it has ended; AWS keeps its record, which costs nothing"
    if row.kind == "training-job" and row.facts.get("billed_with"):
        return f"it ends with its tuning job {row.facts['billed_with']}"
    if row.kind == "bucket":
        if not choice.buckets:
            return "buckets stay unless you choose otherwise"
        if row.facts.get("region") not in ("", None, region):
            return f"it lies in another region, {row.facts['region']}"
    if choice.everything:
        return ""
    ours = owners.of(row)
    if ours is None:
        return "its tags could not be read, so nobody can tell who made it"
    return "" if ours else "not made by SageDeck"


def verb(row: Resource) -> str:
    """What is done with something of this kind."""
    if row.kind in JOB_KINDS:
        return "Stop"
    return {"instance": "Terminate", "address": "Release", "parked-endpoint": "Forget"}.get(row.kind, "Delete")


def _note(row: Resource) -> str:
    if row.kind == "endpoint" and row.state not in ("InService", "Failed", "OutOfService", "Deleting"):
        return f"it is {row.state}: it is deleted as soon as AWS lets it"
    if row.kind == "bucket":
        return "with everything that is in it then, all versions"
    if row.kind == "notebook" and row.state == "InService":
        return "it is stopped first; its volume goes with it"
    return ""


def cli_of(row: Resource) -> str:
    """The same as a line for the AWS CLI."""
    name, identity = shlex.quote(row.name), shlex.quote(row.id)
    facts = {key: shlex.quote(row.facts.get(key, "")) for key in ("space", "resource", "dimension", "config")}
    stop = row.kind.removesuffix("-job")
    lines: dict[str, str] = {
        "tuning-job": "aws sagemaker stop-hyper-parameter-tuning-job --hyper-parameter-tuning-job-name {name}",
        "scalable-target": "aws application-autoscaling deregister-scalable-target --service-namespace "
        "{space} --resource-id {resource} --scalable-dimension {dimension}",
        "alarm": "aws cloudwatch delete-alarms --alarm-names {name}",
        "endpoint": "aws sagemaker delete-endpoint --endpoint-name {name}",
        "parked-endpoint": "aws sagemaker delete-endpoint-config --endpoint-config-name {config}",
        "endpoint-config": "aws sagemaker delete-endpoint-config --endpoint-config-name {name}",
        "model": "aws sagemaker delete-model --model-name {name}",
        "function": "aws lambda delete-function --function-name {name}",
        "notebook": "aws sagemaker delete-notebook-instance --notebook-instance-name {name}",
        "instance": "aws ec2 terminate-instances --instance-ids {identity}",
        "volume": "aws ec2 delete-volume --volume-id {identity}",
        "address": "aws ec2 release-address --allocation-id {identity}",
        "log-group": "aws logs delete-log-group --log-group-name {name}",
        "bucket": "aws s3 rb --force s3://{name}  # after older versions are deleted, where it keeps them",
        "instance-profile": "aws iam delete-instance-profile --instance-profile-name {name}",
        "role": "aws iam delete-role --role-name {name}",
        "security-group": "aws ec2 delete-security-group --group-id {identity}",
    }
    line = lines.get(row.kind, f"aws sagemaker stop-{stop}-job --{stop}-job-name {{name}}")
    return line.format(**{**facts, "name": name, "identity": identity})
