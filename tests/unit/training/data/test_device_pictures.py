"""Pictures that are cut on the device, against what the CPU's path makes of the same files; played on the CPU."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sagedeck_training.data import crops, decoding, views
from sagedeck_training.data.dataset import Sample
from sagedeck_training.data.decoder import LONGEST, Decoded, decode
from sagedeck_training.data.decoding import Decoders, DecodingFailed
from sagedeck_training.data.pictures import BadPicture, Crop, centre_of, random_of
from sagedeck_training.data.stream import PictureStream
from sagedeck_training.data.views import cut_out, views_of
from sagedeck_training.machine import device
from sagedeck_training.machine.distributed import Group
from sagedeck_training.machine.stopping import Stop
from sagedeck_training.network import features
from sagedeck_training.network.features import Progress, compute_features
from sagedeck_training.network.model import build, for_inference, load_backbone_weights
from tests.helpers.other_device import PLACE
from tests.helpers.pictures import draw_picture

SIZE = 64


def noise(width: int, height: int) -> Image.Image:
    """The hardest picture to resize: no pixel is like the next."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("quick", [True, False], ids=["torch", "Pillow"])
@pytest.mark.parametrize("size", [32, 64, 200])
def test_no_byte_is_further_from_pillows_than_one_and_from_torchs_than_two(
    monkeypatch: pytest.MonkeyPatch, size: int, quick: bool
) -> None:
    monkeypatch.setattr(views, "is_quick", lambda: quick)
    images = [noise(96, 72), noise(130, 121), draw_picture(1, 1), Image.new("RGB", (40, 1), "red")]
    wanted = [
        [
            centre_of(*image.size),
            *(random_of(*image.size, f"{n}") for n in range(8)),
            Crop((0, 0, *image.size), True),
        ]
        for image in images
    ]
    assert {crop.mirrored for parts in wanted for crop in parts} == {True, False}
    off = difference(images, wanted, size)
    assert off.max() <= 1 + quick and off.float().mean() < 0.02


@pytest.mark.parametrize("size", [32, 64, 200])
def test_tall_pictures_differ_no_more_than_wide_ones(size: int) -> None:
    images = [draw_picture(1, number, (90, 160)) for number in range(6)]
    wanted = [[centre_of(*image.size), *(random_of(*image.size, f"{n}") for n in range(3))] for image in images]
    off = difference(images, wanted, size)
    assert off.max() <= 2 and off.float().mean() < 0.05


def difference(images: list[Image.Image], wanted: list[list[Crop]], size: int) -> torch.Tensor:
    """How far each byte that the device's way gives is from the CPU's."""
    there, sides = crops.sent([Decoded(np.asarray(image), *image.size) for image in images], device.CPU)
    found = crops.cut(there, sides, wanted, size)
    expected = [part for image, parts in zip(images, wanted, strict=True) for part in cut_out(image, parts, size)]
    return (found.to(torch.int16) - torch.from_numpy(np.stack(expected)).to(torch.int16)).abs()


def test_in_half_precision_no_byte_is_further_than_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "crops", lambda place: torch.float16)
    image = noise(96, 72)
    wanted = [random_of(*image.size, f"{n}") for n in range(6)]
    assert difference([image], [wanted], SIZE).max() <= 2


def test_a_large_picture_is_made_to_fit_and_keeps_its_size_in_mind(tmp_path: Path) -> None:
    noise(1200, 300).save(tmp_path / "large.png")
    noise(120, 90).save(tmp_path / "small.png")
    found = decode(tmp_path / "large.png", 100)
    assert found.pixels.shape[1] == round(LONGEST * 100) and (found.width, found.height) == (1200, 300)
    assert decode(tmp_path / "small.png", 100).pixels.shape == (90, 120, 3)


