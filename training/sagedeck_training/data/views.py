"""Parts of pictures at a network's size, cut and resized on the CPU: for training, and for the endpoint's answers.

Of all that is done beside the network this is the most, so torch resizes where its vectors make that a third of
Pillow's time, and Pillow elsewhere. Between the two no byte differs by more than 2, and one in a hundred by 1.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from .pictures import Crop, Pixels, centre_of, crops_of, open_picture, random_of

# Of torch's instruction sets, those that its resizer of bytes is written for.
VECTORS = ("AVX2", "AVX512")
# Each rounds after the width and after the height, torch with shorter weights.
MOST_OFF = 2


def views_of(source: Path | bytes, size: int, views: int, seed: str) -> list[Pixels]:
    """Of one file the centre crop, then ``views - 1`` random crops, each as (size, size, 3) bytes.

    Raises ``BadPicture``.
    """
    image = open_picture(source, size)
    return cut_out(image, crops_of(*image.size, views, seed), size)


def centre_crop(image: Image.Image, size: int) -> Pixels:
    """The middle of the picture as (size, size, 3) bytes: what is measured and served."""
    return cut_out(image, [centre_of(*image.size)], size)[0]


def random_crop(image: Image.Image, size: int, seed: str) -> Pixels:
    """A random part of the picture, mirrored half of the time, as (size, size, 3) bytes; see ``random_of``."""
    return cut_out(image, [random_of(*image.size, seed)], size)[0]


def cut_out(image: Image.Image, crops: Sequence[Crop], size: int) -> list[Pixels]:
    """Parts in whole pixels of a picture, each as (size, size, 3) bytes."""
    boxes = [
        (int(left), int(top), int(right), int(bottom)) for left, top, right, bottom in (crop.box for crop in crops)
    ]
    if is_quick():
        pixels = np.asarray(image, dtype=np.uint8)
        found = [by_torch(pixels[top:bottom, left:right], size) for left, top, right, bottom in boxes]
    else:
        found = [by_pillow(image.crop(box), size) for box in boxes]
    # numpy turns a pixel of three bytes in less time than three bytes.
    return [
        np.ascontiguousarray(part.view("V3")[:, ::-1]).view(np.uint8) if crop.mirrored else part
        for part, crop in zip(found, crops, strict=True)
    ]


def by_torch(part: Pixels, size: int) -> Pixels:
    """``part`` as (size, size, 3) bytes; one thread, whatever torch is told to use."""
    # Copied by numpy: torch would do that in all of its threads, beside the others that are at work here.
    batch = torch.from_numpy(part.copy())[None].permute(0, 3, 1, 2)
    found = F.interpolate(batch, (size, size), mode="bicubic", antialias=True)
    return np.ascontiguousarray(found[0].permute(1, 2, 0).numpy())


def by_pillow(part: Image.Image, size: int) -> Pixels:
    """The same of a picture, the width first as torch does: newer Pillows begin with the height of a tall one."""
    narrow = part.resize((size, part.height), Image.Resampling.BICUBIC)
    return np.asarray(narrow.resize((size, size), Image.Resampling.BICUBIC), dtype=np.uint8)


@functools.cache
def is_quick() -> bool:
    """Whether torch's resizer of bytes is the quicker one here, and does what Pillow does: tried, and not presumed."""
    if torch.backends.cpu.get_cpu_capability() not in VECTORS:
        return False
    part = (np.arange(40 * 50 * 3) ** 2 % 251).astype(np.uint8).reshape(40, 50, 3)
    try:
        off = by_torch(part, 32).astype(int) - by_pillow(Image.fromarray(part), 32)
    except (RuntimeError, NotImplementedError):
        return False
    return bool(np.abs(off).max() <= MOST_OFF)
