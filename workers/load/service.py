"""Load tests of one account: looked at before, run in a child process, kept as reports."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

from workers.aws.chosen import child_environ
from workers.aws.session import AwsSession
from workers.aws.times import utc
from workers.children.parent import Child, ChildFailed
from workers.children.typed import write
from workers.errors.tree import AccessDenied, NotFound, SageDeckError, translate
from workers.load.arrivals import Shape
from workers.load.check import Checked, LoadChecks
from workers.load.reports import Reports, default_folder
from workers.load.running import OnProgress, Running
from workers.load.types import Happening, LoadReport, LoadRequest, LoadTarget
from workers.prices.table import PriceTable

log = logging.getLogger(__name__)

MODULE = "workers.load.child"
WATCH_SECONDS = 2.0


class LoadControl:
    """Stops one test; may be used before it has begun and after it has ended."""

    def __init__(self) -> None:
        self._child: Child | None = None
        self.cancelled = False

    def cancel(self) -> None:
        """Send nothing more; the test returns with what it has measured."""
        self.cancelled = True
        if self._child is not None:
            self._child.send("cancel")

    def attach(self, child: Child) -> None:
        """Tell ``child`` what was wished before it ran, and from now on."""
        self._child = child
        if self.cancelled:
            self.cancel()

    def detach(self) -> None:
        """The child has ended."""
        self._child = None

    @property
    def pid(self) -> int | None:
        """The process that sends; None while there is none."""
        return self._child.pid if self._child is not None else None


class LoadTests:
    """All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession, prices: PriceTable, reports: Reports | None = None) -> None:
        self._session, self._checks = session, LoadChecks(session, prices)
        self._reports = reports or Reports(default_folder(session.backend))

    async def check(self, target: LoadTarget, shape: Shape, pictures: str = "") -> Checked:
        """Look whether the test can begin, and what it will cost on AWS.

        Refused with AWS's own words for a target that does not exist or does not answer: then it is asked once.
        """
        return await self._checks.check(target, shape, pictures)

    async def run(
        self,
        target: LoadTarget,
        shape: Shape,
        pictures: str = "",
        *,
        watched: LoadTarget | None = None,
        on_progress: OnProgress = lambda progress, instances: None,
        control: LoadControl | None = None,
    ) -> LoadReport:
        """Send the load and measure it; ``watched`` is the variant whose instances are counted meanwhile.

        However it ends there is a report; ``problem_of`` tells what was wrong. It is not kept yet, but for a test
        whose awaiting task is cancelled. Raises only when it could not begin.
        """
        control = control or LoadControl()
        identity = await self._session.identity()
        request = LoadRequest(self._session.backend, target, shape, _absolute(pictures))
        watched = watched or (target if target.kind == "endpoint" else None)
        run = Running(target, shape, pictures, identity.account, self._session.region, on_progress)
        child = Child(MODULE, write(request), nice=0, environ=child_environ(self._session.backend))
        watching = asyncio.ensure_future(self._watch(watched, run))
        try:
            await child.start()
            control.attach(child)
            async for message in child.messages():
                run.hear(message.kind, message.value)
        except ChildFailed as error:
            # Its last words are in the log, which knows what a secret looks like.
            run.break_off(f"exit {error.returncode}")
        except SageDeckError as error:
            if not run.begun:
                raise
            run.break_off(error.message)
        except OSError as error:
            raise translate(error, "start the load test") from error
        except asyncio.CancelledError:
            run.leave()
            asyncio.get_running_loop().run_in_executor(None, self._keep_quietly, run.report())
            raise
        finally:
            watching.cancel()
            control.detach()
            await child.stop()
        if watched is not None:
            await self._count(watched, run)
        return replace(run.report(), happened=await self._happened(watched, run.began))

    async def keep(self, report: LoadReport) -> None:
        """Write the report into the program's data folder."""
        try:
            await asyncio.to_thread(self._reports.keep, report)
        except OSError as error:
            raise translate(error, "keep the report of the load test") from error

    async def kept(self) -> tuple[LoadReport, ...]:
        """The reports of this account and region, newest first, without their seconds."""
        identity = await self._session.identity()
        return await asyncio.to_thread(self._reports.all, identity.account, self._session.region)

    async def whole(self, report: LoadReport) -> LoadReport:
        """A kept report with its seconds."""
        try:
            return await asyncio.to_thread(self._reports.whole, report.id)
        except OSError as error:
            raise translate(error, "read the report") from error

    async def forget(self, report: LoadReport) -> None:
        """Delete a report."""
        try:
            await asyncio.to_thread(self._reports.forget, report.id)
        except OSError as error:
            raise translate(error, "delete the report") from error

    def _keep_quietly(self, report: LoadReport) -> None:
        try:
            self._reports.keep(report)
        except OSError as error:
            log.warning("the report of a load test could not be kept: %s", error)

    async def _watch(self, watched: LoadTarget | None, run: Running) -> None:
        """Count the instances in service again and again, as long as that can be known."""
        while watched is not None:
            if not await self._count(watched, run):
                return
            await asyncio.sleep(WATCH_SECONDS)

    async def _count(self, watched: LoadTarget, run: Running) -> bool:
        """Count the instances once; False when that cannot be known any more."""
        try:
            found = await self._session.call("sagemaker", "describe_endpoint", EndpointName=watched.name)
        except (NotFound, AccessDenied):
            return False
        except SageDeckError as error:
            log.info("the instances could not be counted: %s", error)
            return True
        counts = {
            variant["VariantName"]: variant.get("CurrentInstanceCount")
            for variant in found.get("ProductionVariants", ())
        }
        count = counts.get(watched.part, next(iter(counts.values()), None))
        if count is not None:
            run.count(int(count))
        return True

    async def _happened(self, watched: LoadTarget | None, began: float) -> tuple[Happening, ...]:
        if watched is None:
            return ()
        try:
            found = await self._session.call(
                "application-autoscaling", "describe_scaling_activities", ServiceNamespace="sagemaker",
                ResourceId=watched.resource,
            )  # fmt: skip
        except SageDeckError:
            # It may be deleted by now, or not readable: the figures are shown without it.
            return ()
        since = [
            Happening(
                round(utc(entry["StartTime"]).timestamp() - began, 1),
                entry["Description"],
                entry["Cause"],
                entry["StatusCode"],
            )
            for entry in found.get("ScalingActivities", ())
            if utc(entry["StartTime"]).timestamp() >= began
        ]
        return tuple(sorted(since, key=lambda happening: happening.at))


def _absolute(pictures: str) -> str:
    """The child runs in another folder."""
    return str(Path(pictures).absolute()) if pictures else ""
