"""The story's overview: what everything costs, what is idle, and taking all of it down until nothing bills."""

from __future__ import annotations

from typing import Any

from console.tour.hands import Hands, StoryFailed
from console.tour.listings import told, what_is_left


class OverviewSteps(Hands):
    """Steps on the first tab."""

    async def overview(self) -> None:
        """See what there is and what it costs, narrow the list, open something in its tab."""
        async with self._step("overview") as step:
            tab = self._tab("overview")
            await self._listed(tab)
            await self._until(lambda: tab.figures.now.text not in ("", "–"), "what it costs was not reckoned")
            kinds = {row.kind for row in tab.list.table.model.rows()}
            unread = [row.name for row in tab.list.table.model.rows() if row.read is not None]
            if unread:
                raise StoryFailed(f"Not everything could be read: {', '.join(unread)}.")
            await self._look("overview")
            tab.list.views.set_current("billing")
            await self._look("overview-billing")
            tab.list.views.set_current("all")
            step.result.update(
                resources=tab.list.table.model.total, kinds=len(kinds), per_hour=tab.figures.now.text,
                month=tab.figures.month.text,
            )  # fmt: skip

    async def idle(self) -> None:
        """See what bills for nothing, look at the rules, and settle the first finding."""
        async with self._step("idle") as step:
            tab = self._tab("overview")
            await self._listed(tab)
            await self._until(lambda: bool(tab.idle.lines), "nothing idle was found")
            self._click(tab.idle.rules_button)
            dialog = await self._dialog("RulesDialog")
            await self._look("overview-rules")
            self._click(dialog.ok_button)
            before = len(tab.idle.report.findings)
            line = tab.idle.lines[0]
            self._click(line.button)
            question = await self._dialog("ConfirmDialog")
            if question.field.isVisible():
                question.field.set_value(line.findings[0].resource.name)
                question.field.edited.emit()
            await self._look("overview-idle")
            settled = len(line.findings)
            self._click(question.confirm_button)
            await self._until(
                lambda: len(tab.idle.report.findings) <= before - settled, "what was settled is still idle"
            )
            step.result.update(idle=before, settled=settled)

    async def tear_down(self) -> None:
        """Take everything down, and have it proven that nothing bills."""
        async with self._step("tear down") as step:
            tab = self._tab("overview")
            await self._until(tab.tear_down_button.isEnabled, "it could not be taken down")
            self._click(tab.tear_down_button)
            dialog = await self._dialog("TearDownDialog")
            dialog.scope.set_current("all")
            dialog.buckets.setChecked(True)
            await self._until(lambda: dialog.plan is not None, "no plan was made")
            await self._look("tear-down-plan")
            dialog.field.set_value(dialog.plan.confirm)
            dialog.field.edited.emit()
            self._click(dialog.confirm_button)
            await self._until(lambda: dialog.outcome is not None or not dialog.running, "it did not end")
            if dialog.outcome is None:
                raise StoryFailed(dialog.words.text())
            await self._look("tear-down-proof")
            self._check(dialog.outcome)
            step.result.update(gone=len(dialog.outcome.steps), left=len(dialog.outcome.proof.left))
            self._click(dialog.cancel_button)
            await self._until(lambda: not tab.running("list"), "the list was not read again")
            await self._look("overview-after")

    async def proof(self) -> None:
        """What others list of the account that was taken down; fails when anything is left that bills."""
        async with self._step("proof") as step:
            backend = self.app.ctx.backend
            if backend is None:
                raise StoryFailed("The account is not connected.")
            found = told(await what_is_left(backend))
            step.result.update(found)
        if found["nothing_bills"] is False:
            wrong = [row for row in found["listings"] if row["found"] or row["error"]]
            raise StoryFailed("; ".join(f"{row['command']}: {row['error'] or row['found']}" for row in wrong))

    @staticmethod
    def _check(outcome: Any) -> None:
        if outcome.failed or outcome.proof is None or not outcome.proof.nothing_bills:
            left = "; ".join(f"{step.resource.name}: {step.note}" for step in outcome.failed)
            raise StoryFailed(f"{outcome.words} {left}")

    async def _listed(self, tab: Any) -> None:
        await self._until(
            lambda: not tab.running("list") and tab.list.table.state in ("rows", "empty"), "the account was not listed"
        )
