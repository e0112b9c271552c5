"""Whether this SageDeck opens ``sagedeck://`` links: shown in the settings and the palette, changed when asked."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from PySide6.QtCore import QObject, Signal

from console.commands import Confirmation
from console.context import AppContext
from console.scheme.here import registration
from console.scheme.registration import Handler, NotRegistered, Registration
from workers.files.os_words import os_words

OPEN_WORDS = "Open sagedeck:// links with SageDeck"
STOP_WORDS = "Open sagedeck:// links with SageDeck no more"
_KEY = "link scheme: look"


class LinkScheme(QObject):
    """Signals: ``changed()`` when it is known who opens the links. ``handler`` None: nobody has looked yet."""

    changed = Signal()

    def __init__(self, ctx: AppContext, found: Registration | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ctx, self._registration = ctx, found or registration()
        self.handler: Handler | None = None

    @property
    def ours(self) -> bool:
        """Whether this SageDeck opens them, as far as is known."""
        return self.handler is not None and self.handler.state == "ours"

    @property
    def against_opening(self) -> str:
        """Why it cannot be registered now; "" when it can."""
        if self._registration.why_not:
            return self._registration.why_not
        return "It is so already" if self.ours else ""

    @property
    def against_stopping(self) -> str:
        """Why it cannot be taken back now; "" when it can."""
        unknown = self.handler is None
        return self._registration.why_not or ("" if unknown or self.ours else "This SageDeck does not open them")

    def look(self) -> None:
        """Look who opens the links."""
        self._ctx.tasks.start(self._look(), label="Reading who opens links", key=_KEY, scope="window")

    def open_links(self) -> None:
        """Let this SageDeck open them; where another program does, ask first."""
        self._start(self._open_links())

    def stop(self) -> None:
        """Take it back."""
        self._start(self._stop())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._ctx.tasks.start(work, label=OPEN_WORDS, scope="window")

    async def _look(self) -> Handler:
        try:
            self.handler = await asyncio.to_thread(self._registration.look)
        except OSError as error:
            self.handler = Handler("unknown", f"Who opens such links could not be read: {os_words(error)}.")
        self.changed.emit()
        return self.handler

    async def _open_links(self) -> None:
        found = await self._look()
        if found.state == "other" and self._ctx.ask is not None:
            question = Confirmation(
                f"{OPEN_WORDS}?", f"{found.words}. It is then opened by this SageDeck instead.",
                confirm_label="Open with SageDeck", icon="link", danger=False,
            )  # fmt: skip
            if not await self._ctx.ask(question, ""):
                return
        try:
            await asyncio.to_thread(self._registration.register)
        except (NotRegistered, OSError) as error:
            self._refused("sagedeck:// links are not opened by SageDeck", error)
        else:
            self._ctx.notify.success("sagedeck:// links are opened by SageDeck", "They only show things.")
        await self._look()

    async def _stop(self) -> None:
        try:
            await asyncio.to_thread(self._registration.unregister)
        except (NotRegistered, OSError) as error:
            self._refused("sagedeck:// links are still opened as before", error)
        else:
            self._ctx.notify.success("sagedeck:// links are opened by SageDeck no more", "")
        await self._look()

    def _refused(self, title: str, error: Exception) -> None:
        words = os_words(error) if isinstance(error, OSError) else str(error)
        where = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
        self._ctx.notify.warn(title, f"{where}{words}")
