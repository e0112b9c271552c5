"""Numbers have one style everywhere: who writes one goes through ``console.models.format``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.models import format as words
from console.models.chart import alike
from console.models.columns import DASH

ROOT = Path(__file__).resolve().parents[4]
SHOWN = [*sorted((ROOT / "console").rglob("*.py")), *sorted((ROOT / "workers").rglob("*.py"))]
# Commands lie below the models in the window's layers.
OWN = tuple(ROOT / own for own in ("console/models/format.py", "console/commands.py", "workers/prices/words.py"))


def bad_style(source: str, own: bool = False) -> Iterator[tuple[int, str]]:
    """Line and what is wrong: percents without a space, money and scores written by hand."""
    tree = ast.parse(source)
    documents = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            if re.search(r"\d%(?![\dA-Za-z(])", node.value):
                yield node.lineno, "a percent sign without a space"
        elif isinstance(node, ast.JoinedStr):
            for part, after in zip(node.values, [*node.values[1:], None], strict=True):
                if isinstance(part, ast.FormattedValue):
                    spec = ast.unparse(part.format_spec).strip("f'\"") if part.format_spec else ""
                    if spec.endswith("%"):
                        yield node.lineno, "a percentage by hand"
                    if isinstance(after, ast.Constant) and str(after.value).startswith("%"):
                        yield node.lineno, "a percent sign without a space"
                elif (
                    isinstance(after, ast.FormattedValue)
                    and after.format_spec is not None
                    and not own
                    and str(getattr(part, "value", "")).endswith("$")
                ):
                    yield node.lineno, "money by hand"
        elif isinstance(node, ast.Attribute) and node.attr == "removeprefix":
            call = ast.unparse(node)
            if call.startswith("f'") and not own:
                yield node.lineno, "a score by hand"


@pytest.mark.parametrize(
    "source",
    [
        "f'{x:.0%}'",
        "f'{x:.1%} less'",
        "f'{x:.0f}%'",
        "x = 'train (80%)'",
        "f'${x:.3f} an hour'",
        "f'{x:.2f}'.removeprefix('0')",
    ],
)
def test_the_look_for_numbers_by_hand_finds_them(source: str) -> None:
    assert list(bad_style(source))


def test_no_number_is_written_in_a_style_of_its_own() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {what}"
        for path in SHOWN
        # To parse and walk through all of them takes ten seconds.
        if re.search(r"[%$]|removeprefix", source := path.read_text(encoding="utf-8"))
        for line, what in bad_style(source, own=path in OWN)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("value", "said"), [(0.64, "64 %"), (0.001, "<1 %"), (0.0, "0 %"), (1.0, "100 %"), (float("nan"), DASH)]
)
def test_percents_have_a_space(value: float, said: str) -> None:
    assert words.percents(value) == said


def test_percents_with_a_digit() -> None:
    assert (words.percents(0.875, 1), words.percents(0.8, 1)) == ("87.5 %", "80.0 %")


SWEEP = [number * 10.0**power for power in range(-4, 13) for number in (1, 1.5, 5.949, 5.951, 9.949, 9.951, 9.996)]
SWEEP += [59.4, 59.6, 599.6, 3599.6, 86_399.6, 999.4, 999.6, 999_499.0, 999_501.0]
TOO_MUCH = re.compile(r"^(60 s|1000 .*|60 min|24 h|\S* 60 .*)( ago)?$")
NOW = datetime(2030, 5, 1, 12, tzinfo=UTC)
FORMATTERS = {
    "bytes_text": (words.bytes_text, r"<?\d[\d.]* [KMGT]?B"),
    "duration": (words.duration, r"\d+ (s|d|min( \d\d s)?|h \d\d min)"),
    "milliseconds": (words.milliseconds, r"\d+(\.\d)? m?s"),
    "ago": (lambda value: words.ago(NOW - timedelta(seconds=min(value, 1e9)), NOW), r"now|\d+ (s|min|h|d) ago"),
    "fraction": (words.fraction, r"\d*\.\d{3}"),
    "loss": (words.loss, r"\d+\.\d\d"),
    "dollars": (words.dollars, r"\$\d{1,3}(,\d{3})*\.\d\d"),
    "cost": (words.cost, r"<?\$\d{1,3}(,\d{3})*\.\d\d"),
    "percent": (words.percent, r"<1|\d{1,3}"),
    "percents": (words.percents, r"(<1|\d{1,3}) %"),
    "score_tick": (words.score_tick, r"[01]|\d*\.\d\d"),
}


@pytest.mark.parametrize("name", FORMATTERS)
def test_every_formatter_keeps_its_style_for_small_and_large(name: str) -> None:
    write, style = FORMATTERS[name]
    for value in SWEEP:
        text = write(value)
        assert re.fullmatch(style, text) and not TOO_MUCH.match(text), (value, text)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["0", ".25", ".50", "1"], ["0", ".25", ".50", "1"]),
        ([".5", ".55", ".6"], [".50", ".55", ".60"]),
        (["0", "0.5", "1", "1.5"], ["0", "0.5", "1.0", "1.5"]),
        (["0", "1,000", "2,000"], ["0", "1,000", "2,000"]),
        (["1e-3", "0.5"], ["1e-3", "0.5"]),
        (["0 %", "50 %"], ["0 %", "50 %"]),
        ([], []),
    ],
)
def test_the_numbers_of_an_axis_have_the_same_digits(texts: list[str], said: list[str]) -> None:
    assert alike(texts) == said
