"""Debugger's system metrics of a training job: CPU and memory of its hosts, measured while it runs, as files in S3.

Layout and lines as ``smdebug`` reads them: one file a minute and host, one JSON object a line, below
``PREFIX/JOB/profiler-output/system/incremental/2026112814/1764340800.algo-1.json``. On AWS an instance belongs to its
job; here the machine is shared, so what is measured is what the job's own processes use of it.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from sandbox.core.diagnostics import tell
from sandbox.s3.uri import S3Uri
from sandbox.sagemaker.inputs import ObjectStore
from sandbox.sagemaker.measuring import used
from sandbox.wire.errors import AwsError

# AWS's default is half a second. Looking at a tree of processes costs several milliseconds of the machine that it uses.
SHORTEST_SECONDS = 2.0
_DEFAULT_MILLISECONDS = 500
# A short job is measured, too.
_FIRST_SECONDS = 0.5
_FILE_SECONDS = 60


@dataclass(frozen=True)
class Sample:
    """What one host used: percent of all processors and of the memory of this machine. ``at``: epoch seconds."""

    at: float
    node: str
    cpu: float
    memory: float

    def lines(self) -> Iterator[str]:
        """The sample as smdebug reads it."""
        shared = {"NodeId": self.node, "Timestamp": self.at}
        yield json.dumps(
            {"Type": "cpu", "Name": "cpu0", "Dimension": "CPUUtilization", "Value": round(self.cpu, 2), **shared}
        )
        yield json.dumps(
            {"Type": "memory", "Name": "MemoryUsedPercent", "Dimension": "", "Value": round(self.memory, 2), **shared}
        )


def profile_place(request: Mapping[str, Any]) -> S3Uri | None:
    """Where a job's profile goes; None when its request asks for none."""
    config = request.get("ProfilerConfig") or {}
    if config.get("DisableProfiler") or not config.get("S3OutputPath"):
        return None
    return S3Uri.parse(config["S3OutputPath"], "ProfilerConfig.S3OutputPath").below(request["TrainingJobName"])


class Profiler:
    """Measures the hosts of one job between ``watch`` and ``finish``."""

    def __init__(
        self,
        store: ObjectStore,
        request: Mapping[str, Any],
        scratch: Path,
        measure: Callable[[int], tuple[float, int] | None] = used,
    ) -> None:
        self._store, self._scratch, self._measure = store, scratch, measure
        self.place = profile_place(request)
        asked = (request.get("ProfilerConfig") or {}).get("ProfilingIntervalInMilliseconds", _DEFAULT_MILLISECONDS)
        self._seconds = max(SHORTEST_SECONDS, asked / 1000)
        self.samples: list[Sample] = []
        self._written = 0
        self._pids: Mapping[str, int] = {}
        self._before: dict[str, tuple[float, float]] = {}
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, pids: Mapping[str, int]) -> None:
        """Begin to measure the process of each host, by the host's name; nothing where no profile is asked for."""
        if self.place is None:
            return
        self._pids = pids
        self._before = dict.fromkeys(pids, (time.time(), 0.0))
        self._thread = threading.Thread(target=self._run, name="profiler", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """End the measuring and store the rest; may be called more than once."""
        self._ended.set()
        if self._thread is None or self.place is None:
            return
        self._thread.join()
        self._thread = None
        self._store_samples(time.time() + _FILE_SECONDS)
        self._put("training_job_end.ts", "")

    def _run(self) -> None:
        pause = _FIRST_SECONDS
        while not self._ended.wait(pause):
            pause = self._seconds
            now = time.time()
            for node, pid in self._pids.items():
                found = self._measure(pid)
                if found is not None:
                    self._take(now, node, *found)
            self._store_samples(now)

    def _take(self, now: float, node: str, computed: float, memory: int) -> None:
        since, earlier = self._before[node]
        self._before[node] = now, computed
        # Less than before: a process that had counted was not waited for, and nobody counts it any more.
        if now > since and computed >= earlier:
            cpu = (computed - earlier) / (now - since) / (os.cpu_count() or 1) * 100
            share = memory / psutil.virtual_memory().total * 100
            self.samples.append(Sample(now, node, min(100.0, cpu), min(100.0, share)))

    def _store_samples(self, now: float) -> None:
        """Store the minutes that are over at ``now``."""
        ready: dict[tuple[int, str], list[Sample]] = {}
        rest = self.samples[self._written :]
        for sample in rest:
            end = int(sample.at // _FILE_SECONDS + 1) * _FILE_SECONDS
            if end > now:
                break
            ready.setdefault((end, sample.node), []).append(sample)
            self._written += 1
        for (end, node), samples in ready.items():
            hour = datetime.fromtimestamp(end, UTC).strftime("%Y%m%d%H")
            text = "".join(f"{line}\n" for sample in samples for line in sample.lines())
            self._put(f"incremental/{hour}/{end}.{node}.json", text)

    def _put(self, name: str, text: str) -> None:
        if self.place is None:
            return
        target, local = self.place.below("profiler-output", "system", name), self._scratch / "profile"
        try:
            local.write_text(text, encoding="utf-8")
            self._store.put_file(target.bucket, target.key, local)
        except (AwsError, OSError) as error:
            # The job is worth more than its profile.
            tell(f"profiler: {target}: {error}")


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and the largest of some values."""
    ordered = sorted(values)
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {name: round(ordered[round(share * (len(ordered) - 1))], 2) for name, share in shares.items()}
