"""An evaluation, or two compared, as files for others: CSV (a row a picture), JSON (all of it), one page of HTML."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workers.errors.saving import save_whole
from workers.evaluation.comparing import Comparison
from workers.evaluation.measures import Measures, truths
from workers.evaluation.page import comparison_page, evaluation_page
from workers.evaluation.types import Answered, Evaluation, Head
from workers.files.cells import harmless
from workers.inference.targets import Target

VERSION = 1
_CSV_HEAD = (
    "picture", "folder", "class", "answer", "probability", "right", "second", "third", "fourth", "fifth", "ms",
    "function_ms", "model_ms", "error", "sha256",
)  # fmt: skip


def as_csv(evaluation: Evaluation) -> str:
    """A row for each picture; ``right`` is empty where the model has no such class."""
    truth_of = truths(evaluation)

    def row(answer: Answered) -> list[object]:
        truth = "" if answer.error else truth_of(answer)
        others = [*answer.labels[1:5], "", "", "", ""][:4]
        best = answer.probabilities[0] if answer.probabilities else ""
        right = "" if not truth else "yes" if answer.top == truth else "no"
        times = [_or_empty(answer.ms), _or_empty(answer.function_ms), _or_empty(answer.model_ms)]
        return [answer.path, answer.truth, truth, answer.top, best, right, *others, *times, answer.error, answer.digest]

    return _table(_CSV_HEAD, [row(answer) for answer in _in_order(evaluation)])


def as_json(evaluation: Evaluation, measures: Measures) -> str:
    """Everything: what was asked, the figures, and each answer."""
    figures = asdict(measures)
    figures["mistakes"] = [mistake.answer.path for mistake in measures.mistakes]
    found = {
        "version": VERSION,
        "evaluation": _head_of(evaluation.head),
        "seconds": evaluation.seconds,
        "figures": figures,
        "answers": [asdict(answer) for answer in _in_order(evaluation)],
    }
    return json.dumps(found, indent=1, ensure_ascii=False)


def as_html(evaluation: Evaluation, measures: Measures, charts: Mapping[str, bytes]) -> str:
    """One page with everything in it. ``charts``: words for a picture, and it as PNG."""
    return evaluation_page(evaluation, measures, charts)


def comparison_csv(comparison: Comparison) -> str:
    """A row for each picture that the two answered differently."""
    head = ("picture", "class", "first", "first_probability", "second", "second_probability", "change", "sha256")
    rows: list[list[object]] = [
        [change.path, change.truth, change.first.top, _best(change.first), change.second.top, _best(change.second),
         change.kind, change.first.digest]
        for change in comparison.changes
    ]  # fmt: skip
    return _table(head, rows)


def comparison_json(first: Evaluation, second: Evaluation, comparison: Comparison) -> str:
    """What was compared, the counts, and each change."""
    counts = {key: value for key, value in asdict(comparison).items() if key != "changes"}
    changes = [
        {"picture": change.path, "class": change.truth, "change": change.kind,
         "first": {"answer": change.first.top, "probability": _best(change.first)},
         "second": {"answer": change.second.top, "probability": _best(change.second)}}
        for change in comparison.changes
    ]  # fmt: skip
    found = {"version": VERSION, "first": _head_of(first.head), "second": _head_of(second.head), "counts": counts,
             "changes": changes}  # fmt: skip
    return json.dumps(found, indent=1, ensure_ascii=False)


def comparison_html(
    first: Evaluation, second: Evaluation, comparison: Comparison, measures: tuple[Measures, Measures]
) -> str:
    """One page about the two."""
    return comparison_page(first, second, comparison, measures)


def save(path: Path, make: Callable[[], str | bytes]) -> None:
    """Make a file's contents and write them, whole or not at all. Blocking; raises ``LocalProblem``."""
    save_whole(path, make())


def _head_of(head: Head) -> dict[str, Any]:
    found = asdict(head)
    began = datetime.fromtimestamp(head.began, UTC).isoformat(timespec="seconds")
    return {**found, "target_words": Target.parse(head.target).full_words, "began": began}


def _in_order(evaluation: Evaluation) -> list[Answered]:
    return sorted(evaluation.answers, key=lambda answer: answer.path)


def _best(answer: Answered) -> float | None:
    return answer.probabilities[0] if answer.probabilities else None


def _or_empty(value: float | None) -> object:
    return "" if value is None else value


def _table(head: tuple[str, ...], rows: list[list[object]]) -> str:
    file = io.StringIO()
    table = csv.writer(file)
    table.writerow(head)
    for row in rows:
        table.writerow([harmless(cell) if isinstance(cell, str) else "" if cell is None else cell for cell in row])
    return file.getvalue()
