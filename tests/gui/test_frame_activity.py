"""The activity panel, the status bar and the toasts."""

from __future__ import annotations

import logging
from types import SimpleNamespace

from PySide6.QtCore import QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QEnterEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from console.activity.model import ActivityItem
from console.widgets.base import below
from console.widgets.charts.progress import ProgressBar
from console.widgets.forms.buttons import Button, IconButton
from console.window.activity_rows import FinishedRow, RunningRow, duration
from console.window.popover import SHADOW
from console.window.toasts import ACTION_SECONDS
from tests.helpers.faults import faults
from tests.helpers.window import RecordingTab, RefusingTab, activate, connect, saying, shown, until


async def opened(make_application):
    application = make_application()
    application.window.resize(1440, 900)
    application.show(connect=False)
    await connect(application)
    return application, application.window.panel


def rows(panel, kind):
    return [row for row in panel.findChildren(kind) if not row.isHidden()]


def texts(widget):
    return [label.text() for label in widget.findChildren(QLabel) if not label.isHidden()]


async def test_ctrl_l_opens_and_closes_the_panel_in_its_corner(make_application):
    application, panel = await opened(make_application)
    window = application.window
    await activate(window)
    assert not panel.isVisible()
    QTest.keyClick(window, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)
    assert panel.isVisible()
    box = panel.geometry().adjusted(SHADOW, SHADOW, -SHADOW, -SHADOW)
    assert (box.width(), window.width() - box.right() - 1) == (448, 16)
    assert box.bottom() < window.status.y()
    assert panel.segments.hasFocus()
    QTest.keyClick(panel.segments, Qt.Key.Key_Escape)
    assert not panel.isVisible()


async def test_the_panel_fits_a_small_window(make_application):
    application, panel = await opened(make_application)
    application.window.resize(900, 600)
    application.window.toggle_activity()
    box = panel.geometry().adjusted(SHADOW, SHADOW, -SHADOW, -SHADOW)
    assert application.window.rect().contains(box) and box.top() > application.window.header.height()


async def test_running_work_shows_its_progress_and_can_be_paused_and_cancelled(make_application):
    application, panel = await opened(make_application)
    application.window.toggle_activity()
    told = []
    item = application.activity.begin(
        "Uploading dogs", "upload", cancellable=lambda: told.append("cancel"), pausable=told.append
    )
    item.progress(0.64, "5,344 of 8,351 files")
    await until(lambda: rows(panel, RunningRow))
    [row] = rows(panel, RunningRow)
    assert "64 %" in texts(row) and "5,344 of 8,351 files" in texts(row)
    assert row.findChild(ProgressBar).fraction == 0.64
    saying(IconButton, row, "Pause Uploading dogs").click()
    saying(IconButton, row, "Cancel Uploading dogs").click()
    assert told == [True, "cancel"] and "Paused" in texts(row)
    assert panel.segments.texts()[0] == "Running 1"
    status = application.window.status
    assert status.state.text() == "1 running" and status.title.text() == "Uploading dogs"
    item.done()
    assert rows(panel, RunningRow) == [] and status.state.text() == "Nothing is running"


async def test_unknown_progress_shows_the_time(make_application, monkeypatch):
    monkeypatch.setattr(ActivityItem, "seconds", 48.0)
    application, panel = await opened(make_application)
    application.window.toggle_activity()
    application.activity.begin("Creating dogs", "endpoints").progress(None, "usually 4 to 6 min")
    await until(lambda: rows(panel, RunningRow))
    [row] = rows(panel, RunningRow)
    assert row.findChild(ProgressBar).fraction is None and "48 s" in texts(row)
    assert not any(button.isVisible() for button in row.findChildren(IconButton))


