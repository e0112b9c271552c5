"""AdamW with a schedule of its rate, in plain tensor operations.

``torch.optim`` imports torch's compiler when its first optimizer is made, which takes 4 to 8 seconds: longer
than the whole training of a head on stored features, and paid by every trial of a tuning job.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..machine import device
from .schedule import share_of_rate

# AdamW's usual values.
BETAS = (0.9, 0.999)
EPSILON = 1e-8
# An absurd learning rate shall end in a loss that is not finite, which is reported, not in an overflow here.
LARGEST = torch.finfo(torch.float32).max


class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019), as ``torch.optim.AdamW`` computes it.

    ``groups`` holds (parameters, highest learning rate); ``schedule`` is one of ``schedule.share_of_rate``, over
    ``total_steps``, the ``warmup`` a share of them.
    """

    def __init__(
        self,
        groups: Sequence[tuple[Sequence[Tensor], float]],
        weight_decay: float,
        total_steps: int,
        schedule: str = "cosine",
        warmup: float = 0.0,
    ) -> None:
        self.parameters = [parameter for parameters, _ in groups for parameter in parameters]
        self._rates = [rate for parameters, rate in groups for _ in parameters]
        self._moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in self.parameters]
        self._decay, self._total, self._done = weight_decay, total_steps, 0
        self._schedule, self._warmup = schedule, warmup

    @property
    def share(self) -> float:
        """The share (0 to 1) of the highest rate that the next step takes."""
        return share_of_rate(self._schedule, self._done, self._total, self._warmup)

    def state(self) -> dict[str, Any]:
        """What ``restore`` needs to go on, in the machine's memory."""
        return {"done": self._done, "moments": [[device.to_host(part) for part in pair] for pair in self._moments]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where the optimizer of the same parameters was that gave ``state``."""
        self._done = state["done"]
        for pair, saved in zip(self._moments, state["moments"], strict=True):
            for part, value in zip(pair, saved, strict=True):
                part.copy_(value)

    @property
    def param_groups(self) -> list[dict[str, list[Tensor]]]:
        """Where torch's scaler of float16 gradients looks for them."""
        return [{"params": self.parameters}]

    def zero_grad(self) -> None:
        """Forget the gradients of the last step."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move every parameter that has a gradient."""
        scale = self.share
        self._done += 1
        first_bias, second_bias = (1 - beta**self._done for beta in BETAS)
        parameters, gradients, first, second, rates = [], [], [], [], []
        for parameter, peak, moments in zip(self.parameters, self._rates, self._moments, strict=True):
            if parameter.grad is not None:
                parameters.append(parameter)
                gradients.append(parameter.grad)
                first.append(moments[0])
                second.append(moments[1])
                rates.append(peak * scale)
        if not parameters:
            return
        if len(set(rates)) == 1 and all(_is_plain(values) for values in (*parameters, *gradients, *first, *second)):
            # A head: one pass over it instead of eight, which is a tenth of a trial of a tuning job.
            torch._fused_adamw_(
                parameters, gradients, first, second, [], [torch.tensor(float(self._done))] * len(parameters),
                lr=min(rates[0], LARGEST), beta1=BETAS[0], beta2=BETAS[1], weight_decay=self._decay, eps=EPSILON,
                amsgrad=False, maximize=False,
            )  # fmt: skip
            return
        # All parameters in one call of each: a network has hundreds, and on a GPU a call costs more than it computes.
        torch._foreach_mul_(parameters, [max(1 - rate * self._decay, -LARGEST) for rate in rates])
        torch._foreach_lerp_(first, gradients, 1 - BETAS[0])
        torch._foreach_mul_(second, BETAS[1])
        torch._foreach_addcmul_(second, gradients, gradients, value=1 - BETAS[1])
        spread = torch._foreach_sqrt(second)
        torch._foreach_div_(spread, math.sqrt(second_bias))
        torch._foreach_add_(spread, EPSILON)
        torch._foreach_addcdiv_(parameters, first, spread, [max(-rate / first_bias, -LARGEST) for rate in rates])


def _is_plain(values: Tensor) -> bool:
    """Whether torch's fused step, which goes over memory as it lies, takes it on every version that knows the step."""
    return values.device == device.CPU and values.dtype == torch.float32 and values.is_contiguous()
