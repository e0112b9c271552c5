"""The running average of the weights: it answers more steadily than the weights of the last step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


class Average:
    """Keeps the average of what ``module``'s state was after each step; the last steps count most.

    Early on it follows faster than ``decay`` says: it would hold the random beginning for long otherwise.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self._module, self._decay, self.steps = module, decay, 0
        self.state = {name: value.detach().clone() for name, value in module.state_dict().items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take in what the module is after a step."""
        self.steps += 1
        share = 1 - min(self._decay, self.steps / (self.steps + 9))
        for name, value in self._module.state_dict().items():
            if value.is_floating_point():
                self.state[name].lerp_(value, share)
            else:
                self.state[name].copy_(value)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Inside it the module is the average."""
        before = {name: value.detach().clone() for name, value in self._module.state_dict().items()}
        self._module.load_state_dict(self.state)
        try:
            yield
        finally:
            self._module.load_state_dict(before)
