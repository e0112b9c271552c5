"""Links lead to a thing of the account in force; another account, and what is gone, are told."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from console.context import AppContext
from console.models.columns import Column
from console.widgets.tables.linking import NOT_IN_SANDBOX
from console.widgets.tables.table import ResourceTable
from tests.helpers.inventory import FakeInventory, denied, resource
from tests.helpers.window import AWS, SANDBOX, SPECS, connect, shown, until
from workers.types import Backend

HERE = "sagedeck://123456789012/us-east-1/endpoint"


async def opened(make_application: Any, backend: Backend = SANDBOX) -> Any:
    application = await shown(make_application, SPECS)
    services = await connect(application, backend)
    services.inventory = FakeInventory([resource("endpoint", "dogs", "InService"), resource("role", "R")])
    asked: list[Any] = []
    application.ctx.navigateRequested.connect(lambda tab, payload: asked.append((tab, payload)))
    return application, services, asked


def last(application: Any) -> str:
    return application.notify.notices[-1].title if application.notify.notices else ""


async def test_a_link_shows_its_thing(make_application):
    application, _, asked = await opened(make_application)
    application.open_link(f"{HERE}/dogs")
    await until(lambda: asked)
    application.open_link(f"{HERE.replace('endpoint', 'role')}/R")
    await until(lambda: len(asked) == 2)
    assert asked == [("endpoints", {"endpoint": "dogs"}), ("overview", {"resource": ("role", "R")})]
    # It shows, and changes nothing.
    assert application.activity.history == application.activity.running == []


async def test_what_is_gone_and_what_may_not_be_read_are_told(make_application):
    application, services, asked = await opened(make_application)
    application.open_link(f"{HERE}/cats")
    await until(lambda: last(application) == "Endpoint cats is not there")
    services.inventory.unread = (denied("endpoint"),)
    application.open_link(f"{HERE}/cats")
    await until(lambda: last(application) == "Endpoint cats could not be looked up")
    assert asked == []


async def test_another_account_or_region_is_told_and_nothing_is_read(make_application):
    application, services, asked = await opened(make_application)
    for link in (HERE.replace("123456789012", "999999999999"), HERE.replace("us-east-1", "eu-west-1")):
        application.open_link(f"{link}/dogs")
        notice = application.notify.notices[-1]
        assert notice.title == "The link is to another account or region" and notice.action is not None
    assert services.inventory.asked == asked == []


async def test_a_link_that_is_none_is_told(make_application):
    application, _, asked = await opened(make_application)
    application.open_link("sagedeck://evil")
    assert last(application) == "That link cannot be opened" and asked == []


async def test_a_link_waits_for_the_account(make_application):
    application = await shown(make_application, SPECS)
    asked: list[Any] = []
    application.ctx.navigateRequested.connect(lambda tab, payload: asked.append(tab))
    application.open_link(f"{HERE}/dogs")
    assert "once an account is connected" in last(application)
    services = await connect(application)
    services.inventory = FakeInventory([resource("endpoint", "dogs", "InService")])
    await until(lambda: asked == ["endpoints"])


async def test_the_palette_takes_a_pasted_link(make_application):
    application, _, asked = await opened(make_application)
    application.window.open_palette()
    palette = application.window.palette_panel
    palette.field.setText(f"{HERE}/dogs")
    assert [entry.title for entry in palette.lines.shown] == [f"Open {HERE}/dogs"]
    QTest.keyClick(palette.field, Qt.Key.Key_Return)
    await until(lambda: asked == [("endpoints", {"endpoint": "dogs"})])
    assert palette.recent() == []


async def linked(make_application: Any, backend: Backend) -> tuple[AppContext, ResourceTable]:
    application, _, _ = await opened(make_application, backend)
    table = ResourceTable((Column("name", "Name", kind="name"),), key="name", parent=application.window)
    table.link_of = lambda row: ("endpoint", row["name"])
    table.set_rows([{"name": "dogs"}, {"name": "cats"}])
    table.select_keys(["dogs"])
    return application.ctx, table


def actions(table: ResourceTable) -> dict[str, Any]:
    return {action.text(): action for action in table.open_menu(QPoint(1, 1)).actions()}


async def test_the_menu_copies_the_link_and_the_sandbox_has_no_console(make_application):
    _, table = await linked(make_application, SANDBOX)
    found = actions(table)
    found["Copy link"].trigger()
    assert QApplication.clipboard().text() == f"{HERE}/dogs"
    assert not found[NOT_IN_SANDBOX].isEnabled()
    table.select_keys(["dogs", "cats"])
    actions(table)["Copy links"].trigger()
    assert QApplication.clipboard().text().splitlines() == [f"{HERE}/dogs", f"{HERE}/cats"]


async def test_on_aws_the_page_of_the_console_opens(make_application, monkeypatch):
    _, table = await linked(make_application, AWS)
    urls: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: urls.append(url.toString()))
    actions(table)["Open in AWS console"].trigger()
    [url] = urls
    assert url.startswith("https://eu-central-1.console.aws.amazon.com/sagemaker/") and url.endswith("#/endpoints/dogs")
