"""What the functions part changes: functions, their code and versions, and what their roles may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.commands import Command, Confirmation, confirm_deletion
from workers.access.grants import Grant
from workers.functions.code import HANDLER, OwnCode
from workers.functions.making import role_of
from workers.functions.settings import SettingsChange
from workers.functions.types import FunctionSpec
from workers.types import DeletionPlan

if TYPE_CHECKING:
    from workers.services import Services


class CreateFunction(Command):
    """Make a function with a role and a log group of its own."""

    icon = "lambda"

    def __init__(self, spec: FunctionSpec) -> None:
        self.spec = spec
        self.title = f"Make function {spec.name}"

    async def run(self, services: Services) -> str:
        """Make role, log group and function."""
        return await services.functions.create(self.spec)

    def done_text(self, result: object) -> str:
        """What it may."""
        may = "may ask" if self.spec.allow_endpoint else "may not yet ask"
        return f"{may} {self.spec.endpoint_name}"

    def cli(self) -> str:
        """The calls; the policy is the one that the dialog showed."""
        spec = self.spec
        role = role_of(spec.name)
        return (
            f"aws iam create-role --role-name {role} --assume-role-policy-document file://trust-lambda.json\n"
            f"aws iam put-role-policy --role-name {role} --policy-name invoke --policy-document file://invoke.json\n"
            f"aws logs create-log-group --log-group-name /aws/lambda/{spec.name}\n"
            f"aws lambda create-function --function-name {spec.name} --runtime python3.12 --handler handler.handler "
            f"--role ROLE_ARN --timeout {spec.timeout_s} --memory-size {spec.memory_mb} --zip-file fileb://predict.zip "
            f"--environment Variables={{ENDPOINT_NAME={spec.endpoint_name}}}"
        )

    def events(self) -> list[tuple[str, str]]:
        """A function was made."""
        return [("function", self.spec.name)]


class UpdateFunctionCode(Command):
    """Put SageDeck's handler, or the operator's own code, into a function. The dialog before it has asked."""

    icon = "upload"

    def __init__(self, name: str, own: OwnCode | None = None, handler: str = HANDLER) -> None:
        self.name, self._own, self._handler = name, own, handler
        self.title = f"Update the code of {name}"

    async def run(self, services: Services) -> bool:
        """Update; False when it has this code already."""
        return await services.functions.update_code(self.name, self._own, self._handler)

    def done_text(self, result: object) -> str:
        """Whether anything changed."""
        if not result:
            return "it has this code already"
        return f"{self._own.name}, handler {self._handler}" if self._own is not None else "SageDeck's handler"

    def cli(self) -> str:
        """The same by the AWS CLI."""
        file = self._own.name if self._own is not None else "predict.zip"
        return (
            f"aws lambda update-function-code --function-name {self.name} --zip-file fileb://{file}\n"
            f"aws lambda update-function-configuration --function-name {self.name} --handler {self._handler}"
        )

    def events(self) -> list[tuple[str, str]]:
        """The function changed."""
        return [("function", self.name)]


class ChangeSettings(Command):
    """Change a function's settings, and its role with them where that was chosen."""

    icon = "settings"

    def __init__(self, change: SettingsChange) -> None:
        self.change = change
        self.title = f"Change the settings of {change.name}"

    async def run(self, services: Services) -> None:
        """Change them."""
        await services.functions.changes.apply(self.change)

    def done_text(self, result: object) -> str:
        """What it asks now, and what became of its role."""
        asks = self.change.settings.endpoint_name
        parts = [f"asks {asks}" if asks else "", "role adapted" if self.change.role is not None else ""]
        return ", ".join(part for part in parts if part)

    def cli(self) -> str:
        """The same by the AWS CLI; values that may be secret are left out."""
        return self.change.cli

    def events(self) -> list[tuple[str, str]]:
        """The function changed, and maybe its role."""
        role = self.change.role
        return [*([("role", role.role)] if role is not None else []), ("function", self.change.name)]


