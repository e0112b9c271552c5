"""The child process of a load test: ``python -m workers.load.child``, started by ``workers.load.service``.

Spec: a ``LoadRequest``. Command: ``cancel``; the wish to stop cancels too. Progress: a ``LoadProgress``. Result: a
``LoadEnd``.
"""

from __future__ import annotations

import asyncio
import sys

from botocore.exceptions import BotoCoreError, ClientError

from workers.children.child import ChildRun, serve
from workers.children.typed import read, write
from workers.errors.tree import translate_for
from workers.load.arrivals import arrivals
from workers.load.generator import Generator
from workers.load.payloads import payloads
from workers.load.types import LoadEnd, LoadProgress, LoadRequest
from workers.load.wire import Wire

DOING = "run the load test"
# Each open request is an open file.
_FILES = 4096


def _load(child: ChildRun) -> dict[str, object]:
    request = read(LoadRequest, child.spec)
    bodies = payloads(request.pictures, request.target.kind)
    _allow_many_files()
    try:
        wire = Wire(request, bodies)
    except (BotoCoreError, ClientError, OSError, ValueError) as error:
        raise translate_for(request.backend, error, DOING) from error
    return write(asyncio.run(_send(request, wire, child)))


async def _send(request: LoadRequest, wire: Wire, child: ChildRun) -> LoadEnd:
    loop = asyncio.get_running_loop()

    def tell(progress: LoadProgress) -> None:
        child.progress(write(progress))

    async with wire:
        generator = Generator(wire.exchange, tell, timeout=request.timeout)

        def hear(command: str) -> None:
            if command in ("cancel", "stop"):
                loop.call_soon_threadsafe(generator.stop)

        child.listen(hear)
        return await generator.run(arrivals(request.shape))


def _allow_many_files() -> None:
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    serve(_load, DOING)
