"""What is priced is what is launched: a single job as one job, hosts and trials as many as the request asks for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from workers.prices.table import PriceTable
from workers.training.paces import HEAD_SECONDS, OVERHEAD_SECONDS, PICTURE_SECONDS, TUNED_TIMES
from workers.training.request import launch_request
from workers.training.spot import SPOT_SAVING
from workers.tuning.costs import estimate
from workers.tuning.features import LEAST_RUNTIME
from workers.tuning.request import tuning_request
from workers.tuning.types import CategoricalRange, TuningSpec
from workers.types import TrainingSpec

REGION, PICTURES, EPOCHS = "us-east-1", 9000, 10
PRICES = PriceTable.load()
KIND = "ml.m5.2xlarge"
HOUR = PRICES.per_hour(KIND, "training", REGION)
PROCESSORS = 8
SINGLE = TrainingSpec(
    "dogs-1", "s3://data/dogs", "data", epochs=EPOCHS, instance_type=KIND, max_runtime_seconds=3600
)  # fmt: skip
TUNING = TuningSpec("tune-1", "s3://data/dogs", "data", epochs=EPOCHS, instance_type=KIND, trial_seconds=3600)

HEAD = OVERHEAD_SECONDS + PICTURES * EPOCHS * HEAD_SECONDS
PASS = PICTURES * 3 * PICTURE_SECONDS["efficientnet_lite0"] / PROCESSORS
FEATURES = OVERHEAD_SECONDS + PASS
# Every epoch sees one view of each picture, forth and back.
LAYERS = OVERHEAD_SECONDS + EPOCHS * PASS / 3 * TUNED_TIMES

# Form, jobs, seconds of one job, seconds that are billed at the price of one instance, the most of these, wall clock.
TABLE = {
    "single": (SINGLE, 1, HEAD + PASS, HEAD + PASS, 3600, HEAD + PASS),
    "single, no limit but its own": (
        replace(SINGLE, max_runtime_seconds=600), 1, HEAD + PASS, HEAD + PASS, 600, HEAD + PASS,
    ),
    "single, layers trained": (
        replace(SINGLE, hyperparameters={"unfreeze": "2"}),
        1, LAYERS, LAYERS, 3600, LAYERS,
    ),
    "four hosts": (
        replace(SINGLE, instance_count=4),
        1, HEAD + PASS / 4, 4 * (HEAD + PASS / 4), 4 * 3600, HEAD + PASS / 4,
    ),
    "tuning 12, 3 at a time": (
        TUNING, 12, HEAD, FEATURES + 12 * HEAD, LEAST_RUNTIME + 12 * 3600, FEATURES + 4 * HEAD,
    ),
    "tuning, features in each": (
        replace(TUNING, features_once=False), 12, HEAD + PASS, 12 * (HEAD + PASS), 12 * 3600, 4 * (HEAD + PASS),
    ),
    "tuning with a limit of its own": (
        replace(TUNING, max_runtime_seconds=7200),
        12, HEAD, FEATURES + 12 * HEAD, LEAST_RUNTIME + 3 * 7200, FEATURES + 4 * HEAD,
    ),
    "tuning of one": (
        replace(TUNING, max_jobs=1, max_parallel=1, features_once=False),
        1, HEAD + PASS, HEAD + PASS, 3600, HEAD + PASS,
    ),
    "grid": (
        replace(
            TUNING, strategy="Grid", max_jobs=None, max_parallel=2, features_once=False,
            ranges=(CategoricalRange("batch_size", ("8", "16", "32")),),
        ),
        3, HEAD + PASS, 3 * (HEAD + PASS), 3 * 3600, 2 * (HEAD + PASS),
    ),
}  # fmt: skip


@pytest.mark.parametrize("spot", [False, True])
@pytest.mark.parametrize("name", TABLE)
def test_the_price_is_that_of_what_is_launched(name, spot):
    form, jobs, each, billed, longest, clock = TABLE[name]
    form = replace(form, spot=spot)
    made = estimate(form, PRICES, REGION, PICTURES)
    assert (made.jobs, made.trial_seconds, made.seconds) == (jobs, pytest.approx(each), pytest.approx(clock))
    full = billed * HOUR / 3600
    assert made.expected == pytest.approx(full * (1 - SPOT_SAVING if spot else 1))
    assert made.saved == pytest.approx(full * SPOT_SAVING if spot else 0)
    # At the worst there is no discount.
    assert made.most == pytest.approx(longest * HOUR / 3600)


@pytest.mark.parametrize("name", TABLE)
def test_the_request_asks_for_what_was_priced(name):
    form, jobs = TABLE[name][:2]
    single = isinstance(form, TrainingSpec)
    request = launch_request(form, REGION) if single else tuning_request(form, REGION)
    assert (request.instance_type, request.instance_count) == (form.instance_type, form.instance_count)
    assert request.max_runtime_seconds == (form.max_runtime_seconds if single else form.trial_seconds)
    assert (request.tuning is None) is single
    assert (1 if request.tuning is None else request.tuning.max_jobs) == jobs
    assert (request.max_wait_seconds is not None) is form.spot
