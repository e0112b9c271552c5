"""The place around a drawn dog, the light on it, and the finished JPEG."""

from __future__ import annotations

import io
from functools import lru_cache
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from workers.samples.breeds import Breed
from workers.samples.canvas import Canvas, Frame, oval
from workers.samples.colours import Colour, mix, rgb
from workers.samples.dog import Pose, draw_dog
from workers.samples.front import Scene, in_front
from workers.samples.individual import individual

ENLARGE = 2
# Pixels of the noise from which each picture takes a part: larger than any picture.
GRAIN = 1024
# Sky at the top left, sky at the horizon, ground near, ground far right.
SCENES: tuple[Scene, ...] = tuple(
    (rgb(sky), rgb(horizon), rgb(near), rgb(far))
    for sky, horizon, near, far in (
        ("F1E4C2", "E6D8B3", "D8BE7E", "BCA471"),
        ("CCDED9", "B6CCC9", "82ADA4", "719B96"),
        ("CCD4E0", "B4BDCE", "A4ADBD", "949DAE"),
        ("DBD5E1", "C6BFD1", "A99FBC", "8F86A8"),
        ("DCE4D3", "C8D2BE", "9FB383", "8CA175"),
        ("C4D7E2", "AFC6CC", "90AF79", "7C996B"),
        ("E7DACA", "D8C8B1", "C4A880", "AB9172"),
        ("E7DACF", "D6C2BC", "C8A59D", "B28D84"),
    )
)


def picture(breed: Breed, random: Random, width: int, height: int) -> Image.Image:
    """One picture of the breed, ``width`` × ``height`` pixels; all chance comes from ``random``."""
    canvas = Canvas(width, height, ENLARGE)
    small = min(width, height) * ENLARGE
    left, top = (canvas.size[0] - small) / 2, canvas.size[1] - small
    tile = Frame((small / 100, 0, 0, small / 100), (left, top))
    whole = Frame((canvas.size[0] / 100, 0, 0, canvas.size[1] / 100), (0, 0))
    scene = random.choice(SCENES)
    _background(canvas, whole, tile, scene, random)
    draw_dog(canvas, tile, individual(breed, random), Pose.draw(random))
    in_front(canvas, whole, tile, scene, random)
    image = canvas.reduced()
    if random.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return _light(image, random)


def picture_bytes(breed: Breed, seed: str, size: tuple[int, int] = (248, 320)) -> bytes:
    """The JPEG of one picture; the same breed, seed and size give the same bytes."""
    random = Random(seed)
    width, height = random.randint(*size), random.randint(*size)
    image = picture(breed, random, width, height)
    target = io.BytesIO()
    image.save(target, "JPEG", quality=random.randint(88, 95), subsampling=random.choice((0, 2)))
    return target.getvalue()


def _background(canvas: Canvas, whole: Frame, tile: Frame, scene: Scene, random: Random) -> None:
    sky, horizon, near, far = scene
    canvas.image.paste(_gradient(canvas.size, sky, horizon, random.uniform(60, 115)))
    for _ in range(random.randint(0, 5)):
        radius = random.uniform(3, 13)
        spot = oval(random.uniform(0, 100), random.uniform(0, 55), radius, radius)
        canvas.fill(tile, spot, mix(horizon, (255, 255, 255), 0.5), opacity=random.uniform(0.12, 0.4))
    line = random.uniform(56, 74)
    for _ in range(random.choice((0, 1, 1, 2))):
        _bush(canvas, whole, mix(near, far, 0.5), line, random)
    x = np.linspace(-2, 102, 30)
    swell = line + random.uniform(0.6, 2.2) * np.sin(x / random.uniform(14, 30) + random.uniform(0, 6))
    ground = np.vstack((np.column_stack((x, swell)), np.array([[102.0, 102.0], [-2.0, 102.0]])))
    region = canvas.region(whole, ground)
    if region is not None:
        canvas.image.paste(_gradient(region.mask.size, near, far, random.uniform(20, 70)), region.box, region.mask)
    if random.random() < 0.4:
        _clutter(canvas, tile, scene, line, random)


def _bush(canvas: Canvas, whole: Frame, colour: Colour, line: float, random: Random) -> None:
    x = random.choice((random.uniform(0, 24), random.uniform(76, 100)))
    width, height = random.uniform(8, 17), random.uniform(8, 15)
    dark = mix(colour, (40, 50, 50), random.uniform(0.08, 0.3))
    canvas.shade(canvas.fill(whole, oval(x, line - height * 0.2, width, height), dark), (0.35, 0.3), 0.14)