async def test_history_offers_the_cli_line_and_the_retry(make_application):
    application, panel = await opened(make_application)
    retried = []
    application.activity.begin("Delete dogs", "bucket").done("3 objects", cli="aws s3 rb s3://dogs --force")
    application.activity.begin("Launch", "training").fail("ResourceLimitExceeded", retry=lambda: retried.append(1))
    application.window.toggle_activity()
    panel.segments.set_current("history")
    await until(lambda: rows(panel.pages.currentWidget(), FinishedRow))
    buttons = {
        button.text(): button
        for row in rows(panel.pages.currentWidget(), FinishedRow)
        for button in row.findChildren(Button)
    }
    buttons["Copy as CLI"].click()
    assert QGuiApplication.clipboard().text() == "aws s3 rb s3://dogs --force"
    buttons["Retry"].click()
    assert retried == [1]
    panel.clear_button.click()
    assert rows(panel.pages.currentWidget(), FinishedRow) == [] and application.activity.history == []


async def test_a_long_history_comes_in_pages(make_application):
    application, panel = await opened(make_application)
    for number in range(95):
        application.activity.begin(f"Task {number}", "ok").done()
    application.window.toggle_activity()
    panel.segments.set_current("history")
    page = panel.pages.currentWidget()
    await until(lambda: len(rows(page, FinishedRow)) == 40)
    [more] = [button for button in page.findChildren(Button) if "older" in button.text()]
    more.click()
    await until(lambda: len(rows(page, FinishedRow)) == 80)


async def test_the_log_follows_what_the_program_says(make_application):
    application, panel = await opened(make_application)
    logging.getLogger("workers.storage.buckets").info("created the bucket dogs")
    application.window.toggle_activity()
    panel.segments.set_current("log")
    assert "created the bucket dogs" in panel.log.toPlainText()
    logging.getLogger("console.app").warning("key AKIAIOSFODNN7EXAMPLE")
    await until(lambda: "[access key]" in panel.log.toPlainText())
    before = panel.log.toPlainText().count("created the bucket")
    application.settings.set("theme", "dark")
    assert panel.log.toPlainText().count("created the bucket") == before == 1


async def test_history_and_log_can_be_filtered(make_application):
    application, panel = await opened(make_application)
    for number in range(50):
        application.activity.begin(f"Delete bucket b{number}", "trash").done()
    application.activity.begin("Launch dogs", "training").fail("ResourceLimitExceeded")
    application.window.toggle_activity()
    assert not panel.search.isVisible()
    panel.segments.set_current("history")
    panel.search.setText("launch failed")
    await until(lambda: [row.item.title for row in rows(panel.pages.currentWidget(), FinishedRow)] == ["Launch dogs"])
    panel.search.setText("nothing like it")
    await until(lambda: "Nothing matches. 51 are hidden by the filter." in texts(panel))
    next(button for button in rows(panel, Button) if button.text() == "Clear filter").click()
    await until(lambda: len(rows(panel.pages.currentWidget(), FinishedRow)) == 40)
    logging.getLogger("console.app").info("first words")
    logging.getLogger("console.app").info("second words")
    panel.segments.set_current("log")
    panel.search.setText("SECOND")
    await until(lambda: panel.log.toPlainText().endswith("second words") and "first" not in panel.log.toPlainText())
    panel.search.clear()
    await until(lambda: "first words" in panel.log.toPlainText())


async def test_messages_stack_above_the_status_bar_and_repeat_as_a_count(make_application):
    application, _ = await opened(make_application)
    notify, toasts = application.notify, application.window.toasts
    for _ in range(3):
        notify.warn("Throttled", "AWS asks to slow down.")
    notify.error("Could not delete", "It is in use.")
    assert [texts(toast)[0] for toast in toasts.shown] == ["Throttled (3 times)", "Could not delete"]
    boxes = [toast.geometry() for toast in toasts.shown]
    assert boxes[0].bottom() - SHADOW < boxes[1].top() + SHADOW
    assert boxes[1].bottom() - SHADOW < application.window.status.y()


async def test_only_the_newest_two_messages_show(make_application):
    application, _ = await opened(make_application)
    for number in range(5):
        application.notify.error(f"Error {number}")
    assert [toast.notice.title for toast in application.window.toasts.shown] == ["Error 3", "Error 4"]


