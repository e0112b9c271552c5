"""Forms, fields, dialogs: checked while one types, never blocking the event loop."""

from __future__ import annotations

import asyncio

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QScrollArea
from pytestqt.qtbot import QtBot

from console.commands import Affected, Confirmation
from console.tabs.data.dialogs import SamplesDialog
from console.widgets.forms.buttons import Button, IconButton
from console.widgets.forms.fields import ComboBox, IntField, LineEdit, NumberField
from console.widgets.forms.form import Form, Hint
from console.widgets.frames.confirm import ConfirmDialog
from console.widgets.frames.dialog import FormDialog
from tests.helpers.window import texts, until


@pytest.fixture
def form(qtbot: QtBot) -> Form:
    made = Form()
    qtbot.addWidget(made)
    made.add("name", "Name", LineEdit("dogs-1"), check=lambda value: None if value else "Give it a name")
    made.add_pair(
        ("kind", "Instance", ComboBox([("a", "ml.m5.xlarge"), ("b", "ml.m5.2xlarge")])),
        ("count", "Count", IntField(1), lambda value: Hint("Quota: 8 at once", "err") if value > 8 else None),
    )
    made.add("rate", "Learning rate", NumberField(1e-3), check=lambda value: "Not a number" if value is None else None)
    return made


def test_values_and_checks_while_typing(form: Form, qtbot: QtBot) -> None:
    form.show()
    assert form.values() == {"name": "dogs-1", "kind": "a", "count": 1, "rate": 0.001}
    field = form.row("name").field
    assert isinstance(field, LineEdit)
    with qtbot.waitSignal(form.changed):
        field.selectAll()
        qtbot.keyClick(field, Qt.Key.Key_Delete)
    assert not form.valid and form.row("name").hint_text == "Give it a name"
    assert field.property("invalid") is True and field.accessibleDescription() == "Give it a name"
    qtbot.keyClicks(field, "x")
    assert form.valid and form.row("name").hint_text == "" and field.property("invalid") is False


def test_what_is_empty_from_the_beginning_is_asked_for_and_no_fault(form: Form, qtbot: QtBot) -> None:
    row = form.add("view", "View", LineEdit(""), check=lambda value: None if value else "Give it a name")
    assert not form.valid and row.hint_text == "Give it a name" and not row.field.property("invalid")
    form.check()
    assert not row.field.property("invalid")
    qtbot.keyClicks(row.field, "x")
    qtbot.keyClick(row.field, Qt.Key.Key_Backspace)
    assert row.field.property("invalid") is True and row.hint_text == "Give it a name"


def test_numbers_are_typed_freely(form: Form) -> None:
    field = form.row("rate").field
    for text, value in (("3e-4", 0.0003), ("0,01", 0.01), ("inf", None), ("nan", None), ("abc", None)):
        field.setText(text)
        assert form.value("rate") == value
        assert form.valid == (value is not None)


def test_a_hint_from_elsewhere_lasts_until_the_next_edit(form: Form) -> None:
    form.row("name").hint("Taken", "err")
    assert not form.valid
    form.row("name").field.setText("dogs-2")
    assert form.valid and form.row("name").hint_text == ""


def test_set_values_ignores_unknown_keys(form: Form) -> None:
    form.set_values({"name": "x", "kind": "b", "count": 4, "unknown": 1})
    assert (form.value("name"), form.value("kind"), form.value("count")) == ("x", "b", 4)


def test_a_text_too_long_for_its_field_shows_how_it_begins(qtbot: QtBot) -> None:
    field = LineEdit("dogs")
    qtbot.addWidget(field)
    field.set_value("my-own-pictures-20261128-072837")
    assert field.cursorPosition() == 0


