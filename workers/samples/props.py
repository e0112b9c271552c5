"""What a drawn dog wears or holds: it may hide an ear, the forehead or the muzzle, and belongs to no breed."""

from __future__ import annotations

from random import Random
from typing import Literal

import numpy as np

from workers.samples.canvas import Canvas, Frame, curls, curve, oval
from workers.samples.colours import Colour, mix, rgb

Prop = Literal["", "ball", "stick", "hat", "flower", "bandana"]
CHANCES: tuple[tuple[Prop, float], ...] = (
    ("ball", 0.08),
    ("stick", 0.06),
    ("hat", 0.06),
    ("flower", 0.05),
    ("bandana", 0.12),
)
CLOTHS = tuple(rgb(text) for text in ("C9564B", "4B83B8", "D2A33F", "5E9C76", "8A6BB8", "C66C8B"))
BALLS = (rgb("C9D24B"), rgb("4B83B8"), rgb("5E9C76"))
WOOD, PETAL, HEART = rgb("8A6A48"), rgb("F3EDE6"), rgb("DDB654")


def any_prop(random: Random) -> Prop:
    """A prop by chance, mostly none."""
    at = random.random()
    for prop, chance in CHANCES:
        if at < chance:
            return prop
        at -= chance
    return ""


def bandana(canvas: Canvas, dog: Frame, middle: float, top: float, half: float, colour: Colour) -> None:
    """A cloth around the neck, its corner on the chest."""
    upper = curve(((middle - half, top), (middle, top + 12), (middle + half, top)), 26)
    lower = curve(((middle + half, top + 2.5), (middle + half * 0.3, top + 19), (middle, top + 25)), 14)
    other = curve(((middle, top + 25), (middle - half * 0.3, top + 19), (middle - half, top + 2.5)), 14)
    region = canvas.fill(dog, np.vstack((upper, lower, other)), colour)
    canvas.shade(region, (0.45, 0.3), 0.22)
    spots = mix(colour, (255, 255, 255), 0.6)
    for x, y in ((-8.5, 11), (0, 12), (8.5, 11), (-4, 17), (4, 17)):
        canvas.fill(dog, oval(middle + x, top + y, 1.1, 1.1, count=12), spots, region)


def held(canvas: Canvas, head: Frame, prop: Prop, x: float, y: float, random: Random) -> None:
    """A ball or a stick in the mouth at (x, y)."""
    if prop == "ball":
        size = random.uniform(6.0, 8.0)
        ball = canvas.fill(head, oval(x, y + size * 0.55, size, size), random.choice(BALLS))
        canvas.shade(ball, (0.38, 0.3), 0.34)
        seam = curve(((x - size, y + size * 0.2), (x, y + size * 1.2), (x + size, y + size * 0.2)), 14)
        canvas.stroke(head, seam, (240, 238, 230), 0.8)
    elif prop == "stick":
        long, tilt = random.uniform(22, 30), random.uniform(-3, 3)
        ends = ((x - long, y - tilt), (x + long, y + tilt))
        rod = np.array([(ends[0][0], ends[0][1] - 1.9), (ends[1][0], ends[1][1] - 1.6),
                        (ends[1][0] + 1.2, ends[1][1] + 1.4), (ends[0][0] - 1.2, ends[0][1] + 1.9)])  # fmt: skip
        canvas.shade(canvas.fill(head, rod, WOOD), (0.4, 0.2), 0.25)
        twig = np.array([(x + long * 0.6, y + tilt * 0.6), (x + long * 0.78, y - 7)])
        canvas.stroke(head, twig, WOOD, 1.5)


def worn(canvas: Canvas, head: Frame, prop: Prop, *, size: tuple[float, float], turn: float, random: Random) -> None:
    """A knitted hat on the head, or a flower at one ear; ``size`` is the head's half width and half height."""
    rx, ry = size
    if prop == "hat":
        colour = random.choice(CLOTHS)
        t = np.linspace(np.pi, 2 * np.pi, 30)
        crown = np.column_stack((turn * 0.4 + rx * 0.86 * np.cos(t), -ry * 0.62 + ry * 0.66 * np.sin(t)))
        canvas.shade(canvas.fill(head, crown, colour), (0.42, 0.35), 0.26)
        edge = np.array([(-0.94, -0.72), (0.94, -0.72), (0.90, -0.46), (-0.90, -0.46)]) * np.array([rx, ry])
        band = canvas.fill(head, edge + np.array([turn * 0.4, 0]), mix(colour, (255, 255, 255), 0.35))
        canvas.shade(band, (0.4, 0.3), 0.2)
        tuft = curls(oval(turn * 0.4, -ry * 1.3, rx * 0.2, rx * 0.2), 9, 0.12)
        canvas.shade(canvas.fill(head, tuft, mix(colour, (255, 255, 255), 0.7)), (0.4, 0.3), 0.2)
    elif prop == "flower":
        side = random.choice((-1, 1))
        x, y, radius = side * rx * 0.7 + turn * 0.3, -ry * 0.62, random.uniform(3.0, 4.2)
        petal = mix(PETAL, random.choice(CLOTHS), random.uniform(0, 0.6))
        for step in range(5):
            angle = 2 * np.pi * step / 5
            spot = oval(x + radius * np.cos(angle), y + radius * np.sin(angle), radius * 0.72, radius * 0.72, count=18)
            canvas.fill(head, spot, petal)
        canvas.fill(head, oval(x, y, radius * 0.55, radius * 0.55, count=16), HEART)
