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

# Rows of features: a few MB at a time.
EVALUATION_BATCH = 1024


class TrainingFailed(RuntimeError):
    """Training cannot go on; the message says at which step and what to change."""


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
    """Batches of stored features; an epoch sees every view of every picture once."""

    def __init__(self, train: FeatureSet, valid: FeatureSet, batch_size: int, seed: int, group: Group) -> None:
        self._inputs = train.features.flatten(0, 1).float()
        self._labels = train.labels.repeat_interleave(train.features.shape[1])
        share = list(group.share(len(valid)))
        self._valid_inputs, self._valid_labels = valid.features[share, 0].float(), valid.labels[share]
        self._batch_size, self._seed, self._group = batch_size, seed, group

    def steps(self) -> int:
        """Batches in an epoch."""
        return -(-len(self._labels) // self._batch_size)

    def train(self, epoch: int) -> Iterator[Batch]:
        """Shuffled batches; the last one may be smaller, nothing is dropped."""
        for rows in shuffled(len(self._labels), self._batch_size, self._seed, epoch):
            mine = rows[self._group.rank :: self._group.world]
            yield Batch(self._inputs[mine], self._labels[mine], len(rows))

    def valid(self) -> Iterator[Batch]:
        """This process's share of the validation pictures, unaugmented."""
        for inputs, labels in zip(
            self._valid_inputs.split(EVALUATION_BATCH), self._valid_labels.split(EVALUATION_BATCH), strict=True
        ):
            yield Batch(inputs, labels, len(labels))


def shuffled(count: int, batch_size: int, seed: int, epoch: int) -> Iterator[Tensor]:
    """Index batches of one epoch, the same on every host."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed * 100_003 + epoch))
    yield from order.split(batch_size)


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
    fitted, lowest, step = Fitted(), math.inf, 0
    for epoch in range(1, settings.epochs + 1):
        began = time.perf_counter()
        sums, seen = torch.zeros(2, dtype=torch.float64), 0
        for number, batch in enumerate(batches.train(epoch), 1):
            step += 1
            loss, correct, stopping = _step(module, optimizer, batch, settings.label_smoothing, group, stop)
            if not math.isfinite(loss):
                raise TrainingFailed(
                    f"The loss became {loss} at step {step} (epoch {epoch}, batch {number} of {batches.steps()}). "
                    f"A learning rate below {settings.learning_rate:g} usually helps."
                )
            sums += torch.tensor([loss * batch.total, correct], dtype=torch.float64)
            seen += batch.total
            if stopping:
                fitted.ended = "sigterm"
                return fitted
        valid_loss, valid_accuracy = measure(module, batches, group)
        seconds = time.perf_counter() - began
        train_loss, train_accuracy = (sums / seen).tolist()
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
    sums = torch.zeros(3, dtype=torch.float64)
    module.eval()
    with torch.inference_mode():
        for batch in batches.valid():
            sums += _sums(device.answer(module, batch.inputs), batch.labels)
    loss, correct, count = group.sum(sums).tolist()
    return loss / count, correct / count


def _step(
    module: nn.Module, optimizer: AdamW, batch: Batch, smoothing: float, group: Group, stop: Stop
) -> tuple[float, float, bool]:
    """One optimizer step on the batch of all processes: mean loss, right answers, whether one was told to stop.

    The loss that is returned is without label smoothing, so that it compares with the validation loss.
    """
    optimizer.zero_grad()
    told = torch.tensor([0.0, 0.0, 0.0, float(stop.requested)], dtype=torch.float64)
    if len(batch.labels):
        logits = device.answer(module, batch.inputs)
        labels = batch.labels.to(logits.device)
        loss = F.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="sum") / batch.total
        loss.backward()
        told[:3] = _sums(logits.detach(), batch.labels)
    if group.world > 1:
        _sum_gradients(optimizer, group)
        group.sum(told)
    loss_sum, correct, _, stopping = told.tolist()
    mean = loss_sum / batch.total
    if math.isfinite(mean):
        optimizer.step()
    return mean, correct, stopping > 0


def _sum_gradients(optimizer: AdamW, group: Group) -> None:
    parameters = optimizer.parameters
    parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    flat = group.sum(device.to_host(torch.cat([part.reshape(-1) for part in parts])))
    for parameter, part in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
        parameter.grad = part.view_as(parameter).to(parameter.device)


def _sums(logits: Tensor, labels: Tensor) -> Tensor:
    """Summed cross-entropy, number of right answers, number of pictures."""
    logits = device.to_host(logits)
    loss = F.cross_entropy(logits, labels, reduction="sum").double()
    correct = (logits.argmax(1) == labels).sum().double()
    return torch.stack([loss, correct, torch.tensor(float(len(labels)), dtype=torch.float64)])
