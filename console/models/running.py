"""Words for a training run under way, wherever it runs: how far it is, and which backbones it may train."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from console.models.format import duration
from workers.training.features_progress import FeaturesProgress
from workers.types import EpochMetrics

BACKBONES = (
    ("efficientnet_lite0", "EfficientNet-Lite0"),
    ("efficientnet_lite1", "EfficientNet-Lite1"),
    ("efficientnet_lite2", "EfficientNet-Lite2"),
    ("resnet18", "ResNet-18"),
    ("resnet50", "ResNet-50"),
    ("mobilenet_v3_large", "MobileNet V3 large"),
    ("efficientnet_b0", "EfficientNet-B0"),
)


def progress_words(progress: FeaturesProgress, now: datetime) -> str:
    """``features 136 of 297, 30 s left``; without the time while no rate is known."""
    left = progress.seconds_left(now)
    words = f"features {progress.done:,} of {progress.total:,}"
    return words if left is None else f"{words}, {duration(max(1.0, left))} left"


def epoch_words(epochs: Sequence[EpochMetrics], now: datetime) -> str:
    """``epoch 12 of 20, about 7 min left``."""
    if not epochs:
        return ""
    last = epochs[-1]
    words = f"epoch {last.epoch} of {last.epochs}"
    if len(epochs) > 1 and last.epochs > last.epoch:
        pace = (last.at - epochs[0].at).total_seconds() / (last.epoch - epochs[0].epoch)
        left = pace * (last.epochs - last.epoch) - (now - last.at).total_seconds()
        words += f", about {duration(max(1.0, left))} left"
    return words
