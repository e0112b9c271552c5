"""Shapes and an anti-aliased canvas for the drawn sample pictures.

Shapes are arrays of points (n × 2) in tile units: the tile is 100 wide, y grows downwards. A ``Frame``
turns units into pixels of the enlarged image; the canvas is drawn enlarged and reduced at the end,
because Pillow's polygons have hard edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw

from workers.samples.colours import Colour

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Frame:
    """An affine map from local units to pixels: scale and turn about the origin, then shift."""

    matrix: tuple[float, float, float, float]
    shift: tuple[float, float]

    def apply(self, points: Points) -> Points:
        """The points in pixels."""
        turn = np.array(self.matrix).reshape(2, 2)
        return points @ turn.T + np.array(self.shift)

    def placed(self, x: float, y: float, *, scale: float = 1.0, degrees: float = 0.0) -> Frame:
        """A frame inside this one: its origin at (x, y), turned clockwise by ``degrees``."""
        angle = np.deg2rad(degrees)
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        outer = np.array(self.matrix).reshape(2, 2)
        inner = outer @ turn
        origin = outer @ np.array([x, y]) + np.array(self.shift)
        (a, b), (c, d) = inner.tolist()
        return Frame((a, b, c, d), (float(origin[0]), float(origin[1])))


def oval(x: float, y: float, rx: float, ry: float, degrees: float = 0.0, count: int = 44) -> Points:
    """An ellipse, turned clockwise by ``degrees`` about its own centre."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return _turned(np.column_stack((rx * np.cos(angle), ry * np.sin(angle))), degrees) + np.array((x, y))


def egg(x: float, y: float, rx: float, ry: float, jaw: float, count: int = 72) -> Points:
    """A head: an ellipse whose lower half is narrower (``jaw`` > 0) or wider (< 0)."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    down = np.sin(angle)
    width = 1.0 - jaw * (down + 0.35) * np.where(down > -0.35, 1.0, 0.25)
    return np.column_stack((x + rx * np.cos(angle) * width, y + ry * down))


def leaf(x: float, y: float, half_width: float, length: float, degrees: float, sharp: float = 0.75) -> Points:
    """A pointed ear standing on (x, y); ``sharp`` 0 gives a round tip, 1 a straight-sided point."""
    t = np.linspace(0, 1, 18)
    bulge = np.sin(np.pi * (0.28 + 0.72 * t)) ** (0.55 + 0.45 * sharp)
    side = half_width * bulge / bulge.max()
    left = np.column_stack((-side, -length * t))
    right = np.column_stack((side[::-1], -length * t[::-1]))
    return _turned(np.vstack((left, right)), degrees) + np.array((x, y))


def drop(x: float, y: float, half_width: float, length: float, degrees: float) -> Points:
    """A hanging ear: narrow where it starts at (x, y), broad and round at its lower end."""
    t = (1 - np.cos(np.linspace(0, np.pi, 26))) / 2
    side = half_width * np.sqrt(np.clip(1 - (2 * t - 1) ** 2, 0, 1)) * (0.62 + 0.48 * t)
    left = np.column_stack((-side, length * t))
    right = np.column_stack((side[::-1], length * t[::-1]))
    return _turned(np.vstack((left, right)), degrees) + np.array((x, y))


def curls(points: Points, bumps: int, height: float, phase: float = 0.0) -> Points:
    """The outline with ``bumps`` round scallops, ``height`` as a part of the distance to the middle."""
    middle = points.mean(axis=0)
    closed = np.vstack((points, points[:1]))
    step = np.hypot(*np.diff(closed, axis=0).T)
    along = np.concatenate(([0.0], np.cumsum(step)))
    want = np.linspace(0, along[-1], bumps * 7, endpoint=False)
    dense = np.column_stack((np.interp(want, along, closed[:, 0]), np.interp(want, along, closed[:, 1])))
    wave = np.abs(np.sin(np.pi * (want / along[-1] * bumps + phase)))
    return middle + (dense - middle) * (1.0 + height * (wave - 0.35))[:, None]


def curve(points: Sequence[tuple[float, float]], count: int = 16) -> Points:
    """An open quadratic Bézier curve through its three control points' hull."""
    a, b, c = (np.array(point, dtype=np.float64) for point in points)
    t = np.linspace(0, 1, count)[:, None]
    return (1 - t) ** 2 * a + 2 * (1 - t) * t * b + t**2 * c


def mirrored(points: Points, side: int) -> Points:
    """The points on the left (-1) or right (+1) side of x = 0."""
    return points * np.array([float(side), 1.0])


