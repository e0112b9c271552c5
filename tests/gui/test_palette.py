"""The palette, by the keyboard alone: it finds, does, refuses with the reason, remembers, and forgets accounts."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from console.widgets.forms.buttons import Button
from console.widgets.forms.segmented import Segmented
from tests.helpers.inventory import FakeInventory, pictured, resource
from tests.helpers.window import AWS, FakeServices, RecordingTab, activate, connect, shown, until
from workers.inventory.types import Inventory

CONTROL = Qt.KeyboardModifier.ControlModifier


async def opened(make_application):
    application = await shown(make_application)
    services = await connect(application)
    services.inventory = FakeInventory(pictured())
    services.inventory.known = Inventory(pictured())
    window = application.window
    window.show_tab("data")
    await activate(window)
    QTest.keyClick(window, Qt.Key.Key_K, CONTROL)
    return application, window.palette_panel


def press(palette, *keys):
    for key in keys:
        if isinstance(key, str):
            QTest.keyClicks(palette.field, key)
        else:
            QTest.keyClick(palette.field, key)


def titles(palette):
    return [entry.title for entry in palette.lines.shown]


async def test_a_tab_is_opened_by_three_keys(make_application):
    application, palette = await opened(make_application)
    assert palette.isVisible() and palette.field.hasFocus()
    press(palette, "pre", Qt.Key.Key_Return)
    assert not palette.isVisible()
    assert application.window.pages.current_id == "predict"


async def test_escape_gives_the_keyboard_back(make_application):
    application, palette = await opened(make_application)
    press(palette, Qt.Key.Key_Escape)
    place = application.window.header.switch
    place.setFocus()
    QTest.keyClick(application.window, Qt.Key.Key_K, CONTROL)
    assert palette.field.hasFocus() and palette.field.text() == ""
    press(palette, "zzzz", Qt.Key.Key_Return)
    assert palette.isVisible() and "Nothing fits" in palette.note.text()
    press(palette, Qt.Key.Key_Escape)
    assert not palette.isVisible() and place.hasFocus()


async def test_a_resource_opens_in_its_tab_and_a_setting_is_set(make_application):
    application, palette = await opened(make_application)
    press(palette, "classifier multi")
    assert titles(palette)[0] == "dog-classifier-multi"
    asked = []
    application.ctx.navigateRequested.connect(lambda tab, payload: asked.append((tab, payload)))
    press(palette, Qt.Key.Key_Return)
    assert asked == [("endpoints", {"endpoint": "dog-classifier-multi"})]
    QTest.keyClick(application.window, Qt.Key.Key_K, CONTROL)
    press(palette, "colours dark", Qt.Key.Key_Return)
    assert application.settings.theme == "dark"
    # It cannot be done again: it is not what Return would do next.
    QTest.keyClick(application.window, Qt.Key.Key_K, CONTROL)
    assert titles(palette)[0] == "dog-classifier-multi"


async def test_what_is_not_possible_is_there_with_the_reason_and_does_nothing(make_application):
    application, palette = await opened(make_application)
    press(palette, "stop the sandbox")
    [stop] = [entry for entry in palette.lines.shown if entry.title == "Stop the sandbox"]
    application.connection.choice = SimpleNamespace(kind="aws", key="aws:work")
    press(palette, Qt.Key.Key_Escape)
    QTest.keyClick(application.window, Qt.Key.Key_K, CONTROL)
    press(palette, "stop the sandbox")
    assert stop.why_not == "" and palette.lines.shown[0].why_not == "The sandbox does not run"
    press(palette, Qt.Key.Key_Return)
    assert palette.isVisible() and "does not run" in palette.note.text()


async def test_what_was_used_stands_first_in_this_account_alone(make_application):
    application, palette = await opened(make_application)
    press(palette, "predict", Qt.Key.Key_Return)
    QTest.keyClick(application.window, Qt.Key.Key_K, CONTROL)
    assert titles(palette)[0] == "Predict"
    press(palette, Qt.Key.Key_Escape)
    application.ctx.leave()
    other = FakeServices(AWS, "999999999999")
    application.ctx.enter(AWS, other, await other.identity())
    QTest.keyClick(application.window, Qt.Key.Key_K, CONTROL)
    assert palette.recent() == []
    assert titles(palette)[0] != "Predict" and "dog-classifier-multi" not in titles(palette)


async def test_leaving_the_account_closes_it_and_forgets_its_resources(make_application):
    application, palette = await opened(make_application)
    press(palette, "dog-")
    assert "dog-trainer" in titles(palette)
    application.ctx.leave()
    assert not palette.isVisible() and palette.lines.shown == []
    QTest.keyClick(application.window, Qt.Key.Key_K, CONTROL)
    press(palette, "dog-")
    assert "dog-trainer" not in titles(palette)


async def test_it_has_room_in_a_small_window_with_the_largest_text(make_application):
    application, palette = await opened(make_application)
    application.ctx.theme.set_scale(1.3)
    application.window.resize(1024, 700)
    assert application.window.rect().contains(palette.geometry().adjusted(20, 20, -20, -20))
    assert palette.list.height() > 5 * palette.list.sizeHintForRow(0)


async def test_buttons_of_pages_are_actions_too(make_application):
    application, palette = await opened(make_application)
    assert isinstance(application.window.pages.current_tab, RecordingTab)
    press(palette, Qt.Key.Key_Escape)
    pressed = []
    button = Button("Sample pictures…", on=lambda: pressed.append(True))
    application.window.pages.current_tab.head.add(button)
    await until(button.isVisible)
    QTest.keyClick(application.window, Qt.Key.Key_K, CONTROL)
    press(palette, "sample", Qt.Key.Key_Return)
    assert pressed == [True]


async def test_the_pages_of_tabs_are_found_and_turned_to(make_application):
    application, palette = await opened(make_application)
    press(palette, Qt.Key.Key_Escape)
    pages = application.window.pages
    switch = Segmented([("pictures", "Pictures"), ("evaluations", "Evaluations"), ("none", "Evaluated never")])
    switch.set_segment_enabled("none", False)
    pages.tab("predict").head.add(switch)
    QTest.keyClick(application.window, Qt.Key.Key_K, CONTROL)
    press(palette, "evaluat")
    [found, never] = palette.lines.shown
    assert (found.title, found.detail, found.why_not) == ("Evaluations", "Page of Predict", "")
    assert never.why_not == "Not for what is chosen there"
    press(palette, Qt.Key.Key_Return)
    assert pages.current_id == "predict" and switch.current == "evaluations" and switch.hasFocus()
    QTest.keyClick(application.window, Qt.Key.Key_K, CONTROL)
    press(palette, "evaluations")
    assert palette.lines.shown[0].why_not == "It is shown already"


async def test_what_a_command_made_is_found_at_once_and_before_that_it_is_being_read(make_application):
    application, palette = await opened(make_application)
    inventory = application.ctx.services.inventory
    await until(lambda: inventory.asked and not application.ctx.tasks.running("palette"))
    press(palette, Qt.Key.Key_Escape)
    answer = asyncio.Event()
    inventory.answered = answer.wait
    inventory.rows = (*pictured(), resource("training-job", "made-just-now"))
    application.ctx.resourceChanged.emit("job", "made-just-now")
    asked = len(inventory.asked)
    QTest.keyClick(application.window, Qt.Key.Key_K, CONTROL)
    await until(lambda: len(inventory.asked) > asked)
    press(palette, "made-just")
    assert titles(palette) == [] and "is being read again" in palette.note.text()
    answer.set()
    await until(lambda: titles(palette) == ["made-just-now"])


async def test_a_page_that_was_never_shown_does_not_say_what_is_impossible(make_application, monkeypatch):
    application, palette = await opened(make_application)
    press(palette, Qt.Key.Key_Escape)
    tab = application.window.pages.tab("predict")
    monkeypatch.setattr(type(tab), "entered", False)
    pressed = []
    button = Button("Launch instance…", on=lambda: pressed.append(True))
    button.setEnabled(False)
    tab.head.add(button)
    tab.activate = lambda payload=None: button.setEnabled(True)
    QTest.keyClick(application.window, Qt.Key.Key_K, CONTROL)
    press(palette, "launch inst")
    first = palette.lines.shown[0]
    assert first.why_not == "" and "not looked at yet" in first.detail
    press(palette, Qt.Key.Key_Return)
    assert pressed == [True] and application.window.pages.current_id == "predict"
