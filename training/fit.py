"""The training loop: AdamW, cosine schedule, early stopping, best checkpoint kept, one line an epoch.

It does not know what it trains on: stored features (``FeatureBatches``) or pictures (``finetune.PictureBatches``).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

import device
import torch
import torch.nn.functional as F
from distributed import Group
from features import FeatureSet
from optimizer import AdamW
from settings import Settings
from stopping import Stop
from torch import Tensor, nn
from watch import TrainingFailed, Watch

__all__ = ["Batch", "Batches", "FeatureBatches", "Fitted", "TrainingFailed", "epoch_line", "fit", "measure", "shuffled"]

# Rows of features: a few MB at a time.
EVALUATION_BATCH = 1024


@dataclass(frozen=True)
class Batch:
    """This process's part of one batch. ``total`` is the size of the whole batch over all processes."""

    inputs: Tensor
    labels: Tensor
    total: int


class Batches(Protocol):
    """Where the loop's batches come from."""

    def steps(self) -> int:
        """Batches in an epoch."""

    def train(self, epoch: int) -> Iterator[Batch]:
        """One pass over the training pictures in an order that depends on seed and epoch only."""

    def valid(self) -> Iterator[Batch]:
        """This process's share of the validation pictures."""


@dataclass
class Fitted:
    """What training gave: the best state by validation loss (None: no epoch ended), curves, why it ended."""

    best_state: dict[str, Tensor] | None = None
    best_epoch: int = 0
    curves: list[dict[str, float]] = field(default_factory=list)
    ended: Literal["completed", "early_stopping", "sigterm"] = "completed"