async def test_a_message_s_button_acts_once_and_goes(make_application):
    application, _ = await opened(make_application)
    done = []
    application.notify.warn("Read-only", action=("Turn it off", lambda: done.append(1)))
    [toast] = application.window.toasts.shown
    saying(Button, toast, "Turn it off").click()
    assert done == [1] and application.window.toasts.shown == []


async def test_a_success_goes_by_itself_and_an_error_stays(make_application, monkeypatch):
    monkeypatch.setattr("console.window.toasts.SECONDS", {"success": 0.05, "error": 0, "info": 1, "warn": 1})
    application, _ = await opened(make_application)
    # An error that went by itself, too, would go before what was told later.
    application.notify.error("Failed")
    application.notify.success("Uploaded")
    toasts = application.window.toasts
    await until(lambda: [toast.notice.title for toast in toasts.shown] == ["Failed"])


async def test_a_message_waits_only_while_the_pointer_is_on_it(make_application, monkeypatch):
    """One that comes or moves under a pointer at rest is told of it by no event, or not of its end."""
    monkeypatch.setattr("console.window.toasts.SECONDS", {"success": 0.05, "error": 0, "info": 1, "warn": 1})
    application, _ = await opened(make_application)
    toasts = application.window.toasts
    at = application.window.mapToGlobal(QPoint(0, 0))
    monkeypatch.setattr("console.window.toasts.QCursor", SimpleNamespace(pos=lambda: at), raising=False)
    application.notify.success("Uploaded")
    [toast] = toasts.shown
    # As Qt tells it of a box that is made under the pointer and put elsewhere.
    QApplication.sendEvent(toast, QEnterEvent(QPointF(1, 1), QPointF(1, 1), QPointF(at)))
    await until(lambda: toasts.shown == [])
    application.notify.success("Uploaded")
    [toast] = toasts.shown
    at = toast.mapToGlobal(toast.rect().center())
    [timer] = toast.findChildren(QTimer)
    timer.timeout.emit()
    assert toasts.shown == [toast] and timer.isActive()


async def test_a_message_with_a_button_waits_longer_and_for_the_keyboard(make_application, monkeypatch):
    application, _ = await opened(make_application)
    application.notify.success("3 objects deleted", action=("Restore", lambda: None))
    toasts = application.window.toasts
    [toast] = toasts.shown
    [timer] = toast.findChildren(QTimer)
    assert timer.interval() == ACTION_SECONDS * 1000
    # It is no passing remark: it stays when the operator looks at another tab.
    toasts.clear_passing()
    assert toasts.shown == [toast]
    [restore] = [button for button in toast.findChildren(Button) if button.text() == "Restore"]
    await activate(application.window)
    restore.setFocus()
    timer.timeout.emit()
    assert toasts.shown == [toast] and timer.isActive()


async def test_a_message_that_was_read_is_one_line_with_its_button(make_application, monkeypatch):
    application, _ = await opened(make_application)
    toasts = application.window.toasts
    away = application.window.mapToGlobal(QPoint(0, 0))
    at = [away]
    monkeypatch.setattr("console.window.toasts.QCursor", SimpleNamespace(pos=lambda: at[0]), raising=False)
    pressed = []
    application.notify.success(
        "dogs is ready", "It answers, and it bills. " * 6, action=("Open", lambda: pressed.append(1))
    )
    [toast] = toasts.shown
    whole = toast.height()
    assert not toast.settle()
    monkeypatch.setattr("console.window.toasts.READ_MS", {"success": 0, "info": 0})
    await until(lambda: toast.brief and toast.height() < whole - 30)
    [button] = [button for button in below(toast, Button) if button.text() == "Open"]
    assert button.isVisible() and abs(button.geometry().center().y() - toast.rect().center().y()) < 4
    assert "It answers" in toast.accessibleName() and faults(toast) == []
    # On its button or its cross it stays where it is: they would be elsewhere once they are pressed.
    cross = next(found for found in below(toast, IconButton))
    for part in (button, cross):
        at[0] = part.mapToGlobal(part.rect().center())
        assert not toast.settle() and toast.brief
    # Under the pointer it is whole again.
    at[0] = toast.mapToGlobal(toast.rect().center())
    await until(lambda: not toast.brief and toast.height() == whole)
    at[0] = away
    await until(lambda: toast.brief)
    button.click()
    assert pressed == [1] and toasts.shown == []