class PublishVersion(Command):
    """Publish the present code as a version, and point an alias to it."""

    icon = "history"

    def __init__(self, name: str, alias: str = "", description: str = "") -> None:
        self.name, self.alias, self.description = name, alias, description
        self.title = f"Publish a version of {name}"

    async def run(self, services: Services) -> str:
        """Publish; returns the version."""
        return await services.functions.publish(self.name, self.alias, self.description)

    def done_text(self, result: object) -> str:
        """The version's number."""
        return f"version {result}" + (f", {self.alias} points to it" if self.alias else "")

    def cli(self) -> str:
        """The same by the AWS CLI."""
        lines = [f"aws lambda publish-version --function-name {self.name}"]
        if self.alias:
            lines.append(
                f"aws lambda update-alias --function-name {self.name} --name {self.alias} --function-version VERSION"
            )
        return "\n".join(lines)

    def events(self) -> list[tuple[str, str]]:
        """The function changed."""
        return [("function", self.name)]


class MoveAlias(Command):
    """Point an alias to another version."""

    icon = "link"

    def __init__(self, name: str, alias: str, version: str) -> None:
        self.name, self.alias, self.version = name, alias, version
        self.title = f"Point {alias} of {name} to {version}"

    async def run(self, services: Services) -> None:
        """Move it."""
        await services.functions.point_alias(self.name, self.alias, self.version)

    def cli(self) -> str:
        """The same by the AWS CLI."""
        return (
            f"aws lambda update-alias --function-name {self.name} --name {self.alias} "
            f"--function-version '{self.version}'"
        )

    def events(self) -> list[tuple[str, str]]:
        """The function changed."""
        return [("function", self.name)]


class DeleteFunction(Command):
    """Delete a function with its role and its log group, by a plan that the operator has seen."""

    icon = "trash"

    def __init__(self, plan: DeletionPlan) -> None:
        self.plan = plan
        self.title = f"Delete {plan.target}"

    def confirmation(self) -> Confirmation:
        """What goes and what stays."""
        return confirm_deletion(self.plan, f"{self.title}?", label="Delete function")

    async def run(self, services: Services) -> None:
        """Carry out the plan."""
        await services.functions.delete(self.plan)

    def done_text(self, result: object) -> str:
        """What else went."""
        others = [f"{kind} {name}" for kind, name, _ in self.plan.also_deleted]
        return f"also {', '.join(others)}" if others else ""

    def cli(self) -> str:
        """The same by the AWS CLI."""
        lines = [f"aws lambda delete-function --function-name {self.plan.target}"]
        for kind, name, _ in self.plan.also_deleted:
            if kind == "role":
                lines.append(f"aws iam delete-role-policy --role-name {name} --policy-name invoke")
                lines.append(f"aws iam delete-role --role-name {name}")
            elif kind == "log":
                lines.append(f"aws logs delete-log-group --log-group-name {name}")
        return "\n".join(lines)

    def events(self) -> list[tuple[str, str]]:
        """The function is gone."""
        return [("function", self.plan.target)]


class GrantJustThis(Command):
    """Let a role do exactly what was refused; the policy was shown before."""

    icon = "key"

    def __init__(self, grant: Grant, function: str = "") -> None:
        self.grant, self._function = grant, function
        self.title = f"Grant {grant.denial.action} to {grant.role}"

    async def run(self, services: Services) -> None:
        """Write the policy."""
        await services.grants.apply(self.grant)

    def done_text(self, result: object) -> str:
        """On what."""
        return f"on {self.grant.denial.resource.rsplit(':', 1)[-1]}"

    def cli(self) -> str:
        """The same by the AWS CLI."""
        return self.grant.cli

    def events(self) -> list[tuple[str, str]]:
        """The role and its function changed."""
        return [("role", self.grant.role), ("function", self._function)]
