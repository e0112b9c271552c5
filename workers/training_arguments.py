"""Which arguments the training script takes, so that a wrong one is told before an instance is paid for."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from workers.paths import TRAINING_SOURCE

SETTINGS = TRAINING_SOURCE / "settings.py"


@cache
def script_arguments(path: Path = SETTINGS) -> frozenset[str]:
    """The names of train.py's arguments with underscores; empty when they cannot be read from its source.

    The source is read, not run: it needs packages that the window does not have.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return frozenset()
    return frozenset(
        str(node.args[0].value).replace("-", "_")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "add"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    )


def argument_problem(names: Iterable[str]) -> str | None:
    """What is wrong with the names of hyperparameters, in a sentence, or ``None``."""
    known = script_arguments()
    for name in names:
        clean = name.replace("-", "_")
        if known and clean not in known:
            near = difflib.get_close_matches(clean, known, n=1)
            guess = f" Did you mean {near[0]}?" if near else ""
            return f"The training script has no argument {name}.{guess}"
    return None
