"""What moto answered about EC2, kept until something changes: it takes long to write and to read a list."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

Answer = dict[str, Any]
# More questions than that are hardly asked over and over.
_MOST = 32


class Remembered:
    """Answers by what was asked. ``version`` tells a number that changes with whatever may change an answer."""

    def __init__(self, version: Callable[[], int]) -> None:
        self._version = version
        self._lock = threading.Lock()
        self._answers: dict[str, tuple[int, Answer]] = {}

    def answer(self, operation: str, params: Mapping[str, object], ask: Callable[[], Answer]) -> Answer:
        """The answer of ``ask``, or of an earlier one if nothing has changed since; the caller may change it."""
        # Read before asking: a change meanwhile makes the answer an old one.
        version, asked = self._version(), f"{operation} {json.dumps(params, sort_keys=True, default=str)}"
        with self._lock:
            known = self._answers.get(asked)
        if known is None or known[0] != version:
            known = (version, ask())
            with self._lock:
                if len(self._answers) >= _MOST:
                    self._answers.clear()
                self._answers[asked] = known
        return copy.deepcopy(known[1])
