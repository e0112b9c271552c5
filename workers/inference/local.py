"""Models of finished jobs on this computer, each loaded in a child process of its own and kept for the next picture."""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import threading
from collections import OrderedDict
from pathlib import Path

from workers.aws.s3_uri import S3Uri
from workers.aws.session import AwsSession
from workers.children.asked import AskedChild
from workers.children.process import End
from workers.endpoints.deployable import no_model_reason
from workers.errors.tree import InvalidInput, LocalProblem, Unreachable, translate
from workers.inference import model_files
from workers.training.jobs import Training

MODULE = "workers.inference.model_child"
# Importing torch from a cold disk.
START_SECONDS = 240.0
# As long as an endpoint may compute.
ANSWER_SECONDS = 60.0
# Each holds a torch: two are compared, and one more is on its way.
MOST_LOADED = 3
INSTALL = "pip install 'sagedeck[sandbox]'"


def can_load() -> bool:
    """True where torch is installed: the program itself does without it."""
    return importlib.util.find_spec("torch") is not None


def require_torch() -> None:
    """Raise ``LocalProblem`` where no model can be loaded."""
    if not can_load():
        raise LocalProblem(
            "PyTorch is not installed here",
            "A model can be asked on this computer only where the extra “sandbox” of SageDeck is installed.",
            f"Install it with {INSTALL}, or deploy the model to an endpoint.",
            code="NoTorch",
        )


class LocalModels:
    """All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession, training: Training) -> None:
        self._session, self._training = session, training
        self._children: OrderedDict[Path, AskedChild] = OrderedDict()
        self._folders: dict[str, Path] = {}
        self._fetching = asyncio.Lock()
        self._lock = threading.Lock()
        self._closed = False

    async def folder_of(self, job_name: str, *, fresh: bool = False) -> Path:
        """Where the job's model lies on this computer; fetched unless it is there, asked once a session."""
        require_torch()
        async with self._fetching:
            if fresh or job_name not in self._folders:
                self._folders[job_name] = await self._fetch(job_name)
            return self._folders[job_name]

    async def prepare(self, job_name: str) -> None:
        """Have the model fetched and loaded; at once where it is."""
        await self._ready(await self.folder_of(job_name))

    async def ask(self, job_name: str, picture: bytes) -> tuple[str, float]:
        """The answer's JSON and how many milliseconds the model took."""
        child = await self._ready(await self.folder_of(job_name))
        text = base64.b64encode(picture).decode()
        try:
            answer = await asyncio.wait_for(asyncio.wrap_future(child.send({"picture": text})), ANSWER_SECONDS)
        except TimeoutError:
            await asyncio.to_thread(child.stop)
            raise LocalProblem(
                "The model did not answer", f"No answer within {ANSWER_SECONDS:.0f} seconds.", code="ModelTimeout"
            ) from None
        return str(answer["raw"]), float(answer["ms"])

    async def _fetch(self, job_name: str) -> Path:
        job = await self._training.describe(job_name)
        place = S3Uri.find(job.model_uri)
        if (reason := no_model_reason(job)) or place is None:
            raise InvalidInput("The job has no model", f"The job {job_name}: {reason or 'it left no model.'}")
        doing = f"fetch the model of {job_name}"

        def fetch() -> Path:
            return model_files.fetch(self._session.client("s3"), place.bucket, place.key)

        return await self._session.run(doing, fetch, service="s3")

    async def _ready(self, folder: Path) -> AskedChild:
        try:
            child = await asyncio.to_thread(self._child, folder)
        except OSError as error:
            raise translate(error, "start the process for the model") from error
        ready = asyncio.wrap_future(child.ready)
        # If the child ends before it is ready and the caller was cancelled, there is nobody to give the error to.
        ready.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            await asyncio.wait_for(asyncio.shield(ready), START_SECONDS)
        except TimeoutError:
            await asyncio.to_thread(child.stop)
            raise LocalProblem(
                "The model was not loaded",
                f"It was not ready after {START_SECONDS:.0f} seconds.",
                "This computer may be very busy; try again.",
                code="ModelTimeout",
            ) from None
        return child

    def _child(self, folder: Path) -> AskedChild:
        with self._lock:
            if self._closed:
                raise Unreachable("Not connected", "The account was disconnected.", code="Disconnected")
            child = self._children.get(folder)
            if child is None or not child.alive or _refused(child):
                child = self._children[folder] = AskedChild(MODULE, {"folder": str(folder)}, _death)
            self._children.move_to_end(folder)
            over = [self._children.popitem(last=False)[1] for _ in range(len(self._children) - MOST_LOADED)]
        for old in over:
            old.stop()
        return child

    def close(self) -> None:
        """End the children. Returns at once."""
        with self._lock:
            self._closed = True
            children, self._children = list(self._children.values()), OrderedDict()
        for child in children:
            threading.Thread(target=child.stop, name="model stop", daemon=True).start()


def _refused(child: AskedChild) -> bool:
    """True for one that has told that it cannot load its model."""
    return child.ready.done() and child.ready.exception() is not None


def _death(end: End) -> LocalProblem:
    return LocalProblem(
        "The model's process ended",
        "The process in which the model was loaded ended before it answered.",
        "Try again: it starts anew. A model may need more memory than this computer has.",
        code="ModelDied",
        details=end.last_words[-2000:],
    )
