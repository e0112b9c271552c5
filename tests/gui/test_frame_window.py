"""The frame: painting, navigation, header, backends, drops, closing."""

from __future__ import annotations

import asyncio
import logging
import sys
from dataclasses import replace
from unittest.mock import AsyncMock

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolTip

from console.connection import SANDBOX as SANDBOX_CHOICE
from console.connection import Choice
from console.widgets.forms.buttons import Button
from tests.helpers.window import (
    AWS,
    SANDBOX,
    SPECS,
    BrokenTab,
    FakeServices,
    RecordingTab,
    activate,
    connect,
    shown,
    until,
)
from workers.errors.tree import Expired, LocalProblem
from workers.types import Endpoint, Identity, TrainingJob


async def test_the_window_paints_before_it_connects(make_application, monkeypatch):
    order = []
    gate = asyncio.Event()

    async def slow_start(state_dir, on_status):
        order.append("starting")
        on_status("Starting the sandbox…")
        await gate.wait()
        return SANDBOX

    monkeypatch.setattr("workers.account.sandbox.attach_or_start", slow_start)
    monkeypatch.setattr("console.connection._make_services", FakeServices)
    application = make_application(SPECS)
    application.window.painted.connect(lambda: order.append("painted"))
    application.show()
    await until(lambda: "starting" in order)
    assert order == ["painted", "starting"]

    strip = application.window.strip
    await until(lambda: strip.text.text() == "Starting the sandbox…")
    assert strip.isVisible() and "sandbox" in strip.title.text()
    tab = application.window.pages.current_tab
    assert tab is not None and tab.said("activate")

    gate.set()
    await until(lambda: application.connection.state == "ready")
    assert not strip.isVisible()
    assert tab.said("refresh")


async def test_a_failed_start_says_why_and_can_be_tried_again(make_application, monkeypatch):
    attempts = []

    async def start(state_dir, on_status):
        attempts.append(state_dir)
        if len(attempts) == 1:
            raise LocalProblem(
                "The sandbox did not start", "It ended with exit code 3.", "See the log.", details="boom\nbang"
            )
        return SANDBOX

    monkeypatch.setattr("workers.account.sandbox.attach_or_start", start)
    monkeypatch.setattr("console.connection._make_services", FakeServices)
    application = make_application(SPECS)
    application.show()
    await until(lambda: application.connection.state == "failed")
    strip = application.window.strip
    assert strip.title.text() == "The sandbox did not start"
    assert "exit code 3" in strip.text.text()
    strip.log_button.click()
    assert "boom\nbang" in strip.log.toPlainText()
    assert application.window.status.state.text() == "Not connected"
    strip.retry.click()
    await until(lambda: application.connection.state == "ready")
    assert len(attempts) == 2 and not strip.isVisible()


async def test_the_header_names_account_region_and_identity(make_application):
    application = await shown(make_application)
    await connect(application)
    header = application.window.header
    assert header.account.value.text() == "1234-5678-9012"
    assert header.region.value.text() == "us-east-1"
    assert header.identity.value.text() == "user/operator"
    assert header.pill.text() == "Sandbox" and header.band.tone == header.pill.kind == "sandbox"
    assert header.cost.caption.text() == "Would cost"


async def test_the_header_says_that_time_runs_fast_and_only_then(make_application):
    application = await shown(make_application, size=(1024, 700))
    await connect(application)
    header = application.window.header
    assert not header.time.isVisible()
    fast = replace(SANDBOX, time_factor=100.0)
    application.ctx.enter(fast, FakeServices(fast), await FakeServices(fast).identity())
    application.connection.changed.emit()
    assert header.time.isVisible() and header.time.value.accessibleName() == "Time ×100"
    application.ctx.enter(AWS, FakeServices(AWS), await FakeServices(AWS).identity())
    application.connection.changed.emit()
    assert not header.time.isVisible()


