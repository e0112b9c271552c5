"""Messages to the operator: one funnel, without Qt, that toasts, the log and tests listen to."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

from workers.errors.tree import SageDeckError

log = logging.getLogger(__name__)

Level = Literal["info", "success", "warn", "error"]
Action = tuple[str, Callable[[], object]]
FixHandler = Callable[[SageDeckError], Callable[[], object] | None]

LOG_LEVELS = {"info": logging.INFO, "success": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
# Trouble is one message for longer than a tab waits before it reads again.
REPEAT_SECONDS = {"info": 30.0, "success": 30.0, "warn": 330.0, "error": 330.0}
KEEP = 100


@dataclass
class Notice:
    """One message. ``count`` says how often it came while it was fresh.

    ``about`` is the thing (kind, name) without which it, and its button, mean nothing.
    """

    level: Level
    title: str
    text: str = ""
    action: Action | None = None
    details: str = ""
    about: tuple[str, str] | None = None
    number: int = 0
    count: int = 1
    withdrawn: bool = False
    at: float = field(default_factory=time.time)
    last: float = field(default_factory=time.monotonic)


class Notifier:
    """Takes messages, folds repetitions into one, and tells its listeners.

    A listener gets each ``Notice`` when it is new and again when its ``count`` grew. ``fix_handler`` turns the
    ``fix`` of an error into what a button does (None: no button).
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._numbers = count(1)
        self._listeners: list[Callable[[Notice], object]] = []
        self.fix_handler: FixHandler | None = None
        self.notices: list[Notice] = []

    def listen(self, listener: Callable[[Notice], object]) -> Callable[[], None]:
        """Call ``listener`` with every message; the returned function ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def info(self, title: str, text: str = "", *, action: Action | None = None) -> Notice:
        """Something worth knowing."""
        return self._post(Notice("info", title, text, action))

    def success(
        self, title: str, text: str = "", *, action: Action | None = None, about: tuple[str, str] | None = None
    ) -> Notice:
        """Something that the operator asked for is done."""
        return self._post(Notice("success", title, text, action, about=about))

    def warn(self, title: str, text: str = "", *, action: Action | None = None) -> Notice:
        """Something that needs a look."""
        return self._post(Notice("warn", title, text, action))

    def error(self, error: str | BaseException, text: str = "", *, action: Action | None = None) -> Notice:
        """Something went wrong: a title with text, or an exception.

        A ``SageDeckError`` brings its own words and, unless ``action`` is given, the button of its fix; any other
        exception is told with its type, and logged with its traceback.
        """
        if isinstance(error, str):
            return self._post(Notice("error", error, text, action))
        if isinstance(error, SageDeckError):
            # Lines for a terminal are no reading for a toast.
            cleanup = "Activity has the lines that delete it." if error.cleanup else ""
            words = " ".join(part for part in (text, error.message, error.hint, cleanup) if part)
            return self._post(Notice("error", error.title, words, action or self.fix(error), error.details))
        log.error("unexpected error: %s", text, exc_info=error)
        reason = f"{type(error).__name__}: {error}"
        return self._post(Notice("error", text or "Something in SageDeck went wrong", reason, action))

    def withdraw(self, notice: Notice) -> None:
        """It holds no longer, and neither does its button; listeners get it once more."""
        notice.withdrawn = True
        for listener in list(self._listeners):
            listener(notice)

    def keep_only(self, kind: str, names: Collection[str]) -> None:
        """Of this kind there are only these: what was told about others holds no longer."""
        for notice in self.notices:
            told_of, name = notice.about or ("", "")
            if told_of == kind and name not in names and not notice.withdrawn:
                self.withdraw(notice)

    def fix(self, error: SageDeckError) -> Action | None:
        """Label and function of the button that mends ``error``; None where none is known."""
        if error.fix is None or self.fix_handler is None:
            return None
        run = self.fix_handler(error)
        return (error.fix.label, run) if run is not None else None

    def _post(self, notice: Notice) -> Notice:
        notice.last = now = self._clock()
        for known in self.notices:
            same = (known.level, known.title, known.text) == (notice.level, notice.title, notice.text)
            same = same and not known.withdrawn
            if same and now - known.last < REPEAT_SECONDS[notice.level]:
                known.count, known.last, known.action = known.count + 1, now, notice.action
                notice = known
                break
        else:
            notice.number = next(self._numbers)
            self.notices.append(notice)
            del self.notices[:-KEEP]
            log.log(LOG_LEVELS[notice.level], "%s%s", notice.title, f": {notice.text}" if notice.text else "")
            if notice.details and notice.details not in notice.text:
                log.info("%s, in full: %s", notice.title, notice.details)
        for listener in list(self._listeners):
            listener(notice)
        return notice
