"""Between the launch form's values and the workers' specs, in both directions; knows no widget."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from console.models.format import count, typed_numbers
from console.models.ways import PARAMETERS, hyperparameters_of
from console.models.ways import values_of as way_values
from workers.aws.names import suggest_name as _suggest
from workers.aws.s3_uri import S3Uri
from workers.tuning.accuracy import BEST
from workers.tuning.request import combinations, range_problem
from workers.tuning.types import (
    CategoricalRange,
    ContinuousRange,
    ParameterRange,
    TuningJob,
    TuningSpec,
)
from workers.types import TrainingJob, TrainingSpec

Mode = Literal["single", "tuning", "hosts"]

SECONDS_A_MINUTE = 60
DEFAULT_INSTANCES: dict[str, str] = {"single": "ml.m5.xlarge", "tuning": "ml.m5.2xlarge", "hosts": "ml.m5.2xlarge"}
DEFAULT_COUNTS: dict[str, int] = {"single": 1, "tuning": 1, "hosts": 4}
OBJECTIVES = (
    (BEST, "Best validation accuracy, highest"),
    ("valid:accuracy", "Last epoch's validation accuracy, highest"),
    ("valid:loss", "Validation loss, lowest"),
    ("train:accuracy", "Training accuracy, highest"),
    ("train:loss", "Training loss, lowest"),
)
SCALE_WORDS = {
    "Logarithmic": "log scale",
    "Linear": "linear scale",
    "ReverseLogarithmic": "reverse log scale",
    "Auto": "scale chosen by SageMaker",
}
_NAME_ENDS = {"single": "", "tuning": "-tuning", "hosts": "-hosts"}
# Characters of "-" and a time, which the name gets at launch.
_STAMP = 16
# SageMaker's limit for tuning jobs, for their trials' names go on from theirs.
_TUNING_NAME_MOST = 32
_FORM_PARAMETERS = frozenset(("backbone", "epochs", "learning_rate", "batch_size")) | PARAMETERS
_PAIR = re.compile(r"\s*([^=\s][^=]*?)\s*=\s*(.*?)\s*")


def suggest_name(mode: str, now: Any, base: str = "", data_uri: str = "") -> str:
    """A name that is free in all likelihood, after the set in ``data_uri`` where no ``base`` is given.

    A tuning job's is at most 32 characters long.
    """
    most = _TUNING_NAME_MOST - _STAMP if mode == "tuning" else None
    if not base:
        end = _NAME_ENDS[mode]
        base = _set_name(data_uri)[: None if most is None else most - len(end)].rstrip("-") + end
    return _suggest(base[:most], now)


def _set_name(data_uri: str) -> str:
    """``furniture`` for ``s3://bucket/furniture/``; the drawn dogs are dogs."""
    place = S3Uri.find(data_uri)
    last = place.parts[-1] if place is not None and place.parts else ""
    name = re.sub(r"[^a-zA-Z0-9]+", "-", last.removeprefix("sample-")).strip("-")
    return name or ("dogs" if place is None else "pictures")


def base_name(name: str) -> str:
    """A name without the time that ``suggest_name`` gave it."""
    parts = name.split("-")
    while len(parts) > 1 and parts[-1].isdigit():
        parts.pop()
    return "-".join(parts)


def pairs(text: str) -> dict[str, str]:
    """``a=1, b=2`` as a mapping. Raises ``ValueError`` with a sentence for what is no ``name=value``."""
    found: dict[str, str] = {}
    for part in (part for part in text.split(",") if part.strip()):
        match = _PAIR.fullmatch(part)
        if match is None:
            raise ValueError(f"“{part.strip()}” is not name=value.")
        if match[1] in found:
            raise ValueError(f"{match[1]} is there twice.")
        found[match[1]] = match[2]
    return found


def pairs_text(values: Mapping[str, str]) -> str:
    """The reverse of ``pairs``."""
    return ", ".join(f"{name}={value}" for name, value in values.items())


def numbers(text: str) -> list[float]:
    """``0.001, 0.01`` as numbers greater than 0. Raises ``ValueError`` with a sentence."""
    found = typed_numbers(text)
    if not found or not all(number > 0 for number in found):
        raise ValueError("At least one number, all greater than 0.")
    return found


# Checks


def rate_problem(value: float | None) -> str | None:
    """What is wrong with one learning rate."""
    if value is None:
        return "Not a number."
    return None if 0 < value <= 10 else "Between 0 and 10."


def rate_range(ends: tuple[float | None, float | None], scaling: str) -> ContinuousRange | None:
    """The range of the learning rate; ``None`` while an end is no number."""
    low, high = ends
    if low is None or high is None:
        return None
    return ContinuousRange("learning_rate", low, high, scaling)  # type: ignore[arg-type]


def ends_problem(ends: tuple[float | None, float | None], scaling: str) -> str | None:
    """What is wrong with the range of the learning rate."""
    made = rate_range(ends, scaling)
    if made is None:
        return "Both ends must be numbers."
    if made.low == made.high:
        return "Both ends are the same: there is nothing to tune."
    return range_problem(made)


def own_tags(tags: Mapping[str, str]) -> str:
    """The operator's own tags as the field has them; those of this program and AWS come by themselves.

    A tag with a comma or an equals sign cannot be written there and is left out.
    """
    return pairs_text(
        {
            key: value
            for key, value in tags.items()
            if not key.startswith(("sagedeck:", "aws:")) and not set(",=") & set(key + value)
        }
    )


def text_problem(parse: Any, text: str) -> str | None:
    """The sentence of ``parse``'s ValueError, or ``None``."""
    try:
        parse(text)
    except ValueError as error:
        return str(error)
    return None


# To specs


