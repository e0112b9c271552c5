"""Telling an operator why no training job has an objective: what its regex was, and which lines there were."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sandbox.containers.output import MAX_METRIC_LINE, dropped_notice
from sandbox.core.bounded_regex import BoundedRegex, SlowExpression
from sandbox.logs.store import Logs
from sandbox.sagemaker.training.run import LOG_GROUP

# What fits a failure reason.
_SHOWN_LINES = 5
_SHOWN_CHARACTERS = 120
# A log's last lines: an epoch's figures are among them.
_READ_LINES = 400
# FailureReason has at most 1,024 characters.
_MAX_REASON = 1_000
_NOT_FINITE = re.compile(r"\b(nan|-?inf(inity)?)\b", re.IGNORECASE)
# What a person would take for a metric: a word, then "=" or ":", then a number.
_METRIC_LIKE = re.compile(r"[A-Za-z_)\]%]\s*[=:]\s*-?\d")


def last_lines(logs: Logs, job_name: str) -> list[str]:
    """The last lines of a training job, all hosts one after the other."""
    prefix = f"{job_name}/"
    streams = logs.db.query(
        "SELECT id FROM log_streams WHERE grp=? AND substr(name, 1, ?)=? ORDER BY name",
        (LOG_GROUP, len(prefix), prefix),
    )
    return [event.message for row in streams for event in logs.read(row["id"], limit=_READ_LINES, tail=True)]


def matches_but_for_nan(regex: str, lines: Iterable[str]) -> bool:
    """True when the regex would match a line if its NaN or infinity were a number."""
    return _matches(regex, (_NOT_FINITE.sub("0.5", line) for line in lines if _NOT_FINITE.search(line)))


def nan_reason(metric: str, regex: str, job_name: str, lines: Sequence[str]) -> str:
    """The FailureReason when jobs ended, and the objective was no number in any of them."""
    seen = next(line.strip() for line in reversed(lines) if matches_but_for_nan(regex, [line]))
    text = (
        f"The objective metric {metric} was not a number (NaN or infinite) in every training job that ended, the last "
        f"time in {job_name}: “{seen[:_SHOWN_CHARACTERS]}”. Lower learning rates usually help."
    )
    return text[:_MAX_REASON]


def too_slow(metric: str, regex: str, lines: Sequence[str]) -> bool:
    """True when the metric was dropped because its regex took too long, or when it takes too long on these lines."""
    if any(line.startswith(dropped_notice(metric)) for line in lines):
        return True
    try:
        _matches(regex, (_NOT_FINITE.sub("0.5", line) for line in lines if _NOT_FINITE.search(line)))
    except SlowExpression:
        return True
    return False


def slow_reason(metric: str, regex: str, job_name: str) -> str:
    """The FailureReason when the objective was not read because its regex is too slow."""
    text = (
        f"The objective metric {metric} of the training job {job_name} was not read: the regex {regex} takes too long "
        "on its lines. Make the regex simpler, without one repetition inside of another."
    )
    return text[:_MAX_REASON]


def _matches(regex: str, lines: Iterable[str]) -> bool:
    pattern = BoundedRegex(regex)
    return any(pattern.search(line[:MAX_METRIC_LINE]) is not None for line in lines)


def unseen_reason(metric: str, regex: str, job_name: str, lines: Sequence[str]) -> str:
    """The FailureReason when a finished job has no line that the objective's regex matches."""
    like = [line.strip() for line in lines if _METRIC_LIKE.search(line)] or [line.strip() for line in lines]
    shown = [line[:_SHOWN_CHARACTERS] for line in dict.fromkeys(like)][-_SHOWN_LINES:]
    seen = "; ".join(f"“{line}”" for line in shown) if shown else "none at all"
    text = (
        "No objective metrics found. Please ensure that the custom algorithm is emitting the objective metric as "
        f"defined by the regular expression provided. Objective {metric}, regex {regex}; the training job {job_name} "
        f"ended without a match. Lines seen: {seen}"
    )
    return text if len(text) <= _MAX_REASON else text[: _MAX_REASON - 1] + "…"
