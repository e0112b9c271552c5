"""Small controls by mouse and key: segments, switches, search, drop areas, banners, progress, chips."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QPlainTextEdit, QPushButton, QToolButton
from pytestqt.qtbot import QtBot

from console.look.theme import theme
from console.models.states import State, state_of
from console.tabs.base import PageHead
from console.widgets.base import label
from console.widgets.charts.progress import ProgressBar
from console.widgets.forms.buttons import Button, IconButton
from console.widgets.forms.drop_area import DropArea
from console.widgets.forms.segmented import Segmented
from console.widgets.forms.switch import Switch
from console.widgets.frames.banner import Banner
from console.widgets.frames.empty_state import EmptyState
from console.widgets.tables.search_field import SearchField
from console.widgets.tables.state_chip import StateChip
from console.widgets.text.key_values import KeyValues, breakable


def test_segments_by_key_and_mouse(qtbot: QtBot) -> None:
    segments = Segmented([("a", "Single job"), ("b", "Tuning"), ("c", "Two hosts")], name="Mode")
    qtbot.addWidget(segments)
    segments.show()
    told: list[str] = []
    segments.changed.connect(told.append)
    qtbot.keyClick(segments, Qt.Key.Key_Right)
    qtbot.keyClick(segments, Qt.Key.Key_End)
    qtbot.keyClick(segments, Qt.Key.Key_Right)
    assert told == ["b", "c", "a"] and segments.accessibleName() == "Mode: Single job"
    qtbot.mouseClick(segments, Qt.MouseButton.LeftButton, pos=segments.rect_of("b").center().toPoint())
    assert segments.current == "b"
    segments.set_segment_enabled("c", False)
    qtbot.keyClick(segments, Qt.Key.Key_Right)
    assert segments.current == "a"
    with pytest.raises(KeyError):
        segments.set_current("unknown")


def test_a_segment_is_never_narrower_than_its_words(qtbot: QtBot) -> None:
    segments = Segmented([("a", "A"), ("b", "B")])
    qtbot.addWidget(segments)
    before = segments.sizeHint().width()
    segments.set_text("a", "train 1,204")
    assert segments.sizeHint().width() > before


def test_switch_toggles_with_space(qtbot: QtBot) -> None:
    switch = Switch("Spot instances")
    qtbot.addWidget(switch)
    switch.show()
    with qtbot.waitSignal(switch.toggled):
        qtbot.keyClick(switch, Qt.Key.Key_Space)
    assert switch.isChecked() and switch.accessibleName() == "Spot instances"


def test_search_waits_for_a_pause_and_escape_clears_at_once(qtbot: QtBot) -> None:
    field = SearchField("Filter")
    qtbot.addWidget(field)
    field.show()
    told: list[str] = []
    field.searched.connect(told.append)
    qtbot.keyClicks(field, "dog")
    qtbot.waitUntil(lambda: told == ["dog"])
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    assert told == ["dog", ""]


def drop(area: DropArea, paths: list[Path]) -> bool:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    action, none = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(5, 5), action, mime, Qt.MouseButton.LeftButton, none)
    enter.setAccepted(False)
    area.dragEnterEvent(enter)
    if enter.isAccepted():
        area.dropEvent(QDropEvent(QPointF(5, 5), action, mime, Qt.MouseButton.LeftButton, none))
    return enter.isAccepted()


def test_drop_area_takes_files_and_keys(qtbot: QtBot, tmp_path: Path) -> None:
    area = DropArea("folder", "Drop a folder", "here", button="Choose…", accepts=lambda paths: paths[0].is_dir())
    qtbot.addWidget(area)
    area.show()
    told: list[list[Path]] = []
    area.dropped.connect(told.append)
    odd = tmp_path / "with spaces and 🐶"
    odd.mkdir()
    assert drop(area, [odd]) and told == [[odd]]
    assert not drop(area, [tmp_path / "no-folder"]) and not drop(area, [])
    asked: list[int] = []
    area.chooseRequested.connect(lambda: asked.append(1))
    qtbot.keyClick(area, Qt.Key.Key_Space)
    qtbot.mouseClick(area.findChild(QPushButton), Qt.MouseButton.LeftButton)
    assert len(asked) == 2


def test_banner_of_an_error_says_what_and_how(qtbot: QtBot) -> None:
    class Refused(Exception):
        title = "AWS refused the launch"
        message = "iam:PassRole is missing."
        hint = "Ask for it."
        code = "AccessDenied"
        request_id = "r-1"

    called: list[int] = []
    banner = Banner.of_error(Refused(), ("Grant just this", lambda: called.append(1)))
    qtbot.addWidget(banner)
    banner.show()
    assert banner.accessibleName() == "AWS refused the launch. iam:PassRole is missing. Ask for it."
    buttons = {button.text(): button for button in banner.findChildren(QPushButton)}
    qtbot.mouseClick(buttons["Grant just this"], Qt.MouseButton.LeftButton)
    assert called == [1]
    qtbot.mouseClick(buttons["Details"], Qt.MouseButton.LeftButton)
    details = banner.findChild(QPlainTextEdit)
    assert "r-1" in details.toPlainText() and details.isVisible()


def test_banner_is_dismissed(qtbot: QtBot) -> None:
    banner = Banner("info", "Hello", closable=True)
    qtbot.addWidget(banner)
    banner.show()
    with qtbot.waitSignal(banner.closed):
        qtbot.mouseClick(banner.findChild(QToolButton), Qt.MouseButton.LeftButton)
    assert not banner.isVisible()


def test_buttons_are_never_narrower_than_their_words(qtbot: QtBot) -> None:
    button = Button("Launch 12 jobs && more", "primary", "play")
    qtbot.addWidget(button)
    assert button.minimumSizeHint() == button.sizeHint()
    before = button.sizeHint().width()
    button.setText("Launch 12 jobs && much, much more")
    assert button.sizeHint().width() > before
    theme().set_scale(1.5)
    try:
        assert button.sizeHint().width() > before * 1.3 and button.sizeHint().height() >= 45
    finally:
        theme().set_scale(1.0)


def test_icon_button_has_a_name(qtbot: QtBot) -> None:
    called: list[int] = []
    button = IconButton("refresh", "Refresh", on=lambda: called.append(1))
    qtbot.addWidget(button)
    button.show()
    qtbot.keyClick(button, Qt.Key.Key_Space)
    assert called == [1] and button.accessibleName() == button.toolTip() == "Refresh"


def test_states_are_told_by_icon_and_word(qtbot: QtBot) -> None:
    assert (state_of("InService").tone, state_of("Creating").tone, state_of("Failed").tone) == ("ok", "run", "err")
    assert state_of("SomethingNew") == State("SomethingNew", "neutral", "info")
    assert state_of("InService").tint is None and state_of("Idle").tint == "warnTint"
    chip = StateChip("Creating")
    qtbot.addWidget(chip)
    width = chip.sizeHint().width()
    chip.set_state("UpdateRollbackFailed")
    assert chip.sizeHint().width() > width and chip.accessibleName() == "UpdateRollbackFailed"


def test_progress_moves_only_while_seen(qtbot: QtBot) -> None:
    bar = ProgressBar(None)
    qtbot.addWidget(bar)
    timer = bar.findChild(QTimer)
    assert not timer.isActive()
    bar.show()
    assert timer.isActive()
    bar.set_fraction(1.7)
    assert bar.fraction == 1.0 and not timer.isActive() and bar.accessibleDescription() == "100 %"


def test_empty_state_replaces_its_buttons(qtbot: QtBot) -> None:
    called: list[str] = []
    empty = EmptyState("data", "No data", "", ("Choose…", lambda: called.append("a")))
    qtbot.addWidget(empty)
    empty.show()
    empty.set_content("data", "Still none", "", ("Sample pictures", lambda: called.append("b")))
    live = [button for button in empty.findChildren(QPushButton) if button.text() == "Sample pictures"]
    qtbot.mouseClick(live[0], Qt.MouseButton.LeftButton)
    assert called == ["b"]


def test_values_are_copied_whole_and_survive_a_refresh(qtbot: QtBot) -> None:
    from PySide6.QtWidgets import QApplication

    arn = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/a-very-long-name-of-an-endpoint"
    values = KeyValues([("ARN", arn), ("Empty", "")], copy=("ARN",))
    qtbot.addWidget(values)
    values.show()
    button = values.findChild(QToolButton)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert QApplication.clipboard().text() == arn
    values.set_rows([("ARN", arn), ("Empty", "")])
    assert values.findChild(QToolButton) is button


def test_a_page_heads_facts_are_shown_whole_or_not_at_all(qtbot):
    head = PageHead("Endpoints", "2 endpoints, $0.230 an hour")
    qtbot.addWidget(head)
    subtitle = head.subtitle
    for width, shown in ((400, "2 endpoints, $0.230 an hour"), (110, "2 endpoints"), (30, "")):
        subtitle.resize(width, 20)
        assert subtitle.shown_text() == shown
    assert subtitle.minimumSizeHint().width() < 30


def test_long_identifiers_among_words_break(qtbot: QtBot) -> None:
    alarm = "TargetTracking-endpoint/dogs/variant/AllTraffic-AlarmHigh-71789110-0000-4208-8290-002730350123"
    narrow, words = label(breakable(f"Alarm {alarm}"), wrap=True), label("Alarm on the model's latency", wrap=True)
    for widget in (narrow, words):
        qtbot.addWidget(widget)
    assert narrow.minimumSizeHint().width() < narrow.fontMetrics().horizontalAdvance("variant/AllTraffic-AlarmHigh")
    assert breakable("SageMakerVariantConcurrentRequestsPerModel").count("\u200b") == 6
    assert breakable(words.text()) == words.text() and breakable("SageDeck 1.0, us-east-1") == "SageDeck 1.0, us-east-1"
