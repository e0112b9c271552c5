"""One job from its first file to its last, whatever kind it is: how it is ended from outside, with which words it
fails, and that nothing of it is left."""

from __future__ import annotations

import shutil
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.containers.hosts import STOP_GRACE_SECONDS, Host, Hosts
from sandbox.containers.opt_ml import HostFolder
from sandbox.containers.process import Command, Spawned
from sandbox.containers.python import JobPython
from sandbox.core.os_words import os_sentence
from sandbox.core.processes import StartFailed
from sandbox.logs.pump import LogStreams
from sandbox.sagemaker.batch.record import STOPPED_REASON, BatchRecord
from sandbox.sagemaker.inputs import Cancelled, JobInputError, ObjectStore
from sandbox.wire.errors import AwsError


def failure_words(error: Exception) -> str:
    """FailureReason of a job that ends by ``error``; empty where nobody expects such an error."""
    if isinstance(error, JobInputError):
        return f"ClientError: {error}"
    if isinstance(error, AwsError):
        return f"ClientError: {error.code}: {error.message}"
    if isinstance(error, StartFailed):
        return f"ClientError: The container could not be started: {error}"
    if isinstance(error, OSError):
        return f"InternalServerError: {os_sentence(error)}"
    return ""


class BatchRun(ABC):
    """Runs one job in the calling thread (``execute``); ``stop`` and the like come from other threads."""

    def __init__(self, record: BatchRecord, request: Mapping[str, Any]) -> None:
        self._record, self._request = record, request
        self._stopping, self._shutdown = threading.Event(), threading.Event()

    def execute(self) -> None:
        """Run the job to its end and leave its record in a final status."""
        try:
            self._record.begin()
            self._work()
        except Cancelled:
            self._finish("Stopped")
        except Exception as error:
            words = self._words(error)
            self._finish("Failed", words or f"InternalServerError: {type(error).__name__}: {error}")
            if not words:
                raise
        finally:
            self._clear()

    def stop(self) -> None:
        """End the job as StopTrainingJob, StopProcessingJob and StopTransformJob do."""
        self._stopping.set()
        self._end()

    def shut_down(self) -> None:
        """End the job at once because the sandbox ends."""
        self._shutdown.set()
        self._stopping.set()
        self._end()

    def interrupt(self) -> bool:
        """Take the job's instances away; False where that cannot be."""
        return False

    @abstractmethod
    def _work(self) -> None:
        """Do all that the job does. Raises ``Cancelled`` where it was stopped before it had begun."""

    @abstractmethod
    def _end(self) -> None:
        """End what runs; called from other threads."""

    @abstractmethod
    def _clear(self) -> None:
        """Leave no process and no file; always called last."""

    def _words(self, error: Exception) -> str:
        return failure_words(error)

    def _closing(self, reason: str) -> str:
        """End the job's logs; the reason with what is to be said of them."""
        return reason

    def _finish(self, status: str, reason: str = "", **details: str) -> None:
        if self._shutdown.is_set():
            status, reason = "Failed", STOPPED_REASON
        self._record.finish(status, self._closing(reason), **details)


@dataclass(frozen=True, kw_only=True)
class HostTools:
    """What a run on hosts of its own needs of the sandbox."""

    folder: Path
    cache: Path
    s3: ObjectStore
    logs: LogStreams
    spawn: Callable[[str, Command], Spawned]
    account_environment: Mapping[str, str]
    threads: int
    # A short name for the folder that is a host's /tmp, empty where the system makes it that; and its end.
    tmp_name: Callable[[Path], str] = lambda folder: ""
    forget_tmp: Callable[[str], None] = lambda name: None
    stop_grace: float = STOP_GRACE_SECONDS


class HostsRun(BatchRun):
    """A job that runs a program on one host or several."""

    # Of its log streams.
    group: str

    def __init__(self, record: BatchRecord, request: Mapping[str, Any], tools: HostTools) -> None:
        super().__init__(record, request)
        self._tools = tools
        self._hosts = Hosts(tools.stop_grace)
        self._python = JobPython(tools.folder / "python")

    def _end(self) -> None:
        """SIGTERM, the grace of 120 s, SIGKILL; or that at once, where the sandbox ends."""
        if self._shutdown.is_set():
            self._hosts.shut_down()
        else:
            self._hosts.stop()

    def _clear(self) -> None:
        self._hosts.kill()
        self._end_copies()
        self._hosts.flush()
        self._forget_tmp()
        shutil.rmtree(self._tools.folder, ignore_errors=True)

    def _end_copies(self) -> None:
        """End what copies files to S3 while the job runs, without another copy."""

    def _forget_tmp(self) -> None:
        for folder in self._hosts.folders:
            self._tools.forget_tmp(folder.tmp_name)

    def _lay_out(self, names: Iterable[str], stamp: int) -> None:
        """Make the folders and log streams of hosts of these names, and their Python."""
        tools = self._tools
        for number, name in enumerate(names):
            base = tools.folder / name
            folder = HostFolder(base, tools.tmp_name(HostFolder(base).tmp))
            folder.create()
            log = tools.logs.stream(self.group, f"{self._record.name}/{name}-{stamp}")
            self._hosts.all.append(Host(number, name, folder, log))
        self._python.create()
        tools.cache.mkdir(exist_ok=True)

    def _own_environment(self, folder: HostFolder) -> dict[str, str]:
        """Variables of a host that follow from this computer."""
        threads = str(self._tools.threads)
        return {
            "HOME": str(folder.home),
            "TMPDIR": str(folder.tmp),
            "OMP_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
        }

    def _asked_environment(self, folder: HostFolder) -> dict[str, str]:
        """Variables of a host that the request names."""
        return {name: folder.local(value) for name, value in self._request.get("Environment", {}).items()}

    def _closing(self, reason: str) -> str:
        return f"{reason} {self._hosts.finish_logs()}".strip()
