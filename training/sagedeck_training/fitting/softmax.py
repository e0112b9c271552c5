"""The gradient of linear heads. It has a closed form, and a trial of a tuning job does little else: what torch records
in order to find it takes longer than the step itself."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from ..network.model import Head


@torch.no_grad()
def learn(head: Head, rows: Tensor, labels: Tensor, total: int, smoothing: float, heads: int = 1) -> Tensor:
    """Set the gradients of a batch's cross-entropy, summed and divided by ``total``; returns the logits.

    ``rows``, which are standardised, and ``labels`` are on the head's device. ``heads``: so many heads stand one after
    the other in the layer and learn the same labels; then the logits are of shape (pictures, heads, classes).
    """
    logits = torch.addmm(head.linear.bias, rows, head.linear.weight.t())
    if heads > 1:
        logits = logits.unflatten(1, (heads, -1))
    wanted = _targets(logits.shape[-1], smoothing, labels.device).index_select(0, labels)
    gradient = logits.softmax(-1).sub_(wanted if heads == 1 else wanted[:, None]).div_(total).flatten(1)
    head.linear.weight.grad = gradient.t() @ rows
    head.linear.bias.grad = gradient.sum(0)
    return logits


@functools.lru_cache(maxsize=1)
def _targets(classes: int, smoothing: float, place: torch.device) -> Tensor:
    """What the head is to answer for each label: a run's steps all ask for the same."""
    return torch.eye(classes, device=place) * (1 - smoothing) + smoothing / classes
