"""Small pictures decoded off the GUI thread, with a bounded cache: ``thumbnails().get(path, side, ratio)``.

``get`` answers at once with a pixmap or ``None``; in the latter case ``ready(source)`` is emitted when the picture is
there (or turned out unreadable). A picture is whole and keeps its shape; how it is read and what is refused is in
``picture_reading``.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QObject, QRunnable, QThreadPool, Signal
from PySide6.QtGui import QImage, QPixmap

from console.look.listeners import Listeners
from console.widgets.pictures.reading import read_fitting

# Stands for a picture whose bytes have not come yet: a quiet box, no failure.
WAITING = Path("waiting for its bytes")
CACHE_BYTES = 64 * 1024 * 1024
MOST_PENDING = 400

Source = Path | str
_Key = tuple[str, int]


class _Signals(QObject):
    decoded = Signal(str, int, QImage)


class _Decode(QRunnable):
    def __init__(self, key: _Key, data: bytes | None, signals: _Signals) -> None:
        super().__init__()
        self.key = key
        self.data = data
        self.signals = signals

    def run(self) -> None:
        source, side = self.key
        image = read_fitting(self.data if self.data is not None else source, side, side).image
        try:
            self.signals.decoded.emit(source, side, image)
        except RuntimeError:
            # The program is ending and Qt took the receiver away: nobody waits for this picture.
            return


class ThumbnailLoader(QObject):
    """Decodes pictures in at most two threads, the newest wish first, and keeps the latest ones.

    Signals: ``ready(str source)`` when a wish was answered, also when the picture cannot be read. Widgets, which come
    and go, are its ``listeners`` instead.
    """

    ready = Signal(str)

    def __init__(self, parent: QObject | None = None, *, threads: int = 2) -> None:
        super().__init__(parent)
        self.listeners = Listeners()
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(threads)
        self._signals = _Signals(self)
        self._signals.decoded.connect(self._decoded)
        self._cache: OrderedDict[_Key, QPixmap | None] = OrderedDict()
        self._bytes = 0
        self._pending: OrderedDict[_Key, _Decode] = OrderedDict()
        self._data: dict[str, bytes] = {}
        self._number = 0

    def add_data(self, source: str, data: bytes) -> None:
        """Give the bytes of a picture that is not a file; ``source`` then stands for it in ``get``."""
        self._data[source] = data

    def forget_data(self, source: str) -> None:
        """Drop bytes given with ``add_data``; pictures already decoded stay cached."""
        self._data.pop(source, None)

    def get(self, source: Source, side: int, ratio: float = 1.0) -> QPixmap | None:
        """The picture within ``side`` device independent pixels, or ``None`` while it is decoded or if unreadable."""
        key = (str(source), round(side * ratio))
        if key[0] == str(WAITING):
            return None
        if key in self._cache:
            self._cache.move_to_end(key)
            made = self._cache[key]
            if made is not None and made.devicePixelRatio() != ratio:
                made.setDevicePixelRatio(ratio)
            return made
        if key not in self._pending:
            self._start(key)
        return None

    @property
    def waiting(self) -> int:
        """How many wishes have no answer yet."""
        return len(self._pending)

    def failed(self, source: Source, side: int, ratio: float = 1.0) -> bool:
        """True when decoding was tried and the picture cannot be read."""
        key = (str(source), round(side * ratio))
        return key in self._cache and self._cache[key] is None

    def cancel_pending(self) -> None:
        """Drop the wishes that no thread has begun; who still shows such a picture is told, and asks again."""
        dropped = [key for key, task in list(self._pending.items()) if self._pool.tryTake(task)]
        for key in dropped:
            del self._pending[key]
        for source in {source for source, _ in dropped}:
            self._tell(source)

    def wait(self, milliseconds: int = 5000) -> bool:
        """Wait until every wish is decoded (at the end of the program)."""
        return self._pool.waitForDone(milliseconds)

    def _start(self, key: _Key) -> None:
        given_up = []
        while len(self._pending) >= MOST_PENDING:
            oldest, waiting = next(iter(self._pending.items()))
            del self._pending[oldest]
            if self._pool.tryTake(waiting):
                given_up.append(oldest[0])
        task = _Decode(key, self._data.get(key[0]), self._signals)
        task.setAutoDelete(False)
        self._pending[key] = task
        self._number += 1
        self._pool.start(task, self._number)
        for source in given_up:
            # Who still shows it asks again: its box would stay grey.
            self._tell(source)

    def _decoded(self, source: str, side: int, image: QImage) -> None:
        key = (source, side)
        self._pending.pop(key, None)
        self._cache[key] = None if image.isNull() else QPixmap.fromImage(image)
        self._bytes += side * side * 4
        while self._bytes > CACHE_BYTES and len(self._cache) > 1:
            (_, dropped), _picture = self._cache.popitem(last=False)
            self._bytes -= dropped * dropped * 4
        self._tell(source)

    def _tell(self, source: str) -> None:
        if not self.signalsBlocked():
            self.listeners.tell(source)
        self.ready.emit(source)


_current: ThumbnailLoader | None = None


def thumbnails() -> ThumbnailLoader:
    """The one loader of this application."""
    global _current
    if _current is None:
        _current = ThumbnailLoader()
        app = QCoreApplication.instance()
        if app is not None:
            app.aboutToQuit.connect(_stop)
    return _current


def _stop() -> None:
    if _current is not None:
        _current.blockSignals(True)
        _current.cancel_pending()
        _current.wait()
