"""The rows and columns of the endpoint list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from console.models.columns import Column
from console.models.format import ago, count, milliseconds
from console.models.states import State
from workers.parking.types import Parked
from workers.types import Endpoint, EndpointMetrics

# After so long without a call an endpoint is marked as idle: it bills all the same.
IDLE_AFTER = timedelta(hours=24)
_HALF_HOURS = 48
PARKED = State("Parked", "neutral", "pause")
# There is an endpoint, and something is remembered of it: parking or coming back is not over.
_BETWEEN = {"interrupted": State("Half parked", "warn", "pause"), "resuming": State("Resuming", "run")}


@dataclass(frozen=True)
class Row:
    """An endpoint with its price (dollars an hour) and its figures, once they are known.

    ``asked`` is true when the figures were asked for and the answer, or an error, is here. ``parked`` is what is
    remembered of it, ``back_per_hour`` what it costs when it has come back (``None``: not known).
    """

    endpoint: Endpoint
    per_hour: float | None = None
    metrics: EndpointMetrics | None = None
    asked: bool = False
    parked: Parked | None = None
    back_per_hour: float | None = None

    @property
    def no_figures(self) -> str:
        """What to say where figures would be while there are none."""
        if self.metrics is not None:
            return "No requests in the last day"
        return "The figures cannot be read" if self.asked else "Reading the figures…"

    @property
    def name(self) -> str:
        """The endpoint's name."""
        return self.endpoint.name

    @property
    def away(self) -> bool:
        """True when there is no endpoint: it is parked."""
        return self.parked is not None and self.parked.state == "parked"

    @property
    def use(self) -> str:
        """How often it was called in the last hour, in a sentence; "" when it was not, or that is not known."""
        if self.metrics is None or not self.metrics.invocations_per_minute:
            return ""
        calls = round(sum(found for _, found in self.metrics.invocations))
        return f"It answered {count(calls, 'request')} in the last hour."

    @property
    def idle(self) -> bool:
        """True when it bills and nothing has called it for a day."""
        if self.endpoint.status != "InService" or self.metrics is None:
            return False
        since = self.metrics.last_used or self.endpoint.created
        return datetime.now(UTC) - since > IDLE_AFTER

    @property
    def state(self) -> State | str:
        """AWS's status, Idle, Parked, or what is between."""
        if self.away:
            return PARKED
        if self.parked is not None and self.endpoint.status == "InService" and self.parked.state in _BETWEEN:
            return _BETWEEN[self.parked.state]
        return State("Idle", "warn", "idle") if self.idle else self.endpoint.status

    @property
    def size(self) -> str | None:
        """``2 × ml.m5.xlarge``; None while the details are on their way."""
        endpoint = self.endpoint
        if not endpoint.instance_type:
            return None
        return f"{endpoint.instance_count or endpoint.desired_count} × {endpoint.instance_type}"


def rate_text(value: float) -> str:
    """Requests a minute: ``<0.1``, ``0.7``, ``52``."""
    if 0 < value < 0.1:
        return "<0.1"
    return f"{value:.1f}" if 0 < value < 9.95 else f"{value:.0f}"


def _requests(row: Row) -> list[float] | None:
    """One value for each half hour of the last day: a quarter without a call has no entry in the metrics."""
    if row.metrics is None or not row.metrics.day_invocations:
        return None
    bins = [0.0] * _HALF_HOURS
    now = datetime.now(UTC)
    for at, number in row.metrics.day_invocations:
        age = int((now - at).total_seconds() // 1800)
        if 0 <= age < _HALF_HOURS:
            bins[-1 - age] += number
    return bins


COLUMNS = [
    Column("name", "Name", kind="name", icon="endpoints", priority=0),
    Column("state", "State", kind="state", priority=0, sample="InService"),
    Column("size", "Size", priority=3),
    Column("job", "Model of", value=lambda row: row.endpoint.job_name or None, priority=7),
    Column("config", "Config", value=lambda row: row.endpoint.config_name or None, priority=8),
    Column("requests", "Requests, 24 h", kind="spark", value=_requests, sortable=False, priority=5),
    Column(
        "rate",
        "Per min, 1 h",
        kind="number",
        value=lambda row: row.metrics.invocations_per_minute if row.metrics else None,
        format=lambda v, _: rate_text(v),
        priority=4,
    ),
    Column(
        "p50",
        "p50",
        kind="number",
        value=lambda row: row.metrics.p50_ms if row.metrics else None,
        format=lambda v, _: milliseconds(v),
        priority=3,
    ),
    Column(
        "errors",
        "Errors",
        kind="number",
        value=lambda row: row.metrics.errors if row.metrics else None,
        format=lambda v, _: f"{v:,.0f}",
        tone=lambda row: "err" if row.metrics and row.metrics.errors else None,
        priority=6,
    ),
    Column("per_hour", "$ per hour", kind="number", strong=True, format=lambda v, _: f"{v:.3f}", priority=1),
    Column(
        "last",
        "Last use",
        kind="number",
        value=lambda row: row.metrics.last_used if row.metrics else None,
        format=lambda v, _: ago(v),
        tone=lambda row: "warn" if row.idle else None,
        priority=2,
    ),
]
