"""Hands and eyes of the story: clicks, drops and waits on the window's real widgets, as an operator would."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

if TYPE_CHECKING:
    from console.app import Application

Watch = Callable[[str], Awaitable[None]]

# Often enough that the tour loses nothing by it; no step takes so long, on a slow machine neither.
POLL_SECONDS = 0.05
STEP_SECONDS = 240.0


class StoryFailed(Exception):
    """A step did not come to its end; the text says which and what the window said."""


@dataclass
class Step:
    """One step that was done: what, how long it took (seconds), and what came out."""

    name: str
    seconds: float = 0.0
    result: dict[str, Any] = field(default_factory=dict)


class Hands:
    """Works on one open window. ``watch(name)`` is awaited at every sight worth a picture."""

    def __init__(self, application: Application, watch: Watch | None = None) -> None:
        self.app = application
        self.steps: list[Step] = []
        self._watch = watch

    def drop(self, paths: list[Path]) -> None:
        """Drop files on the middle of the window, as the desktop does."""
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        window = self.app.window
        spot = window.rect().center()
        copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        QApplication.sendEvent(window, QDragEnterEvent(spot, copy, data, left, none))
        QApplication.sendEvent(window, QDropEvent(QPointF(spot), copy, data, left, none))

    def _click(self, button: QWidget) -> None:
        if not button.isEnabled() or not button.isVisible():
            raise StoryFailed(f"The button “{button.property('text')}” cannot be clicked.")
        QTest.mouseClick(button, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(8, 8))

    def _tab(self, tab_id: str) -> Any:
        if self.app.window.pages.current_id != tab_id:
            self.app.ctx.navigate(tab_id)
        return self.app.window.pages.tab(tab_id)

    async def _dialog(self, kind: str) -> Any:
        def found() -> QWidget | None:
            shown = (
                widget
                for widget in QApplication.topLevelWidgets()
                if type(widget).__name__ == kind and widget.isVisible()
            )
            return next(shown, None)

        await self._until(lambda: found() is not None, f"{kind} did not open")
        return found()

    async def _until(
        self, condition: Callable[[], Any], failed: str, moving: Callable[[], object] | None = None
    ) -> None:
        """Wait, ``STEP_SECONDS`` at most, and on while ``moving`` changes, which shows how far it is."""
        deadline, shown = time.monotonic() + STEP_SECONDS, moving() if moving is not None else None
        while not condition():
            if moving is not None and (now := moving()) != shown:
                deadline, shown = time.monotonic() + STEP_SECONDS, now
            if time.monotonic() > deadline:
                said = "; ".join(f"{item.title}: {item.text}" for item in self.app.activity.history[:3])
                raise StoryFailed(f"After {STEP_SECONDS:.0f} s {failed}. The window said: {said}")
            await asyncio.sleep(POLL_SECONDS)

    async def _look(self, name: str) -> None:
        if self._watch is not None:
            await self._watch(name)

    @asynccontextmanager
    async def _step(self, name: str) -> AsyncIterator[Step]:
        step = Step(name)
        started = time.monotonic()
        try:
            yield step
        except StoryFailed as error:
            raise StoryFailed(f"{name}: {error}") from error
        step.seconds = time.monotonic() - started
        self.steps.append(step)
