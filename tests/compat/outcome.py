"""What became of a part of ``make compat``, and the table of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum


class Wrong(Exception):
    """A step did not do what it should."""


class NotJudged(Exception):
    """A part cannot be run here; the text says why."""


class Status(IntEnum):
    """The exit status of a run: green only where everything was judged, and nothing answered wrongly."""

    RIGHT = 0
    WRONG = 1
    NOT_JUDGED = 2


@dataclass
class Outcome:
    """What became of one part: what was right, what was refused openly, and what was not right."""

    name: str
    right: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)
    # Why nothing, or not all, could be asked; empty where everything was.
    not_judged: str = ""
    notes: list[str] = field(default_factory=list)

    def line(self) -> str:
        """One line of the table."""
        if self.not_judged:
            said = f"NOT JUDGED: {self.not_judged}"
        else:
            said = "WRONG" if self.wrong else "right"
        return f"{self.name:18}{self.right:>7}{self.refused:>9}{len(self.wrong):>7}  {said}"


def judged(name: str, steps: Callable[[Outcome], None]) -> Outcome:
    """Run ``steps``; an error of theirs ends them, and becomes a part of what is told."""
    outcome = Outcome(name)
    try:
        steps(outcome)
    except NotJudged as error:
        outcome.not_judged = " ".join(str(error).split())[:400]
    except Exception as error:
        # Whatever stopped a program that is not ours is an answer.
        outcome.wrong.append(str(error) if isinstance(error, Wrong) else f"{type(error).__name__}: {error}")
    return outcome


def table(outcomes: Sequence[Outcome]) -> str:
    """All parts, one a line, and below what was wrong."""
    lines = [f"{'part':18}{'right':>7}{'refused':>9}{'wrong':>7}"]
    lines += [outcome.line() for outcome in outcomes]
    for outcome in outcomes:
        lines += [f"{outcome.name}: {note}" for note in outcome.notes]
        lines += [f"WRONG {outcome.name}: {text}" for text in outcome.wrong]
    return "\n".join(lines)


def status(outcomes: Sequence[Outcome]) -> Status:
    """What a run ends with: 1 when something was wrong, 2 when something was not judged."""
    if any(outcome.wrong for outcome in outcomes):
        return Status.WRONG
    return Status.NOT_JUDGED if any(outcome.not_judged for outcome in outcomes) else Status.RIGHT
