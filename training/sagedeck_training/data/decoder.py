"""A picture decoded for the device that cuts it, here or in a process of its own (``decode.py``).

The process reads file names (JSON, one a line) and answers each with a line of JSON and the picture's bytes. It knows
nothing but Pillow and numpy, so that many start at once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from .pictures import DECODE_MARGIN, BadPicture, Pixels, open_picture

# Longer sides cost more on their way to the device than they show after it has cut them.
LONGEST = 2 * DECODE_MARGIN


@dataclass(frozen=True)
class Decoded:
    """A picture's bytes, (height, width, 3), and its width and height before it was made to fit."""

    pixels: Pixels
    width: int
    height: int


def decode(path: Path, size: int) -> Decoded:
    """The picture, at most 2.8 x ``size`` on its longer side. Raises ``BadPicture``."""
    image = open_picture(path, size)
    share = LONGEST * size / max(image.size)
    if share >= 1:
        return Decoded(np.asarray(image, dtype=np.uint8), *image.size)
    smaller = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    return Decoded(np.asarray(image.resize(smaller, Image.Resampling.BICUBIC), dtype=np.uint8), *image.size)


def serve(names: BinaryIO, answers: BinaryIO, size: int) -> None:
    """Decode what is named until nobody names anything any more."""
    for line in names:
        try:
            found = decode(Path(json.loads(line)), size)
        except BadPicture as error:
            answers.write(json.dumps({"bad": str(error)}).encode() + b"\n")
        else:
            about = {"shape": found.pixels.shape, "width": found.width, "height": found.height}
            answers.write(json.dumps(about).encode() + b"\n")
            answers.write(np.ascontiguousarray(found.pixels).data)
        answers.flush()
