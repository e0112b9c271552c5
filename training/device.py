"""Where tensors live: the one rule that every part of a run follows.

Data stays in the machine's memory: pictures, stored features, labels, sums, what hosts exchange, what is written.
Only a module's parameters and buffers are on the accelerator. ``answer`` is the one way in, ``to_host`` the one way
out; so nothing else needs to know whether there is an accelerator.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def best() -> torch.device:
    """The device that this machine's modules work on: the first CUDA device, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def of(module: nn.Module) -> torch.device:
    """Where a module lives; all of its parameters and buffers are together."""
    return next(module.parameters()).device


def answer(module: nn.Module, inputs: Tensor) -> Tensor:
    """What ``module`` gives for ``inputs`` from the machine's memory; the result is still on the module's device."""
    result: Tensor = module(inputs.to(of(module)))
    return result


def to_host(values: Tensor) -> Tensor:
    """``values`` in the machine's memory."""
    return values.cpu()
