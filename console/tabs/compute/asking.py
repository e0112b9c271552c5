"""What the EC2 tab asks before something is launched, trained or ended, and what it then runs; knows no table."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

from console.context import AppContext
from console.tabs.compute.commands import CreateDefaultVpc, LaunchInstance, LaunchJob, StopInstances, TerminateInstances
from console.tabs.compute.job_dialog import JobDialog
from console.tabs.compute.launch_dialog import LaunchDialog
from console.tabs.compute.rows import Row
from workers.aws.s3_uri import S3Uri
from workers.compute.types import Command, Instance
from workers.errors.tree import SageDeckError

if TYPE_CHECKING:
    from workers.services import Services

# Answers of one page: an agent runs five commands at once, so all that still run are among them.
_LOOKED_AT = 50


class Asking:
    """The dialogs of the tab ``over``; each returns once the operator has answered and the account has taken it."""

    def __init__(self, ctx: AppContext, over: QWidget) -> None:
        self._ctx, self._over = ctx, over

    async def launch(self, services: Services) -> str:
        """Ask for an instance and launch it; returns its id, "" when there is none."""
        images, buckets = await asyncio.gather(services.compute.images.deep_learning(), services.storage.buckets())
        if not buckets:
            self._ctx.notify.info(
                "There is no bucket yet",
                "Data and models of an instance lie in a bucket.",
                action=("Make one", lambda: self._ctx.navigate("data")),
            )
            return ""
        names = [bucket.name for bucket in buckets]
        dialog = LaunchDialog(services, images, names, self._cure, self._over.window())
        if not await dialog.ask():
            return ""
        outcome = await self._ctx.run(LaunchInstance(dialog.spec()))
        return str(outcome.value) if outcome else ""

    async def _cure(self, fix: str) -> bool:
        if fix == "create_default_vpc":
            return bool(await self._ctx.run(CreateDefaultVpc()))
        self._ctx.notify.info(
            "A quota is raised by AWS", "Ask for it in Service Quotas, under Amazon EC2; it takes hours to days."
        )
        return False

    async def train(self, services: Services, row: Row) -> Command | None:
        """Ask for a training job on an instance and start it; returns its command, ``None`` when there is none."""
        places = await _places(services, row.instance.bucket)
        last = str(self._ctx.settings.value("last_data_uri", "")).rstrip("/")
        place = last if last in places else next(iter(places), "")
        machine = services.prices.machine(row.instance.type)
        dialog = JobDialog(row.instance, places, place, row.per_hour, self._over.window(), machine)

        async def count(services: Services, uri: str) -> None:
            number = await services.tuning.pictures(uri)
            if isValid(dialog):
                dialog.set_pictures(uri, number)

        def look(_: object = None) -> None:
            if uri := dialog.form.value("data"):
                self._ctx.with_services(
                    count, uri, label="Count the pictures", key="compute:pictures", on_error=lambda _: None
                )

        dialog.form.row("data").edited.connect(look)
        look()
        if not await dialog.ask():
            return None
        outcome = await self._ctx.run(LaunchJob(dialog.spec(), row.instance))
        return outcome.value if outcome else None

    async def end(
        self, services: Services, made: type[StopInstances | TerminateInstances], instances: list[Instance]
    ) -> None:
        """Ask, saying how many commands are killed and what it saves, then stop or terminate."""
        prices = [services.compute.per_hour(instance) for instance in instances]
        saves = None if None in prices else sum(price or 0.0 for price in prices)
        running = 0
        for instance in instances:
            try:
                commands = await services.compute.commands.of(instance.id, most=_LOOKED_AT)
            except SageDeckError:
                # Stopping needs no permission to list commands; the question then cannot count them.
                continue
            running += sum(command.running for command in commands)
        await self._ctx.run(made(instances, running, saves))


async def _places(services: Services, only: str) -> list[str]:
    """``s3://bucket/folder`` of the folders at the root of the bucket that an instance may use, but SageDeck's own.

    ``only`` "": of all buckets.
    """
    found: list[str] = []
    for bucket in await services.storage.buckets():
        if only and bucket.name != only:
            continue
        listing = await services.storage.list(bucket.name)
        folders = [folder.rstrip("/") for folder in listing.folders]
        found += [str(S3Uri(bucket.name, folder)) for folder in folders if folder != "sagedeck"]
    return found
