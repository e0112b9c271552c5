"""Stopping what runs: jobs and instances, from the inventory's menu."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from console.commands import Affected, Command, Confirmation
from console.context import AppContext
from console.models.format import cost
from console.tabs.overview.commands import called, event_of
from console.tabs.overview.rows import ICONS
from console.widgets.tables.table import MenuEntry
from workers.inventory.types import Kind, Resource
from workers.prices.table import HOURS_PER_MONTH

if TYPE_CHECKING:
    from workers.services import Services

_RUNS: Mapping[Kind, str] = {
    "training-job": "InProgress",
    "tuning-job": "InProgress",
    "processing-job": "InProgress",
    "transform-job": "InProgress",
    "instance": "running",
}
_MEANS: Mapping[Kind, str] = {
    "training-job": "The script has 120 seconds to save its best model, which is kept. A stopped job cannot go on.",
    "tuning-job": "Its running trials stop, too, and no more are begun. What was found so far is kept.",
    "processing-job": "Its script has 120 seconds to end. What it uploads as it goes is kept, the rest is not.",
    "transform-job": "Nothing of its predictions is kept.",
    "instance": "What runs on it ends. Its disk stays, and is paid for; it can be started again.",
}
_LINES: Mapping[Kind, str] = {
    "training-job": "aws sagemaker stop-training-job --training-job-name {}",
    "tuning-job": "aws sagemaker stop-hyper-parameter-tuning-job --hyper-parameter-tuning-job-name {}",
    "processing-job": "aws sagemaker stop-processing-job --processing-job-name {}",
    "transform-job": "aws sagemaker stop-transform-job --transform-job-name {}",
    "instance": "aws ec2 stop-instances --instance-ids {}",
}


class StopRunning(Command):
    """Stop resources of one kind that run."""

    icon = "stop"

    def __init__(self, resources: Sequence[Resource]) -> None:
        self.resources = tuple(resources)
        self.title = f"Stop {called(self.resources)}"

    def confirmation(self) -> Confirmation:
        """What stops, and what stays."""
        saved = sum(resource.dollars_per_hour or 0.0 for resource in self.resources)
        return Confirmation(
            f"{self.title}?",
            _MEANS[self.resources[0].kind],
            confirm_label="Stop",
            icon="stop",
            listed=tuple(Affected(ICONS[resource.kind], resource.name, resource.size) for resource in self.resources),
            saves=f"{cost(saved, 3)} an hour, {cost(saved * HOURS_PER_MONTH)} a month" if saved else "",
        )

    async def changed(self, services: Services) -> str:
        """Whether they still run."""
        await services.inventory.read({resource.kind for resource in self.resources})
        now = {resource.key: resource.state for resource in services.inventory.known.resources}
        over = [resource.name for resource in self.resources if now.get(resource.key) != resource.state]
        return f"{', '.join(over)}: no longer as it was shown." if over else ""

    async def run(self, services: Services) -> None:
        """Ask for each."""
        for resource in self.resources:
            if resource.kind == "training-job":
                await services.training.stop(resource.name)
            elif resource.kind == "tuning-job":
                await services.tuning.stop(resource.name)
            elif resource.kind in ("processing-job", "transform-job"):
                await services.inventory.stop(resource)
            else:
                await services.compute.instances.stop(resource.id)

    def cli(self) -> str:
        """A line for each."""
        return "\n".join(
            _LINES[resource.kind].format(resource.id if resource.kind == "instance" else resource.name)
            for resource in self.resources
        )

    def events(self) -> list[tuple[str, str]]:
        """They change."""
        return [event_of(resource) for resource in self.resources]


def entries(ctx: AppContext, resources: Sequence[Resource]) -> Sequence[MenuEntry]:
    """What stops those that run."""
    running = [resource for resource in resources if resource.state == _RUNS[resource.kind]]
    return [("Stop…", "stop", lambda: ctx.start(StopRunning(running)))] if running else ()


def park_entries(ctx: AppContext, resources: Sequence[Resource]) -> Sequence[MenuEntry]:
    """What parks an endpoint: its own tab says what that takes along, and does it."""
    if len(resources) != 1 or resources[0].state != "InService":
        return ()
    name = resources[0].name
    return [("Park…", "pause", lambda: ctx.navigate("endpoints", {"park": name}))]
