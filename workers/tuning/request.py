"""From the tuning form to the launcher's request, with everything that can be checked without a network."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from workers.aws.names import name_problem
from workers.aws.s3_uri import S3Uri
from workers.errors.tree import InvalidInput
from workers.launcher.request import Hyperband, LaunchRequest, Range, TuningPart, WarmStart
from workers.training.paces import is_fine_tuned
from workers.training.request import data_folder, launch_request, metric_definitions
from workers.tuning.types import CategoricalRange, IntegerRange, ParameterRange, TuningSpec
from workers.types import TrainingSpec

# CreateHyperParameterTuningJob: 32 characters, because AWS appends "-001-" and a hash to name the training jobs.
MAX_NAME = 32
# CreateHyperParameterTuningJob refuses less.
LEAST_RUNTIME = 120
DATA_VARIABLE = "SAGEDECK_DATA_URI"
# Other settings of these make other features: tuning them means that every job computes its own.
FEATURE_SETTINGS = frozenset(
    {"backbone", "weights", "views", "image_size", "seed", "unfreeze", "flip_test", "data_dir"}
)


def tuning_name_problem(name: str) -> str | None:
    """What is wrong with the name of a tuning job, or ``None``. No network."""
    problem = name_problem(name, "The tuning job's name")
    if problem is None and len(name) > MAX_NAME:
        problem = f"The tuning job's name has {len(name)} characters; at most {MAX_NAME} are allowed."
    return problem


def range_problem(searched: ParameterRange) -> str | None:
    """What is wrong with one range, in a sentence, or ``None``."""
    if not searched.name:
        return "A range has no hyperparameter."
    if isinstance(searched, CategoricalRange):
        if not searched.values or any(not value.strip() for value in searched.values):
            return f"{searched.name} needs at least one value, and none may be empty."
        if len(set(searched.values)) < len(searched.values):
            return f"{searched.name} has the same value twice."
        return None
    if not (math.isfinite(searched.low) and math.isfinite(searched.high)):
        return f"The bounds of {searched.name} must be numbers."
    if searched.low > searched.high:
        return f"The range of {searched.name} is upside down: {searched.low:g} is more than {searched.high:g}."
    if searched.scaling == "Logarithmic" and searched.low <= 0:
        return (
            f"The range of {searched.name} has a logarithmic scale, so it must start above 0, not at {searched.low:g}."
        )
    if searched.scaling == "ReverseLogarithmic":
        if isinstance(searched, IntegerRange):
            return f"{searched.name} takes whole numbers, which cannot have a reverse logarithmic scale."
        if not 0 <= searched.low <= searched.high < 1:
            return f"The range of {searched.name} has a reverse logarithmic scale, so it must lie from 0 to below 1."
    if searched.name.replace("-", "_") == "learning_rate" and searched.low <= 0:
        return "The learning rate must be greater than 0."
    return None


def combinations(ranges: Iterable[ParameterRange]) -> int | None:
    """How many combinations a grid has, or ``None`` when a range is not categorical."""
    sizes = [len(searched.values) if isinstance(searched, CategoricalRange) else None for searched in ranges]
    return None if None in sizes else math.prod(size for size in sizes if size is not None)


def spec_problem(spec: TuningSpec) -> str | None:
    """What is wrong with a form, in a sentence, or ``None``. No network."""
    problems = [
        tuning_name_problem(spec.tuning_name),
        *(range_problem(searched) for searched in spec.ranges),
        _names_problem(spec),
        _limits_problem(spec),
    ]
    return next((problem for problem in problems if problem), None)


def features_once(spec: TuningSpec) -> bool:
    """Whether the features are computed once for all jobs: asked for, and the same for every job."""
    varied = {searched.name.replace("-", "_") for searched in spec.ranges} & FEATURE_SETTINGS
    return spec.features_once and not varied and not is_fine_tuned(_setting(spec, "unfreeze"))


def features_note(spec: TuningSpec) -> str:
    """Why every job computes its own features, or that they are computed once; a line for the form."""
    varied = sorted({searched.name.replace("-", "_") for searched in spec.ranges} & FEATURE_SETTINGS)
    if not spec.features_once:
        return "Every job computes the features itself."
    if varied:
        return f"Every job computes the features itself, because {', '.join(varied)} differs from job to job."
    if not features_once(spec):
        return "Every job computes the features itself, because layers of the backbone are trained too."
    return "The features are computed once, and every job trains the head on them."


def tuning_request(spec: TuningSpec, region: str, features_uri: str = "", role_arn: str = "") -> LaunchRequest:
    """The request of a form: one of its jobs, and what the tuning job adds. Raises ``InvalidInput``.

    With ``features_uri`` the jobs get these features instead of the pictures.
    """
    problem = spec_problem(spec)
    if problem:
        raise InvalidInput("The tuning job cannot start like this", problem)
    request = replace(
        launch_request(_one_job(spec), region, role_arn),
        hyperparameters=static_hyperparameters(spec),
        tuning=_tuning_part(spec),
    )
    return replace(request, channels={"features": features_uri}) if features_uri else request


def _one_job(spec: TuningSpec) -> TrainingSpec:
    """What each job of the tuning job is like."""
    return TrainingSpec(
        job_name=spec.tuning_name,
        data_uri=spec.data_uri,
        output_bucket=spec.output_bucket,
        backbone=spec.backbone,
        epochs=spec.epochs,
        instance_type=spec.instance_type,
        instance_count=spec.instance_count,
        max_runtime_seconds=spec.trial_seconds,
        volume_gb=spec.volume_gb,
        requirements=spec.requirements,
        tags=spec.tags,
        spot=spec.spot,
        # The jobs with prepared features do not get the data, but a person wants to know where they come from.
        environment={DATA_VARIABLE: data_folder(spec.data_uri)},
    )


def _tuning_part(spec: TuningSpec) -> TuningPart:
    jobs = spec.max_jobs if spec.max_jobs is not None else combinations(spec.ranges)
    return TuningPart(
        ranges=tuple(_range(searched) for searched in spec.ranges),
        objective_metric=spec.objective_metric,
        objective_type="Maximize" if spec.maximize else "Minimize",
        strategy=spec.strategy,
        # ``spec_problem`` has seen to it that the number is known.
        max_jobs=jobs or 0,
        max_parallel=spec.max_parallel,
        early_stopping=spec.early_stopping,
        max_runtime_seconds=spec.max_runtime_seconds,
        hyperband=Hyperband(1, spec.epochs) if spec.strategy == "Hyperband" else None,
        warm_start=WarmStart(spec.warm_start, spec.parents) if spec.parents else None,
        random_seed=spec.random_seed,
    )


def static_hyperparameters(spec: TuningSpec) -> dict[str, str]:
    """The hyperparameters that are the same for every job."""
    values = {"backbone": spec.backbone, "epochs": str(spec.epochs), **spec.hyperparameters}
    tuned = {searched.name.replace("-", "_") for searched in spec.ranges}
    return {name: value for name, value in values.items() if name.replace("-", "_") not in tuned}


def _names_problem(spec: TuningSpec) -> str | None:
    names = [searched.name for searched in spec.ranges]
    if not names:
        return "No hyperparameter has a range: there is nothing to tune."
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        return f"{', '.join(twice)} has more than one range."
    metrics = [metric.name for metric in metric_definitions()]
    if spec.objective_metric not in metrics:
        return f"The objective {spec.objective_metric!r} is not a metric of the training script: {', '.join(metrics)}."
    if S3Uri.find(spec.data_uri) is None:
        return "The data must be a folder in S3 (s3://bucket/folder)."
    if not spec.output_bucket:
        return "The bucket for the results is missing."
    return None


def _limits_problem(spec: TuningSpec) -> str | None:
    for value, least, what in (
        (spec.instance_count, 1, "The number of instances"),
        (spec.epochs, 1, "The number of epochs"),
        (spec.volume_gb, 1, "The volume size in GB"),
        (spec.trial_seconds, 1, "The longest run time of a job"),
        (spec.max_parallel, 1, "The number of parallel jobs"),
        (1 if spec.max_jobs is None else spec.max_jobs, 1, "The number of jobs"),
    ):
        if value < least:
            return f"{what} must be at least {least}."
    if spec.max_runtime_seconds is not None and spec.max_runtime_seconds < LEAST_RUNTIME:
        return f"The longest run time of the tuning job must be at least {LEAST_RUNTIME} seconds."
    size = combinations(spec.ranges)
    if spec.strategy == "Grid" and size is None:
        return "Grid search takes sets of values only; give ranges of numbers another strategy."
    if spec.strategy == "Grid" and spec.max_jobs is not None and spec.max_jobs != size:
        return f"The grid has {size} combinations, so the number of jobs must be {size} or left open."
    jobs = spec.max_jobs if spec.max_jobs is not None else size
    if jobs is None:
        return "The number of jobs is missing; only a grid knows it by itself."
    if spec.max_parallel > jobs:
        return f"{spec.max_parallel} parallel jobs are more than the {jobs} jobs there are in all."
    if spec.strategy == "Hyperband" and spec.early_stopping == "Auto":
        return "Hyperband stops jobs by itself; early stopping must be off."
    return None


def _range(searched: ParameterRange) -> Range:
    if isinstance(searched, CategoricalRange):
        return Range("Categorical", searched.name, values=searched.values)
    kind: Literal["Integer", "Continuous"] = "Integer" if isinstance(searched, IntegerRange) else "Continuous"
    return Range(kind, searched.name, float(searched.low), float(searched.high), searched.scaling)


def _setting(spec: TuningSpec, name: str) -> str:
    return next((value for key, value in spec.hyperparameters.items() if key.replace("-", "_") == name), "")
