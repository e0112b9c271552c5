"""Ten epochs on stored features against a plain loop that recomputes the frozen backbone in every epoch.

``python tests/bench/bench_training.py [--pictures 1000] [--classes 20] [--epochs 10] [--loop-epochs 10]``

Both train the same head on the same frozen, pretrained backbone and the same pictures, and are measured from
start to test accuracy without the import of torch. The plain loop is what course scripts do: a DataLoader of
augmented pictures, the backbone's forward pass under no_grad in every epoch, default memory format, BatchNorms
not fused. With ``--loop-epochs`` below ``--epochs`` fewer epochs of the loop are run and its time is scaled up
(said in the output); its accuracy is then that of the shorter run.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
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


def plain_loop(data: Path, classes: int, epochs: int) -> tuple[float, float]:
    """Seconds and test accuracy (0 to 1) of the recomputing loop."""
    from torchvision import datasets, transforms

    normalise = transforms.Normalize((127 / 255,) * 3, (128 / 255,) * 3)
    augment = [transforms.RandomResizedCrop(224, (0.35, 1.0)), transforms.RandomHorizontalFlip()]
    centre = [transforms.Resize(256), transforms.CenterCrop(224)]
    began = time.perf_counter()
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

    for epoch in range(1, epochs + 1):
        head.train()
        for pictures, labels in loaders["train"]:
            with torch.no_grad():
                features = backbone(pictures)
            optimizer.zero_grad()
            loss_of(head(features), labels).backward()
            optimizer.step()
            schedule.step()
        print(f"  loop epoch {epoch}/{epochs}: valid {accuracy('valid'):.4f}, {time.perf_counter() - began:.1f} s")
    result = accuracy("test")
    return time.perf_counter() - began, result


def ours(data: Path, model: Path, epochs: int, views: int) -> tuple[float, dict[str, Any]]:
    """Seconds and report of ``train.py`` with its defaults."""
    options = ["--epochs", str(epochs), "--batch-size", str(BATCH), "--learning-rate", str(RATE)]
    began = time.perf_counter()
    code = train.main(["--data-dir", str(data), "--model-dir", str(model), *options, "--views", str(views)])
    seconds = time.perf_counter() - began
    if code != 0:
        raise SystemExit(code)
    return seconds, json.loads((model / "report.json").read_text(encoding="utf-8"))


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
        slow, slow_accuracy = plain_loop(data, options.classes, loop_epochs)
    if loop_epochs != options.epochs:
        slow *= options.epochs / loop_epochs
        print(f"the plain loop ran {loop_epochs} epochs; its time is scaled to {options.epochs}")
    accuracy = report["test_accuracy"]
    print(f"train.py:   {fast:8.1f} s  test accuracy {accuracy:.4f}  durations {report['durations']}")
    print(f"plain loop: {slow:8.1f} s  test accuracy {slow_accuracy:.4f}")
    print(f"ratio {slow / fast:.2f} (goal: at least 6), accuracy {100 * (accuracy - slow_accuracy):+.2f} points")


if __name__ == "__main__":
    main()
