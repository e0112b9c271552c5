"""report.json: everything worth knowing about a finished run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..machine.distributed import Group

# More are not worth looking at one by one, and would make the report of a useless model large.
MOST_MISTAKES = 5000


def mistakes(paths: Sequence[str], truth: Sequence[int], given: Sequence[int]) -> list[tuple[str, int, int]]:
    """``(path, truth, answer)`` of the pictures taken for another class; there may be fewer answers than paths."""
    return [(path, was, said) for path, was, said in zip(paths, truth, given, strict=False) if was != said]


def confusion_matrix(answers: Tensor, labels: Tensor, classes: int, group: Group) -> Tensor:
    """Counts (truth, answer) over the pictures of all processes; ``answers`` and ``labels`` are this one's."""
    counts = torch.bincount(labels * classes + answers, minlength=classes * classes)
    return group.sum(counts).view(classes, classes)


def class_scores(names: Sequence[str], confusion: Tensor) -> list[dict[str, Any]]:
    """Precision, recall and F1 (0 to 1; 0 where undefined) and the number of pictures of every class."""
    right = confusion.diag().tolist()
    answered, support = confusion.sum(0).tolist(), confusion.sum(1).tolist()
    scores = []
    for index, name in enumerate(names):
        precision = right[index] / answered[index] if answered[index] else 0.0
        recall = right[index] / support[index] if support[index] else 0.0
        f1 = 2 * precision * recall / (precision + recall) if right[index] else 0.0
        scores.append({"name": name, "precision": precision, "recall": recall, "f1": f1, "support": support[index]})
    return scores


def make_report(
    names: Sequence[str],
    curves: Sequence[Mapping[str, float]],
    confusion: Tensor | None,
    skipped: Sequence[tuple[str, str]],
    settings: Mapping[str, Any],
    durations: Mapping[str, float],
    **extra: Any,
) -> dict[str, Any]:
    """The report. Without test pictures ``test_accuracy`` is None and scores and confusion are empty."""
    total = 0 if confusion is None else int(confusion.sum())
    tested = confusion is not None and total > 0
    return {
        "classes": list(names),
        "curves": [dict(row) for row in curves],
        "test_accuracy": int(confusion.diag().sum()) / total if confusion is not None and tested else None,
        "scores": class_scores(names, confusion) if confusion is not None and tested else [],
        "confusion": confusion.tolist() if confusion is not None and tested else [],
        "skipped": [list(entry) for entry in skipped],
        "settings": dict(settings),
        "durations": {name: round(seconds, 3) for name, seconds in durations.items()},
        **extra,
    }


def write_report(report: Mapping[str, Any], *folders: Path | None) -> None:
    """Write ``report.json`` into every folder that is given."""
    text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False)
    for folder in {folder for folder in folders if folder is not None}:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.json").write_text(text, encoding="utf-8")
