"""Counts what an upload has done and how fast, and tells it at most ten times a second."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Literal

from workers.types import UploadProgress

# Ten reports a second look fluent.
PERIOD_SECONDS = 0.1
# A rate over a shorter time jumps, over a longer one it lags.
WINDOW_SECONDS = 5.0
FIRST_ESTIMATE_SECONDS = 1.0

Phase = Literal["scanning", "comparing", "uploading", "verifying"]


class Meter:
    """Thread-safe counters. Rates are those of the last five seconds in which it was not paused."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._phase: Phase = "scanning"
        self._done = self._total = self._bytes_done = self._bytes_total = 0
        self._sent_bytes = self._sent_files = self._skipped = 0
        self._samples: deque[tuple[float, int, int]] = deque()

    def phase(self, phase: Phase) -> None:
        """What is being done from now on."""
        with self._lock:
            self._phase = phase
            self._samples.clear()

    def found(self, files: int) -> None:
        """Files counted so far, while scanning."""
        with self._lock:
            self._total = files

    def compared(self, files: int) -> None:
        """Files compared so far, while comparing."""
        with self._lock:
            self._done = files

    def plan(self, files: int, size: int, skipped: int, skipped_bytes: int) -> None:
        """All files and their bytes, and those of them that are there already."""
        with self._lock:
            self._total, self._bytes_total = files, size
            self._done = self._skipped = skipped
            self._bytes_done = skipped_bytes

    def more(self, files: int, size: int) -> None:
        """Files that turned up, or have to be sent again."""
        with self._lock:
            self._total += files
            self._bytes_total += size

    def moved(self, size: int) -> None:
        """Bytes that went out."""
        with self._lock:
            self._bytes_done += size
            self._sent_bytes += size

    def ended(self) -> None:
        """A file is sent or given up."""
        with self._lock:
            self._done += 1
            self._sent_files += 1

    def paused(self) -> None:
        """The time from here on does not count for the rates."""
        with self._lock:
            self._samples.clear()

    def snapshot(self) -> UploadProgress:
        """The figures now; called regularly, it also takes the samples that the rates are made of."""
        with self._lock:
            now = self._clock()
            self._samples.append((now, self._sent_files, self._sent_bytes))
            while now - self._samples[0][0] > WINDOW_SECONDS:
                self._samples.popleft()
            since, files, size = self._samples[0]
            passed = now - since
            files_rate = (self._sent_files - files) / passed if passed else 0.0
            bytes_rate = (self._sent_bytes - size) / passed if passed else 0.0
            left: float | None = None
            if self._phase == "uploading" and passed >= FIRST_ESTIMATE_SECONDS and bytes_rate and files_rate:
                # Small files are bound by their number, large ones by their bytes.
                left = max((self._bytes_total - self._bytes_done) / bytes_rate, (self._total - self._done) / files_rate)
            return UploadProgress(
                phase=self._phase,
                files_done=self._done,
                files_total=self._total,
                bytes_done=self._bytes_done,
                bytes_total=self._bytes_total,
                files_per_second=files_rate,
                bytes_per_second=bytes_rate,
                seconds_left=left,
                skipped=self._skipped,
            )


class Reporter:
    """Tells the meter's figures in a thread of its own, ten times a second."""

    def __init__(self, meter: Meter, tell: Callable[[UploadProgress], None]) -> None:
        self._meter, self._tell = meter, tell
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def stop(self) -> None:
        """Tell the last figures and end."""
        self._stop.set()
        self._thread.join()
        self._tell(self._meter.snapshot())

    def _run(self) -> None:
        while not self._stop.wait(PERIOD_SECONDS):
            self._tell(self._meter.snapshot())
