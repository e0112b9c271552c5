"""Whole runs with the modules on another device than the data: there is none here, so one is played."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import device
import features
import finetune
import pytest
import torch
import train
from distributed import Group
from features import FeatureSet
from fit import FeatureBatches, fit
from model import Head
from settings import parse
from stopping import Stop

from tests.helpers.other_device import PLACE, Away, OtherDevice
from tests.helpers.paths import TRAINING

SMALL = ["--image-size", "64", "--batch-size", "16", "--epochs", "3", "--views", "2"]


def one_by_one(work: Callable[[Any], Any], items: Iterable[Any], workers: int, **options: Any) -> Iterator[Any]:
    """The played device is known in this thread only."""
    return map(work, items)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """Modules go to the played device; gives the devices of the modules that were asked."""
    asked: set[str] = set()
    answer = device.answer

    def noting(module: torch.nn.Module, inputs: torch.Tensor) -> torch.Tensor:
        asked.add(device.of(module).type)
        return answer(module, inputs)

    monkeypatch.setattr(device, "best", lambda: PLACE)
    monkeypatch.setattr(device, "answer", noting)
    monkeypatch.setattr(features, "ordered_map", one_by_one)
    monkeypatch.setattr(finetune, "ordered_map", one_by_one)
    with OtherDevice():
        yield asked


def test_the_played_device_refuses_what_cuda_refuses_and_copies(elsewhere: set[str]) -> None:
    there = torch.ones(3).to(PLACE)
    assert isinstance(there, Away) and there.device == PLACE and there.cpu().tolist() == [1, 1, 1]
    with pytest.raises(RuntimeError, match="same device"):
        there + torch.ones(3)
    assert (there * 2 + torch.zeros((), dtype=torch.float32)).cpu().tolist() == [2, 2, 2]
    assert isinstance(torch.zeros(2, device=PLACE), Away)


@pytest.mark.parametrize(
    "options",
    [
        ["--backbone", "efficientnet_lite0"],
        ["--backbone", "efficientnet_lite0", "--unfreeze", "1"],
        ["--backbone", "resnet18", "--weights", "none"],
    ],
    ids=["features", "pictures", "traced"],
)
def test_a_run_with_its_modules_elsewhere_gives_what_a_run_here_gives(
    small_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest,
    options: list[str],
) -> None:  # fmt: skip
    def curves(name: str) -> list[float]:
        argv = ["--data-dir", str(small_folder), "--model-dir", str(tmp_path / name), *SMALL, *options]
        assert train.main(argv) == 0
        report = json.loads((tmp_path / name / "report.json").read_text(encoding="utf-8"))
        assert sum(map(sum, report["confusion"])) == 9
        return [row[key] for row in report["curves"] for key in ("train:loss", "valid:loss", "valid:accuracy")]

    here = curves("here")
    asked = request.getfixturevalue("elsewhere")
    assert curves("there") == pytest.approx(here, abs=1e-3)
    assert asked == {PLACE.type}
    state = torch.load(tmp_path / "there" / "model.pth", weights_only=True)
    assert {value.device.type for value in state.values()} == {"cpu"}


def test_prepared_features_and_a_run_from_them(small_folder: Path, tmp_path: Path, elsewhere: set[str]) -> None:
    data = ["--data-dir", str(small_folder), *SMALL]
    assert train.main([*data, "--prepare-features", "--features-dir", str(tmp_path / "f")]) == 0
    assert train.main(["--features-dir", str(tmp_path / "f"), "--model-dir", str(tmp_path / "m"), *SMALL]) == 0


def test_what_hosts_exchange_is_in_the_machines_memory(elsewhere: set[str]) -> None:
    class Told(Group):
        def sum(self, values: torch.Tensor) -> torch.Tensor:
            assert not isinstance(values, Away)
            return values

    group = Told(0, 2)
    found = FeatureSet(torch.randn(8, 1, 4).half(), torch.arange(8) % 2, [str(number) for number in range(8)])
    settings = parse(["--data-dir", "d", "--model-dir", "m", "--epochs", "2", "--batch-size", "4"], {})
    head = Head(4, 2).to(PLACE)
    batches = FeatureBatches(found, found, 4, 0, group)
    fitted = fit(head, [(list(head.parameters()), 0.01)], batches, settings, group, Stop(), print)
    assert len(fitted.curves) == 2


def test_one_file_alone_knows_that_there_are_other_devices() -> None:
    others = {path.name for path in TRAINING.glob("*.py") if "cuda" in path.read_text(encoding="utf-8")}
    assert others == {"device.py"}
