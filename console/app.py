"""Starts and ends the program: files, the event loop, the window, and what happens to errors nobody caught."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from PySide6.QtCore import QLocale, QMessageLogContext, Qt, QtMsgType, qInstallMessageHandler
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication, QMessageBox
from qasync import QEventLoop

from console.activity.ledger import Ledger
from console.activity.logbook import Logbook
from console.activity.model import ActivityModel
from console.collector import Collector
from console.commands import Affected, Confirmation
from console.connection import Connection
from console.context import AppContext
from console.journal import Journal, Writer
from console.look import icons
from console.look.theme import theme
from console.notify import Notifier
from console.settings import Settings
from console.single_window import Listener, hand_over
from console.tabs import CHANGES, TabSpec
from console.widgets.forms.focus import guard
from console.window.code_dialog import CodeQuestions
from console.window.cost_meter import CostMeter
from console.window.main_window import MainWindow
from console.window.sign_in import SignIns
from console.window.tray import TrayMessages
from workers import paths
from workers.errors.tree import SageDeckError
from workers.files import private

log = logging.getLogger(__name__)

NO_DISPLAY = (
    "SageDeck needs a display, and there is none here: run it in a desktop session, or add `--tour FOLDER`, "
    "which works without one."
)
MISSING_LIBRARIES = (
    "If there is one, Qt's libraries for it are missing (Debian, Ubuntu: libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1)."
)
# Tasks end within a second unless AWS does not answer; nobody waits longer for a window to close.
CLOSE_SECONDS = 10.0
# So long what deletes or ends something can be undone before it is sent.
GRACE_SECONDS = 10.0
# Python's 5 ms let a busy thread hold the window back for a third of a frame; 1 ms does not show.
SWITCH_SECONDS = 0.001


@dataclass(frozen=True)
class Files:
    """Where the window keeps its own small files."""

    settings: Path
    history: Path
    log: Path

    @classmethod
    def standard(cls) -> Files:
        """In the user's configuration and data folders; all in ``SAGEDECK_CONFIG`` if that is set."""
        override = os.environ.get("SAGEDECK_CONFIG")
        if override:
            return cls.inside(Path(override))
        data = paths.user_data()
        return cls(paths.user_config() / "settings.json", data / "activity.jsonl", data / "window.log")

    @classmethod
    def inside(cls, folder: Path) -> Files:
        """All in one folder."""
        return cls(folder / "settings.json", folder / "activity.jsonl", folder / "window.log")


