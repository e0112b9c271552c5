"""What comes and goes leaves nothing behind: no dialog hangs on to a signal that outlives it, none stays in memory."""

from __future__ import annotations

import asyncio
import gc
import importlib
import pkgutil
import re
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import shiboken6
from PySide6.QtCore import SIGNAL, QMetaMethod, QObject
from PySide6.QtWidgets import QDialog, QWidget

import console
from console.activity.ledger import Ledger
from console.commands import Confirmation
from console.journal import Writer
from console.look.listeners import Listeners
from console.look.theme import theme
from console.tabs.compute.job_dialog import JobDialog
from console.tabs.compute.launch_dialog import LaunchDialog
from console.tabs.data.deletion_dialog import DeletionDialog
from console.tabs.data.dialogs import BucketDialog, FilesDialog, FindingsDialog, SamplesDialog, SplitDialog
from console.tabs.endpoints.deploy_dialog import DeployDialog
from console.tabs.endpoints.functions.code import DeployCodeDialog
from console.tabs.endpoints.functions.dialogs import AliasDialog, NewFunctionDialog, PublishDialog
from console.tabs.endpoints.functions.settings import SettingsDialog as FunctionSettings
from console.tabs.endpoints.update_dialog import UpdateDialog
from console.tabs.overview.billed_dialog import BilledDialog
from console.tabs.overview.choices import BudgetDialog, RulesDialog
from console.tabs.overview.details import DetailsDialog
from console.tabs.overview.events.dialog import EventsDialog
from console.tabs.overview.notebook_dialog import NotebookDialog
from console.tabs.overview.rows import Clock
from console.tabs.overview.security.review import ReviewDialog
from console.tabs.overview.security.role_dialog import RoleDialog
from console.tabs.overview.tear_down_dialog import TearDownDialog
from console.tabs.scaling.counts_dialog import CountsDialog
from console.tabs.scaling.schedule_dialog import ScheduleDialog
from console.tabs.training.form.requirements_dialog import RequirementsDialog
from console.tabs.training.tags.dialog import TagsDialog
from console.widgets.base import below
from console.widgets.frames.confirm import ConfirmDialog
from console.widgets.frames.dialog import Dialog, FormDialog, WideDialog
from console.widgets.pictures.thumbs import thumbnails
from console.window.activity_log import ActivityLogDialog
from console.window.code_dialog import CodeDialog
from console.window.settings_dialog import SettingsDialog
from console.window.shortcuts import ShortcutsDialog
from tests.helpers.compute import IMAGE, instance
from tests.helpers.full_account import dataset, function, jobs
from tests.helpers.inventory import pictured
from tests.helpers.models import endpoint
from tests.helpers.safety import report, unsafe_account
from tests.helpers.scaling import scaled_account
from tests.helpers.window import AWS, FakeServices, connect, shown, until
from workers.functions.settings import SettingsContext
from workers.functions.types import FunctionVersion
from workers.inventory.rules import DEFAULT_RULES
from workers.inventory.types import Budget
from workers.prices.table import PriceTable
from workers.types import Finding

ROOT = Path(console.__path__[0]).parent
ARN = "arn:aws:sagemaker:us-east-1:123456789012:training-job/dogs-1"
FINDING = Finding("warning", "x", "2 files", "why", ("a", "b"), ("c", "d"))
VERSION = FunctionVersion("1", "first", datetime.now(UTC), "sha")
Make = Callable[[Any, Path, QWidget], QDialog]


async def never(fix: str) -> bool:
    """Nothing is mended."""
    return False


