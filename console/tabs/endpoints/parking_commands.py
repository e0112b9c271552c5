"""What the Endpoints tab changes about parked endpoints: parks them, brings them back, forgets them."""

from __future__ import annotations

import asyncio
import shlex
from typing import TYPE_CHECKING

from console.commands import Command, Confirmation, affected
from console.models.format import dollars
from workers.parking.types import Parked, ParkPlan
from workers.prices.table import HOURS_PER_MONTH
from workers.types import DeletionPlan, DeletionResult

if TYPE_CHECKING:
    from workers.services import Services

# The endpoint is mostly there in seconds in the sandbox: then nobody has to wait for the follower.
_AT_ONCE_SECONDS = 0.5


class ParkEndpoint(Command):
    """Delete an endpoint and remember it in the account, by a plan that the operator has seen."""

    icon = "pause"

    def __init__(self, plan: ParkPlan, use: str = "") -> None:
        self.plan, self._use = plan, use
        self.name = plan.endpoint.name
        self.title = f"Park {self.name}"

    def confirmation(self) -> Confirmation:
        """What it saves, what stops, what comes back."""
        plan = self.plan
        words = [
            "Its answers stop at once, and it costs nothing until it is resumed. It comes back as it was, which takes "
            "some 4 to 6 minutes on AWS."
        ]
        if self._use:
            words.append(self._use)
        if plan.refused:
            words.append(f"You lack permissions for all of it: {', '.join(plan.refused)}.")
        elif plan.refused is None:
            words.append("Whether you may bring it back could not be checked.")
        hourly = plan.saves_per_hour
        return Confirmation(
            f"{self.title}?",
            " ".join(words),
            confirm_label="Park endpoint",
            icon="pause",
            also_deleted=affected(plan.goes),
            kept=affected(plan.kept),
            stops_working=affected(plan.stops_working),
            saves=f"{dollars(hourly, 3)} an hour, {dollars(hourly * HOURS_PER_MONTH, 0)} a month" if hourly else "",
        )

    async def run(self, services: Services) -> Parked:
        """Carry out the plan."""
        return await services.parking.park(self.plan)

    def done_text(self, result: object) -> str:
        """What the activity panel says."""
        hourly = self.plan.saves_per_hour
        return f"parked: {dollars(hourly, 3)} an hour saved" if hourly else "parked"

    def cli(self) -> str:
        """The calls that delete it, and where the memory is."""
        memory, name = self.plan.memory, self.name
        lines = [
            "# SageDeck first writes what is deleted here into tags (sagedeck:parked…) of the configuration.",
            f"aws sagemaker describe-endpoint-config --endpoint-config-name {memory.config}",
        ]
        lines += [
            "aws application-autoscaling deregister-scalable-target --service-namespace sagemaker "
            f"--resource-id {target['ResourceId']} --scalable-dimension {target['ScalableDimension']}"
            for target in memory.targets
        ]
        lines += [
            f"aws cloudwatch delete-alarms --alarm-names {shlex.quote(alarm['AlarmName'])}" for alarm in memory.alarms
        ]
        return "\n".join([*lines, f"aws sagemaker delete-endpoint --endpoint-name {name}"])

    def events(self) -> list[tuple[str, str]]:
        """The endpoint goes."""
        return [("endpoint", self.name), ("scaling", self.name)]


class ResumeEndpoint(Command):
    """Make a parked endpoint again; what scales it follows when it answers."""

    icon = "play"

    def __init__(self, parked: Parked, per_hour: float | None) -> None:
        self.parked, self._per_hour = parked, per_hour
        self.title = f"Resume {parked.name}"

    def confirmation(self) -> Confirmation | None:
        """What it costs again; no question where the endpoint is there already."""
        if self.parked.state != "parked":
            return None
        price = "No list price is known for it."
        if self._per_hour is not None:
            price = f"It costs {dollars(self._per_hour, 3)} an hour again."
        return Confirmation(
            f"{self.title}?",
            f"It comes back with {self.parked.instances or 'its configuration'}. {price}",
            confirm_label="Resume",
            icon="play",
            danger=False,
            also_deleted=(),
        )

    async def run(self, services: Services) -> bool:
        """Make the endpoint; true when it is back as it was already."""
        await services.parking.resume(self.parked)
        if await services.parking.finish(self.parked):
            return True
        await asyncio.sleep(_AT_ONCE_SECONDS)
        return await services.parking.finish(self.parked)

    def done_text(self, result: object) -> str:
        """What the activity panel says."""
        return "as it was" if result else "begun; its scaling follows when it is in service"

    def cli(self) -> str:
        """The endpoint and the limits of its scaling; policies are in the memory."""
        memory = self.parked.memory
        if memory is None:
            return ""
        lines = [
            f"aws sagemaker create-endpoint --endpoint-name {memory.endpoint} --endpoint-config-name {memory.config}",
            f"aws sagemaker wait endpoint-in-service --endpoint-name {memory.endpoint}",
        ]
        lines += [
            "aws application-autoscaling register-scalable-target --service-namespace sagemaker "
            f"--resource-id {target['ResourceId']} --scalable-dimension {target['ScalableDimension']} "
            f"--min-capacity {target['MinCapacity']} --max-capacity {target['MaxCapacity']}"
            for target in memory.targets
        ]
        if memory.policies or memory.schedules:
            lines.append("# Then put-scaling-policy and put-scheduled-action with what is remembered in the tags.")
        return "\n".join(lines)

    def events(self) -> list[tuple[str, str]]:
        """The endpoint comes, and its scaling."""
        return [("endpoint", self.parked.name), ("scaling", self.parked.name)]


class ForgetParked(Command):
    """Give a parked endpoint up, by a plan that the operator has seen."""

    icon = "trash"

    def __init__(self, parked: Parked, plan: DeletionPlan) -> None:
        self.parked, self.plan = parked, plan
        self.title = f"Forget {parked.name}"

    def confirmation(self) -> Confirmation:
        """What goes for good, and what stays."""
        text = "It cannot be resumed any more. It costs nothing as it is, so forgetting it saves nothing."
        if self.parked.state != "parked":
            text = "Only what was remembered goes. The endpoint of this name stays as it is."
        return Confirmation(
            f"{self.title}?",
            text,
            confirm_label="Forget",
            also_deleted=affected(self.plan.also_deleted),
            kept=affected(self.plan.kept),
            stops_working=affected(self.plan.stops_working),
            type_name=self.parked.name if self.parked.state == "parked" else "",
        )

    async def run(self, services: Services) -> DeletionResult:
        """Carry out the plan."""
        return await services.parking.forget(self.parked, self.plan)

    def done_text(self, result: DeletionResult) -> str:
        """What could not be deleted."""
        if result.failed:
            return f"not deleted: {', '.join(f'{kind} {name} ({why})' for kind, name, why in result.failed)}"
        return ""

    def cli(self) -> str:
        """The same by the AWS CLI."""
        words = {"endpoint configuration": "endpoint-config", "model": "model"}
        lines = [
            f"aws sagemaker delete-{words[kind]} --{words[kind]}-name {name}"
            for kind, name, _ in self.plan.also_deleted
            if kind in words
        ]
        if not any("endpoint-config" in line for line in lines):
            lines.insert(
                0,
                f"# Tags that begin with sagedeck:parked are deleted: aws sagemaker list-tags "
                f"--resource-arn {self.parked.config_arn}",
            )
        return "\n".join(lines)

    def events(self) -> list[tuple[str, str]]:
        """The parked endpoint is gone."""
        return [("endpoint", self.parked.name)]
