"""What the Overview changes: it settles what is idle, stops what runs, and takes down what is no longer wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from console.commands import Affected, Command, Confirmation
from console.models.format import cost, count
from console.tabs.overview.rows import ICONS
from workers.errors.tree import Conflict, Left, SageDeckError
from workers.inventory.rules import DEFAULT_RULES
from workers.inventory.types import KINDS, IdleAction, IdleFinding, IdleRule, Kind, Resource

if TYPE_CHECKING:
    from workers.services import Services

VERBS: Mapping[IdleAction, str] = {
    "park": "Park",
    "stop": "Stop",
    "delete": "Delete",
    "release": "Release",
    "set_retention": "Set retention",
}
_ACTION_ICONS: Mapping[IdleAction, str] = {
    "park": "pause",
    "stop": "stop",
    "delete": "trash",
    "release": "trash",
    "set_retention": "history",
}
# What the tabs listen for, by kind; the others are in the inventory alone.
EVENTS: Mapping[Kind, str] = {
    "endpoint": "endpoint",
    "parked-endpoint": "endpoint",
    "training-job": "job",
    "tuning-job": "job",
    "instance": "instance",
    "function": "function",
    "scalable-target": "scaling",
    "bucket": "bucket",
    "notebook": "notebook",
}


def event_of(resource: Resource) -> tuple[str, str]:
    """What is announced when a resource changed."""
    kind = EVENTS.get(resource.kind, resource.kind)
    return kind, resource.id if resource.kind == "instance" else resource.name


def called(resources: Sequence[Resource]) -> str:
    """One resource by its name, several by their number: "dog-scratch", "3 volumes", "4 resources"."""
    if len(resources) == 1:
        return resources[0].name
    if len({resource.kind for resource in resources}) > 1:
        return count(len(resources), "resource")
    many = KINDS[resources[0].kind].many
    return f"{len(resources):,} {many if many[:2].isupper() else many[:1].lower() + many[1:]}"


class Settle(Command):
    """Do what findings of one action offer: park, stop, delete, release, set the retention.

    ``rules`` are those that found them. ``agreed``: the operator chose beforehand that it is done (a budget that is
    used up): it is not asked for again.
    """

    def __init__(
        self, findings: Sequence[IdleFinding], rules: Sequence[IdleRule] = DEFAULT_RULES, *, agreed: bool = False
    ) -> None:
        self.findings, self._rules, self._agreed = tuple(findings), tuple(rules), agreed
        action = self.findings[0].action
        self.icon = _ACTION_ICONS[action]
        resources = [finding.resource for finding in self.findings]
        of = "Set retention of" if action == "set_retention" else VERBS[action]
        self.title = f"{of} {called(resources)}"

    def confirmation(self) -> Confirmation | None:
        """What it does, why, and what it saves; what is deleted for good must be typed."""
        if self._agreed:
            return None
        first = self.findings[0]
        gone = first.action in ("delete", "release")
        saved = sum(finding.per_month or 0.0 for finding in self.findings)
        single = len(self.findings) == 1
        return Confirmation(
            f"{self.title}?",
            first.does if single else "",
            confirm_label=VERBS[first.action],
            icon=self.icon,
            danger=gone,
            listed=tuple(
                Affected(ICONS[finding.resource.kind], finding.resource.name, finding.reason)
                for finding in self.findings
            ),
            saves=f"{cost(saved)} a month" if saved else "",
            type_name=first.resource.name if gone and single else "",
        )

    async def run(self, services: Services) -> list[str]:
        """Settle one after the other. What changed meanwhile is left alone, and told when all were tried."""
        done: list[str] = []
        failed: list[Left] = []
        for finding in self.findings:
            try:
                done.append(await services.inventory.settle(finding, self._rules))
            except SageDeckError as error:
                if len(self.findings) == 1:
                    raise
                resource = finding.resource
                failed.append(Left(KINDS[resource.kind].one.lower(), resource.name, error.title))
        if failed:
            title = f"{len(failed)} of {len(self.findings)} stayed as they were"
            raise Conflict(title, f"{self.title}: {len(done)} done.", "Look at each of them.").leaving(failed)
        return done

    def done_text(self, result: list[str]) -> str:
        """What was done."""
        return " ".join(result)

    def cli(self) -> str:
        """The same lines as the findings say."""
        return "\n".join(finding.cli for finding in self.findings if finding.cli)

    def events(self) -> list[tuple[str, str]]:
        """They changed."""
        return [event_of(finding.resource) for finding in self.findings]
