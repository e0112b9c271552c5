"""All that is known of one resource, each value to be copied."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtWidgets import QWidget

from console.models.columns import DASH
from console.models.format import ago, cost
from console.tabs.overview.rows import Clock, Row, age_text, state_of_row
from console.widgets.forms.buttons import Button
from console.widgets.frames.dialog import Dialog
from console.widgets.text.key_values import KeyValues
from workers.inventory.types import KINDS, Resource


class DetailsDialog(Dialog):
    """Opened for what no tab shows."""

    def __init__(self, resource: Resource, clock: Clock, parent: QWidget | None = None) -> None:
        super().__init__(resource.name or resource.id, KINDS[resource.kind].one, width=480, parent=parent)
        self.values = KeyValues(facts(resource, clock), copy=("Id", "Name"))
        self.body.addWidget(self.values)
        self.buttons.addStretch(1)
        close = Button("Close", on=self.accept)
        close.setDefault(True)
        self.buttons.addWidget(close)


def facts(resource: Resource, clock: Clock) -> list[tuple[str, str]]:
    """Names and values, a dash for what is not known."""
    state = state_of_row(Row(resource))
    tags = ", ".join(f"{key}={value}" for key, value in sorted((resource.tags or {}).items()))
    use = "now" if resource.in_use else "none" if resource.use_known else ""
    made = {True: "yes", False: "no", None: ""}[resource.ours]
    rows = [
        ("Name", resource.name),
        ("Id", resource.id),
        ("State", _state_words(state.word if state else "", resource.idle)),
        ("Size", resource.size),
        ("Made", _when(resource.created)),
        ("Age", age_text(resource.created, clock.now()) if resource.created is not None else ""),
        ("Last use", ago(resource.last_use, clock.now()) if resource.last_use is not None else use),
        ("Costs", _rate(resource.dollars_per_hour)),
        ("So far", cost(resource.cost_so_far) if resource.cost_so_far is not None else ""),
        ("By SageDeck", made),
        ("Tags", tags or ("none" if resource.tags is not None else "")),
        *((name.replace("_", " ").capitalize(), value) for name, value in resource.facts.items()),
        *((KINDS[kind].one, name) for kind, name in resource.parts),
    ]
    return [(name, value or DASH) for name, value in rows]


def _state_words(word: str, idle: str) -> str:
    """The word of the list and why it is idle, once where both are the same."""
    return word if word.lower() == idle.lower() else ", ".join(part for part in (word, idle) if part)


def _rate(dollars: float | None) -> str:
    if dollars is None:
        return ""
    return f"{cost(dollars, 3)} an hour" if dollars else "nothing"


def _when(at: datetime | None) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M}" if at is not None else ""
