"""What a load test does to the account, as a command: asked with its cost, followed, and its end told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from console.commands import Affected, Command, Confirmation
from console.models.format import cost, duration
from console.tabs.scaling.load.words import cost_words, millis, requests_words, shape_words
from workers.load.arrivals import Shape
from workers.load.check import Checked
from workers.load.running import Instances, problem_of
from workers.load.service import LoadControl
from workers.load.types import LoadProgress, LoadReport, LoadTarget

if TYPE_CHECKING:
    from console.activity.model import ActivityItem
    from workers.services import Services


class Follower(Protocol):
    """Who shows a test: also one that the operator lets run again from the activity panel."""

    def begin(self, test: RunLoadTest) -> None:
        """It begins; raises ``SageDeckError`` where it may not."""

    def progress(self, progress: LoadProgress, instances: Instances) -> None:
        """How far it is."""

    def report(self, report: LoadReport) -> None:
        """It has ended."""

    def end(self) -> None:
        """It runs no more, however it ended."""


class RunLoadTest(Command):
    """Send the load, keep the report."""

    icon = "bolt"

    def __init__(
        self, checked: Checked, shape: Shape, pictures: str, watched: LoadTarget | None, follower: Follower
    ) -> None:
        self._checked, self.shape, self._pictures, self.watched = checked, shape, pictures, watched
        self._follower = follower
        self._entry: ActivityItem | None = None
        self.target = checked.target
        self.control = LoadControl()
        self.title = f"Load test {checked.target.words}"

    def confirmation(self) -> Confirmation:
        """What is sent, and what it costs on AWS."""
        checked, shape = self._checked, self.shape
        dollars = checked.cost.dollars
        price = "Not known" if dollars is None else f"At most {cost(dollars)} more" if dollars else "Nothing more"
        reckoned, besides = cost_words(checked.cost)
        words = f"{shape_words(shape)}: {requests_words(checked.requests, shape)}. It can be stopped at any time."
        return Confirmation(
            f"{self.title}?",
            words[:1].upper() + words[1:],
            confirm_label="Start the test",
            icon="bolt",
            danger=False,
            listed=(
                Affected("coin", f"{price} on AWS", reckoned),
                Affected("info", "Billed besides", besides),
            ),
        )

    async def run(self, services: Services) -> LoadReport:
        """Run it to its end, or until it is stopped."""
        self._follower.begin(self)
        # Only now: one that runs already is this very command where it was let run again.
        self.control = LoadControl()
        self._entry = self.item
        if self._entry is not None:
            # Stopped by hand it has a report, too.
            self._entry.cancel = self.control.cancel
        try:
            report = await services.load.run(
                self.target, self.shape, self._pictures,
                watched=self.watched, on_progress=self._progress, control=self.control,
            )  # fmt: skip
            self._follower.report(report)
            await services.load.keep(report)
        finally:
            self._follower.end()
        if (problem := problem_of(report)) is not None:
            raise problem
        return report

    def _progress(self, progress: LoadProgress, instances: Instances) -> None:
        if self._entry is not None:
            totals = progress.totals
            words = f"{totals.sent:,} sent, {totals.failed:,} errors, p99 {millis(totals.latency.p99)}"
            self._entry.progress(progress.elapsed / self.shape.seconds, words)
        self._follower.progress(progress, instances)

    def done_text(self, result: object) -> str:
        """What the activity panel says."""
        if not isinstance(result, LoadReport):
            return ""
        totals = result.totals
        stopped = f"stopped after {duration(result.elapsed)}: " if result.ended == "cancelled" else ""
        return f"{stopped}{totals.answered:,} answered, {totals.failed:,} errors, p99 {millis(totals.latency.p99)}"

    def cli(self) -> str:
        """One of its requests."""
        target = self.target
        if target.kind == "function":
            part = f" --qualifier {target.part}" if target.part else ""
            return f"aws lambda invoke --function-name {target.name}{part} --payload fileb://event.json answer.json"
        part = f" --target-variant {target.part}" if target.pick else ""
        return (
            f"aws sagemaker-runtime invoke-endpoint --endpoint-name {target.name}{part} "
            "--content-type image/jpeg --body fileb://picture.jpg answer.json"
        )

    def events(self) -> list[tuple[str, str]]:
        """Its instances may be others now."""
        return [("scaling", self.target.name)]
