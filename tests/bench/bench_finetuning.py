"""Accuracy of fine-tuning: ours, a frozen backbone's head, and a plain loop with the same backbone and pictures.

``python tests/bench/bench_finetuning.py [--sets 2] [--per-class 18] [--classes 10] [--epochs 12]``

All three begin with the same ImageNet weights, and all answers are measured on the same test pictures, which nothing
was chosen by. ``train.py`` runs with its defaults, once for the head alone and once with ``--unfreeze all``. The plain
loop is what torchvision's reference does: flip and random resized crop, AdamW with decay, linear warm-up and cosine,
label smoothing, a new linear layer, BatchNorms in train mode, as many epochs and pictures a step as ours. It chooses
its learning rate out of three on the first set, by its validation pictures, and then, by the same, whether BatchNorms
had better stay as they are; ours chooses nothing. Both keep their epoch with the lowest validation loss.

Prints accuracies and standard errors; exit code 1 when ours gains less than 3 points over the head where the plain
loop gains as much, or is more than two standard errors below the plain loop.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import json
import math
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "training"), str(ROOT)]

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from PIL import Image  # noqa: E402
from torch import Tensor, nn  # noqa: E402

import train  # noqa: E402
from sagedeck_training.network.model import build, load_backbone_weights  # noqa: E402
from tests.helpers.pictures import make_folder  # noqa: E402

BACKBONE, FEATURES = "efficientnet_lite0", 1280
BATCH, SMOOTHING, DECAY, WARMUP = 32, 0.05, 0.05, 0.1
RATES = (3e-4, 1e-3, 3e-3)
GAIN_POINTS = 3.0


@dataclass(frozen=True)
class Way:
    """A setting of the plain loop."""

    rate: float
    trains_norms: bool

    def __str__(self) -> str:
        return f"rate {self.rate:g}, BatchNorms {'in train mode' if self.trains_norms else 'as they are'}"


@dataclass(frozen=True)
class Split:
    """Decoded pictures and their labels."""

    pictures: list[Image.Image]
    labels: Tensor


def read(folder: Path) -> Split:
    """A folder with a folder of pictures for each class."""
    found = [(path, label) for label, place in enumerate(sorted(folder.iterdir())) for path in sorted(place.iterdir())]
    return Split([Image.open(path).convert("RGB") for path, _ in found], torch.tensor([label for _, label in found]))


def trained_by(options: list[str], data: Path, seed: int, size: int) -> float:
    """Test accuracy (0 to 1) of a run of ``train.py``."""
    with tempfile.TemporaryDirectory() as model:
        argv = ["--data-dir", str(data), "--model-dir", model, "--seed", str(seed), "--image-size", str(size), *options]
        with contextlib.redirect_stdout(io.StringIO()):
            code = train.main(argv)
        if code != 0:
            raise SystemExit(code)
        return float(json.loads((Path(model) / "report.json").read_text(encoding="utf-8"))["test_accuracy"])


class PlainLoop:
    """The plain loop on one set of pictures."""

    def __init__(self, data: Path, classes: int, epochs: int, size: int) -> None:
        from torchvision import transforms

        self._splits = {name: read(data / name) for name in ("train", "valid", "test")}
        self._classes, self._epochs = classes, epochs
        normalise = [transforms.ToTensor(), transforms.Normalize((127 / 255,) * 3, (128 / 255,) * 3)]
        crop = [transforms.RandomResizedCrop(size, (0.35, 1.0)), transforms.RandomHorizontalFlip()]
        self._augmented = transforms.Compose([*crop, *normalise])
        plain = transforms.Compose([transforms.Resize(round(size / 0.875)), transforms.CenterCrop(size), *normalise])
        self._plain = {
            name: torch.stack([plain(picture) for picture in self._splits[name].pictures]) for name in ("valid", "test")
        }

    def run(self, way: Way, seed: int) -> tuple[float, float]:
        """The lowest loss on the validation pictures, and the test accuracy (0 to 1) of that epoch's network."""
        torch.manual_seed(seed)
        network = self._network()
        norms = [part for part in network.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
        split = self._splits["train"]
        steps = math.ceil(len(split.labels) / BATCH) * self._epochs
        optimizer = torch.optim.AdamW(network.parameters(), lr=way.rate, weight_decay=DECAY)
        rising = max(1, round(WARMUP * steps))

        def share(step: int) -> float:
            if step < rising:
                return (step + 1) / rising
            return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
        lowest, best = math.inf, copy.deepcopy(network.state_dict())
        for _ in range(self._epochs):
            network.train()
            for norm in [] if way.trains_norms else norms:
                norm.eval()
            for rows in torch.randperm(len(split.labels)).split(BATCH):
                inputs = torch.stack([self._augmented(split.pictures[row]) for row in rows.tolist()])
                optimizer.zero_grad()
                F.cross_entropy(network(inputs), split.labels[rows], label_smoothing=SMOOTHING).backward()
                optimizer.step()
                schedule.step()
            loss = F.cross_entropy(self._answers(network, "valid"), self._splits["valid"].labels).item()
            if loss < lowest:
                lowest, best = loss, copy.deepcopy(network.state_dict())
        network.load_state_dict(best)
        right = self._answers(network, "test").argmax(1) == self._splits["test"].labels
        return lowest, right.float().mean().item()

    def _network(self) -> nn.Module:
        classifier = build(BACKBONE, self._classes)
        load_backbone_weights(classifier, BACKBONE, "default")
        network = nn.Sequential(classifier.backbone, nn.Flatten(), nn.Linear(FEATURES, self._classes))
        network.requires_grad_(True)
        return network.to(memory_format=torch.channels_last)

    def _answers(self, network: nn.Module, split: str) -> Tensor:
        network.eval()
        with torch.inference_mode():
            return torch.cat([network(part) for part in self._plain[split].split(64)])


def chosen(loop: PlainLoop, seed: int) -> tuple[Way, float]:
    """The way with the lowest validation loss, and its test accuracy (0 to 1)."""
    tried: dict[Way, tuple[float, float]] = {}

    def best() -> Way:
        return min(tried, key=lambda way: tried[way][0])

    def run(way: Way) -> None:
        tried[way] = loop.run(way, seed)
        print(f"  plain loop, {way}: valid loss {tried[way][0]:.4f}, test {tried[way][1]:.4f}", flush=True)

    for rate in RATES:
        run(Way(rate, True))
    run(Way(best().rate, False))
    return best(), tried[best()][1]


def main() -> int:
    """Measure, print, and say by the exit code whether the goals hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=2, help="drawn sets of pictures, each with a seed of its own")
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--per-class", type=int, default=18, help="training pictures of a class")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--image-size", type=int, default=96)
    options = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "0")) or os.cpu_count() or 1)
    found: dict[str, list[float]] = {"head": [], "ours": [], "plain": []}
    way: Way | None = None
    tests = 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(1, options.sets + 1):
            shares = {"train": 1.0, "valid": 5 / 18, "test": 40 / 18}
            data = make_folder(Path(folder) / str(seed), options.classes, options.per_class, seed=seed, shares=shares)
            tests += sum(1 for path in (data / "test").rglob("*.jpg"))
            size = options.image_size
            fine = ["--unfreeze", "all", "--batch-size", str(BATCH), "--epochs", str(options.epochs)]
            began = time.process_time()
            found["head"].append(trained_by([], data, seed, size))
            found["ours"].append(trained_by(fine, data, seed, size))
            print(f"set {seed}: head {found['head'][-1]:.4f}, ours {found['ours'][-1]:.4f}, "
                  f"{time.process_time() - began:.0f} processor s", flush=True)  # fmt: skip
            loop = PlainLoop(data, options.classes, options.epochs, size)
            if way is None:
                way, accuracy = chosen(loop, seed)
                found["plain"].append(accuracy)
            else:
                found["plain"].append(loop.run(way, seed)[1])
            print(f"set {seed}: plain loop ({way}) {found['plain'][-1]:.4f}", flush=True)
    mean = {name: statistics.mean(values) for name, values in found.items()}
    for name, value in mean.items():
        print(f"{name:6} {value:.4f} (standard error {100 * math.sqrt(value * (1 - value) / tests):.1f} points)")
    ours, plain = (100 * (mean[name] - mean["head"]) for name in ("ours", "plain"))
    noise = 100 * math.sqrt(sum(mean[name] * (1 - mean[name]) for name in ("ours", "plain")) / tests)
    print(f"fine-tuning gains {ours:+.1f} points over the head, the plain loop {plain:+.1f}; "
          f"goal: at least {GAIN_POINTS:.0f} where the plain loop gains as much")  # fmt: skip
    gains = ours >= GAIN_POINTS or plain < GAIN_POINTS
    return 0 if gains and ours >= plain - 2 * noise else 1


if __name__ == "__main__":
    sys.exit(main())
