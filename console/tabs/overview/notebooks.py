"""Notebook instances in the inventory: made, started, opened in the browser, stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from console.commands import Affected, Command, Confirmation
from console.context import AppContext
from console.models.format import count
from console.tabs.overview.notebook_dialog import NotebookDialog
from console.widgets.tables.table import MenuEntry
from workers.aws.s3_uri import S3Uri
from workers.errors.tree import LocalProblem, SageDeckError
from workers.notebooks.service import Notebook, NotebookSpec

if TYPE_CHECKING:
    from workers.inventory.types import Resource
    from workers.services import Services

_EVENT = "notebook"
_SETTLED = ("InService", "Stopped", "Failed")
_UNDER_WAY = ("Pending", "Stopping", "Updating", "Deleting")
# AWS takes some minutes to start one.
_LOOK_SECONDS = 5.0
_MOST_LOOKS = 240


class MakeNotebook(Command):
    """Make a notebook instance and its role."""

    icon = "notebook"

    def __init__(self, spec: NotebookSpec) -> None:
        self.spec = spec
        self.title = f"Make notebook {spec.name}"

    async def run(self, services: Services) -> str:
        """Make it; returns its name."""
        return await services.notebooks.create(self.spec)

    def done_text(self, result: object) -> str:
        """What was made."""
        return f"{self.spec.type}, {self.spec.volume_gib} GiB; it starts now"

    def cli(self) -> str:
        """The same by the AWS CLI; its role is made before."""
        return (
            "# SageDeck makes the role (ROLE_ARN) first.\n"
            f"aws sagemaker create-notebook-instance --notebook-instance-name {self.spec.name} "
            f"--instance-type {self.spec.type} --role-arn ROLE_ARN --volume-size-in-gb {self.spec.volume_gib} "
            f"--root-access {'Enabled' if self.spec.root else 'Disabled'}"
        )

    def events(self) -> list[tuple[str, str]]:
        """A notebook was made."""
        return [(_EVENT, self.spec.name)]


class _OnNotebooks(Command):
    """A change to some notebook instances."""

    verb = ""
    operation = ""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.title = f"{self.verb} {names[0] if len(names) == 1 else count(len(names), 'notebook')}"

    async def run(self, services: Services) -> None:
        """Change one after the other."""
        for name in self.names:
            await self.change(services, name)

    async def change(self, services: Services, name: str) -> None:
        """Change one."""
        raise NotImplementedError

    def cli(self) -> str:
        """The same by the AWS CLI."""
        return "\n".join(f"aws sagemaker {self.operation} --notebook-instance-name {name}" for name in self.names)

    def events(self) -> list[tuple[str, str]]:
        """They changed."""
        return [(_EVENT, name) for name in self.names]


class StartNotebooks(_OnNotebooks):
    """Start stopped notebook instances again."""

    verb, operation, icon = "Start", "start-notebook-instance", "play"

    async def change(self, services: Services, name: str) -> None:
        """Start one."""
        await services.notebooks.start(name)


class StopNotebooks(_OnNotebooks):
    """Stop notebook instances; what runs in them ends."""

    verb, operation, icon = "Stop", "stop-notebook-instance", "stop"

    def confirmation(self) -> Confirmation:
        """What ends with it, and what stays."""
        single = len(self.names) == 1
        return Confirmation(
            f"{self.title}?",
            "Whoever works in it is thrown out." if single else "Whoever works in them is thrown out.",
            confirm_label="Stop",
            icon=self.icon,
            danger=False,
            listed=tuple(Affected("notebook", name) for name in self.names),
            stops_working=(Affected("run", "Running cells", "what was only in memory is gone"),),
            stops_title="Ends",
            kept=(Affected("disk", "Files on the volume", "the volume bills on"),),
        )

    async def change(self, services: Services, name: str) -> None:
        """Stop one."""
        await services.notebooks.stop(name)


class OpenNotebook(_OnNotebooks):
    """Open a notebook instance in the browser. Its URL lets anybody in, so it is shown and kept nowhere."""

    verb, operation, icon = "Open", "create-presigned-notebook-instance-url", "link"

    async def change(self, services: Services, name: str) -> None:
        """Ask for a URL and hand it to the browser."""
        url = await services.notebooks.url(name)
        if not QDesktopServices.openUrl(QUrl(url)):
            raise LocalProblem(
                "The notebook was not opened",
                "This computer has no browser that SageDeck could start.",
                "Ask for an address with the AWS CLI, and open it within five minutes.",
            )

    def done_text(self, result: object) -> str:
        """Where it is."""
        return "In the browser; the address was good for five minutes."

    def events(self) -> list[tuple[str, str]]:
        """Nothing of the account changed."""
        return []


def make(ctx: AppContext, over: QWidget) -> None:
    """Ask over this widget's window for a new notebook instance, make it, and tell when it can be opened."""
    ctx.with_services(_make, ctx, over, label="New notebook instance", key="make notebook")


