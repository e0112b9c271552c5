"""Long work in one place: what runs now, with its progress, and what was done before, kept over restarts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any, Literal

from PySide6.QtCore import QObject, Signal

from console.journal import Journal, without_secrets
from workers.aws.recording import SentCall
from workers.errors.tree import SageDeckError
from workers.files.hiding import hidden

ActivityState = Literal["running", "done", "failed", "cancelled"]

# A day's work; the journal on disk has the rest.
KEEP_FINISHED = 300
UNKEPT = "What was there before looks like a secret and was not kept: it can be put back no more"
_STATES: tuple[ActivityState, ...] = ("running", "done", "failed", "cancelled")


class ActivityItem:
    """One piece of work. Its owner reports on it; the model tells the window.

    ``fraction`` is 0 to 1, or None where nobody knows. ``cancel`` and ``pause(bool)`` are called by the panel's
    buttons, ``retry`` by the one of a failure.
    """

    def __init__(self, model: ActivityModel, number: int, title: str, icon: str) -> None:
        self._model = model
        self.number = number
        self.title, self.icon = title, icon
        self.account = model.account
        self.state: ActivityState = "running"
        self.fraction: float | None = None
        self.text = ""
        self.cli = ""
        # Who did it and where, and what was sent: known of what this run did, by commands.
        self.actor = self.region = self.profile = ""
        self.calls: list[SentCall] = []
        self.started = datetime.now(UTC)
        self.ended: datetime | None = None
        self.cancel: Callable[[], object] | None = None
        self.pause: Callable[[bool], object] | None = None
        self.paused = False
        self.retry: Callable[[], object] | None = None
        # Sets what was there before, where that is known; and the same as it is written down, with what tells the
        # account from another one of its number.
        self.put_back: Callable[[], object] | None = None
        self.back: Mapping[str, Any] | None = None
        self.place = ""
        self.error: BaseException | None = None
        self._clock = time.monotonic()

    @property
    def running(self) -> bool:
        """True until it was done, failed or cancelled."""
        return self.state == "running"

    @property
    def seconds(self) -> float:
        """How long it runs, or ran."""
        if self.ended is not None:
            return (self.ended - self.started).total_seconds()
        return time.monotonic() - self._clock

    @property
    def words(self) -> str:
        """What a filter looks in, in lower case."""
        sent = " ".join(f"{call.operation} {call.request_id}" for call in self.calls)
        return f"{self.title} {self.state} {self.text} {self.cli} {self.actor} {self.region} {sent}".casefold()

    def progress(self, fraction: float | None = None, text: str = "") -> None:
        """Say how far it is (0 to 1; None when nobody knows) and one line of figures."""
        if self.running:
            self.fraction = None if fraction is None else min(1.0, max(0.0, fraction))
            self.text = text or self.text
            self._model.changed.emit(self)

    def restart(self) -> None:
        """What was waited for is over: nothing is known of how far it is."""
        if self.running:
            self.fraction, self.text = None, ""
            self._model.changed.emit(self)

    def done(self, text: str = "", cli: str = "") -> None:
        """It is finished; ``cli`` is the same thing as an AWS CLI line."""
        self._end("done", text, cli)

    def fail(self, error: BaseException | str, retry: Callable[[], object] | None = None, cli: str = "") -> None:
        """It failed; ``retry`` starts the same thing again."""
        if isinstance(error, BaseException):
            self.error = error
        self.retry = retry
        self._end("failed", _reason(error), cli)

    def cancelled(self, text: str = "") -> None:
        """It was stopped on the operator's wish."""
        self._end("cancelled", text or "Cancelled", "")

    def request_cancel(self) -> None:
        """What the panel's cross does."""
        if self.running and self.cancel is not None:
            self.cancel()

    def toggle_pause(self) -> None:
        """What the panel's pause button does."""
        if self.running and self.pause is not None:
            self.paused = not self.paused
            self.pause(self.paused)
            self._model.changed.emit(self)

    def _end(self, state: ActivityState, text: str, cli: str) -> None:
        if not self.running:
            return
        self.state, self.ended = state, datetime.now(UTC)
        self.text, self.cli = without_secrets(text), without_secrets(cli or self.cli)
        if state == "done":
            self.fraction = 1.0
        self._model.ended(self)


