"""How the learning rate goes over the steps of a run."""

from __future__ import annotations

import math

# One-cycle begins at this share of the highest rate, as Smith and Topin (2019) and torch's OneCycleLR do.
FIRST_RATE = 1 / 25


def share_of_rate(schedule: str, done: int, total: int, warmup: float) -> float:
    """The share (0 to 1) of the highest learning rate for the step after ``done`` of ``total``.

    ``cosine`` rises in equal steps during the ``warmup`` (a share of the steps, may be 0), ``one-cycle`` along half a
    cosine from a 25th of the rate; then both fall along half a cosine to 0. Other than Smith's cycle the momentum
    stays as it is.
    """
    rising = warmup * total
    if done < rising:
        if schedule == "one-cycle":
            return FIRST_RATE + (1 - FIRST_RATE) * (0.5 - 0.5 * math.cos(math.pi * done / rising))
        return (done + 1) / (rising + 1)
    return 0.5 + 0.5 * math.cos(math.pi * min(1.0, (done - rising) / max(1e-9, total - rising)))
