"""What a network gets of a picture: the rule of SageDeck's training script, for those who look at pictures.

The upright picture in 8-bit RGB, transparency on white; of it the square of ``model_input.cut_part``; that at the size
the model was trained for. A test holds this and the training's ``views.py`` together: byte by byte where that resizes
with Pillow, and where it does with torch to 2 of 255.
"""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from workers.datasets.picture_ends import check_whole
from workers.files.os_words import os_words
from workers.files.regular_file import read_regular
from workers.inference.model_input import cut_part

# Twice a large camera's; decoded it takes 400 MB of memory.
MAX_MEGAPIXELS = 128
# As training reads them.
MAX_FILE_BYTES = 512 * 1024 * 1024
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
# The training script decodes a JPEG at least this much larger than the network's input.
_DECODE_MARGIN = 1.4
_ORIENTATION = 0x0112
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# The check in ``model_view`` is the one that decides; Pillow's own would only warn.
Image.MAX_IMAGE_PIXELS = None


class Unusable(ValueError):
    """A model cannot use the picture; the message completes "A model cannot use it: "."""


def model_view(source: Path | bytes, size: int) -> bytes:
    """The network's input: ``size`` × ``size`` pixels of three bytes. Blocking. Raises ``Unusable``."""
    raw = source if isinstance(source, bytes) else _bytes_of(source)
    seen = upright(raw, math.ceil(size * _DECODE_MARGIN))
    part = seen.crop(cut_part(seen.width, seen.height))
    # The width first, as the network's input is made; Pillow's own order depends on its version and on the shape.
    narrow = part.resize((size, part.height), Image.Resampling.BICUBIC)
    return narrow.resize((size, size), Image.Resampling.BICUBIC).tobytes()


def upright(raw: bytes, wanted: int) -> Image.Image:
    """The upright picture in 8-bit RGB; a JPEG may be decoded smaller, not below ``wanted`` pixels a side. Blocking.

    Raises ``Unusable``.
    """
    if not raw:
        raise Unusable("the file is empty")
    try:
        image: Image.Image = Image.open(io.BytesIO(raw), formats=_FORMATS)
    except Exception as error:
        # Pillow's decoders raise many types for damaged files; all of them mean the same here.
        raise Unusable("it is not a picture that can be read") from error
    if image.width * image.height > MAX_MEGAPIXELS * 1_000_000:
        raise Unusable(f"it claims {image.width * image.height / 1e6:.0f} megapixels, more than {MAX_MEGAPIXELS}")
    try:
        image.draft("RGB", (wanted, wanted))
        # Before the EXIF data is asked for: that may load, and hides what is wrong.
        image.load()
        check_whole(raw)
        turn = _TRANSPOSE.get(_orientation(image))
        made = _to_rgb(image)
    except Exception as error:
        raise Unusable("it is damaged") from error
    return made.transpose(turn) if turn is not None else made


def _bytes_of(path: Path) -> bytes:
    try:
        return read_regular(path, MAX_FILE_BYTES)
    except OSError as error:
        raise Unusable(f"it cannot be read: {os_words(error)}") from error


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:
        # Damaged EXIF data of a sound picture: it is seen as it is stored.
        return 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _scaled(image)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        layered = image.convert("RGBA")
        opaque = Image.new("RGB", image.size, (255, 255, 255))
        opaque.paste(layered, mask=layered.getchannel("A"))
        return opaque
    return image.convert("RGB")


def _scaled(image: Image.Image) -> Image.Image:
    values: Any = np.nan_to_num(np.asarray(image, dtype=np.float32))
    most = values.max(initial=0.0)
    top = 1.0 if image.mode == "F" and most <= 1.0 else 255.0 if most <= 255.0 else 65535.0
    grey = np.clip(values * (255.0 / top), 0, 255).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")
