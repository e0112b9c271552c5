"""The story on EC2: an instance without an open port, a job stopped gracefully, a second one, its model, the end."""

from __future__ import annotations

import asyncio
from typing import Any

from console.tour.hands import Hands, StoryFailed


class ComputeSteps(Hands):
    """Steps on EC2 instances."""

    instance_name = endpoint_name = ""

    async def launch_instance(self, name: str) -> None:
        """Launch an instance, wait until it takes commands, and run a line on it."""
        async with self._step("launch an instance") as step:
            tab = self._tab("compute")
            await self._until(lambda: tab.launch_button.isEnabled() and tab.table.state == "empty", "no list came")
            await self._look("ec2-empty")
            self._click(tab.launch_button)
            dialog = await self._dialog("LaunchDialog")
            dialog.form.set_values({"name": name})
            await self._until(dialog.ok_button.isEnabled, "the instance could not be launched")
            await self._look("ec2-launch")
            self._click(dialog.ok_button)
            self.instance_name = name
            await self._until(tab.train_button.isEnabled, "the instance takes no commands")
            tab.output.line.set_value("uname -s && nproc")
            self._click(tab.output.run_button)
            await self._until(lambda: "Linux" in tab.output.log.view.text(), "the line printed nothing")
            found = self._instance(tab)
            step.result.update(instance=found.id, open_ports=len(found.open_ports or ()), imdsv2=found.tokens_required)
            await self._look("ec2-online")

    async def train_on_instance(self, job: str, epochs: int, *, stop: bool, views: int = 2) -> None:
        """Train on the instance; with ``stop`` ask it to stop after the second epoch."""
        async with self._step("stop a job on it" if stop else "train on it to the end") as step:
            tab = self._tab("compute")
            await self._until(tab.train_button.isEnabled, "the instance takes no commands")
            self._click(tab.train_button)
            dialog = await self._dialog("JobDialog")
            # One that is to be stopped must not end by itself before.
            extra = f"views={views}, patience=0" + (", epochs=10000" if stop else "")
            dialog.form.set_values({"name": job, "epochs": epochs, "batch": 16, "extra": extra, "minutes": 20})
            if stop:
                self._click(dialog.shut_down_switch)
            await self._until(dialog.ok_button.isEnabled, "the job could not be started")
            await self._look("ec2-job-dialog")
            self._click(dialog.ok_button)
            await self._until(lambda: tab.output.command is not None and tab.output.command.job == job, "no job came")
            log = tab.output.log.view
            if stop:
                await self._until(lambda: "epoch=2/" in log.text(), "the job did not get on", log.text)
                await self._look("ec2-running")
                self._click(tab.output.stop_button)
                question = await self._dialog("ConfirmDialog")
                self._click(question.confirm_button)
            await self._until(lambda: self._saved(tab, job), "the job did not end", log.text)
            found = tab.output.job
            wanted = "Stopped" if stop else "Completed"
            if found.state != wanted:
                raise StoryFailed(f"The job is {found.state}: {found.reason} {tab.output.log.view.text()[-500:]}")
            step.result.update(state=found.state, model=found.model_uri)
            await self._look("ec2-stopped-job" if stop else "ec2-finished-job")

    @staticmethod
    def _saved(tab: Any, job: str) -> bool:
        found = tab.output.job
        return found is not None and found.name == job and not found.running and tab.output.deploy_button.isVisible()

    async def deploy_from_instance(self, endpoint: str) -> None:
        """Deploy the model that the instance trained."""
        async with self._step("deploy its model") as step:
            compute = self._tab("compute")
            self._click(compute.output.deploy_button)
            dialog = await self._dialog("DeployDialog")
            dialog.form.set_values({"name": endpoint})
            self._click(dialog.ok_button)
            self.endpoint_name = endpoint
            tab = self._tab("endpoints")
            await self._until(lambda: tab.endpoint(endpoint) is not None, "no endpoint came up")
            await self._until(lambda: tab.endpoint(endpoint).status != "Creating", "the endpoint stayed Creating")
            found = tab.endpoint(endpoint)
            if found.status != "InService":
                raise StoryFailed(f"The endpoint is {found.status}: {found.failure_reason}")
            await self._until(tab.panel.test_button.isEnabled, "the endpoint could not be tested")
            step.result.update(endpoint=endpoint, job=found.job_name)
            await self._look("ec2-deployed")

    async def rest(self, seconds: float) -> None:
        """Leave the instance alone, so that its CPU chart has a valley."""
        async with self._step("rest"):
            await asyncio.sleep(seconds)

    async def end_instance(self) -> None:
        """See that the instance stopped itself after the job, and terminate it."""
        async with self._step("end the instance") as step:
            tab = self._tab("compute")
            await self._until(lambda: self._refreshed(tab).state == "stopped", "it did not shut itself down")
            reason = self._instance(tab).reason_code
            await self._look("ec2-stopped")
            self._click(tab.terminate_button)
            question = await self._dialog("ConfirmDialog")
            question.field.set_value(self.instance_name)
            await self._look("ec2-terminate")
            self._click(question.confirm_button)
            await self._until(lambda: self._refreshed(tab).state == "terminated", "it was not terminated")
            step.result.update(stopped_by=reason, state="terminated")

    def _refreshed(self, tab: Any) -> Any:
        if not tab.running("list"):
            tab.refresh()
        return self._instance(tab)

    def _instance(self, tab: Any) -> Any:
        return next(row.instance for row in tab.table.model.rows() if row.name == self.instance_name)
