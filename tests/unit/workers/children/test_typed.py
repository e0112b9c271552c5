"""Dataclasses cross the pipe whole: also paths, nested ones, and tuples of fixed and of any length."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pytest

from workers.children.typed import read, write


@dataclass(frozen=True)
class Inner:
    """A part."""

    at: Path | None
    pair: tuple[str, int] = ("a", 1)


@dataclass(frozen=True)
class Outer:
    """The whole."""

    parts: tuple[Inner, ...]
    counts: Mapping[str, int]
    share: float
    kind: Literal["one", "two"] = "one"
    none: str | None = None


WHOLE = Outer((Inner(Path("/ü 😀/a")), Inner(None, ("b", 2))), {"train": 3}, 2.0, "two")


def carried(value: Outer) -> dict[str, object]:
    """What comes out at the other end."""
    found: dict[str, object] = json.loads(json.dumps(write(value)))
    return found


def test_a_value_comes_back_as_it_was() -> None:
    assert read(Outer, carried(WHOLE)) == WHOLE
    # JSON knows no difference between 2 and 2.0.
    assert type(read(Outer, carried(replace(WHOLE, share=2))).share) is float


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"parts": [{"at": 3}]}, r"parts\[0\].at cannot be 3"),
        ({"parts": [{"at": None, "pair": ["a"]}]}, r"parts\[0\].pair cannot be"),
        ({"parts": [{"at": None, "pair": ["a", "b"]}]}, r"pair\[1\] cannot be 'b'"),
        ({"parts": [{}]}, "at is missing"),
        ({"parts": [{"at": None, "more": 1}]}, "more is unknown"),
        ({"parts": "ab"}, "parts cannot be"),
        ({"counts": {"train": True}}, "counts.train cannot be True"),
        ({"share": "2"}, "share cannot be"),
        ({"kind": "three"}, "kind cannot be"),
        ({"kind": ["one"]}, "kind cannot be"),
        ({"none": 1}, "none cannot be 1"),
    ],
)
def test_what_is_not_whole_is_refused_by_name(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read(Outer, {**carried(WHOLE), **changes})
