"""A tuning job that waits for its features: its form travels with the job that prepares them.

The tuning job itself is created only when the features are there. Until then, and when the window that waits is
closed, the form is nowhere but in that job's environment: from there the wait is shown, and can be taken up again.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any

from workers.tuning.types import CategoricalRange, ContinuousRange, IntegerRange, ParameterRange, TuningSpec
from workers.types import TrainingJob

VARIABLE = "SAGEDECK_TUNING"
# CreateTrainingJob: values of the environment have at most 512 characters.
_PART = 500
_MOST_PARTS = 40
_KINDS: dict[str, Callable[..., ParameterRange]] = {
    "Continuous": ContinuousRange,
    "Integer": IntegerRange,
    "Categorical": CategoricalRange,
}


def form_variables(spec: TuningSpec) -> dict[str, str]:
    """The form as environment variables; only its name for one that is too long to be kept."""
    defaults = TuningSpec("", "", "")
    given = {
        field.name: getattr(spec, field.name)
        for field in dataclasses.fields(spec)
        if getattr(spec, field.name) != getattr(defaults, field.name)
    }
    if "ranges" in given:
        given["ranges"] = [
            {"kind": type(searched).__name__.removesuffix("Range"), **dataclasses.asdict(searched)}
            for searched in spec.ranges
        ]
    text = json.dumps(given, default=dict, separators=(",", ":"))
    parts = [text[at : at + _PART] for at in range(0, len(text), _PART)]
    if len(parts) > _MOST_PARTS:
        return {VARIABLE: spec.tuning_name}
    return {VARIABLE: spec.tuning_name, **{f"{VARIABLE}_{number}": part for number, part in enumerate(parts)}}


def awaited_name(job: TrainingJob) -> str:
    """The name of the tuning job that these features are prepared for; "" for any other job."""
    return job.environment.get(VARIABLE, "")


def awaited_form(job: TrainingJob) -> TuningSpec | None:
    """The form of the tuning job that these features are prepared for; ``None`` when it was not kept."""
    parts = [part for number in range(_MOST_PARTS) if (part := job.environment.get(f"{VARIABLE}_{number}")) is not None]
    try:
        given = json.loads("".join(parts))
        return TuningSpec(**_read(given))
    except (TypeError, ValueError, KeyError, AttributeError):
        # Another version's, or cut: then there is nothing to be taken up again.
        return None


def _read(given: Mapping[str, Any]) -> dict[str, Any]:
    values = dict(given)
    if "ranges" in values:
        values["ranges"] = tuple(_range(searched) for searched in values["ranges"])
    if "parents" in values:
        values["parents"] = tuple(values["parents"])
    return values


def _range(given: Mapping[str, object]) -> ParameterRange:
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    return _KINDS[values.pop("kind")](**values)
