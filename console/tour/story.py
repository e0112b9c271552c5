"""The main job, done with the window's own widgets: sample pictures, upload, train, tune, compare, deploy, predict.

Nothing is called behind the window's back: buttons are clicked, fields filled in, files dropped. The tour shows it,
and a test runs it in small.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console.tour.hands import StoryFailed, Watch
from console.tour.story_compute import ComputeSteps
from console.tour.story_daily import DailySteps
from console.tour.story_evaluation import EvaluationSteps
from console.tour.story_functions import FunctionSteps
from console.tour.story_notebooks import NotebookSteps
from console.tour.story_scaling import ScalingSteps
from console.tour.story_security import SecuritySteps
from console.tour.story_training import TrainingSteps

if TYPE_CHECKING:
    from console.app import Application


class Story(
    TrainingSteps, EvaluationSteps, FunctionSteps, ScalingSteps, ComputeSteps, NotebookSteps, SecuritySteps, DailySteps
):
    """Plays the steps on one open window. ``watch(name)`` is awaited at every sight worth a picture."""

    def __init__(self, application: Application, folder: Path, watch: Watch | None = None) -> None:
        super().__init__(application, watch)
        self.folder = folder
        self.job_name = ""
        self.tuned_name = ""
        self.tuning_name = ""
        self.endpoint_name = ""

    # Steps

    async def connect(self) -> None:
        """Wait until the account answers."""
        async with self._step("connect"):
            await self._until(lambda: self.app.ctx.connected, "the account did not answer")
            await self._look("start")

    async def samples(self, classes: int, per_class: int, seed: int = 1) -> None:
        """Have sample pictures drawn and checked."""
        async with self._step("sample pictures") as step:
            tab = self._tab("data")
            await self._look("data-empty")
            self._click(tab.samples_button)
            dialog = await self._dialog("SamplesDialog")
            dialog.form.set_values({"classes": classes, "per_class": per_class, "seed": seed, "folder": self.folder})
            await self._look("samples-dialog")
            self._click(dialog.ok_button)
            await self._until(lambda: tab.dataset.state == "checked", "the pictures were not checked")
            report = tab.dataset.report
            step.result.update(pictures=report.pictures, classes=len(report.classes), usable=report.usable)
            await self._look("data-checked")

    async def upload(self) -> None:
        """Make a bucket and upload the pictures."""
        async with self._step("upload") as step:
            tab = self._tab("data")
            await self._until(lambda: tab.browser.buckets is not None, "the buckets were not listed")
            if not tab.browser.buckets:
                self._click(tab.upload_panel.bucket_button)
                dialog = await self._dialog("BucketDialog")
                await self._look("bucket-dialog")
                self._click(dialog.ok_button)
                await self._until(lambda: bool(tab.browser.name), "the bucket was not made")
            await self._until(tab.upload_panel.upload_button.isEnabled, "the upload button stayed off")
            self._click(tab.upload_panel.upload_button)
            await self._until(lambda: tab.uploading.result is not None, "the upload did not end")
            result = tab.uploading.result
            step.result.update(
                sent=result.sent, skipped=result.skipped, bytes=result.bytes_sent, failed=len(result.failed)
            )
            await self._look("data-uploaded")

    async def train(self, epochs: int, views: int = 3) -> None:
        """Launch a job on what was uploaded and follow it to its end."""
        async with self._step("train") as step:
            self._click(self._tab("data").upload_panel.train_button)
            tab = self._tab("training")
            form = tab.form
            await self._until(lambda: bool(form.form.value("data")), "no data was offered")
            form.form.set_values({"epochs": epochs, "views": views})
            await self._until(form.launch_button.isEnabled, "the launch button stayed off")
            await self._look("training-form")
            # Only now: a set that is found a moment later still names the job.
            self.job_name = form.form.value("name")
            self._click(form.launch_button)
            await self._until(
                lambda: tab.detail.job is not None and tab.detail.job.name == self.job_name, "no job came up"
            )
            await self._until(
                lambda: tab.detail.epochs_seen >= 2 or not tab.detail.job.running, "the job wrote no epoch"
            )
            await self._look("training-live")
            await self._until(lambda: not tab.detail.job.running, "the job did not end", lambda: tab.detail.epochs_seen)
            job = tab.detail.job
            if job.status != "Completed":
                raise StoryFailed(f"The job ended {job.status}: {job.failure_reason}")
            await self._until(lambda: tab.detail.report is not None, "the job left no report")
            step.result.update(job=job.name, epochs=epochs, test_accuracy=tab.detail.report.test_accuracy)
            await self._look("training-done")
            tab.detail.show_page("report")
            await self._look("training-report")

    async def tune(
        self, jobs: int, parallel: int, epochs: int, *, views: int = 1, batches: tuple[int, ...] = (16, 32, 64)
    ) -> None:
        """Launch a tuning job on what was uploaded and follow it to its end."""
        async with self._step("tune") as step:
            tab = self._tab("training")
            form = tab.form
            form.modes.set_current("tuning")
            form.form.set_values(
                {"jobs": jobs, "parallel": parallel, "epochs": epochs, "views": views, "batches": batches}
            )
            await self._until(form.launch_button.isEnabled, "the launch button stayed off")
            await self._look("tuning-form")
            self.tuning_name = form.form.value("name")
            self._click(form.launch_button)
            tuning = tab.tuning
            await self._until(
                lambda: tuning.job is not None and tuning.job.name == self.tuning_name, "no tuning job came up"
            )
            await self._until(lambda: _scored(tuning) >= min(2, jobs), "no trial had a result")
            await self._look("tuning-live")
            await self._until(lambda: not tuning.job.running, "the tuning job did not end", lambda: _scored(tuning))
            if tuning.job.status != "Completed" or tuning.best() is None:
                raise StoryFailed(f"The tuning job ended {tuning.job.status}: {tuning.job.failure_reason}")
            await self._until(
                lambda: all(
                    not trial.running and (trial.objective is None or tuning.curves.get(trial.name))
                    for trial in tuning.trials
                ),
                "the trials' curves were not read",
            )
            tuning.choose(tuning.best().name)
            await self._look("tuning-done")
            tuning.explorer.choice.set_value("*")
            await self._look("tuning-parallel")
            step.result.update(
                tuning=self.tuning_name,
                trials=len(tuning.trials),
                best=tuning.best().objective,
                stopped_early=sum(trial.early_stopped for trial in tuning.trials),
            )

    async def compare(self, hosts: int) -> None:
        """Train with the best hyperparameters on one host and on several, and compare the two jobs."""
        async with self._step("compare") as step:
            tab = self._tab("training")
            form = tab.form
            self._click(tab.tuning.train_button)
            await self._until(form.launch_button.isEnabled, "the launch button stayed off")
            names = [form.form.value("name")]
            self.tuned_name = names[0]
            self._click(form.launch_button)
            await self._until(lambda: self._job_row(names[0]) is not None, "the job did not come up")
            form.modes.set_current("hosts")
            form.form.set_values({"count": hosts, "name": f"{names[0]}-{hosts}"})
            names.append(form.form.value("name"))
            await self._until(form.launch_button.isEnabled, "the launch button stayed off")
            await self._look("hosts-form")
            self._click(form.launch_button)
            for name in names:
                await self._until(partial(self._ended, name), f"the job {name} did not end")
                row = self._job_row(name)
                if row.state != "Completed":
                    raise StoryFailed(f"The job {name} ended {row.state}: {row.job.failure_reason}")
            tab.table.select_keys([self._job_row(name).key for name in names])
            self._click(tab.compare_button)
            keys = [row.key for row in tab.compare.rows]
            await self._until(lambda: all(tab.compare.curves.get(key) for key in keys), "the curves were not read")
            await self._look("compare")
            facts = {fact.name: fact.texts for fact in tab.compare.facts}
            step.result.update(hosts=hosts, best_accuracy=list(facts["Best validation accuracy"].values()))
            form.modes.set_current("single")

    async def deploy(self) -> None:
        """Deploy the job and wait until the endpoint is in service."""
        async with self._step("deploy") as step:
            detail = self._tab("training").detail
            self._tab("training").activate({"job": self.job_name})
            await self._until(
                lambda: detail.deploy_button.isVisible() and detail.job.name == self.job_name, "the job was not shown"
            )
            self._click(detail.deploy_button)
            dialog = await self._dialog("DeployDialog")
            await self._look("deploy-dialog")
            self.endpoint_name = dialog.form.value("name")
            self._click(dialog.ok_button)
            tab = self._tab("endpoints")
            await self._until(lambda: self._endpoint() is not None, "no endpoint came up")
            await self._look("endpoint-creating")
            await self._until(lambda: self._endpoint().status != "Creating", "the endpoint stayed Creating")
            endpoint = self._endpoint()
            if endpoint.status != "InService":
                raise StoryFailed(f"The endpoint is {endpoint.status}: {endpoint.failure_reason}")
            await self._until(tab.panel.test_button.isEnabled, "the endpoint could not be tested")
            step.result.update(endpoint=endpoint.name, instance=endpoint.instance_type)
            await self._look("endpoint-in-service")

    async def predict(self, paths: list[Path]) -> None:
        """Drop pictures on the window and wait for all answers."""
        async with self._step("predict") as step:
            self._click(self._tab("endpoints").panel.test_button)
            tab = self._tab("predict")
            await self._until(lambda: tab.choice.a.value() == self.endpoint_name, "the endpoint was not offered")
            self.drop(paths)
            await self._until(
                lambda: tab.cards() and all(_answered(card) for card in tab.cards()), "not all were answered"
            )
            cards = tab.cards()
            tab.grid.set_current(cards[0].key)
            right = [card for card in cards if card.answers[0].labels[:1] == (card.truth,)]
            median = sorted(card.answers[0].latency_ms or 0.0 for card in cards)[len(cards) // 2]
            step.result.update(pictures=len(cards), right=len(right), median_ms=round(median, 1))
            await self._look("predict")

    async def delete(self) -> None:
        """Delete the endpoint with everything that belongs to it."""
        async with self._step("delete") as step:
            self.app.ctx.navigate("endpoints", {"endpoint": self.endpoint_name})
            tab = self._tab("endpoints")
            await self._until(tab.panel.delete_button.isEnabled, "the delete button stayed off")
            self._click(tab.panel.delete_button)
            dialog = await self._dialog("ConfirmDialog")
            dialog.field.set_value(self.endpoint_name)
            await self._look("delete-dialog")
            self._click(dialog.confirm_button)
            await self._until(lambda: self._endpoint() is None, "the endpoint was not deleted")
            step.result.update(endpoint=self.endpoint_name)
            await self._look("endpoint-deleted")

    def _endpoint(self) -> Any:
        return self._tab("endpoints").endpoint(self.endpoint_name)

    def _job_row(self, name: str) -> Any:
        return self._tab("training").table.model.row_of(f"job:{name}")

    def _ended(self, name: str) -> bool:
        row = self._job_row(name)
        return row is not None and not row.running and bool(row.job.instance_type)


def _scored(tuning: Any) -> int:
    return sum(trial.objective is not None for trial in tuning.trials)


def _answered(card: Any) -> bool:
    return bool(card.answers) and all(answer is not None for answer in card.answers)
