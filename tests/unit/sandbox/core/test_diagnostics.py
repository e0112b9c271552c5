"""What the sandbox says about itself goes one way, also when nobody is left to read it."""

from __future__ import annotations

import ast
import io
import sys
from pathlib import Path

import pytest

from sandbox.core.diagnostics import Stream, tell

SANDBOX = Path(__file__).parents[4] / "sandbox"


class Gone(io.StringIO):
    """Standard error whose reader has ended."""

    def write(self, text: str, /) -> int:
        raise BrokenPipeError


def test_a_message_that_nobody_can_read_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Gone())
    tell("a fault")
    print("a fault", file=Stream())


def test_a_library_that_wants_a_file_tells_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    print("one", "two", file=Stream())
    Stream().writelines(["three\n"])
    Stream().flush()
    assert capsys.readouterr().err == "one two\nthree\n"


def test_nothing_else_writes_to_standard_error() -> None:
    """The command line may, and what runs inside a job, whose log it is."""
    found = [
        f"{file.relative_to(SANDBOX)}:{node.lineno}"
        for file in SANDBOX.rglob("*.py")
        if file.name not in ("__main__.py", "diagnostics.py") and file.parent.name != "programs"
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "stderr" and ast.unparse(node.value) == "sys"
    ]
    assert found == []
