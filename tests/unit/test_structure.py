"""Rules of the house that no linter knows; each names the place that breaks it."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Who sleeps so long stands for what never ends; nobody waits for its end.
NEVER_SECONDS = 60
CODE = ("console", "workers", "sandbox", "training", "lambda", "tests")
# Where the name could be given a value at all: to walk through every module takes long.
STORED = r"\bone\s*([:,)=\]]|in\b)|\bas one\b"
# Names of what waits, and how many of its units a second has.
WAITS = {"until": 1, "wait_for": 1, "waitUntil": 1000, "waitSignal": 1000}
EARLY_SECONDS = 30
SLEEPS = r"\.sleep|\.wait\b|\.qWait"
# Asks the operator first, and says in words that nothing is connected.
ASKS_ITSELF = {"console/tabs/data/deleting.py:_ask"}

# A file that is named in a document by the end of its path; and one that is named as what not to do.
NAMED_FILE = re.compile(r"`(\w[\w.-]*(?:/[\w.-]+)+\.(?:py|json|toml|md))`")
NO_FILES = {"s3/s3_listing.py"}

# What says all about itself: none, one, a pair; and how one unit is counted in another.
PLAIN_NUMBERS = ("0", "1", "-1", "2", "0.0", "1.0", "-1.0", "2.0")
UNITS = re.compile(r"_?(MINUTE|HOUR|DAY|[KMG]IB|MEGABYTE|(SECONDS|MINUTES)_(A|AN|OF_A)_\w+)")


def modules(*folders: str, holding: str) -> Iterator[tuple[str, ast.Module]]:
    """(path from the root, syntax tree) of every module below these folders that has the expression in a line.

    To parse and walk through all of them takes half a minute.
    """
    wanted = re.compile(holding, re.MULTILINE)
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if wanted.search(source(path)):
                yield path.relative_to(ROOT).as_posix(), parsed(path)


@functools.cache
def source(path: Path) -> str:
    """The text of a file; many tests ask for the same ones."""
    return path.read_text("utf-8")


@functools.cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(source(path))


def test_coroutines_of_the_window_are_given_the_account() -> None:
    """``ctx.with_services`` hands it over, and cancels them when it is left: what they read themselves may be None."""
    found = {
        f"{path}:{function.name}"
        for path, tree in modules("console/tabs", "console/window", "console/follow", holding=r"ctx\s*\.\s*services")
        for function in ast.walk(tree)
        if isinstance(function, ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and node.attr == "services" and ast.unparse(node.value).endswith("ctx")
    }
    assert found == ASKS_ITSELF


def test_modules_of_tests_import_nothing_from_each_other() -> None:
    """What tests share is in ``tests/helpers``; fixtures of a folder are in its ``conftest.py``, and come by name."""
    found = [
        f"{path}:{node.lineno} {node.module}"
        for path, tree in modules("tests", holding=r"^\s*from\s.*(test_|conftest)\w*\s+import|^\s*from\s+\.")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and (node.level or (node.module or "").startswith("tests."))
        and (node.module or "").rpartition(".")[2].startswith(("test_", "conftest"))
    ]
    assert found == []


def awaited_or_called(tree: ast.Module) -> Iterator[ast.Call]:
    """Calls that let time pass here and now; a coroutine that is only handed on is not awaited."""
    handed_on = {
        argument
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node not in handed_on:
            name = ast.unparse(node.func)
            given = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
            harmless = given == 0 or (isinstance(given, int) and given >= NEVER_SECONDS)
            if name.endswith((".sleep", "qtbot.wait", ".qWait")) and not harmless:
                yield node


def test_no_test_sleeps_without_a_reason() -> None:
    """``tests/helpers/waiting.py`` waits for what must happen; who waits for a time says why, in the line above."""
    found = []
    for path, tree in modules("tests/gui", "tests/helpers", "tests/integration", "tests/unit", holding=SLEEPS):
        lines = source(ROOT / path).splitlines()
        found += [
            f"{path}:{call.lineno} {lines[call.lineno - 1].strip()}"
            for call in awaited_or_called(tree)
            if path != "tests/helpers/waiting.py" and not lines[call.lineno - 2].lstrip().startswith("#")
        ]
    assert found == []


def given_up_after(call: ast.Call) -> float | None:
    """Seconds after which a wait fails, where the call says them."""
    name = ast.unparse(call.func).rpartition(".")[2]
    if name not in WAITS:
        return None
    said = [keyword.value for keyword in call.keywords if keyword.arg in ("seconds", "timeout")]
    said += call.args[1:2] if name in ("until", "wait_for") else []
    number = next((node.value for node in said if isinstance(node, ast.Constant)), None)
    return number / WAITS[name] if isinstance(number, int | float) else None


def test_no_wait_gives_up_early() -> None:
    """What is waited for comes, on a machine on which others compute after half a minute; who gives up before says
    why, in the line above."""
    found = []
    for path, tree in modules("tests/gui", "tests/helpers", "tests/integration", "tests/unit", holding="|".join(WAITS)):
        lines = source(ROOT / path).splitlines()
        found += [
            f"{path}:{node.lineno} {lines[node.lineno - 1].strip()}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and (seconds := given_up_after(node)) is not None
            and seconds < EARLY_SECONDS
            and not lines[node.lineno - 2].lstrip().startswith("#")
        ]
    assert found == []


def test_tests_of_the_window_know_nothing_private() -> None:
    """They use what an operator or another part uses (``tests/helpers/window.py`` finds it), so that a part may change
    inside; whoever cannot says why, in the line above."""
    found = []
    for path, tree in modules("tests/gui", "tests/helpers", holding=r"(?<!\bself)(?<!\bcls)\._(?!_\w+__\b)"):
        lines = source(ROOT / path).splitlines()
        found += [
            f"{path}:{node.lineno} {lines[node.lineno - 1].strip()}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and node.attr.startswith("_")
            and not node.attr.endswith("__")
            and ast.unparse(node.value) not in ("self", "cls")
            and not lines[node.lineno - 2].lstrip().startswith("#")
        ]
    assert found == []


def test_variables_are_named_after_what_they_hold() -> None:
    """``one`` says nothing: an endpoint, a widget, a setting? (As a field beside ``many`` it does.)"""
    found = []
    for path, tree in modules(*CODE, holding=STORED):
        fields = {
            node.target
            for owner in ast.walk(tree)
            if isinstance(owner, ast.ClassDef)
            for node in owner.body
            if isinstance(node, ast.AnnAssign)
        }
        found += [
            f"{path}:{node.lineno}"
            for node in ast.walk(tree)
            if (
                isinstance(node, ast.Name)
                and node.id == "one"
                and isinstance(node.ctx, ast.Store)
                and node not in fields
            )
            or (isinstance(node, ast.arg) and node.arg == "one")
        ]
    assert found == []


def numbers(value: ast.expr | None) -> list[str]:
    """The numbers of which ``value`` is made, as they are written; none when it is anything but numbers."""
    if isinstance(value, ast.Tuple):
        parts = [numbers(part) for part in value.elts]
        return [number for part in parts for number in part] if all(parts) else []
    calculated = value is not None and all(
        isinstance(node, ast.BinOp | ast.UnaryOp | ast.operator | ast.unaryop)
        or (isinstance(node, ast.Constant) and type(node.value) in (int, float))
        for node in ast.walk(value)
    )
    return [ast.unparse(value)] if value is not None and calculated else []


def test_documents_name_files_that_there_are() -> None:
    """Who moves a module moves what is said of it, too."""
    folders = [*CODE, "docs", "resources"]
    paths = [path.relative_to(ROOT).as_posix() for folder in folders for path in (ROOT / folder).rglob("*.*")]
    named = {
        (document.name, name)
        for document in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
        for name in NAMED_FILE.findall(source(document))
    }
    assert len(named) > 20
    missing = [
        f"{document}: {name}"
        for document, name in sorted(named)
        if name not in NO_FILES and not any(f"/{path}".endswith(f"/{name}") for path in paths)
    ]
    assert missing == []


def test_numbers_have_a_reason_beside_them() -> None:
    """Who wants to change a number of a module finds why it is so, or what it counts: in the comment above it (one for
    all lines without a gap below it), at its end, or in the docstring below it."""
    found = []
    for path, tree in modules(*CODE[:-1], holding=r"^(?!def |async |class )\w.*=\s*[-+~(\d]"):
        lines = source(ROOT / path).splitlines()
        inside = {at for node in tree.body for at in range(node.lineno, (node.end_lineno or 0) + 1)}
        for node, after in zip_longest(tree.body, tree.body[1:]):
            if not isinstance(node, ast.Assign | ast.AnnAssign):
                continue
            told = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            names = re.findall(r"\w+", ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target))
            values = numbers(node.value)
            if set(values) <= {*PLAIN_NUMBERS} or all(map(UNITS.fullmatch, names)) or told:
                continue
            above = node.lineno - 1
            while above in inside:
                above -= 1
            if not lines[above - 1].startswith("#") and "#" not in lines[(node.end_lineno or 0) - 1]:
                found.append(f"{path}:{node.lineno} {lines[node.lineno - 1]}")
    assert found == []
