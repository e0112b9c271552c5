"""What a job or a tuning job will cost before it is launched: instance price times expected time times jobs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from workers.prices.table import PriceTable
from workers.training.spot import SPOT_SAVING
from workers.tuning.features import features_limit
from workers.tuning.request import combinations, features_once
from workers.tuning.types import CostEstimate, TuningSpec
from workers.types import TrainingSpec

# Image pull, download and upload, which AWS bills too: usually one to two minutes.
OVERHEAD_SECONDS = 90.0
# Processor seconds for one view of one picture through the frozen backbone, measured with training/train.py on
# one core. The backbones that are not named here are about as large as ResNet-50.
PICTURE_SECONDS = {"efficientnet_lite0": 0.03, "mobilenet_v3_large": 0.03, "resnet18": 0.05}
OTHER_PICTURE_SECONDS = 0.11
# An epoch of the head over one picture with all of its views.
HEAD_SECONDS = 1e-4


def estimate(
    spec: TrainingSpec | TuningSpec, prices: PriceTable, region: str, pictures: int, trial_seconds: float | None = None
) -> CostEstimate:
    """Expected time and cost of a form for this many ``pictures`` in all splits.

    ``trial_seconds`` replaces the rule of thumb, for example by the mean of an earlier tuning job's trials. Early
    stopping only makes it cheaper, so it is left out. On spot instances the expected sum is less by what they usually
    save, and the most is what it would be without them.
    """
    work = (
        _job(spec, prices, region, pictures)
        if isinstance(spec, TrainingSpec)
        else _jobs(spec, prices, region, pictures, trial_seconds)
    )
    price = prices.per_hour(spec.instance_type, "training", region)
    dollars = None if price is None else price * spec.instance_count / 3600
    billed = work.job_seconds * work.jobs + work.features_seconds
    saved = SPOT_SAVING if spec.spot else 0.0
    return CostEstimate(
        jobs=work.jobs,
        trial_seconds=work.job_seconds,
        features_seconds=work.features_seconds,
        seconds=work.features_seconds + work.job_seconds * math.ceil(work.jobs / work.parallel),
        expected=None if dollars is None else dollars * billed * (1 - saved),
        most=None if dollars is None else dollars * work.longest,
        caption=prices.caption(),
        saved=None if dollars is None else dollars * billed * saved,
    )


@dataclass(frozen=True)
class _Work:
    """What a launch has to do, in seconds of its instances: ``jobs`` of ``job_seconds``, at most ``longest`` in all."""

    job_seconds: float
    longest: float
    jobs: int = 1
    parallel: int = 1
    features_seconds: float = 0.0


def _job(spec: TrainingSpec, prices: PriceTable, region: str, pictures: int) -> _Work:
    """One job: no features of their own, nothing at the same time, and nothing but its own time limit."""
    seconds = _job_seconds(spec, _pass_seconds(spec, prices, region, pictures), pictures, shared=False)
    return _Work(seconds, float(spec.max_runtime_seconds))


def _jobs(spec: TuningSpec, prices: PriceTable, region: str, pictures: int, trial_seconds: float | None) -> _Work:
    jobs = spec.max_jobs or combinations(spec.ranges) or 1
    parallel = max(1, min(spec.max_parallel, jobs))
    one_pass, once = _pass_seconds(spec, prices, region, pictures), features_once(spec)
    longest = float(spec.trial_seconds * jobs)
    if spec.max_runtime_seconds is not None:
        longest = min(longest, float(spec.max_runtime_seconds * parallel))
    return _Work(
        trial_seconds if trial_seconds is not None else _job_seconds(spec, one_pass, pictures, shared=once),
        longest + (features_limit(spec) if once else 0),
        jobs,
        parallel,
        OVERHEAD_SECONDS + one_pass if once else 0.0,
    )


def _pass_seconds(spec: TrainingSpec | TuningSpec, prices: PriceTable, region: str, pictures: int) -> float:
    """All views of all pictures through the backbone, on all processors of the instances."""
    offers = {offer.name: offer for offer in prices.offers("training", region)}
    offer = offers.get(spec.instance_type)
    processors = (offer.vcpus if offer else 4) * spec.instance_count
    views = float(spec.hyperparameters.get("views", "3"))
    return pictures * views * PICTURE_SECONDS.get(spec.backbone, OTHER_PICTURE_SECONDS) / max(1, processors)


def _job_seconds(spec: TrainingSpec | TuningSpec, one_pass: float, pictures: int, *, shared: bool) -> float:
    """``shared``: the features are there already."""
    unfrozen = spec.hyperparameters.get("unfreeze", "0") not in ("0", "")
    # With layers of the backbone in training, every epoch passes all pictures forth and back.
    passes = 3 * spec.epochs if unfrozen else 0 if shared else 1
    return OVERHEAD_SECONDS + pictures * spec.epochs * HEAD_SECONDS + passes * one_pass
