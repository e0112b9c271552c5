"""What the answers about labelled pictures say together. Pure: no files, no network."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from workers.evaluation.types import TOP, Answered, Evaluation
from workers.files.class_names import class_title, matcher

# The usual number for a reliability diagram; more leave too few answers in each.
BINS = 10


@dataclass(frozen=True)
class ClassMeasure:
    """One class. ``precision`` is None for a class never answered, ``recall`` for one without pictures."""

    name: str
    support: int
    answered: int
    right: int
    precision: float | None
    recall: float | None
    f1: float | None

    @property
    def title(self) -> str:
        """The class for people."""
        return class_title(self.name)


@dataclass(frozen=True)
class Bin:
    """The answers whose best probability lies from ``low`` to ``high``: how sure they were, how many were right."""

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Latency:
    """Where the time of an answer goes, in milliseconds; the parts are means and add up to ``mean``.

    ``network`` is what is left of the whole: the way there and back, signing, waiting in queues.
    """

    median: float | None = None
    p95: float | None = None
    mean: float | None = None
    network: float | None = None
    function: float | None = None
    model: float | None = None
    cold: int = 0


@dataclass(frozen=True)
class Mistake:
    """A picture whose answer was not its class, and how sure that answer was."""

    answer: Answered
    truth: str
    said: str
    confidence: float


@dataclass(frozen=True)
class Measures:
    """All figures of an evaluation; shares are 0 to 1.

    ``judged`` are the answered pictures whose folder is one of the model's classes; only they count. ``unknown`` are
    the folders that are none, with their pictures; ``absent`` the model's classes that have no picture here.
    ``confusion[truth][answer]`` goes by ``classes``. ``told``: the model says itself which classes it knows.
    """

    pictures: int
    answered: int
    failed: int
    judged: int
    right: int
    accuracy: float | None
    top5: float | None
    classes: tuple[str, ...]
    told: bool
    scores: tuple[ClassMeasure, ...]
    confusion: tuple[tuple[int, ...], ...]
    bins: tuple[Bin, ...]
    ece: float | None
    unknown: tuple[tuple[str, int], ...]
    absent: tuple[str, ...]
    mistakes: tuple[Mistake, ...]
    latency: Latency

    @property
    def unjudged(self) -> int:
        """Answered pictures that do not count, because the model has no such class."""
        return self.answered - self.judged


def measure(evaluation: Evaluation) -> Measures:
    """The figures of what was answered so far."""
    good = [answer for answer in evaluation.answers if not answer.error]
    told = bool(evaluation.classes)
    classes = evaluation.classes or _classes_of(good)
    truth_of = truths(evaluation)
    judged = [(answer, truth) for answer in good if (truth := truth_of(answer))]
    at = {name: place for place, name in enumerate(classes)}
    confusion = [[0] * len(classes) for _ in classes]
    for answer, truth in judged:
        if answer.top in at:
            confusion[at[truth]][at[answer.top]] += 1
    right = sum(answer.top == truth for answer, truth in judged)
    unknown = Counter(answer.truth for answer in good if not truth_of(answer))
    bins = _bins([(answer.probabilities[0], answer.top == truth) for answer, truth in judged if answer.probabilities])
    supports = Counter(truth for _, truth in judged)
    wrong = [
        Mistake(answer, truth, answer.top, answer.probabilities[0] if answer.probabilities else 0.0)
        for answer, truth in judged
        if answer.top != truth
    ]
    return Measures(
        pictures=evaluation.head.pictures,
        answered=len(good),
        failed=len(evaluation.answers) - len(good),
        judged=len(judged),
        right=right,
        accuracy=right / len(judged) if judged else None,
        top5=_top5(judged, len(classes)),
        classes=tuple(classes),
        told=told,
        scores=tuple(_score(name, confusion, place, supports[name]) for place, name in enumerate(classes)),
        confusion=tuple(map(tuple, confusion)),
        bins=bins,
        ece=_ece(bins),
        unknown=tuple(sorted(unknown.items(), key=lambda pair: (-pair[1], pair[0]))),
        absent=tuple(name for name in classes if not supports[name]),
        mistakes=tuple(sorted(wrong, key=lambda mistake: (-mistake.confidence, mistake.answer.path))),
        latency=latency(good, evaluation.cloud_ms),
    )


def truths(evaluation: Evaluation) -> Callable[[Answered], str]:
    """A function from an answer to the class that its picture is of; "" when the model has no such class.

    Where the model does not say which classes it knows, the folders' names are taken for its classes.
    """
    good = [answer for answer in evaluation.answers if not answer.error]
    match = matcher(evaluation.classes or _classes_of(good))
    known: dict[str, str] = {}

    def truth_of(answer: Answered) -> str:
        if answer.truth not in known:
            known[answer.truth] = match(answer.truth)
        return known[answer.truth]

    return truth_of


def _classes_of(good: Sequence[Answered]) -> tuple[str, ...]:
    """The classes that were answered, and the folders that none of them is meant by."""
    answered = sorted({label for answer in good for label in answer.labels})
    match = matcher(answered)
    return (*answered, *sorted({answer.truth for answer in good if not match(answer.truth)}))


def _top5(judged: Sequence[tuple[Answered, str]], classes: int) -> float | None:
    """None where the answers name fewer classes than it takes to say."""
    if not judged or any(len(answer.labels) < min(TOP, classes) for answer, _ in judged):
        return None
    return sum(truth in answer.labels[:TOP] for answer, truth in judged) / len(judged)


def _score(name: str, confusion: Sequence[Sequence[int]], at: int, support: int) -> ClassMeasure:
    right, answered = confusion[at][at], sum(row[at] for row in confusion)
    precision = right / answered if answered else None
    recall = right / support if support else None
    f1 = 2 * right / (answered + support) if answered + support else None
    return ClassMeasure(name, support, answered, right, precision, recall, f1)


def _bins(answers: Sequence[tuple[float, bool]]) -> tuple[Bin, ...]:
    found: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for confidence, right in answers:
        found[min(BINS - 1, max(0, int(confidence * BINS)))].append((confidence, right))
    return tuple(
        Bin(
            at / BINS,
            (at + 1) / BINS,
            len(inside),
            statistics.fmean(confidence for confidence, _ in inside) if inside else None,
            sum(right for _, right in inside) / len(inside) if inside else None,
        )
        for at, inside in enumerate(found)
    )


def _ece(bins: Sequence[Bin]) -> float | None:
    """The expected calibration error: by how much confidence and accuracy differ, weighted by the bins' answers."""
    total = sum(part.count for part in bins)
    if not total:
        return None
    return sum(
        part.count / total * abs(part.confidence - part.accuracy)
        for part in bins
        if part.confidence is not None and part.accuracy is not None
    )


def latency(good: Sequence[Answered], cloud_ms: float | None = None) -> Latency:
    """The times of these answers; calls that had to start a function first are counted, but not in the means."""
    warm = [answer for answer in good if answer.ms is not None and not answer.cold]
    times = sorted(answer.ms for answer in warm if answer.ms is not None)
    if not times:
        return Latency(cold=sum(answer.cold for answer in good))
    mean = statistics.fmean(times)
    ran = _mean([answer.function_ms for answer in warm])
    model = _mean([answer.model_ms for answer in warm])
    if model is None:
        model = cloud_ms
    inside = ran if ran is not None else mean
    if model is not None and model > inside:
        # Other callers' requests, or another minute's: no part of these.
        model = None
    function = ran - model if ran is not None and model is not None else ran
    known = ran if ran is not None else model
    return Latency(
        median=statistics.median(times),
        p95=times[min(len(times) - 1, int(len(times) * 0.95))],
        mean=mean,
        network=mean - known if known is not None else None,
        function=function,
        model=model,
        cold=sum(answer.cold for answer in good),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    """None unless every one is known."""
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known and len(known) == len(values) else None
