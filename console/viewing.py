"""Looking at pictures inside the window: reads them off the GUI thread and shows them in a ``Viewer`` over a page.

::

    self._viewing = Viewing(ctx, self.window_page, actions=self._actions_of)
    self._viewing.open(len(rows), lambda at: ViewItem(rows[at].name, path=rows[at].path), at=3, moved=self.grid.choose)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import count as numbers
from pathlib import Path

from PySide6.QtCore import QObject, QRectF
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QStackedWidget, QWidget

from console.context import AppContext
from console.models.viewing import ViewItem
from console.widgets.pictures.reading import Reading, read_fitting
from console.widgets.pictures.viewer import Action, Viewer
from workers.errors.tree import SageDeckError
from workers.files.os_words import plain_words
from workers.inference.model_input import seen_part

# While an arrow key is held down, the pictures that fly by are not read.
PAUSE_SECONDS = 0.06
CANCELLED = "The picture was not fetched."
_serial = numbers(1)


@cache
def _readers() -> ThreadPoolExecutor:
    """Two threads: a picture that takes long does not hold up the next one."""
    return ThreadPoolExecutor(2, thread_name_prefix="viewer")


class Viewing(QObject):
    """The viewer of one page, made when it is first wanted; ``part`` is the page or a part of it.

    ``actions(at)`` gives ``(text, icon, call)`` of what can be done with the picture at a position.
    """

    def __init__(
        self, ctx: AppContext, part: QWidget, *, actions: Callable[[int], Sequence[Action]] = lambda at: ()
    ) -> None:
        super().__init__(part)
        ctx.backendChanging.connect(self.close)
        self._ctx, self._part, self._actions = ctx, part, actions
        self._key = f"viewer:{next(_serial)}"
        self._viewer: Viewer | None = None
        self._count = 0
        self._item: Callable[[int], ViewItem] | None = None
        self._moved: Callable[[int], object] | None = None

    @property
    def viewer(self) -> Viewer:
        """The widget."""
        if self._viewer is None:
            self._viewer = Viewer(_page_of(self._part))
            self._viewer.moved.connect(self._go)
            self._viewer.closed.connect(self._closed)
            self._viewer.cancelled.connect(self._give_up)
        return self._viewer

    @property
    def is_open(self) -> bool:
        """True while a picture is shown."""
        return self._viewer is not None and not self._viewer.isHidden()

    def open(
        self, count: int, item: Callable[[int], ViewItem], at: int, moved: Callable[[int], object] | None = None
    ) -> None:
        """Show picture ``at`` of ``count``; ``item(at)`` tells about one, ``moved(at)`` is called for every other."""
        if not 0 <= at < count:
            return
        self._count, self._item, self._moved = count, item, moved
        self.viewer.open_viewer()
        self._show(at)

    def close(self) -> None:
        """Close the viewer if it is open."""
        if self._viewer is not None:
            self._viewer.close_viewer()

    def update(self) -> None:
        """More may be known about the picture shown."""
        if self.is_open and self._item is not None and 0 <= self.viewer.position < self._count:
            self.viewer.update_item(self._item(self.viewer.position))

    def _go(self, at: int) -> None:
        self._show(at)
        if self._moved is not None:
            self._moved(at)

    def _show(self, at: int) -> None:
        assert self._item is not None
        item = self._item(at)
        self.viewer.show_item(item, at, self._count)
        self.viewer.set_actions(self._actions(at))
        scope = "window" if item.fetch is None else "backend"
        self._ctx.tasks.start(
            self._load(item), label=f"Opening {item.name}", key=self._key, scope=scope, on_error=self._failed
        )

    async def _load(self, item: ViewItem) -> None:
        await asyncio.sleep(PAUSE_SECONDS)
        viewer = self.viewer
        data = item.data
        if item.fetch is not None:
            viewer.show_fetching(0, item.size or 0)
            data = await item.fetch(viewer.show_fetching)
        source = data if data is not None else item.path
        if source is None:
            viewer.show_trouble("There is no picture.")
            return
        loop, room = asyncio.get_running_loop(), viewer.canvas.room()
        found: Reading = await loop.run_in_executor(_readers(), read_fitting, source, room.width(), room.height())
        size = item.size if item.size is not None else await loop.run_in_executor(_readers(), _size_of, source)
        viewer.show_reading(found, size)
        if item.input_size:
            image, seen, trouble = await loop.run_in_executor(_readers(), _as_seen, item, source, found)
            viewer.show_model(image, seen, trouble)

    def _failed(self, error: BaseException) -> None:
        if not isinstance(error, SageDeckError):
            raise error
        self.viewer.show_trouble(f"{error.message} {error.hint}".strip())

    def _give_up(self) -> None:
        self._ctx.tasks.cancel(self._key)
        self.viewer.show_trouble(CANCELLED)

    def _closed(self) -> None:
        self._ctx.tasks.cancel(self._key)


def _page_of(part: QWidget) -> QWidget:
    """The whole page that a widget is in: a page of the outermost stack."""
    page, at = part.window(), part
    while (parent := at.parentWidget()) is not None:
        if isinstance(parent, QStackedWidget):
            page = at
        at = parent
    return page


def _size_of(source: Path | bytes) -> int | None:
    try:
        return len(source) if isinstance(source, bytes) else source.stat().st_size
    except OSError:
        return None


def _as_seen(item: ViewItem, source: Path | bytes, found: Reading) -> tuple[QImage, QRectF | None, str]:
    """The network's input, where it lies in the picture (0 to 1), and why there is none. Blocking."""
    # Pillow and NumPy: not wanted before somebody looks at a picture.
    from workers.inference.model_view import Unusable, model_view

    try:
        pixels = model_view(item.sent() if item.sent is not None else source, item.input_size)
    except (Unusable, SageDeckError, OSError) as error:
        why = error.message if isinstance(error, SageDeckError) else f"{plain_words(error)}."
        return QImage(), None, f"A model cannot use it: {why}"
    side = item.input_size
    # The image does not own the bytes that it is made of.
    image = QImage(pixels, side, side, side * 3, QImage.Format.Format_RGB888).copy()
    if not found.width:
        return image, None, ""
    left, top, square = seen_part(found.width, found.height)
    seen = QRectF(left / found.width, top / found.height, square / found.width, square / found.height)
    return image, seen, ""
