"""Fine-tuning: no frozen features, unreadable pictures found on the way, rates by stage."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import train
from sagedeck_training import run as runs
from sagedeck_training.data.dataset import read_dataset
from sagedeck_training.fitting import averaging, finetune
from sagedeck_training.fitting.schedule import share_of_rate
from sagedeck_training.network import features
from sagedeck_training.network.model import build
from sagedeck_training.settings import parse

SMALL = ["--image-size", "64", "--batch-size", "16", "--weights", "none", "--unfreeze", "1", "--epochs", "2"]


@pytest.fixture
def data(small_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_folder, tmp_path / "data"))


def report_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def test_only_a_sample_goes_through_the_frozen_network(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[int] = []
    compute = features.compute_features
    monkeypatch.setattr(finetune, "SAMPLE", 10)
    monkeypatch.setattr(
        runs, "compute_features", lambda network, root, samples, **rest: seen.append(len(samples)) or compute(
            network, root, samples, **rest
        )
    )  # fmt: skip
    assert train.main(["--data-dir", str(data), "--model-dir", str(tmp_path / "m"), *SMALL]) == 0
    assert seen == [10]
    report = report_of(tmp_path / "m")
    assert report["features"] == "none" and {"views", "schedule"} & set(report["settings"])
    assert "warmup" in report["defaulted"] and "epochs" not in report["defaulted"]
    assert "fine-tuning: " in capsys.readouterr().out


def test_unreadable_pictures_are_left_out_and_named_wherever_they_are(data: Path, tmp_path: Path) -> None:
    bad = [sorted(data.glob(f"{split}/*/*.jpg"))[0] for split in ("train", "valid", "test")]
    for path in bad:
        path.write_bytes(b"")
    assert train.main(["--data-dir", str(data), "--model-dir", str(tmp_path / "m"), *SMALL]) == 0
    report = report_of(tmp_path / "m")
    names = sorted(path.relative_to(data).as_posix() for path in bad)
    assert report["skipped"] == [[name, "the file is empty"] for name in names]
    assert sum(map(sum, report["confusion"])) == 8
    wrong = {path for path, _, _ in report["mistakes"]}
    assert not wrong & set(names) and all((data / path).is_file() for path in wrong)


def test_a_wrong_folder_is_told_within_the_first_epoch(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in sorted(data.glob("train/*/*.jpg"))[:4]:
        path.write_bytes(b"no picture")
    run = ["--data-dir", str(data), "--model-dir", str(tmp_path / "m"), *SMALL]
    assert train.main(run) == 1
    output = capsys.readouterr()
    assert "4 of 60 pictures cannot be read" in output.err and "epoch=1/" not in output.out


def test_a_class_without_a_readable_picture_is_told(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = sorted(data.glob("train/001*/*.jpg"))
    for path in pictures[2:]:
        path.unlink()
    for path in pictures[:2]:
        path.write_bytes(b"")
    assert train.main(["--data-dir", str(data), "--model-dir", str(tmp_path / "m"), *SMALL]) == 1
    assert "No training picture can be read of: 001.Breed_1" in capsys.readouterr().err


def test_the_sample_is_the_same_everywhere_and_not_of_one_class(small_folder: Path) -> None:
    pictures = read_dataset(small_folder, 0).splits["train"]
    finetune_sample = finetune.sample(pictures * 20, 3)
    assert len(finetune_sample) == finetune.SAMPLE and finetune_sample == finetune.sample(pictures * 20, 3)
    assert {entry.label for entry in finetune_sample} == {0, 1, 2}
    assert finetune.sample(pictures, 0) == pictures


def test_each_earlier_stage_has_a_lower_rate_and_batchnorms_stay() -> None:
    classifier = build("efficientnet_lite0", 2)
    argv = ["--data-dir", "d", "--model-dir", "m", "--unfreeze", "all", "--learning-rate", "0.1"]
    groups = finetune.rates(classifier, parse([*argv, "--layer-decay", "0.5"], {}))
    assert [rate for _, rate in groups] == pytest.approx([0.1, *(0.1 * 0.5**depth for depth in range(9))])
    norms = {
        id(parameter)
        for module in classifier.modules() if isinstance(module, nn.BatchNorm2d)
        for parameter in module.parameters()
    }  # fmt: skip
    tuned = [id(parameter) for parameters, _ in groups for parameter in parameters]
    assert not norms & set(tuned) and len(tuned) == len(set(tuned))
    trainable = {id(parameter) for parameter in classifier.parameters() if parameter.requires_grad}
    assert trainable == set(tuned)
    classifier.train()
    assert not any(module.training for module in classifier.backbone.modules()) and classifier.head.training


@pytest.mark.parametrize("warmup", [0.0, 0.25])
@pytest.mark.parametrize("schedule", ["cosine", "one-cycle"])
def test_rates_rise_to_the_highest_and_fall_to_nothing(schedule: str, warmup: float) -> None:
    shares = [share_of_rate(schedule, done, 100, warmup) for done in range(101)]
    top = shares.index(max(shares))
    assert top == pytest.approx(100 * warmup, abs=1) and max(shares) == pytest.approx(1, abs=0.04)
    assert shares[: top + 1] == sorted(shares[: top + 1]) and shares[top:] == sorted(shares[top:], reverse=True)
    assert shares[100] == pytest.approx(0, abs=1e-9) and shares[0] > 0


def test_the_average_of_the_weights_follows_and_is_shown_for_a_while() -> None:
    module = nn.Linear(1, 1)
    average = averaging.Average(module, 0.9)
    with torch.no_grad():
        module.weight.fill_(100.0)
    before = average.state["weight"].item()
    average.update()
    assert before < average.state["weight"].item() < 100
    for _ in range(200):
        average.update()
    assert average.state["weight"].item() == pytest.approx(100, abs=0.01)
    with torch.no_grad():
        module.weight.fill_(7.0)
    with average.shown():
        assert module.weight.item() == pytest.approx(100, abs=0.01)
    assert module.weight.item() == 7
