"""Training the backbone end to end, or its last stages, on pictures instead of stored features."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from ..data.dataset import DataError, Dataset, Sample, check_unreadable
from ..data.pictures import BadPicture, Pixels, open_picture
from ..data.views import centre_crop, random_crop
from ..machine.distributed import Group
from ..machine.ordered import ordered_map
from ..network.model import Classifier, stages
from ..settings import Settings, SettingsError
from .fit import Batch, shuffled

# Pictures at once: it bounds the memory that they take.
EVALUATION_BATCH = 32
# Enough for a mean and a deviation of each channel that differ from those of all pictures by a few hundredths.
SAMPLE = 256


def rates(classifier: Classifier, settings: Settings) -> list[tuple[list[torch.Tensor], float]]:
    """Make the head and the backbone's last ``settings.unfreeze`` stages (or all) trainable: parameters and rates.

    The head and the last stage have the full rate, each stage before the rate of the next times ``layer_decay``.
    BatchNorms stay as they are: their statistics of ImageNet are better than those of small batches, the result does
    not depend on how a batch is cut over hosts, and training them gained nothing. Raises ``SettingsError`` for more
    stages than exist.
    """
    parts = stages(classifier.backbone)
    count = len(parts) if settings.unfreeze == "all" else settings.unfreeze
    if count > len(parts):
        raise SettingsError(f"unfreeze is {count}, but the backbone has {len(parts)} stages.")
    for parameter in classifier.backbone.parameters():
        parameter.requires_grad_(False)
    groups: list[tuple[list[torch.Tensor], float]] = [(list(classifier.head.parameters()), settings.learning_rate)]
    for depth, part in enumerate(reversed(parts[-count:])):
        modules = (inner for outer in part for inner in outer.modules())
        found = [
            parameter.requires_grad_(True)
            for module in modules
            if not isinstance(module, nn.modules.batchnorm._BatchNorm)
            for parameter in module.parameters(recurse=False)
        ]
        groups.append((found, settings.learning_rate * settings.layer_decay**depth))
    return groups


def sample(train: Sequence[Sample], seed: int) -> list[Sample]:
    """Some of the training pictures, the same on every host, for the mean and deviation of the features."""
    chosen = random.Random(f"{seed}/sample").sample(range(len(train)), min(SAMPLE, len(train)))
    return [train[index] for index in sorted(chosen)]


class PictureBatches:
    """Batches of decoded pictures; every epoch augments anew, the same way on any number of hosts.

    Unreadable pictures are found when they are decoded and left out: those of training and validation during the first
    epoch, after which a picture that cannot be read is an error. ``skipped`` are those that were found, as
    (path, reason).
    """

    def __init__(self, dataset: Dataset, settings: Settings, group: Group) -> None:
        self._dataset, self._settings, self._group = dataset, settings, group
        self._train, self._valid = dataset.splits["train"], dataset.splits["valid"] or dataset.splits["train"]
        self._all = self._train
        self._bad: dict[str, str] = {}
        self._is_settled = False

    @property
    def skipped(self) -> list[tuple[str, str]]:
        """Pictures that could not be read, sorted by path; of all processes once an epoch has ended."""
        return sorted(self._bad.items())

    def leave_out(self, bad: Iterable[tuple[str, str]]) -> None:
        """Pictures that are known not to be readable."""
        self._bad.update(bad)

    def steps(self) -> int:
        """Batches in an epoch; fewer when pictures are left out."""
        return -(-len(self._all) // self._settings.batch_size)

    def train(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """Shuffled, augmented batches; the last one may be smaller, nothing readable is dropped."""
        settings = self._settings
        whole = list(shuffled(len(self._train), settings.batch_size, settings.seed, epoch))[skip:]
        parts = [rows[self._group.rank :: self._group.world].tolist() for rows in whole]

        def crop(sample: Sample, image: Image.Image) -> Pixels:
            return random_crop(image, settings.image_size, f"{settings.seed}/{sample.path}/{epoch}")

        samples = [self._train[index] for part in parts for index in part]
        pixels = ordered_map(
            lambda sample: self._decode(sample, crop), samples, settings.num_workers, ahead=settings.batch_size
        )
        for rows, part in zip(whole, parts, strict=True):
            batch = self._batch([(self._train[index], next(pixels)) for index in part])
            if self._bad and not self._is_settled:
                # A wrong folder is told at once, not after an epoch.
                check_unreadable(self._dataset, self.skipped, range(len(self._dataset.folders)))
            # How many the other processes could not read is not known here: their share counts in full.
            yield replace(batch, total=len(rows) - len(part) + batch.total)

    def valid(self) -> Iterator[Batch]:
        """This process's share of the validation pictures, unaugmented."""
        yield from self.plain(self._valid)

    def test(self) -> Iterator[Batch]:
        """This process's share of the test pictures, unaugmented; unreadable ones are left out."""
        self._is_settled = False
        yield from self.plain(self._dataset.splits["test"])

    def plain(self, samples: Sequence[Sample]) -> Iterator[Batch]:
        """This process's share of ``samples``, centre crops."""
        size = self._settings.image_size
        mine = [samples[index] for index in self._group.share(len(samples))]

        def crop(sample: Sample, image: Image.Image) -> Pixels:
            return centre_crop(image, size)

        pixels = ordered_map(
            lambda sample: self._decode(sample, crop), mine, self._settings.num_workers, ahead=EVALUATION_BATCH
        )
        for start in range(0, len(mine), EVALUATION_BATCH):
            yield self._batch([(sample, next(pixels)) for sample in mine[start : start + EVALUATION_BATCH]])

    def settle(self) -> None:
        """An epoch has ended: what any process could not read is left out from now on.

        Raises ``DataError`` for too many of them, as ``check_unreadable`` says.
        """
        self.leave_out((path, reason) for part in self._group.gather_json(self.skipped) for path, reason in part)
        if self._is_settled:
            return
        self._is_settled = True
        self._train, self._valid = (
            [sample for sample in split if sample.path not in self._bad] for split in (self._train, self._valid)
        )
        check_unreadable(self._dataset, self.skipped, [sample.label for sample in self._train])

    def state(self) -> dict[str, Any]:
        """What ``restore`` needs."""
        bad = sorted({(path, reason) for part in self._group.gather_json(self.skipped) for path, reason in part})
        return {"bad": [list(entry) for entry in bad], "settled": self._is_settled}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Leave out what a run left out that gave ``state``."""
        self.leave_out((path, reason) for path, reason in state["bad"])
        if state["settled"]:
            self.settle()

    def _decode(self, sample: Sample, crop: Callable[[Sample, Image.Image], Pixels]) -> Pixels | None:
        if sample.path in self._bad:
            return None
        try:
            return crop(sample, open_picture(self._dataset.root / sample.path, self._settings.image_size))
        except BadPicture as error:
            self._found_bad(sample, str(error))
            return None

    def _found_bad(self, sample: Sample, reason: str) -> None:
        if self._is_settled:
            raise DataError(f"{sample.path} changed while the job ran: {reason}.")
        self._bad[sample.path] = reason

    def _batch(self, found: Sequence[tuple[Sample, Pixels | None]]) -> Batch:
        readable = [(sample, pixels) for sample, pixels in found if pixels is not None]
        labels = torch.tensor([sample.label for sample, _ in readable], dtype=torch.int64)
        inputs = torch.from_numpy(np.stack([pixels for _, pixels in readable])) if readable else torch.zeros(0)
        return Batch(inputs, labels, len(labels), tuple(sample.path for sample, _ in readable))
