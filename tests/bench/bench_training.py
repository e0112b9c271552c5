"""Ten epochs on stored features against a plain loop that recomputes the frozen backbone in every epoch.

``python tests/bench/bench_training.py [--pictures 1000] [--classes 20] [--epochs 10] [--loop-epochs 10]``

Both train the same head on the same frozen, pretrained backbone and the same pictures, each with the learning rate
that suits it (train.py: its default; the loop, which takes a third of the steps: the best of 0.001, 0.002 and
0.003), and are measured from start to test accuracy without the import of torch. The plain loop
is what course scripts do: a DataLoader of augmented pictures, the backbone's forward pass under no_grad in every
epoch, default memory format, BatchNorms not fused. With ``--loop-epochs`` below ``--epochs`` fewer epochs of the
loop are run: the time of its epochs, not that of its start and its test, is scaled up, and the accuracies are not
compared. ``train.py`` runs five times, with other seeds: its time is the median, its accuracy the mean.

The accuracies that are compared come from an exam that neither is timed for: pictures that nobody has seen, prepared
the same way for both. The test pictures are too few for that: half a point would be two of them.

Processor seconds are printed too: on a machine that does other work they say more than the clock.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "training"), str(ROOT)]

import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402

import train  # noqa: E402
from sagedeck_training.network.model import Classifier, build, for_inference, load_backbone_weights  # noqa: E402
from tests.helpers.pictures import make_folder  # noqa: E402

BATCH, LOOP_RATE = 64, 3e-3
EQUAL_POINTS, RATIO_GOAL = 0.5, 6.0


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


def loader(folder: Path, *, augmented: bool) -> DataLoader[Any]:
    """Batches of a folder's pictures: augmented and shuffled, or their middle in order."""
    from torchvision import datasets, transforms

    normalise = transforms.Normalize((127 / 255,) * 3, (128 / 255,) * 3)
    augment = [transforms.RandomResizedCrop(224, (0.35, 1.0)), transforms.RandomHorizontalFlip()]
    centre = [transforms.Resize(256), transforms.CenterCrop(224)]
    steps = transforms.Compose([*(augment if augmented else centre), transforms.ToTensor(), normalise])
    pictures = datasets.ImageFolder(str(folder), steps)
    return DataLoader(pictures, BATCH, shuffle=augmented, num_workers=os.cpu_count() or 1)


def exam(network: Classifier, head: nn.Module, folder: Path) -> float:
    """Share of the folder's pictures (0 to 1) that ``head`` on the network's backbone names rightly."""
    right, total = 0, 0
    ready = for_inference(network)
    head.eval()
    with torch.inference_mode():
        for pictures, labels in loader(folder, augmented=False):
            found = ready.backbone(pictures.contiguous(memory_format=torch.channels_last))
            right += int((head(found).argmax(1) == labels).sum())
            total += len(labels)
    return right / total


def plain_loop(data: Path, unseen: Path, classes: int, epochs: int) -> tuple[Spent, Spent, float]:
    """What all epochs took, what the rest took (start and test), and the accuracy in the exam (0 to 1)."""
    began = Spent.now()
    loaders = {split: loader(data / split, augmented=split == "train") for split in ("train", "valid", "test")}
    torch.manual_seed(0)
    classifier = build("efficientnet_lite0", classes)
    load_backbone_weights(classifier, "efficientnet_lite0", "default")
    backbone = classifier.backbone.eval().requires_grad_(False)
    head = nn.Sequential(nn.BatchNorm1d(1280, affine=False), nn.Linear(1280, classes))
    optimizer = torch.optim.AdamW(head.parameters(), lr=LOOP_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, epochs * len(loaders["train"])))
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.05)

    def accuracy(split: str) -> float:
        right, total = 0, 0
        head.eval()
        with torch.no_grad():
            for pictures, labels in loaders[split]:
                right += int((head(backbone(pictures)).argmax(1) == labels).sum())
                total += len(labels)
        return right / total

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
    accuracy("test")
    training = trained_to.since(trained_from)
    rest = Spent.now().since(began).plus(training, -1)
    return training, rest, exam(classifier, head, unseen)


def ours(
    data: Path, unseen: Path, place: Path, classes: int, epochs: int, views: int, seed: int
) -> tuple[Spent, float]:
    """What ``train.py`` took and its model's accuracy in the exam (0 to 1)."""
    model = place / f"model-{seed}"
    options = ["--epochs", str(epochs), "--batch-size", str(BATCH), "--views", str(views)]
    began = Spent.now()
    code = train.main(["--data-dir", str(data), "--model-dir", str(model), *options, "--seed", str(seed)])
    spent = Spent.now().since(began)
    if code != 0:
        raise SystemExit(code)
    network = build("efficientnet_lite0", classes)
    network.load_state_dict(torch.load(model / "model.pth", weights_only=True))
    return spent, exam(network.eval(), network.head, unseen)


def main() -> int:
    """Make the pictures, run both, print the ratio; whether both goals hold is the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--pictures", type=int, default=1000, help="training and validation pictures; two fifths as many test"
    )
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--loop-epochs", type=int, default=0, help="epochs of the plain loop; 0: as many")
    parser.add_argument("--views", type=int, default=3)
    parser.add_argument("--runs", type=int, default=5, help="runs of train.py")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        shares = {"train": 0.8, "valid": 0.2, "test": 0.4, "exam": 2.0}
        per_class = options.pictures // options.classes
        data = make_folder(place / "data", options.classes, per_class, size=(400, 300), shares=shares)
        unseen = (data / "exam").rename(place / "exam")
        runs = [
            ours(data, unseen, place, options.classes, options.epochs, options.views, seed)
            for seed in range(options.runs)
        ]
        loop_epochs = options.loop_epochs or options.epochs
        epochs, rest, slow_accuracy = plain_loop(data, unseen, options.classes, loop_epochs)
    fast = sorted((spent for spent, _ in runs), key=lambda spent: spent.clock)[len(runs) // 2]
    accuracy = statistics.mean(found for _, found in runs)
    slow = rest.plus(epochs, options.epochs / loop_epochs)
    ratio, points = slow.clock / fast.clock, 100 * (accuracy - slow_accuracy)
    print(f"train.py:   {fast.clock:8.1f} s, {fast.processor:8.1f} processor s, accuracy {accuracy:.4f}")
    print(f"plain loop: {slow.clock:8.1f} s, {slow.processor:8.1f} processor s, accuracy {slow_accuracy:.4f}")
    print(f"ratio {ratio:.2f} by the clock (goal: at least {RATIO_GOAL:.0f}), "
          f"{slow.processor / fast.processor:.2f} by processor time")  # fmt: skip
    if loop_epochs != options.epochs:
        print(f"the loop's times are scaled from {loop_epochs} epochs to {options.epochs}; accuracies are not compared")
        return 0 if ratio >= RATIO_GOAL else 1
    print(f"accuracy {points:+.2f} points (goal: at most {EQUAL_POINTS} below the loop)")
    return 0 if ratio >= RATIO_GOAL and points >= -EQUAL_POINTS else 1


if __name__ == "__main__":
    sys.exit(main())
