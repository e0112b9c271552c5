"""Noticing soon that a tuning job's objective is not in the log: a regex that never matches costs every job."""

from __future__ import annotations

import re
from collections.abc import Sequence

from workers.tuning.types import TuningJob

# One epoch may be evaluated late; after two without the objective it is time to say something.
_EPOCHS = 2
_SHOWN_LINES = 5
_SHOWN_CHARACTERS = 160
# What a person would take for a metric: a word, then "=" or ":", then a number.
_METRIC_LIKE = re.compile(r"[A-Za-z_)\]%]\s*[=:]\s*-?\d")


def unseen_objective(job: TuningJob, trial_name: str, lines: Sequence[str]) -> str | None:
    """A sentence with the lines seen when they show two epochs of metrics but no objective, else ``None``."""
    regexes = dict(job.metric_definitions)
    regex = regexes.pop(job.objective_metric, None)
    try:
        if regex is None or any(re.search(regex, line) for line in lines):
            return None
        others = [re.compile(regex) for regex in regexes.values()]
    except re.error:
        # AWS accepts regexes of another dialect: nothing can be said about them here.
        return None
    like = [line.strip() for line in lines if _METRIC_LIKE.search(line)]
    epochs = max((sum(1 for line in lines if other.search(line)) for other in others), default=0)
    if max(epochs, 0 if others else len(like)) < _EPOCHS:
        return None
    shown = "\n".join(line[:_SHOWN_CHARACTERS] for line in dict.fromkeys(like[-_SHOWN_LINES:]))
    return (
        f"No line of {trial_name} matches the objective {job.objective_metric} ({regex}) so far. "
        f"The last lines with figures:\n{shown}"
    )
