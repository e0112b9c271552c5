"""The frozen backbone's features of every picture, computed once."""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

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
PASS_BATCH = 16
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

    def add(self, pictures: int) -> None:
        """Count ``pictures`` as done."""
        self._done += pictures
        now = time.monotonic()
        if now >= self._next:
            self._next = now + REPORT_EVERY_SECONDS
            rate = self._done / (now - self._began)
            self._say(f"features: {self._done} of {self._total} pictures, {rate:.1f} pictures/s")


def ordered_map(work: Callable[[Item], Result], items: Sequence[Item], workers: int) -> Iterator[Result]:
    """``work`` on every item in threads, results in order, a bounded number ahead of the consumer.

    Threads and not processes: Pillow decodes and resizes without the interpreter's lock, and threads cost
    neither a second start of the interpreter nor a copy of the pixels. 0 workers: in the caller's thread.
    """
    if workers == 0:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        source = iter(items)
        ahead: deque[Future[Result]] = deque()
        ahead.extend(pool.submit(work, item) for item in itertools.islice(source, 4 * workers + 8))
        try:
            while ahead:
                result = ahead.popleft().result()
                ahead.extend(pool.submit(work, item) for item in itertools.islice(source, 1))
                yield result
        finally:
            for future in ahead:
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

    Each host decodes its share and all exchange the features. ``classifier`` must be ready for inference.
    Raises ``Stopped`` when the job is told to end.
    """

    def decode(sample: Sample) -> Pixels | BadPicture:
        try:
            return views_of(root / sample.path, size, views, f"{seed}/{sample.path}")
        except BadPicture as error:
            return error

    mine = [samples[index] for index in group.share(len(samples))]
    rows = torch.zeros(len(mine), views, classifier.head.linear.in_features, dtype=torch.float16)
    readable = torch.zeros(len(mine), dtype=torch.uint8)
    bad: list[tuple[str, str]] = []
    waiting: list[tuple[int, Pixels]] = []
    at_once = max(1, PASS_BATCH // views)
    with torch.inference_mode():
        for index, result in enumerate(ordered_map(decode, mine, workers)):
            stop.check()
            if isinstance(result, BadPicture):
                bad.append((mine[index].path, str(result)))
            else:
                waiting.append((index, result))
                readable[index] = 1
            if len(waiting) == at_once or (waiting and index + 1 == len(mine)):
                _forward(classifier, waiting, rows)
                progress.add(len(waiting) * group.world)
                waiting = []
    rows, readable = group.gather_rows(rows, len(samples)), group.gather_rows(readable, len(samples)).bool()
    kept = [sample for sample, good in zip(samples, readable.tolist(), strict=True) if good]
    labels = torch.tensor([sample.label for sample in kept], dtype=torch.int64)
    found = sorted((path, reason) for part in group.gather_json(bad) for path, reason in part)
    return FeatureSet(rows[readable], labels, [sample.path for sample in kept]), found


def _forward(classifier: Classifier, waiting: list[tuple[int, Pixels]], rows: Tensor) -> None:
    device = next(classifier.parameters()).device
    pictures = torch.from_numpy(np.concatenate([pixels for _, pixels in waiting])).to(device)
    found = classifier.features(pictures).to("cpu", torch.float16)
    rows[[index for index, _ in waiting]] = found.view(len(waiting), -1, found.shape[1])
