"""Reads a picture for the screen, bounded in time and memory: ``read_fitting(path or bytes, width, height)``.

Blocking: call it off the GUI thread (Qt's decoders let the interpreter go on meanwhile). What comes back is upright,
8-bit RGB, transparency on white and of a moving picture the first frame, as a model sees it.
"""

from __future__ import annotations

import stat
import threading
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QSize, Qt
from PySide6.QtGui import QImage, QImageIOHandler, QImageReader, QPainter, QPixelFormat

from workers.files.os_words import os_words

# The same bounds as the training program's: what can be trained on can be looked at.
MAX_PIXELS = 128_000_000
MAX_FILE_BYTES = 512 * 1024 * 1024
MAX_DECODED_BYTES = 512 * 1024 * 1024
# Only one picture of this size is decoded at a time, however many threads there are.
LARGE_BYTES = 48 * 1024 * 1024
# No vector formats: nothing but pixels is looked at, as in training.
KINDS = {
    "jpeg": "JPEG", "jpg": "JPEG", "jfif": "JPEG", "png": "PNG", "webp": "WebP", "bmp": "BMP", "gif": "GIF",
    "tif": "TIFF", "tiff": "TIFF", "ppm": "PPM", "pgm": "PGM", "pbm": "PBM",
}  # fmt: skip
# JPEG is scaled while it is decoded, so its size in memory is that of the result.
_SCALED_IN_PASSING = "JPEG"
_large = threading.Lock()

NOT_A_FILE = "It is not a file."
EMPTY = "The file is empty."
NO_PICTURE = "It is not a picture that can be read."
DAMAGED = "It is damaged and cannot be shown."

QImageReader.setAllocationLimit(MAX_DECODED_BYTES // 1024**2)


@dataclass(frozen=True)
class Reading:
    """A picture as read. ``width`` and ``height`` are the file's (upright), ``problem`` a sentence without one."""

    image: QImage = field(default_factory=QImage)
    width: int = 0
    height: int = 0
    kind: str = ""
    problem: str = ""


def read_fitting(source: Path | str | bytes, width: int, height: int) -> Reading:
    """Decode to at most ``width`` × ``height`` pixels, keeping the shape; a smaller picture keeps its size."""
    if isinstance(source, bytes):
        if not source:
            return Reading(problem=EMPTY)
        buffer = QBuffer()
        buffer.setData(QByteArray(source))
        buffer.open(QIODevice.OpenModeFlag.ReadOnly)
        # The reader must go before its device: a decoder may look at the device once more as it ends.
        return _read(QImageReader(buffer), width, height)
    problem = _unfit(str(source))
    return Reading(problem=problem) if problem else _read(QImageReader(str(source)), width, height)


def _unfit(path: str) -> str:
    """Why a path is not even opened: a pipe would wait for ever, a device never end."""
    try:
        found = Path(path).stat()
    except OSError as error:
        return f"The file cannot be read: {os_words(error)}."
    except ValueError:
        return NO_PICTURE
    if not stat.S_ISREG(found.st_mode):
        return NOT_A_FILE
    if not found.st_size:
        return EMPTY
    if found.st_size > MAX_FILE_BYTES:
        return f"It is too large: the file has {found.st_size / 1e6:,.0f} MB."
    return ""


def _read(reader: QImageReader, width: int, height: int) -> Reading:
    reader.setDecideFormatFromContent(True)
    reader.setAutoTransform(True)
    size = reader.size()
    kind = KINDS.get(bytes(reader.format().data()).decode("ascii", "replace"), "")
    if not kind or size.isEmpty():
        return Reading(problem=NO_PICTURE)
    turned = bool(reader.transformation() & QImageIOHandler.Transformation.TransformationRotate90)
    upright = size.transposed() if turned else size
    known = Reading(width=upright.width(), height=upright.height(), kind=kind)
    needed = size.width() * size.height() * _pixel_bytes(reader)
    if size.width() * size.height() > MAX_PIXELS or (kind != _SCALED_IN_PASSING and needed > MAX_DECODED_BYTES):
        return _but(known, f"It is too large: it claims {upright.width():,} × {upright.height():,} pixels.")
    box = QSize(max(1, width), max(1, height))
    fitting = upright.scaled(box, Qt.AspectRatioMode.KeepAspectRatio).expandedTo(QSize(1, 1))
    if fitting.width() >= upright.width():
        fitting = upright
    else:
        reader.setScaledSize(fitting.transposed() if turned else fitting)
    with _large if needed > LARGE_BYTES else nullcontext():
        image = reader.read()
        if image.isNull():
            return _but(known, DAMAGED)
        image = _on_white(image)
    if image.size() != fitting:
        image = image.scaled(fitting, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation)
    return Reading(image, known.width, known.height, kind)


def _but(known: Reading, problem: str) -> Reading:
    return Reading(QImage(), known.width, known.height, known.kind, problem)


def _pixel_bytes(reader: QImageReader) -> int:
    """Bytes of one decoded pixel; four where the decoder does not say."""
    kind = reader.imageFormat()
    if kind == QImage.Format.Format_Invalid:
        return 4
    form: QPixelFormat = QImage.toPixelFormat(kind)
    return max(4, form.bitsPerPixel() // 8)


def _on_white(image: QImage) -> QImage:
    if not image.hasAlphaChannel():
        return image.convertToFormat(QImage.Format.Format_RGB32)
    ground = QImage(image.size(), QImage.Format.Format_RGB32)
    ground.fill(Qt.GlobalColor.white)
    painter = QPainter(ground)
    painter.drawImage(0, 0, image)
    painter.end()
    return ground
