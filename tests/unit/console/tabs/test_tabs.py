"""Each tab says once what it is called and where it stands; everything else reads it there."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

import console
from console.look import icons
from console.tabs import TABS, TabSpec
from console.window.shortcuts import tab_keys

CONSOLE = Path(console.__file__).parent
PACKAGES = sorted(folder.parent.name for folder in (CONSOLE / "tabs").glob("*/__init__.py"))


def named_tabs() -> Iterator[tuple[str, str]]:
    """(place, tab id) of every ``navigate("…")`` and ``show_tab("…")`` of the window."""
    for path in CONSOLE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("navigate", "show_tab")
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                yield f"{path.relative_to(CONSOLE)}:{node.lineno}", str(node.args[0].value)


def test_every_tab_is_listed_once_in_its_order() -> None:
    assert sorted(spec.target.split(".")[2] for spec in TABS) == PACKAGES
    orders = [spec.order for spec in TABS]
    assert orders == sorted(set(orders))
    assert len({spec.id for spec in TABS}) == len(TABS)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_tab_says_what_it_is_in_its_own_package(package: str) -> None:
    spec = import_module(f"console.tabs.{package}").TAB
    assert spec in TABS and spec.icon in icons.names()
    module, _ = spec.target.split(":")
    assert module.startswith(f"console.tabs.{package}.") and find_spec(module) is not None
    assert spec.load().spec is spec


def test_keys_follow_the_order() -> None:
    specs = [TabSpec(name, name.title(), name, order, "") for order, name in enumerate("abcdefghijk")]
    assert list(tab_keys(specs).items())[:2] == [("a", "Ctrl+1"), ("b", "Ctrl+2")]
    assert list(tab_keys(specs).items())[-1] == ("i", "Ctrl+9")


def test_only_tabs_that_there_are_are_gone_to() -> None:
    known = {spec.id for spec in TABS}
    found = list(named_tabs())
    assert len(found) > 10
    assert [(place, tab_id) for place, tab_id in found if tab_id not in known] == []


def test_listing_the_tabs_imports_none() -> None:
    code = "import sys, console.tabs; print([name for name in sys.modules if name.startswith('console.tabs.')])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CONSOLE.parent)
    assert sorted(ast.literal_eval(said.stdout)) == sorted(f"console.tabs.{name}" for name in [*PACKAGES, "spec"])
