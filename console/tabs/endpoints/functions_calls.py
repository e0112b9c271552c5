"""The table of a function's last calls."""

from __future__ import annotations

from datetime import datetime

from console.models.base import Column
from console.models.base_format import milliseconds
from console.models.base_states import State
from workers.function_calls import FunctionCall


def _time(at: datetime, _: FunctionCall) -> str:
    local = at.astimezone()
    today = local.date() == datetime.now().astimezone().date()
    return f"{local:%H:%M:%S}" if today else f"{local:%d %b %H:%M}"


def _result(call: FunctionCall) -> State:
    if call.denial is not None:
        return State("Denied", "err")
    if call.ok:
        return State("OK", "ok")
    return State("Rejected", "warn") if call.status is not None and call.status < 500 else State("Failed", "err")


def _answer(call: FunctionCall) -> str | None:
    if call.denial is not None:
        return f"{call.status or 403} AccessDenied"
    parts = [str(call.status) if call.status else "", call.cause]
    return " ".join(part for part in parts if part) or None


def _endpoint(call: FunctionCall) -> str | None:
    return call.denial.resource.rsplit("/", 1)[-1] if call.denial is not None else None


COLUMNS = [
    Column("at", "Time", format=_time, sort_key=lambda call: call.at, priority=0),
    Column("target", "Refused on", value=_endpoint, priority=2),
    Column("result", "Result", kind="state", value=_result, priority=0, sample="Rejected"),
    Column("took", "Took", kind="number", value=lambda c: c.duration_ms, format=lambda v, _: milliseconds(v)),
    Column("answer", "Answer", value=_answer, stretch=1, priority=1),
    Column("request_id", "Request", kind="mono", priority=5),
]
