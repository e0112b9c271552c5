"""Builds the tabs' pages in pieces: one that was asked for at once, the others while nobody does anything.

The event loop turns between two pieces, so the window answers, paints and closes however many pages are to be built.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from importlib import import_module
from typing import Protocol

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QGuiApplication, QWindow

from console.context import AppContext
from console.tabs import TabSpec
from console.tabs.base import Tab
from console.window.importing import prepare

log = logging.getLogger(__name__)

# Nobody clicks or types for so long: there is time for a page that nobody asked for.
QUIET_SECONDS = 0.4
# Between two pieces of a page that nobody waits for: connecting and reading get most of the time.
PAUSE_SECONDS = 0.02
# Modules are imported for so long in one piece, and the one that was begun to its end: half a picture at 60 a second.
IMPORT_SECONDS = 0.008
INPUT = {
    QEvent.Type.MouseButtonPress,
    QEvent.Type.MouseButtonRelease,
    QEvent.Type.Wheel,
    QEvent.Type.KeyPress,
    QEvent.Type.KeyRelease,
    QEvent.Type.InputMethod,
    QEvent.Type.TouchUpdate,
    QEvent.Type.DragMove,
    QEvent.Type.Resize,
}


class Owner(Protocol):
    """Who shows the pages."""

    def place(self, tab: Tab) -> None:
        """Take in a tab that is begun, hidden."""

    def built(self, tab_id: str, tab: Tab) -> None:
        """It is whole."""

    def broke(self, tab_id: str, tab: Tab | None, error: Exception) -> None:
        """It was asked for, and its code fails."""


class InputWatch(QObject):
    """Knows when somebody last clicked or typed in one of the program's windows.

    It looks at what the system sends to the windows, not at every event of every widget.
    """

    def __init__(self) -> None:
        super().__init__()
        self._at = -QUIET_SECONDS
        for window in QGuiApplication.topLevelWindows():
            window.installEventFilter(self)
        QGuiApplication.instance().focusWindowChanged.connect(self._came)  # type: ignore[union-attr]

    def left(self) -> float:
        """Seconds until it has been quiet for long enough, 0 when it has."""
        return max(0.0, self._at + QUIET_SECONDS - time.monotonic())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Note the time of input; nothing is kept from anybody."""
        kind = event.type()
        dragged = kind == QEvent.Type.MouseMove and QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton
        if kind in INPUT or dragged:
            self._at = time.monotonic()
        return False

    def _came(self, window: QWindow | None) -> None:
        if window is not None:
            window.installEventFilter(self)


class PageBuilder:
    """Builds the tabs of ``specs`` that are not whole yet, for ``owner``. ``begin`` starts it; before that, and for who
    cannot wait, ``finish`` builds one in one go."""

    def __init__(self, ctx: AppContext, specs: Mapping[str, TabSpec], owner: Owner) -> None:
        self._ctx, self._specs, self._owner = ctx, specs, owner
        self._begun: dict[str, Tab] = {}
        # What is still to be imported for a tab, the next one last.
        self._modules: dict[str, list[str]] = {}
        self._left = list(specs)
        self._wanted: list[str] = []
        self._may_run = False
        self._woken = asyncio.Event()

    def begin(self) -> None:
        """From now on pages are built, those that were wanted first."""
        self._may_run = True
        self._wake()

    def want(self, tab_id: str) -> None:
        """Build this one next, and without waiting for quiet."""
        if tab_id in self._wanted:
            self._wanted.remove(tab_id)
        self._wanted.insert(0, tab_id)
        if tab_id not in self._left:
            self._left.append(tab_id)
        self._wake()

    def finish(self, tab_id: str) -> None:
        """Build the rest of a page now, however long it takes. An exception in its code is told to the owner."""
        if tab_id not in self._left:
            self._left.append(tab_id)
        while tab_id in self._left:
            self._build_piece(tab_id, asked=True)

    def is_small(self, tab_id: str) -> bool:
        """True when a page is built in no time: imported, and not in pieces."""
        spec = self._specs[tab_id]
        return spec.loaded and spec.load().build is Tab.build

    def _wake(self) -> None:
        self._woken.set()
        if self._may_run and self._left and not self._ctx.tasks.running("pages"):
            self._ctx.tasks.start(self._run(), label="Building the pages", key="pages", scope="window")

    async def _run(self) -> None:
        watch = InputWatch()
        try:
            while self._left:
                await self._turn(watch)
                if not self._left:
                    # ``finish`` was called meanwhile, and has built the last one.
                    break
                tab_id = (self._wanted or self._left)[0]
                spec = self._specs[tab_id]
                if not spec.loaded and tab_id not in self._modules:
                    self._modules[tab_id] = (await asyncio.to_thread(prepare, spec.module))[::-1]
                elif not spec.loaded and self._modules[tab_id]:
                    self._import_some(self._modules[tab_id])
                else:
                    self._build_piece(tab_id, asked=tab_id in self._wanted)
        finally:
            watch.deleteLater()

    async def _turn(self, watch: InputWatch) -> None:
        """Let the event loop turn; for a page that nobody asked for, wait until nobody does anything."""
        await asyncio.sleep(0)
        wait = max(PAUSE_SECONDS, watch.left())
        while not self._wanted and wait:
            self._woken.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._woken.wait()
            wait = watch.left()

    def _import_some(self, left: list[str]) -> None:
        until = time.monotonic() + IMPORT_SECONDS
        while left and time.monotonic() < until:
            # Its errors come again when the tab's class is asked for.
            with contextlib.suppress(Exception):
                import_module(left.pop())

    def _build_piece(self, tab_id: str, *, asked: bool) -> None:
        try:
            whole = self._build_on(tab_id)
        except Exception as error:
            tab = self._done(tab_id)
            if asked:
                self._owner.broke(tab_id, tab, error)
            else:
                # Opening the tab will tell, if anybody opens it.
                log.exception("the tab %s cannot be built", self._specs[tab_id].title)
                if tab is not None:
                    tab.deleteLater()
            return
        if whole:
            tab = self._done(tab_id)
            assert tab is not None
            self._owner.built(tab_id, tab)

    def _build_on(self, tab_id: str) -> bool:
        """One piece; True when the page is whole."""
        tab = self._begun.get(tab_id)
        if tab is not None:
            return not tab.build_on()
        kind = self._specs[tab_id].load()
        tab = self._begun[tab_id] = kind(self._ctx) if self.is_small(tab_id) else kind(self._ctx, whole=False)
        self._owner.place(tab)
        return tab.whole

    def _done(self, tab_id: str) -> Tab | None:
        for names in (self._left, self._wanted):
            if tab_id in names:
                names.remove(tab_id)
        return self._begun.pop(tab_id, None)
