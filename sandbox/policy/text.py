"""Wildcards and variables in the texts of a policy.

Source: IAM User Guide, "IAM policy elements: Variables and tags" and "Using wildcards".
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_LITERALS = {"*": "[*]", "?": "[?]", "$": "$"}


def matches(pattern: str, text: str, *, ignore_case: bool = False) -> bool:
    """IAM's wildcards: ``*`` any run of characters, ``?`` one; everything else is itself."""
    if ignore_case:
        pattern, text = pattern.lower(), text.lower()
    return _compiled(pattern).fullmatch(text) is not None


def substitute(pattern: str, facts: Mapping[str, str | Sequence[str]]) -> str | None:
    """Put policy variables such as ``${aws:username}`` in; ``None`` when one has no value, as then nothing matches."""
    missing = False

    def value(found: re.Match[str]) -> str:
        nonlocal missing
        name, _, default = found[1].partition(",")
        if name in _LITERALS:
            return _LITERALS[name]
        fact = facts.get(name.strip().lower())
        if isinstance(fact, str):
            return re.sub(r"([*?\[])", r"[\1]", fact)
        if default:
            return default.strip().strip("'")
        missing = True
        return ""

    replaced = _VARIABLE.sub(value, pattern)
    return None if missing else replaced


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    # A bracket stands for itself in IAM; only the ones that `substitute` puts in mean "this very character".
    safe = re.sub(r"\[(?![*?\[]\])", "[[]", pattern)
    return re.compile(fnmatch.translate(safe))


def as_list(value: object) -> list[Any]:
    """Policy elements may be one value or a list of them."""
    return list(value) if isinstance(value, list | tuple) else [value]
