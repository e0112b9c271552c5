"""What is idle by the rules: pure functions of what is known."""

from __future__ import annotations

import math
import shlex
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta

from workers.inventory.kinds import Kind
from workers.inventory.types import IdleAction, IdleFinding, IdleRule, Inventory, Resource
from workers.inventory.usage import DAY, HOUR, QUIET_STEP, SEARCHED, Points, Use
from workers.prices.table import HOURS_PER_MONTH

# Trusted Advisor, "Low Utilization Amazon EC2 Instances".
LOW_CPU_PERCENT = 10.0
LOW_NETWORK_BYTES = 5 * 1024 * 1024
NOT_USED = Use()
_DOES: Mapping[IdleAction, str] = {
    "park": "Remembers the endpoint in the account and deletes it: it costs nothing, and comes back with one click.",
    "stop": "Stops it. What runs there ends; its disk stays and goes on costing.",
    "delete": "Deletes it for good.",
    "release": "Gives the address back to AWS. Another one will be another number.",
    "set_retention": "AWS deletes lines that are older, for good.",
}


def judge(
    rows: Sequence[Resource], uses: Mapping[tuple[Kind, str], Use], rules: Sequence[IdleRule], now: datetime
) -> list[IdleFinding]:
    """One finding at most for each resource: the first rule that is on and holds. The greatest saving comes first."""
    found = []
    for row in rows:
        for rule in rules:
            if rule.on and rule.kind == row.kind:
                finding = _finding(row, uses.get(row.key), rule, now)
                if finding is not None:
                    found.append(finding)
                    break
    return sorted(found, key=lambda finding: (-(finding.per_month or 0.0), finding.resource.name))


def _finding(row: Resource, use: Use | None, rule: IdleRule, now: datetime) -> IdleFinding | None:
    if rule.needs_metrics and use is None:
        return None
    told = _JUDGES[rule.id](row, use or NOT_USED, rule.value, now)
    if told is None:
        return None
    reason, since = told
    does = _DOES[rule.action]
    if rule.action == "set_retention":
        does = f"Lines are kept for {rule.value:g} days. {does}"
    return IdleFinding(rule.id, row, reason, since, _saving(row, rule.action), rule.action, does, cli_of(row, rule))


_Told = tuple[str, datetime | None] | None


def _endpoint(row: Resource, use: Use, hours: float, now: datetime) -> _Told:
    if row.state != "InService" or not row.bills or use.calls is None:
        return None
    last = use.last(now)
    since = last or max(row.created or now - SEARCHED, now - SEARCHED)
    if now - since < hours * HOUR:
        return None
    if last is None and row.created and row.created >= now - SEARCHED:
        return f"no request since it was made, {ago(now - row.created)} ago", row.created
    if last is None:
        return f"no request for {ago(SEARCHED)} or more", since
    return f"no request for {ago(now - last)}", last


def _low_use(row: Resource, use: Use, days: float, now: datetime) -> _Told:
    if row.state != "running" or use.cpu is None or use.network is None:
        return None
    low = low_days(use.cpu, use.network, now)
    if len(low) < days:
        return None
    return f"CPU at most 10 % and network at most 5 MB on {len(low)} of the last 14 days", use.last(now)


def low_days(cpu: Points, network: Points, now: datetime) -> list[date]:
    """The whole days (UTC) of the last 14 on which both were measured and both were low."""
    last = now.date()
    days = [last - timedelta(days=back) for back in range(1, 15)]
    found = []
    for day in days:
        percents = [value for at, value in cpu if at.date() == day]
        moved = [value for at, value in network if at.date() == day]
        if percents and moved and sum(percents) / len(percents) <= LOW_CPU_PERCENT and sum(moved) <= LOW_NETWORK_BYTES:
            found.append(day)
    return found


