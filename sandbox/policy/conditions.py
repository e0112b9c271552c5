"""The Condition element of a policy statement.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Multivalued context keys".
Different keys and operators are joined by AND, the values of one key by OR (by AND for negated operators).
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from sandbox.policy.text import matches, substitute

Facts = Mapping[str, str | Sequence[str]]
Test = Callable[[str, str], bool]


def conditions_hold(conditions: Mapping[str, Mapping[str, object]], facts: Facts, variables: bool = True) -> bool:
    """True when every operator holds. ``facts`` has lower-case keys. An unknown operator never holds.

    ``variables``: whether ``${...}`` in a value is a policy variable (it is text in policies before 2012-10-17).
    """
    return all(
        _operator_holds(operator, key, _as_texts(values), facts, variables)
        for operator, keys in conditions.items()
        for key, values in keys.items()
    )


def _operator_holds(operator: str, key: str, wanted: list[str], facts: Facts, variables: bool) -> bool:
    quantifier, _, name = operator.rpartition(":")
    fact = facts.get(key.lower())
    if name == "Null":
        return any((not fact) == (value.lower() == "true") for value in wanted)
    if_exists = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    if name not in _POSITIVE and name not in _NEGATED:
        return False
    actual = [] if fact is None else _as_texts(fact)
    if not actual:
        # A missing key: negated operators and ForAllValues hold, the others do not.
        return if_exists or quantifier == "ForAllValues" or (name in _NEGATED and quantifier != "ForAnyValue")
    ready = (_substituted(text, facts, name) if variables else text for text in wanted)
    values = [value for value in ready if value is not None]

    def one_holds(text: str) -> bool:
        if name in _NEGATED:
            return not any(_safely(_POSITIVE[_NEGATED[name]], text, value) for value in values)
        return any(_safely(_POSITIVE[name], text, value) for value in values)

    if quantifier == "ForAllValues":
        return all(one_holds(text) for text in actual)
    if name in _NEGATED and quantifier != "ForAnyValue":
        return all(one_holds(text) for text in actual)
    return any(one_holds(text) for text in actual)


def _substituted(text: str, facts: Facts, operator: str) -> str | None:
    if "${" not in text:
        return text
    replaced = substitute(text, facts)
    if replaced is not None and "Like" not in operator and not operator.startswith("Arn"):
        for character in "*?[":
            replaced = replaced.replace(f"[{character}]", character)
    return replaced


def _as_texts(value: object) -> list[str]:
    values = value if isinstance(value, list | tuple | set | frozenset) else [value]
    return [str(value).lower() if isinstance(value, bool) else str(value) for value in values]


def _safely(test: Test, actual: str, wanted: str) -> bool:
    try:
        return test(actual, wanted)
    except (ValueError, binascii.Error):
        return False


def _like(actual: str, wanted: str) -> bool:
    return matches(wanted, actual)


def _arn_like(actual: str, wanted: str) -> bool:
    have, want = actual.split(":", 5), wanted.split(":", 5)
    return len(have) == len(want) == 6 and all(_like(a, w) for a, w in zip(have, want, strict=True))


def _when(text: str) -> datetime:
    if text.replace(".", "", 1).isdigit():
        return datetime.fromtimestamp(float(text), UTC)
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _in_network(actual: str, wanted: str) -> bool:
    return ipaddress.ip_address(actual) in ipaddress.ip_network(wanted, strict=False)


_POSITIVE: dict[str, Test] = {
    "StringEquals": lambda a, w: a == w,
    "StringEqualsIgnoreCase": lambda a, w: a.lower() == w.lower(),
    "StringLike": _like,
    "NumericEquals": lambda a, w: float(a) == float(w),
    "NumericLessThan": lambda a, w: float(a) < float(w),
    "NumericLessThanEquals": lambda a, w: float(a) <= float(w),
    "NumericGreaterThan": lambda a, w: float(a) > float(w),
    "NumericGreaterThanEquals": lambda a, w: float(a) >= float(w),
    "DateEquals": lambda a, w: _when(a) == _when(w),
    "DateLessThan": lambda a, w: _when(a) < _when(w),
    "DateLessThanEquals": lambda a, w: _when(a) <= _when(w),
    "DateGreaterThan": lambda a, w: _when(a) > _when(w),
    "DateGreaterThanEquals": lambda a, w: _when(a) >= _when(w),
    "Bool": lambda a, w: a.lower() == w.lower(),
    "BinaryEquals": lambda a, w: base64.b64decode(a, validate=True) == base64.b64decode(w, validate=True),
    "IpAddress": _in_network,
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
}
_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}