class FeatureBatches:
    """Batches of stored features, on the group's device; an epoch sees every view of every picture once."""

    def __init__(self, train: FeatureSet, valid: FeatureSet, batch_size: int, seed: int, group: Group) -> None:
        share = list(group.share(len(valid)))
        # In full precision they take twice as much, and it is made from a copy in half.
        needed = 3 * 2 * (train.features.numel() + valid.features.numel())
        self._place = group.place if needed <= device.room(group.place) else device.CPU
        self._inputs = train.features.flatten(0, 1).to(self._place).float()
        self._labels = train.labels.repeat_interleave(train.features.shape[1]).to(self._place)
        inputs = valid.features[share, 0].to(self._place).float()
        parts = zip(inputs.split(EVALUATION_BATCH), valid.labels[share].split(EVALUATION_BATCH), strict=True)
        self._valid = [Batch(part, labels.to(self._place), len(labels)) for part, labels in parts]
        self._batch_size, self._seed, self._group = batch_size, seed, group

    def steps(self) -> int:
        """Batches in an epoch."""
        return -(-len(self._labels) // self._batch_size)

    def train(self, epoch: int) -> Iterator[Batch]:
        """Shuffled batches; the last one may be smaller, nothing is dropped."""
        for rows in shuffled(len(self._labels), self._batch_size, self._seed, epoch, self._place):
            mine = rows[self._group.rank :: self._group.world]
            yield Batch(self._inputs[mine], self._labels[mine], len(rows))

    def valid(self) -> Iterator[Batch]:
        """This process's share of the validation pictures, unaugmented."""
        yield from self._valid


def shuffled(count: int, batch_size: int, seed: int, epoch: int, place: torch.device = device.CPU) -> Iterator[Tensor]:
    """Index batches of one epoch on ``place``, the same on every host and device."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed * 100_003 + epoch))
    yield from order.to(place).split(batch_size)


def fit(
    module: nn.Module,
    parameters: list[tuple[list[nn.Parameter], float]],
    batches: Batches,
    settings: Settings,
    group: Group,
    stop: Stop,
    say: Callable[[str], None],
) -> Fitted:
    """Train ``module`` and return its best state. ``parameters`` holds groups with their learning rate.

    Every process must call it with the same arguments. Raises ``TrainingFailed`` when the loss is not finite.
    """
    optimizer = AdamW(parameters, settings.decay, settings.epochs * batches.steps())
    tally = group.tally(device.of(module))
    scaler: torch.amp.GradScaler | None = None
    fitted, lowest, step = Fitted(), math.inf, 0
    for epoch in range(1, settings.epochs + 1):
        began = time.perf_counter()
        sums, seen = torch.zeros(2, dtype=device.sums(tally), device=tally), 0
        watch = Watch(tally, step, f"(epoch {epoch}, batch {{}} of {batches.steps()})", settings.learning_rate)
        for batch in batches.train(epoch):
            step += 1
            scaler = scaler or device.scaler(device.of(module), batch.inputs)
            told = _step(module, optimizer, scaler, batch, settings.label_smoothing, group, stop)
            sums += told[:2]
            seen += batch.total
            if watch.is_told_to_stop(told) or (group.world == 1 and stop.requested):
                fitted.ended = "sigterm"
                return fitted
        if watch.ends_told_to_stop():
            fitted.ended = "sigterm"
            return fitted
        valid_loss, valid_accuracy = measure(module, batches, group)
        seconds = time.perf_counter() - began
        train_loss, train_accuracy = device.to_host(sums / seen).tolist()
        if not math.isfinite(valid_loss):
            raise TrainingFailed(f"The validation loss became {valid_loss} after step {step} (epoch {epoch}).")
        row = {
            "epoch": epoch, "epochs": settings.epochs,
            "train:loss": train_loss, "train:accuracy": train_accuracy,
            "valid:loss": valid_loss, "valid:accuracy": valid_accuracy,
            # SageMaker keeps the last value of a metric, so the best one is a metric of its own.
            "valid:best_accuracy": max(valid_accuracy, *(past["valid:accuracy"] for past in fitted.curves), 0.0),
            "images_per_second": seen / seconds, "seconds": seconds,
        }  # fmt: skip
        fitted.curves.append(row)
        say(epoch_line(row))
        if valid_loss < lowest:
            lowest, fitted.best_epoch = valid_loss, epoch
            fitted.best_state = {name: value.detach().clone() for name, value in module.state_dict().items()}
        if settings.patience and epoch - fitted.best_epoch >= settings.patience:
            fitted.ended = "early_stopping"
            break
    return fitted


def epoch_line(row: dict[str, float]) -> str:
    """The line that the metric definitions read."""
    return (
        f"epoch={row['epoch']:.0f}/{row['epochs']:.0f} "
        f"train_loss={row['train:loss']:.4f} train_acc={row['train:accuracy']:.4f} "
        f"valid_loss={row['valid:loss']:.4f} valid_acc={row['valid:accuracy']:.4f} "
        f"best_accuracy={row['valid:best_accuracy']:.4f} "
        f"images_per_s={row['images_per_second']:.1f} seconds={row['seconds']:.2f}"
    )


def measure(module: nn.Module, batches: Batches, group: Group) -> tuple[float, float]:
    """Mean cross-entropy and accuracy over all validation pictures of all processes."""
    place = device.of(module)
    sums = torch.zeros(3, dtype=device.sums(place), device=place)
    module.eval()
    with torch.inference_mode():
        for batch in batches.valid():
            sums += _sums(device.answer(module, batch.inputs), batch.labels)
    loss, correct, count = device.to_host(group.sum(sums.to(group.tally(place)))).tolist()
    return loss / count, correct / count


def _step(
    module: nn.Module,
    optimizer: AdamW,
    scaler: torch.amp.GradScaler,
    batch: Batch,
    smoothing: float,
    group: Group,
    stop: Stop,
) -> Tensor:
    """One optimizer step on the batch of all processes: summed loss, right answers, pictures, who was told to stop.

    The loss that is returned is without label smoothing, so that it compares with the validation loss. Nothing waits
    for the device here, unless the gradients of several processes can only be summed by the CPU.
    """
    optimizer.zero_grad()
    place = device.of(module)
    told = torch.zeros(4, dtype=device.sums(place), device=place)
    if len(batch.labels):
        logits = device.answer(module, batch.inputs)
        labels = batch.labels.to(place)
        loss = F.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="sum") / batch.total
        scaler.scale(loss).backward()
        told[:3] = _sums(logits.detach(), labels)
    if stop.requested:
        told[3] = 1.0
    if group.world > 1:
        _sum_gradients(optimizer, group)
        told = group.sum(told.to(group.tally(place)))
    scaler.step(optimizer)
    scaler.update()
    return told


def _sum_gradients(optimizer: AdamW, group: Group) -> None:
    parameters = optimizer.parameters
    parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    flat = torch.cat([part.reshape(-1) for part in parts])
    place = flat.device
    flat = group.sum(flat.to(group.tally(place))).to(place)
    for parameter, part in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
        parameter.grad = part.view_as(parameter)


def _sums(logits: Tensor, labels: Tensor) -> Tensor:
    """Summed cross-entropy, number of right answers, number of pictures."""
    kind = device.sums(logits.device)
    labels = labels.to(logits.device)
    loss = F.cross_entropy(logits, labels, reduction="sum").to(kind)
    correct = (logits.argmax(1) == labels).sum().to(kind)
    return torch.stack([loss, correct, torch.full_like(loss, len(labels))])
