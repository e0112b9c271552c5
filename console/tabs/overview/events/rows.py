"""What happened, as lines and rows: CloudTrail's events and what SageDeck's own log says, in one order of time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from console.activity.model import ActivityItem
from console.models.columns import Column
from console.models.states import State
from workers.audit.trail import TrailEvent
from workers.inventory.types import Resource

_SERVICE_ICONS: Mapping[str, str] = {
    "application-autoscaling": "scaling",
    "autoscaling": "scaling",
    "cloudwatch": "bell",
    "monitoring": "bell",
    "ec2": "ec2",
    "iam": "shield",
    "kms": "key",
    "lambda": "lambda",
    "logs": "terminal",
    "s3": "bucket",
    "sagemaker": "training",
    "signin": "user",
    "ssm": "terminal",
    "sts": "key",
}
_NOUN_ICONS = (
    ("Endpoint", "endpoints"),
    ("Notebook", "notebook"),
    ("HyperParameter", "tuning"),
    ("Volume", "disk"),
    ("SecurityGroup", "lock"),
)
# Lambda's operations carry the day of their version: UpdateFunctionCode20150331v2.
_VERSION = re.compile(r"\d{8}(?:v\d+)?$")
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+")
_EC2_ID = re.compile(r"(?:i|vol|sg|eipalloc)-[0-9a-f]+")
_OWN_STATES: Mapping[str, tuple[str, str, str]] = {
    "running": ("run", "accent", "under way"),
    "done": ("", "text3", "done"),
    "failed": ("err", "err", "failed"),
    "cancelled": ("stopped", "text3", "cancelled"),
}
TRAIL, OWN = "CloudTrail", "SageDeck"


@dataclass(frozen=True)
class Happening:
    """One thing that happened. ``icon`` and ``tone`` say of what kind, or that it failed."""

    key: str
    at: datetime
    title: str
    text: str
    icon: str
    tone: str
    source: str
    who: str
    result: State


def spoken(name: str) -> str:
    """``CreateTrainingJob`` as words: ``create training job``."""
    words = _WORDS.findall(_VERSION.sub("", name).replace("HyperParameterTuning", "Tuning"))
    return " ".join(word if word.isupper() and len(word) > 1 else word.lower() for word in words)


def of_trail(event: TrailEvent) -> Happening:
    """An event of CloudTrail."""
    icon = next((icon for noun, icon in _NOUN_ICONS if noun in event.name), _SERVICE_ICONS.get(event.service, "cloud"))
    words = spoken(event.name) or event.service
    refused = bool(event.error)
    return Happening(
        f"trail {event.id}",
        event.at,
        event.target or words,
        _sentence(words, event),
        "err" if refused else icon,
        "err" if refused else "text3",
        TRAIL,
        event.who,
        State("Refused", "err") if refused else State("Done", "ok"),
    )


def _sentence(words: str, event: TrailEvent) -> str:
    """What was refused begins with that: the end of a line may be cut."""
    who = f"by {event.who}" if event.who else event.service
    if event.error:
        return f"refused ({event.error}): {words} {who}"
    return f"{words} {who}" if event.target else who


def of_own(item: ActivityItem) -> Happening:
    """A piece of work of SageDeck."""
    icon, tone, word = _OWN_STATES[item.state]
    text = f"{word}: {item.text}" if item.text and item.state != "done" else item.text or word
    states = {"done": State("Done", "ok"), "failed": State("Failed", "err"), "running": State("Running", "run")}
    return Happening(
        f"own {item.number} {item.started.isoformat()}",
        item.ended or item.started,
        item.title,
        text,
        icon or item.icon,
        tone,
        OWN,
        "you",
        states.get(item.state, State("Cancelled", "neutral")),
    )


def merged(events: Sequence[TrailEvent], items: Sequence[ActivityItem], resource: str = "") -> list[Happening]:
    """Both in one order, the newest first; of ``items`` those that speak of the resource, where one is named."""
    wanted = resource.casefold()
    found = [of_trail(event) for event in events]
    found += [of_own(item) for item in items if wanted in item.words]
    return sorted(found, key=lambda happening: happening.at, reverse=True)


def trail_name(resource: Resource) -> str:
    """How CloudTrail calls a resource: by its id where EC2 gives one, else by its name."""
    return resource.id if _EC2_ID.fullmatch(resource.id) else resource.name


def columns() -> list[Column]:
    """The list of all events."""
    return [
        Column(
            "at",
            "When",
            kind="number",
            priority=0,
            align="left",
            format=lambda value, _: f"{value.astimezone():%Y-%m-%d %H:%M:%S}",
        ),
        Column("title", "Of", kind="name", priority=0, icon=lambda row: row.icon, stretch=2),
        Column("text", "What", priority=0, stretch=3),
        Column("result", "Result", kind="state", priority=2, sort_key=lambda row: row.result.word),
        Column("who", "Who", priority=3, stretch=1),
        Column("source", "Source", priority=4),
    ]
