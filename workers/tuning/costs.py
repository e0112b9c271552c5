"""What a tuning job will cost before it is launched: instance price times expected time times jobs."""

from __future__ import annotations

import math

from workers.prices.table import PriceTable
from workers.training.spot import SPOT_SAVING
from workers.tuning.features import features_limit
from workers.tuning.request import combinations, features_once
from workers.tuning.types import CostEstimate, TuningSpec

# Image pull, download and upload, which AWS bills too: usually one to two minutes.
OVERHEAD_SECONDS = 90.0
# Processor seconds for one view of one picture through the frozen backbone, measured with training/train.py on
# one core. The backbones that are not named here are about as large as ResNet-50.
PICTURE_SECONDS = {"efficientnet_lite0": 0.03, "mobilenet_v3_large": 0.03, "resnet18": 0.05}
OTHER_PICTURE_SECONDS = 0.11
# An epoch of the head over one picture with all of its views.
HEAD_SECONDS = 1e-4


def estimate(
    spec: TuningSpec, prices: PriceTable, region: str, pictures: int, trial_seconds: float | None = None
) -> CostEstimate:
    """Expected time and cost of a form for this many ``pictures`` in all splits.

    ``trial_seconds`` replaces the rule of thumb, for example by the mean of an earlier tuning job's trials. Early
    stopping only makes it cheaper, so it is left out. On spot instances the expected sum is less by what they usually
    save, and the most is what it would be without them.
    """
    jobs = spec.max_jobs or combinations(spec.ranges) or 1
    offers = {offer.name: offer for offer in prices.offers("training", region)}
    offer = offers.get(spec.instance_type)
    processors = (offer.vcpus if offer else 4) * spec.instance_count
    views = float(spec.hyperparameters.get("views", "3"))
    one_pass = pictures * views * PICTURE_SECONDS.get(spec.backbone, OTHER_PICTURE_SECONDS) / max(1, processors)
    head = pictures * spec.epochs * HEAD_SECONDS
    once = features_once(spec)
    if trial_seconds is None:
        unfrozen = spec.hyperparameters.get("unfreeze", "0") not in ("0", "")
        # With layers of the backbone in training, every epoch passes all pictures forth and back.
        passes = 3 * spec.epochs if unfrozen else 0 if once else 1
        trial_seconds = OVERHEAD_SECONDS + head + passes * one_pass
    features_seconds = OVERHEAD_SECONDS + one_pass if once else 0.0
    billed = trial_seconds * jobs + features_seconds
    longest = float(spec.trial_seconds * jobs)
    if spec.max_runtime_seconds is not None:
        longest = min(longest, float(spec.max_runtime_seconds * min(spec.max_parallel, jobs)))
    longest += features_limit(spec) if once else 0
    price = prices.per_hour(spec.instance_type, "training", region)
    dollars = None if price is None else price * spec.instance_count / 3600
    saved = SPOT_SAVING if spec.spot else 0.0
    return CostEstimate(
        jobs=jobs,
        trial_seconds=trial_seconds,
        features_seconds=features_seconds,
        seconds=features_seconds + trial_seconds * math.ceil(jobs / max(1, spec.max_parallel)),
        expected=None if dollars is None else dollars * billed * (1 - saved),
        most=None if dollars is None else dollars * longest,
        caption=prices.caption(),
        saved=None if dollars is None else dollars * billed * saved,
    )
