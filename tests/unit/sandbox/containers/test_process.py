"""The end of a process is told after all that it printed has been taken, however slowly that goes."""

from __future__ import annotations

import os
import threading
from typing import IO, Any

import pytest

from sandbox.containers import process as container_process
from sandbox.containers.process import ContainerProcess


class Ending:
    """A process that ends when its output begins to be taken; ``held`` keeps its pipe open, as a stranger does."""

    def __init__(self, output: bytes, began: threading.Event, *, held: bool = False) -> None:
        self._began = began
        reading, self.writing = os.pipe()
        os.write(self.writing, output)
        if not held:
            os.close(self.writing)
        self.pid = 0
        self.stdout: IO[Any] | None = os.fdopen(reading, "rb")

    def wait(self, timeout: float | None = None) -> int | None:
        assert self._began.wait(30)
        return 3

    def terminate(self) -> None:
        raise AssertionError("it has ended")

    def kill(self) -> None:
        raise AssertionError("it has ended")


def test_slow_readers_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container_process, "_DRAIN_SECONDS", 0.01)
    began, go_on, order = threading.Event(), threading.Event(), []

    def take(lines: list[str]) -> None:
        began.set()
        go_on.wait(30)
        order.extend(lines)

    process = ContainerProcess(Ending(b"one\ntwo\n", began), take, lambda status: order.append(str(status)), "p")
    assert began.wait(10)
    assert not process.join(0.2)
    go_on.set()
    assert process.join(10)
    assert order == ["one", "two", "3"]


def test_a_stranger_with_the_pipe_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container_process, "_DRAIN_SECONDS", 0.01)
    ended: list[int] = []
    began = threading.Event()
    spawned = Ending(b"one\n", began, held=True)
    process = ContainerProcess(spawned, lambda lines: began.set(), ended.append, "p")
    assert process.join(10) and ended == [3]
    os.close(spawned.writing)
