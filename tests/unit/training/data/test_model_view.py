"""The window shows what a model sees: ``workers.inference.model_view`` against the training script's own
preparation.
"""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sagedeck_training.data import views
from sagedeck_training.data.pictures import CROP_SHARE, BadPicture, centre_of, open_picture
from sagedeck_training.data.views import centre_crop
from sagedeck_training.settings import parse
from workers.inference import model_input
from workers.inference import model_view as shown
from workers.types import JobReport

RNG = np.random.default_rng(3)


def noise(width: int, height: int, channels: int = 3) -> Image.Image:
    coarse = RNG.integers(0, 255, (height // 10 + 1, width // 10 + 1, channels), dtype=np.uint8)
    return Image.fromarray(np.kron(coarse, np.ones((10, 10, 1), np.uint8))[:height, :width])


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def turned(by: int, kind: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = by
    return encoded(noise(300, 200), kind, exif=exif)


GREY_16 = Image.fromarray(np.linspace(0, 65535, 90 * 80).reshape(90, 80).astype(np.uint16))
REAL = Image.fromarray(RNG.random((90, 80)).astype(np.float32))
PICTURES = {
    "small": encoded(noise(40, 30)),
    "large JPEG": encoded(noise(2000, 1500), "JPEG"),
    "transparent": encoded(noise(300, 200, 4)),
    "palette": encoded(noise(90, 90).convert("P"), "GIF"),
    "CMYK": encoded(noise(300, 200).convert("CMYK"), "JPEG"),
    "16 bit": encoded(GREY_16),
    "real": encoded(REAL, "TIFF"),
    "WebP": encoded(noise(200, 100), "WEBP"),
    **{f"turned {by} {kind}": turned(by, kind) for by in range(1, 9) for kind in ("JPEG", "PNG")},
}


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("size", [64, 224])
def test_what_is_shown_is_what_the_network_gets(monkeypatch: pytest.MonkeyPatch, name: str, size: int) -> None:
    found = shown.model_view(PICTURES[name], size)
    monkeypatch.setattr(views, "is_quick", lambda: False)
    wanted = centre_crop(open_picture(PICTURES[name], size), size)
    assert found == wanted.tobytes()
    monkeypatch.setattr(views, "is_quick", lambda: True)
    quick = centre_crop(open_picture(PICTURES[name], size), size)
    assert np.abs(quick.astype(int) - wanted).max() <= views.MOST_OFF


def test_the_rule_and_its_default_are_those_of_the_script() -> None:
    assert model_input.CROP_SHARE == CROP_SHARE
    assert parse(["--data-dir", "d", "--model-dir", "m"], {}).image_size == model_input.DEFAULT_SIZE
    assert model_input.seen_part(300, 200) == (62.5, 12.5, 175.0)
    for width, height in itertools.product((1, 2, 4, 5, 12, 20, 199, 225, 300), repeat=2):
        assert model_input.cut_part(width, height) == centre_of(width, height).box


@pytest.mark.parametrize("data", [b"", b"no picture", PICTURES["small"][:120], PICTURES["large JPEG"][:5000]])
def test_what_a_model_cannot_use_is_told(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(BadPicture):
        centre_crop(open_picture(data, 64), 64)
    with pytest.raises(shown.Unusable):
        shown.model_view(data, 64)
    with pytest.raises(shown.Unusable, match="it cannot be read"):
        shown.model_view(tmp_path, 64)


@pytest.mark.parametrize(
    ("extra", "size"),
    [
        ({"settings": {"image_size": 160}}, 160),
        ({"settings": {"image_size": True}}, None),
        ({"settings": {"image_size": 9}}, None),
        ({"settings": []}, None),
        ({}, None),
    ],
)
def test_the_report_says_the_size(extra: dict[str, object], size: int | None) -> None:
    assert model_input.input_size(JobReport((), (), None, (), (), (), extra)) == size