def _quiet_hour(row: Resource, use: Use, percent: float, now: datetime) -> _Told:
    if row.state != "running" or use.cpu_now is None or row.created is None or now - row.created < HOUR:
        return None
    values = [value for at, value in use.cpu_now if at > now - HOUR - QUIET_STEP]
    # The newest steps come late; of twelve, ten are an hour's picture.
    if len(values) < 10 or max(values) >= percent:
        return None
    last = use.last(now)
    since = f", {ago(now - last)} long" if last and now - last >= DAY else " in the last hour"
    return f"CPU under {max(1, math.floor(max(values)) + 1)} %{since}", last


def _notebook(row: Resource, use: Use, hours: float, now: datetime) -> _Told:
    if row.state != "InService":
        return None
    since = datetime.fromisoformat(row.facts["since"]) if row.facts.get("since") else row.created
    if use.spoke is not None:
        since = max(use.spoke, since or use.spoke)
    if since is None or now - since < hours * HOUR:
        return None
    what = "its log is silent" if use.spoke == since else "open"
    return f"{what} for {ago(now - since)}", since


def _volume(row: Resource, use: Use, hours: float, now: datetime) -> _Told:
    if row.state != "available" or row.facts.get("attached_to") or (row.age(now) or 0.0) < hours * 3600:
        return None
    return "attached to nothing", None


def _address(row: Resource, use: Use, value: float, now: datetime) -> _Told:
    return None if row.facts.get("attached_to") or row.state == "attached" else ("attached to nothing", None)


def _parked(row: Resource, use: Use, days: float, now: datetime) -> _Told:
    age = row.age(now)
    if row.state != "parked" or age is None or age < days * DAY.total_seconds():
        return None
    return f"parked for {ago(timedelta(seconds=age))}", row.created


def _log(row: Resource, use: Use, days: float, now: datetime) -> _Told:
    return None if row.facts.get("retention") else ("kept for ever", None)


_JUDGES = {
    "endpoint-unused": _endpoint,
    "instance-low-use": _low_use,
    "instance-quiet-hour": _quiet_hour,
    "notebook-open": _notebook,
    "volume-unattached": _volume,
    "address-unattached": _address,
    "parked-long": _parked,
    "log-kept-forever": _log,
}


def _saving(row: Resource, action: IdleAction) -> float | None:
    """What a month costs less. A log's lines go little by little, and a parked endpoint's model may stay: not known."""
    if action == "set_retention" or row.kind == "parked-endpoint":
        return None
    rate = row.dollars_per_hour
    if action == "stop" and row.facts.get("disk_rate"):
        rate = None if rate is None else rate - float(row.facts["disk_rate"])
    return None if rate is None else rate * HOURS_PER_MONTH


def unjudged(inventory: Inventory, kinds: Collection[Kind]) -> list[str]:
    """What the rules for these kinds could not judge, in sentences. (Metrics that could not be read are told apart.)"""
    told = [f"{read.words}." for read in inventory.unread if read.kind in kinds]
    blind = [row for row in inventory.of("endpoint") if row.state == "InService" and not row.facts.get("variants")]
    if blind and "endpoint" in kinds:
        told.append(f"{len(blind):,} endpoints could not be judged: their variants are not known.")
    return told


def cli_of(row: Resource, rule: IdleRule) -> str:
    """The same as AWS CLI lines."""
    name, identity = shlex.quote(row.name), shlex.quote(row.id)
    return {
        "endpoint": f"aws sagemaker delete-endpoint --endpoint-name {name}",
        "instance": f"aws ec2 stop-instances --instance-ids {identity}",
        "notebook": f"aws sagemaker stop-notebook-instance --notebook-instance-name {name}",
        "volume": f"aws ec2 delete-volume --volume-id {identity}",
        "address": f"aws ec2 release-address --allocation-id {identity}",
        "parked-endpoint": f"aws sagemaker delete-endpoint-config --endpoint-config-name {identity}",
        "log-group": f"aws logs put-retention-policy --log-group-name {name} --retention-in-days {rule.value:.0f}",
    }[row.kind]


def ago(span: timedelta) -> str:
    """A time in whole words: 19 days, 5 hours, 3 minutes."""
    for seconds, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        number = int(span.total_seconds() // seconds)
        if number > (1 if word == "day" else 0):
            return f"{number:,} {word}{'' if number == 1 else 's'}"
    return "a moment"
