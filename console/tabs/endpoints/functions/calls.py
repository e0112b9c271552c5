"""The table of a function's last calls."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from console.models.columns import Column
from console.models.format import day_month, milliseconds
from console.models.states import State
from workers.functions.calls import FunctionCall


@dataclass(frozen=True)
class CallRow:
    """A call and the endpoint that it was for."""

    call: FunctionCall
    endpoint: str

    @property
    def result(self) -> State:
        """How it ended, as icon and word."""
        if self.call.denial is not None:
            return State("Denied", "err")
        if self.call.ok:
            return State("OK", "ok")
        bad_input = self.call.status is not None and self.call.status < 500
        return State("Rejected", "warn") if bad_input else State("Failed", "err")

    @property
    def answer(self) -> str | None:
        """Status and cause."""
        if self.call.denial is not None:
            return f"{self.call.status or 403} AccessDenied"
        parts = [str(self.call.status) if self.call.status else "", self.call.cause]
        return " ".join(part for part in parts if part) or None


def rows_of(calls: Iterable[FunctionCall], endpoint: str) -> list[CallRow]:
    """Rows of the calls of a function that asks ``endpoint`` now; what a call really asked, where that is known."""
    return [
        CallRow(call, call.denial.resource.rsplit("/", 1)[-1] if call.denial else call.endpoint or endpoint)
        for call in calls
    ]


def _time(at: datetime, _: CallRow) -> str:
    local = at.astimezone()
    today = datetime.now().astimezone().date()
    return f"{local:%H:%M:%S}" if local.date() == today else f"{day_month(local.date(), today)} {local:%H:%M}"


COLUMNS = [
    Column("at", "Time", value=lambda row: row.call.at, format=_time, priority=0),
    Column("endpoint", "Endpoint", value=lambda row: row.endpoint or None, priority=2, stretch=1),
    Column("result", "Result", kind="state", priority=0, sample="Rejected"),
    Column("took", "Took", kind="number", value=lambda row: row.call.duration_ms, format=lambda v, _: milliseconds(v)),
    Column("answer", "Answer", stretch=1, priority=1),
    Column("request", "Request", kind="mono", value=lambda row: row.call.request_id or None, priority=5),
]