class Application:
    """One window with everything behind it. Make it inside a running event loop.

    ``state_dir`` is the sandbox's state folder (None: what the settings say, else the default); ``look`` overrides
    the chosen colours for this run; ``specs`` are the tabs (None: all that are built).
    """

    def __init__(
        self,
        files: Files,
        *,
        state_dir: Path | None = None,
        look: str = "",
        specs: Sequence[TabSpec] | None = None,
    ) -> None:
        from workers.account.sandbox import default_state_dir

        private.tighten((files.settings, files.history, files.log))
        self._writer = Writer()
        self.settings = Settings(files.settings, self._writer)
        self._journal = Journal(files.history, self._writer)
        self.logbook = Logbook()
        self.logbook.install(files.log)
        self.notify = Notifier()
        self.activity = ActivityModel(self._journal)
        colors = theme()
        colors.set_scale(self.settings.value("text_scale", 1.0))
        colors.set_preference(look if look in ("light", "dark") else self.settings.theme)  # type: ignore[arg-type]
        colors.apply()
        ledger = Ledger(files.history.parent / "activity", self._writer)
        self.ctx = AppContext(
            settings=self.settings, theme=colors, activity=self.activity, notify=self.notify, ledger=ledger
        )
        chosen = self.settings.value("state_folder", "")
        folder = state_dir or (Path(chosen) if chosen else None)
        self.connection = Connection(self.ctx, folder)
        self.window = MainWindow(
            self.ctx, self.connection, self.logbook, specs, default_state_dir=folder or default_state_dir()
        )
        self.costs = CostMeter(self.ctx)
        self.sign_ins = SignIns(self.ctx, self.connection)
        self.codes = CodeQuestions(self.ctx, self.window)
        self.connection.code_asker = self.codes.asker
        self.connection.changed.connect(self._connection_changed)
        self.tray = TrayMessages(self.activity, self.window)
        self.ctx.ask = self.ask
        self.ctx.grace_seconds = GRACE_SECONDS
        self.ctx.changes = CHANGES
        self.notify.fix_handler = self._fix
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.window.closeWanted.connect(self._close_wanted)
        self.window.painted.connect(self._painted)
        self.listener = Listener(files.settings, self._link_came)
        self._loop = asyncio.get_running_loop()
        self._connect_at_start = True
        self._was_closed = False

    def show(self, *, connect: bool = True) -> None:
        """Show the window; after its first paint it connects to the account used last."""
        self._connect_at_start = connect
        self.window.open_first()
        self.window.show()

    async def ask(self, confirmation: Confirmation, cli: str = "") -> bool:
        """Show a confirmation and wait for the answer; other tasks go on meanwhile."""
        from console.widgets.frames.confirm import ConfirmDialog

        return await ConfirmDialog(confirmation, cli, self.window).ask()

    async def close(self) -> None:
        """End everything that this window started; the sandbox goes on until it is idle. A second call does nothing."""
        if self._was_closed:
            return
        self._was_closed = True
        self.listener.stop()
        self.window.begin_closing()
        self.tray.hide()
        self.ctx.leave(keep_rows=True)
        late = await self.ctx.tasks.close(CLOSE_SECONDS)
        if late:
            log.warning("did not end within %.0f s: %s", CLOSE_SECONDS, ", ".join(late))
        self.settings.save()
        await asyncio.to_thread(self._writer.close)
        await asyncio.to_thread(self.logbook.uninstall)
        self.window.let_close()

    def open_link(self, link: str) -> None:
        """Show what a link names, with the window in front."""
        self.window.setWindowState(self.window.windowState() & ~Qt.WindowState.WindowMinimized)
        self.window.raise_()
        self.window.activateWindow()
        self.window.links.open(link)

    def _link_came(self, link: str) -> None:
        """Another program handed one over; called in the listener's thread."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.open_link, link)

    def unexpected(self, error: BaseException, doing: str = "") -> None:
        """An error that nobody caught: told and logged."""
        self.notify.error(error, doing or "Something in SageDeck went wrong")

    def _connection_changed(self) -> None:
        if self.connection.state != "connecting":
            self.codes.end()

    def _painted(self) -> None:
        log.info("the window is open; its files are in %s", self.settings.path.parent)
        if self.settings.problem:
            self.notify.warn("Settings were reset", self.settings.problem)
        self.ctx.tasks.start(self._restore_history(), label="Reading the history", scope="window")
        self.window.pages.begin()
        if self._connect_at_start:
            self.connection.choose_remembered()

    async def _restore_history(self) -> None:
        self.activity.restore(await asyncio.to_thread(self._journal.load))

    def _close_wanted(self) -> None:
        self.ctx.tasks.start(self._maybe_close(), label="Closing", key="close", scope="window")

    async def _maybe_close(self) -> None:
        running = [item for item in self.activity.running if item.cancel is not None]
        if running:
            question = Confirmation(
                "Close SageDeck?",
                "What runs in this window stops. Jobs and endpoints of the account go on.",
                confirm_label="Close",
                icon="close",
                stops_working=tuple(Affected(item.icon, item.title, item.text) for item in running),
                stops_title="Stops",
            )
            if not await self.ask(question):
                return
        if not self.closed.done():
            self.closed.set_result(None)

    def _fix(self, error: SageDeckError) -> Callable[[], object] | None:
        fix = error.fix
        handlers: dict[str, Callable[[], object]] = {
            "choose_backend": self.window.header.open_menu,
            "restart_sandbox": self.connection.restart_sandbox,
            "retry": self.window.refresh,
            "reconnect": self.connection.retry,
        }
        if fix is not None and fix.action == "sign_in":
            return lambda: self.sign_ins.begin(str(fix.data["profile"]))
        return handlers.get(fix.action) if fix is not None else None


def has_display() -> bool:
    """False on a Linux machine without X or Wayland, unless a platform was named."""
    if not sys.platform.startswith("linux") or os.environ.get("QT_QPA_PLATFORM"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def make_qt_application(arguments: Sequence[str] = ()) -> QApplication:
    """The QApplication with names, style and icon; Qt's own messages go to the log."""
    # Until the logbook listens, Qt's complaints about a display must not reach the terminal beside our one line.
    logging.getLogger("qt").addHandler(logging.NullHandler())
    qInstallMessageHandler(_qt_message)
    app = QApplication(["sagedeck", *arguments])
    dress(app)
    return app