DIALOGS: dict[type[QDialog], Make] = {
    ActivityLogDialog: lambda ctx, at, parent: ActivityLogDialog(ctx, Ledger(at, Writer()), "1 aws", parent),
    DeletionDialog: lambda ctx, at, parent: DeletionDialog(Confirmation("Delete?", type_name="x"), "aws", parent),
    ConfirmDialog: lambda ctx, at, parent: ConfirmDialog(Confirmation("Delete?"), "aws", parent),
    BucketDialog: lambda ctx, at, parent: BucketDialog("dogs", (), parent),
    FilesDialog: lambda ctx, at, parent: FilesDialog(FINDING, parent),
    FindingsDialog: lambda ctx, at, parent: FindingsDialog([("warn", FINDING)], parent),
    SamplesDialog: lambda ctx, at, parent: SamplesDialog(at, parent),
    SplitDialog: lambda ctx, at, parent: SplitDialog(dataset(at), parent),
    JobDialog: lambda ctx, at, parent: JobDialog(instance("trainer"), ["s3://b/dogs"], "", 0.166, parent),
    LaunchDialog: lambda ctx, at, parent: LaunchDialog(FakeServices(AWS), (IMAGE,), ["photos"], never, parent),
    DeployDialog: lambda ctx, at, parent: DeployDialog(FakeServices(AWS), jobs()[:2], set(), "", parent),
    UpdateDialog: lambda ctx, at, parent: UpdateDialog(FakeServices(AWS), endpoint("dogs"), jobs()[:2], (), parent),
    DeployCodeDialog: lambda ctx, at, parent: DeployCodeDialog(ctx, "ask", "handler.handler", parent),
    NewFunctionDialog: lambda ctx, at, parent: NewFunctionDialog([("dogs", ARN)], set(), "dogs", parent),
    PublishDialog: lambda ctx, at, parent: PublishDialog("ask", ("live",), parent),
    AliasDialog: lambda ctx, at, parent: AliasDialog("ask", [VERSION], parent),
    FunctionSettings: lambda ctx, at, parent: FunctionSettings(
        SettingsContext(function(), "revision", None, True, ()), ["dogs"], parent
    ),
    EventsDialog: lambda ctx, at, parent: EventsDialog(ctx, ctx.activity.of_account, "dogs", parent),
    ReviewDialog: lambda ctx, at, parent: ReviewDialog(ctx, report(unsafe_account()), parent),
    RoleDialog: lambda ctx, at, parent: RoleDialog("dogs", parent=parent),
    TearDownDialog: lambda ctx, at, parent: TearDownDialog(ctx, parent=parent),
    BilledDialog: lambda ctx, at, parent: BilledDialog(ctx, parent),
    RulesDialog: lambda ctx, at, parent: RulesDialog(DEFAULT_RULES, parent),
    NotebookDialog: lambda ctx, at, parent: NotebookDialog(PriceTable.load(), "us-east-1", ["photos"], parent=parent),
    BudgetDialog: lambda ctx, at, parent: BudgetDialog(Budget(100.0), None, parent),
    DetailsDialog: lambda ctx, at, parent: DetailsDialog(pictured()[0], Clock(), parent),
    ScheduleDialog: lambda ctx, at, parent: ScheduleDialog("New schedule", None, ["live"], 1.0, parent),
    CountsDialog: lambda ctx, at, parent: CountsDialog(scaled_account().variant_rows[:1], {}, parent),
    RequirementsDialog: lambda ctx, at, parent: RequirementsDialog(None, parent),
    TagsDialog: lambda ctx, at, parent: TagsDialog("job", "dogs-1", ARN, {"team": "vision"}, parent),
    CodeDialog: lambda ctx, at, parent: CodeDialog("work", "arn:aws:iam::1:mfa/phone", parent),
    SettingsDialog: lambda ctx, at, parent: SettingsDialog(ctx, at, None, parent),
    ShortcutsDialog: lambda ctx, at, parent: ShortcutsDialog(parent),
}


def subclasses(kind: type[Any]) -> Iterable[type[Any]]:
    for derived in kind.__subclasses__():
        yield derived
        yield from subclasses(derived)


def connections(*senders: QObject) -> dict[str, int]:
    """By signal, how many receivers the long-living objects have."""
    found = {}
    for sender in senders:
        meta = sender.metaObject()
        for at in range(meta.methodCount()):
            method = meta.method(at)
            if method.methodType() is QMetaMethod.MethodType.Signal:
                signature = method.methodSignature().data().decode()
                found[f"{meta.className()}.{signature}"] = sender.receivers(SIGNAL(signature))
    return found


