"""The EC2 tab's real widgets over stand-in services: list, output, forms, and what is asked before something ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import Qt

from console.models.ways import EPOCHS, HEAD, TUNE
from console.tabs.compute import TAB
from console.tabs.compute.job_dialog import JobDialog
from console.tabs.compute.launch_dialog import LaunchDialog
from console.tabs.compute.rows import silent_agent
from console.tabs.compute.tab import ComputeTab
from console.widgets.base import ElidedLabel
from console.widgets.forms.buttons import Button
from console.widgets.forms.choices import Choices
from console.widgets.frames.confirm import ConfirmDialog
from console.widgets.frames.page_scroll import PageScroll
from console.window.palette_entries import entries
from sagedeck_training import settings as train_settings
from tests.helpers.compute import GPU_IMAGE, busy_account, instance
from tests.helpers.like import like
from tests.helpers.models import ModelServices, tab_alone
from tests.helpers.window import dialog_of, texts, until
from workers.compute.types import Agent, Check, InstanceSpec, JobSpec
from workers.errors.tree import AccessDenied
from workers.prices.table import PriceTable
from workers.tuning.jobs import Tuning
from workers.types import Bucket, Listing


class Account(ModelServices):
    """An account with instances, and a bucket with one set of pictures."""

    def __init__(self, compute: Any) -> None:
        super().__init__()
        self.compute = compute
        self.storage = self
        self.prices = PriceTable.load()
        self.tuning = SimpleNamespace(pictures=like(Tuning.pictures)(self._pictures))

    async def _pictures(self, data_uri: str) -> int:
        return 8351

    async def buckets(self) -> tuple[Bucket, ...]:
        return (Bucket("dog-photos", None),)

    async def list(self, bucket: str, *_: Any, **__: Any) -> Listing:
        return Listing("", ("dogs/", "sagedeck/"), (), None)


async def opened(make_application: Callable[..., Any], compute: Any) -> tuple[Any, ComputeTab]:
    return tab_alone(make_application, TAB, ComputeTab, Account(compute))


def button(parent: Any, words: str) -> Button:
    return next(found for found in parent.findChildren(Button) if found.isVisible() and found.text() == words)


async def test_an_account_without_instances_offers_the_first_one(make_application: Callable[..., Any]) -> None:
    compute = busy_account()
    compute.rows = []
    _, tab = await opened(make_application, compute)
    await until(lambda: tab.table.state == "empty")
    assert "No instances yet" in texts(tab) and "No port is opened" in texts(tab)
    assert button(tab.table, "Launch instance…").isEnabled()
    assert not tab.output.isVisible()


async def test_the_list_says_what_bills_what_idles_and_why_one_stopped(make_application: Callable[..., Any]) -> None:
    _, tab = await opened(make_application, busy_account())
    await until(lambda: tab.table.model.total == 3 and tab.side.table.model.total)
    assert "3 instances, 2 billing" in texts(tab.head)
    words = {row.name: row.state.word for row in tab.table.model.rows()}
    assert words == {"dog-trainer": "Running", "dog-scratch": "Idle", "dog-gpu": "Stopped"}
    tab.table.select_keys([instance("dog-gpu").id])
    await until(lambda: "somebody stopped it (Client.UserInitiatedShutdown)" in texts(tab.side))
    assert "IMDSv2 required" in texts(tab.side) and "none" in texts(tab.side)


async def test_a_button_that_cannot_be_pressed_says_what_it_wants(make_application: Callable[..., Any]) -> None:
    application, tab = await opened(make_application, busy_account())
    await until(lambda: tab.table.model.total == 3)
    tab.table.select_keys([instance("dog-gpu").id])
    await until(tab.start_button.isEnabled)
    assert tab.start_button.toolTip() == "" and not tab.stop_button.isEnabled()
    assert tab.stop_button.toolTip() == "Choose an instance that runs"
    assert "through SSM" in tab.train_button.toolTip()
    offered = {entry.title: entry.why_not for entry in entries(application.window) if entry.detail == tab.spec.title}
    assert offered["Stop…"] == "Choose an instance that runs" and offered["Start"] == ""
    application.ctx.set_read_only(True)
    assert tab.stop_button.toolTip() == tab.stop_button.why_off() == "Read-only mode is on"


async def test_a_running_job_is_followed_with_its_curves(make_application: Callable[..., Any]) -> None:
    compute = busy_account()
    _, tab = await opened(make_application, compute)
    await until(lambda: "epoch 13 of 20" in texts(tab.output))
    assert "dogs-20-epochs" in texts(tab.output)
    await until(lambda: "epoch=13/20" in tab.output.log.view.text())
    assert button(tab.output, "Stop…").isVisible() and button(tab.output, "Cancel…").isVisible()


async def test_what_a_command_has_cost_is_told_when_its_instance_has_stopped(
    make_application: Callable[..., Any],
) -> None:
    compute = busy_account()
    _, tab = await opened(make_application, compute)
    ended = replace(compute.command_rows[0], state="Success", ended=datetime.now(UTC))
    await until(lambda: tab.output.command is not None)
    compute.rows = [replace(row, state="stopped", agent=None) for row in compute.rows]
    compute.command_rows[0] = ended
    tab.refresh()
    await until(lambda: tab.output.command == ended and "$" in texts(tab.output))


async def test_a_running_job_takes_no_room_from_the_instance_beside_it(make_application: Callable[..., Any]) -> None:
    _, tab = await opened(make_application, busy_account())
    await until(lambda: "epoch 13 of 20" in texts(tab.output))
    name = "sample-dogs-20261128-120432"
    tab.output.show_command(replace(tab.output.command, title=name))
    scroll = tab.side.findChild(PageScroll)
    await until(lambda: name in texts(tab.output) and tab.output.cancel_button.isVisible())
    await until(lambda: scroll.widget().width() <= scroll.viewport().width())
    # Its own name is whole before the instance is told.
    tab.output.show_command(replace(tab.output.command, state="Success"))
    title = next(found for found in tab.output.findChildren(ElidedLabel) if found.text() == name)
    await until(lambda: title.shown_text() == name)


async def test_a_line_is_run_on_the_chosen_instance_and_its_output_shown(make_application: Callable[..., Any]) -> None:
    compute = busy_account()
    compute.lines["new-command"] = ["total 4", "drwxr-xr-x"]
    _, tab = await opened(make_application, compute)
    await until(lambda: tab.output.line.isEnabled())
    tab.output.line.set_value("ls -l")
    tab.output.run_button.click()
    await until(lambda: "drwxr-xr-x" in tab.output.log.view.text())
    assert ("run", "ls -l") in compute.did
    assert tab.output.line.value() == ""


async def test_of_an_agent_that_never_came_it_says_what_to_check(
    make_application: Callable[..., Any],
) -> None:
    compute = busy_account()
    compute.rows = [replace(compute.rows[0], agent=None)]
    _, tab = await opened(make_application, compute)
    await until(lambda: "takes no commands" in texts(tab.side))
    told = texts(tab.side)
    places = [told.index(word) for word in ("AmazonSSMManagedInstanceCore", "way to SSM", "SSM agent", "clock")]
    assert places == sorted(places)
    young = replace(compute.rows[0], started=datetime.now(UTC))
    assert silent_agent(young) == "" and silent_agent(replace(compute.rows[0], state="stopped")) == ""


async def test_where_no_command_can_arrive_none_can_be_typed(make_application: Callable[..., Any]) -> None:
    compute = busy_account()
    compute.rows = [replace(compute.rows[0], agent=Agent("ConnectionLost"))]
    _, tab = await opened(make_application, compute)
    await until(lambda: tab.table.model.total == 1)
    assert not tab.output.line.isEnabled() and not tab.train_button.isEnabled()


async def test_stopping_a_job_is_not_killing_it(make_application: Callable[..., Any]) -> None:
    compute = busy_account()
    application, tab = await opened(make_application, compute)
    await until(lambda: tab.output.job is not None)
    button(tab.output, "Stop…").click()
    dialog = await dialog_of(ConfirmDialog, application.window)
    assert "save its best model" in texts(dialog)
    dialog.confirm_button.click()
    await until(lambda: ("stop", "dogs-20-epochs") in compute.did)
    button(tab.output, "Cancel…").click()
    dialog = await dialog_of(ConfirmDialog, application.window)
    assert "saves no model" in texts(dialog)
    dialog.confirm_button.click()
    await until(lambda: any(what == "cancel" for what, _ in compute.did))


async def test_terminating_asks_for_the_name_and_says_what_is_lost(make_application: Callable[..., Any]) -> None:
    compute = busy_account()
    application, tab = await opened(make_application, compute)
    await until(lambda: tab.terminate_button.isEnabled())
    tab.terminate_button.click()
    dialog = await dialog_of(ConfirmDialog, application.window)
    said = texts(dialog)
    assert "1 command running there will be killed" in said and "Disk vol-" in said
    assert not dialog.confirm_button.isEnabled()
    dialog.field.set_value("dog-trainer")
    dialog.confirm_button.click()
    await until(lambda: ("terminate", instance("dog-trainer").id) in compute.did)


async def test_the_launch_form_says_what_is_missing_and_mends_it(make_application: Callable[..., Any]) -> None:
    compute = busy_account()
    compute.checks = (
        Check("network", "missing", "Network", "There is no default VPC.", "create_default_vpc", "Create default VPC"),
    )
    application, tab = await opened(make_application, compute)
    await until(lambda: tab.launch_button.isEnabled())
    tab.launch_button.click()
    dialog = await dialog_of(LaunchDialog, application.window)
    await until(lambda: "There is no default VPC." in texts(dialog))
    assert not dialog.ok_button.isEnabled()
    button(dialog, "Create default VPC").click()
    await until(lambda: dialog.ok_button.isEnabled())
    assert ("create_default_vpc", "") in compute.did
    assert "at most" in texts(dialog)
    dialog.ok_button.click()
    await until(lambda: any(what == "launch" for what, _ in compute.did))
    spec = next(given for what, given in compute.did if what == "launch")
    assert isinstance(spec, InstanceSpec)
    assert (spec.type, spec.ssh_from, spec.at_end, spec.bucket) == ("t3.xlarge", "", "stop", "dog-photos")


async def test_ssh_is_opened_to_one_address_or_not_at_all(make_application: Callable[..., Any]) -> None:
    application, tab = await opened(make_application, busy_account())
    await until(lambda: tab.launch_button.isEnabled())
    tab.launch_button.click()
    dialog = await dialog_of(LaunchDialog, application.window)
    await until(lambda: dialog.ok_button.isEnabled())
    dialog.ssh_switch.setChecked(True)
    assert not dialog.ok_button.isEnabled()
    dialog.form.set_values({"ssh": "0.0.0.0/0"})
    assert not dialog.ok_button.isEnabled() and "one address only" in texts(dialog)
    dialog.form.set_values({"ssh": "203.0.113.7"})
    assert dialog.ok_button.isEnabled()
    dialog.reject()


async def test_an_own_ami_is_looked_up(make_application: Callable[..., Any]) -> None:
    application, tab = await opened(make_application, busy_account())
    await until(lambda: tab.launch_button.isEnabled())
    tab.launch_button.click()
    dialog = await dialog_of(LaunchDialog, application.window)
    dialog.form.set_values({"image": "own"})
    dialog.form.set_values({"ami": "ami-00000000"})
    await until(lambda: "There is no AMI" in texts(dialog))
    assert not dialog.ok_button.isEnabled()
    dialog.form.set_values({"ami": GPU_IMAGE.id})
    await until(lambda: "Made for GPUs" in texts(dialog))
    dialog.reject()


async def test_training_takes_the_settings_of_the_training_tab(make_application: Callable[..., Any]) -> None:
    compute = busy_account()
    application, tab = await opened(make_application, compute)
    await until(lambda: tab.train_button.isEnabled())
    tab.train_button.click()
    dialog = await dialog_of(JobDialog, application.window)
    assert not dialog.form.row("folder").isVisible() and dialog.form.row("epochs").isVisible()
    dialog.form.set_values({"data": "s3://dog-photos/dogs", "name": "dogs-ec2", "epochs": 5, "extra": "sed=1"})
    assert "Did you mean seed" in texts(dialog)
    dialog.form.set_values({"extra": "seed=1", "minutes": 30})
    assert "$0.08" in texts(dialog)
    dialog.ok_button.click()
    await until(lambda: any(isinstance(given, JobSpec) for _, given in compute.did))
    spec = next(given for _, given in compute.did if isinstance(given, JobSpec))
    assert spec.hyperparameters["epochs"] == "5" and spec.hyperparameters["seed"] == "1"
    assert (spec.bucket, spec.limit_seconds, spec.shut_down) == ("dog-photos", 1800, True)
    assert "unfreeze" not in spec.hyperparameters
    await until(lambda: "dogs-ec2" in texts(tab.output))


async def test_an_instance_is_asked_how_much_it_trains_as_in_training(make_application: Callable[..., Any]) -> None:
    compute = busy_account()
    application, tab = await opened(make_application, compute)
    await until(lambda: tab.train_button.isEnabled())
    tab.train_button.click()
    dialog = await dialog_of(JobDialog, application.window)
    choices = dialog.form.field("way", Choices)
    await until(lambda: "min" in choices.note(HEAD) and "$" in choices.note(TUNE))
    assert not dialog.form.row("stages").isVisible()
    dialog.form.set_values({"way": TUNE, "stages": "2"})
    assert dialog.form.row("stages").isVisible() and dialog.form.value("epochs") == EPOCHS[TUNE]
    assert "has no GPU" in texts(dialog)
    assert dialog.spec().hyperparameters["unfreeze"] == "2"
    settings = dialog.spec().hyperparameters
    train_settings.parse(
        [word for name, value in settings.items() for word in (f"--{name}", value)] + ["--data-dir=d", "--model-dir=m"]
    )
    dialog.form.set_values({"what": "own"})
    assert not dialog.form.row("stages").isVisible() and not dialog.form.row("way").isVisible()
    dialog.reject()


async def test_what_may_not_be_listed_is_told(make_application: Callable[..., Any]) -> None:
    compute = busy_account()
    compute.error = AccessDenied("Not allowed", "ec2:DescribeInstances is not allowed.", code="UnauthorizedOperation")
    _, tab = await opened(make_application, compute)
    await until(lambda: tab.table.state == "error")
    assert "ec2:DescribeInstances is not allowed." in texts(tab.table)


async def test_another_account_forgets_everything(make_application: Callable[..., Any]) -> None:
    application, tab = await opened(make_application, busy_account())
    await until(lambda: "epoch=13/20" in tab.output.log.view.text())
    application.ctx.leave()
    assert tab.table.model.total == 0 and tab.output.command is None
    assert "dogs-20-epochs" not in texts(tab.output)


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Enter])
async def test_return_runs_the_line(make_application: Callable[..., Any], qtbot: Any, key: Any) -> None:
    compute = busy_account()
    _, tab = await opened(make_application, compute)
    await until(lambda: tab.output.line.isEnabled())
    tab.output.line.setFocus()
    qtbot.keyClicks(tab.output.line, "uptime")
    qtbot.keyClick(tab.output.line, key)
    await until(lambda: ("run", "uptime") in compute.did)
