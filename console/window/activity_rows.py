"""The rows of the activity panel: running work with its progress, and finished work with what can be done about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from PySide6.QtCore import QPoint, QRectF, QSize, Qt
from PySide6.QtGui import QGuiApplication, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QWidget

from console.activity.model import ActivityItem
from console.look import icons
from console.look.theme import ICON, theme
from console.models.format import day_month, percents
from console.widgets.base import label, on_theme
from console.widgets.charts.progress import ProgressBar
from console.widgets.forms.buttons import Button, IconButton
from workers.aws.as_commands import as_cli

FINISHED_LOOK = {"done": ("ok", "ok"), "failed": ("err", "err"), "cancelled": ("off", "text3")}


def duration(seconds: float) -> str:
    """``48 s``, ``3 min 12 s``, ``2 h 5 min``."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def when(at: datetime) -> str:
    """Local time of day, with the date if it was not today."""
    local = at.astimezone()
    today = datetime.now().astimezone().date()
    return f"{local:%H:%M}" if local.date() == today else f"{day_month(local.date(), today)} {local:%H:%M}"


class WrapLabel(QLabel):
    """Plain text that takes the width it is given and as many lines as it needs there, but claims only one."""

    def __init__(self, text: str, role: str = "body", tone: str = "text", *, copy: bool = False) -> None:
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setProperty("role", role)
        self.setProperty("tone", tone)
        if copy:
            self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def minimumSizeHint(self) -> QSize:
        """One line: QLabel itself would claim the height that its text has at its narrowest."""
        return QSize(0, self.fontMetrics().height())


class Glyph(QWidget):
    """An icon in a colour token, 16 px."""

    def __init__(self, name: str, token: str) -> None:
        super().__init__()
        self.name, self.token = name, token
        self.setFixedSize(ICON, ICON)
        on_theme(self)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The icon."""
        painter = QPainter(self)
        icons.paint(painter, QRectF(self.rect()), self.name, theme().color(self.token))


class RunningRow(QWidget):
    """One running item: title, percentage or time, pause, cancel, bar and one line of figures."""

    def __init__(self, item: ActivityItem) -> None:
        super().__init__()
        self.item = item
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 1, 0, 7)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        self._figure = label("", "small", "text2")
        self._pause = IconButton("pause", f"Pause {item.title}", size=14, on=item.toggle_pause)
        self._cancel = IconButton("close", f"Cancel {item.title}", size=14, on=item.request_cancel)
        self._bar = ProgressBar()
        self._bar.setAccessibleName(item.title)
        self._text = WrapLabel("", "small", "text2")
        title = WrapLabel(item.title, "name")
        end = QHBoxLayout()
        end.setSpacing(4)
        end.addWidget(self._figure)
        end.addWidget(self._pause)
        end.addWidget(self._cancel)
        grid.addWidget(Glyph(item.icon, "accent"), 0, 0)
        grid.addWidget(title, 0, 1)
        grid.addLayout(end, 0, 2)
        grid.addWidget(self._bar, 1, 1, 1, 2)
        grid.addWidget(self._text, 2, 1, 1, 2)
        self.tick()

    def tick(self) -> None:
        """Take over progress and time."""
        item = self.item
        self._figure.setText(percents(item.fraction) if item.fraction is not None else duration(item.seconds))
        self._bar.set_fraction(item.fraction)
        self._text.setText("Paused" if item.paused else item.text)
        self._text.setVisible(bool(self._text.text()))
        self._pause.setVisible(item.pause is not None)
        self._cancel.setVisible(item.cancel is not None)
        self._pause.set_icon("play" if item.paused else "pause")
        self._pause.setAccessibleName(f"{'Resume' if item.paused else 'Pause'} {item.title}")
        self._pause.setToolTip("Resume" if item.paused else "Pause")


class FinishedRow(QWidget):
    """One finished item: how it ended, when, and Copy as CLI or Retry."""

    def __init__(
        self,
        item: ActivityItem,
        copied: Callable[[str], object],
        more: Callable[[ActivityItem, QPoint], object] | None = None,
    ) -> None:
        """``copied`` is told of a line that went to the clipboard, ``more`` opens the menu of all that can be done."""
        super().__init__()
        self.item = item
        self._copied, self._more = copied, more
        icon, token = FINISHED_LOOK[item.state]
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 4, 0, 6)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(0)
        grid.setColumnStretch(1, 1)
        title = WrapLabel(item.title, "name")
        at = when(item.ended) if item.ended is not None else ""
        text = WrapLabel(", ".join(part for part in (at, item.text) if part), "small", "text2", copy=True)
        grid.addWidget(Glyph(icon, token), 0, 0)
        grid.addWidget(title, 0, 1)
        actions = QHBoxLayout()
        actions.setSpacing(4)
        if item.retry is not None:
            actions.addWidget(Button("Retry", "link", small=True, on=self._retry))
        if item.put_back is not None:
            actions.addWidget(Button("Put back", "link", small=True, on=item.put_back))
        if item.cli or item.calls:
            actions.addWidget(Button("Copy as CLI", "link", small=True, on=self._copy))
        if more is not None and (item.calls or item.actor):
            self._dots = IconButton("dots", f"More about {item.title}", size=14, on=self._open)
            actions.addWidget(self._dots)
        grid.addLayout(actions, 0, 2)
        grid.addWidget(text, 1, 1, 1, 2)

    def _retry(self) -> None:
        if self.item.retry is not None:
            self.item.retry()

    def _open(self) -> None:
        if self._more is not None:
            self._more(self.item, self._dots.menu_position())

    def _copy(self) -> None:
        lines = cli_of(self.item)
        QGuiApplication.clipboard().setText(lines)
        self._copied(lines)


def cli_of(item: ActivityItem) -> str:
    """What was sent as lines of the AWS CLI; what is not known call by call (the launcher's) as its command says it."""
    return as_cli(item.calls, item.profile or None) or item.cli
