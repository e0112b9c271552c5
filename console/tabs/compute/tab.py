"""The EC2 tab: instances above, the output of a command and the figures of the instance below."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.look.theme import theme
from console.models.format import count
from console.tabs.base import Tab
from console.tabs.compute import TAB
from console.tabs.compute.asking import Asking
from console.tabs.compute.commands import (
    CancelCommand,
    RunLine,
    StartInstances,
    StopInstances,
    StopJob,
    TerminateInstances,
)
from console.tabs.compute.follow import Run, RunFollower
from console.tabs.compute.output import OutputPane
from console.tabs.compute.rows import COLUMNS, Row
from console.tabs.compute.side import SidePane
from console.widgets.base import on_theme
from console.widgets.forms.buttons import Button, IconButton
from console.widgets.forms.focus import give
from console.widgets.forms.segmented import Segmented
from console.widgets.frames.panes import Panes
from console.widgets.tables.search_field import SearchField
from console.widgets.tables.table import ResourceTable
from workers.compute.jobs import InstanceJob
from workers.compute.types import Command, Image, Instance
from workers.errors.tree import SageDeckError

if TYPE_CHECKING:
    from workers.services import Services

# While an instance comes up or goes, or a command runs, everything is read this often.
EAGER_MS = 3000
# Pixels.
_WIDTH_FOR_BOTH = 1180
_LEAST_LIST = 136
_MOVING = ("pending", "stopping", "shutting-down")


class ComputeTab(Tab):
    """Launch instances without an open port, train on them, watch and end them."""

    spec = TAB

    def build(self) -> Iterator[None]:
        """The list, the output and the figures."""
        ctx = self.ctx
        self._rows: dict[str, Row] = {}
        self._images: dict[str, Image] = {}
        self._wanted = self._wanted_command = self._wanted_job = ""
        self._asking = Asking(ctx, self)
        self.follower = RunFollower(ctx, lambda: self.active)
        self.search = SearchField("Filter")
        self.start_button = Button("Start", icon="play", on=self.start_instances)
        self.stop_button = Button("Stop…", icon="stop", on=self.stop_instances)
        self.terminate_button = Button("Terminate…", "dangerText", "trash", on=self.terminate_instances)
        self.train_button = Button("Train…", icon="training", on=self.train)
        self.launch_button = Button("Launch instance…", "primary", "plus", on=self.launch)
        self.more_button = IconButton("dots", "Start, stop, terminate…", on=self._open_more)
        for part in (
            self.search,
            self.start_button,
            self.stop_button,
            self.terminate_button,
            self.more_button,
            self.train_button,
            self.launch_button,
        ):
            self.head.add(part)
        yield
        self.table = ResourceTable(COLUMNS, key="id", name="Instances", noun="instances", sort=("per_hour", "desc"))
        self.table.set_empty(
            "ec2",
            "No instances yet",
            "Launch one with a Deep Learning AMI. No port is opened: it is reached through SSM.",
            ("Launch instance…", self.launch),
        )
        self.table.set_actions(self._menu)
        self.table.remember(ctx.settings, "instances")
        self.table.link_of = lambda row: ("instance", row.id)
        self.table.search_by(self.search)
        # In their places before they are filled: what is full would be moved with all that is in it.
        panes = Panes(Qt.Orientation.Vertical, ctx.settings, "compute")
        self.body.addWidget(panes, 1)
        self.views = Segmented([("output", "Output"), ("instance", "Instance")], "output", name="Shown below the list")
        lower = Panes(Qt.Orientation.Horizontal, ctx.settings, "compute.lower")
        self._lower = QWidget()
        below = QVBoxLayout(self._lower)
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(2)
        below.addWidget(self.views, 0, Qt.AlignmentFlag.AlignLeft)
        below.addWidget(lower, 1)
        panes.add(self.table, 3)
        panes.add(self._lower, 14)
        yield
        self.output = OutputPane(ctx)
        lower.add(self.output, 8)
        yield
        self.side = SidePane(ctx)
        lower.add(self.side, 7)
        yield
        self._eager = QTimer(self)
        self._eager.setSingleShot(True)
        self._eager.setInterval(EAGER_MS)
        self._eager.timeout.connect(self._eager_refresh)
        self._connect()
        self._update()
        self._dress()
        on_theme(self, self._dress)

    def _connect(self) -> None:
        self.table.selectionChanged.connect(self._chosen)
        self.views.changed.connect(lambda _: self._place())
        self.side.commandChosen.connect(self._show_command)
        self.side.spanChanged.connect(self._read_figures)
        self.output.runRequested.connect(self.run_line)
        self.output.stopRequested.connect(self.stop_job)
        self.output.cancelRequested.connect(self.cancel_command)
        self.output.commandChanged.connect(self._command_changed)
        self.ctx.readOnlyChanged.connect(lambda _: self._update())

    # What the window asks

    def activate(self, payload: Any = None) -> None:
        """Show the list. ``{"instance": id}`` chooses one, ``{"command": id}`` a command too, ``{"job": name}`` both"""
        if isinstance(payload, dict):
            self._wanted = payload.get("instance", "")
            self._wanted_command = payload.get("command", "")
            self._wanted_job = payload.get("job", "")
        self.refresh()
        self.output.resume()

    def deactivate(self) -> None:
        """Stop following."""
        self.output.pause()
        self._eager.stop()

    def set_narrow(self, narrow: bool) -> None:
        """A narrow window has what ends an instance behind one button."""
        super().set_narrow(narrow)
        self._place()

    def fit(self) -> None:
        """Where there is no room for both, output or instance is shown."""
        self._place()

    def _dress(self) -> None:
        # The list gives way to the output in a low window, down to three rows.
        self.table.setMinimumHeight(theme().pixels(_LEAST_LIST))
        self._place()

    def _place(self) -> None:
        both = self.width() >= theme().pixels(_WIDTH_FOR_BOTH)
        self.views.setVisible(not both)
        self.output.setVisible(both or self.views.current == "output")
        self.side.setVisible(both or self.views.current == "instance")
        self.more_button.setVisible(self.narrow)
        for button in (self.start_button, self.stop_button, self.terminate_button):
            button.setVisible(not self.narrow)

    def _open_more(self) -> None:
        self.table.open_menu(self.more_button.menu_position())

    def forget_account(self) -> None:
        """Forget the instances of the account."""
        self._wanted = self._wanted_command = self._wanted_job = ""
        self._forget_rows()

    def backend_changed(self) -> None:
        """Read the instances of this account."""
        self._forget_rows()
        super().backend_changed()

    def _forget_rows(self) -> None:
        self._eager.stop()
        self._rows.clear()
        self._images.clear()
        self.output.forget()
        self.output.set_instance(None, None)
        self.side.forget()
        self.table.set_rows([])
        self.table.set_loading("Reading the instances")
        self.head.subtitle.setText("")
        self.badgeChanged.emit("", "", "")
        self._update()

    def refresh(self) -> None:
        """Read the instances, and the figures and commands of the chosen one, again."""
        services = self.ctx.services
        if services is None:
            return
        if not self._rows:
            self.table.set_loading("Reading the instances")
        self.start(self._refresh(services), label="Read the instances", key="list", on_error=self._refresh_failed)
        self._read_chosen()

    def _refresh_failed(self, error: BaseException) -> None:
        self.table.set_error(error, fix=("Try again", self.refresh))

    # Rows

    async def _refresh(self, services: Services) -> None:
        instances = await services.compute.instances.all()
        self._take(services, instances)
        await self._find_runs(services)
        cpu = await services.compute.instances.cpu(instance for instance in instances if instance.running)
        self._rows = {key: replace(row, cpu=cpu.get(key, row.cpu)) for key, row in self._rows.items()}
        self._show()
        self.ctx.mark_refreshed()

    async def _find_runs(self, services: Services) -> None:
        """Follow every job under way, also those that another window started, and choose the one that is wanted."""
        try:
            commands = await services.compute.commands.of(most=100)
        except SageDeckError:
            # The panes of the chosen instance tell what is wrong with its commands.
            return
        for command in commands:
            self.follower.follow(Run(command))
        wanted = next((command for command in commands if command.job and command.job == self._wanted_job), None)
        if wanted is not None:
            self._wanted, self._wanted_command, self._wanted_job = wanted.instance, wanted.id, ""
            self._show()

    def _take(self, services: Services, instances: tuple[Instance, ...]) -> None:
        compute, known = services.compute, self._rows
        self._rows = {
            instance.id: Row(
                instance,
                compute.per_hour(instance),
                compute.cost_since_start(instance),
                compute.list_price(instance),
                known[instance.id].cpu if instance.id in known else None,
            )
            for instance in instances
        }
        self._show()
        if self.active and any(instance.state in _MOVING or _waits_for_agent(instance) for instance in instances):
            self._eager.start()

    def _show(self) -> None:
        rows = list(self._rows.values())
        self.table.set_rows(rows)
        self._lower.setVisible(bool(rows))
        billing = sum(row.instance.running for row in rows)
        self.head.subtitle.setText(f"{count(len(rows), 'instance')}, {billing} billing" if rows else "")
        moving = sum(row.instance.state in _MOVING for row in rows)
        idle = sum(row.idle for row in rows)
        if moving:
            self.badgeChanged.emit("run", str(moving), "accent")
        else:
            self.badgeChanged.emit("idle" if idle else "", str(idle) if idle else "", "warn" if idle else "")
        if self._wanted in self._rows:
            self.table.select_keys([self._wanted])
            self._wanted = ""
        elif rows and self.table.current_row() is None:
            self.table.select_keys([rows[0].id])
        self._chosen()

    def _chosen(self) -> None:
        row = self.table.current_row()
        if row is None:
            self.side.forget()
            self.output.forget()
            self.output.set_instance(None, None)
        else:
            command = self.output.command
            if command is not None and command.instance != row.id:
                self.output.forget()
            self.output.set_instance(row.instance, row.list_price)
            self._read_chosen()
        self._update()

    def _read_chosen(self) -> None:
        row, services = self.table.current_row(), self.ctx.services
        if row is not None and services is not None and self.active:
            self.start(self._read_details(services, row), label="Read the instance", key="chosen")

    async def _read_details(self, services: Services, row: Row) -> None:
        compute = services.compute
        sizes, image = await asyncio.gather(compute.images.sizes((row.instance.type,)), self._image(services, row))
        if not self._is_chosen(row):
            return
        self.side.show_row(row, sizes.get(row.instance.type), image)
        try:
            commands = await compute.commands.of(row.id)
        except SageDeckError as error:
            self.side.table.set_error(error)
            commands = ()
        if not self._is_chosen(row):
            return
        self.side.show_commands(commands)
        self._choose_command(commands)
        self.side.show_series(await compute.instances.charts(row.instance, self.side.span))
        if self.active and any(command.running for command in commands):
            self._eager.start()

    async def _image(self, services: Services, row: Row) -> str:
        if row.instance.image not in self._images:
            try:
                self._images[row.instance.image] = await services.compute.images.image(row.instance.image)
            except SageDeckError:
                # An AMI that was deregistered, or may not be read: its id is all there is.
                return row.instance.image
        return f"{row.instance.image}, {self._images[row.instance.image].name}"

    def _is_chosen(self, row: Row) -> bool:
        current = self.table.current_row()
        return current is not None and current.id == row.id

    def _choose_command(self, commands: tuple[Command, ...]) -> None:
        known = {command.id: command for command in commands}
        shown = self.output.command
        if self._wanted_command in known:
            self.side.choose(self._wanted_command)
            self._wanted_command = ""
        elif shown is None and commands:
            self.side.choose(commands[0].id)
        elif shown is not None and shown.id in known:
            self.output.show_command(known[shown.id])

    def _read_figures(self) -> None:
        row, services = self.table.current_row(), self.ctx.services
        if row is not None and services is not None:
            self.start(self._figures(services, row), label="Read the figures", key="figures")

    async def _figures(self, services: Services, row: Row) -> None:
        series = await services.compute.instances.charts(row.instance, self.side.span)
        if self._is_chosen(row):
            self.side.show_series(series)

    def _show_command(self, command: Command) -> None:
        self.output.show_command(command)

    def _command_changed(self, command: Command) -> None:
        self._read_chosen()
        if command.job:
            self.ctx.resourceChanged.emit("job", command.job)

    def _eager_refresh(self) -> None:
        if self.active:
            self.refresh()

    def resource_changed(self, kind: str, name: str) -> None:
        """Read again after an instance or a command changed."""
        if kind in ("instance", "command"):
            self.refresh()

    # Actions

    def _picked(self) -> list[Instance]:
        return [row.instance for row in self.table.selected_rows()]

    def _update(self) -> None:
        against, picked = self.ctx.hindrance, self._picked()
        current = self.table.current_row()
        self.launch_button.hinder(against)
        allowed = (
            (
                self.start_button,
                any(instance.state == "stopped" for instance in picked),
                "Choose an instance that is stopped",
            ),
            (self.stop_button, any(instance.running for instance in picked), "Choose an instance that runs"),
            (
                self.terminate_button,
                any(instance.state not in ("terminated", "shutting-down") for instance in picked),
                "Choose an instance that is not terminated",
            ),
            (
                self.train_button,
                current is not None and _online(current.instance),
                "Choose an instance that runs and answers through SSM",
            ),
        )
        for button, possible, why in allowed:
            button.hinder(against or ("" if possible else why))

    def _menu(self, rows: list[Row]) -> list[Any]:
        entries: list[Any] = []
        pairs = (
            ("Train…", "training", self.train, self.train_button),
            ("Start", "play", self.start_instances, self.start_button),
            ("Stop…", "stop", self.stop_instances, self.stop_button),
            ("Terminate…", "trash", self.terminate_instances, self.terminate_button),
        )
        entries += [(words, icon, act) for words, icon, act, button in pairs if button.isEnabled()]
        return entries

    def launch(self) -> None:
        """Open the launch form."""
        services = self.ctx.services
        if services is None:
            self.ctx.notify.info("Not connected", "An instance is launched once an account is connected.")
            return
        self.start(self._launch(services), label="Launch an instance", key="launch")

    async def _launch(self, services: Services) -> None:
        made = await self._asking.launch(services)
        give(self.table.view)
        if made:
            self._wanted = made
            self.refresh()

    def start_instances(self) -> None:
        """Start the chosen instances that are stopped."""
        stopped = [instance for instance in self._picked() if instance.state == "stopped"]
        if stopped:
            self.ctx.start(StartInstances(stopped))

    def stop_instances(self) -> None:
        """Ask, then stop the chosen instances that run."""
        running = [instance for instance in self._picked() if instance.running]
        services = self.ctx.services
        if running and services is not None:
            self.start(self._asking.end(services, StopInstances, running), label="Stop", key="end")

    def terminate_instances(self) -> None:
        """Ask for the name, then terminate the chosen instances."""
        there = [instance for instance in self._picked() if instance.state not in ("terminated", "shutting-down")]
        services = self.ctx.services
        if there and services is not None:
            self.start(self._asking.end(services, TerminateInstances, there), label="Terminate", key="end")

    def train(self) -> None:
        """Open the form of a training job on the chosen instance."""
        row, services = self.table.current_row(), self.ctx.services
        if row is not None and services is not None:
            self.start(self._train(services, row), label="Train", key="train")

    async def _train(self, services: Services, row: Row) -> None:
        command = await self._asking.train(services, row)
        give(self.table.view)
        if command is not None:
            self._follow_new(command)

    def run_line(self, line: str) -> None:
        """Run a line of shell on the chosen instance."""
        row = self.table.current_row()
        if row is not None:
            self.start(self._run_line(row, line), label="Run a command", key="run")

    async def _run_line(self, row: Row, line: str) -> None:
        outcome = await self.ctx.run(RunLine(row.instance, line, row.instance.bucket))
        if outcome:
            self._follow_new(outcome.value)

    def _follow_new(self, command: Command) -> None:
        self.follower.follow(Run(command))
        self._wanted_command = command.id
        self.output.show_command(command)
        self._read_chosen()

    def stop_job(self) -> None:
        """Ask, then let the job shown stop and save its model."""
        job, row = self.output.job, self.table.current_row()
        if job is not None and row is not None:
            self.start(self._stop_job(job, row.instance), label=f"Stop {job.name}", key="stop")

    async def _stop_job(self, job: InstanceJob, instance: Instance) -> None:
        await self.ctx.run(StopJob(job, instance))

    def cancel_command(self) -> None:
        """Ask, then kill the command shown."""
        command = self.output.command
        if command is not None and command.running:
            self.ctx.start(CancelCommand(command))


def _online(instance: Instance) -> bool:
    return instance.running and instance.agent is not None and instance.agent.online


def _waits_for_agent(instance: Instance) -> bool:
    return instance.running and (instance.agent is None or not instance.agent.online)