async def test_two_messages_stand_at_once_and_what_only_tells_goes_first(make_application):
    application, _ = await opened(make_application)
    application.notify.info("Delete dogs: sent in 10 s", action=("Undo", lambda: None))
    application.notify.success("Uploaded")
    application.notify.success("Checked")
    shown_ = [toast.notice.title for toast in application.window.toasts.shown]
    assert shown_ == ["Delete dogs: sent in 10 s", "Checked"]
    application.notify.error("Failed")
    assert [toast.notice.title for toast in application.window.toasts.shown] == [shown_[0], "Failed"]


async def test_a_message_about_a_thing_goes_with_it(make_application):
    application, _ = await opened(make_application)
    notify, toasts = application.notify, application.window.toasts
    notify.success("dogs is in service", action=("Test…", lambda: None), about=("endpoint", "dogs"))
    notify.success("lab is ready", action=("Open", lambda: None), about=("notebook", "lab"))
    notify.keep_only("endpoint", {"dogs", "cats"})
    assert len(toasts.shown) == 2
    notify.keep_only("endpoint", {"cats"})
    assert [toast.notice.title for toast in toasts.shown] == ["lab is ready"]
    notify.keep_only("notebook", set())
    assert toasts.shown == []


async def test_messages_stand_beside_the_side_panel_and_go_with_the_tab(make_application):
    application = await shown(make_application, [RecordingTab.spec, RefusingTab.spec])
    tab = application.window.pages.current_tab
    tab.set_side(QWidget(), "Details", width=400)
    application.notify.success("Uploaded")
    application.notify.error("Failed")
    for toast in application.window.toasts.shown:
        right = toast.mapTo(application.window, toast.rect().topRight()).x() - SHADOW
        assert right < tab.mapTo(application.window, tab.rect().topRight()).x() - 400
    application.window.show_tab("training")
    assert [toast.notice.title for toast in application.window.toasts.shown] == ["Failed"]
    [toast] = application.window.toasts.shown
    QTest.keyClick(toast, Qt.Key.Key_Escape)
    assert application.window.toasts.shown == []


def test_durations_read_naturally():
    assert [duration(value) for value in (0.4, 59, 192, 7500)] == ["0 s", "59 s", "3 min 12 s", "2 h 5 min"]


async def test_the_keyboard_stays_in_a_row_that_is_built_anew_or_in_the_panel(make_application):
    application, panel = await opened(make_application)
    await activate(application.window)
    model = application.activity
    item = model.begin("Scale dogs", "scaling")
    item.put_back = lambda: None
    item.done("1 to 4")

    def button():
        [row] = [row for row in rows(panel.pages.currentWidget(), FinishedRow) if row.item is item]
        return saying(Button, row, "Put back")

    application.window.toggle_activity()
    await until(lambda: rows(panel, FinishedRow))
    left = button()
    left.setFocus()
    model.begin("Another thing", "data").done("")
    await until(lambda: len(rows(panel, FinishedRow)) == 2 and button() is not left and button().hasFocus())
    panel.segments.set_current("history")
    await until(lambda: len(rows(panel.pages.currentWidget(), FinishedRow)) == 2)
    button().setFocus()
    model.begin("A third thing", "data").done("")
    await until(lambda: len(rows(panel.pages.currentWidget(), FinishedRow)) == 3 and button().hasFocus())
    panel.segments.set_current("running")
    await until(lambda: button().isVisible())
    button().setFocus()
    item.put_back = None
    model.begin("Put back: Scale dogs", "scaling").done("")
    await until(panel.segments.hasFocus)
    QTest.keyClick(panel.segments, Qt.Key.Key_Escape)
    assert not panel.isVisible()
