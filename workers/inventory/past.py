"""What was there before: deleted endpoints, earlier runs of instances and notebooks, from the event history. Pure.

The event history goes 90 days back and comes some minutes late. A type or price that is not in it stays unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from workers.audit.trail import TrailEvent, short_name
from workers.inventory.costs import Spending
from workers.inventory.kinds import Kind
from workers.inventory.rates import Rates
from workers.inventory.types import Resource, Span

_BEGINS: Mapping[str, Kind] = {
    "CreateEndpoint": "endpoint",
    "UpdateEndpoint": "endpoint",
    "UpdateEndpointWeightsAndCapacities": "endpoint",
    "RunInstances": "instance",
    "StartInstances": "instance",
    "CreateNotebookInstance": "notebook",
    "StartNotebookInstance": "notebook",
}
_ENDS: Mapping[str, Kind] = {
    "DeleteEndpoint": "endpoint",
    "StopInstances": "instance",
    "TerminateInstances": "instance",
    "StopNotebookInstance": "notebook",
    "DeleteNotebookInstance": "notebook",
}
_DELETES = frozenset({"DeleteEndpoint", "TerminateInstances", "DeleteNotebookInstance"})
_MARKS: Mapping[Kind, str] = {"endpoint": ":Endpoint", "instance": ":Instance", "notebook": ":NotebookInstance"}
# A call is noted at another moment than the thing tells as its creation.
_ABOUT = timedelta(minutes=10)


@dataclass
class _Life:
    """What is known of one thing so far."""

    kind: Kind
    name: str
    machines: dict[str, tuple[str, int]] | None = None
    spans: list[Span] = field(default_factory=list)
    since: datetime | None = None
    deleted: bool = False

    def close(self, at: datetime, rates: Rates) -> None:
        """A time of one price ends."""
        if self.since is not None and at > self.since:
            self.spans.append(Span(self.since, at, _rate(self.kind, self.machines, rates)))
        self.since = None


def lives(events: Iterable[TrailEvent], rates: Rates) -> list[Spending]:
    """When what cost how much, by the calls that were made (oldest first); what still runs has an open end."""
    configs: dict[str, dict[str, tuple[str, int]]] = {}
    found: dict[tuple[Kind, str], _Life] = {}
    done: list[_Life] = []
    for event in events:
        if event.error:
            continue
        told = dict(event.machines)
        if event.name == "CreateEndpointConfig":
            configs[told.get("endpointConfigName", "")] = _variants(told)
            continue
        kind = _BEGINS.get(event.name) or _ENDS.get(event.name)
        if kind is None:
            continue
        for name in _names(event, kind):
            life = found.setdefault((kind, name), _Life(kind, name))
            life.close(event.at, rates)
            if event.name in _BEGINS:
                _take(life, event.name, told, configs)
                life.since = event.at
            if event.name in _DELETES:
                life.deleted = True
                done.append(found.pop((kind, name)))
    for life in found.values():
        if life.since is not None:
            life.spans.append(Span(life.since, None, _rate(life.kind, life.machines, rates)))
        done.append(life)
    return [Spending(life.kind, life.name, tuple(life.spans), gone=life.deleted) for life in done if life.spans]


def with_past(
    rows: Sequence[Resource], known: Sequence[Spending], past: Sequence[Spending], now: datetime
) -> list[Spending]:
    """What is known of the present, and what the event history adds: whatever had ended before.

    ``known`` are the present spendings, those that were seen to go as well: they are nearer to the truth.
    """
    names = {(row.kind, row.id if row.kind == "instance" else row.name): row for row in rows}
    present = {(item.kind, item.name): at for at, item in enumerate(known) if not item.gone}
    merged = list(known)
    for item in past:
        row = names.get((item.kind, item.name))
        name = row.name if row else item.name
        if any(
            _same_life(item, other) for other in known if other.gone and (other.kind, other.name) == (item.kind, name)
        ):
            continue
        at = present.get((item.kind, name))
        if row is not None and at is not None and _same_life(item, merged[at]):
            # The same one: its earlier prices are told by the calls that changed it, the present one by AWS.
            ended = tuple(span for span in item.spans if span.end is not None)
            merged[at] = replace(merged[at], spans=(*ended, *_from(merged[at].spans, ended)))
            continue
        begins = min((span.start for span in row.spans), default=now) if row else now
        rate = next((span.dollars_per_hour for span in row.spans), None) if row else None
        earlier = tuple(
            Span(span.start, min(span.end, begins), rate if span.dollars_per_hour is None else span.dollars_per_hour)
            for span in item.spans
            if span.end is not None and span.start < begins
        )
        if earlier:
            merged.append(Spending(item.kind, name, earlier, gone=item.gone))
    return merged


def _same_life(told: Spending, known: Spending) -> bool:
    """Whether both tell of the same one: it began at about the same time."""
    return abs(told.spans[0].start - known.spans[0].start) < _ABOUT


def _from(spans: tuple[Span, ...], ended: tuple[Span, ...]) -> tuple[Span, ...]:
    """The last of these spans, from where the others ended."""
    start = max((span.end for span in ended if span.end), default=spans[-1].start)
    return (replace(spans[-1], start=max(start, spans[-1].start)),)


def _names(event: TrailEvent, kind: Kind) -> list[str]:
    """What the call was about: by the resources that CloudTrail names, else by its own words."""
    named = [short_name(name) for what, name in event.resources if what.endswith(_MARKS[kind])]
    told = dict(event.machines)
    own = told.get("endpointName" if kind == "endpoint" else "notebookInstanceName", "")
    return named or ([own] if own else [])


def _variants(told: Mapping[str, str]) -> dict[str, tuple[str, int]]:
    found: dict[str, tuple[str, int]] = {}
    for key, name in told.items():
        at, _, member = key.partition(".")
        if member == "variantName":
            count = told.get(f"{at}.initialInstanceCount", "0")
            found[name] = (told.get(f"{at}.instanceType", ""), int(count) if count.isdigit() else 0)
    return found


def _take(life: _Life, call: str, told: Mapping[str, str], configs: Mapping[str, dict[str, tuple[str, int]]]) -> None:
    """What it consists of from now on."""
    if call in ("CreateEndpoint", "UpdateEndpoint"):
        life.machines = configs.get(told.get("endpointConfigName", ""))
    elif call == "UpdateEndpointWeightsAndCapacities" and life.machines is not None:
        life.machines = dict(life.machines)
        for key, name in told.items():
            at, _, member = key.partition(".")
            count = told.get(f"{at}.desiredInstanceCount", "")
            if member == "variantName" and count.isdigit() and name in life.machines:
                life.machines[name] = (life.machines[name][0], int(count))
    elif "instanceType" in told:
        life.machines = {"": (told["instanceType"], 1)}


def _rate(kind: Kind, machines: Mapping[str, tuple[str, int]] | None, rates: Rates) -> float | None:
    """Dollars an hour of these; serverless variants have no type and cost nothing while nobody calls."""
    if not machines:
        return None
    total = 0.0
    for instance_type, count in machines.values():
        if not instance_type:
            continue
        if kind == "notebook":
            price = rates.prices.notebook_per_hour(instance_type, rates.region)
            price = None if price is None else price * count
        else:
            price = rates.machines(instance_type, count, "hosting" if kind == "endpoint" else "ec2")
        if price is None:
            return None
        total += price
    return total