async def _make(services: Services, ctx: AppContext, over: QWidget) -> None:
    buckets = [bucket.name for bucket in await services.storage.buckets()]
    if not buckets:
        ctx.notify.info(
            "There is no bucket yet",
            "What a notebook reads and writes lies in a bucket.",
            action=("Make one", lambda: ctx.navigate("data")),
        )
        return
    last = S3Uri.find(str(ctx.settings.value("last_data_uri", "")))
    chosen = last.bucket if last is not None else ""
    dialog = NotebookDialog(services.prices, services.region, buckets, chosen, over.window())
    if not await dialog.ask():
        return
    spec = dialog.spec()
    if await ctx.run(MakeNotebook(spec)):
        await _follow(services, ctx, spec.name)


async def _change(services: Services, ctx: AppContext, command: _OnNotebooks) -> None:
    if await ctx.run(command):
        await asyncio.gather(*(_follow(services, ctx, name) for name in command.names))


async def _follow(services: Services, ctx: AppContext, name: str) -> None:
    """Look until nothing is under way any more, then say so."""
    for _ in range(_MOST_LOOKS):
        try:
            found = await services.notebooks.get(name)
        except SageDeckError:
            # It is gone, or cannot be read: the list says which.
            return
        if found.status not in _UNDER_WAY:
            break
        await asyncio.sleep(_LOOK_SECONDS)
    else:
        return
    ctx.resourceChanged.emit(_EVENT, name)
    _tell(ctx, found)


def _tell(ctx: AppContext, found: Notebook) -> None:
    if found.status == "InService":
        look = ("Open", lambda: ctx.start(OpenNotebook([found.name])))
        ctx.notify.success(f"{found.name} is ready", "", action=look, about=(_EVENT, found.name))
    elif found.status == "Failed":
        ctx.notify.warn(f"{found.name} could not be started", found.reason or "AWS gives no reason.")


async def _explain(services: Services, ctx: AppContext, name: str) -> None:
    _tell(ctx, await services.notebooks.get(name))


def entries(ctx: AppContext, resources: Sequence[Resource]) -> Sequence[MenuEntry]:
    """What can be done with notebook instances: only what AWS does in the state that they are in."""
    found: list[MenuEntry] = []
    names = {state: [row.name for row in resources if row.state == state] for state in _SETTLED}

    def change(command: _OnNotebooks) -> None:
        ctx.with_services(_change, ctx, command, label=command.title)

    if len(resources) == 1 and names["InService"]:
        found.append(("Open in the browser", "link", lambda: ctx.start(OpenNotebook(names["InService"]))))
    if names["InService"]:
        found.append(("Stop…", "stop", lambda: change(StopNotebooks(names["InService"]))))
    if resting := [*names["Stopped"], *names["Failed"]]:
        found.append(("Start", "play", lambda: change(StartNotebooks(resting))))
    if len(resources) == 1 and names["Failed"]:
        name = names["Failed"][0]
        found.append(
            ("Why it failed", "info", lambda: ctx.with_services(_explain, ctx, name, label=f"Why {name} failed"))
        )
    return found
