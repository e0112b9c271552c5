"""Reading and painting pictures of every kind: bounded, whole, upright, on white, and refused in a sentence."""

from __future__ import annotations

import io
import os
import struct
import sys
import threading
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QImage, QPainter

from console.look.theme import theme
from console.widgets.pictures.painting import fitted, paint_fitted
from console.widgets.pictures.reading import DAMAGED, EMPTY, NO_PICTURE, NOT_A_FILE, read_fitting

RED = (200, 40, 40)
KINDS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def colour(image: QImage, x: int, y: int) -> tuple[int, int, int]:
    found = image.pixelColor(x, y)
    return found.red(), found.green(), found.blue()


def near(found: tuple[int, int, int], wanted: tuple[int, int, int]) -> bool:
    return all(abs(level - other) < 12 for level, other in zip(found, wanted, strict=True))


def huge_png() -> bytes:
    """Claims 30,000 × 20,000 pixels and holds none of them."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 30_000, 20_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_whole_from_a_file_and_from_bytes(qapp: object, tmp_path: Path, kind: str) -> None:
    data = encoded(Image.new("RGB", (300, 200), RED), kind)
    path = tmp_path / "dog 🐶.bin"
    path.write_bytes(data)
    for source in (data, path, str(path)):
        found = read_fitting(source, 60, 60)
        assert (found.problem, found.kind.upper(), found.width, found.height) == ("", kind, 300, 200)
        assert (found.image.width(), found.image.height()) == (60, 40), "the whole picture in its own shape"
        assert near(colour(found.image, 1, 1), RED) and near(colour(found.image, 58, 38), RED)


def test_a_small_picture_keeps_its_size(qapp: object) -> None:
    assert read_fitting(encoded(Image.new("RGB", (20, 10))), 64, 64).image.size().toTuple() == (20, 10)
    thin = read_fitting(encoded(Image.new("RGB", (4000, 1))), 64, 64).image
    assert thin.size().toTuple() == (64, 1)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_the_cameras_turn_is_followed(qapp: object, kind: str) -> None:
    image = Image.new("RGB", (300, 200), RED)
    image.paste((255, 255, 255), (0, 0, 300, 40))
    exif = Image.Exif()
    exif[0x0112] = 6
    found = read_fitting(encoded(image, kind, exif=exif), 150, 150)
    assert (found.width, found.height) == (200, 300) and found.image.size().toTuple() == (100, 150)
    assert near(colour(found.image, 95, 75), (255, 255, 255)), "what was on top is at the right"
    assert near(colour(found.image, 5, 75), RED)


def test_transparent_16_bit_cmyk_grey_and_moving_pictures(qapp: object) -> None:
    ramp = Image.fromarray(np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16))
    blue = Image.new("RGB", (64, 64), "blue")
    table = {
        "transparent": (encoded(Image.new("RGBA", (64, 64), (255, 0, 0, 0))), (255, 255, 255)),
        "transparent grey": (encoded(Image.new("LA", (64, 64), (0, 0))), (255, 255, 255)),
        "16 bit": (encoded(ramp), (128, 128, 128)),
        "CMYK": (encoded(Image.new("RGB", (64, 64), RED).convert("CMYK"), "JPEG"), RED),
        "grey": (encoded(Image.new("L", (64, 64), 90), "JPEG"), (90, 90, 90)),
        "moving": (
            encoded(
                Image.new("RGB", (64, 64), RED),
                "GIF",
                save_all=True,
                append_images=[blue],
            ),
            RED,
        ),
    }
    for name, (data, wanted) in table.items():
        found = read_fitting(data, 32, 32)
        assert not found.problem and near(colour(found.image, 16, 16), wanted), name
        assert found.image.format() == QImage.Format.Format_RGB32, name


def test_what_is_no_picture_is_refused_in_a_sentence(qapp: object, tmp_path: Path) -> None:
    png = encoded(Image.fromarray(np.random.default_rng(1).integers(0, 255, (80, 80, 3), dtype=np.uint8)))
    torn = bytearray(png)
    torn[len(png) // 2] ^= 0x55
    (tmp_path / "folder").mkdir()
    table: dict[str, tuple[Path | bytes, str]] = {
        "empty": (b"", EMPTY),
        "text": (b"no picture", NO_PICTURE),
        "vector": (b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', NO_PICTURE),
        "cut": (png[: len(png) // 2], DAMAGED),
        "one byte": (bytes(torn), DAMAGED),
        "bomb": (huge_png(), "It is too large: it claims 30,000 × 20,000 pixels."),
        "folder": (tmp_path / "folder", NOT_A_FILE),
        "missing": (tmp_path / "none.png", "The file cannot be read: No such file or directory."),
    }
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe.png")
        (tmp_path / "zero.png").symlink_to("/dev/zero")
        table["pipe"] = (tmp_path / "pipe.png", NOT_A_FILE)
        table["device"] = (tmp_path / "zero.png", NOT_A_FILE)
    for name, (source, sentence) in table.items():
        found = read_fitting(source, 32, 32)
        assert found.image.isNull() and found.problem == sentence, name


@pytest.mark.qt_log_level_fail("CRITICAL")
def test_a_hundred_megapixels_are_read_in_little_memory_or_refused(qapp: object) -> None:
    table = {}
    for kind, options in (("JPEG", {}), ("PNG", {"compress_level": 1})):
        table[kind] = encoded(Image.new("RGB", (10_000, 10_000), RED), kind, **options)
    for kind, data in table.items():
        found = read_fitting(data, 100, 100)
        assert not found.problem and near(colour(found.image, 50, 50), RED), kind
    deep = read_fitting(encoded(Image.new("I;16", (12_000, 12_000)), compress_level=1), 100, 100)
    assert deep.problem == "It is too large: it claims 12,000 × 12,000 pixels."


def test_decoding_lets_the_interpreter_go_on(qapp: object) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (500, 500, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(np.kron(noise, np.ones((6, 6, 1), np.uint8))), compress_level=1)
    thread = threading.Thread(target=read_fitting, args=(data, 400, 400))
    turns = 0
    thread.start()
    while thread.is_alive():
        time.sleep(0)
        turns += 1
    # A decoder that kept the interpreter would leave a turn or two before and after.
    assert turns > 20


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((300, 200), (0, 10, 60, 40)),
        ((200, 300), (10, 0, 40, 60)),
        ((10, 10), (0, 0, 60, 60)),
        ((900, 1), (0, 29.5, 60, 1)),
    ],
)
def test_a_picture_is_painted_whole(qapp: object, size: tuple[int, int], wanted: tuple[float, ...]) -> None:
    found = fitted(QImage(*size, QImage.Format.Format_RGB32).size(), QRectF(0, 0, 60, 60))
    assert (found.x(), found.y(), found.width(), found.height()) == pytest.approx(wanted)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_picture_of_the_colour_of_the_page_ends_in_a_hairline(qapp: object, scheme: str) -> None:
    theme().set_preference(scheme)
    page = theme().color("bg")
    ground = QImage(60, 60, QImage.Format.Format_RGB32)
    ground.fill(page)
    picture = QImage(60, 40, QImage.Format.Format_RGB32)
    picture.fill(page)
    painter = QPainter(ground)
    paint_fitted(painter, QRectF(0, 0, 60, 60), picture, 0)
    painter.end()
    assert ground.pixelColor(30, 10) != page and ground.pixelColor(0, 30) != page
    assert ground.pixelColor(30, 30) == QColor(page) and ground.pixelColor(30, 3) == QColor(page)
