"""What happened last in the account, and the way to all of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from console.activity.model import ActivityItem
from console.context import AppContext
from console.look.theme import theme
from console.models.format import when
from console.tabs.overview.events.dialog import EventsDialog
from console.tabs.overview.events.rows import Happening, merged
from console.tabs.overview.part import Part
from console.widgets.base import ElidedLabel, draw_icon, label, on_theme, text_width
from workers.audit.trail import TrailEvent
from workers.errors.tree import SageDeckError

if TYPE_CHECKING:
    from workers.services import Services

# Lines in the side; all are behind "All events".
MOST = 6
# CloudTrail knows of a call some minutes late: asking more often tells nothing new.
READ_SECONDS = 60.0
_KEY = "overview:events"
_ICON = 14
# Times stand above each other.
_WIDEST = "yesterday"


class _Rail(QWidget):
    """The icon of an event, and the line that leads to the one before it."""

    def __init__(self, happening: Happening, last: bool) -> None:
        super().__init__()
        self._happening, self._last = happening, last
        self._dress()
        on_theme(self, self._dress)

    def _dress(self) -> None:
        self.setFixedWidth(theme().pixels(_ICON) + 4)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        colors = theme()
        size = colors.pixels(_ICON)
        draw_icon(painter, 2, 2, size, self._happening.icon, colors.color(self._happening.tone))
        if not self._last:
            painter.fillRect(self.width() // 2, size + 8, 1, self.height() - size - 10, colors.color("line2"))


class EventLine(QWidget):
    """Time, icon, what it is about, and what happened."""

    def __init__(self, happening: Happening, last: bool, now: datetime, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.happening = happening
        self._at = label(when(happening.at, now), "small", "text3")
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(ElidedLabel(happening.title, "name", middle=True))
        words.addWidget(ElidedLabel(happening.text, "small", "text2"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self._at, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(_Rail(happening, last))
        row.addLayout(words, 1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(f"{when(happening.at, now)}: {happening.title}, {happening.text}")
        self._dress()
        on_theme(self, self._dress)

    def _dress(self) -> None:
        self._at.setFixedWidth(max(round(text_width(words, "small")) + 4 for words in (_WIDEST, self._at.text())))


class EventsPart(Part):
    """The newest events; those of SageDeck are there at once, CloudTrail's some minutes after they happened."""

    title = "Events"

    def __init__(self, ctx: AppContext, parent: QWidget | None = None) -> None:
        super().__init__(ctx, parent)
        self.events: tuple[TrailEvent, ...] = ()
        self.lines: list[EventLine] = []
        self._read = 0.0
        self._known = False
        self._shown: list[Happening] = []
        self._dialogs: list[EventsDialog] = []
        self.all_button = self.add_link("All events", self._show_all)
        self._list = QVBoxLayout()
        self._list.setSpacing(8)
        self.body.addLayout(self._list)
        for signal in (ctx.activity.added, ctx.activity.finished, ctx.activity.cleared):
            signal.connect(self._own_changed)
        self.forget()

    def forget(self) -> None:
        """The account was left: its events, and the lists that show them, go."""
        self.events, self._read, self._known, self._shown = (), 0.0, False, []
        for dialog in self._dialogs:
            dialog.reject()
        self._dialogs = []
        self._clear()
        self.clear_error()
        self.set_loading("Reading what happened…")

    def refresh(self) -> None:
        """Read the newest page, unless it was read a moment ago."""
        if time.monotonic() - self._read > READ_SECONDS or not self._known:
            self.ctx.with_services(self._refresh, label="Read the events", key=_KEY, on_error=self._failed)

    async def _refresh(self, services: Services) -> None:
        page = await services.trail.page()
        self.events, self._read, self._known = page.events, time.monotonic(), True
        self.clear_error()
        self._show()

    def _failed(self, error: BaseException) -> None:
        """What SageDeck itself did is known all the same."""
        fix = self.ctx.notify.fix(error) if isinstance(error, SageDeckError) else None
        self.set_error(error, fix)
        self._read, self._known = time.monotonic(), True
        self._show()

    def _own_changed(self, *_: object) -> None:
        if self._known:
            self._show()

    def own(self) -> list[ActivityItem]:
        """What SageDeck did in this account."""
        return self.ctx.activity.of_account()

    def _show(self) -> None:
        found = merged(self.events, self.own())[:MOST]
        self.say("" if found else "Nothing has changed in 90 days.")
        if found == self._shown:
            return
        self._shown = found
        self._fill(found)

    def _fill(self, found: Sequence[Happening]) -> None:
        self._clear()
        now = datetime.now(UTC)
        for at, happening in enumerate(found):
            line = EventLine(happening, at == len(found) - 1, now)
            self._list.addWidget(line)
            self.lines.append(line)

    def _clear(self) -> None:
        for line in self.lines:
            self._list.removeWidget(line)
            line.hide()
            line.deleteLater()
        self.lines = []

    # All of them

    def _show_all(self) -> None:
        self.show_events()

    def show_events(self, resource: str = "") -> EventsDialog:
        """Open the list of all events, or of those of one resource by its name or id."""
        dialog = EventsDialog(self.ctx, self.own, resource, parent=self.window())
        self._dialogs.append(dialog)
        self.ctx.tasks.start(self._ask(dialog), label="Events", scope="window")
        return dialog

    async def _ask(self, dialog: EventsDialog) -> None:
        try:
            await dialog.ask()
        finally:
            if dialog in self._dialogs:
                self._dialogs.remove(dialog)
