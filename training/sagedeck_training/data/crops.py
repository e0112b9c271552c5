"""Parts of many pictures, resized on the device where they lie: what ``views.py`` does one by one.

A resize with Pillow's bicubic filter is a weighted mean along each side, so all views of a picture are two products of
matrices, which is what accelerators do best; single points, as ``grid_sample`` takes, are off by tens wherever a
picture shrinks. The width is resized first, then the height. In full precision no byte differs from Pillow's by more
than 1, in half precision or from torch's on the CPU by more than 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..machine import device
from .decoder import Decoded
from .pictures import Crop

# Pictures whose weights are in memory at the same time.
AT_ONCE = 64
# Sides are rounded up to this: the memory of one batch then suits the next.
STEP = 32
# Pillow's bicubic filter: how far it reaches, and its parameter.
REACH, PARAMETER = 2.0, -0.5


def sent(pictures: Sequence[Decoded], place: torch.device) -> tuple[Tensor, list[tuple[int, int]]]:
    """The bytes of all on ``place``, each in a corner of (height, width, 3); and each one's width and height there."""
    sides = [(found.pixels.shape[1], found.pixels.shape[0]) for found in pictures]
    width, height = (-(-max(values) // STEP) * STEP for values in zip(*sides, strict=True))
    joined = device.empty((len(pictures), height, width, 3), place)
    rows = joined.numpy()
    for row, found in zip(rows, pictures, strict=True):
        row[: found.pixels.shape[0], : found.pixels.shape[1]] = found.pixels
    return device.send(joined, place), sides


def cut(pictures: Tensor, sides: Sequence[tuple[int, int]], crops: Sequence[Sequence[Crop]], size: int) -> Tensor:
    """(pictures x views, size, size, 3) bytes: of every picture (height, width, 3 bytes) the same number of parts.

    ``sides`` is how much of each picture's width and height is filled.
    """
    place = pictures.device
    figures = [
        [*crop.box, float(crop.mirrored), *_reach(crop, width, height)]
        for (width, height), parts in zip(sides, crops, strict=True)
        for crop in parts
    ]
    known = device.send(torch.from_numpy(np.array(figures, dtype=np.float32)), place)
    views = len(crops[0])
    with torch.no_grad():
        done = [
            _cut(pictures[start : start + AT_ONCE], known[start * views : (start + AT_ONCE) * views], views, size)
            for start in range(0, len(pictures), AT_ONCE)
        ]
        return done[0] if len(done) == 1 else torch.cat(done)


def _cut(pictures: Tensor, known: Tensor, views: int, size: int) -> Tensor:
    kind = device.crops(pictures.device)
    count, height, width, _ = pictures.shape
    left, top, right, bottom, mirrored, west, north, east, south = known.unbind(1)
    across = _weights(left, right, west, east, mirrored, size, width).to(kind)
    down = _weights(top, bottom, north, south, torch.zeros_like(mirrored), size, height).to(kind)
    lines = pictures.permute(0, 3, 1, 2).to(kind).reshape(count, 3 * height, width)
    narrow = _bytes(torch.bmm(lines, across.view(count, views * size, width).transpose(1, 2)))
    columns = narrow.view(count, 3, height, views, size).permute(0, 3, 2, 1, 4).reshape(count * views, height, 3 * size)
    shown = _bytes(torch.bmm(down, columns)).to(torch.uint8)
    return shown.view(count * views, size, 3, size).permute(0, 1, 3, 2).contiguous()


def _reach(crop: Crop, width: int, height: int) -> tuple[float, float, float, float]:
    """The pixels that the part touches (left, top, right, bottom): no others count."""
    left, top, right, bottom = crop.box
    return math.floor(left), math.floor(top), min(math.ceil(right), width), min(math.ceil(bottom), height)


def _weights(
    start: Tensor, end: Tensor, first: Tensor, beyond: Tensor, mirrored: Tensor, size: int, side: int
) -> Tensor:
    """(parts, size, side): how much each of a picture's ``side`` pixels counts in each of the ``size`` results.

    Those before ``first`` and from ``beyond`` on count nothing.
    """
    place = start.device
    scale = (end - start) / size
    steps = torch.arange(size, device=place, dtype=torch.float32).expand(len(start), size)
    steps = torch.where(mirrored[:, None] > 0, size - 1 - steps, steps)
    centres = start[:, None] + (steps + 0.5) * scale[:, None]
    pixels = torch.arange(side, device=place, dtype=torch.float32)
    far = (pixels + 0.5 - centres[:, :, None]).abs_().div_(scale.clamp(min=1.0)[:, None, None])
    near = ((PARAMETER + 2) * far - (PARAMETER + 3)) * far * far + 1
    wide = (((far - 5) * far + 8) * far - 4) * PARAMETER
    counts = torch.where(far < 1, near, wide)
    outside = (pixels < first[:, None, None]) | (pixels >= beyond[:, None, None])
    counts.masked_fill_((far >= REACH) | outside, 0.0)
    return counts.div_(counts.sum(2, keepdim=True))


def _bytes(values: Tensor) -> Tensor:
    """Rounded to whole numbers from 0 to 255, as Pillow rounds after each side."""
    return values.add_(0.5).floor_().clamp_(0, 255)
