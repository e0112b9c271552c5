"""CPUUtilization, MemoryUtilization and DiskUtilization of the hosts of running jobs, measured from their processes.

Names and scales are SageMaker's ("Monitor SageMaker AI with CloudWatch"): a busy core is 100, so 4 cores come to 400;
memory and disk are shares of what the instance type and the job's volume have. AWS has one value a minute; here there
is one every few seconds, for jobs here are short.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from sandbox.context import SandboxContext
from sandbox.core.diagnostics import tell_exception
from sandbox.ec2 import types
from sandbox.metrics.store import Datum, Metrics, one_value
from sandbox.wire.errors import AwsError

# Often enough for a curve of a job of half a minute.
SAMPLE_SECONDS = 5.0
# Adding up a folder of many pictures takes a while; it grows slowly.
DISK_SECONDS = 60.0
GIB = 1024**3
# No name of a training job begins with a dot.
PROCESSING_FOLDER = ".processing"
Point = tuple[str, dict[str, str], Datum]


@dataclass(frozen=True)
class Kind:
    """A kind of job: its namespace, what describes one, and where that tells instance type and volume."""

    namespace: str
    operation: str
    member: str
    cluster: tuple[str, ...]
    # Where the folders of its jobs lie below those of all jobs.
    place: str = ""


# By the kind under which its processes run.
KINDS: Mapping[str, Kind] = {
    "training": Kind("/aws/sagemaker/TrainingJobs", "DescribeTrainingJob", "TrainingJobName", ("ResourceConfig",)),
    "processing": Kind(
        "/aws/sagemaker/ProcessingJobs",
        "DescribeProcessingJob",
        "ProcessingJobName",
        ("ProcessingResources", "ClusterConfig"),
        PROCESSING_FOLDER,
    ),
}


@dataclass(frozen=True)
class Room:
    """Bytes of memory and of disk that a host has; 0 where nobody knows."""

    memory: int
    disk: int


def room_of(instance_type: str, volume_gib: float) -> Room:
    """What a host of an instance type (``ml.m5.large``) has."""
    try:
        memory = types.memory_bytes(instance_type.removeprefix("ml.")) if instance_type else 0
    except (KeyError, AwsError):
        memory = 0
    return Room(memory, int(volume_gib * GIB))


def disk_bytes(folder: Path) -> int:
    """The bytes of all files below ``folder``; what goes while it is looked at counts as gone."""
    size, folders = 0, [str(folder)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        size += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return size


def used(pid: int) -> tuple[float, int] | None:
    """Seconds of computing and bytes of memory of a process and all below it; None when it is gone."""
    try:
        process = psutil.Process(pid)
        tree = [process, *process.children(recursive=True)]
    except psutil.Error:
        return None
    computed, memory = 0.0, 0
    for process in tree:
        try:
            with process.oneshot():
                # With what ended children have computed.
                computed += sum(process.cpu_times()[:4])
                memory += process.memory_info().rss
        except psutil.Error:
            continue
    return computed, memory


class HostMeter:
    """One host: turns what its processes use into metrics. Times are epoch seconds."""

    def __init__(self, name: str, folder: Path, room: Room) -> None:
        self._dimensions = {"Host": name}
        self._folder, self._room = folder, room
        self._before: tuple[float, float] | None = None
        self._disk_looked = 0.0

    def look(self, now: float, found: tuple[float, int]) -> list[Point]:
        """The metrics at ``now``; the first look has no CPU yet."""
        computed, memory = found
        points = []
        # Less than before: a process that had counted was not waited for, and nobody counts it any more.
        if self._before is not None and now > self._before[0] and computed >= self._before[1]:
            share = (computed - self._before[1]) / (now - self._before[0])
            points.append(self._point("CPUUtilization", share * 100, now))
        self._before = now, computed
        if self._room.memory:
            points.append(self._point("MemoryUtilization", min(100.0, memory / self._room.memory * 100), now))
        if self._room.disk and now - self._disk_looked >= DISK_SECONDS:
            self._disk_looked = now
            share = disk_bytes(self._folder) / self._room.disk
            points.append(self._point("DiskUtilization", min(100.0, share * 100), now))
        return points

    def _point(self, name: str, value: float, now: float) -> Point:
        return name, self._dimensions, one_value(value, now, "Percent")


class JobMeters:
    """One thread that looks at the hosts of all jobs that run."""

    def __init__(self, ctx: SandboxContext) -> None:
        self._ctx = ctx
        self._meters: dict[str, HostMeter] = {}
        self._closed = threading.Event()
        threading.Thread(target=self._run, name="job metrics", daemon=True).start()

    def close(self) -> None:
        """End the thread."""
        self._closed.set()

    def _run(self) -> None:
        while not self._closed.wait(SAMPLE_SECONDS):
            try:
                self._look(time.time())
            except Exception as error:
                # One fault must not end all measuring.
                tell_exception(error)

    def _look(self, now: float) -> None:
        seen: dict[str, HostMeter] = {}
        for word, kind in KINDS.items():
            points: list[Point] = []
            for managed in self._ctx.processes.running(word):
                found = used(managed.pid)
                meter = self._meters.get(managed.mark) or self._meter(kind, managed.name)
                if found is not None and meter is not None:
                    seen[managed.mark] = meter
                    points += meter.look(now, found)
            if points:
                self._ctx.part(Metrics).put_data(kind.namespace, points)
        self._meters = seen

    def _meter(self, kind: Kind, host: str) -> HostMeter | None:
        job = host.partition("/")[0]
        try:
            members: Any = self._ctx.call("sagemaker", kind.operation, {kind.member: job})
        except AwsError:
            # It has just been taken away.
            return None
        for name in kind.cluster:
            members = members[name]
        groups = members.get("InstanceGroups") or [members]
        room = room_of(groups[0].get("InstanceType", ""), members.get("VolumeSizeInGB", 0))
        return HostMeter(host, self._ctx.state.jobs / kind.place / host, room)
