"""The live log: following, finding, selecting, and staying cheap."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLabel, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from console.models.log import LogLine
from console.widgets.text.log_panel import LogPanel
from console.widgets.text.log_view import LogView
from tests.helpers.window import texts

AT = datetime(2025, 1, 1, 12, 0, 0, tzinfo=UTC)


def lines(begin: int, end: int) -> list[LogLine]:
    return [LogLine(AT, f"line {number}") for number in range(begin, end)]


@pytest.fixture
def panel(qtbot: QtBot) -> LogPanel:
    made = LogPanel("Log")
    qtbot.addWidget(made)
    made.resize(600, 300)
    made.show()
    qtbot.waitExposed(made)
    return made


def test_the_controls_go_into_the_head_of_a_page_that_has_one(qtbot: QtBot) -> None:
    page = QWidget()
    qtbot.addWidget(page)
    column, head = QVBoxLayout(page), QHBoxLayout()
    head.addWidget(QLabel("Output of train.py"))
    column.addLayout(head)
    made = LogPanel("Output", head=head)
    column.addWidget(made)
    page.resize(600, 300)
    page.show()
    made.set_title("stdout")
    assert made.view.accessibleName() == "stdout" and texts(page) == "Output of train.py"
    assert made.find_field.parentWidget() is page and made.find_field.geometry().bottom() < made.y()
    made.view.append(lines(0, 3))
    qtbot.keyClicks(made.find_field, "line 1")
    qtbot.waitUntil(lambda: "1 line" in texts(page))


def test_lines_are_taken_in_batches(panel: LogPanel, qtbot: QtBot) -> None:
    for number in range(50):
        panel.view.append(lines(number, number + 1))
    assert len(panel.view.buffer) == 0
    qtbot.waitUntil(lambda: len(panel.view.buffer) == 50)


def test_follows_until_one_scrolls_up_and_again_at_the_end(panel: LogPanel, qtbot: QtBot) -> None:
    view = panel.view
    view.append(lines(0, 500))
    view.flush()
    bar = view.verticalScrollBar()
    assert view.following and bar.value() == bar.maximum() > 0
    qtbot.keyClick(view, Qt.Key.Key_PageUp)
    assert not view.following
    place = bar.value()
    view.append(lines(500, 600))
    view.flush()
    assert bar.value() == place
    qtbot.keyClick(view, Qt.Key.Key_End)
    assert view.following
    view.append(lines(600, 700))
    view.flush()
    assert bar.value() == bar.maximum()


def test_what_one_reads_stays_when_old_lines_are_dropped(qtbot: QtBot) -> None:
    view = LogView(most_lines=1000)
    qtbot.addWidget(view)
    view.resize(400, 200)
    view.show()
    view.append(lines(0, 1000))
    view.flush()
    view.set_following(False)
    view.verticalScrollBar().setValue(600)
    view.append(lines(1000, 1200))
    view.flush()
    top = view.buffer.first + view.verticalScrollBar().value()
    assert view.buffer.first > 0 and view.buffer.line(top).text == "line 600"


def test_find_counts_goes_round_and_stops_following(panel: LogPanel, qtbot: QtBot) -> None:
    panel.view.append(lines(0, 200))
    panel.view.flush()
    panel.find_field.setText("line 19")
    qtbot.waitUntil(lambda: panel.matches.text() == "11 lines")
    qtbot.keyClick(panel.find_field, Qt.Key.Key_Return)
    first = panel.matches.text()
    assert first.endswith("of 11") and not panel.view.following
    for _ in range(11):
        qtbot.keyClick(panel.find_field, Qt.Key.Key_Return)
    assert panel.matches.text() == first
    panel.view.append(lines(190, 192))
    panel.view.flush()
    qtbot.waitUntil(lambda: panel.matches.text().endswith("of 13"))
    panel.find_field.clear()
    assert not panel.matches.isVisible()


def test_selecting_with_the_mouse_and_copying(panel: LogPanel, qtbot: QtBot) -> None:
    view = panel.view
    view.append(lines(0, 5))
    view.flush()
    area = view.viewport()
    left = round(12 + view.typeface.clock_width)
    middle = 8 + view.typeface.line_height // 2
    qtbot.mousePress(area, Qt.MouseButton.LeftButton, pos=QPoint(left, middle + view.typeface.line_height))
    end = QPoint(left + round(view.typeface.advance * 4), middle + 2 * view.typeface.line_height)
    qtbot.mouseMove(area, end)
    view.mouseMoveEvent(_moved(end))
    qtbot.mouseRelease(area, Qt.MouseButton.LeftButton, pos=end)
    qtbot.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    copied = QApplication.clipboard().text().splitlines()
    assert [line.split(" ", 1)[-1] for line in copied] == ["line 1", "line"]
    qtbot.keyClick(view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert view.selected_text().count("\n") == 4


def _moved(point: QPoint):
    from PySide6.QtCore import QEvent, QPointF
    from PySide6.QtGui import QMouseEvent

    left = Qt.MouseButton.LeftButton
    return QMouseEvent(
        QEvent.Type.MouseMove, QPointF(point), QPointF(point), left, left, Qt.KeyboardModifier.NoModifier
    )


def test_ctrl_f_goes_to_the_find_field(panel: LogPanel, qtbot: QtBot) -> None:
    panel.activateWindow()
    panel.view.setFocus()
    qtbot.keyClick(panel.view, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert panel.find_field.hasFocus()


def test_clear_begins_anew(panel: LogPanel) -> None:
    panel.view.append(lines(0, 100))
    panel.view.flush()
    panel.view.select_all()
    panel.view.clear()
    assert len(panel.view.buffer) == 0 and panel.view.selected_text() == "" and panel.view.following
    panel.view.append(lines(0, 3))
    panel.view.flush()
    assert panel.view.text().endswith("line 2")


def test_events_of_the_workers_and_odd_characters_paint(panel: LogPanel) -> None:
    class Event:
        at = AT
        message = "🐶 naïve \x1b[32mgreen\x1b[0m " + "w" * 20_000

    panel.view.append_events([Event(), Event()])
    panel.view.append_text("RuntimeError: no")
    panel.view.flush()
    panel.view.select_all()
    panel.view.search("🐶")
    panel.view.horizontalScrollBar().setValue(500)
    assert not panel.view.grab().isNull()
