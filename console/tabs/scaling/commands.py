"""What the Scaling tab changes: limits and policies of variants, concurrency of functions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from console.commands import Affected, Command, Confirmation, Reversible
from console.models.format import dollars
from workers.scaling.concurrency import DEFAULT_ALIAS
from workers.scaling.types import Suspended, Target, Variant, VariantScaling, VariantSettings
from workers.scaling.variants import POLICY_NAME, policy_arguments

if TYPE_CHECKING:
    from workers.services import Services


class ApplyPolicy(Reversible):
    """Set limits, policy and what is suspended of one variant."""

    icon = "scaling"

    def __init__(
        self, variant: Variant, settings: VariantSettings, suspended: Suspended, policy: str = "", before: bool = True
    ) -> None:
        self.variant, self.settings, self.suspended = variant, settings, suspended
        self._policy, self._before = policy or POLICY_NAME, before
        self.title = f"Scale {variant.id}"

    @property
    def wanted(self) -> tuple[Target, VariantSettings] | None:
        """Limits with what is suspended, and the policy."""
        settings = self.settings
        return Target(settings.minimum, settings.maximum, self.suspended), settings

    async def value(self, services: Services) -> tuple[Target, VariantSettings | None] | None:
        """What there is of limits and policy; None for a fixed number of instances."""
        found = await services.scaling.variants.describe(self.variant)
        if found.target is None:
            return None
        policy = next((policy for policy in found.policies if policy.name == self._policy), None)
        if policy is None or policy.value is None:
            return found.target, None
        limits = found.target.minimum, found.target.maximum
        return found.target, VariantSettings(*limits, policy.value, policy.out_wait, policy.in_wait)

    def reverse(self) -> Command | None:
        """Fixed instances, or the policy of before; limits without one cannot be put back in one go."""
        if self.before is None:
            return RemoveScaling(VariantScaling(self.variant, self.wanted[0] if self.wanted else None))
        target, settings = self.before
        if settings is None:
            return None
        return ApplyPolicy(self.variant, settings, target.suspended, self._policy, before=True)

    async def change(self, services: Services) -> None:
        """Limits and policy in one go, then what stands still."""
        await services.scaling.variants.apply(self.variant, self.settings, self._policy)
        if self.suspended or self._before:
            await services.scaling.variants.suspend(self.variant, self.suspended)

    def done_text(self, result: object) -> str:
        """What the activity panel says."""
        return f"{self.settings.minimum} to {self.settings.maximum}, target {self.settings.target:g} a minute"

    def cli(self) -> str:
        """Both calls."""
        still = ""
        if self.suspended or self._before:
            kinds = {
                "DynamicScalingInSuspended": self.suspended.scale_in,
                "DynamicScalingOutSuspended": self.suspended.scale_out,
                "ScheduledScalingSuspended": self.suspended.scheduled,
            }
            still = f" --suspended-state {','.join(f'{key}={str(on).lower()}' for key, on in kinds.items())}"
        return (
            f"aws application-autoscaling register-scalable-target {self.variant.scalable.words} "
            f"--min-capacity {self.settings.minimum} --max-capacity {self.settings.maximum}{still}\n"
            f"aws application-autoscaling put-scaling-policy {self.variant.scalable.words} "
            f"--policy-name {self._policy} --policy-type TargetTrackingScaling "
            f"--target-tracking-scaling-policy-configuration "
            f"'{json.dumps(policy_arguments(self.settings))}'"
        )

    def events(self) -> list[tuple[str, str]]:
        """The variant is scaled otherwise."""
        return [("scaling", self.variant.endpoint)]


class RemoveScaling(Command):
    """Let a variant have a fixed number of instances again."""

    icon = "scaling"

    def __init__(self, found: VariantScaling) -> None:
        self._found, self.variant = found, found.variant
        self.title = f"Scale {self.variant.id} no more"

    def confirmation(self) -> Confirmation:
        """What goes along, and what it then costs."""
        found = self._found
        number = self.variant.desired
        return Confirmation(
            f"{self.title}?",
            f"It keeps the {number} {'instance' if number == 1 else 'instances'} that it has now, whatever comes.",
            confirm_label="Remove",
            icon="scaling",
            also_deleted=(
                *(Affected("scaling", f"Policy {policy.name}", "") for policy in found.policies),
                *(Affected("bell", f"Alarm {alarm.name}", "made with the policy") for alarm in found.alarms),
                *(Affected("history", f"Schedule {action.name}", action.expression) for action in found.schedules),
            ),
            kept=(Affected("endpoints", f"Endpoint {self.variant.endpoint}", "goes on answering and billing"),),
        )

    async def changed(self, services: Services) -> str:
        """Whether it is still scaled as it was shown."""
        now, shown = await services.scaling.variants.describe(self.variant), self._found
        same = (now.target, now.policies, now.schedules) == (shown.target, shown.policies, shown.schedules)
        return "" if same else f"{self.variant.id} is scaled otherwise than it was shown."

    async def run(self, services: Services) -> None:
        """Deregister the target, which takes the rest along."""
        await services.scaling.variants.remove(self.variant)

    def cli(self) -> str:
        """The same by the AWS CLI."""
        return f"aws application-autoscaling deregister-scalable-target {self.variant.scalable.words}"

    def events(self) -> list[tuple[str, str]]:
        """The variant is not scaled."""
        return [("scaling", self.variant.endpoint)]


class SetReserved(Reversible):
    """Reserve concurrency for a function, or give it back (``count`` None)."""

    icon = "lambda"
    urgent = True

    def __init__(self, name: str, count: int | None) -> None:
        self.name, self.count = name, count
        self.title = f"Reserve {count:,} for {name}" if count is not None else f"Give back what {name} has reserved"

    def confirmation(self) -> Confirmation | None:
        """Only 0 needs a question: it stops the function."""
        if self.count != 0:
            return None
        return Confirmation(
            f"Let no call of {self.name} through?",
            "With 0 reserved every call is throttled (TooManyRequestsException) until more is reserved.",
            confirm_label="Stop all calls",
            icon="stop",
        )

    @property
    def wanted(self) -> int | None:
        """What is then reserved."""
        return self.count

    async def value(self, services: Services) -> int | None:
        """What is reserved."""
        return await services.scaling.concurrency.reserved(self.name)

    def reverse(self) -> Command:
        """As many as before."""
        return SetReserved(self.name, self.before)

    async def change(self, services: Services) -> None:
        """Ask Lambda."""
        if self.count is None:
            await services.scaling.concurrency.unreserve(self.name)
        else:
            await services.scaling.concurrency.reserve(self.name, self.count)

    def cli(self) -> str:
        """The same by the AWS CLI."""
        if self.count is None:
            return f"aws lambda delete-function-concurrency --function-name {self.name}"
        return (
            f"aws lambda put-function-concurrency --function-name {self.name} "
            f"--reserved-concurrent-executions {self.count}"
        )

    def events(self) -> list[tuple[str, str]]:
        """The function changed."""
        return [("function", self.name)]


class SetProvisioned(Reversible):
    """Keep environments of a version or alias warm, or none (``count`` 0)."""

    icon = "lambda"

    def __init__(self, name: str, count: int, qualifier: str, month: float | None) -> None:
        self.name, self.count, self.qualifier, self._month = name, count, qualifier, month
        self.title = f"Keep {count:,} of {name} warm" if count else f"Keep nothing of {name} warm"

    def confirmation(self) -> Confirmation | None:
        """What it costs, whether it is called or not."""
        if not self.count:
            return None
        price = "No list price is known for it." if self._month is None else f"It costs {dollars(self._month)} a month"
        made = "" if self.qualifier else f" A version is published, and the alias {DEFAULT_ALIAS} made for it."
        return Confirmation(
            f"{self.title}?",
            f"{price}{', called or not.' if self._month is not None else ''}{made} "
            f"Callers must name {self.qualifier or DEFAULT_ALIAS} to reach what is warm.",
            confirm_label="Keep warm",
            icon="lambda",
            danger=False,
        )

    @property
    def wanted(self) -> int:
        """How many are then kept warm."""
        return self.count

    async def value(self, services: Services) -> int:
        """How many are kept warm."""
        found = await services.scaling.concurrency.provisioned(self.name)
        kept = self.qualifier or DEFAULT_ALIAS
        return next((warm.requested for warm in found if warm.qualifier == kept), 0)

    def reverse(self) -> Command:
        """As many as before; a version and an alias that were made stay."""
        return SetProvisioned(self.name, self.before, self.qualifier or DEFAULT_ALIAS, None)

    async def change(self, services: Services) -> str:
        """Ask Lambda; returns the version or alias."""
        concurrency = services.scaling.concurrency
        if not self.count:
            await concurrency.unprovide(self.name, self.qualifier)
            return self.qualifier
        return await concurrency.provide(self.name, self.count, self.qualifier)

    def done_text(self, result: object) -> str:
        """What the activity panel says."""
        return f"{self.name}:{result}"

    def cli(self) -> str:
        """The same by the AWS CLI."""
        if not self.count:
            return (
                f"aws lambda delete-provisioned-concurrency-config --function-name {self.name} "
                f"--qualifier {self.qualifier}"
            )
        first = ""
        if not self.qualifier:
            first = (
                f"VERSION=$(aws lambda publish-version --function-name {self.name} --query Version --output text)\n"
                f"aws lambda create-alias --function-name {self.name} --name {DEFAULT_ALIAS} "
                '--function-version "$VERSION"\n'
            )
        return (
            f"{first}aws lambda put-provisioned-concurrency-config --function-name {self.name} "
            f"--qualifier {self.qualifier or DEFAULT_ALIAS} --provisioned-concurrent-executions {self.count}"
        )

    def events(self) -> list[tuple[str, str]]:
        """The function changed."""
        return [("function", self.name)]
