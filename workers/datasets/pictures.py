"""Opens one picture of a folder check: does it decode, how large is it, has it a twin.

It refuses what the training and the endpoint refuse (its ``pictures.py``), in the same words: a test damages
files of every format and compares both.
"""

from __future__ import annotations

import errno
import hashlib
import io
import threading
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from workers.datasets.picture_ends import check_whole
from workers.files.os_words import os_words
from workers.files.regular_file import read_regular

# The same bounds as the training program's: what passes here is not refused there.
MAX_MEGAPIXELS = 128
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
MAX_FILE_BYTES = 512 * 1024 * 1024
# JPEG decodes at 1/8 of its size: every byte of the file is still read, so damage is still found.
DRAFT_SIDE = 64
# Only one picture of this size is in memory at a time, however many are read side by side.
LARGE_MEGAPIXELS = 12
_large = threading.Lock()


@dataclass(frozen=True)
class Opened:
    """The result for one file. ``reason`` is empty when it opened; ``megapixels`` is set when it was refused."""

    reason: str = ""
    format: str = ""
    shortest_side: int = 0
    digest: str = ""
    megapixels: float = 0.0


def open_picture(path: Path) -> Opened:
    """Read and decode one file. Never raises for a bad file; one that claims too many pixels is not decoded."""
    try:
        raw = read_regular(path, MAX_FILE_BYTES)
    except OSError as error:
        if error.errno == errno.EFBIG:
            return Opened(f"the file has more than {MAX_FILE_BYTES // 1024**2} MB")
        return Opened(f"it cannot be read ({os_words(error)})")
    return open_bytes(raw)


def open_bytes(raw: bytes) -> Opened:
    """As ``open_picture``, for a file's bytes."""
    if not raw:
        return Opened("the file is empty")
    digest = hashlib.sha256(raw).hexdigest()
    # Pillow's decoders raise many types for damaged files; all of them mean the same here.
    try:
        image = Image.open(io.BytesIO(raw), formats=FORMATS)
    except Exception as error:
        return Opened("it is not a picture" + _because(error), digest=digest)
    with image:
        width, height = image.size
        megapixels = width * height / 1_000_000
        if megapixels > MAX_MEGAPIXELS:
            reason = f"it claims {megapixels:.0f} megapixels; more than {MAX_MEGAPIXELS} are refused"
            return Opened(reason, digest=digest, megapixels=megapixels)
        found = "JPEG" if image.format == "MPO" else str(image.format)
        try:
            with _large if megapixels > LARGE_MEGAPIXELS else nullcontext():
                _decode(image, raw)
        except Exception as error:
            return Opened("it is damaged" + _because(error), digest=digest)
    return Opened(format=found, shortest_side=min(width, height), digest=digest)


def allow_large_pictures() -> None:
    """Switch Pillow's own limit off: ``open_picture``'s check is the one that decides (process-wide)."""
    Image.MAX_IMAGE_PIXELS = None


def _decode(image: Image.Image, raw: bytes) -> None:
    """Every step of the training's that can fail, in its order."""
    image.draft("RGB", (DRAFT_SIDE, DRAFT_SIDE))
    image.load()
    check_whole(raw)
    if image.mode == "RGB" and "transparency" not in image.info:
        return
    if image.mode.startswith("I") or image.mode == "F":
        np.asarray(image, dtype=np.float32)
    else:
        has_alpha = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
        image.convert("RGBA" if has_alpha else "RGB")


def _because(error: Exception) -> str:
    words = str(error).split("<_io.BytesIO")[0].strip().rstrip(":")
    return f" ({words})" if words and "cannot identify image file" not in words else ""
