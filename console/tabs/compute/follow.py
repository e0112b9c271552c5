"""Follows training jobs on instances in the background, so that their end is told whatever tab is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from console.activity.model import ActivityItem
from console.context import AppContext
from console.follow.background import Follower
from console.models.format import duration
from console.tabs.compute.rows import took
from workers.compute.jobs import InstanceJob
from workers.compute.types import Command

if TYPE_CHECKING:
    from workers.services import Services


@dataclass(frozen=True)
class Run:
    """The command that runs a job, and the job as it was last read."""

    command: Command
    job: InstanceJob | None = None

    @property
    def name(self) -> str:
        """The job's name."""
        return self.command.job


class RunFollower(Follower[Run]):
    """See ``Follower``."""

    kind, tab, verb, icon = "job", "compute", "Training", "ec2"

    def __init__(self, ctx: AppContext, watched: Callable[[], bool] = lambda: False) -> None:
        super().__init__(ctx, watched)
        self._runs: dict[str, Run] = {}

    def under_way(self, thing: Run) -> bool:
        """Until SSM says that the command has ended."""
        return bool(thing.command.job) and thing.command.running

    def begun(self, thing: Run) -> None:
        """Open the entry."""
        self._runs[thing.name] = thing
        super().begun(thing)

    async def read(self, services: Services, name: str) -> Run:
        """The command as it is now, and once it has ended the job."""
        run = self._runs[name]
        found = await services.compute.commands.describe(run.command.id, run.command.instance)
        run = replace(run, command=found or run.command)
        if not run.command.running:
            run = replace(run, job=await services.compute.jobs.of_command(run.command))
        self._runs[name] = run
        return run

    def show(self, item: ActivityItem, thing: Run) -> None:
        """How long it runs; how far it is stands in its output."""
        seconds = took(thing.command)
        item.progress(None, f"running for {duration(seconds)}" if seconds is not None else "waiting for the instance")

    def tell_end(self, item: ActivityItem, thing: Run) -> None:
        """How it ended, by what the job itself left in the bucket."""
        run, job = thing.command, thing.job
        self._runs.pop(thing.name, None)
        seconds = took(run)
        words = f"in {duration(seconds)}" if seconds is not None else ""
        state = job.state if job is not None else "Completed" if run.state == "Success" else "Failed"
        if state == "Completed":
            item.done(words)
            if not self._watched():
                self._ctx.notify.success(f"{thing.name} has finished", words, action=self.shown(thing.name))
        elif state == "Stopped":
            item.cancelled(f"stopped, {words}")
        else:
            reason = job.reason if job is not None and job.reason else run.detail
            self.failed(item, thing, reason, "Its output is in EC2.")

    def shown(self, name: str) -> tuple[str, Callable[[], None]]:
        """The button of a message that goes to it."""
        return "Show", lambda: self._ctx.navigate(self.tab, {"job": name})