async def test_a_long_identity_is_shortened_before_anything_is_cut(make_application):
    application = await shown(make_application, size=(1024, 700))
    services = FakeServices(AWS)
    name = "AnExtremelyLongRoleNameThatNobodyShouldUse" * 2
    services.who = Identity("123456789012", f"arn:aws:sts::123456789012:assumed-role/{name}/session")
    application.connection.state = "ready"
    application.ctx.enter(AWS, services, await services.identity())
    application.connection.changed.emit()
    application.ctx.costChanged.emit(3.05)
    header = application.window.header
    value = header.identity.value
    await until(lambda: "…" in value.text())
    assert value.toolTip() == f"role/{name}" and value.text().startswith("role/An")

    def all_is_in_its_place() -> bool:
        seen = (value, header.cost.value, header.switch)
        ends = [widget.mapTo(header, widget.rect().topRight()).x() for widget in seen]
        starts = [widget.mapTo(header, widget.rect().topLeft()).x() for widget in (header.cost.caption, header.switch)]
        return ends[0] < starts[0] and ends[1] < starts[1] and ends[2] < header.width()

    await until(all_is_in_its_place)


async def test_what_runs_is_priced_in_the_header(make_application, monkeypatch):
    application = await shown(make_application)
    services = FakeServices(SANDBOX)
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    services.job_rows = [TrainingJob("j", "InProgress", now, instance_type="ml.m5.xlarge", instance_count=2)]
    services.endpoint_rows = [Endpoint("e", "InService", now, instance_type="ml.m5.large", instance_count=1)]
    price = services.prices.per_hour
    services.functions_cost = 0.502
    expected = 0.502 + 2 * price("ml.m5.xlarge", "training", "us-east-1") + price("ml.m5.large", "hosting", "us-east-1")
    application.connection.state = "ready"
    application.ctx.enter(SANDBOX, services, await services.identity())
    await until(lambda: application.window.header.cost.value.text())
    assert application.window.header.cost.value.text() == f"${expected:,.2f}/h"


async def test_choosing_another_account_closes_the_old_one_and_its_tasks(make_application, monkeypatch):
    made = []

    def services(backend):
        made.append(FakeServices(backend, "210987654321"))
        return made[-1]

    monkeypatch.setattr("console.connection._make_services", services)
    application = await shown(make_application)
    old = await connect(application)
    poll = application.ctx.tasks.start(asyncio.sleep(60), label="Poll")
    order = []
    application.ctx.backendChanging.connect(lambda: order.append(("changing", old.closed)))
    application.ctx.backendChanged.connect(lambda backend: order.append(("changed", backend.label)))
    application.connection.choose(Choice("aws:work", "work", "aws", "eu-central-1", AWS))
    assert application.ctx.services is None and old.closed
    await until(lambda: application.connection.state == "ready")
    assert order == [("changing", False), ("changed", "work")]
    assert poll.cancelled()
    header = application.window.header
    assert header.band.tone == "aws" and header.pill.text() == "work"
    assert header.account.value.text() == "2109-8765-4321" and header.region.value.text() == "eu-central-1"
    assert header.cost.caption.text() == "Running now"
    assert application.settings.value("backend") == "aws:work"


async def test_expired_credentials_leave_no_account_in_force(make_application, monkeypatch):
    made = []

    def services(backend):
        made.append(FakeServices(backend, error=Expired("Your session has ended", "ExpiredToken.", "Sign in again.")))
        return made[-1]

    monkeypatch.setattr("console.connection._make_services", services)
    application = await shown(make_application)
    application.connection.choose(Choice("aws:work", "work", "aws", "eu-central-1", AWS))
    await until(lambda: application.connection.state == "failed")
    assert made[0].closed and not application.ctx.connected
    assert application.window.strip.title.text() == "Your session has ended"
    assert application.window.header.account.isHidden()


async def test_the_account_used_last_is_used_again(make_application, monkeypatch, tmp_path):
    monkeypatch.setattr("console.connection._make_services", FakeServices)
    monkeypatch.setattr(
        "console.connection.list_choices", lambda: [SANDBOX_CHOICE, Choice("aws:work", "work", "aws", "", AWS)]
    )
    (tmp_path / "window").mkdir()
    (tmp_path / "window" / "settings.json").write_text('{"backend": "aws:work"}')
    application = make_application(SPECS)
    application.show()
    await until(lambda: application.connection.state == "ready")
    assert application.ctx.backend == AWS


