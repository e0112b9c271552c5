"""Load tests in words: shapes, errors, results, and how two results differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from console.models.columns import DASH, Column
from console.models.format import count, dollars, duration, milliseconds, percents, when
from console.models.states import State
from console.tabs.scaling.rows import cause_words
from workers.load.arrivals import Shape
from workers.load.costs import LoadCost
from workers.load.outcome import meaning, throttled
from workers.load.types import ErrorCount, LoadReport, Totals

Rows = list[tuple[str, str, str]]


@dataclass(frozen=True)
class ShapeForm:
    """One arrival shape in the form: its fields (``start``, ``rate``, ``points``), and what it is called with them."""

    title: str
    fields: tuple[str, ...]
    words: Callable[[Shape], str]
    rate_title: str = "Requests"


# By the kind of ``workers.load.arrivals.Shape``; the form and its sentences know of no other place.
SHAPES: Mapping[str, ShapeForm] = {
    "constant": ShapeForm(
        "Constant", ("rate",), lambda shape: f"constant {shape.rate:g}/s for {duration(shape.seconds)}"
    ),
    "ramp": ShapeForm(
        "Ramp",
        ("start", "rate"),
        lambda shape: f"ramp {shape.start_rate:g} to {shape.rate:g}/s in {duration(shape.seconds)}",
        "To",
    ),
    "curve": ShapeForm(
        "Curve", ("points",), lambda shape: f"curve up to {shape.peak:g}/s in {duration(shape.seconds)}"
    ),
    "poisson": ShapeForm(
        "Poisson, at random", ("rate",), lambda shape: f"Poisson {shape.rate:g}/s for {duration(shape.seconds)}"
    ),
}
_BRIEF = (
    ("ReservedFunctionConcurrentInvocationLimitExceeded", "throttled: reserved"),
    ("ConcurrentInvocationLimitExceeded", "throttled: pool"),
    ("ThrottlingException", "throttled"),
    ("TooManyRequestsException", "throttled"),
    ("ModelError 503", "queue full"),
    ("ModelError", "model error"),
    ("Timeout", "timeout"),
    ("ConnectionFailed", "no connection"),
    ("ValidationError", "not valid"),
)
_ENDED = {
    "done": State("Done", "ok"),
    "cancelled": State("Stopped", "neutral"),
    "gone": State("Target gone", "err"),
    "refused": State("Refused", "err"),
    "broken": State("Broken off", "err"),
}
# Fewer than these in time, and the figures tell of this computer.
_IN_TIME_SHARE = 0.95
_MOST_MEANINGS = 4


def shape_words(shape: Shape) -> str:
    """``constant 20/s for 60 s``."""
    return SHAPES[shape.kind].words(shape)


def brief(code: str) -> str:
    """An error's code short enough for a legend."""
    words, _, reason = code.partition(": ")
    return next((text for known, text in _BRIEF if reason == known or words.startswith(known)), words)


def millis(value: float | None) -> str:
    """Milliseconds, a dash where they are not known."""
    return DASH if value is None else milliseconds(value)


def tick(value: float) -> str:
    """Milliseconds at an axis."""
    return milliseconds(value) if value else "0"


def shown(number: float) -> str:
    """A rate or a number of instances."""
    return f"{number:,.0f}" if number == round(number) or number >= 10 else f"{number:,.1f}"


def state_of_end(report: LoadReport) -> State:
    """How it ended."""
    return _ENDED[report.ended]


def meanings(errors: Sequence[ErrorCount]) -> list[tuple[str, str]]:
    """What the most frequent errors mean, and AWS's words of the first of each."""
    return [
        (brief(error.code).capitalize(), ". ".join(part for part in (meaning(error.code), error.message) if part))
        for error in errors[:_MOST_MEANINGS]
    ]


def began(report: LoadReport) -> datetime:
    """When it began."""
    return datetime.fromtimestamp(report.began, UTC)


def moment(at: datetime) -> str:
    """``13:51`` today, ``18 Sep 13:51``: tests of one day are told apart."""
    day, clock = when(at), f"{at.astimezone():%H:%M}"
    return day if day == clock else f"{day} {clock}"


def headline(report: LoadReport) -> str:
    """``dogs / AllTraffic, constant 20/s for 60 s, 13:51``."""
    return f"{report.target.words}, {shape_words(report.shape)}, {moment(began(report))}"


def result_rows(totals: Totals) -> Rows:
    """What came of a test: numbers, then latencies from the intended start beside those of the service itself."""
    rows: Rows = [
        ("Answered", f"of {totals.intended:,} intended, {totals.sent:,} sent", f"{totals.answered:,}"),
        ("Errors", "", f"{totals.failed:,}"),
    ]
    if totals.not_sent:
        rows.append(("Not sent", "no room, or stopped before", f"{totals.not_sent:,}"))
    if totals.unanswered:
        rows.append(("Without an answer", "stopped while they were under way", f"{totals.unanswered:,}"))
    latency, service = totals.latency, totals.service
    for name, whole, own in (
        ("p50", latency.p50, service.p50),
        ("p90", latency.p90, service.p90),
        ("p99", latency.p99, service.p99),
        ("p99.9", latency.p999, service.p999),
        ("Slowest", latency.worst, service.worst),
    ):
        rows.append((name, f"service time {millis(own)}", millis(whole)))
    return rows


