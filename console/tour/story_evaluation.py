"""The story's part about evaluations: the test folder asked of an endpoint and of a model here, compared, exported."""

from __future__ import annotations

from pathlib import Path

from console.tour.hands import Hands, StoryFailed


class EvaluationSteps(Hands):
    """Plays on the page Evaluations of Predict."""

    endpoint_name: str

    async def evaluate(self, folder: Path, other_job: str, out: Path) -> None:
        """Evaluate the test folder with the endpoint and with another job's model here, compare them, export."""
        async with self._step("evaluate") as step:
            tab = self._tab("predict")
            tab.mode.set_current("evaluations")
            page = tab.evaluations
            await self._look("evaluations-empty")
            self.drop([folder])
            await self._until(lambda: page.setup.labelled is not None, "no labelled pictures were found")
            await self._until(lambda: self.endpoint_name in tab.choice.asked, "the endpoint was not offered")
            other = f"model:{other_job}"
            await self._until(lambda: tab.choice.b.findData(other) >= 0, "the job's model was not offered")
            tab.choice.b.set_value(other)
            await self._until(page.setup.start_button.isEnabled, "the evaluation could not be begun")
            self._click(page.setup.start_button)
            await self._until(lambda: len(page.shown) == 2 and not page.running, "the evaluations did not end")
            await self._look("evaluations-compared")
            accuracies = [measures.accuracy for _, measures in page.shown]
            if None in accuracies:
                raise StoryFailed("An evaluation judged no picture")
            page.table.select_keys([page.shown[0][0].head.id])
            await self._until(lambda: len(page.shown) == 1, "the evaluation was not shown")
            await self._look("evaluation-matrix")
            page.report.pages.set_current("mistakes" if page.report.measures.mistakes else "classes")
            await self._look("evaluation-mistakes")
            page.report.pages.set_current("calibration")
            await self._look("evaluation-calibration")
            self._click(page.panel.export_buttons["html"])
            dialog = await self._dialog("QFileDialog")
            place = out / "evaluation.html"
            dialog.fileSelected.emit(str(place))
            dialog.reject()
            await self._until(place.exists, "the page was not written")
            step.result.update(pictures=page.shown[0][1].judged, accuracies=accuracies, bytes=place.stat().st_size)
            tab.choice.b.set_value("")
            tab.mode.set_current("pictures")
