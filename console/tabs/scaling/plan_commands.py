"""What the plan and the replay send: the probe, and limits, target and reservation in one go."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from console.commands import Affected, Command, Confirmation, PutBack, PutBackAll, Reversible
from console.models.format import bytes_text, dollars, milliseconds
from console.tabs.scaling.commands import ApplyPolicy, SetReserved
from workers.errors.tree import Left, SageDeckError
from workers.inference.answers import MAX_BODY_BYTES
from workers.scaling.probe import MOST_REQUESTS, MOST_SECONDS, ProbeResult, most_dollars
from workers.scaling.types import Suspended, VariantScaling, VariantSettings

if TYPE_CHECKING:
    from workers.services import Services

# What a drawn dog has at most.
DRAWN_BYTES = 40_000


class ProbeLatency(Command):
    """Measure a variant's latency at 1, 2, 4 … requests at a time. ``picture``: a path; "": a drawn dog."""

    icon = "play"

    def __init__(
        self,
        found: VariantScaling,
        per_hour: float | None,
        picture: str = "",
        size: int = DRAWN_BYTES,
        on_progress: Callable[[ProbeResult], None] = lambda found: None,
        on_begin: Callable[[], None] = lambda: None,
    ) -> None:
        """``on_begin`` is called when it was agreed to, ``on_progress`` with what is measured so far."""
        self._found, self._per_hour, self._picture = found, per_hour, picture
        self._size, self._on_progress, self._on_begin = min(size, MAX_BODY_BYTES), on_progress, on_begin
        self.variant = found.variant
        self.title = f"Measure {self.variant.id}"

    def confirmation(self) -> Confirmation:
        """How much it sends at most, what that costs, and who feels it."""
        price = most_dollars(self._size)
        data = "less than $0.01" if price < 0.01 else dollars(price)
        bill = "They bill"
        if self._per_hour is not None:
            bill = f"They bill {dollars(self._per_hour * self.variant.current)} an hour"
        return Confirmation(
            f"{self.title}?",
            f"At most {MOST_REQUESTS} requests in {MOST_SECONDS:.0f} s, {bytes_text(self._size * MOST_REQUESTS)} in "
            f"all: {data} for data. {bill} for the instances, asked or not.",
            confirm_label="Measure",
            icon="play",
            danger=False,
            stops_working=(
                Affected("wait", "Other callers", "wait longer"),
                Affected("scaling", "Its metrics", "count these requests, too"),
            ),
            stops_title="While it is measured",
        )

    async def run(self, services: Services) -> ProbeResult:
        """Ask the endpoint, from a child process."""
        self._on_begin()
        return await services.scaling.prober.probe(self.variant, self._picture, self._progress)

    def _progress(self, found: ProbeResult) -> None:
        last = found.levels[-1]
        if self.item is not None:
            words = f"{last.at_once} at a time: {milliseconds(last.mean * 1000)}, {last.per_second:.3g}/s"
            self.item.progress(found.requests / MOST_REQUESTS, words)
        self._on_progress(found)

    def done_text(self, result: object) -> str:
        """What the activity panel says."""
        best = result.best if isinstance(result, ProbeResult) else None
        if best is None:
            return "nothing was measured"
        return f"{best.per_second:.3g}/s at {best.at_once} at a time, {milliseconds(best.mean * 1000)} each"

    def cli(self) -> str:
        """One of its requests."""
        return (
            f"aws sagemaker-runtime invoke-endpoint --endpoint-name {self.variant.endpoint} "
            f"--target-variant {self.variant.name} --content-type image/jpeg --body fileb://picture.jpg answer.json"
        )


class ApplyPlan(Command):
    """Set limits and target as a plan says, and the function's reservation where there is one in front."""

    icon = "scaling"

    def __init__(
        self,
        found: VariantScaling,
        settings: VariantSettings,
        suspended: Suspended,
        per_hour: float | None,
        reserve: SetReserved | None = None,
    ) -> None:
        self._found, self._settings, self._per_hour, self._reserve = found, settings, per_hour, reserve
        self.variant = found.variant
        self._policy = policy_command(found, settings, suspended)
        self.title = f"Apply the plan to {self.variant.id}"

    def confirmation(self) -> Confirmation:
        """What changes, and what it then costs at least and at most."""
        new, target, policy = self._settings, self._found.target, self._found.policy
        old = f"{target.minimum} to {target.maximum}" if target is not None else f"{self.variant.desired}, fixed"
        value = f"{policy.value:g}" if policy is not None and policy.value is not None else "none"
        lines = [
            Affected("scaling", f"Instances: {new.minimum} to {new.maximum}", f"now {old}"),
            Affected("scaling", f"Target: {new.target:g} a minute", f"now {value}"),
            Affected("wait", f"Waits: out {new.out_wait} s, in {new.in_wait} s", ""),
        ]
        if self._reserve is not None and self._reserve.count is not None:
            lines.append(Affected("lambda", f"Reserved for {self._reserve.name}: {self._reserve.count:,}", ""))
        cost = "No list price is known for its instances."
        if self._per_hour is not None:
            least, most = self._per_hour * new.minimum, self._per_hour * new.maximum
            cost = f"Its instances then bill {dollars(least)} to {dollars(most)} an hour."
        return Confirmation(
            f"{self.title}?", cost, confirm_label="Apply", icon="scaling", danger=False, listed=tuple(lines)
        )

    async def run(self, services: Services) -> None:
        """Limits and policy, then the reservation; when that is refused, the error says that the first stays."""
        await self._policy.run(services)
        if self._reserve is None:
            return
        try:
            await self._reserve.run(services)
        except SageDeckError as error:
            raise error.leaving([Left("scaling", self.variant.id, "its limits and target are the plan's")]) from error

    def undo(self, result: object) -> Command | None:
        """Limits, target and reservation of before, as far as they were others; None where that is not known."""
        changes: list[Reversible] = [self._policy, *([self._reserve] if self._reserve is not None else [])]
        if not all(change.knows_before for change in changes):
            return None
        differing = [change for change in changes if not change.holds(change.before)]
        backs = [back for change in differing if isinstance(back := change.undo(None), PutBack)]
        return PutBackAll(self.title, self.icon, backs) if backs and len(backs) == len(differing) else None

    def done_text(self, result: object) -> str:
        """What the activity panel says."""
        reserved = f", {self._reserve.count} reserved" if self._reserve is not None else ""
        return f"{self._policy.done_text(result)}{reserved}"

    def cli(self) -> str:
        """All calls."""
        return "\n".join([self._policy.cli(), *([self._reserve.cli()] if self._reserve is not None else [])])

    def events(self) -> list[tuple[str, str]]:
        """Variant and function changed."""
        return [*self._policy.events(), *(self._reserve.events() if self._reserve is not None else [])]


def policy_command(found: VariantScaling, settings: VariantSettings, suspended: Suspended) -> ApplyPolicy:
    """The change of limits, target and suspension of this variant; its own policy keeps its name."""
    policy = found.policy.name if found.policy is not None else ""
    before = found.target is not None and bool(found.target.suspended)
    return ApplyPolicy(found.variant, settings, suspended, policy, before)