class ActivityModel(QObject):
    """Running items, and finished ones newest first.

    Signals: ``added(item)``, ``changed(item)``, ``finished(item)``, ``cleared()`` when the history was replaced.
    """

    added = Signal(object)
    changed = Signal(object)
    finished = Signal(object)
    cleared = Signal()

    def __init__(self, journal: Journal | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._journal = journal
        self._numbers = count(1)
        self._began = datetime.now(UTC).replace(microsecond=0)
        # The account and region in force, which new items are of; "" while there is none.
        self.account = ""
        # Puts back what an earlier run did, by what was written down of it.
        self.put_back_later: Callable[[ActivityItem], object] | None = None
        self.running: list[ActivityItem] = []
        self.history: list[ActivityItem] = []

    def begin(
        self,
        title: str,
        icon: str,
        *,
        cancellable: Callable[[], object] | None = None,
        pausable: Callable[[bool], object] | None = None,
    ) -> ActivityItem:
        """Show a new running item. ``cancellable()`` stops it, ``pausable(True/False)`` pauses and resumes it."""
        item = ActivityItem(self, next(self._numbers), title, icon)
        item.cancel, item.pause = cancellable, pausable
        self.running.append(item)
        self.added.emit(item)
        return item

    def ended(self, item: ActivityItem) -> None:
        """Move ``item`` to the history; called by the item itself."""
        if item in self.running:
            self.running.remove(item)
        self.history.insert(0, item)
        del self.history[KEEP_FINISHED:]
        if self._journal is not None:
            self._journal.append(_record(item))
        self.finished.emit(item)

    def of_account(self) -> list[ActivityItem]:
        """What was or is done in the account in force, the newest first; of earlier runs, too."""
        return [
            item for item in (*reversed(self.running), *self.history) if self.account and item.account == self.account
        ]

    def restore(self, records: list[dict[str, Any]]) -> None:
        """Put the records of earlier runs (oldest first) below what this run did."""
        old = [item for record in records if (item := self._from_record(record)) is not None]
        # Entries that this run finished before the file was read are in the file as well; they are not added twice.
        self.history.extend(item for item in reversed(old) if item.ended is not None and item.ended < self._began)
        del self.history[KEEP_FINISHED:]
        self.cleared.emit()

    def clear_history(self) -> None:
        """Forget what is finished, on disk too."""
        self.history.clear()
        if self._journal is not None:
            self._journal.clear()
        self.cleared.emit()

    def _from_record(self, record: Mapping[str, Any]) -> ActivityItem | None:
        try:
            item = ActivityItem(self, next(self._numbers), str(record["title"]), str(record["icon"]))
            item.ended = datetime.fromisoformat(record["at"])
            item.started = datetime.fromtimestamp(item.ended.timestamp() - float(record["seconds"]), UTC)
            item.state = next(state for state in _STATES if state == record["state"])
        except (KeyError, ValueError, TypeError, OverflowError, StopIteration):
            return None
        item.text, item.cli = str(record.get("text", "")), str(record.get("cli", ""))
        item.account = str(record.get("account", ""))
        back, later = record.get("back"), self.put_back_later
        if isinstance(back, dict) and item.state == "done" and later is not None:
            item.back, item.place = back, str(record.get("place", ""))
            item.put_back = lambda: later(item)
        return item


def _record(item: ActivityItem) -> dict[str, Any]:
    assert item.ended is not None
    text, way_back = item.text, {}
    if item.back is not None and hidden(item.back) == item.back:
        way_back = {"back": item.back, "place": item.place}
    elif item.back is not None:
        # What is hidden could not be set again as it was.
        text = ". ".join(filter(None, (text, UNKEPT)))
    return {
        "at": item.ended.isoformat(timespec="seconds"),
        "seconds": round(item.seconds, 1),
        "title": item.title,
        "icon": item.icon,
        "account": item.account,
        "state": item.state,
        "text": text,
        "cli": item.cli,
        **way_back,
    }


def _reason(error: BaseException | str) -> str:
    if isinstance(error, SageDeckError):
        words = f"{error.code}: {error.message}" if error.code else error.message
        return f"{words} To delete it by hand: {error.cleanup}" if error.cleanup else words
    return error if isinstance(error, str) else f"{type(error).__name__}: {error}"
