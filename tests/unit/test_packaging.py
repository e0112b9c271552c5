"""What an installed wheel must hold: the files that the program reads by path."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from workers import paths

ROOT = Path(__file__).resolve().parents[2]
SETTINGS: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]


def packaged(path: Path) -> bool:
    """Whether setuptools puts this file into a wheel."""
    package, *inner = path.relative_to(ROOT).parts
    if not any(fnmatch(package, pattern) for pattern in SETTINGS["packages"]["find"]["include"]):
        return False
    if path.suffix == ".py":
        return True
    patterns = SETTINGS["package-data"].get(package, [])
    return any(
        fnmatch(path.name, pattern.removeprefix("**/")) and (pattern.startswith("**/") or len(inner) == 1)
        for pattern in patterns
    )


@pytest.mark.parametrize(
    "name", ["TRAINING_SOURCE", "RESOURCES", "PREDICT_FUNCTION", "METRIC_DEFINITIONS", "FOLDER_RULES"]
)
def test_what_is_read_by_path_is_in_the_wheel(name: str) -> None:
    place: Path = getattr(paths, name)
    files = [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]
    kept = [path for path in files if "__pycache__" not in path.parts]
    assert kept
    assert [size for size in kept if not packaged(size)] == []


def test_every_folder_of_the_program_is_in_the_wheel() -> None:
    for folder in ("console", "workers", "sandbox", "training", "lambda"):
        missing = [path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        assert [path for path in missing if not packaged(path)] == []