def test_a_choice_shortens_first_what_tells_least(qtbot: QtBot) -> None:
    box = ComboBox([("a", "my own pictures in sagedeck-123456789012-us-east-1")])
    qtbot.addWidget(box)
    metrics = box.fontMetrics()
    room = metrics.horizontalAdvance("my own pictures in sagedeck-12")
    assert not box.fitting(metrics, box.itemText(0), room).startswith("my own pictures in ")
    box.shorten_after = " in "
    assert box.fitting(metrics, box.itemText(0), room).startswith("my own pictures in sa")
    assert "…" in box.fitting(metrics, box.itemText(0), metrics.horizontalAdvance("my own"))
    assert box.fitting(metrics, "no bucket", 999) == "no bucket"


def test_items_that_begin_alike_are_told_apart_by_their_ends(qtbot: QtBot) -> None:
    names = [f"dogs-20261128-{time}, here" for time in ("101500", "143006", "143007")]
    box = ComboBox([(name, name) for name in names])
    qtbot.addWidget(box)
    metrics = box.fontMetrics()
    shown = [box.fitting(metrics, name, metrics.horizontalAdvance("dogs-2026…06, here")) for name in names]
    assert len(set(shown)) == 3 and all(text.startswith("…") for text in shown)
    box.set_items([("a", names[0]), ("b", "cats")])
    assert box.fitting(metrics, names[0], metrics.horizontalAdvance("dogs-2026…06, here")).startswith("dogs")


def test_new_items_keep_the_choice_and_tell_only_changes(qtbot: QtBot) -> None:
    box = ComboBox([("a", "A"), ("b", "B")], "b")
    qtbot.addWidget(box)
    told: list[object] = []
    box.chosen.connect(told.append)
    box.set_items([("b", "B"), ("c", "C")])
    assert box.value() == "b" and told == []
    box.set_items([("c", "C")])
    assert box.value() == "c" and told == ["c"]
    box.set_items([])
    assert box.value() is None


