"""The story's safety: what is unsafe, one fix by a click, and what the event history knows of it."""

from __future__ import annotations

from console.tour.hands import Hands, StoryFailed

# What every account with a function or a job has, and what costs nothing to mend.
MENDED = "sagedeck_log_group_without_retention"


class SecuritySteps(Hands):
    """Steps in the first tab's sections of findings and events."""

    async def security(self) -> None:
        """See all findings, mend one by what is shown, and find that in the list of events."""
        async with self._step("security") as step:
            tab = self._tab("overview")
            part = tab.security
            await self._until(lambda: part.report is not None and not part.looking, "nothing was looked at")
            self._click(part.review_button)
            review = await self._dialog("ReviewDialog")
            # What was found when the tab was first opened is old by now.
            self._click(review.look_button)
            await self._until(lambda: not part.looking and review.look_button.isEnabled(), "the look did not end")
            before = part.findings
            await self._look("security-findings")
            wanted = next((found for found in part.report.findings if found.check == MENDED), None)
            if wanted is None:
                raise StoryFailed("No log group keeps everything, so there is nothing to mend.")
            review.show_only(finding=wanted)
            self._click(review.fix_button)
            question = await self._dialog("ConfirmDialog")
            await self._look("security-fix")
            self._click(question.confirm_button)
            await self._until(
                lambda: wanted.key not in {found.key for found in part.report.findings},
                "what was mended is still found",
            )
            self._click(review.close_button)
            self._click(tab.events.all_button)
            events = await self._dialog("EventsDialog")
            await self._until(lambda: events.table.model.total > 0, "nothing has happened")
            await self._look("events")
            self._click(events.close_button)
            step.result.update(found=before, left=part.findings, events=events.table.model.total)
