"""The weight decay of a head, chosen by the validation pictures.

On few pictures a head learns its training pictures by heart; how strongly it must be held back depends on their number,
on the steps, and on the backbone, and nobody knows it beforehand. Stored features make it cheap to try.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..machine import device
from ..machine.stopping import Stop
from ..network.model import Head
from ..settings import Settings
from .fit import FeatureBatches
from .optimizer import AdamW
from .softmax import learn

# By which power of e the decays shrink, over the whole run, a weight that nothing else moves. The decay itself follows
# from the number of steps and their rate.
SHRINKAGES = (0.3, 1.0, 3.0, 8.0)
# A step must not turn a weight's sign.
MOST_A_STEP = 0.5
# Epochs after which it shows which decay suits: a run may be asked for many more, and end early.
MOST_EPOCHS = 20
# Standard errors by which the mean loss must be lower; less is chance.
CLEARLY = 1.0


@dataclass(frozen=True)
class Tried:
    """A decay and its best epoch's mean loss and accuracy on the validation pictures."""

    weight_decay: float
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Choice:
    """The decay to take, and what was tried; the first is the one that is taken when none is clearly better."""

    weight_decay: float
    tried: list[Tried]

    def public(self) -> dict[str, Any]:
        """For the report and for a checkpoint."""
        return asdict(self)


def choose(head: Head, batches: FeatureBatches, settings: Settings, stop: Stop) -> Choice:
    """Train a head with each decay on all rows of this process, side by side, and compare their best epochs.

    ``batches`` and ``head`` (which is not changed) are those of a run of one process. The usual decay stays unless
    another one's mean loss is lower by more than its standard error, and no fewer pictures are right.
    """
    settings = replace(settings, epochs=min(settings.epochs, MOST_EPOCHS))
    batches.standardise(head)
    decays = candidates(settings, batches.steps())
    count, classes = len(decays), head.linear.out_features
    place = device.of(head)
    heads = Head(head.linear.in_features, count * classes).to(place)
    heads.mean.copy_(head.mean)
    heads.deviation.copy_(head.deviation)
    optimizer = AdamW(
        [(list(heads.parameters()), settings.learning_rate)], 0.0, settings.epochs * batches.steps(),
        settings.schedule, settings.warmup,
    )  # fmt: skip
    shrink = torch.tensor(decays).to(place).repeat_interleave(classes)
    lowest, losses, right, best_epoch = [math.inf] * count, [torch.zeros(0)] * count, [0.0] * count, [0] * count
    for epoch in range(1, settings.epochs + 1):
        for batch in batches.train(epoch):
            if stop.requested:
                return Choice(decays[0], [])
            learn(heads, batch.inputs.to(place), batch.labels.to(place), batch.total, settings.label_smoothing, count)
            kept = 1 - settings.learning_rate * optimizer.share * shrink
            with torch.no_grad():
                heads.linear.weight.mul_(kept[:, None])
                heads.linear.bias.mul_(kept)
            optimizer.step()
        found, accuracy = _measured(heads, batches, count, classes)
        for number, mean in enumerate(found.mean(0).tolist()):
            if mean < lowest[number]:
                lowest[number], losses[number], right[number] = mean, found[:, number], accuracy[number]
                best_epoch[number] = epoch
        if settings.patience and epoch - max(best_epoch) >= settings.patience:
            break
    tried = [Tried(*values) for values in zip(decays, lowest, right, strict=True)]
    return Choice(best(tried, losses), tried)


def told(choice: Mapping[str, Any]) -> str:
    """What ``Choice.public`` gave, for the log."""
    parts = ", ".join(f"{trial['weight_decay']:g}: {trial['loss']:.4f}" for trial in choice["tried"])
    return f"weight decay: {choice['weight_decay']:g}, by the loss on the validation pictures ({parts})"


def candidates(settings: Settings, steps: int) -> list[float]:
    """The usual decay, and those that shrink a weight by ``SHRINKAGES`` in so many steps an epoch."""
    total = settings.epochs * steps
    travelled = settings.learning_rate * total / 2
    most = MOST_A_STEP / settings.learning_rate
    others = [float(f"{min(most, shrinkage / travelled):.2g}") for shrinkage in SHRINKAGES]
    return [settings.decay, *dict.fromkeys(value for value in others if value > settings.decay)]


def best(tried: list[Tried], losses: list[Tensor]) -> float:
    """The decay to take: the first one's, unless another's mean of ``losses`` (one a picture) is clearly lower and no
    fewer of its pictures are right.
    """
    first = tried[0]
    lowest = 0
    for number in range(1, len(tried)):
        if not len(losses[number]) or not len(losses[0]) or tried[number].accuracy < first.accuracy:
            continue
        gain = losses[0] - losses[number]
        clear = gain.mean() > CLEARLY * gain.std(correction=0) / math.sqrt(len(gain))
        if clear and tried[number].loss < tried[lowest].loss:
            lowest = number
    return tried[lowest].weight_decay


def _measured(heads: Head, batches: FeatureBatches, count: int, classes: int) -> tuple[Tensor, list[float]]:
    """Losses (pictures, heads) on the validation pictures, and the share of right answers of each head."""
    losses, right = [], []
    with torch.inference_mode():
        for batch in batches.valid():
            logits = device.answer(heads, batch.inputs).view(-1, classes)
            labels = batch.labels.to(logits.device).repeat_interleave(count)
            losses.append(F.cross_entropy(logits, labels, reduction="none").view(-1, count).double())
            right.append((logits.argmax(1) == labels).view(-1, count).double())
    found = device.to_host(torch.cat(losses))
    return found, device.to_host(torch.cat(right)).mean(0).tolist()
