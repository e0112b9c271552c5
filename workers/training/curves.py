"""Loss and accuracy curves from log lines, by the regexes that the job itself was created with."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import datetime

from workers.types import EpochMetrics, LogEvent

EPOCH, EPOCHS = "epoch", "epochs"


class CurveReader:
    """Reads events as they arrive; ``epochs`` is what is known so far.

    As on AWS each regex is tried on each line and its first group is the value. A line on which the metric
    ``epoch`` matches opens that epoch, and metrics on other lines belong to the epoch that is open. For a script
    whose job has no such metric, a metric that comes again opens the next epoch. With several hosts an epoch
    that is reported twice keeps the first value of each metric.
    """

    def __init__(self, metric_definitions: Iterable[tuple[str, str]]) -> None:
        self._patterns: list[tuple[str, str, re.Pattern[str]]] = []
        for name, regex in metric_definitions:
            try:
                self._patterns.append((name, _literal_start(regex), re.compile(regex)))
            except re.error:
                # AWS accepts regexes of another dialect; such a metric has no curve here.
                continue
        self._has_epoch = any(name == EPOCH for name, _, _ in self._patterns)
        self._values: dict[int, dict[str, float]] = {}
        self._times: dict[int, datetime] = {}
        self._open = 0
        self._total = 0

    def feed(self, events: Iterable[LogEvent]) -> bool:
        """Read more events, oldest first; True when a value was new."""
        changed = False
        for event in events:
            found = self._match(event.message)
            if found:
                changed = self._add(found, event.at) or changed
        return changed

    @property
    def epochs(self) -> tuple[EpochMetrics, ...]:
        """The epochs read so far, in order."""
        return tuple(
            EpochMetrics(epoch=epoch, epochs=max(self._total, epoch), values=dict(values), at=self._times[epoch])
            for epoch, values in sorted(self._values.items())
            if values
        )

    def _match(self, line: str) -> dict[str, float]:
        found: dict[str, float] = {}
        for name, start, pattern in self._patterns:
            # A script may print a million lines that no regex is meant for; "in" is many times faster.
            match = pattern.search(line) if start in line else None
            if match is None:
                continue
            try:
                found[name] = float(match[1] if pattern.groups else match[0])
            except (TypeError, ValueError):
                continue
        return found

    def _add(self, found: dict[str, float], at: datetime) -> bool:
        epoch, total = found.pop(EPOCH, None), found.pop(EPOCHS, 0.0)
        if math.isfinite(total):
            self._total = max(self._total, int(total))
        if epoch is not None and math.isfinite(epoch):
            self._open = int(epoch)
        elif not self._has_epoch and any(name in self._values.get(self._open, {}) for name in found):
            self._open += 1
        if not self._open:
            self._open = 1
        values = self._values.setdefault(self._open, {})
        new = {name: value for name, value in found.items() if name not in values}
        values.update(new)
        self._times.setdefault(self._open, at)
        return bool(new)


def _literal_start(regex: str) -> str:
    """The plain text that every match of ``regex`` begins with; "" when there is none or it is hard to tell."""
    depth = 0
    for char in regex:
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "|" and depth == 0:
            return ""
    start = re.match(r"[^\\.^$*+?{}\[\]|()]*", regex)
    literal = start[0] if start else ""
    # A quantifier takes back the character before it.
    return literal[:-1] if regex[len(literal) : len(literal) + 1] in ("*", "?", "{") else literal
