"""Ten epochs on stored features against a plain loop that recomputes the frozen backbone in every epoch.

``python tests/bench/bench_training.py [--pictures 1000] [--classes 20] [--epochs 10] [--loop-epochs 10]``

Both train the same head on the same frozen, pretrained backbone and the same pictures, and are measured from
start to test accuracy without the import of torch. The plain loop is what course scripts do: a DataLoader of
augmented pictures, the backbone's forward pass under no_grad in every epoch, default memory format, BatchNorms
not fused. With ``--loop-epochs`` below ``--epochs`` fewer epochs of the loop are run: the time of its epochs, not
that of its start and its test, is scaled up, and the accuracies are not compared.

Processor seconds are printed too: on a machine that does other work they say more than the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "training"), str(ROOT)]

import torch  # noqa: E402
import train  # noqa: E402
from model import build, load_backbone_weights  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402

from tests.helpers.pictures import make_folder  # noqa: E402

BATCH, RATE = 64, 1e-3


@dataclass(frozen=True)
class Spent:
    """Seconds by the clock and of processors, this process and its ended children together."""

    clock: float
    processor: float

    @classmethod
    def now(cls) -> Spent:
        """Since some moment in the past."""
        times = os.times()
        used = times.user + times.system + times.children_user + times.children_system
        return cls(time.perf_counter(), used)

    def since(self, began: Spent) -> Spent:
        """What was spent from ``began`` until this."""
        return Spent(self.clock - began.clock, self.processor - began.processor)

    def plus(self, other: Spent, factor: float) -> Spent:
        """This and ``factor`` times the other."""
        return Spent(self.clock + factor * other.clock, self.processor + factor * other.processor)


def plain_loop(data: Path, classes: int, epochs: int) -> tuple[Spent, Spent, float]:
    """What all epochs took, what the rest took (start and test), and the test accuracy (0 to 1)."""
    from torchvision import datasets, transforms

    normalise = transforms.Normalize((127 / 255,) * 3, (128 / 255,) * 3)
    augment = [transforms.RandomResizedCrop(224, (0.35, 1.0)), transforms.RandomHorizontalFlip()]
    centre = [transforms.Resize(256), transforms.CenterCrop(224)]
    began = Spent.now()
    loaders = {
        split: DataLoader(
            datasets.ImageFolder(str(data / split), transforms.Compose([*steps, transforms.ToTensor(), normalise])),
            BATCH, shuffle=split == "train", num_workers=os.cpu_count() or 1,
        )
        for split, steps in {"train": augment, "valid": centre, "test": centre}.items()
    }  # fmt: skip
    torch.manual_seed(0)
    classifier = build("efficientnet_lite0", classes)
    load_backbone_weights(classifier, "efficientnet_lite0", "default")
    backbone = classifier.backbone.eval().requires_grad_(False)
    head = nn.Sequential(nn.BatchNorm1d(1280, affine=False), nn.Linear(1280, classes))
    optimizer = torch.optim.AdamW(head.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, epochs * len(loaders["train"])))
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.05)

    def accuracy(split: str) -> float:
        right = 0
        head.eval()
        with torch.no_grad():
            for pictures, labels in loaders[split]:
                right += int((head(backbone(pictures)).argmax(1) == labels).sum())
        return right / len(loaders[split].dataset)

    trained_from = Spent.now()
    for epoch in range(1, epochs + 1):
        head.train()
        for pictures, labels in loaders["train"]:
            with torch.no_grad():
                features = backbone(pictures)
            optimizer.zero_grad()
            loss_of(head(features), labels).backward()
            optimizer.step()
            schedule.step()
        print(f"  loop epoch {epoch}/{epochs}: valid {accuracy('valid'):.4f}, {Spent.now().since(began).clock:.1f} s")
    trained_to = Spent.now()
    result = accuracy("test")
    training = trained_to.since(trained_from)
    return training, Spent.now().since(began).plus(training, -1), result


def ours(data: Path, model: Path, epochs: int, views: int) -> tuple[Spent, dict[str, Any]]:
    """What it took and the report of ``train.py`` with its defaults."""
    options = ["--epochs", str(epochs), "--batch-size", str(BATCH), "--learning-rate", str(RATE)]
    began = Spent.now()
    code = train.main(["--data-dir", str(data), "--model-dir", str(model), *options, "--views", str(views)])
    spent = Spent.now().since(began)
    if code != 0:
        raise SystemExit(code)
    return spent, json.loads((model / "report.json").read_text(encoding="utf-8"))


def main() -> None:
    """Make the pictures, run both, print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--pictures", type=int, default=1000, help="training and validation pictures; two fifths as many test"
    )
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--loop-epochs", type=int, default=0, help="epochs of the plain loop; 0: as many")
    parser.add_argument("--views", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        per_class, shares = options.pictures // options.classes, {"train": 0.8, "valid": 0.2, "test": 0.4}
        data = make_folder(Path(place) / "data", options.classes, per_class, size=(400, 300), shares=shares)
        fast, report = ours(data, Path(place) / "model", options.epochs, options.views)
        loop_epochs = options.loop_epochs or options.epochs
        epochs, rest, slow_accuracy = plain_loop(data, options.classes, loop_epochs)
    slow = rest.plus(epochs, options.epochs / loop_epochs)
    accuracy = report["test_accuracy"]
    print(f"train.py:   {fast.clock:8.1f} s, {fast.processor:8.1f} processor s, test accuracy {accuracy:.4f}")
    print(f"plain loop: {slow.clock:8.1f} s, {slow.processor:8.1f} processor s, test accuracy {slow_accuracy:.4f}")
    print(f"ratio {slow.clock / fast.clock:.2f} by the clock (goal: at least 6), "
          f"{slow.processor / fast.processor:.2f} by processor time")  # fmt: skip
    if loop_epochs == options.epochs:
        print(f"accuracy {100 * (accuracy - slow_accuracy):+.2f} points")
    else:
        print(f"the loop's times are scaled from {loop_epochs} epochs to {options.epochs}; accuracies are not compared")


if __name__ == "__main__":
    main()
