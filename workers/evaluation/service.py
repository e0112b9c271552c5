"""Evaluations of one account: begun, stopped, resumed, kept on this computer, read again."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from workers.aws.chosen import child_environ
from workers.aws.session import AwsSession
from workers.children.parent import Child, ChildFailed
from workers.children.typed import read, write
from workers.endpoints.service import Endpoints
from workers.errors.tree import Conflict, LocalProblem, NotFound, translate
from workers.errors.wire import from_wire
from workers.evaluation import cloud, folder
from workers.evaluation.measures import Measures, measure
from workers.evaluation.store import Store, default_folder, new_id
from workers.evaluation.types import Ended, Evaluation, Head, Labelled, Progress, Request, Split, Summary
from workers.functions.service import Functions
from workers.inference.invoke import Inference
from workers.inference.targets import Target

MODULE = "workers.evaluation.child"
# With eight on their way, an instance answers those that wait together, which takes it less time for each picture. More
# would be refused by small serverless endpoints.
AT_ONCE, MOST_AT_ONCE = 8, 10
# Before, CloudWatch may not have counted all.
SETTLED_SECONDS = 60.0

OnProgress = Callable[[Progress], object]


class EvaluationControl:
    """Stops one evaluation; may be used before it has begun and after it has ended.

    ``evaluation`` is the id of the one that is under way, or was last.
    """

    def __init__(self) -> None:
        self.evaluation = ""
        self._child: Child | None = None
        self.cancelled = False

    def cancel(self) -> None:
        """Ask about no more pictures; what was answered is kept."""
        self.cancelled = True
        if self._child is not None:
            self._child.send("cancel")

    def attach(self, child: Child | None) -> None:
        """Tell ``child`` what was wished before it ran, and from now on; None: it has ended."""
        self._child = child
        if self.cancelled:
            self.cancel()


def summary_of(evaluation: Evaluation) -> Summary:
    """An evaluation's row in the list."""
    found = measure(evaluation)
    return Summary(
        evaluation.head, found.answered + found.failed, found.failed, found.accuracy, found.top5, found.ece,
        found.latency.median, evaluation.seconds,
    )  # fmt: skip


