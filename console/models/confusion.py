"""Sums over a confusion matrix: ``counts[truth][answer]`` are numbers of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Counts = Sequence[Sequence[int]]


@dataclass(frozen=True)
class Confusion:
    """``count`` of ``of`` pictures of the class ``truth`` were taken for the class ``answer`` (positions)."""

    truth: int
    answer: int
    count: int
    of: int


def top_confusions(counts: Counts, most: int = 10) -> list[Confusion]:
    """The most frequent mistakes; among equals, those with the larger share of their class."""
    found = [
        Confusion(truth, answer, count, sum(row))
        for truth, row in enumerate(counts)
        for answer, count in enumerate(row)
        if truth != answer and count
    ]
    found.sort(key=lambda cell: (-cell.count, -cell.count / cell.of, cell.truth, cell.answer))
    return found[:most]


def most_confused(counts: Counts, classes: int = 10) -> list[int]:
    """Positions of the classes in the worst confusions, partners beside each other, filled up from the front."""
    chosen: list[int] = []
    for cell in top_confusions(counts, most=len(counts) * 4):
        for at in (cell.truth, cell.answer):
            if at not in chosen:
                chosen.append(at)
        if len(chosen) >= classes:
            break
    chosen += [at for at in range(len(counts)) if at not in chosen]
    return chosen[:classes]


def accuracy(counts: Counts) -> float | None:
    """Share of pictures on the diagonal, ``None`` without pictures."""
    total = sum(sum(row) for row in counts)
    return sum(row[at] for at, row in enumerate(counts)) / total if total else None
