"""How much of the network a job trains, in plain words, and which hyperparameters that means; one place for all forms.

A form has the values ``way`` and, for the head, ``views``; for fine-tuning ``stages``, ``average`` and ``mirrored``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.models.format import cost, duration
from workers.prices.table import InstanceOffer
from workers.training.paces import is_fine_tuned

HEAD, TUNE = "head", "tune"
WAYS = ((HEAD, "Head only: minutes, good"), (TUNE, "Fine-tune: best, with a GPU"))
ALL_STAGES = "all"
STAGES = (
    (ALL_STAGES, "All stages"),
    ("1", "The last stage"),
    ("2", "The last 2 stages"),
    ("3", "The last 3 stages"),
    ("4", "The last 4 stages"),
)
# What a form starts with in each way: train.py's own defaults.
EPOCHS = {HEAD: 10, TUNE: 12}
RATES = {HEAD: 0.001, TUNE: 0.001}
# The decay of the average of the weights: of about the last hundred steps.
AVERAGE = "0.99"
# The smallest instance with a GPU.
GPU_INSTANCE = "ml.g4dn.xlarge"
# The hyperparameters that fields of their own stand for.
PARAMETERS = frozenset(("views", "unfreeze", "ema", "flip_test"))


def hyperparameters_of(given: Mapping[str, Any]) -> dict[str, str]:
    """The hyperparameters that a form's way and its fields mean."""
    if given["way"] == HEAD:
        return {"views": str(given["views"])}
    stronger = {"ema": AVERAGE} if given["average"] else {}
    return {"unfreeze": given["stages"], **stronger, **({"flip-test": "true"} if given["mirrored"] else {})}


def stage_words(unfreeze: str) -> str:
    """``Head only``, ``All stages``, ``The last 2 stages``, of a value of ``unfreeze``."""
    text = unfreeze.strip('"').removesuffix(".0")
    if not is_fine_tuned(text):
        return "Head only"
    return dict(STAGES).get(text, f"The last {text} stages")


def values_of(hyperparameters: Mapping[str, str]) -> dict[str, Any]:
    """The reverse, from hyperparameters with underscores: only what they say."""
    unfreeze = hyperparameters.get("unfreeze", "0").strip('"')
    if not is_fine_tuned(unfreeze):
        return {"way": HEAD}
    average = hyperparameters.get("ema", "0").strip('"') not in ("0", "0.0", "")
    mirrored = hyperparameters.get("flip_test", "false").strip('"').lower() in ("true", "1", "yes")
    return {"way": TUNE, "stages": unfreeze, "average": average, "mirrored": mirrored}


def instance_words(offer: InstanceOffer) -> str:
    """``ml.m5.xlarge``, and with a GPU ``ml.g4dn.xlarge, T4`` or ``ml.g5.12xlarge, 4 × A10G``."""
    if not offer.gpus:
        return offer.name
    gpu = offer.gpu.partition(",")[0].removeprefix("NVIDIA ").removeprefix("Tesla ") or "GPU"
    return f"{offer.name}, {f'{offer.gpus} × ' if offer.gpus > 1 else ''}{gpu}"


def estimate_words(seconds: float | None, dollars: float | None) -> str:
    """``about 3 min, $0.02``; "" without a time, and no price where none is known."""
    if seconds is None:
        return ""
    minutes = max(1, round(seconds / 60))
    words = f"about {f'{minutes} min' if minutes < 60 else duration(seconds)}"
    return words if dollars is None else f"{words}, {cost(dollars)}"
