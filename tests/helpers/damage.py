"""Picture files of every format, and the same ones damaged."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator

import numpy as np
from PIL import Image


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _noisy(width: int, height: int) -> Image.Image:
    """Bright, smooth and a little noisy: a black picture in its place would show."""
    dice = np.random.default_rng(width * height)
    slope = np.linspace(90, 240, width)[None, :, None].repeat(height, 0).repeat(3, 2)
    return Image.fromarray(np.clip(slope + dice.normal(0, 12, (height, width, 3)), 1, 255).astype(np.uint8))


def sound_files() -> dict[str, bytes]:
    """A file of every format and of the kinds of it that are decoded in different ways."""
    small, large = _noisy(28, 20), _noisy(240, 176)
    turned = Image.Exif()
    turned[0x0112] = 6
    turned[0x010E] = "a description"
    alpha = small.convert("RGBA")
    alpha.putalpha(Image.linear_gradient("L").resize(small.size))
    sixteen = Image.fromarray(np.asarray(small.convert("L")).astype(np.uint16) * 257)
    frames = [small.convert("P"), small.transpose(Image.Transpose.ROTATE_180).convert("P")]
    return {
        "png": _encoded(small, "PNG"),
        "png-alpha": _encoded(alpha, "PNG", exif=turned),
        "png-palette": _encoded(small.convert("P"), "PNG", transparency=3),
        "png-16": _encoded(sixteen, "PNG"),
        "png-1": _encoded(small.convert("1"), "PNG"),
        "jpeg": _encoded(large, "JPEG"),
        "jpeg-progressive": _encoded(large, "JPEG", progressive=True, exif=turned),
        "jpeg-grey": _encoded(small.convert("L"), "JPEG"),
        "jpeg-cmyk": _encoded(large.convert("CMYK"), "JPEG"),
        "webp": _encoded(small, "WEBP", exif=turned),
        "webp-lossless": _encoded(alpha, "WEBP", lossless=True),
        "gif": _encoded(small.convert("P"), "GIF"),
        "gif-moving": _encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], transparency=1),
        "bmp": _encoded(small, "BMP"),
        "bmp-palette": _encoded(small.convert("P"), "BMP"),
        "tiff": _encoded(small, "TIFF", exif=turned),
        "tiff-lzw": _encoded(alpha, "TIFF", compression="tiff_lzw"),
        "tiff-deflate-16": _encoded(sixteen, "TIFF", compression="tiff_adobe_deflate"),
        "tiff-jpeg": _encoded(large, "TIFF", compression="jpeg"),
        "ppm": _encoded(small, "PPM"),
        "pgm": _encoded(small.convert("L"), "PPM"),
    }


def damaged(data: bytes, count: int, seed: str) -> Iterator[tuple[str, bytes]]:
    """``count`` ways in which a file may be damaged, as (what was done, bytes); the same ones for the same seed."""
    dice = random.Random(seed)
    for number in range(count):
        at = dice.randrange(len(data))
        # The headers decide more than the rest, and are a small part of a file.
        at = dice.randrange(min(len(data), 96)) if dice.random() < 0.3 else at
        way = number % 4
        if way < 2:
            bit = 1 << dice.randrange(8) if way else dice.randrange(1, 256)
            yield f"byte {at} ^ {bit}", data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]
        elif way == 2:
            end = len(data) - dice.randrange(1, 24) if dice.random() < 0.3 else at
            yield f"cut at {end}", data[:end]
        else:
            length = dice.randrange(1, 64)
            yield f"{length} zeros at {at}", data[:at] + bytes(length) + data[at + length :]
