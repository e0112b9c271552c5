"""Draws one dog of a breed in a pose."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import cast

import numpy as np

from workers.samples.breeds import Breed, Ears
from workers.samples.canvas import Canvas, Frame, Points, Region, curls, curve, drop, egg, leaf, mirrored, oval
from workers.samples.colours import Colour, mix, rgb
from workers.samples.props import CLOTHS, Prop, any_prop, bandana, held, worn

TONGUE, TONGUE_LINE, MOUTH = rgb("DB6C7B"), rgb("BE5565"), rgb("2A2023")
TAG = rgb("DDB654")
COLLARS = tuple(rgb(text) for text in ("C23B3B", "2F6DB5", "CC8722", "6847A8", "24866F", "C2577F"))


@dataclass(frozen=True)
class Pose:
    """What differs from picture to picture. Angles in degrees, shifts in tile units, the rest -1 to 1."""

    x: float
    y: float
    scale: float
    tilt: float
    yaw: float
    pitch: float
    lean: float
    ear_left: float
    ear_right: float
    tongue: float
    collar: Colour | None
    gaze: float
    blink: bool
    fur_seed: int
    prop: Prop = ""

    @classmethod
    def draw(cls, random: Random) -> Pose:
        """A pose by chance."""
        return cls(
            x=random.gauss(0, 9.0),
            y=random.gauss(0.5, 5.0),
            scale=random.uniform(0.64, 1.28),
            tilt=random.gauss(0, 10.0),
            yaw=random.uniform(-1, 1),
            pitch=random.uniform(-1, 1),
            lean=random.gauss(0, 1.6),
            ear_left=random.gauss(0, 6.0),
            ear_right=random.gauss(0, 6.0),
            tongue=random.uniform(0.75, 1.25) if random.random() < 0.5 else 0.0,
            collar=random.choice(COLLARS) if random.random() < 0.55 else None,
            gaze=random.uniform(-1, 1),
            blink=random.random() < 0.05,
            fur_seed=random.getrandbits(30),
            prop=any_prop(random),
        )


def draw_dog(canvas: Canvas, tile: Frame, breed: Breed, pose: Pose) -> None:
    """Draw the dog into ``canvas``; ``tile`` maps the 100-unit tile onto it."""
    dog = tile.placed(50 + pose.x, 100, scale=pose.scale).placed(-50, -100 + pose.y)
    head = dog.placed(50 + pose.lean, 51.5 + breed.drop * 20, degrees=pose.tilt)
    _body(canvas, dog, breed, pose)
    _Head(canvas, head, breed, pose).draw()


def _body(canvas: Canvas, dog: Frame, breed: Breed, pose: Pose) -> None:
    half = breed.shoulders
    top = 51.5 + breed.height * 0.62
    coat = breed.body or breed.coat
    t = np.linspace(0, 1, 24)
    slope = half * (0.36 + 0.64 * np.sin(t * np.pi / 2) ** 0.9)
    y = top + (108 - top) * t**1.5
    right = np.column_stack((50 + pose.lean * (1 - t) + slope, y))
    left = np.column_stack((50 + pose.lean * (1 - t) - slope, y))
    outline = np.vstack((left, right[::-1]))
    if breed.fur > 0.025:
        outline = curls(outline, 34, breed.fur * 0.35)
    region = canvas.fill(dog, outline, coat)
    canvas.shade(region, (0.42, 0.25), 0.20)
    if breed.chest is not None:
        chest = oval(50 + pose.lean * 0.6, top + 24, half * 0.42, 24)
        canvas.shade(canvas.fill(dog, chest, breed.chest, region), (0.45, 0.3), 0.16)
    if pose.prop == "bandana":
        colour = CLOTHS[pose.fur_seed % len(CLOTHS)]
        bandana(canvas, dog, 50 + pose.lean * 0.8, top + 5, breed.shoulders * 0.74, colour)
    elif pose.collar is not None:
        _collar(canvas, dog, breed, pose, top)


def _collar(canvas: Canvas, dog: Frame, breed: Breed, pose: Pose, top: float) -> None:
    middle, width, y = 50 + pose.lean * 0.8, breed.shoulders * 0.76, top + 9.5
    upper = curve(((middle - width, y - 2.6), (middle, y + 10.5), (middle + width, y - 2.6)), 26)
    lower = curve(((middle + width, y + 0.9), (middle, y + 19.5), (middle - width, y + 0.9)), 26)
    assert pose.collar is not None
    region = canvas.fill(dog, np.vstack((upper, lower)), pose.collar)
    canvas.shade(region, (0.4, 0.4), 0.24)
    tag = canvas.fill(dog, oval(middle, y + 12.5, 2.9, 2.9), TAG)
    canvas.shade(tag, (0.35, 0.3), 0.3)


class _Head:
    """Paints ears, head, markings and face in the head's own frame: origin in the middle of the head."""

    def __init__(self, canvas: Canvas, frame: Frame, breed: Breed, pose: Pose) -> None:
        self.canvas, self.frame, self.breed, self.pose = canvas, frame, breed, pose
        self.rx, self.ry = breed.width, breed.height
        self.turn = pose.yaw * 0.16 * self.rx
        self.nod = pose.pitch * 0.08 * self.ry
        self.random = Random(pose.fur_seed)
        self.side = 1 if pose.fur_seed % 2 else -1

    def draw(self) -> None:
        breed = self.breed
        if not breed.ears.front:
            self._ears(breed.ears)
        outline = egg(0, 0, self.rx, self.ry, breed.jaw)
        if breed.fur:
            outline = curls(outline, int(26 + 40 * breed.fur), breed.fur, self.random.random())
        head = self.canvas.fill(self.frame, outline, breed.coat)
        assert head is not None
        self._markings(head)
        self.canvas.shade(head, (0.45, 0.34), 0.26)
        self._fur()
        if breed.spots:
            self._spots(head)
        self._muzzle(head)
        if breed.topknot is not None:
            self._topknot()
        if breed.ears.front:
            self._ears(breed.ears)
        self._eyes(head)
        self._mouth()
        self._nose()
        size = self.rx, self.ry
        worn(self.canvas, self.frame, self.pose.prop, size=size, turn=self.turn, random=self.random)

    def _ears(self, ears: Ears) -> None:
        for side, swing in ((-1, self.pose.ear_left), (1, self.pose.ear_right)):
            away = 1.0 + 0.14 * self.pose.yaw * -side
            x, y = ears.x * self.rx - 0.25 * self.turn * side, ears.y * self.ry
            shape = self._ear(ears, x, y, ears.width * away, ears.length, ears.tilt + swing)
            region = self.canvas.fill(self.frame, mirrored(shape, side), self.breed.ear)
            self.canvas.shade(region, (0.5, 0.2 if ears.front else 0.45), 0.24)
            if self.breed.inner is not None:
                grow = 0.55 if ears.kind == "point" else 0.5
                width, length = ears.width * away * grow, ears.length * 0.74
                inner = mirrored(self._ear(ears, x - 0.6, y + 0.6, width, length, ears.tilt + swing), side)
                self.canvas.shade(self.canvas.fill(self.frame, inner, self.breed.inner, region), (0.5, 0.7), 0.24)

    def _ear(self, ears: Ears, x: float, y: float, width: float, length: float, tilt: float) -> Points:
        if ears.kind == "point":
            return leaf(x, y + 4, width, length + 4, tilt, ears.sharp)
        if ears.kind == "drop":
            return drop(x, y, width, length, tilt)
        shape = oval(x, y, width, length, tilt)
        return curls(shape, ears.curls, 0.05) if ears.curls else shape

    def _markings(self, head: Region) -> None:
        breed, rx, ry, turn = self.breed, self.rx, self.ry, self.turn
        fill = self.canvas.fill
        if breed.lower is not None:
            middle = ry * (breed.lower_y + 0.62)
            for side in (-1, 1):
                lobe = oval(turn * 0.6 + side * rx * 0.42, middle + self.nod, rx * 0.62, ry * 0.64, side * -14)
                fill(self.frame, curls(lobe, 18, breed.fur * 0.6) if breed.fur else lobe, breed.lower, head)
        if breed.cap is not None:
            self._cap(breed.cap, head)
        if breed.patch is not None:
            for side in breed.patches:
                patch = oval(turn + side * rx * 0.42, -ry * 0.16 + self.nod, rx * 0.30, ry * 0.34, side * 12)
                fill(self.frame, patch, breed.patch, head)
        if breed.blaze is not None:
            self._blaze(breed.blaze, head)

    def _cap(self, colour: Colour, head: Region) -> None:
        rx, ry, low = self.rx, self.ry, self.ry * self.breed.cap_y
        peak, middle = low + ry * 0.16, self.turn
        edge = np.array([(0.94, 0.30), (0.62, -0.26), (0.30, -0.18), (0, 0.04)]) * np.array([rx, ry])
        edge += np.array([middle, peak])
        other = edge[-2::-1] * np.array([-1, 1]) + np.array([2 * middle, 0])
        side, high = rx * 1.4, -ry * 1.4
        points = np.vstack(
            ([(-side, high), (side, high), (side, edge[0, 1])], edge, other, [(-side, edge[0, 1])]),
        )
        self.canvas.fill(self.frame, points, colour, head)

    def _blaze(self, colour: Colour, head: Region) -> None:
        rx, ry, x = self.rx, self.ry, self.turn
        width = self.breed.blaze_width * rx
        right = np.array([(0.32, -1.1), (0.36, -0.7), (0.46, -0.35), (0.72, 0.0), (1.15, 0.3), (1.6, 0.6)])
        right = right * np.array([width, ry]) + np.array([x, self.nod])
        left = right * np.array([-1, 1]) + np.array([2 * x, 0])
        self.canvas.fill(self.frame, np.vstack((left, right[::-1])), colour, head)

    def _fur(self) -> None:
        """Short hairs, a little lighter and darker than the coat."""
        pixel = self.canvas.image.load()
        assert pixel is not None
        amount = 26 if self.breed.fur else 14
        for _ in range(amount):
            angle = self.random.uniform(0, 6.283)
            far = self.random.uniform(0.35, 0.92)
            x, y = far * self.rx * np.cos(angle), far * self.ry * np.sin(angle)
            length = self.random.uniform(1.6, 3.2)
            here = self.frame.apply(np.array([[x, y]]))[0]
            column, row = int(here[0]), int(here[1])
            if not (0 <= column < self.canvas.size[0] and 0 <= row < self.canvas.size[1]):
                continue
            tone = (255, 250, 240) if self.random.random() < 0.5 else (20, 14, 16)
            shade = mix(cast(Colour, pixel[column, row]), tone, self.random.uniform(0.05, 0.13))
            slant = x * 0.06
            self.canvas.stroke(
                self.frame, curve(((x, y), (x + slant, y + length / 2), (x + slant, y + length)), 5), shade, 0.42
            )

    def _spots(self, head: Region) -> None:
        for _ in range(self.breed.spots + self.random.randint(-3, 3)):
            angle, far = self.random.uniform(2.9, 6.6), self.random.uniform(0.25, 0.95)
            spot = oval(
                self.turn + far * self.rx * np.cos(angle), far * self.ry * np.sin(angle),
                self.random.uniform(1.0, 2.3), self.random.uniform(0.9, 1.7), self.random.uniform(-40, 40), 14,
            )  # fmt: skip
            self.canvas.fill(self.frame, spot, self.breed.spot, head)

    def _muzzle(self, head: Region) -> None:
        breed, rx, ry = self.breed, self.rx, self.ry
        x, y = self.turn * 1.2, ry * breed.muzzle_y + self.nod
        if breed.beard is not None:
            length = ry * breed.beard_length
            shape = curls(egg(x, y + length * 0.55, rx * 0.52, ry * 0.30 + length, 0.08), 17, 0.08)
            region = self.canvas.fill(self.frame, shape, breed.beard)
            self.canvas.shade(region, (0.45, 0.3), 0.16)
        if breed.muzzle is None:
            return
        width, height = rx * breed.muzzle_width, ry * breed.muzzle_height
        limit = None if breed.jowls else head
        if breed.jowls:
            for side in (-1, 1):
                lobe = oval(
                    x + side * width * 0.5,
                    y + height * 0.18 * (1 + breed.jowls),
                    width * (0.52 + 0.1 * breed.jowls),
                    height * 0.74,
                    side * -10,
                )
                self.canvas.shade(self.canvas.fill(self.frame, lobe, breed.muzzle, limit), (0.5, 0.3), 0.13)
        shape = egg(x, y, width, height, -0.06)
        self.canvas.shade(self.canvas.fill(self.frame, shape, breed.muzzle, limit), (0.45, 0.3), 0.15)

    def _topknot(self) -> None:
        breed = self.breed
        assert breed.topknot is not None
        shape = curls(oval(self.turn * 0.3, -self.ry * 0.82, self.rx * 0.80, self.ry * 0.36), 14, 0.07)
        self.canvas.shade(self.canvas.fill(self.frame, shape, breed.topknot), (0.45, 0.35), 0.20)

    def _eyes(self, head: Region) -> None:
        breed, pose, size = self.breed, self.pose, self.breed.eye_size
        y = -self.ry * 0.15 + self.nod
        for side in (-1, 1):
            x = self.turn + side * self.rx * 0.41 * (1 - 0.10 * pose.yaw * side)
            if breed.brows is not None:
                self.canvas.fill(self.frame, oval(x + side * 0.6, y - 5.6, 3.4, 2.3, side * 12), breed.brows, head)
            if pose.blink:
                lid = curve(((x - size, y), (x, y - size * 0.9), (x + size, y)), 10)
                self.canvas.stroke(self.frame, lid, MOUTH, 1.1)
                continue
            soft = mix(breed.coat, (30, 22, 22), 0.55)
            self.canvas.fill(self.frame, oval(x, y, size * 1.16, size * 1.12), soft, opacity=0.45)
            ball = self.canvas.fill(self.frame, oval(x, y, size, size), breed.eye)
            look = pose.gaze * 0.5
            self.canvas.fill(self.frame, oval(x + look, y, size * 0.68, size * 0.68), (18, 14, 15), ball)
            self.canvas.fill(self.frame, oval(x + look + 1.0, y - 1.1, size * 0.27, size * 0.27), (250, 250, 250))

    def _mouth(self) -> None:
        x, top = self.turn * 1.35, self.ry * 0.24 + self.nod * 1.2
        low = self.ry * (0.46 + 0.05 * self.breed.jowls) + self.nod
        if self.pose.prop in ("ball", "stick"):
            held(self.canvas, self.frame, self.pose.prop, x, low, self.random)
        else:
            self._tongue(x, low)
        wide = 3.3 + 3.0 * self.breed.jowls + self.rx * 0.03
        self.canvas.stroke(self.frame, np.array([[x, top], [x, low]]), MOUTH, 0.95)
        for side in (-1, 1):
            arc = curve(((x, low - 0.2), (x + side * wide * 0.55, low + 3.6), (x + side * wide, low + 0.3)), 10)
            self.canvas.stroke(self.frame, arc, MOUTH, 0.95)

    def _tongue(self, x: float, low: float) -> None:
        if not self.pose.tongue:
            return
        length = 5.2 * self.pose.tongue
        sway = self.pose.gaze * 0.6
        tip, far = (x + sway, low + length + 6.2), low + length + 6.4
        right = curve(((x + 4.3 + sway, low + length), (x + 4.0 + sway, far), tip), 9)
        left = curve((tip, (x - 4.0 + sway, far), (x - 4.3 + sway, low + length)), 9)
        shape = np.vstack(([[x - 3.9, low + 0.6], [x + 3.9, low + 0.6]], right, left))
        self.canvas.shade(self.canvas.fill(self.frame, shape, TONGUE), (0.45, 0.6), 0.12)
        line = np.array([[x, low + 2.5], [x + sway * 0.8, low + length + 2.8]])
        self.canvas.stroke(self.frame, line, TONGUE_LINE, 0.6)

    def _nose(self) -> None:
        x, y, size = self.turn * 1.4, self.ry * 0.13 + self.nod * 1.3, 4.3 + self.rx * 0.035
        t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        width = size * (1 - 0.26 * (np.sin(t) + 0.2))
        across = np.sign(np.cos(t)) * np.abs(np.cos(t)) ** 0.8
        shape = np.column_stack((x + width * across, y + size * 0.74 * np.sin(t)))
        region = self.canvas.fill(self.frame, shape, self.breed.nose)
        self.canvas.shade(region, (0.5, 0.25), 0.10)
        shine = oval(x - size * 0.12, y - size * 0.34, size * 0.36, size * 0.17)
        self.canvas.fill(self.frame, shine, (255, 255, 255), opacity=0.35)
