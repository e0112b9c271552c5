"""Asking targets about pictures, a few at a time, and what becomes of those that get no answer."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from console.activity.model import ActivityItem
from console.context import AppContext
from console.models.cards import Answer
from console.models.format import count, duration
from console.tabs.predict import pictures
from console.tabs.predict.pictures import Picture
from console.tabs.predict.score import outcome
from workers.errors.tree import AccessDenied, Expired, ModelFailed, NotFound, SageDeckError, Unreachable
from workers.files.os_words import os_words
from workers.inference.answers import classes_of

if TYPE_CHECKING:
    from workers.services import Services

# Enough to keep one small instance busy; more would only wait there and be timed as slow.
CONCURRENT = 4
# So many questions are worth an entry in the activity panel.
MANY = 16
# What every further question to the same endpoint would run into as well.
HOPELESS = (NotFound, Unreachable, Expired, AccessDenied)


class Asker:
    """Puts the answers of endpoints into pictures.

    All targets are asked in turns about the same picture, and each picture begins with another one: so their times
    were taken under the same load and can be compared. ``answered(picture)`` is called after every answer.
    ``seconds`` is how long the last complete run took, ``questions`` how many it asked, and ``stopped`` maps an
    endpoint to the error after which it was asked no more.
    """

    def __init__(self, ctx: AppContext, answered: Callable[[Picture], object]) -> None:
        self._ctx = ctx
        self._answered = answered
        self._run = 0
        self.seconds: float | None = None
        self.questions = 0
        self.stopped: dict[str, SageDeckError] = {}

    def forget(self) -> None:
        """Nothing was asked yet."""
        self.seconds, self.questions = None, 0
        self.stopped = {}

    async def ask(
        self, services: Services, asked: Sequence[Picture], names: Sequence[str], cancel: Callable[[], object]
    ) -> None:
        """Ask each of ``names`` about each picture without an answer; ``cancel`` ends this from the activity panel."""
        waiting = deque(_in_turns(asked, names))
        total, began = sum(len(whom) for _, whom in waiting), time.monotonic()
        if not total:
            return
        self._run += 1
        for name in names:
            self.stopped.pop(name, None)
        item: ActivityItem | None = None
        if total > MANY:
            item = self._ctx.activity.begin(f"Classify {count(total, 'picture')}", "predict", cancellable=cancel)

        done = failed = 0

        async def work() -> None:
            nonlocal done, failed
            while waiting:
                picture, whom = waiting.popleft()
                for name in whom:
                    answer = picture.answers[name] = await self._ask(services, picture, name)
                    done, failed = done + 1, failed + bool(answer.error)
                    self._answered(picture)
                    if item is not None:
                        item.progress(done / total, f"{done:,} of {total:,}")

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(CONCURRENT):
                    group.create_task(work())
        except asyncio.CancelledError:
            if item is not None:
                item.cancelled(f"{done:,} of {total:,} were answered")
            raise
        self.seconds, self.questions = time.monotonic() - began, total
        if item is None:
            return
        stopped = next((self.stopped[name] for name in names if name in self.stopped), None)
        if stopped is not None:
            item.fail(stopped)
        else:
            item.done(f"{outcome(total, failed)} in {duration(self.seconds)}")

    async def _ask(self, services: Services, picture: Picture, name: str) -> Answer:
        if name in self.stopped:
            return Answer(error=f"Not asked: {words(self.stopped[name])}")
        try:
            data = await asyncio.to_thread(pictures.read, picture)
            found = await services.inference.predict(name, data)
        except SageDeckError as error:
            if isinstance(error, HOPELESS):
                self.stopped.setdefault(name, error)
            return Answer(error=words(error), raw=error.details or error.message)
        except OSError as error:
            return Answer(error=f"The file cannot be read: {os_words(error)}.")
        picture.learn_truth(classes_of(found.raw) or found.labels)
        return Answer(
            found.labels, found.probabilities, found.latency_ms, raw=found.raw, run=self._run,
            function_ms=found.function_ms, model_ms=found.model_ms,
        )  # fmt: skip


def _in_turns(asked: Sequence[Picture], names: Sequence[str]) -> Iterator[tuple[Picture, list[str]]]:
    """Each picture with the targets that have not answered it, beginning with another one each time."""
    at = 0
    for picture in asked:
        whom = [name for name in names if name not in picture.answers]
        if whom:
            # Turned on by one each time: nobody always goes first.
            turn = at % len(whom)
            yield picture, whom[turn:] + whom[:turn]
            at += 1


def words(error: SageDeckError) -> str:
    """An error on a card: of a container's traceback its first words and its last line, which says what was wrong."""
    if not isinstance(error, ModelFailed):
        return f"{error.title}. {error.message}"
    lines = [line.strip() for line in error.message.splitlines() if line.strip()]
    if len(lines) < 2:
        return error.message
    return f"{lines[0].partition(':')[0]}: {lines[-1]}"
