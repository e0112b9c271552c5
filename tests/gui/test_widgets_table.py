"""The resource table as an operator uses it: states, refresh, keys, narrow windows, ten thousand rows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from console.look.theme import theme
from console.models.columns import Column
from console.widgets.base import text_width
from console.widgets.frames.banner import Banner
from console.widgets.frames.empty_state import EmptyState
from console.widgets.tables.table import ResourceTable
from tests.helpers.pixels import color_at
from tests.helpers.window import saying, texts


@dataclass(frozen=True)
class Row:
    name: str
    state: str = "InService"
    size: str = "1 × ml.m5.xlarge"
    cost: float = 0.1


COLUMNS = (
    Column("name", "Name", kind="name", icon="endpoints", priority=0),
    Column("state", "State", kind="state"),
    Column("size", "Size", priority=3),
    Column("cost", "$ per hour", kind="number", priority=2),
)


def rows(count: int) -> list[Row]:
    return [Row(f"endpoint-{number:05}", cost=number) for number in range(count)]


@pytest.fixture
def table(qtbot: QtBot) -> ResourceTable:
    made = ResourceTable(COLUMNS, "name", name="Endpoints", noun="endpoints", sort=("name", "asc"))
    qtbot.addWidget(made)
    made.resize(760, 320)
    made.show()
    qtbot.waitExposed(made)
    return made


def buttons(table: ResourceTable) -> dict[str, QPushButton]:
    return {button.text(): button for button in table.findChildren(QPushButton) if button.isVisible()}


def test_loading_is_never_called_empty(table: ResourceTable) -> None:
    table.set_loading("page 1")
    assert table.state == "loading" and not buttons(table)
    table.set_rows([])
    assert table.state == "empty"


def test_empty_offers_the_next_action(table: ResourceTable, qtbot: QtBot) -> None:
    called: list[str] = []
    table.set_empty("endpoints", "No endpoints yet", "Deploy a model.", ("Deploy…", lambda: called.append("deploy")))
    table.set_rows([])
    qtbot.mouseClick(buttons(table)["Deploy…"], Qt.MouseButton.LeftButton)
    assert called == ["deploy"]


def test_filtered_out_says_how_many_and_clears(table: ResourceTable, qtbot: QtBot) -> None:
    table.set_rows(rows(4))
    table.set_filter("canry")
    assert table.state == "filtered"
    assert "4 endpoints are hidden" in saying(EmptyState, table, "“canry”").accessibleName()
    with qtbot.waitSignal(table.filterCleared):
        qtbot.mouseClick(buttons(table)["Clear filter"], Qt.MouseButton.LeftButton)
    assert table.state == "rows" and table.model.rowCount() == 4


def test_an_error_keeps_old_rows_and_its_fix_works(table: ResourceTable, qtbot: QtBot) -> None:
    called: list[str] = []
    table.set_rows(rows(3))
    table.set_error("Your session has ended", "ExpiredToken", fix=("Sign in again", lambda: called.append("fix")))
    assert table.state == "rows" and table.model.rowCount() == 3
    assert any(line.startswith("as of ") for line in texts(table).splitlines())
    qtbot.mouseClick(buttons(table)["Sign in again"], Qt.MouseButton.LeftButton)
    assert called == ["fix"]
    table.set_rows(rows(3))
    assert not table.findChild(Banner).isVisible() and texts(table) == ""


def test_an_error_before_any_row_is_no_empty_list(table: ResourceTable) -> None:
    table.set_error("AWS cannot be reached")
    assert table.state == "error"


def test_a_refresh_keeps_selection_current_row_and_scroll(table: ResourceTable) -> None:
    table.set_rows(rows(500))
    table.select_keys(["endpoint-00300", "endpoint-00302"])
    top = table.model.key_at(table.view.rowAt(0))
    place = table.view.rowViewportPosition(table.model.position_of(top))
    fresh = [Row("aaa"), Row("bbb", cost=2), *rows(500)[5:]]
    table.set_rows(fresh)
    assert table.selected_keys() == ["endpoint-00300", "endpoint-00302"]
    assert table.current_row().name == "endpoint-00300"
    assert table.model.key_at(table.view.rowAt(0)) == top
    assert table.view.rowViewportPosition(table.model.position_of(top)) == place
    table.sort_by("cost", descending=True)
    assert table.selected_keys() == ["endpoint-00302", "endpoint-00300"]


def test_a_refresh_of_everything_keeps_the_selection_too(table: ResourceTable) -> None:
    table.set_rows(rows(400))
    table.select_keys(["endpoint-00100"])
    table.set_rows([Row(f"endpoint-{number:05}", "Failed") for number in range(0, 400, 2)])
    assert table.selected_keys() == ["endpoint-00100"]
    table.set_rows([Row("other")])
    assert table.selected_keys() == [] and table.current_row() is None


def test_a_click_on_a_head_sorts_numbers_downwards_first(table: ResourceTable, qtbot: QtBot) -> None:
    table.set_rows(rows(5))
    heads = table.view.heads
    x = heads.sectionViewportPosition(3) + 10
    qtbot.mouseClick(heads.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(x, 10))
    assert table.model.row_at(0).cost == 4
    qtbot.mouseClick(heads.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(x, 10))
    assert table.model.row_at(0).cost == 0


def test_copy_selection_and_activation_by_key(table: ResourceTable, qtbot: QtBot) -> None:
    table.set_rows(rows(3))
    table.select_keys(["endpoint-00001", "endpoint-00002"])
    qtbot.keyClick(table.view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    copied = QApplication.clipboard().text().splitlines()
    assert copied[0] == "Name\tState\tSize\t$ per hour"
    assert [line.split("\t")[0] for line in copied[1:]] == ["endpoint-00001", "endpoint-00002"]
    with qtbot.waitSignal(table.activated) as signal:
        qtbot.keyClick(table.view, Qt.Key.Key_Return)
    assert signal.args[0].name == "endpoint-00001"
    qtbot.keyClick(table.view, Qt.Key.Key_Escape)
    assert table.selected_rows() == []


def test_the_keyboard_is_seen_however_it_came_there_and_once_rows_come(table: ResourceTable, qtbot: QtBot) -> None:
    view = table.view
    table.activateWindow()
    qtbot.waitUntil(table.isActiveWindow)
    view.setFocus(Qt.FocusReason.OtherFocusReason)
    assert view.hasFocus() and not view.currentIndex().isValid()
    table.set_rows(rows(3))
    assert view.currentIndex().row() == 0 and table.selected_rows() == []
    table.set_rows([Row("a"), *rows(3)])
    assert view.currentIndex().row() == 0, "nobody went to another one"
    ring = view.viewport().grab().toImage()
    view.clearFocus()
    view.setFocus(Qt.FocusReason.OtherFocusReason)
    assert view.viewport().grab().toImage() == ring
    QTest.keyClick(view, Qt.Key.Key_Down)
    assert table.selected_rows() == [Row("a")], "the first one is not left out"
    QTest.keyClick(view, Qt.Key.Key_Down)
    assert view.currentIndex().row() == 1
    table.set_rows([Row("a"), Row("b"), *rows(3)])
    assert view.currentIndex().row() == 2, "where it was gone to, it stays"
    view.clearFocus()
    assert view.viewport().grab().toImage() != ring


def test_down_takes_the_first_row_where_tab_came_in(table: ResourceTable, qtbot: QtBot) -> None:
    table.set_rows(rows(1))
    table.activateWindow()
    qtbot.waitUntil(table.isActiveWindow)
    table.view.clearFocus()
    table.view.setFocus(Qt.FocusReason.TabFocusReason)
    assert table.selected_rows() == []
    QTest.keyClick(table.view, Qt.Key.Key_Down)
    assert table.selected_rows() == rows(1)


def test_columns_hide_before_a_name_is_cut(table: ResourceTable, qtbot: QtBot) -> None:
    long = "dog-classifier-with-a-long-name-2025-09"
    table.set_rows([Row(long)])
    hidden: list[int] = []
    for width in range(760, 400, -20):
        table.resize(width, 320)
        now = len(table.view.hidden_columns())
        assert not hidden or now >= hidden[-1]
        hidden.append(now)
        if now < 3:
            assert table.view.columnWidth(0) >= text_width(long, "name") + 16
    assert hidden[0] == 0 and hidden[-1] >= 2
    table.resize(760, 320)
    assert table.view.hidden_columns() == []


def test_check_boxes_are_the_selection(qtbot: QtBot) -> None:
    table = ResourceTable((Column("check", "", kind="check", priority=0), *COLUMNS), "name")
    qtbot.addWidget(table)
    table.resize(760, 300)
    table.show()
    table.set_rows(rows(4))
    for number in (1, 3):
        spot = table.view.visualRect(table.model.index(number, 0)).center()
        qtbot.mouseClick(table.view.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    assert table.selected_keys() == ["endpoint-00001", "endpoint-00003"]
    head = QPoint(table.view.heads.sectionViewportPosition(0) + 8, 10)
    qtbot.mouseClick(table.view.heads.viewport(), Qt.MouseButton.LeftButton, pos=head)
    assert len(table.selected_keys()) == 4
    qtbot.mouseClick(table.view.heads.viewport(), Qt.MouseButton.LeftButton, pos=head)
    assert table.selected_keys() == []


def test_the_menu_has_the_owners_entries_and_copy(table: ResourceTable) -> None:
    called: list[int] = []
    table.set_rows(rows(2))
    table.set_actions(lambda chosen: [("Delete…", "trash", lambda: called.append(len(chosen)))])
    table.view.selectAll()
    menu = table.open_menu(QPoint(10, 10))
    texts = [action.text() for action in menu.actions() if action.text()]
    assert texts[0] == "Delete…" and "Copy rows" in texts and "Sort by" in texts
    menu.actions()[0].trigger()
    menu.close()
    assert called == [2]


def test_the_selected_row_is_tinted_and_repainted_with_the_theme(table: ResourceTable, qtbot: QtBot) -> None:
    table.set_rows(rows(3))
    table.select_keys(["endpoint-00001"])
    spot = table.view.visualRect(table.model.index(1, 2)).topRight() + QPoint(-3, 5)
    for preference in ("light", "dark"):
        theme().set_preference(preference)
        assert color_at(table.view.viewport(), spot) == theme().color("accentTint")
    theme().set_preference("light")


def test_fitted_to_its_rows_it_has_no_scroll_bar(table: ResourceTable) -> None:
    table.fit_rows(most=6)
    table.set_rows(rows(3))
    assert table.height() == table.view.heads.sizeHint().height() + 3 * table.view.row_height()
    table.set_rows(rows(50))
    assert table.height() == table.view.heads.sizeHint().height() + 6 * table.view.row_height()
    assert table.view.verticalScrollBarPolicy() == Qt.ScrollBarPolicy.ScrollBarAsNeeded


def test_ten_thousand_rows_paint_and_refresh_without_a_pause(table: ResourceTable) -> None:
    table.set_rows(rows(10_000))
    table.view.verticalScrollBar().setValue(100_000)
    began = time.process_time()
    for _ in range(10):
        table.view.viewport().repaint()
    painting = (time.process_time() - began) / 10
    began = time.process_time()
    table.set_rows(rows(10_000))
    refreshing = time.process_time() - began
    assert painting < 0.05 and refreshing < 0.5


def test_delete_acts_on_what_is_ticked_as_the_menu_does(qtbot: QtBot) -> None:
    columns = (Column("selected", "", kind="check", priority=0), Column("name", "Name", kind="name", priority=0))
    table = ResourceTable(columns, "name", name="Objects")
    qtbot.addWidget(table)
    done: list[list[str]] = []
    allowed = True

    def actions(rows: list[Any]) -> list[Any]:
        delete = ("Delete…", "trash", lambda: done.append([row["name"] for row in rows]))
        return [("Open", "eye", lambda: done.append(["opened"])), None, *([delete] if allowed else [])]

    table.set_actions(actions)
    table.set_rows([{"name": name} for name in ("a", "b", "c")])
    table.show()
    view = table.view
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_Delete)
    assert done == []
    table.select_keys(["a", "c"])
    QTest.keyClick(view, Qt.Key.Key_Delete)
    assert done == [["a", "c"]]
    allowed = False
    QTest.keyClick(view, Qt.Key.Key_Delete)
    assert done == [["a", "c"]]