class Evaluations:
    """All errors are ``SageDeckError``."""

    def __init__(
        self,
        session: AwsSession,
        endpoints: Endpoints,
        functions: Functions,
        inference: Inference,
        kept: Store | None = None,
    ) -> None:
        self._session, self._endpoints, self._functions = session, endpoints, functions
        self._inference = inference
        self._store = kept or Store(default_folder(session.backend), summary_of)

    async def look(self, path: Path, split: Split | None = None) -> Labelled:
        """The pictures of a labelled folder, by default of its test split."""
        return await asyncio.to_thread(folder.look, path, split)

    async def start(
        self,
        target: str,
        labelled: Labelled,
        *,
        at_once: int = AT_ONCE,
        on_progress: OnProgress = lambda progress: None,
        control: EvaluationControl | None = None,
    ) -> Summary:
        """Ask ``target`` about every picture. However it ends, what was answered is kept.

        Raises when it could not begin or go on; then it may be resumed.
        """
        identity = await self._session.identity()
        model, endpoint = await self._model_of(Target.parse(target))
        began = time.time()
        head = Head(
            new_id(began, Target.parse(target).words), target, model, labelled.folder, labelled.split, round(began, 3),
            identity.account, self._session.region, len(labelled.pictures), max(1, min(MOST_AT_ONCE, at_once)),
            endpoint,
        )  # fmt: skip
        try:
            file = await asyncio.to_thread(self._begin, head)
        except OSError as error:
            raise translate(error, "keep the evaluation") from error
        return await self._go(head, file, labelled, on_progress, control)

    async def resume(
        self,
        name: str,
        *,
        on_progress: OnProgress = lambda progress: None,
        control: EvaluationControl | None = None,
    ) -> Summary:
        """Ask about what has no answer yet; a picture is known by its content, wherever it lies now.

        Raises ``Conflict`` when the target serves another model by now.
        """
        before = await self._read(name)
        target = Target.parse(before.head.target)
        model, endpoint = await self._model_of(target)
        if model != before.head.model:
            raise Conflict(
                "It is another model now",
                f"Since this evaluation was begun, the {target.full_words} has gone over to another model. Answers of "
                "two models do not go together; those that are there are kept.",
                "Start a new evaluation.",
                code="OtherModel",
            )
        head = replace(before.head, endpoint=endpoint)
        labelled = await self.look(Path(head.folder), head.split)
        return await self._go(head, self._store.path(name), labelled, on_progress, control)

    async def kept(self) -> tuple[Summary, ...]:
        """Those of this account and region, newest first."""
        identity = await self._session.identity()
        return await asyncio.to_thread(self._store.all, identity.account, self._session.region)

    async def whole(self, name: str) -> tuple[Evaluation, Measures]:
        """All of one, and its figures."""
        found = await self._read(name)
        if found.cloud_ms is None and found.runs:
            settled = time.time() - found.runs[-1].began - found.runs[-1].seconds > SETTLED_SECONDS
            counted = await cloud.model_ms(self._session, found)
            if counted is not None:
                found = replace(found, cloud_ms=counted)
                if settled:
                    await self._keep_cloud(name, counted)
        return found, await asyncio.to_thread(measure, found)

    async def forget(self, name: str) -> None:
        """Delete one from this computer."""
        try:
            await asyncio.to_thread(self._store.forget, name)
        except OSError as error:
            raise translate(error, "delete the evaluation") from error

    async def _go(
        self, head: Head, file: Path, labelled: Labelled, on_progress: OnProgress, control: EvaluationControl | None
    ) -> Summary:
        control = control or EvaluationControl()
        control.evaluation = head.id
        target = Target.parse(head.target)
        models = self._inference.models
        local = str(await models.folder_of(target.name)) if target.kind == "model" and models is not None else ""
        request = Request(self._session.backend, head, labelled.pictures, str(file), local)
        # It waits for answers most of the time: behind everything else it would measure its own waiting.
        child = Child(MODULE, write(request), nice=0, environ=child_environ(self._session.backend))
        ended: Ended | None = None
        try:
            await child.start()
            control.attach(child)
            async for message in child.messages():
                if message.kind == "result":
                    ended = read(Ended, message.value)
                    on_progress(ended.progress)
                else:
                    on_progress(read(Progress, message.value))
        except ChildFailed as error:
            raise LocalProblem(
                "The evaluation was broken off",
                f"Its process ended (exit {error.returncode}). What was answered is kept.",
                "Resume it.",
                code="ChildFailed",
                details=error.last_words[-2000:],
            ) from error
        except OSError as error:
            raise translate(error, "start the evaluation") from error
        finally:
            control.attach(None)
            await child.stop()
        summary = await self._seal(head.id)
        if ended is not None and ended.problem:
            raise from_wire(json.loads(ended.problem))
        return summary

    def _begin(self, head: Head) -> Path:
        return self._store.begin(head)

    async def _seal(self, name: str) -> Summary:
        try:
            return await asyncio.to_thread(self._store.seal, name)
        except OSError as error:
            raise translate(error, "keep the evaluation") from error

    async def _keep_cloud(self, name: str, counted: float) -> None:
        try:
            await asyncio.to_thread(self._store.note_cloud, name, counted)
            await asyncio.to_thread(self._store.seal, name)
        except OSError:
            # It is asked for again the next time.
            return

    async def _read(self, name: str) -> Evaluation:
        try:
            return await asyncio.to_thread(self._store.read, name)
        except FileNotFoundError:
            raise NotFound("The evaluation is gone", "It is not on this computer any more.") from None
        except OSError as error:
            raise translate(error, "read the evaluation") from error

    async def _model_of(self, target: Target) -> tuple[str, str]:
        """What tells the model behind a target from another one there later, and the endpoint that it is behind."""
        if target.kind == "model":
            models = self._inference.models
            assert models is not None
            return (await models.folder_of(target.name, fresh=True)).name, ""
        endpoint, code = target.name, ""
        if target.kind == "function":
            function = await self._functions.describe(target.name)
            endpoint, code = function.endpoint_name, function.code_sha256
        try:
            found = await self._endpoints.describe(endpoint)
        except NotFound:
            if target.kind == "function":
                # The function may know what to say about it.
                return code, endpoint
            raise
        return " ".join(part for part in (found.model_uri, *found.model_names, code) if part), endpoint
