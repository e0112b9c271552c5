"""State words: which icon, colour and tint go with the status words of AWS.

A state is always told by icon and word; only states worth a look (running, warning, failed) are tinted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tone = Literal["ok", "run", "warn", "err", "neutral"]

_ICON_OF_TONE: dict[str, str] = {"ok": "ok", "run": "run", "warn": "warn", "err": "err", "neutral": "stopped"}
_TOKEN_OF_TONE: dict[str, str] = {"ok": "ok", "run": "accent", "warn": "warn", "err": "err", "neutral": "text2"}
_TINT_OF_TONE: dict[str, str] = {"run": "accentTint", "warn": "warnTint", "err": "errTint"}


@dataclass(frozen=True)
class State:
    """A status word with its tone; ``icon`` overrides the icon that the tone has by default."""

    word: str
    tone: Tone = "neutral"
    icon: str = ""

    @property
    def icon_name(self) -> str:
        """Name of the icon painted before the word."""
        return self.icon or _ICON_OF_TONE[self.tone]

    @property
    def token(self) -> str:
        """Colour token of the icon (and of the word, when the chip is tinted)."""
        return _TOKEN_OF_TONE[self.tone]

    @property
    def tint(self) -> str | None:
        """Colour token behind the chip, or ``None`` for a state that needs no attention."""
        return _TINT_OF_TONE.get(self.tone)

    @property
    def text_token(self) -> str:
        """Colour token of the word: plain text for a healthy state."""
        if self.tone == "ok":
            return "text"
        return self.token


_KNOWN: dict[str, tuple[Tone, str]] = {
    "inservice": ("ok", ""),
    "completed": ("ok", ""),
    "active": ("ok", ""),
    "available": ("ok", ""),
    "success": ("ok", ""),
    "successful": ("ok", ""),
    "succeeded": ("ok", ""),
    "online": ("ok", ""),
    "ok": ("ok", ""),
    "private": ("ok", "lock"),
    "inprogress": ("run", ""),
    "interrupted": ("warn", ""),
    "running": ("run", ""),
    "creating": ("run", ""),
    "updating": ("run", ""),
    "systemupdating": ("run", ""),
    "rollingback": ("run", ""),
    "deleting": ("run", ""),
    "starting": ("run", ""),
    "downloading": ("run", ""),
    "training": ("run", ""),
    "uploading": ("run", ""),
    "stopping": ("run", ""),
    "idle": ("warn", "idle"),
    "unused": ("warn", "idle"),
    "warning": ("warn", ""),
    "failed": ("err", ""),
    "outofservice": ("err", ""),
    "updaterollbackfailed": ("err", ""),
    "denied": ("err", ""),
    "error": ("err", ""),
    "stopped": ("neutral", ""),
    "canceled": ("neutral", ""),
    "cancelled": ("neutral", ""),
    "parked": ("neutral", "pause"),
    "waiting": ("neutral", "wait"),
    "pending": ("neutral", "wait"),
    "off": ("neutral", "off"),
}

# EC2's words have other meanings than SageMaker's: an instance that runs is what it should be.
INSTANCE_STATES = {
    "pending": State("Pending", "run"),
    "running": State("Running", "ok"),
    "stopping": State("Stopping", "run"),
    "shutting-down": State("Shutting down", "run"),
    "stopped": State("Stopped", "neutral"),
    "terminated": State("Terminated", "neutral"),
}


def state_of(value: State | str) -> State:
    """The state for a status word as AWS writes it; an unknown word is shown plainly with a neutral icon."""
    if isinstance(value, State):
        return value
    tone, icon = _KNOWN.get(value.replace(" ", "").replace("_", "").lower(), ("neutral", "info"))
    return State(value, tone, icon)
