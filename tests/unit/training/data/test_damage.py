"""The check before an upload, the training and the endpoint say the same of every file, whatever is wrong with it."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image

import inference
from sagedeck_training.data.pictures import MAX_MEGAPIXELS, BadPicture, open_picture
from sagedeck_training.data.views import views_of
from tests.helpers.damage import damaged, sound_files
from workers.datasets import pictures as datasets_pictures
from workers.inference.model_view import Unusable, model_view

SOUND = sound_files()
LIMIT = MAX_MEGAPIXELS * 1_000_000
EACH = int(os.environ.get("SAGEDECK_DAMAGE_EACH", "80"))
VALIDATION = Path(__file__).resolve().parents[4] / "lambda" / "predict" / "validation.py"


class Zeros(torch.nn.Module):
    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(pictures), 2)


LOADED = inference.Loaded(Zeros(), ["a", "b"], 32)


@contextmanager
def pillows_limit(limit: int | None) -> Iterator[None]:
    """One for the whole process: the training sets it, the check and the window switch it off in theirs."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, limit
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def kind(reason: str) -> str:
    """Without figures and the decoder's own words: how much of a JPEG was left depends on the size it is decoded at."""
    return re.sub(r"( \(| more than | \d).*", "", reason)


def by_training(data: bytes, size: int = 32) -> str:
    try:
        with pillows_limit(LIMIT):
            views_of(data, size, 2, "seed")
    except BadPicture as error:
        return kind(str(error))
    return ""


def by_endpoint(data: bytes) -> str:
    try:
        with pillows_limit(LIMIT):
            json.loads(inference.output_fn(inference.predict_fn(inference.input_fn(data), LOADED)))
    except ValueError as error:
        return kind(str(error).removeprefix("The picture cannot be used: ").removesuffix("."))
    return ""


def by_eye(data: bytes) -> bool:
    """What the viewer shows as the network's input."""
    try:
        model_view(data, 32)
    except Unusable:
        return False
    return True


def by_check(data: bytes) -> str:
    with pillows_limit(None):
        return kind(datasets_pictures.open_bytes(data).reason)


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
@pytest.mark.parametrize("name", SOUND)
def test_check_training_and_endpoint_agree_on_a_damaged_file(name: str) -> None:
    data = SOUND[name]
    assert (by_check(data), by_training(data), by_endpoint(data)) == ("", "", "")
    refused = 0
    for what, file in damaged(data, EACH, name):
        told = by_check(file)
        others = [by_training(file), by_training(file, 224), by_endpoint(file)]
        # A size that no picture has is noticed by one decoder as damage, by the other as too large.
        assert [bool(other) for other in others] == [bool(told)] * 3, what
        assert by_eye(file) == (not told), what
        assert others == [told] * 3 or "it claims" in (told, *others), what
        refused += bool(told)
    assert refused >= EACH // 8


@pytest.mark.parametrize("name", [name for name in SOUND if name.startswith("png")])
def test_every_flipped_byte_of_a_png_is_refused(name: str) -> None:
    data = SOUND[name]
    for at in range(len(data)):
        file = data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]
        assert by_training(file) and by_check(file), f"byte {at}"


def test_a_jpeg_with_a_preview_whose_rest_is_zeros_is_refused() -> None:
    preview = SOUND["jpeg-grey"]
    exif = b"\xff\xe1" + (len(preview) + 8).to_bytes(2, "big") + b"Exif\0\0" + preview
    whole = b"\xff\xd8" + exif + SOUND["jpeg"][2:]
    assert not by_check(whole) and not by_training(whole)
    filled = whole[: -len(SOUND["jpeg"]) // 2] + bytes(len(SOUND["jpeg"]))
    assert by_check(filled) == by_training(filled) == by_endpoint(filled) == "it is damaged"


@pytest.mark.parametrize(
    "copies",
    [
        ("training/sagedeck_training/machine/os_words.py", "workers/files/os_words.py", "sandbox/core/os_words.py"),
        ("training/sagedeck_training/data/picture_ends.py", "workers/datasets/picture_ends.py"),
    ],
)
def test_what_two_packages_have_is_the_same_file(copies: tuple[str, ...]) -> None:
    root = Path(__file__).resolve().parents[4]
    assert len({(root / name).read_bytes() for name in copies}) == 1


@pytest.fixture
def validation(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("predict_validation", VALIDATION)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
@pytest.mark.parametrize("name", [name for name in SOUND if name.startswith(("png", "jpeg"))])
def test_the_function_in_front_refuses_nothing_that_the_endpoint_would_take(name: str, validation: ModuleType) -> None:
    for what, file in damaged(SOUND[name], EACH, f"function/{name}"):
        try:
            validation.check_picture(file, validation.Limits())
        except validation.BadRequest:
            assert by_endpoint(file), what


@pytest.mark.parametrize("place", ["check", "training"])
def test_devices_pipes_and_folders_are_no_pictures(tmp_path: Path, place: str) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "device.jpg").symlink_to("/dev/zero")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "good.png").write_bytes(SOUND["png"])
    (tmp_path / "link.png").symlink_to(tmp_path / "good.png")
    told: dict[str, str] = {}

    def ask() -> None:
        for path in sorted(tmp_path.iterdir()):
            try:
                told[path.name] = datasets_pictures.open_picture(path).reason if place == "check" else ""
                if place == "training":
                    open_picture(path, 32)
            except BadPicture as error:
                told[path.name] = str(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(60)
    assert not asking.is_alive(), f"it hangs after {told}"
    refused = "it cannot be read (It is not a regular file)"
    assert {name: told[name] for name in ("pipe.jpg", "device.jpg")} == {"pipe.jpg": refused, "device.jpg": refused}
    assert told["folder.jpg"].startswith("it cannot be read") and told["good.png"] == told["link.png"] == ""


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.jpg").open("wb") as file:
        file.truncate(datasets_pictures.MAX_FILE_BYTES + 1)
    told = datasets_pictures.open_picture(tmp_path / "a.jpg").reason
    with pytest.raises(BadPicture) as refused:
        open_picture(tmp_path / "a.jpg", 32)
    assert str(refused.value) == told == "the file has more than 512 MB"


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_a_turned_tiff_is_turned_once(compression: str | None) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    stored, buffer = open_picture(SOUND["png"], 32), io.BytesIO()
    stored.save(buffer, "TIFF", exif=turned, compression=compression)
    upright = stored.transpose(Image.Transpose.ROTATE_270)
    assert np.array_equal(np.asarray(open_picture(buffer.getvalue(), 32)), np.asarray(upright))
