"""Fine-tuning's pictures on a device, against what the CPU's path makes of the same files; played on the CPU."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from sagedeck_training.data import views
from sagedeck_training.data.dataset import DataError, read_dataset
from sagedeck_training.fitting import resident
from sagedeck_training.fitting.finetune import PictureBatches
from sagedeck_training.fitting.fit import Batch
from sagedeck_training.fitting.resident import DevicePictures, picture_batches
from sagedeck_training.machine import device
from sagedeck_training.machine.distributed import Group
from sagedeck_training.machine.stopping import Stop, Stopped
from sagedeck_training.settings import parse

SIZE = 64


def both(
    root: Path, *options: str, group: Group | None = None, stop: Stop | None = None
) -> tuple[DevicePictures, PictureBatches]:
    """The same pictures for a device and for the CPU."""
    argv = ["--data-dir", "d", "--model-dir", "m", "--image-size", str(SIZE), "--batch-size", "16", *options]
    settings, group = parse([*argv, "--unfreeze", "1"], {}), group or Group()
    there = DevicePictures(read_dataset(root, 0), settings, group, stop or Stop(), print)
    return there, PictureBatches(read_dataset(root, 0), settings, group)


def off(found: Batch, expected: Batch) -> torch.Tensor:
    """How far each byte is from what is expected."""
    return (found.inputs.to(torch.int16) - expected.inputs.to(torch.int16)).abs()


@pytest.fixture(params=[True, False], ids=["memory", "files"])
def fits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the pictures fit into the device's memory."""
    monkeypatch.setattr(device, "room", lambda place: 10**9 if request.param else 10**5)
    monkeypatch.setattr(resident, "LOADED_AT_ONCE", 10)
    return bool(request.param)


@pytest.fixture
def damaged(small_folder: Path, tmp_path: Path) -> tuple[Path, set[str]]:
    """A folder with an unreadable picture each of training, validation and test: just 5%."""
    root = tmp_path / "copy"
    shutil.copytree(small_folder, root)
    bad = {samples[3].path for samples in read_dataset(root, 0).splits.values()}
    for path in bad:
        (root / path).write_bytes(b"no picture")
    return root, bad


def test_training_on_a_device_sees_what_the_cpu_sees(
    small_folder: Path, fits: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Pillow's bytes: a test of the views holds torch's beside them.
    monkeypatch.setattr(views, "is_quick", lambda: False)
    there, here = both(small_folder, "--seed", "3")
    assert there.steps() == here.steps() == 3
    for epoch in (1, 2):
        pairs = list(zip(there.train(epoch), here.train(epoch), strict=True))
        assert [batch.total for batch, _ in pairs] == [16, 16, 10]
        for found, expected in pairs:
            assert torch.equal(found.labels, expected.labels) and found.total == expected.total
            most, mean = (80, 3.5) if fits else (1, 0.02)
            assert off(found, expected).max() <= most and off(found, expected).float().mean() < mean
        for found, expected in zip(there.valid(), here.valid(), strict=True):
            assert torch.equal(found.labels, expected.labels) and off(found, expected).max() <= 1
        there.settle()
        here.settle()
    (found,), (expected,) = there.test(), here.test()
    assert found.paths == expected.paths and off(found, expected).max() <= 1
    assert ("in the device's memory" in capsys.readouterr().out) == fits
    rest = list(there.train(2, skip=2))
    assert len(rest) == 1 and torch.equal(rest[0].inputs, pairs[2][0].inputs), "the same seed, the same bytes"


def test_unreadable_pictures_are_left_out_and_told(damaged: tuple[Path, set[str]], fits: bool) -> None:
    root, bad = damaged
    there, _ = both(root)
    first = list(there.train(1))
    assert sum(batch.total for batch in first) == sum(len(batch.inputs) for batch in first) == 41
    assert sum(len(batch.inputs) for batch in there.valid()) == 8
    there.settle()
    second = list(there.train(2))
    assert [batch.total for batch in second] == [16, 16, 9]
    assert sum(len(batch.inputs) for batch in there.test()) == 8
    assert {path for path, _ in there.skipped} == bad


def test_a_picture_that_changed_since_the_first_epoch_is_named(
    small_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "room", lambda place: 0)
    root = tmp_path / "copy"
    shutil.copytree(small_folder, root)
    there, _ = both(root)
    list(there.train(1))
    there.settle()
    path = read_dataset(root, 0).splits["train"][3].path
    (root / path).write_bytes(b"")
    with pytest.raises(DataError, match=f"{path} changed while the job ran: the file is empty"):
        list(there.train(2))


class Meeting(Group):
    """One of several processes, played one after another: what each tells is remembered for the others."""

    def __init__(self, rank: int, world: int, told: dict[int, list[torch.Tensor]]) -> None:
        super().__init__(rank, world)
        self.told, self.calls = told, 0

    def gather_json(self, value: object) -> list[object]:
        return [value] * self.world

    def gather_rows(self, rows: torch.Tensor, total: int) -> torch.Tensor:
        self.told.setdefault(self.calls, [torch.zeros(0)] * self.world)[self.rank] = rows
        joined = torch.ones(total, *rows.shape[1:], dtype=rows.dtype)
        for rank, part in enumerate(self.told[self.calls]):
            if len(part):
                joined[rank :: self.world] = part
        self.calls += 1
        return joined


def test_several_processes_decode_their_shares_and_see_each_picture_once(small_folder: Path, fits: bool) -> None:
    told: dict[int, list[torch.Tensor]] = {}
    for rank in range(3):
        list(both(small_folder, group=Meeting(rank, 3, told))[0].train(1))
    parts = [both(small_folder, group=Meeting(rank, 3, told))[0] for rank in range(3)]
    alone = list(both(small_folder)[0].train(1))
    for whole, *mine in zip(alone, *(part.train(1) for part in parts), strict=True):
        assert {batch.total for batch in mine} == {len(whole.labels)}
        for rank, batch in enumerate(mine):
            assert torch.equal(batch.inputs, whole.inputs[rank::3]) and torch.equal(batch.labels, whole.labels[rank::3])


def test_bringing_pictures_into_memory_ends_when_told_to(small_folder: Path) -> None:
    stop = Stop()
    stop.requested = True
    with pytest.raises(Stopped):
        next(both(small_folder, stop=stop)[0].train(1))


def test_the_cpu_goes_on_decoding_in_every_epoch(small_folder: Path) -> None:
    settings = parse(["--data-dir", "d", "--model-dir", "m"], {})
    batches = picture_batches(read_dataset(small_folder, 0), settings, Group(), Stop(), print)
    assert type(batches) is PictureBatches
