"""Asks about the pictures of one evaluation: ``python -m workers.evaluation.child``, started by the service.

Spec: a ``Request``. Command: ``cancel``; the wish to stop cancels too. Progress: a ``Progress``. Result: an ``Ended``.
The answers go into the evaluation's file as they come, so that neither this process nor the window can lose them.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import IO

from workers.children.child import ChildRun, serve
from workers.children.typed import read, write
from workers.errors.tree import (
    AccessDenied,
    Expired,
    InvalidInput,
    LocalProblem,
    NotFound,
    SageDeckError,
    Throttled,
    Unreachable,
)
from workers.errors.wire import to_wire
from workers.evaluation import store
from workers.evaluation.asking import Asking
from workers.evaluation.sending import read_file, to_send
from workers.evaluation.types import TOP, Answered, Ended, Evaluation, Progress, Request, Run
from workers.files import private
from workers.files.class_names import matcher
from workers.inference.answers import classes_of, read_answer
from workers.inference.model_child import load
from workers.inference.targets import Target
from workers.types import Prediction

DOING = "evaluate the pictures"
# What every further question would run into as well.
HOPELESS = (NotFound, Unreachable, Expired, AccessDenied, LocalProblem)
# A target that is asked too much answers some seconds later; a network may be gone for a moment.
PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
_BUSY = "No worker is available"

Ask = Callable[[bytes], Awaitable[Prediction]]


def _evaluate(child: ChildRun) -> dict[str, object]:
    request = read(Request, child.spec)
    return write(asyncio.run(_run(request, child)))


async def _run(request: Request, child: ChildRun) -> Ended:
    loop = asyncio.get_running_loop()
    with private.open_end(Path(request.file)) as file:
        go = Go(request, store.read_file(Path(request.file)), file, child)

        def hear(command: str) -> None:
            if command in ("cancel", "stop"):
                loop.call_soon_threadsafe(go.stop)

        child.listen(hear)
        target = Target.parse(request.head.target)
        if target.kind == "model":
            return await go.run(await asyncio.to_thread(_model, Path(request.model_folder)))
        async with await asyncio.to_thread(Asking, request.backend, target) as asking:
            return await go.run(asking.ask)


def _model(folder: Path) -> Ask:
    answer = load(folder)

    async def ask(data: bytes) -> Prediction:
        began = time.perf_counter()
        raw, model_ms = await asyncio.to_thread(answer, data)
        labels, probabilities = read_answer(raw)
        took = (time.perf_counter() - began) * 1000
        return Prediction(labels, probabilities, latency_ms=took, raw=raw, model_ms=model_ms)

    return ask


class Go:
    """One go through the pictures. ``before`` is what the file holds already."""

    def __init__(self, request: Request, before: Evaluation, file: IO[str], child: ChildRun) -> None:
        self._request, self._file, self._child = request, file, child
        self._folder = Path(request.head.folder)
        self._before = {answer.path: answer for answer in before.answers if not answer.error}
        self._by_digest = {answer.digest: answer for answer in self._before.values()}
        self._classes = before.classes
        self._match = matcher(before.classes)
        self._stopping = False
        self._problem: SageDeckError | None = None
        self._done = self._reused = self._failed = self._right = self._judged = self._asked = 0
        self._began = time.monotonic()
        wanted = {path for path, _ in request.pictures}
        self._gone = [answer.path for answer in before.answers if answer.path not in wanted]

    def stop(self) -> None:
        """Ask about no more pictures; those under way are waited for."""
        self._stopping = True

    async def run(self, ask: Ask) -> Ended:
        """Go through all pictures."""
        began = time.time()
        self._began = time.monotonic()
        self._file.write(store.gone_line(self._gone, len(self._request.pictures)))
        pictures = list(self._request.pictures)
        # In any order but that of the classes: what a stopped evaluation says is of all of them.
        random.Random(self._request.head.id).shuffle(pictures)
        waiting = iter(pictures)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(max(1, self._request.head.at_once)):
                    group.create_task(self._work(waiting, ask))
        except ExceptionGroup as several:
            raise several.exceptions[0] from several
        seconds = time.monotonic() - self._began
        self._file.write(store.run_line(Run(round(began, 3), round(seconds, 3), self._asked)))
        problem = json.dumps(to_wire(self._problem)) if self._problem is not None else ""
        return Ended(self._progress(), self._stopping and self._problem is None, problem)

    async def _work(self, waiting: Iterator[tuple[str, str]], ask: Ask) -> None:
        for path, truth in waiting:
            if self._stopping:
                return
            answer = await self._one(path, truth, ask)
            if answer is None:
                return
            self._count(answer)
            if self._child.due():
                self._file.flush()
                self._child.progress(write(self._progress()))

    async def _one(self, path: str, truth: str, ask: Ask) -> Answered | None:
        """The answer about a picture, new or known; None when nothing more can be asked."""
        try:
            digest, body = await asyncio.to_thread(self._read, path)
        except InvalidInput as error:
            return self._keep(Answered(path, truth, "", error=error.message))
        known = self._by_digest.get(digest)
        if known is not None:
            self._reused += 1
            here = self._before.get(path)
            if here is not None and (here.digest, here.truth) == (digest, truth):
                return here
            values = {**vars(known), "path": path, "truth": truth}
            return self._keep(Answered(**values))
        try:
            found = await self._ask(ask, body)
        except HOPELESS as error:
            self._problem = self._problem or error
            self._stopping = True
            return None
        except SageDeckError as error:
            return self._keep(Answered(path, truth, digest, error=error.message))
        self._asked += 1
        self._learn(found)
        return self._keep(
            Answered(
                path, truth, digest, found.labels[:TOP], tuple(round(value, 6) for value in found.probabilities[:TOP]),
                round(found.latency_ms, 2), found.function_ms, _rounded(found.model_ms), found.cold, found.variant,
            )
        )  # fmt: skip

    def _read(self, path: str) -> tuple[str, bytes]:
        """The picture's digest and what is sent of it; that only where it is not known already."""
        data = read_file(self._folder / path)
        digest = hashlib.sha256(data).hexdigest()
        return digest, b"" if digest in self._by_digest else to_send(data)

    async def _ask(self, ask: Ask, body: bytes) -> Prediction:
        for pause in PAUSES:
            try:
                return await ask(body)
            except SageDeckError as error:
                if not isinstance(error, (Throttled, Unreachable)) and _BUSY not in error.message:
                    raise
                if self._stopping:
                    raise
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
        return await ask(body)

    def _learn(self, found: Prediction) -> None:
        if not self._classes and (classes := classes_of(found.raw)):
            self._classes = classes
            self._match = matcher(classes)
            self._file.write(store.classes_line(classes))

    def _keep(self, answer: Answered) -> Answered:
        self._file.write(store.answer_line(answer))
        return answer

    def _count(self, answer: Answered) -> None:
        self._done += 1
        if answer.error:
            self._failed += 1
        elif truth := self._match(answer.truth):
            self._judged += 1
            self._right += answer.top == truth

    def _progress(self) -> Progress:
        seconds = time.monotonic() - self._began
        rate = self._asked / seconds if seconds > 0.2 else 0.0
        return Progress(
            self._done, len(self._request.pictures), self._reused, self._failed, self._right, self._judged, rate
        )


def _rounded(value: float | None) -> float | None:
    return round(value, 2) if value is not None else None


if __name__ == "__main__":
    serve(_evaluate, DOING)
