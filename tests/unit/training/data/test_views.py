"""Random parts of pictures: which, and that torch and Pillow make the same of them."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from sagedeck_training.data import views
from sagedeck_training.data.pictures import SMALLEST_AREA, Crop, Pixels, centre_of, open_picture, random_of
from sagedeck_training.data.views import by_pillow, by_torch, centre_crop, cut_out, random_crop, views_of
from tests.helpers.pictures import draw_picture

SHAPES = [(300, 225), (90, 160), (33, 700), (1000, 2), (7, 5), (224, 31), (1, 1)]


def noise(width: int, height: int) -> Pixels:
    """The hardest picture to resize: no pixel is like the next."""
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encoded(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [32, 224])
def test_torch_and_pillow_differ_by_two_at_most(shape: tuple[int, int], size: int) -> None:
    for pixels in (
        noise(*shape),
        np.asarray(draw_picture(1, 1, shape)) if min(shape) > 30 else noise(*shape) // 128 * 255,
    ):
        off = np.abs(by_torch(pixels, size).astype(int) - by_pillow(Image.fromarray(pixels), size))
        assert off.shape == (size, size, 3) and off.max() <= views.MOST_OFF and off.mean() < 0.05


@pytest.mark.parametrize("shape", SHAPES)
def test_a_part_is_whole_pixels_of_the_picture(shape: tuple[int, int]) -> None:
    width, height = shape
    crops = [random_of(width, height, str(seed)) for seed in range(300)]
    for crop in [*crops, centre_of(width, height)]:
        left, top, right, bottom = crop.box
        assert all(value == int(value) for value in crop.box)
        assert 0 <= left < right <= width and 0 <= top < bottom <= height
    if min(shape) > 80:
        shares = [
            (right - left) * (bottom - top) / (width * height) for left, top, right, bottom in (c.box for c in crops)
        ]
        assert SMALLEST_AREA - 0.02 < min(shares) < 0.4 and 0.9 < max(shares) <= 1
        # Each edge of the picture is in a part now and then.
        assert min(crop.box[0] for crop in crops) == 0 and max(crop.box[2] for crop in crops) > 0.99 * width
    assert {crop.mirrored for crop in crops} == {True, False}


def test_random_crops_depend_on_the_seed_alone() -> None:
    image = draw_picture(1, 1)
    first, again, other = (random_crop(image, 32, seed) for seed in ("a", "a", "b"))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("quick", [True, False])
def test_nothing_beyond_a_part_counts_in_it(monkeypatch: pytest.MonkeyPatch, quick: bool) -> None:
    monkeypatch.setattr(views, "is_quick", lambda: quick)
    pixels = np.full((80, 120, 3), 255, dtype=np.uint8)
    pixels[10:60, 20:90] = 0
    assert cut_out(Image.fromarray(pixels), [Crop((20, 10, 90, 60), True)], 32)[0].max() == 0


@pytest.mark.parametrize("quick", [True, False])
@pytest.mark.parametrize("size", [31, 32])
def test_a_mirrored_part_is_the_part_from_right_to_left(
    monkeypatch: pytest.MonkeyPatch, size: int, quick: bool
) -> None:
    monkeypatch.setattr(views, "is_quick", lambda: quick)
    plain, mirrored = cut_out(draw_picture(1, 1), [Crop((3, 4, 97, 70), turned) for turned in (False, True)], size)
    assert np.array_equal(mirrored, plain[:, ::-1]) and not np.array_equal(mirrored, plain)


def test_the_first_view_is_what_is_served_and_more_views_keep_the_earlier() -> None:
    data = encoded(draw_picture(1, 1))
    three, four = (views_of(data, 32, count, "seed") for count in (3, 4))
    assert np.array_equal(three[0], centre_crop(open_picture(data, 32), 32))
    assert np.array_equal(three, four[:3])


def test_a_very_flat_picture_can_be_cropped() -> None:
    assert random_crop(Image.new("RGB", (1000, 2)), 32, "x").shape == (32, 32, 3)
    assert random_crop(Image.new("RGB", (1, 1)), 32, "x").shape == (32, 32, 3)


@pytest.mark.parametrize(
    ("capability", "resize", "quick"),
    [
        ("AVX2", by_torch, True),
        ("AVX512", by_torch, True),
        ("DEFAULT", by_torch, False),
        ("AVX2", lambda part, size: by_pillow(Image.fromarray(part), size) // 2, False),
        ("AVX2", lambda part, size: torch.zeros(-1), False),
    ],
    ids=["AVX2", "AVX512", "neither", "another answer", "no such resizer"],
)
def test_torch_resizes_where_it_has_vectors_for_it_and_gives_what_pillow_gives(
    monkeypatch: pytest.MonkeyPatch, capability: str, resize: object, quick: bool
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(views, "by_torch", resize)
    assert views.is_quick.__wrapped__() is quick
