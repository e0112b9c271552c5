"""What the window remembers between runs: choices and geometry, never secrets, never AWS state."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Any, Literal, TypeVar, overload

from PySide6.QtCore import QObject, QTimer, Signal

from console.journal import Writer, write_whole
from workers.files.os_words import os_words

log = logging.getLogger(__name__)

T = TypeVar("T")

# Dragging an edge changes a setting at every step; it is written once, after the last.
SAVE_AFTER_MS = 400
DEFAULTS: dict[str, Any] = {
    "theme": "system",
    "text_scale": 1.0,
    "refresh_seconds": 30,
    "state_folder": "",
    "backend": "sandbox",
    "tab": "",
}
# Seconds; 0 is never.
REFRESH_CHOICES = (10, 30, 60, 300, 0)


class Settings(QObject):
    """A JSON file of simple values; changes are written shortly after they are made.

    Signals: ``changed(key)``. A file that cannot be read as JSON is moved aside (``.broken-TIME``), and ``problem``
    says so.
    """

    changed = Signal(str)

    def __init__(self, path: Path, writer: Writer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.path = path
        self.problem = ""
        self._writer = writer
        self._values: dict[str, Any] = self._load()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SAVE_AFTER_MS)
        self._timer.timeout.connect(self._write)

    @overload
    def value(self, key: str) -> Any: ...
    @overload
    def value(self, key: str, default: T) -> T: ...
    def value(self, key: str, default: Any = None) -> Any:
        """The value of ``key``; a value of another type than the default's counts as not set."""
        fallback = DEFAULTS.get(key) if default is None else default
        found = self._values.get(key, fallback)
        if isinstance(fallback, float) and type(found) is int:
            return float(found)
        if fallback is not None and not isinstance(found, type(fallback)):
            return fallback
        return found

    def set(self, key: str, value: str | int | float | bool | list[Any] | dict[str, Any]) -> None:
        """Keep ``value`` (JSON types only) under ``key``."""
        if key in self._values and self._values[key] == value and type(self._values[key]) is type(value):
            return
        self._values[key] = value
        self._timer.start()
        self.changed.emit(key)

    @property
    def theme(self) -> Literal["system", "light", "dark"]:
        """The colour scheme that the operator chose."""
        chosen = self.value("theme", "system")
        return chosen if chosen in ("light", "dark") else "system"  # type: ignore[return-value]

    @property
    def refresh_seconds(self) -> int:
        """How often the current tab asks again; 0 = only when told to."""
        chosen = self.value("refresh_seconds", 30)
        return chosen if chosen in REFRESH_CHOICES else 30

    def save(self) -> None:
        """Hand unsaved changes to the writer now."""
        if self._timer.isActive():
            self._timer.stop()
            self._write()

    def _write(self) -> None:
        text = json.dumps(self._values, indent=1, ensure_ascii=False, sort_keys=True)
        self._writer.do(lambda: write_whole(self.path, text))

    def _load(self) -> dict[str, Any]:
        try:
            values = json.loads(self.path.read_text("utf-8"))
            if isinstance(values, dict):
                return values
            raise ValueError("not a JSON object")
        except FileNotFoundError:
            return {}
        except OSError as error:
            self.problem = f"The settings in {self.path} could not be read ({os_words(error)}); defaults are used."
        except ValueError:
            aside = self.path.with_name(f"{self.path.name}.broken-{int(time.time())}")
            try:
                self.path.rename(aside)
                kept = f"the old file is kept as {aside.name}"
            except OSError:
                kept = "the old file could not be moved aside"
            self.problem = f"The settings in {self.path} were not readable; {kept}, and defaults are used."
        log.warning(self.problem)
        return {}
