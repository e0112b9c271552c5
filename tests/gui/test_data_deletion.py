"""Deleting from the bucket panel: counted first, typed where it hurts, taken back where versions are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from console.commands import Confirmation
from console.look.theme import theme
from console.tabs.data.deleting import back_words
from console.tabs.data.deletion_dialog import DeletionDialog
from console.widgets.base import screen_area
from console.widgets.forms.lines import CheckLine
from console.widgets.frames.confirm import ConfirmDialog
from tests.helpers.data_tab import opened
from tests.helpers.sandbox import SandboxProcess
from tests.helpers.window import dialog_of, until
from workers.services import Services
from workers.storage.dependents import Dependents

pytestmark = pytest.mark.timeout(240)
MODEL = "sagedeck/jobs/dogs-1/output/model.tar.gz"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("sandbox") / "state") as process:
        yield process


async def keys_of(services: Services, bucket: str) -> list[str]:
    return [item.key async for item in services.storage.objects(bucket)]


def words(dialog: DeletionDialog) -> str:
    return " | ".join(found.text() for found in dialog.findChildren(QLabel))


def test_what_waits_before_it_is_sent_is_not_called_final_before() -> None:
    assert back_words(False, typed=True) == "This cannot be undone."
    assert back_words(False, typed=False) == "This cannot be undone once it was sent."
    assert "once it was sent, unless" in back_words(None, typed=False)
    assert "can be restored" in back_words(True, typed=False)


@pytest.mark.parametrize("scale", (1.0, 1.3))
def test_a_question_that_grows_keeps_its_buttons_on_the_screen(qtbot: QtBot, scale: float) -> None:
    theme().set_scale(scale)
    name = "a-bucket-with-a-long-name-123456789012-us-east-1"
    dialog = DeletionDialog(Confirmation(f"Delete bucket {name}?", "All of it goes for good.", type_name=name))
    qtbot.addWidget(dialog)
    area = screen_area(dialog)
    dialog.show()
    dialog.move(100, area.bottom() - dialog.height() - 20)
    models = tuple(f"dogs-tuning-20261128-071843-{number:03d}-718d587a" for number in range(30))
    dialog.show_found((), Dependents(endpoints=models[:9], jobs=models[:9], models=models), "version")

    def in_sight() -> None:
        below = dialog.confirm_button.mapToGlobal(dialog.confirm_button.rect().bottomRight())
        above = dialog.heading.mapToGlobal(dialog.heading.rect().topLeft())
        assert dialog.height() > 300 and area.contains(below) and area.contains(above)

    qtbot.waitUntil(in_sight)


async def test_everything_at_the_root_is_counted_named_and_typed(
    make_application: Callable[..., Any], sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    application, tab, services = await opened(make_application, sandbox, "delete-root", [MODEL, "dogs/a.jpg", "x.txt"])
    gate, objects = asyncio.Event(), services.storage.removals.find

    async def slow(*args: Any, **options: Any) -> Any:
        found = await objects(*args, **options)
        await gate.wait()
        return found

    async def endpoints() -> tuple[Any, ...]:
        return (SimpleNamespace(name="dogs-live", model_uri=f"s3://delete-root/{MODEL}"),)

    monkeypatch.setattr(services.storage.removals, "find", slow)
    monkeypatch.setattr(services.endpoints, "list", endpoints)
    tab.delete(tab.browser.rows)
    dialog = await dialog_of(DeletionDialog, application.window)
    assert dialog.counted.accessibleName().startswith("Counting…")
    dialog.field.set_value("delete-root")
    assert not dialog.confirm_button.isEnabled()

    gate.set()
    await until(lambda: dialog.known)
    assert dialog.counted.accessibleName() == "3 objects 15 B together"
    assert "Endpoint dogs-live" in words(dialog) and "Model of dogs-1" in words(dialog)
    dialog.field.set_value("delete")
    assert not dialog.confirm_button.isEnabled()
    dialog.field.set_value("delete-root")
    sandbox.client("s3").put_object(Bucket="delete-root", Key="dogs/appeared.jpg", Body=b"new")
    dialog.confirm_button.click()
    await until(lambda: [row.name for row in tab.browser.rows] == ["dogs"])
    assert await keys_of(services, "delete-root") == ["dogs/appeared.jpg"]
    assert application.ctx.activity.history[0].text == "3 objects deleted"


async def test_what_changed_since_it_was_shown_stays_and_is_named(
    make_application: Callable[..., Any], sandbox: SandboxProcess
) -> None:
    application, tab, services = await opened(make_application, sandbox, "delete-changed", ["a.txt", "b.txt"])
    sandbox.client("s3").put_object(Bucket="delete-changed", Key="a.txt", Body=b"another")
    tab.delete(tab.browser.rows)
    dialog = await dialog_of(DeletionDialog, application.window)
    assert not dialog.field.isVisible()
    await until(dialog.confirm_button.isEnabled)
    dialog.confirm_button.click()
    await until(lambda: application.ctx.notify.notices)
    notice = application.ctx.notify.notices[-1]
    assert notice.title == "Not everything was deleted from delete-changed"
    assert notice.text == "1 object deleted; 1 changed since they were shown. a.txt"
    assert await keys_of(services, "delete-changed") == ["a.txt"]


async def test_a_deletion_is_taken_back_at_once_or_later(
    make_application: Callable[..., Any], sandbox: SandboxProcess
) -> None:
    application, tab, services = await opened(make_application, sandbox, "delete-back", ["a.txt", "b.txt"], True)
    tab.delete(tab.browser.rows)
    dialog = await dialog_of(DeletionDialog, application.window)
    assert "they can be restored" in dialog.sentence.text()
    await until(dialog.confirm_button.isEnabled)
    dialog.confirm_button.click()
    await until(lambda: tab.browser.rows == [] and tab.browser.listed and application.ctx.notify.notices)
    notice = application.ctx.notify.notices[-1]
    assert notice.action is not None and notice.action[0] == "Restore"
    # The entry in the activity panel offers the same, for when the message is gone.
    entry = next(item for item in application.ctx.activity.history if item.title.startswith("Delete"))
    assert entry.put_back is not None and entry.put_back is notice.action[1]
    notice.action[1]()
    await until(lambda: len(tab.browser.rows) == 2)

    sandbox.client("s3").delete_object(Bucket="delete-back", Key="b.txt")
    assert [action.text() for action in tab.bucket_panel.bucket_menu().actions()] == [
        "Restore deleted objects…",
        "Delete bucket…",
    ]
    tab.restore()
    question = await dialog_of(ConfirmDialog, application.window)
    assert "b.txt" in [found.text() for found in question.findChildren(QLabel)], "each on a line of its own"
    question.confirm_button.click()
    await until(lambda: application.ctx.activity.history[0].text == "1 object restored")
    assert await keys_of(services, "delete-back") == ["a.txt", "b.txt"]


async def test_a_bucket_is_deleted_with_its_versions(
    make_application: Callable[..., Any], sandbox: SandboxProcess
) -> None:
    application, tab, services = await opened(make_application, sandbox, "delete-bucket", ["a", "a", "b"], True)
    tab.delete_bucket()
    dialog = await dialog_of(DeletionDialog, application.window)
    await until(lambda: dialog.known)
    assert dialog.findChildren(CheckLine)[0].accessibleName() == "3 versions 15 B together"
    assert not dialog.confirm_button.isEnabled()
    dialog.field.set_value("delete-bucket")
    dialog.confirm_button.click()
    await until(lambda: "delete-bucket" not in [bucket.name for bucket in tab.browser.buckets or []])
    assert "delete-bucket" not in [bucket.name for bucket in await services.storage.buckets()]


async def test_what_could_not_be_counted_cannot_be_agreed_to(
    make_application: Callable[..., Any], sandbox: SandboxProcess
) -> None:
    application, tab, _ = await opened(make_application, sandbox, "delete-unknown", ["a.txt"])
    question = tab.deleting.keys("no-such-bucket", ["a.txt"], "")
    tab.start(question, label="x")
    dialog = await dialog_of(DeletionDialog, application.window)
    await until(lambda: dialog.counted.accessibleName().startswith("Could not be counted"))
    assert not dialog.confirm_button.isEnabled()
    dialog.cancel_button.click()