def _turned(points: Points, degrees: float) -> Points:
    if not degrees:
        return points
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return points @ turn.T


@lru_cache(maxsize=4)
def radial(size: int = 128) -> Image.Image:
    """A mask that is 0 in the middle and rises quadratically to 255 at the edge of the inscribed circle."""
    axis = np.linspace(-1, 1, size)
    squared = np.clip(axis[:, None] ** 2 + axis[None, :] ** 2, 0, 1)
    return Image.fromarray((squared * 255).astype(np.uint8), "L")


@lru_cache(maxsize=256)
def _scaled(part: float) -> list[int]:
    """A lookup table that multiplies a mask by ``part``."""
    return [int(value * part) for value in range(256)]


@dataclass
class Region:
    """A filled shape: its box in the image, and how much of each pixel it covers."""

    box: tuple[int, int, int, int]
    mask: Image.Image


class Canvas:
    """An image drawn ``enlarge`` times as large as it is read back."""

    def __init__(self, width: int, height: int, enlarge: int) -> None:
        self.size = (width * enlarge, height * enlarge)
        self.enlarge = enlarge
        self.image = Image.new("RGB", self.size)

    def region(self, frame: Frame, points: Points, clip: Region | None = None) -> Region | None:
        """The shape as a mask, cut to ``clip``; None when nothing of it is inside."""
        pixels = frame.apply(points)
        low, high = np.floor(pixels.min(axis=0)), np.ceil(pixels.max(axis=0)) + 1
        limit = clip.box if clip else (0, 0, *self.size)
        box = (
            max(int(low[0]), limit[0]),
            max(int(low[1]), limit[1]),
            min(int(high[0]), limit[2]),
            min(int(high[1]), limit[3]),
        )
        if box[0] >= box[2] or box[1] >= box[3]:
            return None
        mask = Image.new("L", (box[2] - box[0], box[3] - box[1]))
        shifted = pixels - np.array(box[:2])
        ImageDraw.Draw(mask).polygon([tuple(point) for point in shifted.tolist()], fill=255)
        if clip is not None:
            part = clip.mask.crop(
                (box[0] - clip.box[0], box[1] - clip.box[1], box[2] - clip.box[0], box[3] - clip.box[1])
            )
            mask = ImageChops.darker(mask, part)
        return Region(box, mask)

    def paint(self, region: Region | None, colour: Colour, opacity: float = 1.0) -> None:
        """Fill a region."""
        if region is None:
            return
        mask = region.mask if opacity >= 1 else region.mask.point(_scaled(round(opacity, 2)))
        self.image.paste(colour, region.box, mask)

    def fill(
        self, frame: Frame, points: Points, colour: Colour, clip: Region | None = None, opacity: float = 1.0
    ) -> Region | None:
        """Fill a shape and return its region."""
        region = self.region(frame, points, clip)
        self.paint(region, colour, opacity)
        return region

    def shade(self, region: Region | None, light: tuple[float, float], strength: float) -> None:
        """Round a region off: lighter around ``light`` (part of its box), darker towards the edges."""
        if region is None:
            return
        middle, size = (radial().width / 2, radial().width / 1.7)
        left, top = middle - size * light[0], middle - size * light[1]
        falloff = radial().resize(region.mask.size, Image.Resampling.BILINEAR, (left, top, left + size, top + size))
        dark = ImageChops.multiply(region.mask, falloff).point(_scaled(strength))
        self.image.paste((22, 16, 24), region.box, dark)
        bright = ImageChops.multiply(region.mask, ImageChops.invert(falloff)).point(_scaled(strength * 0.3))
        self.image.paste((255, 250, 240), region.box, bright)

    def stroke(self, frame: Frame, points: Points, colour: Colour, width: float) -> None:
        """Draw an open line with round ends; ``width`` in units of ``frame``."""
        a, b, c, d = frame.matrix
        pixels = max(1, round(width * float(np.sqrt(abs(a * d - b * c)))))
        line = [tuple(point) for point in frame.apply(points).tolist()]
        pen = ImageDraw.Draw(self.image)
        pen.line(line, fill=colour, width=pixels, joint="curve")
        for x, y in (line[0], line[-1]):
            pen.ellipse((x - pixels / 2, y - pixels / 2, x + pixels / 2, y + pixels / 2), fill=colour)

    def reduced(self) -> Image.Image:
        """The finished picture at its real size."""
        return self.image.reduce(self.enlarge)