def dress(app: QApplication) -> None:
    """Give a QApplication the program's names, style and icon; closing the last window does not end it."""
    # The window speaks English: numbers in fields must not follow another language.
    QLocale.setDefault(QLocale(QLocale.Language.English, QLocale.Country.UnitedStates))
    app.setApplicationName("SageDeck")
    app.setApplicationDisplayName("SageDeck")
    app.setDesktopFileName("sagedeck")
    app.setStyle("Fusion")
    app.setQuitOnLastWindowClosed(False)
    guard(app)
    icon = QIcon()
    for size in (16, 32, 64, 128):
        icon.addPixmap(icons.pixmap("logo", "#3D5FD8", size))
    app.setWindowIcon(icon)


def run(*, state_dir: Path | None = None, look: str = "", link: str = "") -> int:
    """Open the window and serve it until it is closed; returns the exit code.

    ``link`` is opened in the window that is open already, if there is one.
    """
    if link and hand_over(link, Files.standard().settings):
        return 0
    if not has_display():
        print(NO_DISPLAY, file=sys.stderr)  # noqa: T201 - there is no window to say it in
        return 2
    app = make_qt_application()
    # A thread that computes lets the GUI thread in after this long; painting asks many times.
    sys.setswitchinterval(SWITCH_SECONDS)
    with asyncio.Runner(loop_factory=lambda: QEventLoop(app)) as runner:
        return runner.run(_serve(Files.standard(), state_dir, look, link))


def tell_refused(words: str) -> int:
    """Say why a link is not opened: whoever clicked it elsewhere sees no terminal. Returns the exit code."""
    print(words, file=sys.stderr)  # noqa: T201 - where the system keeps what programs say
    if has_display():
        app = make_qt_application()
        app.setQuitOnLastWindowClosed(True)
        theme().apply()
        box = QMessageBox(QMessageBox.Icon.Warning, "SageDeck", f"That link cannot be opened. {words}")
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.show()
        app.exec()
    return 2


async def _serve(files: Files, state_dir: Path | None, look: str, link: str = "") -> int:
    collector = Collector()
    application = Application(files, state_dir=state_dir, look=look)
    application.window.painted.connect(collector.settle)
    with catching(application):
        application.show()
        await asyncio.to_thread(application.listener.start)
        if link:
            application.open_link(link)
        with contextlib.suppress(asyncio.CancelledError):
            await application.closed
        await application.close()
    collector.stop()
    return 0


@contextlib.contextmanager
def catching(application: Application) -> Any:
    """While inside: errors that nobody caught are told in the window, and SIGTERM and SIGINT close it."""
    loop = asyncio.get_running_loop()

    def in_python(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            application.window.close()
        else:
            application.unexpected(error)

    def in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            error, name = args.exc_value, args.thread.name if args.thread else "a thread"
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(application.unexpected, error, f"Something in {name} went wrong")

    def in_loop(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException):
            application.unexpected(error)
        else:
            log.error("event loop: %s", context.get("message"))

    old_hook, old_thread_hook = sys.excepthook, threading.excepthook
    sys.excepthook, threading.excepthook = in_python, in_thread
    loop.set_exception_handler(in_loop)
    signals = [signal.SIGTERM, signal.SIGINT] if sys.platform != "win32" else []
    for number in signals:
        loop.add_signal_handler(number, application.window.close)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
        loop.set_exception_handler(None)
        sys.excepthook, threading.excepthook = old_hook, old_thread_hook


def _qt_message(kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
    if kind == QtMsgType.QtFatalMsg:
        # Qt aborts after this: nothing else could say why.
        no_display = "platform plugin" in text
        said = f"{NO_DISPLAY} {MISSING_LIBRARIES}" if no_display else f"Qt cannot go on: {text}"
        print(said, file=sys.stderr)  # noqa: T201
        sys.stderr.flush()
        os._exit(2 if no_display else 70)
    level = logging.DEBUG if kind in (QtMsgType.QtDebugMsg, QtMsgType.QtInfoMsg) else logging.WARNING
    logging.getLogger("qt").log(level, "%s", text)
