"""The dialog that makes or changes a scheduled action, with its next runs while one types."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import available_timezones

from PySide6.QtWidgets import QWidget

from console.tabs.scaling.schedule_list import coming, moment
from console.widgets.forms.fields import ComboBox, LineEdit
from console.widgets.forms.form import Form, Hint
from console.widgets.forms.lines import HintLine
from console.widgets.frames.dialog import FormDialog
from workers.scaling.times import AT, RATE, Unreckoned, next_runs
from workers.scaling.types import Schedule

# Pixels.
_WIDTH = 460
# Enough to see the rhythm that was meant.
_RUNS_SHOWN = 3
_NAME = re.compile(r"[^\x00-\x1f|:/]{1,256}")
_KINDS = [("cron", "At times of day (cron)"), ("rate", "Every so often"), ("at", "Once")]
_FIRST = {"cron": "0 8 ? * MON-FRI *", "rate": "1 hour", "at": ""}
_NOTES = {
    "cron": "Minutes, hours, day of the month, month, day of the week, year; one of the days is ?",
    "rate": "A number and minutes, hours or days, counted from when it is saved",
    "at": "Date and time, for example 2026-12-01 08:00",
}


class ScheduleDialog(FormDialog):
    """``action`` is what to change, None: a new one. ``qualifiers``: what a function's schedule can be for.

    ``factor``: how fast time passes for rates (``Backend.time_factor``).
    """

    def __init__(
        self,
        title: str,
        action: Schedule | None,
        qualifiers: Sequence[str] = (),
        factor: float = 1.0,
        parent: QWidget | None = None,
    ) -> None:
        self._before, self._factor = action, factor
        self._lowest = 0 if qualifiers else 1
        form = Form()
        form.add("name", "Name", LineEdit(action.name if action is not None else "weekdays"), check=_check_name)
        if qualifiers:
            form.add("qualifier", "Version or alias", ComboBox([(name, name) for name in qualifiers]))
        kind, value = _parts(action)
        form.add_pair(("kind", "Runs", ComboBox(_KINDS, kind)), ("zone", "Time zone", ComboBox(_zones(action))))
        form.add("when", "When", LineEdit(value), note=_NOTES[kind])
        form.add_pair(
            ("minimum", "Minimum then", LineEdit(_number(action.minimum if action is not None else 2), "as it is")),
            ("maximum", "Maximum then", LineEdit(_number(action.maximum if action is not None else 4), "as it is")),
        )
        self.runs = HintLine()
        super().__init__(
            title, form, ok="Save", icon="check", text="Scheduled actions ignore waits.", width=_WIDTH,
            extra_check=self._is_whole, parent=parent,
        )  # fmt: skip
        self.foot.addWidget(self.runs)
        if action is not None:
            # Its name is what AWS knows it by.
            form.row("name").field.setEnabled(False)
            if qualifiers:
                form.row("qualifier").set_value(action.resource.rpartition(":")[2])
                form.row("qualifier").field.setEnabled(False)
        form.field("kind", ComboBox).chosen.connect(self._kind_chosen)
        form.changed.connect(self._show_runs)
        self._show_runs()

    def _kind_chosen(self, kind: object) -> None:
        self.form.row("when").set_value(_FIRST[str(kind)])
        self._show_runs()

    @property
    def qualifier(self) -> str:
        """The version or alias of a function; "" for a variant."""
        return str(self.form.values().get("qualifier") or "")

    @property
    def action(self) -> Schedule:
        """What the fields say; call it once the dialog was accepted."""
        values = self.form.values()
        return Schedule(
            values["name"],
            self._expression(),
            values["zone"] or "UTC",
            _limit(values["minimum"]),
            _limit(values["maximum"]),
            self._before.resource if self._before is not None else "",
            # No field shows them; a change of the rest leaves them.
            self._before.start if self._before is not None else None,
            self._before.end if self._before is not None else None,
        )

    def _expression(self) -> str:
        kind, text = self.form.value("kind"), self.form.value("when").strip()
        if kind == "at":
            text = text.replace(" ", "T")
            text += ":00" if text.count(":") == 1 else ""
        return f"{kind}({text})"

    def _is_whole(self) -> bool:
        return not self._problem()

    def _problem(self) -> str:
        """What is wrong besides the fields themselves; "" when nothing is."""
        try:
            low, high = _limit(self.form.value("minimum")), _limit(self.form.value("maximum"))
        except ValueError:
            return "The limits are whole numbers; left empty, one stays as it is."
        if low is None and high is None:
            return "It needs a minimum, a maximum or both."
        if low is not None and high is not None and low > high:
            return "The minimum may not be above the maximum."
        if min(number for number in (low, high) if number is not None) < self._lowest:
            return f"It may not be below {self._lowest}."
        try:
            runs = next_runs(self._expression(), self.form.value("zone") or "", _now(), 1, _now())
        except Unreckoned:
            return ""
        except ValueError as error:
            return str(error)
        return "" if runs else "It would never run: the time is in the past."

    def _show_runs(self) -> None:
        self.form.row("when").hint(_NOTES[self.form.value("kind")])
        problem = self._problem()
        if problem:
            self.runs.say(problem, "err")
        else:
            action = self.action
            # A new rate counts from now on.
            begun = Schedule(action.name, action.expression, action.timezone, 1, None, created=_now())
            runs = coming(begun, _now(), _RUNS_SHOWN, self._factor)
            words = ", ".join(moment(at) for at in runs)
            said = f"Next: {words} (local time)" if runs else "AWS reckons its times; they are not known here."
            self.runs.say(said, "ok" if runs else "neutral")
        self.update_ok()


def _now() -> datetime:
    return datetime.now(UTC)


def _parts(action: Schedule | None) -> tuple[str, str]:
    if action is None:
        return "cron", _FIRST["cron"]
    if found := AT.fullmatch(action.expression):
        return "at", found[1].replace("T", " ")
    if RATE.fullmatch(action.expression):
        return "rate", action.expression[5:-1]
    return "cron", action.expression[5:-1]


def _zones(action: Schedule | None) -> list[tuple[str, str]]:
    first = dict.fromkeys([action.timezone if action is not None else "UTC", "UTC"])
    return [(name, name) for name in dict.fromkeys([*first, *sorted(available_timezones())])]


def _check_name(name: str) -> Hint | str | None:
    return None if _NAME.fullmatch(name) else "1 to 256 characters, without |, : and /."


def _number(limit: int | None) -> str:
    return "" if limit is None else str(limit)


def _limit(text: str) -> int | None:
    if not text.strip():
        return None
    if not (text.isascii() and text.strip().isdecimal()):
        raise ValueError(text)
    return int(text)
