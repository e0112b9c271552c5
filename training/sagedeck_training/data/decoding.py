"""Decoding many pictures at once for the device that cuts them: in threads, or in processes where there are many CPUs.

Threads wait for each other: a part of Pillow's work on each picture is done by one of them at a time, and so is what a
GPU is told to do. With few CPUs that costs less than handing the pixels from process to process.
"""

from __future__ import annotations

import contextlib
import io
import json
import queue
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch

from ..machine import device
from ..machine.ordered import ordered_map
from .decoder import Decoded, decode
from .pictures import BadPicture

# Fewer processors are kept busy by threads.
FEWEST_PROCESSES = 4
# It lies beside ``train.py``, so that Python finds this package.
PROGRAM = Path(__file__).parents[2] / "decode.py"


class DecodingFailed(RuntimeError):
    """A process that decodes ended on its own; the message says what is known of it."""


class _Child:
    """A process that decodes; one thread at a time may ask it."""

    def __init__(self, size: int) -> None:
        program = [sys.executable, str(PROGRAM), str(size)]
        self._process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin is not None and isinstance(self._process.stdout, io.BufferedReader)
        self._names, self._answers = self._process.stdin, self._process.stdout

    def decode(self, path: Path) -> Decoded:
        try:
            self._names.write(json.dumps(str(path)).encode() + b"\n")
            self._names.flush()
            about = json.loads(self._answers.readline() or b"null")
        except (OSError, ValueError):
            about = None
        if about is None:
            raise self._ended(path)
        if "bad" in about:
            raise BadPicture(about["bad"])
        pixels = np.empty(about["shape"], dtype=np.uint8)
        if self._answers.readinto(pixels.reshape(-1).data) != pixels.size:
            raise self._ended(path)
        return Decoded(pixels, about["width"], about["height"])

    def close(self) -> None:
        # What it was not told any more is still to be written, and it may be gone.
        with contextlib.suppress(OSError):
            self._names.close()
        self._answers.close()
        self._process.wait()

    def _ended(self, path: Path) -> DecodingFailed:
        self._process.kill()
        return DecodingFailed(f"A process that decodes pictures ended at {path} (code {self._process.wait()}): "
                              "perhaps the machine has too little memory.")  # fmt: skip


class Decoders:
    """Decodes for ``place``; its processes, where it has any, last until ``close``."""

    def __init__(self, size: int, workers: int, place: torch.device) -> None:
        self._size, self._workers = size, workers
        self._count = workers if place.type != device.CPU.type and workers >= FEWEST_PROCESSES else 0
        self._children: list[_Child] = []
        self._idle: queue.SimpleQueue[_Child] = queue.SimpleQueue()

    def decoded(self, paths: Iterable[Path], ahead: int) -> Iterator[Decoded | BadPicture]:
        """The pictures in order, and what is wrong with those that cannot be read; ``ahead`` are ready at most."""
        while len(self._children) < self._count:
            self._children.append(_Child(self._size))
            self._idle.put(self._children[-1])
        yield from ordered_map(self._one, paths, self._workers, ahead=ahead)

    def close(self) -> None:
        """End the processes; a later call of ``decoded`` starts new ones."""
        children, self._children, self._idle = self._children, [], queue.SimpleQueue()
        for child in children:
            child.close()

    def _one(self, path: Path) -> Decoded | BadPicture:
        child = self._idle.get() if self._count else None
        try:
            return decode(path, self._size) if child is None else child.decode(path)
        except BadPicture as error:
            return error
        finally:
            if child is not None:
                self._idle.put(child)
