"""What a job or a tuning job will cost before it is launched: instance price times expected time times jobs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from workers.prices.table import PriceTable
from workers.training.paces import OVERHEAD_SECONDS, Machine, Workload, job_seconds, pass_seconds
from workers.training.spot import SPOT_SAVING
from workers.tuning.features import features_limit
from workers.tuning.request import combinations, features_once
from workers.tuning.types import CostEstimate, TuningSpec
from workers.types import TrainingSpec


def estimate(
    spec: TrainingSpec | TuningSpec, prices: PriceTable, region: str, pictures: int, trial_seconds: float | None = None
) -> CostEstimate:
    """Expected time and cost of a form for this many ``pictures`` in all splits, by ``workers/training/paces.py``.

    ``trial_seconds`` replaces the rule of thumb, for example by the mean of an earlier tuning job's trials. Early
    stopping only makes it cheaper, so it is left out. On spot instances the expected sum is less by what they usually
    save, and the most is what it would be without them. ``None`` is what is not known.
    """
    machine = prices.machine(spec.instance_type).times(spec.instance_count)
    epochs = spec.epochs - spec.continued_epochs if isinstance(spec, TrainingSpec) else spec.epochs
    load = Workload.of(pictures, spec.backbone, max(1, epochs), spec.hyperparameters)
    work = _job(spec, machine, load) if isinstance(spec, TrainingSpec) else _jobs(spec, machine, load, trial_seconds)
    price = prices.per_hour(spec.instance_type, "training", region)
    dollars = None if price is None else price * spec.instance_count / 3600
    each, features = work.job_seconds, work.features_seconds
    billed = None if each is None or features is None else each * work.jobs + features
    sum_of_all = None if dollars is None or billed is None else dollars * billed
    saved = SPOT_SAVING if spec.spot else 0.0
    return CostEstimate(
        jobs=work.jobs,
        trial_seconds=each,
        features_seconds=features,
        seconds=None if each is None or features is None else features + each * math.ceil(work.jobs / work.parallel),
        expected=None if sum_of_all is None else sum_of_all * (1 - saved),
        most=None if dollars is None else dollars * work.longest,
        caption=prices.caption(),
        saved=None if sum_of_all is None else sum_of_all * saved,
    )


@dataclass(frozen=True)
class _Work:
    """What a launch has to do, in seconds of its instances: ``jobs`` of ``job_seconds``, at most ``longest`` in all.

    ``None`` where the machine is not known.
    """

    job_seconds: float | None
    longest: float
    jobs: int = 1
    parallel: int = 1
    features_seconds: float | None = 0.0


def _job(spec: TrainingSpec, machine: Machine, load: Workload) -> _Work:
    """One job: no features of their own, nothing at the same time, and nothing but its own time limit."""
    return _Work(job_seconds(machine, load), float(spec.max_runtime_seconds))


def _jobs(spec: TuningSpec, machine: Machine, load: Workload, trial_seconds: float | None) -> _Work:
    jobs = spec.max_jobs or combinations(spec.ranges) or 1
    parallel = max(1, min(spec.max_parallel, jobs))
    once = features_once(spec)
    longest = float(spec.trial_seconds * jobs)
    if spec.max_runtime_seconds is not None:
        longest = min(longest, float(spec.max_runtime_seconds * parallel))
    one_pass = pass_seconds(machine, load)
    return _Work(
        trial_seconds if trial_seconds is not None else job_seconds(machine, load, shared=once),
        longest + (features_limit(spec) if once else 0),
        jobs,
        parallel,
        0.0 if not once else None if one_pass is None else OVERHEAD_SECONDS + one_pass,
    )
