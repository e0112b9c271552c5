"""Which arguments the training script takes, so that a wrong one is told before an instance is paid for."""

from __future__ import annotations

import ast
import difflib
import math
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from workers.paths import TRAINING_PACKAGE

SETTINGS = TRAINING_PACKAGE / "settings.py"
# As the script has it.
LARGEST_SEED = 2**32 - 1


@cache
def script_arguments(path: Path = SETTINGS) -> frozenset[str]:
    """The names of train.py's arguments with underscores; empty when they cannot be read from its source."""
    return frozenset(argument_kinds(path))


@cache
def argument_kinds(path: Path = SETTINGS) -> Mapping[str, str]:
    """Of each argument the function that reads it: ``_whole``, ``_real``, ``_real_or_auto``, ``_flag``, ``Path``, ...

    The source is read, not run: it needs packages that the window does not have.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return {}
    return {
        str(node.args[0].value).replace("-", "_"): node.args[1].id if isinstance(node.args[1], ast.Name) else ""
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "add"
        and len(node.args) > 1
        and isinstance(node.args[0], ast.Constant)
    }


def argument_problem(names: Iterable[str] | Mapping[str, str]) -> str | None:
    """What is wrong with the names of hyperparameters, and with their values if given, in a sentence, or ``None``."""
    known = script_arguments()
    for name in names:
        clean = name.replace("-", "_")
        if known and clean not in known:
            near = difflib.get_close_matches(clean, known, n=1)
            guess = f" Did you mean {near[0]}?" if near else ""
            return f"The training script has no argument {name}.{guess}"
        problem = _value_problem(clean, names[name]) if isinstance(names, Mapping) else None
        if problem:
            return f"{name} {problem}"
    return None


def _value_problem(name: str, value: str) -> str | None:
    kind = argument_kinds().get(name, "")
    if kind == "_flag" and value.lower() not in ("true", "false", "1", "0", "yes", "no"):
        return f"must be true or false, not “{value[:40]}”."
    kind, _, word = kind.partition("_or_")
    if kind not in ("_whole", "_real") or (word and value.lower() == word):
        return None
    what = "a whole number" if kind == "_whole" else "a number"
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or (kind == "_whole" and not number.is_integer()):
        return f"must be {what}, not “{value[:40]}”."
    if name == "seed" and not 0 <= number <= LARGEST_SEED:
        return f"must be from 0 to {LARGEST_SEED:,}."
    return None
