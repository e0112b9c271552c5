"""What the answers to many pictures say together: right ones, agreement, latency."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from console.models.cards import LETTERS, Answer, Card

# So many bars can be told apart in the side's width.
BINS = 24
# The parts of an answer's time, with their colours.
PARTS = {"network": "series5", "function": "series3", "model": "series6"}
# What they are called: a model on this computer has a way to it, too, but no network.
PART_WORDS = {"network": "on the way", "function": "function", "model": "model"}


@dataclass(frozen=True)
class Score:
    """One endpoint's result. Latencies in milliseconds; ``None`` where there was no answer.

    With two endpoints the latencies are those of pictures that both answered in one run: anything else would compare
    other pictures, or another hour. ``parts`` say what the median is made of, where that is known.
    """

    asked: int
    answered: int
    failed: int
    judged: int
    right: int
    median_ms: float | None
    slow_ms: float | None
    latencies: tuple[float, ...]
    parts: tuple[tuple[str, float], ...] = ()


def score(cards: Sequence[Card], at: int) -> Score:
    """The result of the endpoint at position ``at``."""
    answers = [(card, card.answers[at]) for card in cards if at < len(card.answers)]
    given: list[tuple[Card, Answer]] = [(card, answer) for card, answer in answers if answer is not None]
    good = [(card, answer) for card, answer in given if not answer.error and answer.labels]
    judged = [(card, answer) for card, answer in good if card.truth]
    timed = [answer for card, answer in good if is_comparable(card)]
    latencies = tuple(sorted(answer.latency_ms for answer in timed if answer.latency_ms is not None))
    return Score(
        asked=len(answers),
        answered=len(good),
        failed=len(given) - len(good),
        judged=len(judged),
        right=sum(answer.labels[0] == card.truth for card, answer in judged),
        median_ms=statistics.median(latencies) if latencies else None,
        slow_ms=latencies[min(len(latencies) - 1, int(len(latencies) * 0.95))] if latencies else None,
        latencies=latencies,
        parts=_parts(timed),
    )


def _parts(timed: Sequence[Answer]) -> tuple[tuple[str, float], ...]:
    """What the median is made of, as far as the answers say: (a key of ``PARTS``, milliseconds).

    Of each part the median; the network is what they leave of the whole. Empty where nobody says.
    """
    whole = statistics.median([answer.latency_ms for answer in timed if answer.latency_ms is not None] or [0.0])
    found = []
    for name in ("function", "model"):
        times = [value for answer in timed if (value := getattr(answer, f"{name}_ms")) is not None]
        if times and len(times) == len(timed):
            found.append((name, min(whole, statistics.median(times))))
    rest = whole - sum(value for _, value in found)
    return (("network", max(0.0, rest)), *found) if found else ()


def is_comparable(card: Card) -> bool:
    """True when every endpoint answered the picture, all in the same run."""
    runs = {answer.run for answer in card.answers if answer is not None and not answer.error and answer.labels}
    return len(runs) == 1 and all(answer is not None and answer.labels for answer in card.answers)


def ended(cards: Sequence[Card], endpoints: int) -> str:
    """How a run ended: ``all answered``, ``22 answered, 2 failed``, or that of each endpoint where they differ."""
    given = [[card.answers[at] for card in cards] for at in range(endpoints)]
    failed = [sum(answer is not None and bool(answer.error) for answer in answers) for answers in given]
    words = [outcome(len(cards), number) for number in failed]
    if len(set(words)) < 2:
        return words[0] if words else ""
    return "; ".join(f"{letter}: {said}" for letter, said in zip(LETTERS, words, strict=False))


def underway(cards: Sequence[Card]) -> str:
    """How far a run is: how many pictures every endpoint has answered, and how many failed."""
    asked = [card for card in cards if None not in card.answers]
    failed = sum(map(has_failed, asked))
    return f"{len(asked) - failed:,} of {len(cards):,} answered" + (f", {failed:,} failed" if failed else "")


def outcome(total: int, failed: int) -> str:
    """How so many questions ended, ``failed`` of them without a class."""
    return f"{total - failed:,} answered, {failed:,} failed" if failed else "all answered"


def agreement(cards: Sequence[Card]) -> tuple[int, int]:
    """How many pictures all targets gave the same class, of how many that all of them answered."""
    told = [
        {answer.labels[0] for answer in card.answers if answer is not None and answer.labels}
        for card in cards
        if len(card.answers) > 1 and all(answer is not None and answer.labels for answer in card.answers)
    ]
    return sum(len(labels) == 1 for labels in told), len(told)


def is_wrong(card: Card) -> bool:
    """True when any endpoint's best class is not the truth, or it failed."""
    return any(
        answer is not None and (answer.error or (card.truth and answer.labels[:1] != (card.truth,)))
        for answer in card.answers
    )


def has_failed(card: Card) -> bool:
    """True when any endpoint gave no answer for it."""
    return any(answer is not None and answer.error for answer in card.answers)


def disagrees(card: Card) -> bool:
    """True when two targets name different classes."""
    tops = {answer.labels[0] for answer in card.answers if answer is not None and answer.labels}
    return len(tops) > 1


def certainty(card: Card) -> float:
    """The lowest best probability of the answers, 0 to 1; 2 while there is none, so that it sorts last."""
    best = [answer.probabilities[0] for answer in card.answers if answer is not None and answer.probabilities]
    return min(best) if best else 2.0


def bins(latencies: Sequence[float], low: float, high: float) -> list[int]:
    """A histogram of ``BINS`` equal steps from ``low`` to ``high`` milliseconds."""
    counts = [0] * BINS
    width = (high - low) / BINS or 1.0
    for value in latencies:
        counts[min(BINS - 1, max(0, int((value - low) / width)))] += 1
    return counts
