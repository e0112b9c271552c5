"""Fine-tuning in the story: chosen in the form, on spot instances that are taken away, and gone on from afterwards."""

from __future__ import annotations

from console.models.ways import HEAD, TUNE
from console.tour.hands import Hands, StoryFailed

# Small pictures and one stage: seconds on two processors, where a real one takes minutes on a GPU.
_QUICK = "image_size=64, patience=0"


class TrainingSteps(Hands):
    """What the Training tab can do besides training a head."""

    async def fine_tune(self, epochs: int) -> None:
        """Fine-tune on spot instances, take them away after the first epoch, and look how it would be continued."""
        async with self._step("fine-tune") as step:
            tab = self._tab("training")
            form = tab.form
            form.modes.set_current("single")
            form.form.set_values({"way": TUNE, "stages": "1", "epochs": epochs, "spot": True, "extra": _QUICK})
            await self._until(form.launch_button.isEnabled, "the launch button stayed off")
            await self._look("fine-tuning-form")
            name = form.form.value("name")
            self._click(form.launch_button)
            await self._until(lambda: tab.detail.job is not None and tab.detail.job.name == name, "no job came up")
            await self._until(
                lambda: tab.detail.epochs_seen >= 1 or not tab.detail.job.running, "the job wrote no epoch"
            )
            # The log is ahead of the list, which offers it once it has read that the job trains.
            offered = lambda: next((entry for entry in tab.table.entries() if entry[0].startswith("Interrupt")), None)  # noqa: E731
            await self._until(lambda: offered() or not tab.detail.job.running, "interrupting was not offered")
            entry = offered()
            if entry is None:
                raise StoryFailed("The job ended before it could be interrupted.")
            entry[2]()
            dialog = await self._dialog("ConfirmDialog")
            self._click(dialog.confirm_button)
            await self._until(lambda: tab.detail.job.interruptions or not tab.detail.job.running, "nothing was taken")
            await self._look("interrupted")
            await self._until(lambda: not tab.detail.job.running, "the job did not end", lambda: tab.detail.epochs_seen)
            job = tab.detail.job
            if job.status != "Completed" or job.interruptions != 1:
                raise StoryFailed(f"The job ended {job.status}, interrupted {job.interruptions} times.")
            await self._until(tab.detail.continue_button.isVisible, "continuing was not offered")
            await self._look("interrupted-job-done")
            self._click(tab.detail.continue_button)
            await self._look("continue-form")
            step.result.update(job=job.name, epochs=tab.detail.epochs_seen, next=form.form.value("epochs"))
            form.start_anew()
            form.form.set_values({"way": HEAD, "spot": False, "keep": False, "extra": ""})