def _clutter(canvas: Canvas, tile: Frame, scene: Scene, line: float, random: Random) -> None:
    """A ball, a post fence or a hill: things that are no part of any breed."""
    what = random.randrange(3)
    if what == 0:
        colour: Colour = random.choice((rgb("C9564B"), rgb("4B83B8"), rgb("D2A33F"), rgb("7B9C4D")))
        side = random.choice((random.uniform(4, 16), random.uniform(84, 96)))
        radius = random.uniform(4, 7)
        canvas.shade(canvas.fill(tile, oval(side, random.uniform(86, 95), radius, radius), colour), (0.35, 0.3), 0.35)
    elif what == 1:
        colour = mix(scene[1], rgb("8A7660"), 0.45)
        gap, start = random.uniform(11, 17), random.uniform(-30, -20)
        for step in range(12):
            x = start + gap * step
            post = np.array([[x, line - 16], [x + 3.2, line - 16], [x + 3.2, line + 3], [x, line + 3]])
            canvas.fill(tile, post, colour)
        for y in (line - 12, line - 5):
            canvas.fill(tile, np.array([[-40, y], [140, y], [140, y + 2.2], [-40, y + 2.2]]), colour)
    else:
        x = random.uniform(5, 95)
        hill = oval(x, line + 9, random.uniform(30, 50), random.uniform(12, 22))
        canvas.fill(tile, hill, mix(scene[1], scene[3], 0.45))


def _gradient(size: tuple[int, int], first: Colour, second: Colour, degrees: float) -> Image.Image:
    angle = np.deg2rad(degrees)
    x, y = np.meshgrid(np.linspace(0, 1, 24), np.linspace(0, 1, 24))
    part = np.clip((x * np.cos(angle) + y * np.sin(angle)) / (abs(np.cos(angle)) + abs(np.sin(angle))), 0, 1)
    colours = np.array(first) + part[..., None] * (np.array(second) - np.array(first))
    return Image.fromarray(colours.astype(np.uint8)).resize(size, Image.Resampling.BILINEAR)


def _light(image: Image.Image, random: Random) -> Image.Image:
    """Exposure, contrast, a warm or cool cast with a direction, softness and sensor noise."""
    exposure = min(1.15, max(0.6, random.gauss(0.98, 0.10)))
    contrast = min(1.18, max(0.72, random.gauss(1.0, 0.09)))
    colour = min(1.35, max(0.6, random.gauss(1.02, 0.15)))
    image = image.convert("RGB", _grading(exposure, contrast, colour))
    if random.random() < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(random.uniform(0.4, 1.2)))
    pixels = np.asarray(image, dtype=np.float32)
    height, width = pixels.shape[:2]
    angle = random.uniform(0, 6.283)
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :] * np.float32(np.cos(angle))
    slope = across + np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.float32(np.sin(angle))
    warm = np.array(random.choice(((1, 0.6, 0.1), (0.2, 0.5, 1), (0.8, 0.8, 0.7))), dtype=np.float32)
    amount = random.uniform(2, 20)
    row, column = random.randrange(GRAIN - height), random.randrange(GRAIN - width)
    noise = _grain()[row : row + height, column : column + width, None] * np.float32(random.uniform(1.5, 5.5))
    pixels = pixels + slope[..., None] * (warm * np.float32(amount)) + noise
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _grading(exposure: float, contrast: float, colour: float) -> tuple[float, ...]:
    """Brightness, contrast about middle grey and saturation as one 3 × 4 colour matrix (ITU-R 601 luma)."""
    luma = np.array([0.299, 0.587, 0.114])
    saturation = colour * np.eye(3) + (1 - colour) * np.tile(luma, (3, 1))
    matrix = exposure * contrast * saturation
    offset = 128 * (1 - contrast)
    return tuple(float(value) for row in matrix for value in (*row, offset))


@lru_cache(maxsize=1)
def _grain() -> NDArray[np.float32]:
    """Sensor noise of unit strength; pictures take different parts of it, which is faster than new noise."""
    return np.random.default_rng(20).standard_normal((GRAIN, GRAIN), dtype=np.float32)
