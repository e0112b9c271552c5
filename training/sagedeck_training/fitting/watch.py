"""Looking at what the steps of an epoch gave, without making the device wait for it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..machine import device


class TrainingFailed(RuntimeError):
    """Training cannot go on; the message says at which step and what to change."""


class Watch:
    """Looks at what the steps of an epoch told: at each on a CPU, at several together, and later, elsewhere.

    All processes look after the same steps, so that all end together. Raises ``TrainingFailed`` for a loss that is not
    finite.
    """

    def __init__(self, place: torch.device, before: int, where: str, rate: float, done: int = 0) -> None:
        """``before``: the steps until now, ``done`` of them of this epoch; ``where`` has a ``{}`` for the batch."""
        self._every = device.steps_between_looks(place)
        self._before, self._where, self._rate, self._done = before, where, rate, done
        self._new: list[Tensor] = []
        self._sent: device.Later | None = None
        self._seen = 0

    def is_told_to_stop(self, told: Tensor) -> bool:
        """Take what a step told; whether a process was told to stop, as far as is known."""
        self._new.append(told)
        if self._every == 1:
            return self.ends_told_to_stop()
        if len(self._new) < self._every:
            return False
        sent, self._sent, self._new = self._sent, device.Later(torch.stack(self._new)), []
        return self._look(sent)

    def ends_told_to_stop(self) -> bool:
        """Look at what is left; whether a process was told to stop."""
        rest, self._new = self._new, []
        sent, self._sent = self._sent, None
        return self._look(sent) | (bool(rest) and self._look(device.Later(torch.stack(rest))))

    def _look(self, sent: device.Later | None) -> bool:
        stopping = False
        for loss, _, _, told in sent.values().tolist() if sent else []:
            self._seen += 1
            if not math.isfinite(loss):
                where = self._where.format(self._done + self._seen)
                raise TrainingFailed(
                    f"The loss became {loss} at step {self._before + self._seen} {where}. "
                    f"A learning rate below {self._rate:g} usually helps."
                )
            stopping |= told > 0
        return stopping
