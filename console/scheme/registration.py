"""What each system has in common: who is registered, and the program that is written down."""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SCHEME = "sagedeck"
TITLE = "SageDeck"
NOT_INSTALLED = "There is no sagedeck command beside Python here: install SageDeck, and it can be named."


class NotRegistered(Exception):
    """Why nothing was changed, in a sentence."""


@dataclass(frozen=True)
class Handler:
    """Who opens the links: this installation, another program (``name``: which one), nobody, or it cannot be told."""

    state: Literal["ours", "other", "none", "unknown"]
    name: str = ""

    @property
    def words(self) -> str:
        """The state in a sentence."""
        if self.state == "ours":
            return "A click on such a link opens it in this SageDeck."
        if self.state == "other":
            return f"Such links are opened by another program: {self.name}"
        if self.state == "none":
            return "No program opens such links: they can be pasted into Ctrl+K."
        return self.name


class Registration(ABC):
    """The registration of the scheme for this user. Its methods touch the disk: not for the window's thread.

    ``why_not``: why this system or installation cannot register it, in a sentence; "" where it can.
    """

    why_not: str = ""

    @abstractmethod
    def look(self) -> Handler:
        """Who opens the links now. Raises ``OSError``."""

    @abstractmethod
    def register(self) -> None:
        """Let this installation open them. Raises ``NotRegistered`` or ``OSError``."""

    @abstractmethod
    def unregister(self) -> None:
        """Take back what ``register`` did, and nothing of others. Raises ``NotRegistered`` or ``OSError``."""


class Impossible(Registration):
    """A system on which a program cannot do this by itself."""

    def __init__(self, why_not: str) -> None:
        self.why_not = why_not

    def look(self) -> Handler:
        """Nobody knows."""
        return Handler("unknown", self.why_not)

    def register(self) -> None:
        """Refused."""
        raise NotRegistered(self.why_not)

    def unregister(self) -> None:
        """Refused."""
        raise NotRegistered(self.why_not)


def own_program() -> Path | None:
    """The command that starts this installation; None where it has none."""
    folder = Path(sys.executable).absolute().parent
    names = ("sagedeck.exe",) if sys.platform == "win32" else ("sagedeck",)
    return next((folder / name for name in names if os.access(folder / name, os.X_OK)), None)
