"""The story's daily hands: find anything, look closer at a chart, take something back, follow a link."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from console.links import SCHEME
from console.tour.hands import Hands, StoryFailed

# So long the tour's own deletions wait; the step that undoes one has the time that an operator has.
TOUR_GRACE_SECONDS, UNDO_SECONDS = 0.5, 10.0


class DailySteps(Hands):
    """Steps that belong to no tab of their own."""

    async def find(self, words: str) -> None:
        """Open the palette, type a few letters of a resource, and open it by Return."""
        async with self._step("find anything") as step:
            window = self.app.window
            window.open_palette()
            palette = window.palette_panel
            QTest.keyClicks(palette.field, words)
            await self._until(
                lambda: any(entry.id.startswith("resource:") for entry in palette.lines.shown),
                f"“{words}” found nothing",
            )
            await self._look("palette")
            first = next(entry for entry in palette.lines.shown if entry.id.startswith("resource:"))
            for _ in palette.lines.shown:
                if palette.chosen is not None and palette.chosen.id != first.id:
                    QTest.keyClick(palette.field, Qt.Key.Key_Down)
            QTest.keyClick(palette.field, Qt.Key.Key_Return)
            await self._until(lambda: not palette.isVisible(), "the palette stayed open")
            step.result.update(typed=words, found=first.title, tab=window.pages.current_id)

    async def look_closer(self) -> None:
        """Zoom into the cost of the last hours by keys, and see all of it again."""
        async with self._step("look closer at a chart") as step:
            chart = self._tab("overview").cost_panel.chart
            await self._until(lambda: bool(chart.csv().count("\n") > 1), "the chart stayed empty")
            # The readout stands at the newest moment, and what is looked at closely is where it stands.
            QTest.keyClick(chart, Qt.Key.Key_Left)
            for _ in range(3):
                QTest.keyClick(chart, Qt.Key.Key_Plus)
            if not chart.zoomed:
                raise StoryFailed("The chart did not zoom.")
            await self._look("chart-zoomed")
            low, high = chart.shown_part or (0.0, 0.0)
            QTest.keyClick(chart, Qt.Key.Key_0)
            QTest.keyClick(chart, Qt.Key.Key_Escape)
            step.result.update(hours=round((high - low) / 3600, 1), all_again=not chart.zoomed)

    async def take_back(self, endpoint: str) -> None:
        """Remove the scaling of an endpoint, and undo it before it is sent."""
        async with self._step("undo") as step:
            self.app.ctx.navigate("scaling", {"endpoint": endpoint})
            tab = self._tab("scaling")
            await self._until(tab.panel.remove_button.isEnabled, "the scaling could not be removed")
            before, self.app.ctx.grace_seconds = self.app.ctx.grace_seconds, UNDO_SECONDS
            try:
                self._click(tab.panel.remove_button)
                question = await self._dialog("ConfirmDialog")
                self._click(question.confirm_button)
                toasts = self.app.window.toasts
                # Messages with other buttons may still be there.
                undoing = lambda: [t for t in toasts.shown if t.notice.action and t.notice.action[0] == "Undo"]  # noqa: E731
                await self._until(undoing, "nothing could be undone")
                await self._look("undo")
                self._click(undoing()[0].action_button)
            finally:
                self.app.ctx.grace_seconds = before
            history = self.app.activity.history
            await self._until(lambda: bool(history) and "Undone" in history[0].text, "it was not undone")
            step.result.update(said=history[0].text)

    async def follow_link(self, endpoint: str) -> None:
        """Copy the link of an endpoint, and open it from another tab."""
        async with self._step("link") as step:
            identity, backend = self.app.ctx.identity, self.app.ctx.backend
            if identity is None or backend is None:
                raise StoryFailed("No account is connected.")
            link = f"{SCHEME}{identity.account}/{backend.region}/endpoint/{endpoint}"
            self._tab("overview")
            self.app.window.open_palette()
            palette = self.app.window.palette_panel
            QApplication.clipboard().setText(link)
            palette.field.paste()
            await self._until(lambda: [entry.id for entry in palette.lines.shown] == ["link"], "the link was not seen")
            await self._look("link")
            QTest.keyClick(palette.field, Qt.Key.Key_Return)
            await self._until(lambda: self.app.window.pages.current_id == "endpoints", "the link opened nothing")
            step.result.update(link=link, tab=self.app.window.pages.current_id)
