"""The Overview's section of what happened, and the list of all of it, over a stand-in account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QPoint

from console.activity.model import ActivityModel
from console.journal import Journal, Writer
from console.tabs.overview import TAB
from console.tabs.overview.events.dialog import EventsDialog
from console.tabs.overview.events.part import EventsPart
from console.tabs.overview.events.rows import merged, of_trail, spoken
from tests.helpers.inventory import resource
from tests.helpers.models import ModelServices, enter
from tests.helpers.safety import FakeTrail, happened, some_events
from tests.helpers.window import dialog_of, texts, until
from workers.errors.tree import AccessDenied


async def opened(make_application: Callable[..., Any], trail: FakeTrail) -> tuple[Any, EventsPart]:
    application = make_application([TAB])
    application.window.resize(1440, 900)
    application.show(connect=False)
    services = ModelServices()
    services.trail = trail
    enter(application, services)
    tab = application.window.pages.tab("overview")
    part = await until(lambda: next((part for part in tab.side.parts if isinstance(part, EventsPart)), None))
    await until(lambda: trail.asked)
    return application, part


def said(part: EventsPart) -> list[str]:
    return [f"{line.happening.title}: {line.happening.text}" for line in part.lines]


async def test_the_newest_events_are_lines(make_application: Callable[..., Any]) -> None:
    _, part = await opened(make_application, FakeTrail(some_events()))
    await until(lambda: part.lines)
    assert said(part) == [
        "dog-classifier-canary: create endpoint by operator",
        "dogs-tuning-1409: create tuning job by operator",
        "dog-classifier-multi: register scalable target by operator",
        "dogs-482109375516: refused (AccessDenied): delete bucket by operator",
        "dog-predict: update function code by operator",
    ]
    assert part.lines[3].happening.icon == "err"
    assert "dog-predict, update function code" in part.lines[4].accessibleName()


async def test_what_sagedeck_did_is_there_at_once(make_application: Callable[..., Any]) -> None:
    application, part = await opened(make_application, FakeTrail(some_events()))
    await until(lambda: part.lines)
    application.activity.begin("Delete endpoint dogs", "endpoints").done("gone in 2 min")
    assert said(part)[0] == "Delete endpoint dogs: gone in 2 min"
    application.activity.begin("Upload photos", "upload").fail("no network")
    assert said(part)[0] == "Upload photos: failed: no network"


async def test_what_was_done_in_another_account_is_not_shown(make_application: Callable[..., Any]) -> None:
    application, part = await opened(make_application, FakeTrail())
    application.activity.begin("Delete endpoint dogs", "endpoints").done()
    await until(lambda: part.lines)
    application.ctx.leave()
    assert not part.lines
    other = ModelServices()
    other.who = type(other.who)("999999999999", "arn:aws:iam::999999999999:user/x")
    enter(application, other)
    await until(lambda: "Nothing has changed in 90 days." in texts(part))
    assert not part.lines


async def test_without_cloudtrail_the_own_log_is_shown_and_why(make_application: Callable[..., Any]) -> None:
    trail = FakeTrail()
    trail.error = AccessDenied("Not allowed", "This account may not look up events.")
    application, part = await opened(make_application, trail)
    await until(lambda: "Not allowed" in texts(part))
    application.activity.begin("Deploy dogs", "endpoints").done()
    assert said(part) == ["Deploy dogs: done"]


async def test_all_events_are_read_page_by_page(make_application: Callable[..., Any]) -> None:
    trail = FakeTrail(some_events())
    _, part = await opened(make_application, trail)
    part.all_button.click()
    dialog = await dialog_of(EventsDialog, part.window())
    await until(lambda: dialog.table.model.rowCount() == 5)
    assert "there are older ones" in texts(dialog)
    assert "may be secret" in texts(dialog)
    dialog.older_button.click()
    await until(lambda: dialog.table.model.rowCount() == 7)
    assert not dialog.older_button.isVisible()
    dialog.search.setText("bucket")
    await until(lambda: dialog.table.model.rowCount() == 1)


async def test_a_resource_has_a_timeline_of_its_own(make_application: Callable[..., Any]) -> None:
    trail = FakeTrail(some_events())
    application, part = await opened(make_application, trail)
    application.activity.begin("Deploy dog-classifier-canary", "endpoints").done()
    application.activity.begin("Upload photos", "upload").done()
    dialog = part.show_events("dog-classifier-canary")
    await until(lambda: dialog.table.model.rowCount() == 2)
    assert ("dog-classifier-canary", None) in trail.asked
    dialog.resource.setText("i-0a3f91c2")
    dialog.look_up.click()
    await until(lambda: [row.title for row in dialog.table.model.visible_rows()] == ["i-0a3f91c2"])


async def test_the_menu_of_a_resource_opens_its_timeline(make_application: Callable[..., Any]) -> None:
    trail = FakeTrail(some_events())
    application, _ = await opened(make_application, trail)
    application.ctx.services.inventory.rows = (
        resource("instance", "dog-trainer", "running", id="i-0a3f91c2", size="t3.xlarge"),
    )
    tab = application.window.pages.tab("overview")
    tab.refresh()
    await until(lambda: tab.list.table.model.rowCount() == 1)
    tab.list.table.select_keys([("instance", "i-0a3f91c2")])
    menu = tab.list.table.open_menu(QPoint(10, 10))
    [action] = [action for action in menu.actions() if action.text() == "Events…"]
    action.trigger()
    menu.close()
    dialog = await dialog_of(EventsDialog, application.window)
    await until(lambda: ("i-0a3f91c2", None) in trail.asked)
    assert dialog.resource.value() == "i-0a3f91c2"


async def test_what_cannot_be_read_is_told_in_the_list(make_application: Callable[..., Any]) -> None:
    trail = FakeTrail()
    trail.error = AccessDenied("Not allowed", "This account may not look up events.")
    _, part = await opened(make_application, trail)
    dialog = part.show_events()
    await until(lambda: "Not allowed" in texts(dialog))
    assert dialog.table.state == "error"


async def test_another_account_closes_the_list(make_application: Callable[..., Any]) -> None:
    application, part = await opened(make_application, FakeTrail(some_events()))
    dialog = part.show_events()
    await until(dialog.isVisible)
    application.ctx.leave()
    await until(lambda: not dialog.isVisible())


def test_operations_as_words() -> None:
    assert spoken("CreateTrainingJob") == "create training job"
    assert spoken("UpdateFunctionCode20150331v2") == "update function code"
    assert spoken("PutBucketACL") == "put bucket ACL"
    assert spoken("ConsoleLogin") == "console login"
    assert spoken("") == ""


def test_both_logs_are_in_one_order_of_time() -> None:
    activity = ActivityModel()
    activity.account = "1 us-east-1"
    item = activity.begin("Delete dogs", "endpoints")
    item.done()
    found = merged([happened(1, "CreateEndpoint", "dogs", 5), happened(2, "DeleteEndpoint", "dogs", 1)], [item])
    assert [happening.title for happening in found] == ["Delete dogs", "dogs", "dogs"]
    assert merged([], [item], "cats") == []
    nameless = of_trail(happened(3, "ConsoleLogin", "", 1, service="signin"))
    assert nameless.key != of_trail(happened(4, "ConsoleLogin", "", 1)).key


def test_the_account_of_what_was_done_is_kept_over_restarts(tmp_path: Any) -> None:
    writer = Writer()
    journal = Journal(tmp_path / "history.jsonl", writer)
    activity = ActivityModel(journal)
    activity.account = "123456789012 us-east-1"
    activity.begin("Delete dogs", "endpoints").done()
    activity.account = "999999999999 us-east-1"
    activity.begin("Delete cats", "endpoints").done()
    assert writer.flush()
    later = ActivityModel()
    records = [{**record, "at": "2026-01-01T00:00:00+00:00"} for record in journal.load()]
    later.restore(records)
    assert later.of_account() == []
    later.account = "123456789012 us-east-1"
    assert [item.title for item in later.of_account()] == ["Delete dogs"]
    writer.close()
