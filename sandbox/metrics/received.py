"""One MetricDatum of PutMetricData, checked: a value, values with counts, or a statistic set, and only one of them.

Source: CloudWatch API Reference, ``MetricDatum``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sandbox.metrics.store import Datum, one_value
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import as_datetime
from sandbox.wire.models import service_model

# Two weeks back, two hours ahead; 150 values; 30 dimensions; values from -2^360 to 2^360.
MAX_AGE_SECONDS = 14 * 86_400
MAX_AHEAD_SECONDS = 2 * 3600
MAX_VALUES = 150
MAX_DIMENSIONS = 30
MAX_VALUE = 2.0**360
_ALTERNATIVES = (
    ("Value", "Values", "InvalidParameterValue"),
    ("Value", "StatisticValues", "InvalidParameterCombination"),
    ("Values", "StatisticValues", "InvalidParameterCombination"),
)


def dimensions(item: Mapping[str, Any]) -> dict[str, str]:
    """The dimensions of a datum, a metric or a request."""
    return {str(entry.get("Name")): str(entry.get("Value")) for entry in item.get("Dimensions") or []}


def number_of(value: object, parameter: str) -> float:
    """A finite number. Raises InvalidParameterValue naming ``parameter``."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if math.isnan(number) or abs(number) > MAX_VALUE:
        shown = "NaN" if isinstance(value, float) and math.isnan(value) else value
        raise AwsError("InvalidParameterValue", f"The value {shown} for parameter {parameter} is invalid.")
    return number


def received(item: Mapping[str, Any], where: str, now: float) -> list[Datum]:
    """The data of one MetricDatum, which is called ``where``; ``now`` in epoch seconds. Raises ``AwsError``."""
    if not item.get("MetricName"):
        raise AwsError("MissingParameter", f"The parameter {where}.MetricName is required.")
    if len(item.get("Dimensions") or ()) > MAX_DIMENSIONS:
        text = f"The collection {where}.Dimensions must not have a size greater than {MAX_DIMENSIONS}."
        raise AwsError("InvalidParameterValue", text)
    for first, other, code in _ALTERNATIVES:
        if item.get(first) is not None and item.get(other):
            both = f"{where}.{first} and {where}.{other}"
            raise AwsError(code, f"The parameters {both} are mutually exclusive and you have specified both.")
    at, unit = _moment(item, where, now), _unit(item, where)
    if item.get("StatisticValues"):
        return [_set(item["StatisticValues"], f"{where}.StatisticValues", at, unit)]
    if item.get("Values"):
        return _several(item, where, at, unit)
    if item.get("Value") is None:
        raise AwsError("MissingParameter", f"The parameter {where}.Value is required.")
    return [one_value(number_of(item["Value"], f"{where}.Value"), at, unit)]


def _moment(item: Mapping[str, Any], where: str, now: float) -> float:
    given = as_datetime(item.get("Timestamp"))
    if given is None:
        return now
    at = given.timestamp()
    old, ahead = at < now - MAX_AGE_SECONDS, at > now + MAX_AHEAD_SECONDS
    if old or ahead:
        limit = "two weeks in the past" if old else "two hours in the future"
        text = f"The parameter {where}.Timestamp must specify a time no more than {limit}."
        raise AwsError("InvalidParameterValue", text)
    return at


def _unit(item: Mapping[str, Any], where: str) -> str:
    unit = str(item.get("Unit") or "None")
    if unit not in service_model("cloudwatch").shape_for("StandardUnit").enum:  # type: ignore[attr-defined]
        raise AwsError("InvalidParameterValue", f"The value {unit} for parameter {where}.Unit is invalid.")
    return unit


def _set(given: Mapping[str, Any], where: str, at: float, unit: str) -> Datum:
    names = ("SampleCount", "Sum", "Minimum", "Maximum")
    count, total, low, high = (number_of(given.get(name), f"{where}.{name}") for name in names)
    if count <= 0:
        raise AwsError("InvalidParameterValue", f"The value {count} for parameter {where}.SampleCount is invalid.")
    if low > high:
        text = f"The parameter {where}.Maximum must be greater than or equal to {where}.Minimum."
        raise AwsError("InvalidParameterCombination", text)
    return Datum(at, count, total, low, high, unit)


def _several(item: Mapping[str, Any], where: str, at: float, unit: str) -> list[Datum]:
    values = [number_of(value, f"{where}.Values.member.{n}") for n, value in enumerate(item["Values"], 1)]
    if len(values) > MAX_VALUES:
        text = f"The collection {where}.Values must not have a size greater than {MAX_VALUES}."
        raise AwsError("InvalidParameterValue", text)
    given = item.get("Counts") or [1.0] * len(values)
    counts = [number_of(count, f"{where}.Counts.member.{n}") for n, count in enumerate(given, 1)]
    if len(counts) != len(values):
        text = f"The parameters {where}.Values and {where}.Counts must be of the same size."
        raise AwsError("InvalidParameterValue", text)
    if any(count <= 0 for count in counts):
        raise AwsError("InvalidParameterValue", f"The parameter {where}.Counts must hold numbers above 0.")
    return [one_value(value, at, unit, count) for value, count in zip(values, counts, strict=True)]
