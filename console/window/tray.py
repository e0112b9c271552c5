"""The desktop's own message about long work that ended while another program was in front."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QSystemTrayIcon, QWidget

from console.activity.model import ActivityItem, ActivityModel

# For shorter work nobody turns to another window.
LONG_SECONDS = 60.0
# Desktops may cap it.
SHOWN_MS = 10_000
WORDS = {"done": "Done", "failed": "Failed"}


class TrayMessages(QObject):
    """Tells of finished work that took over ``LONG_SECONDS``, where the desktop has a tray; silent elsewhere.

    The tray icon goes when the window comes to the front, which a click on either does.
    """

    def __init__(self, activity: ActivityModel, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._icon: QSystemTrayIcon | None = None
        activity.finished.connect(self._finished)
        application = QGuiApplication.instance()
        if isinstance(application, QGuiApplication):
            application.applicationStateChanged.connect(self._state_changed)

    def hide(self) -> None:
        """Take the icon away, with its message."""
        if self._icon is not None:
            self._icon.hide()

    def _state_changed(self, state: Qt.ApplicationState) -> None:
        if state == Qt.ApplicationState.ApplicationActive:
            self.hide()

    def _finished(self, item: ActivityItem) -> None:
        if item.state not in WORDS or item.seconds <= LONG_SECONDS or self._window.isActiveWindow():
            return
        if not QSystemTrayIcon.isSystemTrayAvailable():
            return
        icon = self._made()
        icon.show()
        kind = (
            QSystemTrayIcon.MessageIcon.Warning if item.state == "failed" else QSystemTrayIcon.MessageIcon.Information
        )
        icon.showMessage(f"{WORDS[item.state]}: {item.title}", item.text or "SageDeck", kind, SHOWN_MS)

    def _made(self) -> QSystemTrayIcon:
        if self._icon is None:
            icon = self._icon = QSystemTrayIcon(self._window.windowIcon(), self)
            icon.setToolTip("SageDeck")
            icon.messageClicked.connect(self._to_front)
            icon.activated.connect(lambda _: self._to_front())
        return self._icon

    def _to_front(self) -> None:
        self.hide()
        window = self._window
        window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
        window.show()
        window.raise_()
        window.activateWindow()
