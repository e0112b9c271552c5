"""What the Scaling tab changes: limits and policies of variants, concurrency of functions."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from console.commands import Affected, Command, Confirmation, Reversible
from console.models.format import dollars
from console.tabs.scaling.restoring import RestoreScaling
from workers.scaling.concurrency import DEFAULT_ALIAS
from workers.scaling.snapshots import Snapshot
from workers.scaling.types import METRIC, Suspended, Target, Variant, VariantScaling, VariantSettings
from workers.scaling.variants import POLICY_NAME, policy_arguments

if TYPE_CHECKING:
    from workers.services import Services


class ApplyPolicy(Reversible):
    """Set limits, policy and what is suspended of one variant."""

    icon = "scaling"
    value_is = Snapshot

    def __init__(
        self, variant: Variant, settings: VariantSettings, suspended: Suspended, policy: str = "", resumes: bool = True
    ) -> None:
        """``resumes``: something may stand still now, and go on if ``suspended`` does not say so."""
        self.variant, self.settings, self.suspended = variant, settings, suspended
        self.policy, self.resumes = policy or POLICY_NAME, resumes
        self.title = f"Scale {variant.id}"

    @property
    def wanted(self) -> tuple[Target, VariantSettings]:
        """Limits with what is suspended, and the policy."""
        return Target(self.settings.minimum, self.settings.maximum, self.suspended), self.settings

    async def which(self, services: Services) -> str:
        """The endpoint, and what the variant runs on."""
        return await services.scaling.identity(self.variant.scalable)

    async def value(self, services: Services) -> Snapshot:
        """All that scales it."""
        return await services.scaling.snapshots.read(self.variant.scalable)

    def holds(self, value: Snapshot) -> bool:
        """Whether limits and policy are the ones that were set; of what was not scaled before, nothing else is there.

        Otherwise putting back would take along what others have added.
        """
        wanted, settings = self.wanted
        policy, others = value.policy(self.policy), len(value.policies) > 1 or bool(value.schedules)
        if policy is None or value.limits != wanted or (self._was_unscaled and others):
            return False
        said = policy.value, policy.metric, policy.out_wait, policy.in_wait, policy.scale_in_off
        return said == (settings.target, METRIC, settings.out_wait, settings.in_wait, False)

    @property
    def _was_unscaled(self) -> bool:
        return self.knows_before and self.before.target is None

    def reverse(self) -> Command:
        """Fixed instances, or limits and policy of before to the letter; what else scales it stays."""
        policy = "" if self._was_unscaled else self.policy
        before = self.before.of_policy(policy) if policy else self.before
        return RestoreScaling(self.variant.scalable, self.events()[0], before, policy, self.variant)

    async def change(self, services: Services) -> None:
        """Limits and policy in one go, then what stands still."""
        await services.scaling.variants.apply(self.variant, self.settings, self.policy)
        if self.suspended or self.resumes:
            await services.scaling.variants.suspend(self.variant, self.suspended)

    def done_text(self, result: object) -> str:
        """What the activity panel says."""
        return f"{self.settings.minimum} to {self.settings.maximum}, target {self.settings.target:g} a minute"

    def cli(self) -> str:
        """Both calls."""
        still = ""
        if self.suspended or self.resumes:
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
            f"--policy-name {self.policy} --policy-type TargetTrackingScaling "
            f"--target-tracking-scaling-policy-configuration "
            f"'{json.dumps(policy_arguments(self.settings))}'"
        )

    def events(self) -> list[tuple[str, str]]:
        """The variant is scaled otherwise."""
        return [("scaling", self.variant.endpoint)]


class RemoveScaling(Reversible):
    """Let a variant have a fixed number of instances again."""

    icon = "scaling"
    value_is = Snapshot

    def __init__(self, found: VariantScaling) -> None:
        # What was done and measured of it is no part of what is removed.
        self.found, self.variant = replace(found, activities=()), found.variant
        self.title = f"Scale {self.variant.id} no more"

    @property
    def wanted(self) -> Snapshot:
        """Nothing scales it."""
        return Snapshot()

    async def which(self, services: Services) -> str:
        """The endpoint, and what the variant runs on."""
        return await services.scaling.identity(self.variant.scalable)

    async def value(self, services: Services) -> Snapshot:
        """All that scales it."""
        return await services.scaling.snapshots.read(self.variant.scalable)

    def since(self, value: object) -> str:
        """It has limits again."""
        return f"{self.variant.id} was scaled again since"

    def reverse(self) -> Command:
        """All of it again, to the letter."""
        return RestoreScaling(self.variant.scalable, self.events()[0], self.before, variant=self.variant)

    def confirmation(self) -> Confirmation:
        """What goes along, and what it then costs."""
        found = self.found
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
        now, shown = await services.scaling.variants.describe(self.variant), self.found
        same = (now.target, now.policies, now.schedules) == (shown.target, shown.policies, shown.schedules)
        return "" if same else f"{self.variant.id} is scaled otherwise than it was shown."

    async def change(self, services: Services) -> None:
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
    value_is = int | None

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
    value_is = int
    # It is another one by the time it is put back.
    not_kept = ("month",)

    def __init__(
        self, name: str, count: int, qualifier: str, month: float | None = None, memory_mb: int | None = None
    ) -> None:
        """``month``: US dollars a month; ``memory_mb``: of the function, for what it costs when it is put back."""
        self.name, self.count, self.qualifier = name, count, qualifier
        self.month, self.memory_mb = month, memory_mb
        self.title = f"Keep {count:,} of {name} warm" if count else f"Keep nothing of {name} warm"

    def look_up(self, services: Services) -> None:
        """The list price of today, where none was given."""
        if self.month is None and self.memory_mb is not None:
            self.month = services.scaling.warm_month(self.count, self.memory_mb)

    def confirmation(self) -> Confirmation | None:
        """What it costs, whether it is called or not."""
        if not self.count:
            return None
        price = "No list price is known for it." if self.month is None else f"It costs {dollars(self.month)} a month"
        made = "" if self.qualifier else f" A version is published, and the alias {DEFAULT_ALIAS} made for it."
        return Confirmation(
            f"{self.title}?",
            f"{price}{', called or not.' if self.month is not None else ''}{made} "
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
        return SetProvisioned(self.name, self.before, self.qualifier or DEFAULT_ALIAS, None, self.memory_mb)

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
