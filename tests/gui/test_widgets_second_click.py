"""A double-click on a button never reaches the button that its first click has put there."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from console.widgets.forms.buttons import Button, IconButton
from console.widgets.forms.second_click import Press, SecondClickGuard, is_second_click

FIRST = Press(1000, QPointF(5, 5), 1, "Upload")


@pytest.mark.parametrize(
    ("now", "second"),
    [
        (Press(1399, QPointF(6, 6), 2, "Pause"), True),
        (Press(1399, QPointF(6, 6), 1, "Go on"), True),
        (Press(1399, QPointF(6, 6), 1, "Upload"), False),
        (Press(1400, QPointF(6, 6), 2, "Pause"), False),
        (Press(1010, QPointF(60, 6), 2, "Pause"), False),
        (Press(10, QPointF(6, 6), 2, "Pause"), False),
    ],
)
def test_only_a_quick_click_on_the_spot_with_another_meaning_is_one(now: Press, second: bool) -> None:
    assert is_second_click(FIRST, now, 400, 5) == second
    assert not is_second_click(None, now, 400, 5)


@pytest.fixture(autouse=True)
def no_press_before() -> None:
    SecondClickGuard.last_press = None


def double_click(widget: QWidget) -> None:
    """As the window system sends it: each press goes to what lies under the pointer then."""
    window, place = widget.window(), widget.mapToGlobal(QPoint(10, 10))
    QTest.mousePress(widget, Qt.MouseButton.LeftButton, pos=QPoint(10, 10))
    for kind in (QEvent.Type.MouseButtonRelease, QEvent.Type.MouseButtonDblClick, QEvent.Type.MouseButtonRelease):
        under = window.childAt(window.mapFromGlobal(place))
        assert under is not None and SecondClickGuard.last_press is not None
        event = QMouseEvent(
            kind, QPointF(under.mapFromGlobal(place)), QPointF(place), Qt.MouseButton.LeftButton,
            Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
        )  # fmt: skip
        event.setTimestamp(SecondClickGuard.last_press.at + 120)
        QApplication.sendEvent(under, event)


def shown(qtbot, *buttons: QWidget) -> QWidget:
    page = QWidget()
    column = QVBoxLayout(page)
    for button in buttons:
        column.addWidget(button)
    qtbot.addWidget(page)
    page.show()
    return page


def test_another_button_in_its_place_is_not_hit(qtbot) -> None:
    said: list[str] = []
    pause = Button("Pause", on=lambda: said.append("pause"))

    def start() -> None:
        said.append("upload")
        upload.hide()
        pause.show()

    upload = Button("Upload", on=start)
    page = QWidget()
    qtbot.addWidget(page)
    for button in (upload, pause):
        button.setParent(page)
        button.setGeometry(0, 0, 100, 32)
    pause.hide()
    page.show()
    double_click(upload)
    assert said == ["upload"]
    SecondClickGuard.last_press = None
    QTest.mouseClick(pause, Qt.MouseButton.LeftButton)
    assert said == ["upload", "pause"] and page.isVisible()


@pytest.mark.parametrize("kind", [Button, IconButton])
def test_the_same_button_counts_both_clicks_unless_it_means_another_thing(qtbot, kind) -> None:
    said: list[str] = []
    if kind is Button:
        same = Button("Next", on=lambda: said.append("next"))
        other = Button("Pause", on=lambda: (said.append(other.text()), other.setText("Go on")))
    else:
        same = IconButton("right", "Next", on=lambda: said.append("next"))
        other = IconButton("pause", "Pause", on=lambda: (said.append("Pause"), other.set_icon("play")))
    page = shown(qtbot, same, other)
    double_click(same)
    assert said == ["next", "next"]
    double_click(other)
    assert said == ["next", "next", "Pause"] and page.isVisible()
