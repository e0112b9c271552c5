"""Training the backbone's last stages end to end, on pictures instead of stored features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from data import DataError, Sample
from distributed import Group
from fit import Batch, shuffled
from model import Classifier, stages
from ordered import ordered_map
from pictures import BadPicture, Pixels, centre_crop, open_picture, random_crop
from PIL import Image
from settings import Settings, SettingsError
from torch import Tensor, nn

# Pictures at once: it bounds the memory that they take.
EVALUATION_BATCH = 32
# Pretrained weights move slowly; a fresh head needs the full rate.
BACKBONE_RATE = 0.1


def unfrozen_parameters(classifier: Classifier, count: int | Literal["all"]) -> list[nn.Parameter]:
    """Make the backbone's last ``count`` stages (or all) trainable and return their parameters.

    BatchNorms stay as they are: their statistics of ImageNet are better than those of small batches, and the
    result does not depend on how a batch is cut over hosts. Raises ``SettingsError`` for more stages than exist.
    """
    parts = stages(classifier.backbone)
    count = len(parts) if count == "all" else count
    if count > len(parts):
        raise SettingsError(f"unfreeze is {count}, but the backbone has {len(parts)} stages.")
    for parameter in classifier.backbone.parameters():
        parameter.requires_grad_(False)
    found: list[nn.Parameter] = []
    for module in (inner for part in parts[-count:] for outer in part for inner in outer.modules()):
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            continue
        for parameter in module.parameters(recurse=False):
            found.append(parameter.requires_grad_(True))
    return found


class PictureBatches:
    """Batches of decoded pictures; every epoch augments anew, the same way on any number of hosts."""

    def __init__(
        self, root: Path, train: Sequence[Sample], valid: Sequence[Sample], settings: Settings, group: Group
    ) -> None:
        self._root, self._train, self._valid = root, train, valid
        self._settings, self._group = settings, group

    def steps(self) -> int:
        """Batches in an epoch."""
        return -(-len(self._train) // self._settings.batch_size)

    def train(self, epoch: int) -> Iterator[Batch]:
        """Shuffled, augmented batches; the last one may be smaller, nothing is dropped."""
        size, seed = self._settings.image_size, self._settings.seed
        whole = list(shuffled(len(self._train), self._settings.batch_size, seed, epoch))
        parts = [rows[self._group.rank :: self._group.world].tolist() for rows in whole]

        def decode(index: int) -> Pixels:
            path = self._train[index].path
            return random_crop(_opened(self._root, path, size), size, f"{seed}/{path}/{epoch}")

        indices = [index for part in parts for index in part]
        pixels = ordered_map(decode, indices, self._settings.num_workers, ahead=self._settings.batch_size)
        for rows, part in zip(whole, parts, strict=True):
            inputs = [next(pixels) for _ in part]
            yield Batch(_stacked(inputs), _labels([self._train[index] for index in part]), len(rows))

    def valid(self) -> Iterator[Batch]:
        """This process's share of the validation pictures, unaugmented."""
        yield from self.plain(self._valid)

    def plain(self, samples: Sequence[Sample]) -> Iterator[Batch]:
        """This process's share of ``samples``, centre crops."""
        size = self._settings.image_size
        mine = [samples[index] for index in self._group.share(len(samples))]

        def decode(sample: Sample) -> Pixels:
            return centre_crop(_opened(self._root, sample.path, size), size)

        pixels = ordered_map(decode, mine, self._settings.num_workers, ahead=EVALUATION_BATCH)
        for start in range(0, len(mine), EVALUATION_BATCH):
            part = mine[start : start + EVALUATION_BATCH]
            yield Batch(_stacked([next(pixels) for _ in part]), _labels(part), len(part))


def _opened(root: Path, path: str, size: int) -> Image.Image:
    try:
        return open_picture(root / path, size)
    except BadPicture as error:
        raise DataError(f"{path} changed while the job ran: {error}.") from error


def _stacked(pixels: Sequence[Pixels]) -> Tensor:
    return torch.from_numpy(np.stack(pixels)) if pixels else torch.zeros(0, 32, 32, 3, dtype=torch.uint8)


def _labels(samples: Sequence[Sample]) -> Tensor:
    return torch.tensor([sample.label for sample in samples], dtype=torch.int64)
