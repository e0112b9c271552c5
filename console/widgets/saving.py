"""Saving something for the operator: they say where, it is written whole or not at all, and they are told.

``save_as(widget, "Save as CSV", "endpoints.csv", "Table (*.csv)", make)``: ``make()`` gives text or bytes, and is
called when the place is known. Who tells is the notifier of the window around ``widget``.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from console.context import AppContext
from console.widgets.frames.file_dialog import ask_where_to_save
from workers.errors.saving import save_whole


def context_of(widget: QWidget) -> AppContext | None:
    """The context of the window around ``widget``, through dialogs; None where there is none."""
    place: QWidget | None = widget
    while place is not None:
        ctx = getattr(place, "ctx", None)
        if isinstance(ctx, AppContext):
            return ctx
        place = place.parentWidget()
    return None


def save_as(
    widget: QWidget,
    title: str,
    name: str,
    kinds: str,
    make: Callable[[], str | bytes],
    ctx: AppContext | None = None,
    *,
    apart: bool = False,
) -> QFileDialog:
    """Ask where, write it there in the background, and tell how that went. Returns at once.

    ``apart``: ``make`` touches no widget, and is called in the background, too.
    """
    told = ctx or context_of(widget)

    def write(path: Path) -> None:
        if told is None:
            save_whole(path, make())
            return
        content = make if apart else partial(_as_it_is, make())
        told.tasks.start(_write(told, path, content), label=f"Saving {path.name}", scope="window")

    return ask_where_to_save(widget, title, write, name, kinds)


def _as_it_is(content: str | bytes) -> str | bytes:
    return content


async def _write(ctx: AppContext, path: Path, content: Callable[[], str | bytes]) -> None:
    await asyncio.to_thread(lambda: save_whole(path, content()))
    ctx.notify.success(f"Saved {path.name}", str(path.parent))


def file_name(words: str, ending: str) -> str:
    """A name for a file that every system takes: ``Cost per hour`` as ``cost-per-hour.csv``."""
    plain = re.sub(r"[^\w.-]+", "-", words.casefold()).strip("-.")[:80]
    return f"{plain or 'sagedeck'}.{ending}"