def late_words(totals: Totals) -> str:
    """A warning when this computer did not send in time; "" when it did."""
    if not totals.sent or totals.in_time >= totals.sent * _IN_TIME_SHARE:
        return ""
    share = percents(1 - totals.in_time / totals.sent)
    return (
        f"{share} of the requests were sent more than 10 ms after their time (p99 {millis(totals.late.p99)}): this "
        "computer was too busy, or waited for answers. Their latency counts from the intended start all the same."
    )


def compared(new: LoadReport, old: LoadReport) -> Rows:
    """How ``new`` differs from ``old``: both values, and the change."""
    a, b = old.totals, new.totals
    rows: Rows = [
        ("Answered", f"{a.answered:,} → {b.answered:,}", _change(a.answered, b.answered)),
        ("Errors", f"{a.failed:,} → {b.failed:,}", _change(a.failed, b.failed)),
        ("Answered a second", f"{_rate(old):,.1f} → {_rate(new):,.1f}", _change(_rate(old), _rate(new))),
    ]
    for name, before, after in (
        ("p50", a.latency.p50, b.latency.p50),
        ("p90", a.latency.p90, b.latency.p90),
        ("p99", a.latency.p99, b.latency.p99),
        ("Slowest", a.latency.worst, b.latency.worst),
        ("p99 of the service", a.service.p99, b.service.p99),
    ):
        rows.append((name, f"{millis(before)} → {millis(after)}", _change(before, after)))
    most = [max((number for _, number in report.instances), default=None) for report in (old, new)]
    if most[0] is not None and most[1] is not None:
        rows.append(("Most instances", f"{most[0]} → {most[1]}", _change(most[0], most[1])))
    return rows


def _rate(report: LoadReport) -> float:
    return report.totals.answered / report.elapsed if report.elapsed > 0 else 0.0


def _change(before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return DASH
    if before == after:
        return "same"
    if not before:
        return DASH
    share = (after - before) / before
    return f"{'+' if share > 0 else '−'}{percents(abs(share))}"


def _kind(error: ErrorCount) -> State:
    return State("Throttled", "warn") if throttled(error.code) else State("Failed", "err")


ERROR_COLUMNS = [
    Column("code", "Error", kind="name", priority=0, tooltip=lambda error: f"{error.code}\n{error.message}".strip()),
    Column("count", "Requests", kind="number", format=lambda value, _: f"{value:,}", priority=0),
    Column("kind", "Kind", kind="state", value=_kind, priority=1),
]
REPORT_COLUMNS = [
    Column("began", "Began", kind="name", value=began, format=lambda value, _: moment(value), priority=0,
           descending_first=True),
    Column("target", "Target", value=lambda report: report.target.words, stretch=1, priority=0),
    Column("shape", "Load", value=lambda report: shape_words(report.shape), priority=3),
    Column("ended", "State", kind="state", value=state_of_end, priority=2),
    Column("answered", "Answered", kind="number", value=lambda report: report.totals.answered,
           format=lambda value, _: f"{value:,}", priority=1),
    Column("failed", "Errors", kind="number", value=lambda report: report.totals.failed,
           format=lambda value, _: f"{value:,}", priority=1),
    Column("p99", "p99", kind="number", value=lambda report: report.totals.latency.p99,
           format=lambda value, _: milliseconds(value), priority=0),
]  # fmt: skip


def happened_words(report: LoadReport) -> list[tuple[str, str]]:
    """What auto scaling did meanwhile, by the second."""
    return [
        (
            f"After {duration(happening.at)}",
            f"{happening.description} {cause_words(happening.cause)} ({happening.status})",
        )
        for happening in report.happened
    ]


def cost_words(found: LoadCost) -> tuple[str, str]:
    """How its cost was reckoned, and what is billed besides."""
    if found.timeout:
        reckoned = f"{count(found.requests, 'call')} of at most {found.timeout:g} s with {found.memory:.3g} GB"
        return f"{reckoned}; quicker ones cost less.", "What the function asks, an endpoint for example."
    besides = f"Data by the gigabyte: about {found.gigabytes:,.2f} GB go in."
    price = "at a price that is not known" if found.per_hour is None else f"at {dollars(found.per_hour, 3)} an hour"
    if found.maximum is None:
        return f"{count(found.now, 'instance')} {price} each; whether more may be added could not be read.", besides
    if not found.more:
        return f"Requests have no price: {count(found.now, 'instance')} {price} each, load or not.", besides
    if found.per_hour is None:
        return f"Auto scaling may add {count(found.more, 'instance')}, {price}.", besides
    sum_of = f"{found.more} × {dollars(found.per_hour, 3)} × {found.hours:.2f} h, with 20 min until they go"
    return f"Requests have no price, but auto scaling may add {count(found.more, 'instance')}: {sum_of}.", besides


def requests_words(number: int, shape: Shape) -> str:
    """``600 requests, at most 10 a second``, ``about 600 requests, …``."""
    about = "about " if shape.kind == "poisson" else ""
    return f"{about}{count(number, 'request')}, at most {shape.peak:g} a second"
