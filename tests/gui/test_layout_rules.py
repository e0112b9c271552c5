"""What the layout promises: panes, columns and logs that are remembered, toasts beside what is to be pressed, focus."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QEnterEvent, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from console.look.theme import theme
from console.models.columns import Column
from console.models.log import LogLine
from console.models.log_rows import LogRows
from console.widgets.base import below
from console.widgets.forms.buttons import Button
from console.widgets.frames.edge import Edge
from console.widgets.frames.panes import Handle, Panes
from console.widgets.pictures.thumbs import ThumbnailLoader
from console.widgets.tables.columns import Choice, plan
from console.widgets.tables.table import ResourceTable
from console.widgets.text.log_panel import LogPanel
from console.widgets.text.log_view import LogView
from console.window.popover import SHADOW
from tests.helpers.faults import faults
from tests.helpers.full_account import long_name, pictures
from tests.helpers.scenes import SCENES, stage_of
from tests.helpers.window import activate, until


class Memory:
    """Settings that live as long as the test."""

    def __init__(self, **kept: Any) -> None:
        self.kept = kept

    def value(self, key: str, default: Any) -> Any:
        return self.kept.get(key, default)

    def set(self, key: str, value: Any) -> None:
        self.kept[key] = value


COLUMNS = (
    Column("name", "Name", kind="name", priority=0),
    Column("state", "State", priority=1),
    Column("size", "Size", kind="number", priority=2),
    Column("started", "Started", kind="number", priority=4),
)
ROWS = [{"name": f"job-{at}", "state": "Completed", "size": 1234, "started": "12:30"} for at in range(3)]


def shown_table(qtbot: QtBot, width: int, memory: Memory) -> ResourceTable:
    table = ResourceTable(COLUMNS, "name", name="Jobs")
    qtbot.addWidget(table)
    table.remember(memory, "jobs")
    table.resize(width, 240)
    table.show()
    table.set_rows(ROWS)
    return table


def keys(table: ResourceTable) -> list[str]:
    return [column.key for at, column in enumerate(COLUMNS) if not table.view.isColumnHidden(at)]


@pytest.mark.parametrize("room", range(300, 1400, 50))
@pytest.mark.parametrize("length", (8, 40, 63, 200))
def test_columns_never_run_out_of_the_table(room: int, length: int) -> None:
    widths = plan(COLUMNS, (8.0 * length, 110.0, 80.0, 70.0), room)
    assert sum(widths.values()) <= room + 1
    assert 0 in widths
    if room >= 700:
        # However long a name is, what the list is read for stays.
        assert {1, 2} <= set(widths)


def test_columns_come_back_when_a_long_name_has_gone(qtbot: QtBot) -> None:
    table = shown_table(qtbot, 520, Memory())
    assert "started" in keys(table)
    table.set_rows([*ROWS, ROWS[0] | {"name": long_name("job", 120)}])
    assert "started" not in keys(table) and "size" in keys(table)
    table.set_rows(ROWS)
    assert "started" in keys(table)


def test_columns_are_chosen_and_resized_and_remembered(qtbot: QtBot) -> None:
    memory = Memory()
    table = shown_table(qtbot, 900, memory)
    menu = table.open_columns_menu(QPoint(0, 0))
    entry = {action.text(): action for action in menu.actions()}
    assert not entry["Name"].isEnabled()
    entry["Size"].toggle()
    menu.close()
    assert keys(table) == ["name", "state", "started"]
    heads = table.view.heads
    edge = heads.sectionViewportPosition(1) + heads.sectionSize(1)
    for kind, x in (
        (QMouseEvent.Type.MouseButtonPress, edge),
        (QMouseEvent.Type.MouseMove, edge + 60),
        (QMouseEvent.Type.MouseButtonRelease, edge + 60),
    ):
        spot, left = QPointF(x, 10), Qt.MouseButton.LeftButton
        held = Qt.MouseButton.NoButton if kind == QMouseEvent.Type.MouseButtonRelease else left
        event = QMouseEvent(kind, spot, spot, left, held, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(heads.viewport(), event)
    wide = table.view.columnWidth(1)
    again = shown_table(qtbot, 900, memory)
    assert keys(again) == ["name", "state", "started"] and again.view.columnWidth(1) == wide
    again.choose_columns(Choice())
    assert keys(shown_table(qtbot, 900, memory)) == ["name", "state", "size", "started"]


@pytest.mark.parametrize("kept", (None, [], {"hidden": 3, "widths": []}, {"widths": {"name": -5, "size": "x"}}))
def test_settings_that_nobody_understands_hide_nothing(kept: object) -> None:
    assert Choice.from_setting(kept) == Choice()


def test_panes_move_by_key_and_are_remembered(qtbot: QtBot) -> None:
    memory = Memory()

    def made() -> Panes:
        panes = Panes(Qt.Orientation.Horizontal, memory, "test")
        panes.add(QWidget(), 1)
        panes.add(QWidget(), 1)
        panes.resize(600, 200)
        qtbot.addWidget(panes)
        panes.show()
        return panes

    panes = made()
    before = panes.sizes()
    handle = panes.handle(1)
    assert isinstance(handle, Handle) and handle.focusPolicy() & Qt.FocusPolicy.TabFocus
    for _ in range(4):
        QTest.keyClick(handle, Qt.Key.Key_Right)
    assert panes.sizes()[0] > before[0] + 40
    assert abs(made().sizes()[0] - panes.sizes()[0]) <= 2
    QTest.keyClick(handle, Qt.Key.Key_Home)
    assert abs(panes.sizes()[0] - before[0]) <= 2 and abs(made().sizes()[0] - before[0]) <= 2


@pytest.mark.parametrize("kept", ([1], ["a", "b"], [0, 5], "wide", None))
def test_panes_survive_settings_that_nobody_understands(qtbot: QtBot, kept: object) -> None:
    panes = Panes(Qt.Orientation.Horizontal, Memory(panes={"test": kept}), "test")
    panes.add(QWidget(), 1)
    panes.add(QWidget(), 1)
    panes.resize(600, 200)
    qtbot.addWidget(panes)
    panes.show()
    assert min(panes.sizes()) > 100


def test_a_side_panel_keeps_the_width_it_was_given_and_grows_with_the_text(qtbot: QtBot) -> None:
    memory = Memory()
    page, holder = QWidget(), QWidget()
    row = QHBoxLayout(page)
    row.addStretch(1)
    row.addWidget(holder)
    page.resize(1400, 300)
    qtbot.addWidget(page)
    edge = Edge(holder, memory, "side.test", 400, parent=page)
    first = holder.width()
    QTest.keyClick(edge, Qt.Key.Key_Left)
    assert holder.maximumWidth() > first
    other = QWidget(page)
    Edge(other, memory, "side.test", 400, parent=page)
    assert other.maximumWidth() == holder.maximumWidth()
    normal = other.maximumWidth()
    theme().set_scale(1.3)
    assert other.maximumWidth() > normal * 1.2


def test_an_edge_is_strong_only_while_the_pointer_is_on_it(qtbot: QtBot) -> None:
    """A dialog that closed under the pointer left it blue until something else painted it."""
    holder = QWidget()
    qtbot.addWidget(holder)
    holder.resize(500, 100)
    edge = Edge(holder, Memory(), "side.test", 400, parent=holder)
    edge.resize(7, 100)
    holder.show()
    painted: list[bool] = []
    edge.paintEvent = lambda event: painted.append(edge.underMouse())  # type: ignore[method-assign]
    for kind, under in ((QEvent.Type.Enter, True), (QEvent.Type.Leave, False)):
        edge.setAttribute(Qt.WidgetAttribute.WA_UnderMouse, under)
        spot = QPointF(3, 3)
        QApplication.sendEvent(edge, QEnterEvent(spot, spot, spot) if under else QEvent(kind))
        qtbot.waitUntil(lambda under=under: painted[-1:] == [under])


async def test_a_toast_covers_no_primary_button(make_application: Callable[..., Any], tmp_path: Path) -> None:
    stage = await stage_of(make_application, tmp_path, (1024, 700))
    await stage.show("data")
    button = stage.tab("data").upload_panel.upload_button
    assert button.isVisible()
    stage.ctx.notify.error(RuntimeError("no room on the disk"), "The pictures could not be sent")
    await until(lambda: stage.window.toasts.shown)
    [toast] = stage.window.toasts.shown
    box = toast.geometry().adjusted(SHADOW, SHADOW, -SHADOW, -SHADOW)
    place = QRect(button.mapTo(stage.window, QPoint(0, 0)), button.size())
    assert not box.intersects(place)
    assert stage.window.rect().contains(box)


async def test_a_button_that_comes_into_sight_under_a_toast_is_freed(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    stage = await stage_of(make_application, tmp_path, (1024, 700))
    await stage.show("data")
    panel = stage.tab("data").upload_panel
    panel.upload_button.hide()
    stage.ctx.notify.error(RuntimeError("no room on the disk"), "The pictures could not be sent")
    await until(lambda: stage.window.toasts.shown)
    [toast] = stage.window.toasts.shown

    def free() -> bool:
        box = toast.geometry().adjusted(SHADOW, SHADOW, -SHADOW, -SHADOW)
        return not box.intersects(QRect(button.mapTo(stage.window, QPoint(0, 0)), button.size()))

    button = panel.upload_button
    button.show()
    await until(lambda: button.isVisible() and not free())
    await until(free)


def test_the_keyboard_comes_to_a_button_that_deletes_only_by_hand(qtbot: QtBot) -> None:
    page = QWidget()
    qtbot.addWidget(page)
    column = QVBoxLayout(page)
    new, delete, rest = Button("New"), Button("Delete…", "dangerText"), Button("Other")
    for button in (new, delete, rest):
        column.addWidget(button)
    page.show()
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)
    for push in (new.hide, lambda: new.setEnabled(False)):
        new.setEnabled(True)
        new.show()
        new.setFocus()
        push()
        assert not delete.hasFocus()
    new.setEnabled(True)
    new.show()
    new.setFocus()
    QTest.keyClick(new, Qt.Key.Key_Tab)
    assert delete.hasFocus()


async def test_a_larger_text_makes_the_same_window_a_narrow_one(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    stage = await stage_of(make_application, tmp_path, (1440, 900))
    await stage.show("data")
    assert not stage.window.navigation.rail and not stage.tab("data").narrow
    theme().set_scale(1.3)
    await stage.settle()
    assert stage.window.navigation.rail and stage.tab("data").narrow
    assert faults(stage.window) == []
    theme().set_scale(1.0)
    await stage.settle()
    assert not stage.window.navigation.rail and faults(stage.window) == []


async def test_escape_closes_a_drawer_and_gives_the_keyboard_back(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    stage = await stage_of(make_application, tmp_path, (1024, 700))
    await activate(stage.window)
    for scene, tab_id in (("form", "training"), ("endpoints", "endpoints"), ("result", "predict"), ("bucket", "data")):
        await stage.show(scene)
        tab = stage.tab(tab_id)
        [button] = [button for button in tab.drawer_buttons() if button.isChecked()]
        place = tab.form.parentWidget() if tab_id == "training" else tab.side_place
        inner = next(widget for widget in place.findChildren(QWidget) if widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
        inner.setFocus()
        for _ in range(3):
            QTest.keyClick(stage.window.focusWidget(), Qt.Key.Key_Escape)
        assert not button.isChecked() and not place.isVisible() and button.hasFocus(), tab_id


@pytest.mark.parametrize("look", ("light", "dark"))
def test_the_file_dialog_can_be_read(qtbot: QtBot, tmp_path: Path, look: Any) -> None:
    theme().set_preference(look)
    (tmp_path / "folder").mkdir()
    dialog = QFileDialog(None, "Folder", str(tmp_path))
    dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
    qtbot.addWidget(dialog)
    dialog.show()
    heads = next(header for header in dialog.findChildren(QHeaderView) if header.isVisible())
    shown = heads.grab().toImage()
    levels = [shown.pixelColor(x, y).lightnessF() for x in range(shown.width()) for y in range(shown.height())]
    ground = max(set(levels), key=levels.count)
    assert (ground > 0.9) if look == "light" else (ground < 0.2)
    assert max(abs(level - ground) for level in levels) > 0.4


@pytest.mark.parametrize("look", ("light", "dark"))
def test_what_the_file_dialog_proposes_can_be_read(qtbot: QtBot, tmp_path: Path, look: Any) -> None:
    theme().set_preference(look)
    (tmp_path / "folder").mkdir()
    dialog = QFileDialog(None, "Folder", str(tmp_path))
    dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
    qtbot.addWidget(dialog)
    dialog.show()
    popup = dialog.findChildren(QLineEdit)[0].completer().popup()
    popup.resize(200, 60)
    shown = popup.grab().toImage()
    level = shown.pixelColor(100, 30).lightnessF()
    assert shown.pixelColor(100, 30).alpha() == 255
    assert (level > 0.9) if look == "light" else (level < 0.3)


def naive(texts: list[str], columns: int) -> list[tuple[int, int]]:
    found = []
    for at, text in enumerate(texts):
        width = columns if text.isascii() else columns // 2
        found += [(at, part) for part in range(max(1, -(-len(text) // width) if columns else 1))]
    return found


@pytest.mark.parametrize("seed", range(20))
def test_rows_of_a_log_are_those_that_counting_by_hand_gives(seed: int) -> None:
    dice = random.Random(seed)
    rows, texts, columns = LogRows(), [], dice.choice((0, 16, 40, 97))
    rows.reset(texts, columns)
    for _ in range(30):
        fresh = [dice.choice("aä犬") * dice.choice((0, 1, 15, 16, 17, 96, 400)) for _ in range(dice.randrange(5))]
        rows.add(fresh)
        texts += fresh
        gone = dice.randrange(len(texts) + 1) // 3
        before = rows.total
        assert rows.drop(gone) == before - rows.total
        del texts[:gone]
        wanted = naive(texts, columns)
        assert rows.total == len(wanted) and len(rows) == len(texts)
        assert [rows.at(row) for row in range(len(wanted))] == wanted


@pytest.mark.parametrize("seed", range(20))
def test_rows_of_a_log_end_between_words(seed: int) -> None:
    dice = random.Random(seed)
    rows, columns = LogRows(), dice.choice((16, 40, 97))
    words = ["a", "犬", "best_accuracy=.9123", "y" * 150, "", "of"]
    texts = [" ".join(dice.choices(words, k=dice.randrange(40))) for _ in range(30)]
    rows.reset(texts, columns)
    parts: list[list[str]] = [[] for _ in texts]
    for row in range(rows.total):
        line, part = rows.at(row)
        begin, end = rows.part(texts[line], part)
        parts[line].append(texts[line][begin:end])
    for text, shown in zip(texts, parts, strict=True):
        width = rows.width_of(text)
        assert "".join(shown) == text
        for row_text, following in pairwise(shown):
            # Cut within a word only where that is the whole row, and as much as there is room for.
            assert row_text.endswith(" ") or " " not in row_text.lstrip(" ")
            assert len(row_text) + len(following.split(" ", 1)[0]) >= width
        assert all(len(row_text) <= width + 1 and len(row_text.rstrip(" ")) <= width for row_text in shown)


def test_words_of_a_log_stay_whole() -> None:
    rows = LogRows()
    text = "epoch 2 of 3: valid_acc .9"
    rows.reset([text], 20)
    assert [text[slice(*rows.part(text, part))] for part in range(rows.total)] == ["epoch 2 of 3: ", "valid_acc .9"]


def log_of(qtbot: QtBot, texts: list[str], most_lines: int = 1000) -> LogView:
    view = LogView(most_lines=most_lines)
    qtbot.addWidget(view)
    view.resize(420, 160)
    view.show()
    view.append([LogLine(None, text) for text in texts])
    view.flush()
    return view


def test_long_lines_go_on_below_and_their_end_can_be_read(qtbot: QtBot) -> None:
    view = log_of(qtbot, ["short", "x" * 300 + " END", "last"])
    assert view.horizontalScrollBar().maximum() > 0
    view.set_wrapped(True)
    assert view.horizontalScrollBar().maximum() == 0
    shown = [view.row(at) for at in range(view.rows.total)]
    assert "".join(row.line.text[row.begin : row.end] for row in shown) == "short" + "x" * 300 + " END" + "last"
    assert view.following and view.verticalScrollBar().value() == view.verticalScrollBar().maximum()
    assert view.text() == "short\n" + "x" * 300 + " END\nlast"
    view.search("END")
    qtbot.waitUntil(lambda: view.search_done)
    view.search_next()
    row = view.rows.first_row(1)
    assert view.verticalScrollBar().value() <= row + 20


def test_another_width_keeps_the_line_at_the_top_of_a_wrapped_log(qtbot: QtBot) -> None:
    view = log_of(qtbot, [f"{at} " + "word " * 60 for at in range(50)])
    view.set_wrapped(True)
    view.verticalScrollBar().setValue(view.rows.first_row(20))
    view.resize(700, 160)
    assert view.rows.at(view.verticalScrollBar().value())[0] == 20 and not view.following


def test_lines_with_breaks_and_lines_that_are_dropped_keep_the_rows_right(qtbot: QtBot) -> None:
    view = log_of(qtbot, ["a\nb\nc" + "y" * 200] * 30, most_lines=40)
    view.set_wrapped(True)
    for at in range(5):
        view.append([LogLine(None, f"{at}\n" + "z" * 90)] * (10 * at + 1))
        view.flush()
        kept = [line.text for line in view.buffer.slice(view.buffer.first, view.buffer.end)]
        assert len(view.rows) == len(kept)
        assert view.rows.total == len(naive(kept, view.rows.columns))
    assert not view.grab().isNull()


def test_the_switch_of_a_log_is_remembered_for_all_logs(qtbot: QtBot) -> None:
    memory = Memory()

    def made() -> LogPanel:
        panel = LogPanel("Log")
        panel.remember(memory)
        qtbot.addWidget(panel)
        panel.show()
        return panel

    first = made()
    assert first.view.wrapped
    first.wrap_button.click()
    assert not first.view.wrapped and not made().view.wrapped


def test_a_list_asks_again_for_small_pictures_that_another_one_took_away(qtbot: QtBot, tmp_path: Path) -> None:
    loader = ThumbnailLoader(threads=1)
    paths = pictures(tmp_path, 12)
    wanted = {str(path) for path in paths}
    came: set[str] = set()

    def ask_again(source: str) -> None:
        if source in wanted and loader.get(source, 40) is not None:
            came.add(source)

    loader.ready.connect(ask_again)
    for path in paths:
        loader.get(path, 40)
    loader.cancel_pending()
    qtbot.waitUntil(lambda: came == wanted)
    assert loader.wait()


async def test_every_list_remembers_its_columns(make_application: Callable[..., Any], tmp_path: Path) -> None:
    stage = await stage_of(make_application, tmp_path)
    tables: dict[int, ResourceTable] = {}
    for scene in SCENES:
        shown = await stage.show(scene)
        found = (table for table in below(shown, ResourceTable) if not isinstance(table.window(), QDialog))
        tables |= {id(table): table for table in found}
    # A page is built piece by piece.
    await stage.settle()
    forgetful = {table.view.accessibleName() for table in tables.values() if isValid(table) and not table.remembers}
    stage.close()
    assert forgetful == set() and len(tables) > 8
