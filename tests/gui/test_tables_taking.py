"""Every list: cells and rows to the clipboard, rows into a file, and views under a name, by mouse and by keyboard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit

from console.models.columns import Column
from console.widgets.forms.buttons import Button
from console.widgets.frames.dialog import FormDialog
from console.widgets.tables.search_field import SearchField
from console.widgets.tables.table import ResourceTable
from tests.helpers.window import SPECS, connect, saying, shown, until

COLUMNS = (
    Column("name", "Name", kind="name", priority=0),
    Column("state", "State", kind="state"),
    Column("size", "Size", kind="number", priority=3),
)
ROWS = [{"name": f"dogs-{at}", "state": "InService" if at % 2 else "Failed", "size": at * 1000} for at in range(4)]


class Memory:
    """Settings of one run."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def value(self, key: str, default: dict[str, Any]) -> dict[str, Any]:
        return json.loads(json.dumps(self.kept.get(key, default)))

    def set(self, key: str, value: dict[str, Any]) -> None:
        self.kept[key] = json.loads(json.dumps(value))


def made(qtbot: Any, memory: Memory | None = None, name: str = "dogs") -> tuple[ResourceTable, SearchField]:
    table, search = ResourceTable(COLUMNS, key="name", name="Dogs", sort=("name", "asc")), SearchField()
    for widget in (table, search):
        qtbot.addWidget(widget)
    table.search_by(search)
    if memory is not None:
        table.remember(memory, name)
    table.set_rows(ROWS)
    table.resize(600, 300)
    table.show()
    return table, search


def entry(table: ResourceTable, *path: str, clicked: int = -1) -> Any:
    menu = table.open_menu(QPoint(5, 5), clicked)
    for words in path[:-1]:
        menu = next(action.menu() for action in menu.actions() if action.text() == words)
    return next(action for action in menu.actions() if action.text().startswith(path[-1]))


def clipboard() -> str:
    return QApplication.clipboard().text()


def test_rows_go_to_the_clipboard_in_every_form(qtbot):
    table, _ = made(qtbot)
    table.select_keys(["dogs-1", "dogs-2"])
    entry(table, "Copy rows as", "JSON").trigger()
    assert [row["name"] for row in json.loads(clipboard())] == ["dogs-1", "dogs-2"]
    entry(table, "Copy rows as", "Markdown").trigger()
    assert clipboard().splitlines()[2] == "| dogs-1 | InService | 1,000 |"
    entry(table, "Copy rows as", "Text with tabs").trigger()
    assert clipboard().splitlines()[1] == "dogs-1\tInService\t1,000"
    table.view.clearSelection()
    entry(table, "Copy all rows as", "JSON").trigger()
    assert len(json.loads(clipboard())) == 4


def test_a_cell_by_menu_and_by_keys(qtbot):
    table, _ = made(qtbot)
    table.select_keys(["dogs-1"])
    first = entry(table, "Copy cell", "", clicked=1)
    assert first.text() == "State: InService"
    first.trigger()
    assert clipboard() == "InService"
    table.view.setCurrentIndex(table.model.index(2, 0))
    QTest.keyClick(table.view, Qt.Key.Key_Right)
    QTest.keyClick(table.view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert clipboard() == "Failed"


def test_columns_that_were_taken_away_are_not_taken_along(qtbot):
    table, _ = made(qtbot, Memory())
    entry(table, "Columns", "Size").trigger()
    entry(table, "Copy all rows as", "JSON").trigger()
    assert set(json.loads(clipboard())[0]) == {"name", "state"}


def test_a_view_is_saved_under_a_name_and_comes_back_in_the_next_run(qtbot):
    memory = Memory()
    table, search = made(qtbot, memory)
    search.search_now("inservice")
    table.sort_by("size", descending=True)
    entry(table, "Columns", "State").trigger()
    entry(table, "Views", "Save this view").trigger()
    dialog = next(found for found in table.children() if isinstance(found, FormDialog))
    field = dialog.form.field("name", QLineEdit)
    save = saying(Button, dialog, "Save")
    assert not save.isEnabled()
    QTest.keyClicks(field, "the best & running")
    assert save.isEnabled()
    save.click()

    table, search = made(qtbot, memory)
    assert table.model.rowCount() == 4
    entry(table, "Views", "the best && running").trigger()
    assert search.text() == "inservice" and [row["name"] for row in table.model.visible_rows()] == ["dogs-3", "dogs-1"]
    assert "state" in table.view.choice.hidden
    assert entry(table, "Views", "the best").isChecked()
    entry(table, "Views", "Remove a view", "the best").trigger()
    assert memory.kept["views"] == {"dogs": {}}


def test_views_of_one_table_are_not_those_of_another_and_broken_ones_do_no_harm(qtbot):
    memory = Memory()
    memory.kept["views"] = {
        "cats": {"x": {}},
        "dogs": {"odd": {"sort": "gone", "filter": 3, "columns": [], "narrowing": 1}},
    }
    table, _ = made(qtbot, memory)
    entry(table, "Views", "odd").trigger()
    assert table.model.rowCount() == 4
    memory.kept["views"] = {"dogs": []}
    entry(table, "Views", "Save this view")


async def saved(make_application: Any, path: Path) -> Any:
    application = await shown(make_application, SPECS)
    await connect(application)
    table = ResourceTable(COLUMNS, key="name", name="All dogs", parent=application.window)
    table.set_rows(ROWS)
    entry(table, "Save all rows as CSV").trigger()
    dialog = await until(lambda: next((found for found in table.children() if isinstance(found, QFileDialog)), None))
    assert Path(dialog.selectedFiles()[0]).name == "all-dogs.csv"
    dialog.fileSelected.emit(str(path))
    dialog.close()
    await until(lambda: application.notify.notices)
    return application.notify.notices[-1]


async def test_a_table_becomes_a_file_and_the_operator_is_told(make_application, tmp_path):
    notice = await saved(make_application, tmp_path / "dogs.csv")
    assert (notice.level, notice.title) == ("success", "Saved dogs.csv")
    assert (tmp_path / "dogs.csv").read_text("utf-8-sig").splitlines()[2] == "dogs-1,InService,1000"


@pytest.mark.parametrize("name", ["missing/dogs.csv", ""])
async def test_a_place_that_cannot_be_written_is_told_and_nothing_is_left(make_application, tmp_path, name):
    place = tmp_path / "here"
    place.mkdir()
    notice = await saved(make_application, place / name)
    assert notice.level == "error" and "Nothing was written" in notice.text
    assert list(place.iterdir()) == []
