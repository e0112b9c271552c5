"""Opens one picture of a folder check: does it decode, how large is it, has it a twin."""

from __future__ import annotations

import hashlib
import io
import threading
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

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
        size = path.stat().st_size
        if size == 0:
            return Opened("the file is empty")
        if size > MAX_FILE_BYTES:
            return Opened(f"the file has {size / 1e6:.0f} MB")
        raw = path.read_bytes()
    except OSError as error:
        return Opened(error.strerror or str(error))
    digest = hashlib.sha256(raw).hexdigest()
    try:
        with Image.open(io.BytesIO(raw), formats=FORMATS) as image:
            width, height = image.size
            megapixels = width * height / 1_000_000
            if megapixels > MAX_MEGAPIXELS:
                reason = f"it claims {megapixels:.0f} megapixels; more than {MAX_MEGAPIXELS} are refused"
                return Opened(reason, digest=digest, megapixels=megapixels)
            found = "JPEG" if image.format == "MPO" else str(image.format)
            image.draft("RGB", (DRAFT_SIDE, DRAFT_SIDE))
            with _large if megapixels > LARGE_MEGAPIXELS else nullcontext():
                image.load()
    except Exception as error:
        # Pillow's decoders raise many types for damaged files; all of them mean the same here.
        return Opened(_because(error), digest=digest)
    return Opened(format=found, shortest_side=min(width, height), digest=digest)


def allow_large_pictures() -> None:
    """Switch Pillow's own limit off: ``open_picture``'s check is the one that decides (process-wide)."""
    Image.MAX_IMAGE_PIXELS = None


def _because(error: Exception) -> str:
    words = str(error).split("<_io.BytesIO")[0].strip().rstrip(":")
    if not words or "cannot identify image file" in words:
        return "it is not a picture"
    return f"it is damaged ({words})"
