"""Small drawn pictures for tests and benchmarks: separable classes, but not by a glance at the colours alone."""

from __future__ import annotations

import io
import math
import random
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SHARES = {"train": 0.7, "valid": 0.15, "test": 0.15}


def draw_picture(label: int, number: int, size: tuple[int, int] = (160, 120), seed: int = 0) -> Image.Image:
    """One picture of class ``label``: an animal of its coat, ears and markings before clutter, in changing light."""
    traits = random.Random(f"traits/{seed}/{label}")
    coat = [traits.randint(40, 220) for _ in range(3)]
    ears, marks = label % 3, (label // 3) % 3
    bulk, count = traits.uniform(0.75, 1.25), traits.randint(4, 8)
    dice = random.Random(f"picture/{seed}/{label}/{number}")
    width, height = size
    image = Image.new("RGB", size, tuple(dice.randint(60, 230) for _ in range(3)))
    draw = ImageDraw.Draw(image)
    for _ in range(8):
        x, y, r = dice.uniform(0, width), dice.uniform(0, height), dice.uniform(0.02, 0.12) * width
        draw.ellipse((x - r, y - r, x + r, y + r), fill=tuple(dice.randint(30, 240) for _ in range(3)))
    shade = tuple(max(0, min(255, int(value * dice.uniform(0.75, 1.25)))) for value in coat)
    dark = tuple(value // 3 for value in shade)
    middle_x, middle_y = width * dice.uniform(0.4, 0.6), height * dice.uniform(0.45, 0.6)
    radius = 0.27 * height * dice.uniform(0.8, 1.2)
    for side in (-1, 1):
        x, top = middle_x + side * radius * 0.75 * bulk, middle_y - radius
        reach = radius * 0.7
        if ears == 0:
            points = [(x - reach / 2, top + reach / 2), (x, top - reach), (x + reach / 2, top + reach / 2)]
            draw.polygon(points, fill=shade)
        elif ears == 1:
            draw.ellipse((x - reach / 2, top - reach / 2, x + reach / 2, top + reach / 2), fill=shade)
        else:
            draw.ellipse((x - reach / 3, top, x + reach / 3, top + 2 * reach), fill=dark)
    draw.ellipse((middle_x - radius * bulk, middle_y - radius, middle_x + radius * bulk, middle_y + radius), fill=shade)
    turn = dice.uniform(0, math.tau)
    for index in range(count if marks else 0):
        angle = turn + math.tau * index / count
        x, y = middle_x + math.cos(angle) * radius * 0.6, middle_y + math.sin(angle) * radius * 0.6
        r = radius * 0.14
        if marks == 1:
            draw.ellipse((x - r, y - r, x + r, y + r), fill=dark)
        else:
            draw.line((x - 2 * r, y - 2 * r, x + 2 * r, y + 2 * r), fill=dark, width=max(1, round(r * 0.7)))
    for side in (-1, 1):
        x, y, r = middle_x + side * radius * 0.35, middle_y - radius * 0.2, radius * 0.1
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(15, 15, 15))
    noise = np.random.default_rng(dice.randrange(2**32)).normal(0, 9, (height, width, 3))
    light = dice.uniform(0.75, 1.25)
    return Image.fromarray(np.clip(np.asarray(image) * light + noise, 0, 255).astype(np.uint8))


def make_folder(
    root: Path, classes: int, per_class: int, *, size: tuple[int, int] = (160, 120), seed: int = 0,
    shares: dict[str, float] = SHARES,
) -> Path:  # fmt: skip
    """Write ``root/SPLIT/001.Breed_1/0001.jpg`` ...; every split with a share above 0 gets at least one."""
    for label in range(classes):
        number = 0
        for split, share in shares.items():
            folder = root / split / f"{label + 1:03}.Breed_{label + 1}"
            folder.mkdir(parents=True, exist_ok=True)
            for _ in range(max(1, round(per_class * share)) if share else 0):
                number += 1
                draw_picture(label, number, size, seed).save(folder / f"{number:04}.jpg", quality=88)
    return root


def png_claiming(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


def encoded(kind: str, size: tuple[int, int] = (40, 30), **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise(size, 40).convert("RGB").save(buffer, kind, **options)
    return buffer.getvalue()
