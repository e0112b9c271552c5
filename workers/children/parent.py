"""Heavy work in a child process that reports in batches, for whoever awaits it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Mapping

from workers.children.process import ChildProcess, End
from workers.children.protocol import Frame, OtherVersion
from workers.errors.tree import LocalProblem, SageDeckError
from workers.errors.wire import from_wire


class ChildFailed(RuntimeError):
    """The child ended without a result; ``last_words`` holds the last lines that it printed."""

    def __init__(self, module: str, end: End) -> None:
        self.module, self.returncode, self.last_words = module, end.returncode, end.last_words
        super().__init__(f"{module} ended with exit code {end.returncode}: {end.last_words.strip()[-600:]}")


class Child:
    """A running child: iterate over ``messages()``, ``send`` it commands, and ``stop`` it in the end.

    ``spec`` and ``environ`` are those of ``workers.children.process.ChildProcess``.
    """

    def __init__(
        self, module: str, spec: Mapping[str, object], *, nice: int = 5, environ: Mapping[str, str] | None = None
    ) -> None:
        self.module = module
        self._spec, self._nice, self._environ = spec, nice, environ
        self._process: ChildProcess | None = None
        self._queue: asyncio.Queue[Frame | OtherVersion | End] = asyncio.Queue()

    @property
    def pid(self) -> int | None:
        """The process id, once started."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the process and hand it the spec. Raises ``OSError`` when it cannot be started."""
        loop = asyncio.get_running_loop()

        def post(item: Frame | OtherVersion | End) -> None:
            try:
                loop.call_soon_threadsafe(self._queue.put_nowait, item)
            except RuntimeError:
                # The event loop is closed, so nobody listens; the child ends when its input does.
                return

        def spawn() -> ChildProcess:
            return ChildProcess(self.module, self._spec, post, post, nice=self._nice, environ=self._environ)

        spawning = asyncio.ensure_future(asyncio.to_thread(spawn))
        try:
            self._process = await asyncio.shield(spawning)
        except asyncio.CancelledError:
            spawning.add_done_callback(_discard)
            raise

    async def messages(self) -> AsyncGenerator[Frame, None]:
        """Yield the child's ``progress``, and in the end its ``result``.

        Raises ``SageDeckError`` when it tells an error, and ``ChildFailed`` when it ends without a result.
        """
        while True:
            item = await self._queue.get()
            if isinstance(item, End):
                raise ChildFailed(self.module, item)
            if isinstance(item, OtherVersion):
                raise updated_meanwhile()
            if item.kind == "error":
                raise error_of(item)
            yield item
            if item.kind == "result":
                return

    def send(self, command: str) -> None:
        """Give the child a command; nothing happens when it has ended."""
        if self._process is not None:
            self._process.write(Frame("command", {"do": command}))

    async def stop(self) -> None:
        """Close the child's input, give it some seconds, then kill it. Nothing happens when it has ended."""
        if self._process is not None and self._process.running:
            await asyncio.shield(asyncio.to_thread(self._process.stop))


async def run_child(module: str, spec: Mapping[str, object], *, nice: int = 5) -> AsyncGenerator[Frame, None]:
    """Start ``python -m module``, hand it ``spec`` and yield its progress and its result.

    Leaving the loop early (break, cancellation) stops it. Raises what ``Child.messages`` raises.
    """
    child = Child(module, spec, nice=nice)
    await child.start()
    try:
        async for message in child.messages():
            yield message
    finally:
        await child.stop()


def error_of(frame: Frame) -> SageDeckError:
    """The error that an ``error`` frame tells."""
    wire = frame.value.get("error")
    return from_wire(wire if isinstance(wire, dict) else {})


def updated_meanwhile() -> SageDeckError:
    """What to say when the child is of another version."""
    return LocalProblem(
        "SageDeck was updated while it ran",
        "Its window and its helpers are of different versions. Nothing was done.",
        "Close the window and start it again.",
        code="OtherVersion",
    )


def _discard(spawning: asyncio.Future[ChildProcess]) -> None:
    """The caller was cancelled before the child had started: end the child."""
    if not spawning.cancelled() and spawning.exception() is None:
        process = spawning.result()
        threading.Thread(target=process.stop, name=f"{process.module} stop", daemon=True).start()