def test_the_wheel_changes_nothing_without_focus(form: Form) -> None:
    for key in ("count", "kind"):
        field = form.row(key).field
        before = form.value(key)
        modifiers = Qt.KeyboardModifier.NoModifier
        event = QWheelEvent(
            QPointF(5, 5), QPointF(5, 5), QPoint(0, -120), QPoint(0, -120), Qt.MouseButton.NoButton, modifiers,
            Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(field, event)
        assert form.value(key) == before


DELETION = Confirmation(
    "Delete dogs?",
    "It answered 52 requests.",
    confirm_label="Delete endpoint",
    also_deleted=(Affected("settings", "Config dogs-cfg"),),
    kept=(Affected("training", "Model dogs", "other uses it"),),
    stops_working=(Affected("lambda", "Function dog-predict", "12 calls a minute"),),
    saves="$0.460 an hour",
    type_name="dogs",
)


def test_deleting_needs_the_name(qtbot: QtBot) -> None:
    dialog = ConfirmDialog(DELETION, "aws sagemaker delete-endpoint --endpoint-name dogs")
    qtbot.addWidget(dialog)
    dialog.open()
    assert not dialog.confirm_button.isEnabled()
    qtbot.keyClicks(dialog.field, "dog")
    assert not dialog.confirm_button.isEnabled()
    qtbot.keyClicks(dialog.field, "s")
    assert dialog.confirm_button.isEnabled()
    # Who has begun to type still sees what is asked for.
    assert "Type dogs to confirm" in texts(dialog)
    qtbot.mouseClick(dialog.copy_button, Qt.MouseButton.LeftButton)
    assert QApplication.clipboard().text().endswith("--endpoint-name dogs")
    with qtbot.waitSignal(dialog.accepted):
        qtbot.keyClick(dialog.field, Qt.Key.Key_Return)


def test_return_does_not_delete_by_surprise(qtbot: QtBot) -> None:
    dialog = ConfirmDialog(Confirmation("Delete 2 objects?"))
    qtbot.addWidget(dialog)
    dialog.open()
    with qtbot.waitSignal(dialog.rejected):
        qtbot.keyClick(dialog, Qt.Key.Key_Return)


def test_long_names_are_shown_whole(qtbot: QtBot) -> None:
    name = "dogs-" + "very-long-" * 8
    dialog = ConfirmDialog(Confirmation(f"Delete {name}?", also_deleted=(Affected("file", name, "why"),)))
    qtbot.addWidget(dialog)
    dialog.open()
    assert dialog.heading.height() >= dialog.heading.heightForWidth(dialog.heading.width())
    dialog.close()


def test_a_dialog_knows_its_first_field_before_the_screen_has_made_it_active(qtbot: QtBot) -> None:
    form = Form()
    field = form.add("name", "Name", LineEdit("dogs")).field
    dialog = FormDialog("New endpoint", form, ok="Deploy")
    qtbot.addWidget(dialog)
    dialog.open()
    assert dialog.focusWidget() is field
    qtbot.waitUntil(field.hasFocus)
    dialog.reject()


async def test_asking_leaves_the_event_loop_running(qtbot: QtBot) -> None:
    form = Form()
    form.add("name", "Name", LineEdit(""), check=lambda value: None if value else "Give it a name")
    dialog = FormDialog("New endpoint", form, ok="Deploy")
    answer = asyncio.ensure_future(dialog.ask())
    await until(dialog.isVisible)
    assert not answer.done() and not dialog.ok_button.isEnabled()
    form.set_values({"name": "dogs"})
    assert dialog.ok_button.isEnabled()
    dialog.ok_button.click()
    assert await answer is True
    # A dialog that deleted itself when it was closed would be gone after this, and its form with it.
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert form.values() == {"name": "dogs"}


async def test_cancelling_the_question_closes_it(qtbot: QtBot) -> None:
    dialog = ConfirmDialog(Confirmation("Delete?"))
    answer = asyncio.ensure_future(dialog.ask())
    await until(dialog.isVisible)
    answer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answer
    assert not dialog.isVisible()


@pytest.mark.parametrize(
    ("typed", "value", "while_typing", "valid", "text", "afterwards"),
    [
        ("50", 32, "At most 32", True, "32", "At most 32: 50 became that"),
        ("9999", 32, "At most 32", True, "32", "At most 32: 9999 became that"),
        ("9" * 5000, 32, "At most 32", True, "32", "At most 32: "),
        ("1", 2, "At least 2", True, "2", "At least 2: 1 became that"),
        ("-3", 2, "At least 2", True, "2", "At least 2: -3 became that"),
        ("1.5", 7, "A whole number from 2 to 32", False, "7", "“1.5” is no whole number: 7 again"),
        ("1,000", 7, "A whole number from 2 to 32", False, "7", "“1,000” is no whole number: 7 again"),
        ("12x", 12, "A whole number from 2 to 32", False, "12", "“12x” is no whole number: 12 again"),
        ("12.0", 12, "", True, "12", ""),
        ("31", 31, "", True, "31", ""),
    ],
)
@pytest.mark.parametrize("suffix", ["", "min"])
def test_digits_are_never_dropped_and_what_becomes_of_them_is_said(
    qtbot, typed, value, while_typing, valid, text, afterwards, suffix
):
    form = Form()
    field = IntField(7, 2, 32, suffix=suffix)
    row = form.add("count", "Count", field)
    qtbot.addWidget(form)
    form.show()
    field.lineEdit().setSelection(0, 1)
    if len(typed) < 100:
        QTest.keyClicks(field.lineEdit(), typed)
    else:
        field.lineEdit().insert(typed)
        field.lineEdit().textEdited.emit(field.text())
    assert (field.value(), row.hint_text, row.valid) == (value, while_typing, valid)
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert field.lineEdit().text() == text + (f" {suffix}" if suffix else "")
    assert row.hint_text.startswith(afterwards) and bool(row.hint_text) == bool(afterwards)
    assert row.valid and field.value() == int(text)
    field.stepUp()
    assert row.hint_text == ""


def test_a_number_that_is_put_in_is_not_cut_silently_either(qtbot):
    form = Form()
    row = form.add("count", "Count", IntField(7, 1, 32))
    qtbot.addWidget(form)
    form.set_values({"count": 50})
    assert (row.value(), row.hint_text) == (32, "At most 32: 50 became that")
    form.set_values({"count": 20})
    assert (row.value(), row.hint_text) == (20, "")


def test_a_dialog_makes_room_for_a_hint_of_two_lines(qtbot):
    form = Form()
    form.add_pair(*((f"n{at}", f"Number {at}", IntField(7, 1, 32)) for at in range(3)))
    last = form.add("name", "Name", LineEdit("x"))
    dialog = FormDialog("Numbers", form)
    qtbot.addWidget(dialog)
    dialog.show()
    QTest.qWaitForWindowExposed(dialog)
    field = form.row("n0").field
    field.lineEdit().selectAll()
    QTest.keyClicks(field.lineEdit(), "9999")
    field.clearFocus()
    assert "became that" in form.row("n0").hint_text

    scroll = dialog.findChild(QScrollArea)

    def seen() -> bool:
        bottom = last.field.mapTo(dialog, QPoint(0, last.field.height())).y()
        return bottom <= scroll.mapTo(dialog, QPoint(0, scroll.height())).y()

    qtbot.waitUntil(seen)
    assert not scroll.verticalScrollBar().isVisible()


def test_a_dialog_that_is_done_goes_in_silence(qtbot):
    """Python takes a closed dialog's form away before Qt has taken both apart, and lays the form out once more."""
    with qtbot.captureExceptions() as raised:
        dialog = SamplesDialog()
        qtbot.addWidget(dialog)
        dialog.show()
        QTest.qWaitForWindowExposed(dialog)
        dialog.reject()
        form = dialog.form
        del dialog.form
        QApplication.sendEvent(form, QEvent(QEvent.Type.LayoutRequest))
        dialog.form = form
    assert raised == []


def test_a_question_that_is_done_goes_in_silence(qtbot: QtBot) -> None:
    with qtbot.captureExceptions() as raised:
        dialog = ConfirmDialog(DELETION)
        qtbot.addWidget(dialog)
        dialog.show()
        QTest.qWaitForWindowExposed(dialog)
        dialog.reject()
        listed = dialog.listed
        del dialog.listed
        QApplication.sendEvent(listed, QEvent(QEvent.Type.LayoutRequest))
        dialog.listed = listed
    assert raised == []


def test_a_field_is_given_as_what_it_is(qtbot: QtBot) -> None:
    form = Form()
    qtbot.addWidget(form)
    form.add("data", "Data", ComboBox([("a", "A")]))
    form.field("data", ComboBox).set_items([("b", "B")])
    form.row("data").set_value("b")
    assert form.value("data") == "b"
    with pytest.raises(TypeError, match="data is a ComboBox, no LineEdit"):
        form.field("data", LineEdit)


def test_return_presses_the_button_that_has_the_keyboard_and_not_the_default_one(qtbot: QtBot) -> None:
    made = Form()
    made.add("name", "Name", LineEdit("dogs"))
    dialog = FormDialog("New endpoint", made, ok="Deploy")
    qtbot.addWidget(dialog)
    pressed: list[str] = []
    copy, cross = Button("Copy", on=lambda: pressed.append("copy")), IconButton("close", "Close")
    cross.clicked.connect(lambda: pressed.append("cross"))
    for button in (copy, cross):
        dialog.body.addWidget(button)
    dialog.open()
    for button in (copy, cross):
        qtbot.keyClick(button, Qt.Key.Key_Return)
        qtbot.keyClick(button, Qt.Key.Key_Enter, Qt.KeyboardModifier.KeypadModifier)
    assert pressed == ["copy", "copy", "cross", "cross"] and dialog.isVisible()
    qtbot.keyClick(dialog.cancel_button, Qt.Key.Key_Return)
    assert not dialog.isVisible() and dialog.result() == 0
    dialog.open()
    qtbot.keyClick(made.row("name").field, Qt.Key.Key_Return)
    assert dialog.result() == 1, "in a field it is still the default button"
