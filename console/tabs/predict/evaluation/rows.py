"""The columns of the lists of evaluations and of classes, and cards for pictures that were evaluated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from console.models.cards import Answer, Card
from console.models.columns import DASH, Column
from console.models.format import fraction, milliseconds, percents, when
from console.models.states import State
from workers.evaluation.comparing import Change
from workers.evaluation.types import Answered, Head, Summary
from workers.inference.targets import Target


def share(value: float | None, digits: int = 1) -> str:
    """``87.5 %``; a dash for what is not known."""
    return DASH if value is None else percents(value, digits)


@dataclass(frozen=True)
class UnderWay(Summary):
    """The row of an evaluation whose pictures are asked about now."""

    @classmethod
    def of(cls, row: Summary, done: int) -> UnderWay:
        """``row`` with what is done by now; its figures are of before, so there are none."""
        return cls(row.head, done)


def _state(row: Summary) -> State:
    if isinstance(row, UnderWay):
        return State(f"{row.done:,} of {row.head.pictures:,}", "run")
    if row.whole:
        return State("complete", "ok")
    return State(f"{row.done:,} of {row.head.pictures:,}", "warn", "stopped")


def title_of(head: Head) -> str:
    """``dogs, test of samples``."""
    part = "" if head.split == "all" else f"{head.split} of "
    return f"{Target.parse(head.target).words}, {part}{Path(head.folder).name}"


ICONS = {"endpoint": "endpoints", "variant": "scaling", "function": "lambda", "model": "training"}

EVALUATIONS = [
    Column(
        "target", "Target", kind="name", priority=0, value=lambda row: Target.parse(row.head.target).words,
        icon=lambda row: ICONS[Target.parse(row.head.target).kind],
        tooltip=lambda row: Target.parse(row.head.target).full_words,
    ),
    Column("folder", "Folder", value=lambda row: Path(row.head.folder).name, tooltip=lambda row: row.head.folder,
           priority=3),
    Column("split", "Split", value=lambda row: row.head.split, priority=4),
    Column("pictures", "Pictures", kind="number", value=lambda row: row.head.pictures, priority=3,
           format=lambda value, _: f"{value:,}"),
    Column("state", "State", kind="state", value=_state, sort_key=lambda row: row.done / max(1, row.head.pictures),
           priority=1),
    Column("accuracy", "Accuracy", kind="number", strong=True, format=lambda value, _: share(value), priority=0),
    Column("top5", "Top 5", kind="number", format=lambda value, _: share(value), priority=2),
    Column("ece", "Calibration error", kind="number", format=lambda value, _: share(value), priority=5),
    Column("median_ms", "Median", kind="number", format=lambda value, _: milliseconds(value), priority=4),
    Column("began", "Begun", kind="number", value=lambda row: row.head.began, priority=2,
           format=lambda value, _: when(datetime.fromtimestamp(value, UTC))),
]  # fmt: skip

CLASSES = [
    Column("title", "Class", kind="name", priority=0),
    Column("precision", "Precision", kind="number", format=lambda value, _: fraction(value), priority=0),
    Column("recall", "Recall", kind="number", format=lambda value, _: fraction(value), priority=0),
    Column("f1", "F1", kind="number", strong=True, format=lambda value, _: fraction(value), priority=0),
    Column("support", "Pictures", kind="number", priority=1),
    Column("answered", "Answered", kind="number", priority=2, tooltip=lambda _: "How often this class was the answer"),
]

FAILED = [
    Column("path", "Picture", kind="name", priority=0),
    Column("error", "Why", stretch=1, priority=0, tooltip=lambda row: row.error),
]


def answer_of(answer: Answered) -> Answer:
    """An answer as cards show it."""
    return Answer(
        answer.labels, answer.probabilities, answer.ms, answer.error,
        function_ms=answer.function_ms, model_ms=answer.model_ms,
    )  # fmt: skip


def card_of(head: Head, answer: Answered, truth: str) -> Card:
    """The card of a picture; its key is its path below the folder."""
    source = Path(head.folder) / answer.path
    return Card(answer.path, source, source.name, truth, (answer_of(answer),), asking=False)


def change_card(head: Head, change: Change) -> Card:
    """The card of a picture with both answers."""
    source = Path(head.folder) / change.path
    answers = (answer_of(change.first), answer_of(change.second))
    return Card(change.path, source, source.name, change.truth, answers, asking=False)
