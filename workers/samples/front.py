"""What stands or falls between the dog and the camera: grass, leaves, a fence, snow, lights out of focus."""

from __future__ import annotations

from random import Random

import numpy as np

from workers.samples.canvas import Canvas, Frame, curve, leaf, oval
from workers.samples.colours import Colour, mix, rgb

Scene = tuple[Colour, Colour, Colour, Colour]
GREENS = tuple(rgb(text) for text in ("6E8F5B", "88A56B", "A08D4E", "B4764A", "5F8579"))


def in_front(canvas: Canvas, whole: Frame, tile: Frame, scene: Scene, random: Random) -> None:
    """Nothing in every second picture."""
    at = random.random()
    if at < 0.15:
        _grass(canvas, whole, scene, random)
    elif at < 0.30:
        _leaves(canvas, whole, random)
    elif at < 0.37:
        _fence(canvas, tile, scene, random)
    elif at < 0.44:
        _snow(canvas, whole, random)
    elif at < 0.50:
        _lights(canvas, tile, random)


def _grass(canvas: Canvas, whole: Frame, scene: Scene, random: Random) -> None:
    """A tuft of blades."""
    middle, spread = random.uniform(5, 95), random.uniform(9, 20)
    high = random.uniform(74, 92)
    for _ in range(random.randint(20, 34)):
        x = random.gauss(middle, spread)
        tip = high + abs(x - middle) * 0.35 + random.uniform(-3, 3)
        bend = random.uniform(-4, 4)
        left = curve(((x - 1.5, 102), (x - 1.0, tip + 4), (x + bend, tip)), 8)
        right = curve(((x + bend, tip), (x + 1.2, tip + 4), (x + 1.6, 102)), 8)
        canvas.fill(whole, np.vstack((left, right)), mix(scene[2], scene[3], random.uniform(0.4, 1.5)))


def _leaves(canvas: Canvas, whole: Frame, random: Random) -> None:
    """A branch that reaches in from one side, near the camera."""
    green = random.choice(GREENS)
    side = random.choice((-1, 1))
    root_x, root_y = (-2.0 if side < 0 else 102.0), random.uniform(5, 80)
    reach, rise = random.uniform(24, 46), random.uniform(-16, 18)
    stem = curve(
        ((root_x, root_y), (root_x - side * reach * 0.5, root_y + rise), (root_x - side * reach, root_y + rise)), 12
    )
    canvas.stroke(whole, stem, mix(green, (60, 44, 34), 0.6), 0.9)
    for x, y in stem[2::2].tolist():
        shade = mix(green, (255, 250, 220), random.uniform(0, 0.3))
        for turn in (random.uniform(-75, -25), random.uniform(25, 75)):
            blade = leaf(x, y, random.uniform(2.6, 3.8), random.uniform(9, 14), -side * 90 + turn, 0.5)
            canvas.shade(canvas.fill(whole, blade, shade), (0.4, 0.4), 0.2)


def _fence(canvas: Canvas, tile: Frame, scene: Scene, random: Random) -> None:
    """Pickets before the chest."""
    wood = mix(rgb("EDE6DA"), scene[2], random.uniform(0.05, 0.35))
    top, gap, start = random.uniform(76, 86), random.uniform(15, 20), random.uniform(-40, -28)
    for step in range(12):
        x = start + gap * step
        picket = np.array([[x, top + 4], [x + 3.2, top], [x + 6.4, top + 4], [x + 6.4, 104], [x, 104]])
        canvas.shade(canvas.fill(tile, picket, wood), (0.4, 0.3), 0.14)
    bar = np.array([[-60, top + 9], [160, top + 9], [160, top + 12.5], [-60, top + 12.5]])
    canvas.fill(tile, bar, mix(wood, (90, 80, 70), 0.12))


def _snow(canvas: Canvas, whole: Frame, random: Random) -> None:
    for _ in range(random.randint(24, 48)):
        size = random.choice((0.7, 0.9, 1.3, 1.9))
        flake = oval(random.uniform(0, 100), random.uniform(0, 100), size, size, count=12)
        canvas.fill(whole, flake, (252, 252, 255), opacity=random.uniform(0.5, 0.95))


def _lights(canvas: Canvas, tile: Frame, random: Random) -> None:
    """Spots of light near the lens."""
    for _ in range(random.randint(4, 9)):
        size = random.uniform(4, 12)
        spot = oval(random.uniform(-5, 105), random.uniform(0, 100), size, size)
        colour: Colour = random.choice(((255, 236, 190), (255, 255, 255), (255, 214, 180)))
        canvas.fill(tile, spot, colour, opacity=random.uniform(0.12, 0.38))
