"""The bottom line of the window: what runs, how fresh the rows are, and the way to the activity panel."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QSizePolicy, QWidget

from console.activity.model import ActivityItem
from console.connection import Connection
from console.context import AppContext
from console.look import icons
from console.look.theme import PAGE_PADDING, RADIUS, STATUS_BAR, theme
from console.models.format import percents
from console.widgets.base import ElidedLabel, fill_rounded, focus_ring, label, on_theme
from console.widgets.charts.progress import ProgressBar

# Pixels.
GAP = 8
BAR_WIDTH = 120


class StatusButton(QAbstractButton):
    """Icon, words and a quiet key, as one button of the status bar."""

    def __init__(self, icon: str, text: str, keys: str = "", *, strong: bool = False) -> None:
        super().__init__()
        self.icon_name, self.token, self.keys, self.role = icon, "text2", keys, "label" if not strong else "strong"
        self.setText(text)
        self.setAccessibleName(f"{text} ({keys})" if keys else text)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        on_theme(self, self.updateGeometry)

    def say(self, icon: str, text: str, token: str) -> None:
        """Show another icon and text; the icon in a colour token."""
        if (icon, text, token) != (self.icon_name, self.text(), self.token):
            self.icon_name, self.token = icon, token
            self.setText(text)
            self.setAccessibleName(text)
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        """Icon, words, key and 8 px around."""
        width = GAP + 14 + GAP + theme().metrics(self.role).horizontalAdvance(self.text()) + GAP
        if self.keys:
            width += 4 + theme().metrics("caption").horizontalAdvance(self.keys)
        return QSize(width, theme().pixels(24))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Icon, words, key."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colors, rect = theme(), QRectF(self.rect())
        if self.underMouse():
            fill_rounded(painter, rect, RADIUS, colors.color("track"))
        icons.paint(painter, QRectF(GAP, self.height() / 2 - 7, 14, 14), self.icon_name, colors.color(self.token))
        painter.setFont(colors.font(self.role))
        painter.setPen(colors.color("text" if self.role == "strong" else "text2"))
        x = GAP + 14 + GAP
        painter.drawText(rect.adjusted(x, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), self.text())
        if self.keys:
            x += colors.metrics(self.role).horizontalAdvance(self.text()) + GAP + 2
            painter.setFont(colors.font("caption"))
            painter.setPen(colors.color("text3"))
            painter.drawText(rect.adjusted(x, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), self.keys)
        if self.hasFocus():
            focus_ring(painter, rect, RADIUS)


class StatusBar(QWidget):
    """Running work at the left, freshness and Activity at the right.

    Signals: ``activityWanted()``.
    """

    activityWanted = Signal()

    def __init__(self, ctx: AppContext, connection: Connection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.ctx, self.connection = ctx, connection
        self.setAccessibleName("Status")
        self.state = StatusButton("ok", "Nothing is running", strong=True)
        self.state.clicked.connect(self.activityWanted)
        self.title = ElidedLabel("", "small", "text2")
        self.bar = ProgressBar()
        self.bar.setAccessibleName("Progress of the running task")
        self.bar.setFixedWidth(BAR_WIDTH)
        self.figures = ElidedLabel("", "small", "text2", least=8)
        self.fresh = label("", "small", "text3")
        self.activity = StatusButton("up", "Activity", "Ctrl+L")
        self.activity.clicked.connect(self.activityWanted)
        row = QHBoxLayout(self)
        row.setContentsMargins(PAGE_PADDING - GAP, 1, PAGE_PADDING - GAP, 0)
        row.setSpacing(12)
        row.addWidget(self.state)
        row.addWidget(self.title)
        row.addWidget(self.bar)
        row.addWidget(self.figures)
        row.addStretch(1)
        row.addWidget(self.fresh)
        row.addWidget(self.activity)
        self._refreshed: datetime | None = None
        ctx.activity.added.connect(self._activity_changed)
        ctx.activity.changed.connect(self._activity_changed)
        ctx.activity.finished.connect(self._activity_changed)
        ctx.refreshed.connect(self.show_refreshed)
        ctx.backendChanging.connect(self.forget_refreshed)
        ctx.settings.changed.connect(self._setting_changed)
        connection.changed.connect(self.show_running)
        on_theme(self, self._dress)
        self._dress()
        self.show_running()

    def _dress(self) -> None:
        self.setFixedHeight(theme().pixels(STATUS_BAR) + 1)
        self.update()

    def show_running(self) -> None:
        """Name the first running task with its progress, and how many there are."""
        running = self.ctx.activity.running
        busy = bool(running)
        for widget in (self.title, self.bar, self.figures):
            widget.setVisible(busy)
        if not busy:
            self._show_idle()
            return
        first = running[0]
        self.state.say("run", f"{len(running)} running", "accent")
        self.title.setText(first.title)
        self.bar.set_fraction(first.fraction)
        percent = "" if first.fraction is None else percents(first.fraction)
        self.figures.setText(first.text or percent)

    def show_refreshed(self, at: datetime) -> None:
        """Say when the rows were read."""
        self._refreshed = at
        every = self.ctx.settings.refresh_seconds
        interval = f"every {every} s" if every < 60 else f"every {every // 60} min"
        self.fresh.setText(f"Refreshed {at:%H:%M:%S}, " + (interval if every else "by F5 only"))

    def forget_refreshed(self) -> None:
        """Another account: nothing was read yet."""
        self._refreshed = None
        self.fresh.setText("")

    def _show_idle(self) -> None:
        state = self.connection.state
        if state == "connecting":
            self.state.say("run", "Connecting", "accent")
        elif state == "failed":
            self.state.say("err", "Not connected", "err")
        else:
            self.state.say("ok", "Nothing is running", "text3")

    def _activity_changed(self, item: ActivityItem) -> None:
        self.show_running()

    def _setting_changed(self, key: str) -> None:
        if key == "refresh_seconds" and self._refreshed is not None:
            self.show_refreshed(self._refreshed)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Chrome with a hairline above."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme().color("chrome"))
        painter.fillRect(0, 0, self.width(), 1, theme().color("line"))
