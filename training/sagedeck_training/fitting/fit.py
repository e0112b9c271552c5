"""The training loop: AdamW, early stopping, best state kept, one line an epoch, and how it goes on after an end.

It does not know what it trains on: stored features (``FeatureBatches``) or pictures (``finetune.PictureBatches``).
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..machine import device
from ..machine.distributed import Group
from ..machine.stopping import Stop
from ..network.features import FeatureSet
from ..network.model import Head
from ..settings import Settings
from .averaging import Average
from .checkpoint import to_host
from .optimizer import AdamW
from .softmax import learn
from .watch import TrainingFailed, Watch

__all__ = ["Batch", "Batches", "FeatureBatches", "Fitted", "TrainingFailed", "epoch_line", "fit", "measure", "shuffled"]

# Rows of features: a few MB at a time.
EVALUATION_BATCH = 1024


@dataclass(frozen=True)
class Batch:
    """This process's part of one batch. ``total`` is the size of the whole batch over all processes.

    ``paths`` are the files of the pictures, where somebody asks for them.
    """

    inputs: Tensor
    labels: Tensor
    total: int
    paths: tuple[str, ...] = ()


class Batches(Protocol):
    """Where the loop's batches come from."""

    def steps(self) -> int:
        """Batches in an epoch."""

    def train(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """One pass over the training pictures in an order that depends on seed and epoch only, without its first
        ``skip`` batches."""

    def valid(self) -> Iterator[Batch]:
        """This process's share of the validation pictures."""

    def settle(self) -> None:
        """An epoch has ended in every process."""

    def state(self) -> dict[str, Any]:
        """What ``restore`` needs to give the same batches again."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on as the batches that gave ``state``."""


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
        self._standardised = False

    def standardise(self, head: Head) -> None:
        """Give the training features as ``head``'s linear layer sees them from now on: once for all epochs."""
        if not self._standardised:
            mean, deviation = head.mean.to(self._place), head.deviation.to(self._place)
            self._inputs = (self._inputs - mean) / deviation
            self._standardised = True

    def steps(self) -> int:
        """Batches in an epoch."""
        return -(-len(self._labels) // self._batch_size)

    def train(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """Shuffled batches; the last one may be smaller, nothing is dropped."""
        order = shuffled(len(self._labels), self._batch_size, self._seed, epoch, self._place)
        for rows in itertools.islice(order, skip, None):
            mine = rows[self._group.rank :: self._group.world] if self._group.world > 1 else rows
            yield Batch(self._inputs.index_select(0, mine), self._labels.index_select(0, mine), len(rows))

    def valid(self) -> Iterator[Batch]:
        """This process's share of the validation pictures, unaugmented."""
        yield from self._valid

    def settle(self) -> None:
        """Nothing changes."""

    def state(self) -> dict[str, Any]:
        """Nothing: the features are the same again."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Nothing has changed."""


def shuffled(count: int, batch_size: int, seed: int, epoch: int, place: torch.device = device.CPU) -> Iterator[Tensor]:
    """Index batches of one epoch on ``place``, the same on every host and device."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed * 100_003 + epoch))
    yield from order.to(place).split(batch_size)


def fit(
    module: nn.Module,
    parameters: Sequence[tuple[Sequence[Tensor], float]],
    batches: Batches,
    settings: Settings,
    group: Group,
    stop: Stop,
    say: Callable[[str], None],
    *,
    saved: Mapping[str, Any] | None = None,
    keep: Callable[[dict[str, Any]], None] | None = None,
) -> Fitted:
    """Train ``module`` and return its best state. ``parameters`` holds groups with their learning rate.

    ``keep`` gets the state of the run after every epoch and when one is told to stop; ``saved`` is such a state, to go
    on from. Every process must call it with the same arguments. Raises ``TrainingFailed`` when the loss is not finite.
    """
    loop = _Loop(module, parameters, batches, settings, group, stop, say)
    if saved is not None:
        loop.restore(saved)
    return loop.run(keep)


class _Loop:
    """A run of epochs: where it is, and what it must remember."""

    def __init__(
        self,
        module: nn.Module,
        parameters: Sequence[tuple[Sequence[Tensor], float]],
        batches: Batches,
        settings: Settings,
        group: Group,
        stop: Stop,
        say: Callable[[str], None],
    ) -> None:
        self._module, self._batches, self._settings = module, batches, settings
        self._group, self._stop, self._say = group, stop, say
        self._steps = batches.steps()
        total = settings.epochs * self._steps
        self._optimizer = AdamW(parameters, settings.decay, total, settings.schedule, settings.warmup)
        self._average = Average(module, settings.ema) if settings.ema else None
        self._scaler: torch.amp.GradScaler | None = None
        self._tally = group.tally(device.of(module))
        self._fitted, self._lowest = Fitted(), math.inf
        # Epochs that ended, batches of the next one that are done, and the epoch from which patience counts.
        self._ended, self._batch, self._patient_from = 0, 0, 0
        self._seen, self._sums = 0, self._zeros()
        self._saved_scaler: dict[str, Any] = {}

    def _zeros(self) -> Tensor:
        return torch.zeros(3, dtype=device.sums(self._tally), device=self._tally)

    def run(self, keep: Callable[[dict[str, Any]], None] | None) -> Fitted:
        """Train the epochs that are left."""
        if isinstance(self._module, Head) and isinstance(self._batches, FeatureBatches):
            self._batches.standardise(self._module)
        while self._ended < self._settings.epochs and self._fitted.ended != "early_stopping":
            stopped = not self._epoch(self._ended + 1)
            if keep is not None:
                keep(self.state())
            if stopped:
                self._fitted.ended = "sigterm"
                break
        return self._fitted

    def state(self) -> dict[str, Any]:
        """All that ``restore`` needs to go on as if nothing had been."""
        fitted = self._fitted
        return {
            "module": to_host(self._module.state_dict()), "optimizer": self._optimizer.state(),
            "average": [self._average.steps, to_host(self._average.state)] if self._average else None,
            "scaler": self._scaler.state_dict() if self._scaler else {},
            "epochs": self._settings.epochs, "ended": self._ended, "batch": self._batch, "seen": self._seen,
            "sums": device.to_host(self._sums), "lowest": self._lowest, "patient_from": self._patient_from,
            "best_state": to_host(fitted.best_state) if fitted.best_state else None, "best_epoch": fitted.best_epoch,
            "curves": fitted.curves, "stopped_early": fitted.ended == "early_stopping",
            "random": torch.get_rng_state(), "batches": self._batches.state(),
        }  # fmt: skip

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on from what ``state`` gave."""
        place = device.of(self._module)
        self._module.load_state_dict(saved["module"])
        self._batches.restore(saved["batches"])
        self._optimizer.restore(saved["optimizer"])
        if self._average and saved["average"]:
            self._average.steps = saved["average"][0]
            self._average.state = {name: value.clone().to(place) for name, value in saved["average"][1].items()}
        self._saved_scaler = saved["scaler"]
        self._ended, self._batch, self._seen = saved["ended"], saved["batch"], saved["seen"]
        self._sums = saved["sums"].clone().to(self._tally)
        self._lowest, self._patient_from = saved["lowest"], saved["patient_from"]
        if saved["best_state"]:
            self._fitted.best_state = {name: value.to(place) for name, value in saved["best_state"].items()}
        self._fitted.best_epoch, self._fitted.curves = saved["best_epoch"], list(saved["curves"])
        torch.set_rng_state(saved["random"])
        wanted, before = self._settings.epochs, saved["epochs"]
        if saved["stopped_early"] and wanted <= before:
            self._fitted.ended = "early_stopping"
        at = f", batch {self._batch} of the next" if self._batch else ""
        self._say(f"checkpoint: goes on after epoch {self._ended}{at}")
        if self._ended >= wanted or self._fitted.ended == "early_stopping":
            self._say("checkpoint: that run was at its end; its best model is written again.")
        elif wanted != before:
            # Patience was for the epochs that were asked for then.
            self._patient_from = self._ended if wanted > before else self._patient_from
            self._say(
                f"checkpoint: {wanted} epochs instead of {before}; the learning rate goes on as in a run of {wanted}, "
                f"at {self._optimizer.share:.0%} of the highest."
            )

    def _epoch(self, epoch: int) -> bool:
        """Train what is left of an epoch and measure; False when told to stop before its last step was looked at."""
        began, before = time.perf_counter(), self._seen
        settings, where = self._settings, f"(epoch {epoch}, batch {{}} of {self._steps})"
        watch = Watch(self._tally, self._ended * self._steps + self._batch, where, settings.learning_rate, self._batch)
        self._module.train()
        for batch in self._batches.train(epoch, self._batch):
            if self._scaler is None:
                self._scaler = device.scaler(device.of(self._module), batch.inputs)
                if self._saved_scaler:
                    self._scaler.load_state_dict(self._saved_scaler)
            told = _step(
                self._module, self._optimizer, self._scaler, batch, settings.label_smoothing, self._group, self._stop
            )
            if self._average:
                self._average.update()
            self._sums += told[:3]
            self._seen += batch.total
            self._batch += 1
            if watch.is_told_to_stop(told) or (self._group.world == 1 and self._stop.requested):
                return False
        if watch.ends_told_to_stop():
            return False
        with self._average.shown() if self._average else nullcontext():
            self._close(epoch, began, before)
        return True

    def _close(self, epoch: int, began: float, before: int) -> None:
        """Measure after an epoch's last step, and remember the best."""
        fitted, settings = self._fitted, self._settings
        valid_loss, valid_accuracy = measure(self._module, self._batches, self._group)
        self._batches.settle()
        seconds = time.perf_counter() - began
        # Counted, not taken from the batches: pictures may have turned out to be unreadable.
        train_loss, train_accuracy = device.to_host(self._sums[:2] / self._sums[2]).tolist()
        if not math.isfinite(valid_loss):
            step = epoch * self._steps
            raise TrainingFailed(f"The validation loss became {valid_loss} after step {step} (epoch {epoch}).")
        row = {
            "epoch": epoch, "epochs": settings.epochs,
            "train:loss": train_loss, "train:accuracy": train_accuracy,
            "valid:loss": valid_loss, "valid:accuracy": valid_accuracy,
            # SageMaker keeps the last value of a metric, so the best one is a metric of its own.
            "valid:best_accuracy": max(valid_accuracy, *(past["valid:accuracy"] for past in fitted.curves), 0.0),
            "images_per_second": (self._seen - before) / seconds, "seconds": seconds,
        }  # fmt: skip
        fitted.curves.append(row)
        self._say(epoch_line(row))
        if valid_loss < self._lowest:
            self._lowest, fitted.best_epoch = valid_loss, epoch
            fitted.best_state = {name: value.detach().clone() for name, value in self._module.state_dict().items()}
        if settings.patience and epoch - max(fitted.best_epoch, self._patient_from) >= settings.patience:
            fitted.ended = "early_stopping"
        self._ended, self._batch, self._seen, self._sums = epoch, 0, 0, self._zeros()


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
    if not count:
        raise TrainingFailed("No validation picture can be read.")
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
        labels = batch.labels.to(place)
        if isinstance(module, Head):
            logits = learn(module, batch.inputs.to(place), labels, batch.total, smoothing)
        else:
            logits = device.answer(module, batch.inputs)
            loss = F.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="sum") / batch.total
            scaler.scale(loss).backward()
        told[:3] = _sums(logits.detach(), labels)
    if stop.requested:
        told[3] = 1.0
    if group.world > 1:
        _sum_gradients(optimizer, group)
        told = group.sum(told.to(group.tally(place)))
    # Of torch's optimizers it uses no more than ours has, too.
    scaler.step(optimizer)  # type: ignore[arg-type]
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
