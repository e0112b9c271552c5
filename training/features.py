"""The frozen backbone's features of every picture, computed once."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import device
import numpy as np
import torch
from data import Sample
from distributed import Group
from model import Classifier
from pictures import BadPicture, Pixels, views_of
from stopping import Stop
from torch import Tensor

Item = TypeVar("Item")
Result = TypeVar("Result")

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


def ordered_map(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
    *,
    ahead: int = 0,
    prepare: Callable[[], object] | None = None,
) -> Iterator[Result]:
    """``work`` on every item in ``workers`` threads, results in order.

    At most ``2 x workers + ahead`` results are there before they are asked for.
    Threads and not processes: Pillow and torch work without the interpreter's lock, and threads cost neither
    a second start of the interpreter nor a copy of the pixels. ``prepare`` runs once in every thread.
    """
    with ThreadPoolExecutor(workers, thread_name_prefix="pictures", initializer=prepare) as pool:
        source = iter(items)
        begun: deque[Future[Result]] = deque()
        begun.extend(pool.submit(work, item) for item in itertools.islice(source, 2 * workers + ahead))
        try:
            while begun:
                result = begun.popleft().result()
                begun.extend(pool.submit(work, item) for item in itertools.islice(source, 1))
                yield result
        finally:
            for future in begun:
                future.cancel()


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

    Each host decodes its share and all exchange the features. Every worker decodes and runs the backbone on one
    CPU: several small streams keep all CPUs busy, where one network on all CPUs waits for its slowest part at
    every layer. ``classifier`` must be ready for inference. Raises ``Stopped`` when the job is told to end.
    """
    mine = [samples[index] for index in group.share(len(samples))]
    rows = torch.zeros(len(mine), views, classifier.head.linear.in_features, dtype=torch.float16)
    readable = torch.zeros(len(mine), dtype=torch.uint8)
    place = device.of(classifier)
    bad: list[tuple[str, str]] = []

    def work(chunk: range) -> list[tuple[str, str]]:
        stop.check()
        unreadable = []
        good: list[int] = []
        pixels: list[Pixels] = []
        for index in chunk:
            path = mine[index].path
            try:
                pixels.append(views_of(root / path, size, views, f"{seed}/{path}"))
                good.append(index)
            except BadPicture as error:
                unreadable.append((path, str(error)))
        if good:
            with torch.inference_mode():
                found = classifier.features(torch.from_numpy(np.concatenate(pixels)).to(place))
                rows[good] = device.to_host(found.to(torch.float16)).view(len(good), views, -1)
            readable[good] = 1
        progress.add(len(chunk) * group.world)
        return unreadable

    at_once = max(1, PASS_BATCH // views)
    chunks = (range(start, min(start + at_once, len(mine))) for start in range(0, len(mine), at_once))
    threads = torch.get_num_threads()
    try:
        for unreadable in ordered_map(work, chunks, workers, prepare=lambda: torch.set_num_threads(1)):
            bad.extend(unreadable)
    finally:
        torch.set_num_threads(threads)
    rows, readable = group.gather_rows(rows, len(samples)), group.gather_rows(readable, len(samples)).bool()
    kept = [sample for sample, is_good in zip(samples, readable.tolist(), strict=True) if is_good]
    labels = torch.tensor([sample.label for sample in kept], dtype=torch.int64)
    found = sorted((path, reason) for part in group.gather_json(bad) for path, reason in part)
    return FeatureSet(rows[readable], labels, [sample.path for sample in kept]), found