async def test_an_account_that_is_gone_is_told_with_the_reason(make_application, monkeypatch, tmp_path):
    credentials = tmp_path / "credentials"
    credentials.write_text("# my keys\n[work\naws_access_key_id = A\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    monkeypatch.setattr("workers.account.sandbox.attach_or_start", AsyncMock(return_value=SANDBOX))
    monkeypatch.setattr("console.connection._make_services", FakeServices)
    (tmp_path / "window").mkdir()
    (tmp_path / "window" / "settings.json").write_text('{"backend": "aws:work"}')
    application = make_application(SPECS)
    application.show()
    await until(lambda: application.connection.state == "ready")
    assert application.connection.choice == SANDBOX_CHOICE
    (notice,) = [notice for notice in application.notify.notices if notice.title.startswith("The account work is gone")]
    assert str(credentials) in notice.text and "line 2" in notice.text
    header = application.window.header
    header.open_menu()
    assert any("line 2" in action.text() and not action.isEnabled() for action in header.menu.actions())
    assert "in use" in header.menu.actions()[0].text()
    header.menu.close()


async def test_the_menu_lists_sandbox_and_profiles(make_application, monkeypatch):
    application = await shown(make_application)
    monkeypatch.setattr(
        "console.connection.list_choices", lambda: [SANDBOX_CHOICE, Choice("aws:work", "work", "aws", "eu", AWS)]
    )
    chosen = []
    monkeypatch.setattr(application.connection, "request", chosen.append)
    header = application.window.header
    QTest.keyClick(header.pill, Qt.Key.Key_Return)

    def work():
        return [action for action in header.menu.actions() if action.text().startswith("work")]

    await until(work)
    assert header.menu.actions()[0].text().startswith("Sandbox")
    work()[0].trigger()
    assert [choice.key for choice in chosen] == ["aws:work"]
    header.menu.close()


async def test_changing_the_account_asks_when_something_of_the_window_runs(make_application, monkeypatch):
    monkeypatch.setattr("console.connection._make_services", FakeServices)
    application = await shown(make_application)
    old = await connect(application)
    work = Choice("aws:work", "work", "aws", "eu", AWS)
    asked = []

    async def ask(confirmation, cli=""):
        asked.append([entry.name for entry in confirmation.stops_working])
        return len(asked) > 1

    application.ctx.ask = ask
    application.activity.begin("Uploading dogs", "upload", cancellable=lambda: None)
    application.connection.request(work)
    await until(lambda: asked == [["Uploading dogs"]])
    assert application.ctx.services is old
    application.connection.request(work)
    await until(lambda: application.ctx.backend == AWS)
    assert old.closed


async def test_what_the_sandbox_has_to_tell_is_told_once(make_application, monkeypatch):
    from workers.account.sandbox import Ready

    words = "The state folder was of another version; it is kept as sandbox.old."
    ready = Ready("http://127.0.0.1:9", "us-east-1", "123456789012", 1, "a", "b", notice=words)

    async def start(state_dir, on_status):
        on_status(words if not application.notify.notices else "Connected to the running sandbox")
        return SANDBOX

    monkeypatch.setattr("workers.account.sandbox.attach_or_start", start)
    monkeypatch.setattr("workers.account.sandbox.read_ready", lambda state_dir: ready)
    monkeypatch.setattr("console.connection._make_services", FakeServices)
    application = make_application(SPECS)
    application.show()
    for _ in range(2):
        await until(lambda: application.connection.state == "ready")
        application.connection.retry()
    await until(lambda: application.connection.state == "ready")
    assert [(notice.text, notice.count) for notice in application.notify.notices] == [(words, 1)]


async def test_read_only_hatches_the_band_shows_a_lock_and_is_remembered(make_application):
    application = await shown(make_application)
    await connect(application)
    header = application.window.header
    QTest.keyClick(header.switch, Qt.Key.Key_Space)
    assert application.ctx.read_only and header.band.hatched
    assert header.pill.icon_name == "lock" and header.pill.text() == "Sandbox, read-only"
    assert application.settings.value("read_only:sandbox") is True
    header.switch.click()
    assert not application.ctx.read_only and not header.band.hatched


async def test_a_button_that_read_only_mode_disables_says_why(make_application):
    application = await shown(make_application)
    window = application.window
    tab = window.pages.current_tab
    button = Button("Delete…")
    tab.head.add(button)
    button.setEnabled(False)
    await until(button.isVisible)
    spot = button.mapTo(window, button.rect().center())

    def asked():
        QToolTip.hideText()
        QApplication.sendEvent(window, QHelpEvent(QEvent.Type.ToolTip, spot, window.mapToGlobal(spot)))
        return QToolTip.text()

    assert asked() == ""
    application.ctx.set_read_only(True)
    assert asked().startswith("Read-only mode is on")
    QToolTip.hideText()


async def test_tabs_are_built_when_first_opened_and_told_when_left(make_application):
    application = await shown(make_application)
    pages = application.window.pages
    assert list(pages.tabs) == ["data"]
    application.ctx.navigate("predict", {"paths": ["x"]})
    assert list(pages.tabs) == ["data", "predict"]
    assert pages.tabs["predict"].said("activate") == [{"paths": ["x"]}]
    assert pages.tabs["data"].said("deactivate") == [None]
    assert application.window.navigation.buttons["predict"].isChecked()


async def test_number_keys_open_tabs_in_order(make_application):
    application = await shown(make_application)
    window = application.window
    await activate(window)
    QTest.keyClick(window, Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
    assert window.pages.current_id == "training"
    QTest.keyClick(window, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    assert window.pages.current_id == "data"


async def test_arrows_and_return_work_in_the_navigation(make_application):
    application = await shown(make_application)
    navigation = application.window.navigation
    await activate(application.window)
    navigation.buttons["data"].setFocus()
    await until(navigation.buttons["data"].hasFocus)
    QTest.keyClick(navigation.buttons["data"], Qt.Key.Key_Down)
    QTest.keyClick(navigation.buttons["training"], Qt.Key.Key_Return)
    assert application.window.pages.current_id == "training"


async def test_ctrl_f_goes_to_the_nearest_search_field(make_application):
    from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

    from console.widgets.tables.search_field import SearchField

    application = await shown(make_application)
    window, tab = application.window, application.window.pages.current_tab
    fields, buttons = [], []
    for name in ("Filter jobs", "Find"):
        panel = QWidget()
        column = QVBoxLayout(panel)
        fields.append(SearchField(name))
        buttons.append(QPushButton(name))
        column.addWidget(fields[-1])
        column.addWidget(buttons[-1])
        tab.body.addWidget(panel)
    await activate(window)
    await until(lambda: all(button.isVisible() for button in buttons))
    for number in (1, 0):
        buttons[number].setFocus()
        QTest.keyClick(window, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
        assert fields[number].hasFocus()


async def test_f5_reads_again_and_the_status_bar_says_when(make_application):
    application = await shown(make_application)
    await connect(application)
    await activate(application.window)
    tab = application.window.pages.current_tab
    before = len(tab.said("refresh"))
    QTest.keyClick(application.window, Qt.Key.Key_F5)
    assert len(tab.said("refresh")) == before + 1
    application.ctx.mark_refreshed()
    assert application.window.status.fresh.text().startswith("Refreshed ")
    assert application.window.status.fresh.text().endswith("every 30 s")


async def test_a_tab_that_fails_is_told_and_the_others_work(make_application, caplog):
    application = await shown(make_application, [RecordingTab.spec, BrokenTab.spec])
    application.window.show_tab("endpoints")
    [notice] = [notice for notice in application.notify.notices if notice.level == "error"]
    assert "Endpoints" in notice.title and "no such widget" in notice.text
    application.window.show_tab("data")
    assert application.window.pages.current_tab.spec.id == "data"


async def test_under_1200_px_names_give_way_to_icons_and_the_side_panel_to_a_button(make_application):
    from PySide6.QtWidgets import QLabel

    application = await shown(make_application)
    window = application.window
    tab = window.pages.current_tab
    panel = QLabel("bucket")
    tab.set_side(panel, "Bucket", "bucket")
    [side_button] = tab.drawer_buttons()
    assert panel.isVisible() and window.navigation.width() == 200
    window.resize(1024, 700)
    await until(lambda: window.navigation.width() == 56)
    assert not panel.isVisible() and side_button.isVisible()
    assert not window.header.region.caption.isVisible()
    side_button.click()
    assert panel.isVisible()
    window.resize(1440, 900)
    await until(lambda: window.navigation.width() == 200)
    assert panel.isVisible() and not side_button.isVisible()


async def test_badges_reach_the_navigation(make_application):
    application = await shown(make_application)
    application.window.pages.current_tab.badgeChanged.emit("upload", "64 %", "accent")
    button = application.window.navigation.buttons["data"]
    assert button.badge == ("upload", "64 %", "accent") and button.accessibleName() == "Data, 64 %"


async def test_closing_cancels_own_tasks_keeps_choices_and_ends(make_application):
    application = await shown(make_application)
    services = await connect(application)
    task = application.ctx.tasks.start(asyncio.sleep(60), label="Follow the log")
    application.window.show_tab("training")
    application.window.close()
    assert application.window.isVisible()
    await asyncio.wait_for(application.closed, 60)
    await application.close()
    assert task.cancelled() and services.closed and not application.window.isVisible()
    text = (application.settings.path).read_text()
    assert '"tab": "training"' in text and '"geometry"' in text


async def test_closing_asks_when_something_of_the_window_runs(make_application, monkeypatch):
    application = await shown(make_application)
    application.activity.begin("Uploading dogs", "upload", cancellable=lambda: None)
    asked = []

    async def ask(confirmation, cli=""):
        asked.append(confirmation)
        return len(asked) > 1

    monkeypatch.setattr(application, "ask", ask)
    application.window.close()
    await until(lambda: asked)
    await asyncio.sleep(0)
    assert not application.closed.done()
    assert [entry.name for entry in asked[0].stops_working] == ["Uploading dogs"]
    application.window.close()
    await asyncio.wait_for(application.closed, 60)


async def test_errors_that_nobody_caught_reach_the_operator_and_the_log(make_application):
    from console.app import catching

    application = await shown(make_application)
    with catching(application):
        sys.excepthook(ValueError, ValueError("in a slot"), None)
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await until(lambda: len(application.notify.notices) >= 2)
        asyncio.get_running_loop().call_exception_handler({"message": "only words"})
    texts = [notice.text for notice in application.notify.notices]
    assert any("in a slot" in text for text in texts) and any("ZeroDivisionError" in text for text in texts)
    lines = [line for line in application.logbook.since(0) if line.level >= logging.ERROR]
    assert any("Traceback" in line.text for line in lines) and any("only words" in line.text for line in lines)


@pytest.mark.parametrize("size", [(1440, 900), (1024, 700)])
@pytest.mark.parametrize("look", ["light", "dark"])
async def test_every_control_of_the_frame_has_an_accessible_name(make_application, size, look):
    from PySide6.QtWidgets import QAbstractButton, QComboBox, QLineEdit

    application = await shown(make_application, size=size, look=look)
    await connect(application)
    application.window.toggle_activity()
    item = application.activity.begin("Uploading dogs", "upload", cancellable=lambda: None, pausable=lambda on: None)
    item.progress(0.5, "half")
    for kind in (QAbstractButton, QLineEdit, QComboBox):
        for widget in application.window.findChildren(kind):
            if widget.isVisible():
                assert widget.accessibleName() or getattr(widget, "text", str)(), widget
    assert not application.window.grab().isNull()