def long_living(application: Any) -> tuple[QObject, ...]:
    ctx = application.ctx
    return theme(), thumbnails(), ctx, ctx.settings, ctx.activity, application.connection


def test_every_dialog_is_looked_at() -> None:
    for module in pkgutil.walk_packages(console.__path__, "console."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    ours = {kind for kind in subclasses(QDialog) if kind.__module__.startswith("console.")}
    assert ours - {Dialog, FormDialog, WideDialog} == set(DIALOGS)


@pytest.mark.parametrize("kind", DIALOGS, ids=lambda kind: kind.__name__)
async def test_a_dialog_that_was_closed_hears_of_nothing_and_is_gone(
    make_application: Callable[..., Any], tmp_path: Path, kind: type[QDialog]
) -> None:
    application = await shown(make_application)
    await connect(application)
    before = connections(*long_living(application))

    async def opened_and_closed() -> weakref.ref[QDialog]:
        dialog = DIALOGS[kind](application.ctx, tmp_path, application.window)
        dialog.open()
        await until(dialog.isVisible)
        # Only the weak list knows it: Qt's connections would call an object that Python has emptied.
        assert connections(*long_living(application)) == before
        theme().set_preference("dark")
        # A message looks where the buttons are that it must not cover.
        application.ctx.notify.success("Deployed", "dogs")
        dialog.reject()
        return weakref.ref(dialog)

    left = await opened_and_closed()
    theme().set_preference("light")
    theme().set_scale(1.3)
    await connect(application, AWS)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gc.collect()
    theme().set_preference("dark")
    theme().set_scale(1.0)
    await asyncio.sleep(0)
    gc.collect()
    assert left() is None, "somebody holds it, and with it everything that it shows"
    assert not list(below(application.window, QDialog))


def test_no_window_adopts_what_it_looks_for() -> None:
    """See ``below``: PySide makes who calls findChildren the owner of what it finds."""
    root = Path(console.__path__[0])
    assert [path.name for path in root.rglob("*.py") if ".findChild" in path.read_text(encoding="utf-8")] == []


TWO_DIALOGS = """
import gc
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication
from console.widgets.frames.confirm import ConfirmDialog
from console.commands import Confirmation

application = QApplication([])
gc.disable()

def opened_and_closed():
    dialog = ConfirmDialog(Confirmation("Delete?", "Delete"), "Admin")
    dialog.show()
    QApplication.processEvents()
    dialog.close()
    QApplication.processEvents()
    return dialog

stays, goes = opened_and_closed(), opened_and_closed()
goes.held_by_itself = [goes]
del goes
gc.collect()
print(QGuiApplication.primaryScreen().availableGeometry().isValid())
"""


def test_a_dialog_that_is_collected_leaves_the_screen_alone() -> None:
    """In a process of its own: without its screen Qt ends the process."""
    played = subprocess.run(
        [sys.executable, "-c", TWO_DIALOGS], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (played.returncode, played.stdout) == (0, "True\n"), played.stderr


def test_nobody_asks_a_widget_for_its_screen() -> None:
    """See ``screen_area``: PySide takes the screen for a part of the widget, and destroys it with the widget."""
    assert [
        path.name
        for path in (ROOT / "console").rglob("*.py")
        if re.search(r"(?<!`widget)\.screen\(\)", path.read_text("utf-8"))
    ] == []


def test_who_is_gone_is_not_called_and_not_kept(qtbot: Any) -> None:
    told: list[str] = []

    class Ear(QWidget):
        def hear(self, word: str) -> None:
            told.append(f"{self.objectName()} {word}")

    def ear(name: str) -> Ear:
        made = Ear()
        made.setObjectName(name)
        return made

    listeners = Listeners()
    stays, dies, taken = ear("stays"), ear("dies"), ear("taken")
    for listener in (stays, dies, taken):
        listeners.add(listener.hear)
    del dies, listener
    # Qt destroys what has a parent, and Python's object for it stays.
    shiboken6.delete(taken)
    gc.collect()
    listeners.tell("word")
    assert told == ["stays word"] and len(listeners) == 1
    with pytest.raises(TypeError):
        listeners.add(lambda: None)
