"""The list of scheduled actions of what is chosen, with their next runs, and the buttons that change them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from console.context import AppContext
from console.models.columns import Column
from console.models.format import day_month
from console.widgets.base import label
from console.widgets.forms.buttons import Button
from console.widgets.tables.table import ResourceTable
from workers.scaling.times import AT, CRON, RATE, next_runs
from workers.scaling.types import Schedule

_KIND = re.compile(r"^(\w+)\((.*)\)$")


def key_of(action: Schedule) -> str:
    """What no other scheduled action of the account has."""
    return f"{action.resource} {action.name}"


def times(action: Schedule) -> str:
    """``every hour``, ``once, 2026-12-01 08:00``, ``cron 0 22 * * ? *``, with the time zone where it matters."""
    zone = f" {action.timezone}"
    if found := AT.fullmatch(action.expression):
        return f"once, {found[1].replace('T', ' ')}{zone}"
    if found := RATE.fullmatch(action.expression):
        return f"every {found[2]}" if found[1] == "1" else f"every {found[1]} {found[2]}s"
    if CRON.fullmatch(action.expression) and (kind := _KIND.match(action.expression)):
        return f"cron {kind[2]}{zone}"
    return action.expression


def moment(at: datetime, now: datetime | None = None) -> str:
    """``22:00`` today, ``2 Dec 22:00`` else, local time."""
    local, today = at.astimezone(), (now or datetime.now(UTC)).astimezone()
    clock = f"{local:%H:%M}"
    return clock if local.date() == today.date() else f"{day_month(local, today.date())} {clock}"


def coming(action: Schedule, now: datetime, number: int = 1, factor: float = 1.0) -> tuple[datetime, ...]:
    """The next runs of an action between its start and its end; none where they are not known.

    ``factor``: how fast time passes for rates (``Backend.time_factor``).
    """
    after = max(now, action.start) if action.start is not None else now
    try:
        runs = next_runs(action.expression, action.timezone, after, number, action.start or action.created, factor)
    except ValueError:
        return ()
    return tuple(at for at in runs if action.end is None or at <= action.end)


def limits(action: Schedule) -> str:
    """``2 to 4``, ``at least 2``, ``at most 4``."""
    if action.minimum is None:
        return f"at most {action.maximum}"
    return f"at least {action.minimum}" if action.maximum is None else f"{action.minimum} to {action.maximum}"


def time_factor(ctx: AppContext) -> float:
    """How fast time passes for rates in the account in force."""
    return ctx.backend.time_factor if ctx.backend is not None else 1.0


def _columns(ctx: AppContext, of_function: bool) -> list[Column]:
    def upcoming(action: Schedule) -> datetime | None:
        return next(iter(coming(action, datetime.now(UTC), 1, time_factor(ctx))), None)

    qualifier = Column(
        "resource", "Version or alias", value=lambda action: action.resource.rpartition(":")[2], priority=1
    )
    return [
        Column("name", "Name", kind="name", icon="history", priority=0),
        *([qualifier] if of_function else []),
        Column("times", "Runs", value=times, priority=2, stretch=1),
        Column("limits", "Then", value=limits, priority=0, strong=True),
        Column("next", "Next run", kind="number", value=upcoming, format=lambda at, _: moment(at), priority=1),
    ]


class ScheduleList(QWidget):
    """Signals: ``newWanted()``, ``editWanted(Schedule)``, ``deleteWanted(Schedule)``."""

    newWanted = Signal()
    editWanted = Signal(object)
    deleteWanted = Signal(object)

    def __init__(self, ctx: AppContext, *, of_function: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        what = "kept warm" if of_function else "limits"
        self.table = ResourceTable(
            _columns(ctx, of_function), key=key_of, name="Schedule", noun="schedules", sort=("next", "asc"), multi=False
        )
        self.table.set_empty("history", "No schedule", f"At certain times the {what} can become others.")
        self.table.fit_rows(most=5)
        self.table.remember(ctx.settings, f"scaling.schedules.{'function' if of_function else 'variant'}")
        self.new_button = Button("New…", "normal", "plus", small=True, on=self.newWanted.emit)
        self.edit_button = Button("Edit…", "normal", small=True, on=self._edit)
        self.delete_button = Button("Delete…", "dangerText", small=True, on=self._delete)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(label("Schedule", "section"))
        head.addStretch(1)
        for button in (self.new_button, self.edit_button, self.delete_button):
            head.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(head)
        column.addWidget(self.table)
        self.table.selectionChanged.connect(self.update_buttons)
        self._against = "Choose what is scaled"
        self.update_buttons()

    def forget(self) -> None:
        """Show none."""
        self.table.set_rows([])

    def show_actions(self, actions: Sequence[Schedule] | None) -> None:
        """Show these; None: they may not be read."""
        words = "At certain times the limits can become others."
        if actions is None:
            words = "These keys may not read scheduled actions (application-autoscaling:DescribeScheduledActions)."
        self.table.set_empty("history", "No schedule" if actions is not None else "Not known", words)
        self.table.set_rows(list(actions or ()))
        self.update_buttons()

    def set_against(self, why: str) -> None:
        """Why nothing may be changed; "" when it may."""
        self._against = why
        self.update_buttons()

    def update_buttons(self) -> None:
        """What is chosen can be changed."""
        unchosen = "" if self.table.current_row() is not None else "Choose a schedule"
        self.new_button.hinder(self._against)
        self.edit_button.hinder(self._against or unchosen)
        self.delete_button.hinder(self._against or unchosen)

    def _edit(self) -> None:
        row = self.table.current_row()
        if row is not None:
            self.editWanted.emit(row)

    def _delete(self) -> None:
        row = self.table.current_row()
        if row is not None:
            self.deleteWanted.emit(row)