@pytest.mark.parametrize("workers", [1, decoding.FEWEST_PROCESSES], ids=["threads", "processes"])
def test_pictures_come_decoded_in_order_with_what_is_wrong_of_the_others(
    small_folder: Path, tmp_path: Path, workers: int
) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    good = sorted(small_folder.glob("train/*/*.jpg"))[:11]
    decoders = Decoders(SIZE, workers, PLACE)
    try:
        for _ in range(2):
            found = list(decoders.decoded([*good, tmp_path / "bad.jpg", tmp_path / "gone é\n.jpg"], ahead=3))
            for path, picture in zip(good, found, strict=False):
                assert isinstance(picture, Decoded)
                assert np.array_equal(picture.pixels, decode(path, SIZE).pixels) and picture.width == 96
            assert [str(bad) for bad in found[11:]] == ["it is not a picture", str(raised(tmp_path / "gone é\n.jpg"))]
    finally:
        decoders.close()


def raised(path: Path) -> BadPicture:
    with pytest.raises(BadPicture) as error:
        decode(path, SIZE)
    return error.value


def test_a_decoding_process_that_ends_is_told_and_one_that_is_told_to_end_goes_on(small_folder: Path) -> None:
    child = decoding._Child(SIZE)
    path = next(small_folder.glob("train/*/*.jpg"))
    try:
        child.decode(path)
        os.kill(child._process.pid, signal.SIGTERM)
        assert child.decode(path).width == 96
        child._process.kill()
        child._process.wait()
        with pytest.raises(DecodingFailed, match="ended at"):
            child.decode(path)
    finally:
        child.close()


def test_views_are_made_of_one_decoding_and_bad_files_left_out(small_folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(small_folder / "valid", root)
    paths = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.jpg"))
    (root / paths[2]).write_bytes(b"")
    stream = PictureStream(root, SIZE, 1, device.CPU)

    def choose(path: str, width: int, height: int) -> list[Crop]:
        return [centre_of(width, height), *(random_of(width, height, f"7/{path}/{view}") for view in (1, 2))]

    first, second, empty = stream.cuts([paths[:5], paths[5:], []], choose, SIZE)
    assert first.good == [0, 1, 3, 4] and first.bad == [(2, "the file is empty")] and not empty.good
    assert first.pictures.shape == (12, SIZE, SIZE, 3) and empty.pictures.shape == (0, SIZE, SIZE, 3)
    expected = torch.from_numpy(np.stack(views_of(root / paths[5], SIZE, 3, f"7/{paths[5]}"))).to(torch.int16)
    assert (second.pictures[:3].to(torch.int16) - expected).abs().max() <= 1


def test_the_pass_on_a_device_gives_the_features_of_the_pass_on_the_cpu(
    small_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = build("efficientnet_lite0", 3)
    load_backbone_weights(classifier, "efficientnet_lite0", "default")
    root = tmp_path / "copy"
    shutil.copytree(small_folder / "valid", root / "valid")
    samples = [Sample(path.relative_to(root).as_posix(), 0) for path in sorted(root.rglob("*.jpg"))]
    (root / samples[4].path).write_bytes(b"no picture")
    network = for_inference(classifier)

    def compute(pass_on: object):
        monkeypatch.setattr(features, "on_cpu", pass_on)
        return compute_features(
            network, root, samples, views=3, size=SIZE, seed=0, workers=1, group=Group(), stop=Stop(),
            progress=Progress(len(samples), print),
        )  # fmt: skip

    here, bad = compute(features.on_cpu)
    monkeypatch.setattr(device, "pictures_at_once", lambda place, size: 9)
    there, bad_there = compute(features.on_device)
    assert bad == bad_there and [path for path, _ in bad] == [samples[4].path]
    assert here.paths == there.paths and there.features.shape == (8, 3, 1280)
    off = (here.features.float() - there.features.float()).abs()
    assert off.max() < 0.15 and off.mean() < 0.005
    again, _ = compute(features.on_device)
    assert torch.equal(there.features, again.features)
