"""The metrics as alarms and policies see them: whole periods, in a time that may pass faster than the clock.

With a time factor one second of the clock stands for so many: a period of 60 s is over after 60 s / factor. Rates stay
what they are (25 requests/s are 1,500 in a minute), so what is counted in a period is multiplied by the factor.
"""

from __future__ import annotations

import json
import math
from typing import Any

from sandbox.autoscaling.decide import INSUFFICIENT_DATA, alarm_state
from sandbox.autoscaling.tracking import Metric
from sandbox.metrics.alarms import Alarms
from sandbox.metrics.store import Metrics, statistic

# What is collected in memory is written within this part of a period of ten seconds.
SETTLE_SECONDS = 5.0
# Also where time runs fast, writing takes its time.
_LEAST_SETTLE = 0.3
_COUNTED = frozenset({"Sum", "SampleCount"})


class Watch:
    """Reads periods, and keeps the states of all alarms. ``factor``: how many seconds pass in one."""

    def __init__(self, metrics: Metrics, alarms: Alarms, factor: float) -> None:
        self._metrics, self._alarms, self._factor = metrics, alarms, factor
        # The end of the last period that each alarm was looked at for.
        self._seen: dict[str, float] = {}

    def periods(self, metric: Metric, count: int, now: float) -> list[tuple[float, float | None]]:
        """The last ``count`` whole periods: when each ended (on the clock), and its value or None."""
        length = metric.period / self._factor
        settle = max(_LEAST_SETTLE, min(SETTLE_SECONDS, metric.period / 2) / self._factor)
        last = math.floor((now - settle) / length)
        first = last - count
        found = {
            round(at / length): data
            for at, data in self._metrics.statistics(
                metric.namespace,
                metric.name,
                metric.dimensions,
                first * length,
                last * length,
                length,
                metric.unit,
            )
        }
        scale = self._factor if metric.statistic in _COUNTED else 1.0
        return [
            ((index + 1) * length, statistic(metric.statistic, found[index]) * scale if index in found else None)
            for index in range(first, last)
        ]

    def look(self, now: float) -> None:
        """Bring the states of all alarms up to date."""
        for alarm in self._alarms.all():
            count = alarm["EvaluationPeriods"]
            periods = self.periods(metric_of_alarm(alarm), count, now)
            # An alarm that somebody set by hand keeps that state until a period ends.
            identity = f"{alarm['AlarmName']} {alarm['AlarmConfigurationUpdatedTimestamp']}"
            if self._seen.get(identity) == periods[-1][0]:
                continue
            self._seen[identity] = periods[-1][0]
            self._judge(alarm, [value for _, value in periods])

    def _judge(self, alarm: dict[str, Any], values: list[float | None]) -> None:
        points = alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"])
        state = alarm_state(
            values,
            alarm["ComparisonOperator"],
            alarm["Threshold"],
            alarm["EvaluationPeriods"],
            points,
            alarm.get("TreatMissingData", "missing"),
            alarm["StateValue"],
        )
        if state == alarm["StateValue"]:
            return
        known = [value for value in values if value is not None]
        if state == INSUFFICIENT_DATA:
            reason = f"Insufficient Data: {len(values)} datapoints were unknown."
        else:
            crossed = f"Threshold Crossed: {len(known)} datapoints {[round(value, 3) for value in known]} were "
            way = "" if state == "ALARM" else "not "
            reason = f"{crossed}{way}beyond the threshold ({alarm['Threshold']:g}): {alarm['ComparisonOperator']}."
        data = json.dumps({"version": "1.0", "threshold": alarm["Threshold"], "recentDatapoints": known})
        self._alarms.set_state(alarm["AlarmName"], state, reason[:1023], data)


def metric_of_alarm(alarm: dict[str, Any]) -> Metric:
    """What an alarm looks at."""
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}
    name = alarm.get("Statistic") or alarm["ExtendedStatistic"]
    return Metric(alarm["Namespace"], alarm["MetricName"], name, dimensions, alarm["Period"], alarm.get("Unit"))
