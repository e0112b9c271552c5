"""The story's scaling: limits applied and explained, a function held to two calls, an endpoint parked and back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from console.tour.hands import Hands, StoryFailed

# Instances.
MINIMUM, MAXIMUM = 1, 5
# Of a new account's 1,000 concurrent calls; then fewer than are made at once, so that one is refused.
RESERVED, HELD, AT_ONCE = 100, 2, 3


class ScalingSteps(Hands):
    """Steps in the Scaling tab, and what they do to endpoints and functions."""

    endpoint_name = ""

    async def scale(self) -> None:
        """Let the endpoint have 1 to 5 instances: first at least 2, so that an activity tells why it grew."""
        async with self._step("scale the endpoint") as step:
            tab = await self._scaling({"endpoint": self.endpoint_name})
            await self._until(tab.panel.variant_form.isVisible, "the variant's form did not come")
            await self._look("scaling-fixed")
            await self._limits(tab, 2)
            await self._until(lambda: self._grown(tab), "the endpoint did not grow to two instances")
            await self._limits(tab, MINIMUM)
            activities = tab.variant_scaling.activities
            step.result.update(
                limits=f"{MINIMUM} to {MAXIMUM}", activities=len(activities), said=activities[0].description
            )
            await self._look("scaling-applied")

    async def _limits(self, tab: Any, minimum: int) -> None:
        tab.panel.variant_form.form.set_values({"minimum": minimum, "maximum": MAXIMUM})
        await self._until(tab.panel.apply_button.isEnabled, "the limits could not be applied")
        self._click(tab.panel.apply_button)
        await self._until(lambda: self._has_limits(tab, minimum), "the limits were not applied")

    def _has_limits(self, tab: Any, minimum: int) -> bool:
        found = tab.variant_scaling
        limits = found.target if found is not None else None
        return limits is not None and (limits.minimum, limits.maximum) == (minimum, MAXIMUM)

    def _grown(self, tab: Any) -> bool:
        found = self._read_again(tab).variant_scaling
        done = found is not None and any(
            activity.status == "Successful" and "to 2" in activity.description for activity in found.activities
        )
        return done and found.variant.current == 2

    async def reserve(self, picture: Path) -> None:
        """Reserve 100 calls for the function, then hold it to 2 and see the third call at once throttled."""
        async with self._step("reserve concurrency") as step:
            name = f"{self.endpoint_name}-predict"
            await self._reserved(name, RESERVED, look="scaling-reserved")
            await self._reserved(name, HELD)
            self.app.ctx.navigate("endpoints", {"function": name})
            part = self._tab("endpoints").functions
            await self._until(
                lambda: part.current() is not None and part.current().name == name, "the function was not shown"
            )
            self._click(part.panel.test_button)
            part.test.use_picture(picture)
            part.test.at_once.setValue(AT_ONCE)
            await self._until(part.test.test_button.isEnabled, "the event was not accepted")
            before = part.test.results
            self._click(part.test.test_button)
            await self._until(lambda: part.test.results > before, "the calls were not answered")
            said = part.test.answer.toPlainText()
            await self._look("function-throttled")
            part.test.at_once.setValue(1)
            throttled = said.count("throttled")
            if throttled != AT_ONCE - HELD:
                raise StoryFailed(f"{throttled} of {AT_ONCE} calls at once were throttled: {said}")
            step.result.update(reserved=RESERVED, then=HELD, calls=AT_ONCE, throttled=throttled)
            await self._reserved(name, RESERVED)

    async def _reserved(self, name: str, count: int, look: str = "") -> None:
        tab = await self._scaling({"function": name})
        form = tab.panel.function_form
        shown = f"the form of {name} did not come"
        await self._until(lambda: form.isVisible() and self._function(tab, name) is not None, shown)
        form.reserve.setChecked(True)
        form.form.set_values({"reserved": count})
        await self._until(tab.panel.apply_button.isEnabled, f"{count} could not be reserved")
        self._click(tab.panel.apply_button)
        await self._until(lambda: self._reserves(self._read_again(tab), name, count), f"{count} were not reserved")
        if look:
            await self._look(look)

    async def load(self, rate: float, seconds: int) -> None:
        """Ask the endpoint steadily while it is updated to another number of instances: no request is lost."""
        async with self._step("load test during an update") as step:
            name = self.endpoint_name
            tab = await self._scaling({"endpoint": name})
            tab.views.set_current("load")
            page = tab.load_page
            page.form.form.set_values({"kind": "constant", "rate": rate, "seconds": seconds})
            await self._until(
                lambda: page.start_button.isEnabled() and _asks_endpoint(page.form.target, name),
                "the load test could not be started",
            )
            self._click(page.start_button)
            question = await self._dialog("ConfirmDialog")
            await self._look("load-dialog")
            self._click(question.confirm_button)
            await self._until(lambda: page.running, "the load test did not begin")
            await self._update(name)
            self._tab("scaling")
            await self._until(lambda: not page.running and page.report is not None, "the load test did not end")
            await self._look("load-report")
            totals = page.report.totals
            if totals.failed or totals.unanswered or totals.not_sent:
                raise StoryFailed(f"Requests were lost during the update: {totals}")
            # Reports are kept on this computer, which the story leaves as it found it.
            self._click(page.delete_button)
            question = await self._dialog("ConfirmDialog")
            self._click(question.confirm_button)
            await self._until(lambda: page.report is None, "the report was not deleted")
            step.result.update(sent=totals.sent, answered=totals.answered, lost=totals.sent - totals.answered)

    async def ebb(self) -> None:
        """After the load: see why the endpoint grew, wait until it is as small as it may be, and see why."""
        async with self._step("scale in after the load") as step:
            tab = await self._scaling({"endpoint": self.endpoint_name})
            tab.views.set_current("now")
            await self._until(lambda: self._shrunk(tab), "it did not become as small as it may be")
            activities = tab.variant_scaling.activities
            step.result.update(most=max(map(_count_of, activities)), now=tab.variant_scaling.variant.current)
            await self._look("scaling-out-and-in")

    def _shrunk(self, tab: Any) -> bool:
        found = self._read_again(tab).variant_scaling
        if found is None or found.variant.current != MINIMUM:
            return False
        said = [activity for activity in found.activities if activity.status == "Successful"]
        return any("AlarmHigh" in activity.cause for activity in said) and any(
            "AlarmLow" in activity.cause and _count_of(activity) == MINIMUM for activity in said
        )

    async def _update(self, name: str) -> None:
        """Update the endpoint to one instance more or less, and wait until it is in service with that."""
        self.app.ctx.navigate("endpoints", {"endpoint": name})
        tab = self._tab("endpoints")
        await self._until(
            lambda: tab.panel.name == name and tab.panel.update_button.isEnabled(), "the endpoint could not be updated"
        )
        before = tab.endpoint(name)
        self._click(tab.panel.update_button)
        dialog = await self._dialog("UpdateDialog")
        dialog.form.set_values({"count": 1 if before.desired_count != 1 else 2})
        await self._until(dialog.ok_button.isEnabled, "the update could not be begun")
        await self._look("update-dialog")
        self._click(dialog.ok_button)
        await self._until(lambda: self._went_over(tab.endpoint(name), before.config_name), "it was not updated")

    @staticmethod
    def _went_over(endpoint: Any, before: str) -> bool:
        return endpoint is not None and endpoint.status == "InService" and endpoint.config_name != before

    @staticmethod
    def _function(tab: Any, name: str) -> Any:
        found = tab.function_scaling
        return found if found is not None and found.name == name else None

    def _reserves(self, tab: Any, name: str, count: int) -> bool:
        found = self._function(tab, name)
        return found is not None and found.reserved == count

    async def park(self, picture: Path) -> None:
        """Park the endpoint, bring it back, and see the same limits and the same answer."""
        async with self._step("park and resume") as step:
            name = self.endpoint_name
            before = await self._answer(picture)
            self.app.ctx.navigate("endpoints", {"endpoint": name})
            tab = self._tab("endpoints")
            await self._until(
                lambda: tab.panel.name == name and tab.panel.park_button.isEnabled(), "the endpoint could not be parked"
            )
            self._click(tab.panel.park_button)
            question = await self._dialog("ConfirmDialog")
            await self._look("park-dialog")
            self._click(question.confirm_button)
            await self._until(lambda: self._row(tab, name) is not None and self._row(tab, name).away, "it did not go")
            await self._until(tab.parked_panel.isVisible, "the parked endpoint was not shown")
            function = f"{name}-predict"
            await self._until(lambda: tab.functions.rows[function].asleep, "its function does not say so")
            await self._look("parked")
            cost = self._row(tab, name).per_hour
            self._click(tab.parked_panel.resume_button)
            question = await self._dialog("ConfirmDialog")
            self._click(question.confirm_button)
            await self._until(lambda: self._is_back(tab, name), "it did not come back")
            scaling = await self._scaling({"endpoint": name})
            await self._until(lambda: self._has_limits(self._read_again(scaling), MINIMUM), "its limits are not back")
            await self._look("resumed")
            after = await self._answer(picture)
            if after != before:
                raise StoryFailed(f"It answers otherwise than before it was parked: {after}, not {before}.")
            step.result.update(parked_cost=cost, limits=f"{MINIMUM} to {MAXIMUM}", same_answer=True)

    async def _answer(self, picture: Path) -> str:
        """What the endpoint says of the picture now: classes and probabilities."""
        self.app.ctx.navigate("predict", {"endpoint": self.endpoint_name})
        tab = self._tab("predict")
        await self._until(lambda: tab.choice.a.value() == self.endpoint_name, "the endpoint was not offered")
        if tab.cards():
            self._click(tab.clear_button)
            await self._until(lambda: not tab.cards(), "the pictures were not cleared")
        self.drop([picture])
        await self._until(
            lambda: tab.cards() and tab.cards()[0].answers[:1] != (None,) and not tab.asking, "it was not answered"
        )
        answer = tab.cards()[0].answers[0]
        if answer is None or answer.error:
            raise StoryFailed(f"{self.endpoint_name} did not answer: {answer.error if answer else ''}")
        # The last digits depend on how many threads a process has.
        return " ".join(
            f"{label} {probability:.3f}" for label, probability in zip(answer.labels, answer.probabilities, strict=True)
        )

    def _is_back(self, tab: Any, name: str) -> bool:
        row = self._row(tab, name)
        if row is not None and row.endpoint.status == "InService" and row.parked is None:
            return True
        if not tab.running("list"):
            tab.refresh()
        return False

    @staticmethod
    def _row(tab: Any, name: str) -> Any:
        return tab.table.model.row_of(name)

    async def _scaling(self, payload: dict[str, str]) -> Any:
        self.app.ctx.navigate("scaling", payload)
        tab = self._tab("scaling")
        table = tab.panel.table
        await self._until(lambda: table.current_row() is not None, "nothing that can be scaled was listed")
        wanted = next(iter(payload.values()))
        # The whole name: a function may be called after the endpoint that it asks.
        await self._until(
            lambda: str(tab.head.subtitle.text()).partition(" / ")[0] == wanted, f"{wanted} was not chosen"
        )
        return tab

    @staticmethod
    def _read_again(tab: Any) -> Any:
        if not tab.running("list") and not tab.running("chosen"):
            tab.refresh()
        return tab


def _asks_endpoint(target: Any, name: str) -> bool:
    return target is not None and (target.kind, target.name) == ("endpoint", name)


def _count_of(activity: Any) -> int:
    """How many instances an activity set, 0 where it says nothing of that."""
    found = re.search(r"desired instance count to (\d+)", activity.description)
    return int(found[1]) if found else 0
