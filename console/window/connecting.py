"""The strip below the header while no account answers: what is waited for, or what went wrong and how to go on."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QRectF, QTimer
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QSizePolicy, QVBoxLayout, QWidget

from console.connection import Connection
from console.look import icons
from console.look.theme import theme
from console.widgets.base import label, on_theme
from console.widgets.charts.progress import ProgressBar
from console.widgets.forms.buttons import Button
from console.window.activity_rows import duration
from workers.errors.tree import SageDeckError

# Pixels: six lines.
LOG_HEIGHT = 132


class ConnectingStrip(QFrame):
    """Follows a ``Connection``: hidden while it is ready."""

    def __init__(self, connection: Connection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.connection = connection
        self._seconds = 0
        self._run_fix: Callable[[], object] | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self.title = label("", "strong")
        self.text = label("", "small", "text2", wrap=True, copy=True)
        self.time = label("", "small", "text2")
        self.log_button = Button("Show log", "ghost", small=True, on=self._toggle_log)
        self.cancel = Button("Cancel", small=True, on=connection.cancel)
        self.fix = Button("", "primary", small=True, on=self._mend)
        self.retry = Button("Retry", "primary", "refresh", small=True, on=connection.retry)
        self.bar = ProgressBar()
        self.bar.setAccessibleName("Connecting")
        self.log = QPlainTextEdit()
        self.log.setReadOnly(True)
        self.log.setAccessibleName("Log of the connection")
        self.log.setFixedHeight(theme().pixels(LOG_HEIGHT))
        self.log.setFont(theme().font("mono"))
        self.log.hide()

        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(self.title)
        words.addWidget(self.text)
        row = QHBoxLayout()
        row.setContentsMargins(48, 10, 16, 10)
        row.setSpacing(8)
        row.addLayout(words, 1)
        row.addWidget(self.time)
        row.addWidget(self.log_button)
        row.addWidget(self.cancel)
        row.addWidget(self.fix)
        row.addWidget(self.retry)
        log_row = QHBoxLayout()
        log_row.setContentsMargins(48, 0, 16, 10)
        log_row.addWidget(self.log)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row)
        column.addLayout(log_row)
        column.addWidget(self.bar)

        self._timer = QTimer(self)
        self._timer.setInterval(1000)
        self._timer.timeout.connect(self._tick)
        connection.changed.connect(self.follow)
        on_theme(self)
        self.follow()

    def follow(self) -> None:
        """Show the connection's state."""
        connection = self.connection
        connecting, failed = connection.state == "connecting", connection.state == "failed"
        self.setVisible(connecting or failed)
        self.bar.setVisible(connecting)
        self.time.setVisible(connecting)
        self.cancel.setVisible(connecting)
        self.retry.setVisible(failed)
        self._offer_fix(connection.error if failed else None)
        if connecting and not self._timer.isActive():
            self._seconds = 0
            self.time.setText("")
            self._timer.start()
        elif not connecting:
            self._timer.stop()
        name = "the sandbox" if connection.choice.kind == "sandbox" else connection.choice.label
        if connecting:
            self.title.setText(f"Connecting to {name}")
            self.text.setText(connection.text)
            self.bar.set_fraction(None)
        elif failed:
            error = connection.error
            self.title.setText(error.title if error else connection.text)
            words = [error.message, error.hint] if error else ["No account is connected."]
            self.text.setText(" ".join(word for word in words if word))
        self.log_button.setVisible(len(connection.lines) > 1)
        self._fill_log()
        self.setAccessibleName(f"{self.title.text()}. {self.text.text()}")
        self.update()

    def _offer_fix(self, error: SageDeckError | None) -> None:
        """The error's own way out comes before trying the same again."""
        fix = error.fix if error is not None and error.fix is not None and error.fix.action != "retry" else None
        handler = self.connection.ctx.notify.fix_handler
        self._run_fix = handler(error) if fix is not None and error is not None and handler is not None else None
        self.fix.setVisible(self._run_fix is not None)
        self.retry.set_kind("primary" if self._run_fix is None else "normal")
        if fix is not None:
            self.fix.setText(fix.label)
            self.fix.setAccessibleName(fix.label)

    def _mend(self) -> None:
        if self._run_fix is not None:
            self._run_fix()

    def _fill_log(self) -> None:
        text = "\n".join(self.connection.lines)
        if self.log.isVisible() and self.log.toPlainText() != text:
            self.log.setPlainText(text)
            self.log.verticalScrollBar().setValue(self.log.verticalScrollBar().maximum())

    def _toggle_log(self) -> None:
        self.log.setVisible(not self.log.isVisible())
        self.log_button.setText("Hide log" if self.log.isVisible() else "Show log")
        self._fill_log()

    def _tick(self) -> None:
        self._seconds += 1
        self.time.setText(duration(self._seconds))

    def paintEvent(self, event: QPaintEvent) -> None:
        """The tint of what it says, and its icon."""
        painter = QPainter(self)
        failed = self.connection.state == "failed"
        painter.fillRect(self.rect(), theme().color("errTint" if failed else "accentTint"))
        y = self.title.mapTo(self, self.title.rect().topLeft()).y() + (self.title.height() - 16) / 2
        icon, token = ("err", "err") if failed else ("run", "accent")
        icons.paint(painter, QRectF(22, y, 16, 16), icon, theme().color(token))
