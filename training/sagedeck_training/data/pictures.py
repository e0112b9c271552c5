"""From a picture file to its pixels and to the parts of it that a network sees, the same for training and inference.

Nothing but Pillow and numpy: this file travels with the model into the endpoint, and processes that only decode start
with it. What it refuses, the check before an upload (``workers/datasets/pictures.py``) refuses too: a test damages
files of every format and compares both.
"""

from __future__ import annotations

import io
import math
import os
import random
import stat
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..machine.os_words import NotAFile, os_words
from .picture_ends import check_whole

Pixels = NDArray[np.uint8]

# A decoded picture of this size takes 384 MB; the sensors of today's cameras stay below it.
MAX_MEGAPIXELS = 128
MAX_FILE_BYTES = 512 * 1024 * 1024
TOO_LARGE = f"the file has more than {MAX_FILE_BYTES // 1024**2} MB"
# No vector formats: their decoders start other programs. Pillow opens MPO, the phones' JPEG, as JPEG.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
# The share of the shorter side that the centre crop keeps, as the backbones' authors evaluated them.
CROP_SHARE = 0.875
# A crop of the least area must still hold about as many pixels as the network sees.
DECODE_MARGIN = 1.4
SMALLEST_AREA = 0.35
ORIENTATION_TAG = 0x0112
TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Pillow's own limit warns in the log of a job; the check in open_picture refuses before anything is decoded.
Image.MAX_IMAGE_PIXELS = MAX_MEGAPIXELS * 1_000_000
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class BadPicture(ValueError):
    """The bytes are no picture that can be used; the message says why."""


def open_picture(source: Path | bytes, size: int) -> Image.Image:
    """Decode to an upright 8-bit RGB picture, at least about 1.4 x ``size`` on its shorter side if the file is.

    JPEG files are decoded at 1/2, 1/4 or 1/8 where that is enough. Transparent areas become white, 16-bit
    values are scaled, of a moving picture the first frame is taken. Raises ``BadPicture``.
    """
    raw = source if isinstance(source, bytes) else _read(source)
    if not raw:
        raise BadPicture("the file is empty")
    if len(raw) > MAX_FILE_BYTES:
        raise BadPicture(TOO_LARGE)
    try:
        image = Image.open(io.BytesIO(raw), formats=FORMATS)
    except Image.DecompressionBombError:
        raise BadPicture(f"it claims more than {2 * MAX_MEGAPIXELS} megapixels; refused") from None
    except Exception as error:
        # Pillow's decoders raise many types for damaged files; all of them mean the same here.
        raise BadPicture("it is not a picture" + _because(error)) from error
    width, height = image.size
    if width * height > MAX_MEGAPIXELS * 1_000_000:
        claimed = width * height / 1_000_000
        raise BadPicture(f"it claims {claimed:.0f} megapixels; more than {MAX_MEGAPIXELS} are refused")
    try:
        wanted = math.ceil(size * DECODE_MARGIN)
        image.draft("RGB", (wanted, wanted))
        # First of all: Pillow tells damage once, at the first decoding, and gives a black picture at the second.
        image.load()
        check_whole(raw)
        orientation = _orientation(image)
        upright = to_rgb(image)
    except Exception as error:
        raise BadPicture("it is damaged" + _because(error)) from error
    return upright.transpose(TRANSPOSE[orientation]) if orientation in TRANSPOSE else upright


def to_rgb(image: Image.Image) -> Image.Image:
    """Any colour mode that Pillow decodes to 8-bit RGB, transparency on white."""
    if image.mode == "RGB" and "transparency" not in image.info:
        image.load()
        return image
    if image.mode.startswith("I") or image.mode == "F":
        return _scaled(np.asarray(image, dtype=np.float32), is_real=image.mode == "F")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        layered = image.convert("RGBA")
        opaque = Image.new("RGB", image.size, (255, 255, 255))
        opaque.paste(layered, mask=layered.getchannel("A"))
        return opaque
    return image.convert("RGB")


@dataclass(frozen=True)
class Crop:
    """A part of a picture (left, top, right, bottom in its pixels), and whether it is shown mirrored.

    It is cut out before it is resized: nothing of the picture beyond it counts.
    """

    box: tuple[float, float, float, float]
    mirrored: bool = False

    def scaled(self, across: float, down: float) -> Crop:
        """The same part of the picture when that is resized by these factors."""
        left, top, right, bottom = self.box
        return replace(self, box=(left * across, top * down, right * across, bottom * down))


def centre_of(width: int, height: int) -> Crop:
    """The middle of a picture in whole pixels: what is measured and served."""
    side = max(1, round(CROP_SHARE * min(width, height)))
    left, top = (width - side) // 2, (height - side) // 2
    return Crop((left, top, left + side, top + side))


def random_of(width: int, height: int, seed: str) -> Crop:
    """A random part of a picture in whole pixels, mirrored half of the time.

    The same ``seed`` gives the same part on every host, in every process and on every device.
    """
    dice = random.Random(seed)
    box = (0, 0, width, height)
    for _ in range(10):
        area = width * height * dice.uniform(SMALLEST_AREA, 1.0)
        ratio = math.exp(dice.uniform(math.log(3 / 4), math.log(4 / 3)))
        across, down = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < across <= width and 0 < down <= height:
            left, top = int(dice.random() * (width - across + 1)), int(dice.random() * (height - down + 1))
            box = (left, top, left + across, top + down)
            break
    return Crop(box, dice.random() < 0.5)


def crops_of(width: int, height: int, views: int, seed: str) -> list[Crop]:
    """The middle, then ``views - 1`` random parts: what a network sees of a picture while its head is trained."""
    return [centre_of(width, height), *(random_of(width, height, f"{seed}/{view}") for view in range(1, views))]


def _read(path: Path) -> bytes:
    """The file's bytes, at most one more than is allowed: a file may grow while it is read."""
    # Without O_NONBLOCK the opening of a pipe waits for somebody who writes.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(path, flags), "rb") as file:  # noqa: PTH123
            info = os.fstat(file.fileno())
            if not stat.S_ISREG(info.st_mode):
                raise NotAFile(path)
            if info.st_size > MAX_FILE_BYTES:
                raise BadPicture(TOO_LARGE)
            return file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise BadPicture(f"it cannot be read ({os_words(error)})") from error


def _because(error: Exception) -> str:
    words = str(error).split("<_io.BytesIO")[0].strip().rstrip(":")
    return f" ({words})" if words and "cannot identify image file" not in words else ""


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION_TAG, 1))
    except Exception:
        # Damaged EXIF data of a sound picture, of which Pillow raises many types: shown as it is stored.
        return 1


def _scaled(values: NDArray[Any], *, is_real: bool) -> Image.Image:
    """16-bit or floating-point grey to 8 bits: Pillow's own conversion cuts at 255 instead."""
    values = np.nan_to_num(values)
    top = 1.0 if is_real and values.max(initial=0.0) <= 1.0 else 255.0 if values.max(initial=0.0) <= 255.0 else 65535.0
    grey = np.clip(values * (255.0 / top), 0, 255).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")
