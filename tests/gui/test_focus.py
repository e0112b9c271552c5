"""Where the keyboard goes when the button under it vanishes: to the sensible next thing, never to a random one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import shiboken6
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QListView, QStackedWidget, QVBoxLayout, QWidget

from console.tabs.training.tab import TrainingTab
from console.widgets.base import below
from console.widgets.forms.buttons import Button
from console.widgets.forms.fields import LineEdit
from console.widgets.forms.focus import give
from console.widgets.frames.confirm import ConfirmDialog
from console.widgets.frames.dialog import Dialog
from tests.helpers.data_tab import checked, connected, in_bucket, open_tab
from tests.helpers.endpoints_tab import listed
from tests.helpers.endpoints_tab import open_tab as open_endpoints
from tests.helpers.models import ModelServices, endpoint
from tests.helpers.pictures import make_folder
from tests.helpers.sandbox import SandboxProcess
from tests.helpers.scenes import stage_of
from tests.helpers.window import activate, dialog_of, until


class Page(QWidget):
    """A header that is random, a list, a panel with buttons, another panel."""

    def __init__(self) -> None:
        super().__init__()
        self.account = Button("Account")
        self.page = QWidget()
        self.rows = QListView()
        self.panel = QFrame()
        self.go, self.copy = Button("Go", "primary"), Button("Copy as CLI")
        self.pause, self.delete = Button("Pause"), Button("Delete…", "dangerText")
        self.other = QFrame()
        self.samples = Button("Sample pictures…")
        column = QVBoxLayout(self)
        column.addWidget(self.account)
        column.addWidget(self.page)
        inner = QVBoxLayout(self.page)
        for part in (self.samples, self.rows, self.panel, self.other):
            inner.addWidget(part)
        line = QHBoxLayout(self.panel)
        for part in (self.delete, self.copy, self.pause, self.go):
            line.addWidget(part)
        self.pause.hide()
        self.field = LineEdit("name")
        QHBoxLayout(self.other).addWidget(self.field)


async def shown(qtbot: Any) -> Page:
    page = Page()
    qtbot.addWidget(page)
    page.show()
    await activate(page)
    return page


async def held_by(widget: QWidget) -> None:
    await until(lambda: QApplication.focusWidget() is widget)


Step = Callable[[Page], None]
CASES: dict[str, tuple[str, Step, str]] = {
    "a button that took its place": ("go", lambda page: (page.go.hide(), page.pause.show()), "copy"),
    "the new primary button": ("pause", lambda page: (page.pause.hide(), page.go.setEnabled(True)), "go"),
    "the list, after a deletion": ("delete", lambda page: page.delete.setEnabled(False), "rows"),
    "the same words elsewhere": (
        "copy",
        lambda page: (page.copy.hide(), page.samples.setText("Copy as CLI")),
        "samples",
    ),
    "another panel, when its own is gone": ("field", lambda page: page.other.hide(), "go"),
    "itself, when it was off for a moment": ("go", lambda page: (page.go.hide(), page.go.show()), "go"),
    "where the code puts it": ("go", lambda page: (page.go.hide(), page.samples.setFocus()), "samples"),
    "where the code gives it, though Qt did before": (
        "go",
        lambda page: (page.go.hide(), give(page.field)),
        "field",
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_the_keyboard_goes_to(qtbot: Any, name: str) -> None:
    start, step, end = CASES[name]
    page = await shown(qtbot)
    page.pause.setVisible(start == "pause")
    getattr(page, start).setFocus()
    await held_by(getattr(page, start))
    step(page)
    await held_by(getattr(page, end))


async def test_an_heir_comes_first_and_one_that_is_hidden_does_not(qtbot: Any) -> None:
    page = await shown(qtbot)
    page.go.heir = page.rows
    page.go.setFocus()
    page.go.setEnabled(False)
    await held_by(page.rows)
    page.go.setEnabled(True)
    page.go.setFocus()
    page.rows.hide()
    page.go.setEnabled(False)
    await held_by(page.copy)


async def test_an_heir_that_is_not_there_yet_names_the_next_one(qtbot: Any) -> None:
    """The first job is launched: the list of jobs is still empty, and the switch above the form is no place."""
    page = await shown(qtbot)
    page.go.heir, page.rows.heir = page.rows, page.samples  # type: ignore[attr-defined]
    page.rows.hide()
    page.go.setFocus()
    page.go.setEnabled(False)
    await held_by(page.samples)


async def test_a_long_way_through_a_dialog_does_not_forget_the_page(qtbot: Any) -> None:
    """A path that is typed into a file dialog goes through its list of proposals at every letter."""
    page = await shown(qtbot)
    page.go.setFocus()
    page.samples.setFocus()
    await held_by(page.samples)
    dialog = Dialog("Choose", parent=page)
    fields = [LineEdit(str(at)) for at in range(30)]
    for field in fields:
        dialog.body.addWidget(field)
    dialog.open()
    await until(lambda: QApplication.activeWindow() is dialog)
    for field in fields:
        field.setFocus()
    page.samples.hide()
    dialog.accept()
    await activate(page)
    await held_by(page.go)


async def test_it_comes_back_from_a_dialog_to_the_page_and_not_to_the_first_button(qtbot: Any) -> None:
    """The button that opened the dialog is gone when it closes: as after a file was chosen or an endpoint deleted."""
    for start, end in (("samples", "go"), ("delete", "rows")):
        page = await shown(qtbot)
        button = getattr(page, start)
        button.setFocus()
        await held_by(button)
        dialog = Dialog("Sure?", parent=page)
        dialog.buttons.addWidget(Button("OK", "primary", on=dialog.accept))
        dialog.open()
        await until(lambda dialog=dialog: QApplication.activeWindow() is dialog)
        button.hide()
        dialog.accept()
        await activate(page)
        await held_by(getattr(page, end))


async def test_a_deleted_button_leaves_the_keyboard_nowhere_dangerous(qtbot: Any) -> None:
    page = await shown(qtbot)
    page.samples.setFocus()
    QWidget.setTabOrder(page.samples, page.delete)
    shiboken6.delete(page.samples)
    await until(lambda: QApplication.focusWidget() is not page.delete)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("sandbox") / "state") as process:
        yield process


async def test_along_an_upload(make_application: Callable[..., Any], sandbox: SandboxProcess, tmp_path: Path) -> None:
    """From the choice of a folder to the training, by the keyboard alone: each time on what comes next."""
    application, tab = open_tab(make_application)
    services = await connected(application, sandbox)
    await in_bucket(tab, services, "focus")
    await activate(application.window)
    make_folder(tmp_path / "dogs", 2, 9, size=(60, 50), seed=1)
    choose = next(button for button in below(tab, Button) if button.text() == "Choose folder…" and button.isVisible())
    choose.setFocus()
    await checked(tab, tmp_path / "dogs")
    await held_by(tab.folder_panel.choose_button)
    panel = tab.upload_panel
    panel.upload_button.setFocus()
    panel.upload_button.click()
    await held_by(panel.pause_button)
    await until(lambda: tab.uploading.state == "done")
    await held_by(panel.train_button)


async def test_after_deleting_an_endpoint_the_keyboard_is_in_the_list(make_application: Callable[..., Any]) -> None:
    services = ModelServices()
    services.endpoint_rows = [endpoint("dogs"), endpoint("cats")]
    application, tab = open_endpoints(make_application, services)
    await listed(tab, services)
    await activate(application.window)
    tab.table.select_keys(["dogs"])
    await until(tab.panel.delete_button.isEnabled)
    tab.panel.delete_button.setFocus()
    tab.panel.delete_button.click()
    question = await dialog_of(ConfirmDialog, application.window)
    question.field.set_value("dogs")
    question.confirm_button.click()
    await until(lambda: services.done == [("delete", "dogs")] and tab.table.model.row_of("dogs") is None)
    await activate(application.window)
    await held_by(tab.table.view)


async def test_launching_hands_the_keyboard_to_the_list_of_jobs(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    stage = await stage_of(make_application, tmp_path)
    stage.window.show_tab("training")
    await activate(stage.window)
    await until(lambda: isinstance(stage.window.pages.current_tab, TrainingTab))
    tab = stage.window.pages.current_tab
    await until(lambda: tab.table.view.isVisible())
    tab.form.launch_button.setEnabled(True)
    tab.form.launch_button.setFocus()
    await held_by(tab.form.launch_button)
    tab.form.busy = True
    tab.form.update_state()
    await held_by(tab.table.view)
    stage.close()


async def test_what_vanished_before_moves_the_keyboard_no_more_once_it_was_put_somewhere(qtbot: Any) -> None:
    """All in one turn: a button goes, the code puts the keyboard elsewhere, and that is left for a while."""
    page = await shown(qtbot)
    page.go.setFocus()
    await held_by(page.go)
    page.go.hide()
    page.samples.setFocus()
    page.samples.clearFocus()
    # The next timers of this turn, that of the guard among them.
    for _ in range(3):
        await asyncio.sleep(0)
        QApplication.processEvents()
    assert QApplication.focusWidget() is None


@pytest.mark.parametrize("way", ["give", "setFocus"])
async def test_a_page_that_is_not_shown_does_not_take_the_keyboard_and_begins_there_later(qtbot: Any, way: str) -> None:
    stack = QStackedWidget()
    qtbot.addWidget(stack)
    pages = [QWidget(), QWidget()]
    buttons = [Button("First"), Button("Second")]
    for page, button in zip(pages, buttons, strict=True):
        QVBoxLayout(page).addWidget(button)
        stack.addWidget(page)
    stack.show()
    await activate(stack)
    buttons[0].setFocus()
    await held_by(buttons[0])
    if way == "give":
        give(buttons[1])
    else:
        buttons[1].setFocus()
    assert QApplication.focusWidget() is buttons[0]
    assert pages[1].focusWidget() is buttons[1]
