"""Every tab is used without a mouse: Tab reaches every control and comes round, each has a name and shows its focus."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QAccessible, QKeySequence, QShortcut
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import isValid

from console.tabs import TABS
from tests.helpers.window import activate, until
from workers.account import sandbox as local_account
from workers.services import Services

MOST_STOPS = 120
ROOT = Path(__file__).parents[2]


class Windows(QObject):
    """Notes every widget that is shown as a window of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
            self.shown.append(type(watched).__name__)
        return False


@pytest.fixture
def windows(qapp: QApplication) -> Iterator[Windows]:
    made = Windows()
    qapp.installEventFilter(made)
    yield made
    qapp.removeEventFilter(made)


def stops(first: QWidget) -> list[QWidget]:
    """The widgets that Tab goes to, from ``first`` until it comes round."""
    first.setFocus(Qt.FocusReason.TabFocusReason)
    seen: list[QWidget] = []
    while len(seen) < MOST_STOPS:
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        now = QApplication.focusWidget()
        seen.append(now)
        if now is first:
            return seen
    raise AssertionError(f"Tab does not come round: it ends at {seen[-1]} {seen[-1].accessibleName()!r}")


def name_of(widget: QWidget) -> str:
    found = QAccessible.queryAccessibleInterface(widget)
    return (found.text(QAccessible.Text.Name) if found is not None else "") or widget.accessibleName()


async def shows_focus(widget: QWidget) -> bool:
    widget.setFocus(Qt.FocusReason.TabFocusReason)
    with_focus = widget.grab().toImage()
    widget.clearFocus()
    await asyncio.sleep(0)
    return with_focus != widget.grab().toImage()


@pytest.fixture(autouse=True)
def _no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is launched by the form here: its SDK, four seconds of computing, would start for every window."""

    async def nothing(self: Services) -> None:
        """There is no launch to get ready for."""

    monkeypatch.setattr(Services, "prewarm", nothing)


@pytest.mark.integration
async def test_tab_reaches_every_control_of_every_tab(
    tmp_path: Path, make_application: Callable[..., Any], windows: Windows
) -> None:
    state = tmp_path / "sandbox"
    application = make_application(specs=TABS, state_dir=state)
    window = application.window
    window.resize(1280, 800)
    try:
        application.show()
        await activate(window)
        await until(lambda: application.ctx.connected)
        for spec in TABS:
            before = application.ctx.settings.value("tab", "")
            application.ctx.navigate(spec.id)
            await until(lambda before=before: window.pages.current_id != before or window.status.fresh.text() != "")
            await until(lambda: window.status.fresh.text() != "")
            for widget in stops(window.header.pill):
                # A list that was read meanwhile may have put something else in its place.
                if not isValid(widget) or not widget.isVisible() or not widget.isEnabled():
                    continue
                assert name_of(widget), f"{spec.id}: {widget} has no accessible name"
                assert await shows_focus(widget), f"{spec.id}: the focus of {name_of(widget)!r} is not seen"
        assert set(windows.shown) == {"MainWindow"}
    finally:
        await local_account.stop(state)
        await application.close()


async def test_the_readme_names_the_keys_that_open_the_tabs(make_application: Callable[..., Any]) -> None:
    window = make_application(TABS).window
    opened: list[str] = []
    window.show_tab = opened.append
    told = re.findall(r"\*\*(\w+)\*\* \((Ctrl\+\d)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(told) == len(TABS)
    for title, keys in told:
        (shortcut,) = [shortcut for shortcut in window.findChildren(QShortcut) if shortcut.key() == QKeySequence(keys)]
        shortcut.activated.emit()
        assert next(spec.title for spec in TABS if spec.id == opened[-1]) == title, keys
