"""The frozen backbone's features of every picture, computed once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..data.dataset import Sample
from ..data.pictures import BadPicture, Crop, Pixels, crops_of
from ..data.stream import PictureStream
from ..data.views import views_of
from ..machine import device, memory
from ..machine.distributed import Group
from ..machine.ordered import ordered_map
from ..machine.stopping import Stop
from .model import Classifier

# Small enough for a batch's activations to stay in the cache: larger batches are slower on a CPU.
PASS_BATCH = 6
REPORT_EVERY_SECONDS = 2.0


@dataclass
class FeatureSet:
    """Features of the readable pictures of one split, shape (pictures, views, features), half precision.

    Half precision on purpose even when nothing is stored: a run from a stored set then equals a run without.
    """

    features: Tensor
    labels: Tensor
    paths: list[str]

    def __len__(self) -> int:
        return len(self.paths)


class Progress:
    """Prints how far the pass over the pictures is, at most every two seconds."""

    def __init__(self, total: int, say: Callable[[str], None]) -> None:
        self._total, self._say = total, say
        self._done, self._began = 0, time.monotonic()
        self._next = self._began + REPORT_EVERY_SECONDS
        self._lock = threading.Lock()

    def add(self, pictures: int) -> None:
        """Count ``pictures`` as done; from any thread."""
        with self._lock:
            self._done = min(self._done + pictures, self._total)
            now = time.monotonic()
            if now >= self._next:
                self._next = now + REPORT_EVERY_SECONDS
                rate = self._done / (now - self._began)
                self._say(f"features: {self._done} of {self._total} pictures, {rate:.1f} pictures/s")


def compute_features(
    classifier: Classifier,
    root: Path,
    samples: Sequence[Sample],
    *,
    views: int,
    size: int,
    seed: int,
    workers: int,
    group: Group,
    stop: Stop,
    progress: Progress,
) -> tuple[FeatureSet, list[tuple[str, str]]]:
    """Features of ``samples`` (all of them, on every host) and the unreadable ones as (path, reason).

    Each host decodes its share and all exchange the features. ``classifier`` must be ready for inference; where it
    lives, the views are made. Raises ``Stopped`` when the job is told to end.
    """
    mine = [samples[index] for index in group.share(len(samples))]
    work = _Work(classifier, root, [sample.path for sample in mine], views, size, seed, workers, stop)

    def done(pictures: int) -> None:
        progress.add(pictures * group.world)

    passing = on_cpu if device.of(classifier).type == device.CPU.type else on_device
    rows, bad = passing(work, done)
    readable = torch.ones(len(mine), dtype=torch.uint8)
    readable[list(bad)] = 0
    rows, readable = group.gather_rows(rows, len(samples)), group.gather_rows(readable, len(samples)).bool()
    kept = [sample for sample, is_good in zip(samples, readable.tolist(), strict=True) if is_good]
    labels = torch.tensor([sample.label for sample in kept], dtype=torch.int64)
    told = [(mine[index].path, reason) for index, reason in bad.items()]
    found = sorted((path, reason) for part in group.gather_json(told) for path, reason in part)
    return FeatureSet(rows[readable], labels, [sample.path for sample in kept]), found


@dataclass(frozen=True)
class _Work:
    """A process's share of a pass."""

    classifier: Classifier
    root: Path
    paths: list[str]
    views: int
    size: int
    seed: int
    workers: int
    stop: Stop

    def rows(self) -> Tensor:
        """Room for the features, in the machine's memory."""
        return torch.zeros(len(self.paths), self.views, self.classifier.head.linear.in_features, dtype=torch.float16)


def on_cpu(work: _Work, done: Callable[[int], None]) -> tuple[Tensor, dict[int, str]]:
    """The features, and why a picture could not be read by its position.

    Every worker decodes and runs the backbone on one CPU: several small streams keep all CPUs busy, where one network
    on all CPUs waits for its slowest part at every layer.
    """
    rows = work.rows()

    def look(chunk: range) -> dict[int, str]:
        work.stop.check()
        unreadable: dict[int, str] = {}
        good: list[int] = []
        pixels: list[Pixels] = []
        for index in chunk:
            path = work.paths[index]
            try:
                pixels.extend(views_of(work.root / path, work.size, work.views, f"{work.seed}/{path}"))
                good.append(index)
            except BadPicture as error:
                unreadable[index] = str(error)
        if good:
            with torch.inference_mode():
                found = work.classifier.features(torch.from_numpy(np.stack(pixels)))
                rows[good] = found.to(torch.float16).view(len(good), work.views, -1)
        done(len(chunk))
        return unreadable

    bad: dict[int, str] = {}
    threads = torch.get_num_threads()
    memory.keep()
    try:
        for unreadable in ordered_map(
            look, _chunks(work, PASS_BATCH), work.workers, prepare=lambda: torch.set_num_threads(1)
        ):
            bad |= unreadable
    finally:
        torch.set_num_threads(threads)
    return rows, bad


def on_device(work: _Work, done: Callable[[int], None]) -> tuple[Tensor, dict[int, str]]:
    """As ``on_cpu``, with every picture decoded and sent once and its views made where the network is.

    On one kind of device the same seed gives the same. From the CPU's a feature differs by what a byte or two more or
    less in a view change, some thousandths, and by what the device's half precision rounds, about a hundredth.
    """
    place = device.of(work.classifier)
    rows, bad = work.rows(), dict[int, str]()
    chunks = list(_chunks(work, device.pictures_at_once(place, work.size)))
    stream = PictureStream(work.root, work.size, work.workers, place)

    def choose(path: str, width: int, height: int) -> list[Crop]:
        return crops_of(width, height, work.views, f"{work.seed}/{path}")

    def keep(sent: tuple[list[int], device.Later] | None) -> None:
        if sent is not None:
            good, found = sent
            rows[good] = found.values().view(len(good), work.views, -1)

    sent: tuple[list[int], device.Later] | None = None
    try:
        parts = [[work.paths[index] for index in chunk] for chunk in chunks]
        for chunk, cut in zip(chunks, stream.cuts(parts, choose, work.size), strict=True):
            work.stop.check()
            bad |= {chunk[at]: reason for at, reason in cut.bad}
            before, sent = sent, None
            if cut.good:
                with torch.no_grad(), device.mixed(place):
                    found = work.classifier.features(cut.pictures).to(torch.float16)
                sent = [chunk[at] for at in cut.good], device.Later(found)
            keep(before)
            done(len(chunk))
        keep(sent)
    finally:
        stream.close()
    return rows, bad


def _chunks(work: _Work, views_at_once: int) -> Iterator[range]:
    at_once = max(1, views_at_once // work.views)
    return (range(start, min(start + at_once, len(work.paths))) for start in range(0, len(work.paths), at_once))
