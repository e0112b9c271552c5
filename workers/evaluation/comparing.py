"""Two evaluations of the same pictures: which answers changed, and whether that may be chance. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workers.evaluation.measures import truths
from workers.evaluation.types import Answered, Evaluation
from workers.files.class_names import class_title

ChangeKind = Literal["only first right", "only second right", "both wrong, differently"]


@dataclass(frozen=True)
class Change:
    """A picture that the two answered differently. ``truth`` is the class's name in the first one's words."""

    truth: str
    first: Answered
    second: Answered
    kind: ChangeKind

    @property
    def path(self) -> str:
        """The picture, below the first one's folder."""
        return self.first.path


@dataclass(frozen=True)
class Comparison:
    """Counts of the pictures that both judged, known by their content.

    ``chance``: how probable a difference at least this large is where both are equally good (McNemar's exact test);
    None where no picture speaks for either. ``not_in_second`` and ``not_in_first`` were judged by one alone.
    """

    pictures: int
    both_right: int
    only_first: int
    only_second: int
    both_wrong: int
    same: int
    chance: float | None
    changes: tuple[Change, ...]
    not_in_second: int
    not_in_first: int


def compare(first: Evaluation, second: Evaluation) -> Comparison:
    """Compare what both have answered."""
    mine, yours = _judged(first), _judged(second)
    counts = {"both": 0, "first": 0, "second": 0, "none": 0}
    same, changes = 0, []
    for digest, (answer, truth) in mine.items():
        if digest not in yours:
            continue
        other, other_truth = yours[digest]
        right, other_right = answer.top == truth, other.top == other_truth
        counts["both" if right and other_right else "first" if right else "second" if other_right else "none"] += 1
        if right == other_right and (right or _alike(answer.top, other.top)):
            same += 1
            continue
        kind: ChangeKind = (
            "only first right" if right else "only second right" if other_right else "both wrong, differently"
        )
        changes.append(Change(truth, answer, other, kind))
    return Comparison(
        pictures=sum(counts.values()),
        both_right=counts["both"],
        only_first=counts["first"],
        only_second=counts["second"],
        both_wrong=counts["none"],
        same=same,
        chance=chance(counts["first"], counts["second"]),
        changes=tuple(sorted(changes, key=lambda change: change.path)),
        not_in_second=len(mine.keys() - yours.keys()),
        not_in_first=len(yours.keys() - mine.keys()),
    )


def chance(only_first: int, only_second: int) -> float | None:
    """McNemar's exact test, two-sided: of the pictures that speak for one alone, how they fall to either side."""
    total = only_first + only_second
    if not total:
        return None
    tail, ways = 0, 1
    for at in range(min(only_first, only_second) + 1):
        tail += ways
        ways = ways * (total - at) // (at + 1)
    return min(1.0, 2 * tail / 2**total)


def _alike(first: str, second: str) -> bool:
    return first == second or class_title(first).casefold() == class_title(second).casefold()


def _judged(evaluation: Evaluation) -> dict[str, tuple[Answered, str]]:
    truth_of = truths(evaluation)
    return {
        answer.digest: (answer, truth)
        for answer in evaluation.answers
        if not answer.error and (truth := truth_of(answer))
    }
