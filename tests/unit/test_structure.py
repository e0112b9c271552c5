"""Rules of the house that no linter knows; each names the place that breaks it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Asks the operator first, and says in words that nothing is connected.
ASKS_ITSELF = {"console/tabs/data/deleting.py:_ask"}


def modules(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    """(path from the root, syntax tree) of every module below these folders."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text("utf-8"))


def test_coroutines_of_the_window_are_given_the_account() -> None:
    """``ctx.with_services`` hands it over, and cancels them when it is left: what they read themselves may be None."""
    found = {
        f"{path}:{function.name}"
        for path, tree in modules("console/tabs", "console/window", "console/follow")
        for function in ast.walk(tree)
        if isinstance(function, ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and node.attr == "services" and ast.unparse(node.value).endswith("ctx")
    }
    assert found == ASKS_ITSELF
