"""What a prediction card shows: answers of one to three targets for a picture, joined and judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from console.models.states import Tone
from workers.files.class_names import class_title

__all__ = ["LETTERS", "Answer", "Bar", "Card", "bars", "class_title", "error_of", "headline", "latency_of", "verdict"]

# What an endpoint of ours answers unless it is asked for more.
TOP = 5
LETTERS = "ABC"


@dataclass(frozen=True)
class Answer:
    """One target's answer, best class first (probabilities 0 to 1); with ``error`` set there are no labels.

    ``run`` numbers the runs: only times of one run may be compared. Of ``latency_ms``, ``function_ms`` was a function's
    and ``model_ms`` the model's own, where that is told.
    """

    labels: tuple[str, ...] = ()
    probabilities: tuple[float, ...] = ()
    latency_ms: float | None = None
    error: str = ""
    raw: str = ""
    run: int = 0
    function_ms: float | None = None
    model_ms: float | None = None


@dataclass(frozen=True)
class Card:
    """One picture. ``source`` is its path, or the name under which its bytes were given to the thumbnail loader.

    ``answers`` has one entry for each endpoint asked; ``None`` while it has not answered. ``truth`` is the class that
    the picture's folder says, if known. Without ``asking`` the missing answers are not on their way, either.
    """

    key: str
    source: Path | str
    name: str
    truth: str = ""
    answers: tuple[Answer | None, ...] = ()
    asking: bool = True


@dataclass(frozen=True)
class Bar:
    """One row of a card: a class and its probability at each endpoint (``None``: not among its top classes)."""

    label: str
    values: tuple[float | None, ...]


def bars(card: Card, most: int = TOP) -> list[Bar]:
    """The most probable classes over all answers, the most probable first."""
    tables = [
        dict(zip(answer.labels, answer.probabilities, strict=False)) if answer is not None else {}
        for answer in card.answers
    ]
    best: dict[str, float] = {}
    for table in tables:
        for label, value in table.items():
            best[label] = max(best.get(label, 0.0), value)
    order = sorted(best, key=lambda label: -best[label])[:most]
    return [Bar(label, tuple(table.get(label) for table in tables)) for label in order]


def verdict(card: Card) -> tuple[Tone, str]:
    """Tone and words at the card's right end; neutral and empty when there is nothing to judge."""
    if not card.answers or any(answer is None for answer in card.answers):
        if not card.answers:
            return "run", ""
        return ("run", "asking…") if card.asking else ("neutral", "not asked")
    answers = [answer for answer in card.answers if answer is not None]
    failed = [bool(answer.error) for answer in answers]
    if any(failed):
        return "err", "failed" if len(failed) == 1 else _which(failed, "failed")
    if not card.truth:
        return "neutral", ""
    right = [bool(answer.labels) and answer.labels[0] == card.truth for answer in answers]
    if len(right) == 1:
        return ("ok", "right") if right[0] else ("err", "wrong")
    if all(right):
        return "ok", f"{_all(answers)} right"
    return "err", _which([not good for good in right], "wrong")


def _all(several: Sequence[object]) -> str:
    return "both" if len(several) == 2 else "all"


def _which(marks: list[bool], word: str) -> str:
    if all(marks):
        return f"{_all(marks)} {word}"
    named = [letter for letter, mark in zip(LETTERS, marks, strict=False) if mark]
    return f"{' and '.join(named)} {word}"


def headline(card: Card) -> str:
    """The card's title: the truth, else the best answer, else the file's name."""
    if card.truth:
        return class_title(card.truth)
    for answer in card.answers:
        if answer is not None and answer.labels:
            return class_title(answer.labels[0])
    return card.name


def error_of(card: Card) -> str:
    """The first error among the answers, or an empty text."""
    return next((answer.error for answer in card.answers if answer is not None and answer.error), "")


def latency_of(card: Card) -> float | None:
    """The slowest answer in milliseconds, ``None`` while any is missing."""
    values = [answer.latency_ms for answer in card.answers if answer is not None and answer.latency_ms is not None]
    return max(values) if values and len(values) == len(card.answers) else None
