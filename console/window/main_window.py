"""The one window: header, navigation, pages and status bar, with the activity panel and toasts over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QByteArray, QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QGuiApplication,
    QHelpEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShortcut,
)
from PySide6.QtWidgets import QAbstractButton, QDialog, QHBoxLayout, QToolTip, QVBoxLayout, QWidget

from console.activity.logbook import Logbook
from console.connection import Connection
from console.context import NO_ACCOUNT, AppContext
from console.look.theme import theme
from console.tabs import TABS, TabSpec
from console.tabs.base import is_narrow
from console.widgets.base import below, on_theme, screen_area
from console.widgets.forms.drops import PASTED_NAME, DropVeil, image_bytes, local_paths, pictures
from console.widgets.tables.search_field import SearchField
from console.window.connecting import ConnectingStrip
from console.window.header import Header
from console.window.link_opening import LinkOpening
from console.window.link_scheme import LinkScheme
from console.window.navigation import Navigation
from console.window.pages import Pages
from console.window.popover import SHADOW
from console.window.shortcuts import KEYS, ShortcutsDialog, tab_keys
from console.window.status_bar import StatusBar
from console.window.toasts import Toasts

if TYPE_CHECKING:
    from console.window.activity_panel import ActivityPanel
    from console.window.palette import Palette

READ_ONLY_REASON = "Read-only mode is on: nothing of the account is changed. Turn it off at the top right."
NOTHING_TO_UNDO = "Nothing waits to be sent. What was changed is put back from Activity, where AWS allows it."
# The size of the pictures of all screens; on a smaller screen what is free.
DEFAULT_SIZE = (1440, 900)
# What window managers put around a window, at most: nobody tells before it is shown.
FRAME_TOP, FRAME_SIDE = 40, 8
SMALLEST = (900, 600)
MARGIN = 16
GAP_BELOW = 12
GAP_ABOVE_PANEL = 10


def free_space(window: QWidget) -> QSize:
    """What panels and docks leave of the screen that ``window`` will be on (pixels without the device's ratio)."""
    return screen_area(window).size()


def first_size(available: QSize, wanted: QSize) -> QSize:
    """The size of a window without a frame that has room for one on a screen where ``available`` is free."""
    room = QSize(available.width() - 2 * FRAME_SIDE, available.height() - FRAME_TOP - FRAME_SIDE)
    return wanted.boundedTo(room).expandedTo(QSize(*SMALLEST))


class MainWindow(QWidget):
    """Signals: ``painted()`` after the first paint; ``closeWanted()`` when the operator closes it (it stays open
    until the application has cleaned up and calls ``let_close``)."""

    painted = Signal()
    closeWanted = Signal()

    def __init__(
        self,
        ctx: AppContext,
        connection: Connection,
        logbook: Logbook,
        specs: Sequence[TabSpec] | None = None,
        *,
        default_state_dir: Path,
    ) -> None:
        super().__init__()
        self.ctx, self.connection = ctx, connection
        self._default_state_dir = default_state_dir
        self._specs = list(TABS if specs is None else specs)
        self._closing = False
        self._may_close = False
        self._was_painted = False
        self._dialogs: dict[str, QDialog] = {}
        self.setWindowTitle("SageDeck")
        self.setAcceptDrops(True)
        self.setMinimumSize(*SMALLEST)

        self.header = Header(ctx, connection)
        self.strip = ConnectingStrip(connection)
        self.navigation = Navigation(self._specs)
        self.pages = Pages(ctx, self._specs)
        self.status = StatusBar(ctx, connection)
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(self.strip)
        right.addWidget(self.pages, 1)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.navigation)
        middle.addLayout(right, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addLayout(middle, 1)
        column.addWidget(self.status)

        self.links = LinkOpening(self)
        self.link_scheme = LinkScheme(ctx, parent=self)
        self._logbook = logbook
        self._panel: ActivityPanel | None = None
        self._palette: Palette | None = None
        self.toasts = Toasts(ctx.notify, self, self._toast_corner)
        self.veil = DropVeil(self.pages)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.pages.refresh)
        self._connect()
        self._set_interval()
        self._restore_geometry()
        self._make_shortcuts()

    # Showing

    @property
    def panel(self) -> ActivityPanel:
        """The activity panel, built when it is first wanted: the start need not wait for it."""
        if self._panel is None:
            from console.window.activity_panel import ActivityPanel

            self._panel = ActivityPanel(self.ctx, self._logbook, self)
            self._panel.closed.connect(self._panel_closed)
            self._panel.logWanted.connect(self.show_activity_log)
        return self._panel

    def open_first(self) -> None:
        """Show the tab that was open last, or the first."""
        wanted = self.ctx.settings.value("tab", "")
        ids = [spec.id for spec in self._specs]
        if ids:
            # Not on a button of the header; the tab puts it where it belongs once it is there.
            self.pages.setFocus()
            self.show_tab(wanted if wanted in ids else ids[0])

    def show_tab(self, tab_id: str, payload: Any = None) -> None:
        """Show a tab and hand it ``payload``; tells when it is not built."""
        if not self.pages.open(tab_id, payload):
            self.ctx.notify.warn("Not available", f"This version has no tab for “{tab_id}”.")

    def refresh(self) -> None:
        """What F5 does: connect again if nothing is connected, else let the shown tab read again."""
        if self.connection.state == "failed":
            self.connection.retry()
        else:
            self.pages.refresh()

    def go_to_search(self) -> None:
        """Go to the search field nearest to where the keyboard is: of the same panel, else of the page."""
        place: QWidget | None = self.focusWidget() or self.pages
        while place is not None:
            field = next((field for field in below(place, SearchField) if field.isVisible()), None)
            if field is not None:
                field.setFocus(Qt.FocusReason.ShortcutFocusReason)
                field.selectAll()
                return
            place = place.parentWidget()

    def toggle_activity(self) -> None:
        """Open or close the activity panel."""
        if self.panel.isVisible():
            self.panel.close_panel()
        else:
            self.panel.open_panel()
            self._place_overlays()

    @property
    def palette_panel(self) -> Palette:
        """The palette, built when it is first wanted."""
        if self._palette is None:
            from console.window.palette import Palette

            self._palette = Palette(self)
        return self._palette

    def open_palette(self) -> None:
        """Open the palette that finds anything, or close it."""
        if self.link_scheme.handler is None:
            self.link_scheme.look()
        self.palette_panel.toggle()

    def show_activity_log(self) -> None:
        """Open the log of everything that was changed in the account in force."""
        from console.window.activity_log import ActivityLogDialog

        if self.ctx.ledger is None or not self.ctx.ledger_account:
            self.ctx.notify.info("No account is connected", "The activity log is kept for each account.")
        elif not any(dialog.isVisible() for dialog in below(self, ActivityLogDialog)):
            ActivityLogDialog(self.ctx, self.ctx.ledger, self.ctx.ledger_account, self).open()

    def show_shortcuts(self) -> None:
        """Open the list of keys."""
        self._open_dialog("shortcuts", lambda: ShortcutsDialog(self))

    def show_settings(self) -> None:
        """Open the settings."""
        from console.window.settings_dialog import SettingsDialog

        folder = self.connection.state_dir or self._default_state_dir
        stop = self.connection.stop_sandbox if self.connection.sandbox_running else None
        self._open_dialog("settings", lambda: SettingsDialog(self.ctx, folder, stop, self, self.link_scheme))

    def paste(self) -> None:
        """Hand the clipboard's picture or files to the shown tab, or to Predict."""
        if self.pages.coming:
            self.pages.then(self.paste)
            return
        mime = QGuiApplication.clipboard().mimeData()
        paths = local_paths(mime)
        if paths:
            self.take_paths(paths)
            return
        data = image_bytes(mime)
        if data is None:
            self.ctx.notify.info("Nothing to paste", "The clipboard holds no picture.")
        elif self.pages.current_tab is None or not self.pages.current_tab.accept_image(data, PASTED_NAME):
            self.show_tab("predict", {"images": [(PASTED_NAME, data)]})

    def take_paths(self, paths: list[Path]) -> None:
        """Hand dropped files to the shown tab; what it does not want goes to Predict (pictures) or Data (folders)."""
        if self.pages.coming:
            self.pages.then(lambda: self.take_paths(paths))
            return
        tab = self.pages.current_tab
        if tab is not None and tab.accept_drop(paths):
            return
        shown = pictures(paths)
        folders = [path for path in paths if path.is_dir()]
        if shown:
            self.show_tab("predict", {"paths": shown})
        elif folders:
            self.show_tab("data", {"folder": folders[0]})
        else:
            self.ctx.notify.info("That cannot be used here", "Drop pictures, or a folder of pictures.")

    # Closing

    def closeEvent(self, event: QCloseEvent) -> None:
        """Stay until the application has cleaned up."""
        if self._may_close:
            event.accept()
            return
        event.ignore()
        if not self._closing:
            self.closeWanted.emit()

    def begin_closing(self) -> None:
        """Take no more input; the application cleans up."""
        self._closing = True
        self._timer.stop()
        self._keep_geometry()
        self.setEnabled(False)
        self.setWindowTitle("SageDeck, closing…")

    def let_close(self) -> None:
        """Close for good."""
        self._may_close = True
        self.close()

    # Events

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Collapse the navigation under ``NARROW_BELOW`` and keep the overlays in their corner."""
        super().resizeEvent(event)
        self._arrange(anew=event.oldSize().width() < 0)

    def _arrange(self, *, anew: bool = False) -> None:
        narrow = is_narrow(self.width())
        if narrow != self.navigation.rail or anew:
            self.header.set_narrow(narrow)
            self.navigation.set_rail(narrow)
            self.pages.set_narrow(narrow)
        self._place_overlays()

    def _text_size_changed(self) -> None:
        """Larger text needs more room: the same window may be narrow now."""
        self._arrange()
        self.update()

    def event(self, event: QEvent) -> bool:
        """In read-only mode a disabled button without a reason of its own says this one."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip and self.ctx.read_only:
            button = self.childAt(event.pos())
            if isinstance(button, QAbstractButton) and not button.isEnabled():
                QToolTip.showText(event.globalPos(), READ_ONLY_REASON, button)
                return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The page colour; the first paint is told."""
        QPainter(self).fillRect(self.rect(), theme().color("bg"))
        if not self._was_painted:
            self._was_painted = True
            QTimer.singleShot(0, self.painted.emit)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Say what a drop would do."""
        paths = local_paths(event.mimeData())
        if not paths and not event.mimeData().hasImage():
            return
        event.acceptProposedAction()
        if not pictures(paths) and not event.mimeData().hasImage():
            self.veil.show_text("Drop to use this folder")
        elif self.pages.current_id == "predict":
            self.veil.show_text("Drop to classify")
        else:
            self.veil.show_text("Drop the pictures")

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Nothing is dragged any more."""
        self.veil.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        """Take files, folders or a picture."""
        self.veil.hide()
        event.acceptProposedAction()
        paths = local_paths(event.mimeData())
        data = None if paths else image_bytes(event.mimeData())
        if paths:
            self.take_paths(paths)
        elif data is not None:
            self.show_tab("predict", {"images": [("dropped.png", data)]})

    # Inside

    def _connect(self) -> None:
        ctx = self.ctx
        self.navigation.chosen.connect(self.show_tab)
        self.navigation.shortcutsWanted.connect(self.show_shortcuts)
        self.navigation.settingsWanted.connect(self.show_settings)
        self.status.activityWanted.connect(self.toggle_activity)
        self.pages.shown.connect(self._tab_shown)
        self.pages.badgeChanged.connect(self.navigation.set_badge)
        ctx.navigateRequested.connect(self.show_tab)
        # A message's button was meant for the account that goes.
        ctx.backendChanging.connect(self.toasts.clear)
        ctx.accountForgotten.connect(self._close_dialogs)
        ctx.settings.changed.connect(self._setting_changed)
        on_theme(self, self._text_size_changed)

    def _tab_shown(self, tab_id: str) -> None:
        self.toasts.clear_passing()
        self.toasts.place()
        self.navigation.select(tab_id)
        self.ctx.settings.set("tab", tab_id)

    def _setting_changed(self, key: str) -> None:
        if key == "refresh_seconds":
            self._set_interval()
        elif key == "theme":
            self.ctx.theme.set_preference(self.ctx.settings.theme)
        elif key == "text_scale":
            self.ctx.theme.set_scale(self.ctx.settings.value("text_scale", 1.0))
        elif key == "state_folder":
            self.connection.state_dir = Path(self.ctx.settings.value("state_folder", ""))

    @property
    def refresh_ms(self) -> int:
        """Milliseconds between two readings of the shown tab; 0 while it is read by F5 only."""
        return self._timer.interval() if self._timer.isActive() else 0

    def _set_interval(self) -> None:
        seconds = self.ctx.settings.refresh_seconds
        self._timer.stop()
        if seconds:
            self._timer.start(seconds * 1000)

    def _panel_closed(self) -> None:
        self.toasts.place()

    def _place_overlays(self) -> None:
        bottom = self.status.y() - GAP_BELOW
        if self._panel is not None:
            wanted = self._panel.wanted_size()
            width = min(wanted.width(), self.width() - 2 * MARGIN)
            height = min(wanted.height(), bottom - self.header.height() - MARGIN)
            self._panel.place(self.width() - MARGIN - width, bottom - height, width, height)
        if self._palette is not None:
            self._palette.arrange()
        self.toasts.place()
        self.veil.setGeometry(self.pages.rect())

    def _toast_corner(self) -> tuple[int, int]:
        """Right and bottom of the toasts: above the activity panel, else beside the tab's side panel."""
        right, bottom = self.width() - MARGIN, self.status.y() - GAP_BELOW
        if self._panel is not None and self._panel.isVisible():
            return right, self._panel.y() + SHADOW - GAP_ABOVE_PANEL
        tab = self.pages.current_tab
        return right - (tab.side_width() if tab is not None else 0), bottom

    def undo(self) -> None:
        """Press what the newest message offers to take back."""
        toast = self.toasts.taking_back
        if toast is not None:
            toast.action_button.click()
        else:
            self.ctx.notify.info("Nothing to undo", NOTHING_TO_UNDO)

    def why_not(self, action: str) -> str:
        """Why one of ``what_keys_do`` cannot be done now, "" when it can."""
        if action == "refresh" and not self.ctx.connected and self.connection.state != "failed":
            return NO_ACCOUNT
        if action == "find" and not any(field.isVisible() for field in below(self.pages, SearchField)):
            return "This page has nothing to filter"
        if action == "undo" and self.toasts.taking_back is None:
            return NOTHING_TO_UNDO
        return ""

    def _make_shortcuts(self) -> None:
        self.what_keys_do: dict[str, Callable[[], object]] = {
            "palette": self.open_palette,
            "refresh": self.refresh,
            "activity": self.toggle_activity,
            "activity_log": self.show_activity_log,
            "undo": self.undo,
            "find": self.go_to_search,
            "accounts": self.header.open_menu,
            "read_only": self.header.switch.click,
            "paste": self.paste,
            "settings": self.show_settings,
            "shortcuts": self.show_shortcuts,
            "quit": self.close,
        }
        for key in KEYS:
            if key.action:
                QShortcut(QKeySequence(key.keys), self, self.what_keys_do[key.action])
        for tab_id, keys in tab_keys(self._specs).items():
            QShortcut(QKeySequence(keys), self, lambda tab_id=tab_id: self.show_tab(tab_id))

    def _open_dialog(self, name: str, make: Callable[[], QDialog]) -> None:
        dialog = self._dialogs.get(name)
        if dialog is None:
            dialog = self._dialogs[name] = make()
            dialog.finished.connect(lambda _: self._dialogs.pop(name, None))
        dialog.open()

    def _close_dialogs(self) -> None:
        """What was asked or shown about the account that is left is answered with Cancel."""
        for dialog in tuple(below(self, QDialog)):
            if dialog.isVisible() and dialog not in self._dialogs.values():
                dialog.reject()

    def _restore_geometry(self) -> None:
        self.resize(first_size(free_space(self), QSize(*DEFAULT_SIZE)))
        saved = self.ctx.settings.value("geometry", "")
        if saved:
            self.restoreGeometry(QByteArray.fromBase64(saved.encode("ascii", "ignore")))

    def _keep_geometry(self) -> None:
        self.ctx.settings.set("geometry", self.saveGeometry().toBase64().toStdString())
