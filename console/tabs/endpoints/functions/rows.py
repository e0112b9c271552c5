"""The rows and columns of the function list, under the same heads as the endpoints."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from console.models.columns import Column
from console.models.format import ago, milliseconds
from console.models.states import State
from console.tabs.endpoints.rows import rate_text
from workers.access.grants import Grant
from workers.functions.calls import FunctionCall
from workers.functions.role import INVOKE
from workers.functions.types import Function

MINUTES_A_DAY = 24 * 60


@dataclass(frozen=True)
class FunctionRow:
    """A function with its last calls, once they are known, and what would end a refusal.

    ``refused`` are the newest calls that were all refused for the same thing, newest first. ``per_hour`` is what its
    last hour cost in dollars, or what it costs to be kept ready. ``orphan``: the endpoint that it asks is gone;
    ``asleep``: it is parked.
    """

    function: Function
    calls: tuple[FunctionCall, ...] | None = None
    refused: tuple[FunctionCall, ...] = ()
    grant: Grant | None = None
    per_hour: float | None = None
    orphan: bool = False
    asleep: bool = False

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.name

    @property
    def state(self) -> State | str:
        """AWS's state, or how many calls were refused."""
        if self.refused:
            return State(f"{len(self.refused)} denied", "err")
        if self.asleep:
            return State("Endpoint parked", "neutral", "pause")
        if self.orphan:
            return State("No endpoint", "warn")
        if self.function.broad:
            return State("Broad role", "warn")
        if self.failed:
            return State(f"{self.failed} failed", "err")
        return self.function.state

    @property
    def failed(self) -> int:
        """How many of the newest calls in a row were not answered since it was changed, bad input aside."""
        failed = 0
        for call in self.calls or ():
            known = self.function.modified is None or call.at > self.function.modified
            if call.ok or not known or (call.status is not None and call.status < 500):
                break
            failed += 1
        return failed

    @property
    def last_use(self) -> datetime | None:
        """The newest call, as exactly as it is known: metrics only tell the hour."""
        return self.calls[0].at if self.calls else self.function.last_invocation

    @property
    def size(self) -> str:
        """``Python, 512 MB``."""
        return f"Python, {self.function.memory_mb:,} MB"


def hourly(value: float) -> str:
    """Dollars an hour of a function, which is mostly very little: ``<0.001``, ``0.015``."""
    if 0 < value < 0.001:
        return "<0.001"
    return f"{value:.3f}" if value else "0"


def cost_text(row: FunctionRow) -> str:
    """``<$0.001 an hour``, with what that is made of."""
    if row.per_hour is None:
        return ""
    value = hourly(row.per_hour)
    amount = f"<${value[1:]}" if value.startswith("<") else f"${value}"
    return f"{amount} an hour by its last hour{' and what is kept ready' if row.function.provisioned else ''}"


def errors_text(row: FunctionRow) -> str:
    """Lambda's errors of a day: a call that was answered, if only with 502, is none of them."""
    errors = row.function.errors
    if errors is None:
        return ""
    return f"{errors:,}, answers of 500 and above not counted" if row.failed > errors else f"{errors:,}"


def concurrency(function: Function) -> str:
    """How many calls at once are set aside for it, or kept ready."""
    if function.provisioned:
        return f"{function.provisioned:,} kept ready"
    reserved = function.reserved_concurrency
    return "not reserved" if reserved is None else f"{reserved:,} reserved"


def _requests(row: FunctionRow) -> list[float] | None:
    return list(row.function.per_hour) if row.function.invocations else None


def _rate(row: FunctionRow) -> float | None:
    calls = row.function.invocations
    return None if calls is None else calls / MINUTES_A_DAY


def still_asked(call: FunctionCall, function: Function) -> bool:
    """False for a call that was refused an endpoint which the function, changed since, asks no more."""
    denial = call.denial
    if denial is None or denial.action != INVOKE or not function.endpoint_name or function.modified is None:
        return True
    return denial.resource.rsplit("/", 1)[-1] == function.endpoint_name or call.at > function.modified


def with_figures(function: Function, known: Function) -> Function:
    """A function that was listed again, with the figures known of it."""
    return replace(
        function,
        invocations=known.invocations,
        errors=known.errors,
        duration_ms=known.duration_ms,
        last_invocation=known.last_invocation,
        reserved_concurrency=known.reserved_concurrency,
        per_hour=known.per_hour,
        last_hour=known.last_hour,
        provisioned=known.provisioned,
        broad=known.broad,
    )


COLUMNS = [
    Column("name", "Name", kind="name", icon="lambda", priority=0),
    Column("state", "State", kind="state", priority=0, sample="InService"),
    Column("size", "Size", priority=3),
    Column("endpoint", "Asks", value=lambda row: row.function.endpoint_name or None, priority=7),
    Column("concurrency", "Concurrency", value=lambda row: concurrency(row.function), priority=8),
    Column("requests", "Requests, 24 h", kind="spark", value=_requests, sortable=False, priority=5),
    Column("rate", "Per min, 24 h", kind="number", value=_rate, format=lambda v, _: rate_text(v), priority=4),
    Column(
        "p50",
        "p50",
        kind="number",
        value=lambda row: row.function.duration_ms,
        format=lambda v, _: milliseconds(v),
        priority=3,
    ),
    Column(
        "errors",
        "Errors",
        kind="number",
        value=lambda row: row.function.errors,
        format=lambda v, _: f"{v:,}",
        tone=lambda row: "err" if row.function.errors else None,
        tooltip=errors_text,
        priority=6,
    ),
    Column(
        "per_hour",
        "$ per hour",
        kind="number",
        strong=True,
        format=lambda v, _: hourly(v),
        tooltip=cost_text,
        priority=1,
    ),
    Column(
        "last",
        "Last use",
        kind="number",
        value=lambda row: row.last_use,
        format=lambda v, _: ago(v),
        priority=2,
    ),
]