def training_spec(given: Mapping[str, Any], requirements: str | None) -> TrainingSpec:
    """A training job from valid values."""
    return TrainingSpec(
        job_name=given["name"],
        data_uri=given["data"],
        output_bucket=_bucket(given["data"]),
        backbone=given["backbone"],
        epochs=given["epochs"],
        learning_rate=given["rate"],
        batch_size=given["batch"],
        instance_type=given["instance"],
        instance_count=given["count"],
        max_runtime_seconds=given["minutes"] * SECONDS_A_MINUTE,
        hyperparameters={**hyperparameters_of(given), **pairs(given["extra"])},
        requirements=requirements,
        tags=pairs(given["tags"]),
        spot=given["spot"],
        keep_checkpoints=given["keep"] and not given["spot"],
    )


def tuning_spec(given: Mapping[str, Any], requirements: str | None, features_once: bool) -> TuningSpec:
    """A tuning job from valid values. A grid takes sets of values, and Hyperband stops jobs by itself."""
    grid = given["strategy"] == "Grid"
    rates: ParameterRange | None
    if grid:
        rates = CategoricalRange("learning_rate", tuple(f"{rate:g}" for rate in numbers(given["rates"])))
    else:
        rates = rate_range(given["range"], given["scale"])
    batches = CategoricalRange("batch_size", tuple(str(size) for size in given["batches"]))
    ranges = tuple(setting for setting in (rates, batches) if setting is not None)
    metric = given["objective"]
    return TuningSpec(
        tuning_name=given["name"],
        data_uri=given["data"],
        output_bucket=_bucket(given["data"]),
        backbone=given["backbone"],
        epochs=given["epochs"],
        ranges=ranges,
        objective_metric=metric,
        maximize=metric.endswith("accuracy"),
        strategy=given["strategy"],
        max_jobs=combinations(ranges) if grid else given["jobs"],
        max_parallel=given["parallel"],
        early_stopping="Off" if given["strategy"] == "Hyperband" else given["early"],
        trial_seconds=given["minutes"] * SECONDS_A_MINUTE,
        instance_type=given["instance"],
        instance_count=given["count"],
        hyperparameters={**hyperparameters_of(given), **pairs(given["extra"])},
        features_once=features_once,
        parents=(given["parent"],) if given["parent"] else (),
        tags=pairs(given["tags"]),
        requirements=requirements,
        spot=given["spot"],
    )


def _bucket(uri: str) -> str:
    place = S3Uri.find(uri)
    return place.bucket if place is not None else ""


# From jobs


def values_of_job(job: TrainingJob) -> dict[str, Any]:
    """The form's values of a job that was run, without its name."""
    return _values(
        {name: value.strip('"') for name, value in job.hyperparameters.items()},
        job.instance_type,
        job.instance_count,
        job.max_runtime_seconds,
    ) | {"spot": job.spot, "keep": bool(job.checkpoint_uri) and not job.spot}


def values_of_spec(spec: TrainingSpec) -> dict[str, Any]:
    """The form's values of a spec, without its name."""
    given = {
        "backbone": spec.backbone,
        "epochs": str(spec.epochs),
        "learning_rate": f"{spec.learning_rate:g}",
        "batch_size": str(spec.batch_size),
        **spec.hyperparameters,
    }
    values = _values(given, spec.instance_type, spec.instance_count, spec.max_runtime_seconds)
    return values | {"spot": spec.spot, "keep": spec.keep_checkpoints}


def values_of_tuning(job: TuningJob) -> dict[str, Any]:
    """The form's values of a tuning job that was run, without its name."""
    values = _values(job.static_hyperparameters, job.instance_type, job.instance_count, job.trial_seconds)
    values |= {
        "jobs": job.max_jobs or 1,
        "parallel": max(1, job.max_parallel),
        "strategy": job.strategy,
        "early": job.early_stopping,
        "objective": job.objective_metric,
        "spot": job.spot,
    }
    for setting in job.ranges:
        name = setting.name.replace("-", "_")
        if name == "learning_rate" and isinstance(setting, CategoricalRange):
            values["rates"] = ", ".join(setting.values)
        elif name == "learning_rate" and not isinstance(setting, CategoricalRange):
            values |= {"range": (setting.low, setting.high), "scale": setting.scaling or "Auto"}
        elif name == "batch_size" and isinstance(setting, CategoricalRange):
            values["batches"] = tuple(int(size) for size in setting.values if size.isdigit())
    return values


def _values(given: Mapping[str, str], instance: str, count: int, seconds: int) -> dict[str, Any]:
    clean = {name.replace("-", "_"): value for name, value in given.items() if not name.startswith(("_", "sagemaker"))}
    values: dict[str, Any] = {"count": max(1, count), "minutes": max(1, seconds // SECONDS_A_MINUTE)}
    if instance:
        values["instance"] = instance
    if "backbone" in clean:
        values["backbone"] = clean["backbone"]
    for name, key in (("epochs", "epochs"), ("batch_size", "batch"), ("views", "views")):
        if clean.get(name, "").isdigit():
            values[key] = int(clean[name])
    rate = clean.get("learning_rate", "")
    if text_problem(float, rate) is None:
        values["rate"] = float(rate)
    values |= way_values(clean)
    values["extra"] = pairs_text({name: value for name, value in clean.items() if name not in _FORM_PARAMETERS})
    return values


# Words


def launch_words(spec: TrainingSpec | TuningSpec | None) -> str:
    """What the launch button says."""
    if isinstance(spec, TuningSpec) and spec.max_jobs:
        return f"Launch {count(spec.max_jobs, 'job')}"
    if isinstance(spec, TrainingSpec) and spec.instance_count > 1:
        return f"Launch {spec.instance_count} hosts"
    return "Launch job"
