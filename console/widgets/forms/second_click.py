"""The second click of a double-click must not hit what the first one has put under the pointer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from PySide6.QtCore import QPointF
from PySide6.QtGui import QGuiApplication, QMouseEvent
from shiboken6 import getCppPointer


@dataclass(frozen=True)
class Press:
    """A press of the mouse on a button: when (ms, the event's own time), where on the screen, on what."""

    at: int
    place: QPointF
    button: int
    meaning: str


def is_second_click(before: Press | None, now: Press, interval_ms: int, distance: float) -> bool:
    """True when ``now`` ends a double-click that began on another button, or when this one meant another thing."""
    if before is None or not 0 <= now.at - before.at < interval_ms:
        return False
    if (now.place - before.place).manhattanLength() > distance:
        return False
    return (now.button, now.meaning) != (before.button, before.meaning)


class SecondClickGuard:
    """Put before a button class: it lets such a click pass without effect. ``meaning`` tells what a click would do;
    ``last_press`` is the newest press on any of them."""

    last_press: ClassVar[Press | None] = None
    _swallowed = False

    def meaning(self) -> str:
        """What the button says it does."""
        raise NotImplementedError

    def mousePressEvent(self: Any, event: QMouseEvent) -> None:
        """Press it, unless this is the second click of what was another button."""
        now = Press(event.timestamp(), event.globalPosition(), int(getCppPointer(self)[0]), self.meaning())
        hints = QGuiApplication.styleHints()
        before = SecondClickGuard.last_press
        self._swallowed = is_second_click(
            before, now, hints.mouseDoubleClickInterval(), hints.mouseDoubleClickDistance()
        )
        if self._swallowed and before is not None:
            # A third click belongs to the first one just as well.
            SecondClickGuard.last_press = Press(now.at, now.place, before.button, before.meaning)
            event.accept()
            return
        SecondClickGuard.last_press = now
        super().mousePressEvent(event)  # type: ignore[misc]

    def mouseReleaseEvent(self: Any, event: QMouseEvent) -> None:
        """A press that had no effect must not have one when it is let go, neither here nor in the widget below."""
        if self._swallowed:
            self._swallowed = False
            event.accept()
            return
        super().mouseReleaseEvent(event)  # type: ignore[misc]
