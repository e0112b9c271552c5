"""What deletes or ends something can be undone before it is sent, and what was sent is in the log."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from console.activity.ledger import deeds
from console.commands import Command, Confirmation
from console.tabs.data.commands_deletion import DeleteObjects
from console.window.activity_log import ActivityLogDialog, told
from console.window.palette_entries import entries
from tests.helpers.agreed import started
from tests.helpers.window import until
from workers.aws.recording import SentCall


class Delete(Command):
    """Notes what it did."""

    title, icon = "Delete dogs", "trash"

    def __init__(self, **question: Any) -> None:
        self.question = Confirmation("Delete dogs?", **question)
        self.sent: list[Any] = []
        self.now = ""

    def confirmation(self) -> Confirmation:
        return self.question

    async def changed(self, services: Any) -> str:
        return self.now

    async def run(self, services: Any) -> None:
        self.sent.append(services)


def undo(application: Any) -> Any:
    return next((toast for toast in application.window.toasts.shown if toast.notice.action), None)


async def test_nothing_is_sent_before_the_time_is_over_and_undo_ends_it(make_application):
    application, _ = await started(make_application)
    command = Delete()
    task = application.ctx.start(command)
    toast = await until(lambda: undo(application))
    assert "sent in 600 s" in toast.notice.title and command.sent == []
    assert "nothing was sent yet" in application.activity.running[0].text
    toast.notice.action[1]()
    outcome = await task
    assert (outcome.status, command.sent) == ("declined", [])
    assert application.activity.history[0].text == "Undone: nothing was sent"
    assert undo(application) is None
    assert deeds(await asyncio.to_thread(application.ctx.ledger.load, application.ctx.ledger_account)) == []


async def test_the_keyboard_alone_undoes_by_its_key_or_from_the_palette(make_application):
    application, _ = await started(make_application)
    window = application.window
    for how in ("key", "palette"):
        command = Delete()
        task = application.ctx.start(command)
        await until(lambda: undo(application))
        if how == "key":
            window.what_keys_do["undo"]()
        else:
            [offered] = [entry for entry in entries(window) if entry.id == "message:Undo"]
            assert "Delete dogs" in offered.detail
            offered.run()
        assert (await task).status == "declined" and command.sent == []
    assert "Nothing waits" in window.why_not("undo")
    window.what_keys_do["undo"]()
    assert window.toasts.shown[-1].notice.title == "Nothing to undo"


async def test_read_only_mode_that_is_turned_on_meanwhile_holds(make_application):
    application, _ = await started(make_application, 0.2)
    command = Delete()
    task = application.ctx.start(command)
    await until(lambda: undo(application))
    application.ctx.set_read_only(True)
    assert (await task).status == "refused" and command.sent == []
    assert "read-only" in application.activity.history[0].text


@pytest.mark.parametrize("question", [{"type_name": "dogs"}, {"danger": False}, {}])
async def test_read_only_mode_that_is_turned_on_while_something_is_asked_or_looked_at_holds(make_application, question):
    application, _ = await started(make_application, 0.01)

    async def agree(confirmation: Confirmation, cli: str) -> bool:
        application.ctx.set_read_only(True)
        return True

    command = Delete(**question)
    application.ctx.ask = agree
    assert (await application.ctx.start(command)).status == "refused" and command.sent == []
    assert any("Read-only mode is on" in notice.title for notice in application.notify.notices)

    async def looked(services: Any) -> str:
        application.ctx.set_read_only(True)
        return ""

    application.ctx.set_read_only(False)
    application.ctx.ask = None
    command.changed = looked
    assert bool(question) == bool(await application.ctx.start(command)), "what does not wait is not looked at again"
    assert bool(command.sent) == bool(question)


async def test_the_panel_undoes_as_well(make_application):
    application, _ = await started(make_application)
    command = Delete()
    task = application.ctx.start(command)
    await until(lambda: application.activity.running)
    await until(lambda: application.activity.running[0].cancel is not None)
    application.activity.running[0].request_cancel()
    assert (await task).status == "declined" and command.sent == []


async def test_after_the_time_it_is_sent_and_cannot_be_undone_any_more(make_application):
    application, services = await started(make_application, 0.05)
    command = Delete()
    assert await application.ctx.start(command)
    assert command.sent == [services] and undo(application) is None


async def test_what_changed_meanwhile_is_left_alone_and_said(make_application):
    application, _ = await started(make_application, 0.05)
    command = Delete()
    command.now = "dogs serves another model now."
    outcome = await application.ctx.start(command)
    assert (outcome.status, command.sent) == ("refused", [])
    assert "another model" in application.activity.history[0].text
    assert any("another model" in notice.text for notice in application.notify.notices)


@pytest.mark.parametrize("question", [{"type_name": "dogs"}, {"danger": False}])
async def test_what_was_typed_or_does_no_harm_does_not_wait(make_application, question):
    application, services = await started(make_application)
    command = Delete(**question)
    assert await application.ctx.start(command)
    assert command.sent == [services]


async def test_leaving_the_account_sends_nothing_and_says_so(make_application):
    application, _ = await started(make_application)
    command = Delete()
    task = application.ctx.start(command)
    await until(lambda: undo(application))
    application.ctx.leave()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert command.sent == [] and application.activity.history[0].text.startswith("Nothing was sent")
    assert undo(application) is None


async def test_closing_the_window_asks_about_what_waits(make_application):
    application, _ = await started(make_application)
    asked = []

    async def no(confirmation: Confirmation, cli: str = "") -> bool:
        asked.append(confirmation)
        return False

    application.ctx.start(Delete())
    await until(lambda: undo(application))
    application.ask = no
    application.window.close()
    await until(lambda: asked)
    assert [line.name for line in asked[0].stops_working] == ["Delete dogs"]


async def test_objects_whose_deletion_was_not_typed_wait_too(make_application):
    application, services = await started(make_application)
    gone: list[str] = []
    services.storage = SimpleNamespace(removals=SimpleNamespace(remove=lambda *_: gone.append("sent")))
    task = application.ctx.start(DeleteObjects("photos", (), waits=True))
    toast = await until(lambda: undo(application))
    toast.notice.action[1]()
    assert (await task).status == "declined" and gone == []


async def test_what_no_command_sends_is_in_the_log_too(make_application):
    application, services = await started(make_application)
    call = SentCall("sagemaker", "UpdateEndpointWeightsAndCapacities", {"EndpointName": "dogs"}, "us-east-1", "r-1")
    services.session.on_change(call)
    ledger = application.ctx.ledger
    await asyncio.to_thread(ledger.flush)
    [deed] = deeds(await asyncio.to_thread(ledger.load, application.ctx.ledger_account))
    assert deed.title == "In the background: update endpoint weights and capacities"
    assert (deed.state, deed.calls) == ("done", [call])


# The log of it


async def test_the_log_has_what_was_done_with_its_calls_and_who_did_it(make_application):
    application, services = await started(make_application, 0.0)
    call = SentCall("sagemaker", "DeleteEndpoint", {"EndpointName": "dogs"}, "us-east-1", "req-7")

    class Sends(Delete):
        async def run(self, services: Any) -> None:
            self.item.calls.append(call)

    await application.ctx.start(Sends())
    application.window.show_activity_log()
    dialog = await until(
        lambda: next((found for found in application.window.findChildren(ActivityLogDialog) if found.isVisible()), None)
    )
    await until(lambda: dialog.table.model.rowCount())
    [deed] = dialog.table.model.rows()
    assert (deed.title, deed.state, deed.actor) == ("Delete dogs", "done", services.who.arn)
    dialog.table.select_keys([deed.id])
    assert "Delete dogs: done" in dialog.detail.toPlainText() and "user/operator" in dialog.detail.toPlainText()
    deed.calls.append(call)
    assert "req-7" in told(deed) and '"EndpointName": "dogs"' in told(deed)
    dialog.reject()
