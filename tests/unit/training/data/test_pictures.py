"""Opening picture files: formats, orientation, colour modes, and files that must be refused."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest
from PIL import Image

from sagedeck_training.data.pictures import BadPicture, open_picture
from sagedeck_training.data.views import centre_crop
from tests.helpers.pictures import png_claiming


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def gradient(width: int = 120, height: int = 80) -> Image.Image:
    across = np.linspace(0, 255, width, dtype=np.uint8)[None, :].repeat(height, 0)
    down = np.linspace(0, 255, height, dtype=np.uint8)[:, None].repeat(width, 1)
    return Image.fromarray(np.stack([across, down, 255 - across], axis=2))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [(30_000, 20_000), (14_000, 10_000)])
def test_a_png_that_claims_too_many_pixels_is_refused_without_decoding(side: tuple[int, int]) -> None:
    began = time.thread_time()
    with pytest.raises(BadPicture, match="megapixels"):
        open_picture(png_claiming(*side), 224)
    assert time.thread_time() - began < 0.5


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"just some text", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
        (encoded(gradient(), "JPEG")[:900], "damaged|not a picture"),
        (encoded(gradient(), "PNG")[:200], "damaged|not a picture"),
    ],
)
def test_files_that_are_no_pictures_say_why(data: bytes, reason: str) -> None:
    with pytest.raises(BadPicture, match=reason):
        open_picture(data, 64)


def test_a_file_that_is_not_there_is_a_bad_picture(tmp_path) -> None:
    with pytest.raises(BadPicture, match="cannot be read"):
        open_picture(tmp_path / "gone.jpg", 64)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(orientation: int) -> None:
    upright = gradient(64, 48)
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    # Stored as a camera would: the inverse transposition of the upright picture.
    stored = upright.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    opened = open_picture(encoded(stored, "PNG", exif=exif), 48)
    assert opened.size == upright.size
    assert np.array_equal(np.asarray(opened), np.asarray(upright))


def test_transparency_becomes_white() -> None:
    layered = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    layered.paste((0, 0, 255, 255), (0, 0, 20, 40))
    opened = open_picture(encoded(layered, "PNG"), 32)
    assert opened.getpixel((5, 5)) == (0, 0, 255)
    assert opened.getpixel((35, 5)) == (255, 255, 255)


def test_a_palette_with_a_transparent_colour_becomes_white_there() -> None:
    image = Image.new("P", (40, 40), 0)
    image.putpalette([200, 0, 0, 0, 120, 0] + [0] * 762)
    image.paste(1, (0, 0, 20, 40))
    opened = open_picture(encoded(image, "PNG", transparency=0), 32)
    assert opened.getpixel((35, 5)) == (255, 255, 255)
    assert opened.getpixel((5, 5)) == (0, 120, 0)


def test_sixteen_bit_grey_is_scaled_and_not_cut() -> None:
    values = np.linspace(0, 65535, 64, dtype=np.uint16)[None, :].repeat(64, 0)
    grey = np.asarray(open_picture(encoded(Image.fromarray(values), "PNG"), 48))[0, :, 0].astype(int)
    assert grey[0] == 0 and grey[-1] == 255
    assert abs(grey[32] - 129) <= 2


@pytest.mark.parametrize("mode", ["L", "1", "CMYK", "P", "LA", "YCbCr", "I", "F"])
def test_every_colour_mode_becomes_rgb(mode: str) -> None:
    image = gradient(50, 40).convert("L").convert(mode) if mode in ("LA", "I", "F") else gradient(50, 40).convert(mode)
    opened = open_picture(encoded(image, "TIFF"), 32)
    assert opened.mode == "RGB" and opened.size == (50, 40)
    assert np.asarray(opened).std() > 20


def test_the_first_frame_of_a_moving_picture_is_taken() -> None:
    frames = [Image.new("RGB", (30, 30), colour) for colour in ("red", "blue")]
    opened = open_picture(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), 32)
    assert opened.getpixel((10, 10)) == (255, 0, 0)


def test_large_jpegs_are_decoded_smaller_but_large_enough() -> None:
    opened = open_picture(encoded(gradient(2400, 1600), "JPEG"), 224)
    assert opened.size == (600, 400)


def test_the_centre_crop_is_the_middle() -> None:
    image = Image.new("RGB", (300, 100), "black")
    image.paste((255, 255, 255), (100, 0, 200, 100))
    crop = centre_crop(image, 32)
    assert crop.shape == (32, 32, 3) and crop.dtype == np.uint8
    assert crop.min() == 255


def test_a_very_flat_picture_can_be_cropped() -> None:
    assert centre_crop(Image.new("RGB", (1000, 2)), 32).shape == (32, 32, 3)
    assert centre_crop(Image.new("RGB", (1, 1)), 32).shape == (32, 32, 3)
