"""What the Endpoints tab changes about endpoints."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from console.commands import Command, Confirmation, confirm_deletion
from workers.endpoints.deletion import ALARM, CONFIG, MODEL, TARGET
from workers.endpoints.deployment import alarm_name, deployment_config, retained
from workers.endpoints.request import deploy_requests
from workers.endpoints.update import EndpointUpdate, UpdateSpec
from workers.launcher.cli import command_line
from workers.types import DeletionPlan, DeletionResult, DeploySpec

if TYPE_CHECKING:
    from workers.services import Services


class DeployEndpoint(Command):
    """Make model, configuration and endpoint from a finished job.

    ``place``: region, where the model lies, and the ARN of the role, for the same as AWS CLI lines.
    """

    icon = "endpoints"

    def __init__(self, spec: DeploySpec, place: tuple[str, str, str] | None = None) -> None:
        self.spec, self._place = spec, place
        self.title = f"Deploy {spec.endpoint_name}"

    async def run(self, services: Services) -> str:
        """Make them; the endpoint is Creating on return."""
        return await services.endpoints.deploy(self.spec)

    def done_text(self, result: object) -> str:
        """What the activity panel says."""
        return f"model of {self.spec.job_name}, {self.spec.instance_count} × {self.spec.instance_type}"

    def cli(self) -> str:
        """The three calls, as they are sent; model and configuration have the endpoint's own name in them."""
        place, name = self._place, self.spec.endpoint_name
        region, uri, role = place or ("us-east-1", f"MODEL_OF_{self.spec.job_name}", "ROLE")
        requests = deploy_requests(self.spec, name, region, uri, role)
        if place is None:
            requests[0]["PrimaryContainer"]["Image"] = "IMAGE"
        notes = "# SageDeck adds the time to the names of the model and of the configuration.\n"
        if place is None:
            notes += "# Not complete: IMAGE, ROLE and the model's place depend on the account and the job.\n"
        operations = ("create-model", "create-endpoint-config", "create-endpoint")
        return notes + "\n".join(command_line(*both) for both in zip(operations, requests, strict=True))

    def events(self) -> list[tuple[str, str]]:
        """An endpoint was created."""
        return [("endpoint", self.spec.endpoint_name)]


class UpdateEndpoint(Command):
    """Go over to another instance type, number of instances or model, while the endpoint goes on answering.

    ``present_model``: the one that it has; ``counts_change``: it gets another number of instances; ``place``: of the
    next one, as for a deployment: for the AWS CLI lines.
    """

    icon = "endpoints"

    def __init__(
        self,
        spec: UpdateSpec,
        present_model: str = "",
        place: tuple[str, str, str] | None = None,
        *,
        counts_change: bool = True,
    ) -> None:
        self.spec, self._present, self._place, self._counts_change = spec, present_model, place, counts_change
        self.title = f"Update {spec.endpoint_name}"

    async def run(self, services: Services) -> EndpointUpdate:
        """Make the next configuration and begin; the endpoint is Updating on return."""
        return await services.endpoints.update(self.spec)

    def done_text(self, result: object) -> str:
        """What the activity panel says."""
        model = f", model of {self.spec.job_name}" if self.spec.job_name else ""
        return f"begun: {self.spec.instance_count} × {self.spec.instance_type}{model}"

    def cli(self) -> str:
        """The calls, as they are sent; model and configuration have the endpoint's own name in them."""
        spec, name = self.spec, self.spec.endpoint_name
        region, uri, role = self._place or ("us-east-1", f"MODEL_OF_{spec.job_name}", "ROLE")
        wanted = DeploySpec(name, spec.job_name, spec.instance_type, spec.instance_count)
        made = f"{name}-next"
        model, config, _ = deploy_requests(wanted, made, region, uri, role)
        notes = ["For “next” SageDeck writes the time, and it keeps the configuration's other settings."]
        lines = []
        if spec.job_name:
            if self._place is None:
                model["PrimaryContainer"]["Image"] = "IMAGE"
                notes.append("Not complete: IMAGE, ROLE and the model's place depend on the account and the job.")
            lines.append(command_line("create-model", model))
        else:
            config["ProductionVariants"][0]["ModelName"] = self._present or "PRESENT_MODEL"
            del config["Tags"]
            if not self._present:
                notes.append("Not complete: PRESENT_MODEL is the model that the endpoint has.")
        lines.append(command_line("create-endpoint-config", config))
        update = {"EndpointName": name, "EndpointConfigName": made, **retained(self._counts_change)}
        if deployment := deployment_config(spec.deployment, name):
            update["DeploymentConfig"] = deployment
        if spec.deployment.new_alarm:
            notes.append(f"The alarm {alarm_name(name)} (Invocation5XXErrors, 1 in a minute) is made before.")
        lines.append(command_line("update-endpoint", update))
        return "\n".join([*(f"# {line}" for line in notes), *lines])

    def events(self) -> list[tuple[str, str]]:
        """The endpoint changes."""
        return [("endpoint", self.spec.endpoint_name)]


class DeleteEndpoint(Command):
    """Delete an endpoint with everything that belongs to it, by a plan that the operator has seen."""

    icon = "trash"

    def __init__(self, plan: DeletionPlan, use: str = "") -> None:
        self.plan, self._use = plan, use
        self.title = f"Delete {plan.target}"

    def confirmation(self) -> Confirmation:
        """What goes, what stays, what stops working, what it saves."""
        return confirm_deletion(self.plan, f"{self.title}?", self._use, label="Delete endpoint")

    async def run(self, services: Services) -> DeletionResult:
        """Carry out the plan."""
        return await services.endpoints.delete(self.plan)

    def done_text(self, result: DeletionResult) -> str:
        """What else went, and what could not be deleted."""
        others = [f"{kind} {name}" for kind, name in result.deleted if name != self.plan.target]
        text = f"also {', '.join(others)}" if others else ""
        if result.failed:
            text += f"; not deleted: {', '.join(f'{kind} {name} ({why})' for kind, name, why in result.failed)}"
        return text

    def cli(self) -> str:
        """The same by the AWS CLI."""
        before, after = [], []
        for kind, name, _ in self.plan.also_deleted:
            if kind == TARGET:
                resource, dimension = name.split(" ", 1)
                before.append(
                    "aws application-autoscaling deregister-scalable-target --service-namespace sagemaker "
                    f"--resource-id {resource} --scalable-dimension {dimension}"
                )
            elif kind == ALARM:
                before.append(f"aws cloudwatch delete-alarms --alarm-names {shlex.quote(name)}")
            elif kind == CONFIG:
                after.append(f"aws sagemaker delete-endpoint-config --endpoint-config-name {name}")
            elif kind == MODEL:
                after.append(f"aws sagemaker delete-model --model-name {name}")
        return "\n".join([*before, f"aws sagemaker delete-endpoint --endpoint-name {self.plan.target}", *after])

    def events(self) -> list[tuple[str, str]]:
        """The endpoint is gone."""
        return [("endpoint", self.plan.target)]
