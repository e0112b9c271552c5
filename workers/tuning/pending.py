"""A tuning job that waits for its features: its form travels with the job that prepares them.

The tuning job itself is created only when the features are there. Until then, and when the window that waits is
closed, the form is nowhere but in that job's environment: from there the wait is shown, and can be taken up again.
The environment of a job cannot be changed; a second tuning job that waits for the same features has its form in tags
of their job.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import re
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from workers.aws.tags import LONGEST_VALUE
from workers.tuning.types import CategoricalRange, ContinuousRange, IntegerRange, ParameterRange, TuningSpec
from workers.types import TrainingJob

VARIABLE = "SAGEDECK_TUNING"
# CreateTrainingJob: values of the environment have at most 512 characters.
_PART = 500
_MOST_PARTS = 40
TAG = "sagedeck:tuning:"
_TAG = re.compile(rf"{TAG}(.+):(\d+)")
# A job has at most 50 tags, its own among them. A usual form takes two or three.
_MOST_TAGS = 12
# Nobody's form is longer: what unpacks to more was not packed here.
_LONGEST_FORM = 1_000_000
_KINDS: dict[str, Callable[..., ParameterRange]] = {
    "Continuous": ContinuousRange,
    "Integer": IntegerRange,
    "Categorical": CategoricalRange,
}


def form_variables(spec: TuningSpec) -> dict[str, str]:
    """The form as environment variables; only its name for one that is too long to be kept."""
    parts = _cut(_text(spec), _PART)
    if len(parts) > _MOST_PARTS:
        return {VARIABLE: spec.tuning_name}
    return {VARIABLE: spec.tuning_name, **{f"{VARIABLE}_{number}": part for number, part in enumerate(parts)}}


def awaiting_tags(spec: TuningSpec) -> dict[str, str]:
    """The form as tags of the job that it waits for; only its name for one that is too long to be kept.

    Tags cannot hold JSON's signs, so it is packed.
    """
    packed = base64.urlsafe_b64encode(zlib.compress(_text(spec).encode(), 9)).decode()
    # An earlier launch under this name may have left more tags: how many are of this one stands in the first.
    count = -(-(len(packed) + 3) // LONGEST_VALUE)
    parts = _cut(f"{count:02}:{packed}", LONGEST_VALUE) if count <= _MOST_TAGS else [""]
    return {f"{TAG}{spec.tuning_name}:{number}": part for number, part in enumerate(parts)}


def awaiting_forms(tags: Mapping[str, str]) -> dict[str, TuningSpec | None]:
    """The tuning jobs that wait for a job with these tags, by name, and their forms where these were kept."""
    parts: dict[str, dict[int, str]] = {}
    for key, value in tags.items():
        found = _TAG.fullmatch(key)
        if found is not None:
            parts.setdefault(found[1], {})[int(found[2])] = value
    return {name: _unpacked(found) for name, found in parts.items()}


def _unpacked(parts: Mapping[int, str]) -> TuningSpec | None:
    try:
        count, _, packed = parts[0].partition(":")
        packed += "".join(parts[number] for number in range(1, int(count)))
        return _form(zlib.decompressobj().decompress(base64.urlsafe_b64decode(packed), _LONGEST_FORM).decode())
    except (ValueError, KeyError, zlib.error):
        return None


def _text(spec: TuningSpec) -> str:
    """The form as JSON, without what is as it is by default."""
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
    return json.dumps(given, default=dict, separators=(",", ":"))


def _cut(text: str, length: int) -> list[str]:
    return [text[at : at + length] for at in range(0, len(text), length)]


def awaited_name(job: TrainingJob) -> str:
    """The name of the tuning job that these features are prepared for; "" for any other job."""
    return job.environment.get(VARIABLE, "")


def awaited_form(job: TrainingJob) -> TuningSpec | None:
    """The form of the tuning job that these features are prepared for; ``None`` when it was not kept."""
    parts = [part for number in range(_MOST_PARTS) if (part := job.environment.get(f"{VARIABLE}_{number}")) is not None]
    return _form("".join(parts))


def _form(text: str) -> TuningSpec | None:
    try:
        return TuningSpec(**_read(json.loads(text)))
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
