"""Heavy work in a child process that reports in batches.

A child is a module run as ``python -m MODULE``. It reads one JSON object (the spec) from the first line
of its standard input and prints one JSON object a line. Secrets travel only in that first line: never
in argv and never in the environment. Closing the child's standard input asks it to stop.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from typing import Any

STOP_GRACE_SECONDS = 10.0


class ChildFailed(RuntimeError):
    """The child ended with an exit code other than 0; ``stderr`` holds its last lines."""

    def __init__(self, module: str, returncode: int, stderr: str) -> None:
        self.module, self.returncode, self.stderr = module, returncode, stderr
        super().__init__(f"{module} ended with exit code {returncode}: {stderr.strip()[-600:]}")


async def run_child(module: str, spec: dict[str, Any], *, nice: int = 5) -> AsyncIterator[dict[str, Any]]:
    """Start ``python -m module``, hand it ``spec`` and yield what it prints, one dict a line.

    Leaving the loop early (break, cancellation) closes the child's standard input, waits
    ``STOP_GRACE_SECONDS`` and then kills it. Raises ``ChildFailed`` when it ends with an error.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
    process = await asyncio.to_thread(_start, module, spec)
    tail: list[str] = []

    def post(item: dict[str, Any] | None) -> None:
        try:
            loop.call_soon_threadsafe(queue.put_nowait, item)
        except RuntimeError:
            # The loop is closed: whoever listened is gone, and the child ends with its input.
            return

    def read_out() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            try:
                post(json.loads(line))
            except ValueError:
                tail.append(line)
        process.wait()
        errors.join(2)
        post(None)

    def read_err() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            tail.append(line)
            del tail[:-60]

    errors = threading.Thread(target=read_err, name=f"{module} stderr", daemon=True)
    errors.start()
    threading.Thread(target=read_out, name=f"{module} stdout", daemon=True).start()
    _lower_priority(process.pid, nice)
    finished = False
    try:
        while (item := await queue.get()) is not None:
            yield item
        finished = True
        if process.returncode:
            raise ChildFailed(module, process.returncode, "".join(tail))
    finally:
        if not finished:
            await asyncio.shield(asyncio.to_thread(_stop, process))


def _start(module: str, spec: dict[str, Any]) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(spec) + "\n")
        process.stdin.flush()
    except BrokenPipeError:
        # It died at once; the reader reports its exit code and last words.
        pass
    return process


def _stop(process: subprocess.Popen[str]) -> None:
    if process.stdin is not None:
        try:
            process.stdin.close()
        except BrokenPipeError:
            pass
    try:
        process.wait(STOP_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _lower_priority(pid: int, nice: int) -> None:
    if hasattr(os, "setpriority"):
        try:
            os.setpriority(os.PRIO_PROCESS, pid, nice)
        except (PermissionError, ProcessLookupError):
            return
