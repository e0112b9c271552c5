"""The gradient of linear heads. It has a closed form, and a trial of a tuning job does little else: what torch records
in order to find it takes longer than the step itself."""

from __future__ import annotations

import torch
from torch import Tensor

from ..network.model import Head


@torch.no_grad()
def learn(head: Head, rows: Tensor, labels: Tensor, total: int, smoothing: float, heads: int = 1) -> Tensor:
    """Set the gradients of a batch's cross-entropy, summed and divided by ``total``; returns the logits.

    ``rows``, which are standardised, and ``labels`` are on the head's device. ``heads``: so many heads stand one after
    the other in the layer and learn the same labels; then the logits are of shape (pictures, heads, classes).
    """
    logits = torch.addmm(head.linear.bias, rows, head.linear.weight.t()).unflatten(1, (heads, -1))
    classes = logits.shape[2]
    is_class = labels[:, None] == torch.arange(classes, device=labels.device)
    wanted = is_class * (1 - smoothing) + smoothing / classes
    gradient = ((logits.softmax(2) - wanted[:, None]) / total).flatten(1)
    head.linear.weight.grad = gradient.t() @ rows
    head.linear.bias.grad = gradient.sum(0)
    return logits if heads > 1 else logits[:, 0]
