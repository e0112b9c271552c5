"""One processing job from its first file to its last: download, run the hosts, upload, say how it ended."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.containers.failure import last_traceback
from sandbox.containers.hosts import STOP_GRACE_SECONDS, Host, Hosts, Outcome
from sandbox.containers.opt_ml import HostFolder
from sandbox.containers.process import Command, Spawned
from sandbox.containers.python import JobPython
from sandbox.core.os_words import os_sentence
from sandbox.core.processes import StartFailed
from sandbox.logs.pump import LogStreams
from sandbox.sagemaker.inputs import Cancelled, JobInputError, ObjectStore
from sandbox.sagemaker.plain_jobs import PlainRecord
from sandbox.sagemaker.processing.files import ProcessingFiles, exit_message
from sandbox.sagemaker.processing.request import describe_body, instances_of
from sandbox.sagemaker.training.checkpoints import Checkpoints
from sandbox.sagemaker.training.run import STOPPED_REASON
from sandbox.wire.errors import AwsError

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
_TOO_LONG = "Processing job runtime exceeded MaxRuntimeInSeconds provided"
# Where no traceback was printed, so many lines of the log stand in the reason.
_LAST_LINES = 3


@dataclass(frozen=True)
class ProcessingTools:
    """What a run needs of the sandbox."""

    folder: Path
    cache: Path
    s3: ObjectStore
    logs: LogStreams
    spawn: Callable[[str, Command], Spawned]
    account_environment: Mapping[str, str]
    threads: int
    stop_grace: float = STOP_GRACE_SECONDS
    # As of RunTools: the short name of a host's /tmp, where the system gives it none of its own.
    tmp_name: Callable[[Path], str] = lambda folder: ""
    forget_tmp: Callable[[str], None] = lambda name: None


class ProcessingRun:
    """Runs one job in the calling thread (``execute``); ``stop`` and ``shut_down`` come from other threads."""

    def __init__(self, record: PlainRecord, request: Mapping[str, Any], tools: ProcessingTools) -> None:
        self._record, self._request, self._tools = record, request, tools
        self._stopping, self._shutdown = threading.Event(), threading.Event()
        self._hosts = Hosts(tools.stop_grace)
        self._python = JobPython(tools.folder / "python")
        self._files = ProcessingFiles(tools.s3, request, self._stopping.is_set)
        self._watchers: list[Checkpoints] = []

    def stop(self) -> None:
        """End the job: SIGTERM, the grace of 120 s, SIGKILL."""
        self._stopping.set()
        self._hosts.stop()

    def shut_down(self) -> None:
        """End the job at once because the sandbox ends."""
        self._shutdown.set()
        self._stopping.set()
        self._hosts.shut_down()

    def execute(self) -> None:
        """Run the job to its end and leave its record in a final status."""
        try:
            self._prepare()
            self._run()
        except Cancelled:
            self._finish("Stopped")
        except JobInputError as error:
            self._finish("Failed", f"ClientError: {error}")
        except AwsError as error:
            self._finish("Failed", f"ClientError: {error.code}: {error.message}")
        except StartFailed as error:
            self._finish("Failed", f"ClientError: The container could not be started: {error}")
        except OSError as error:
            self._finish("Failed", f"InternalServerError: {os_sentence(error)}")
        except Exception as error:
            self._finish("Failed", f"InternalServerError: {type(error).__name__}: {error}")
            raise
        finally:
            self._hosts.kill()
            for watcher in self._watchers:
                watcher.finish(upload=False)
            self._hosts.flush()
            for folder in self._hosts.folders:
                self._tools.forget_tmp(folder.tmp_name)
            shutil.rmtree(self._tools.folder, ignore_errors=True)

    def _prepare(self) -> None:
        stamp = int(time.time())
        for number in range(sum(instances_of(self._request).values())):
            name = f"algo-{number + 1}"
            base = self._tools.folder / name
            folder = HostFolder(base, self._tools.tmp_name(HostFolder(base).tmp))
            folder.create()
            log = self._tools.logs.stream(LOG_GROUP, f"{self._record.name}/{name}-{stamp}")
            self._hosts.all.append(Host(number, name, folder, log))
        self._python.create()
        self._tools.cache.mkdir(exist_ok=True)
        self._files.download(self._hosts.folders)
        self._watchers = self._files.watchers(self._hosts.folders)

    def _run(self) -> None:
        if self._stopping.is_set():
            raise Cancelled
        for watcher in self._watchers:
            watcher.watch()
        for host in self._hosts.all:
            self._write_config(host)
            label = f"{self._record.name}/{host.name}"
            self._start(host, label)
        limit = float(describe_body(self._request)["StoppingCondition"]["MaxRuntimeInSeconds"])
        outcome = self._hosts.wait(limit, self._record.begin_stopping)
        self._hosts.flush()
        self._end(outcome)

    def _start(self, host: Host, label: str) -> None:
        process = self._tools.spawn(label, self._command(host))
        self._hosts.start(host, process, host.take, label)

    def _end(self, outcome: Outcome) -> None:
        """Upload what is to be kept. What a job leaves that has not completed is not uploaded, but for what is
        uploaded continuously."""
        if self._shutdown.is_set():
            self._finish("Stopped")
            return
        for watcher in self._watchers:
            watcher.finish(upload=True)
        message = next((text for host in self._hosts.all if (text := exit_message(host.folder))), "")
        if outcome == "failed" and self._hosts.dead is not None:
            self._finish("Failed", _reason(self._hosts.dead, len(self._hosts.all)), message)
        elif outcome == "timeout":
            self._finish("Stopped", _TOO_LONG, message)
        elif outcome == "stopped":
            self._finish("Stopped", message=message)
        else:
            self._files.upload(self._hosts.folders)
            self._finish("Completed", message=message)

    def _command(self, host: Host) -> Command:
        folder, threads = host.folder, str(self._tools.threads)
        env = {**self._python.environment(self._tools.cache), **self._tools.account_environment}
        env |= {
            "HOME": str(folder.home),
            "TMPDIR": str(folder.tmp),
            "OMP_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
        }
        env |= {name: folder.local(value) for name, value in self._request.get("Environment", {}).items()}
        app = self._request["AppSpecification"]
        argv = [*app["ContainerEntrypoint"], *app.get("ContainerArguments", [])]
        walls = self._python.walls(own=[self._tools.folder, self._tools.cache], tmp=folder.tmp)
        return Command([folder.local(part) for part in argv], env, folder.root, walls)

    def _write_config(self, host: Host) -> None:
        """processingjobconfig.json and resourceconfig.json (Developer Guide, "How Amazon SageMaker Processing
        configures your processing container"); paths in it are those of this host."""
        folder = host.folder.root / "config"
        folder.mkdir(exist_ok=True)
        job = {"ProcessingJobArn": self._record.arn, "ProcessingJobName": self._record.name}
        job |= describe_body(self._request)
        hosts = sorted(item.name for item in self._hosts.all)
        resources = {"current_host": host.name, "hosts": hosts}
        for name, content in (("processingjobconfig", job), ("resourceconfig", resources)):
            text = host.folder.local(json.dumps(content, ensure_ascii=False))
            (folder / f"{name}.json").write_text(text, encoding="utf-8")

    def _finish(self, status: str, reason: str = "", message: str = "") -> None:
        if self._shutdown.is_set():
            status, reason = "Failed", STOPPED_REASON
        reason = f"{reason} {self._hosts.finish_logs()}".strip()
        self._record.finish(status, reason, ExitMessage=message)


def _reason(host: Host, hosts: int) -> str:
    """AWS's words, then what a person needs in order to act."""
    status = host.status or 0
    code = status if status >= 0 else 128 - status
    where = f" (on {host.name})" if hosts > 1 else ""
    lines = host.tail.lines()
    text = last_traceback(lines) or "\n".join(lines[-_LAST_LINES:])
    return f"AlgorithmError{where}: See job logs for more information, exit code: {code}" + (
        f"\n{text}" if text else ""
    )
