"""One processing job from its first file to its last: download, run the hosts, upload, say how it ended."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from sandbox.containers.failure import last_traceback
from sandbox.containers.hosts import Host, Outcome
from sandbox.containers.process import Command
from sandbox.sagemaker.batch.run import HostsRun, HostTools
from sandbox.sagemaker.inputs import Cancelled
from sandbox.sagemaker.plain_jobs import PlainRecord
from sandbox.sagemaker.processing.files import ProcessingFiles, exit_message
from sandbox.sagemaker.processing.request import describe_body, instances_of
from sandbox.sagemaker.training.checkpoints import Checkpoints

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
_TOO_LONG = "Processing job runtime exceeded MaxRuntimeInSeconds provided"
# Where no traceback was printed, so many lines of the log stand in the reason.
_LAST_LINES = 3


class ProcessingRun(HostsRun):
    """Runs one job in the calling thread (``execute``); ``stop`` and ``shut_down`` come from other threads."""

    group = LOG_GROUP

    def __init__(self, record: PlainRecord, request: Mapping[str, Any], tools: HostTools) -> None:
        super().__init__(record, request, tools)
        self._files = ProcessingFiles(tools.s3, request, self._stopping.is_set)
        self._watchers: list[Checkpoints] = []

    def _work(self) -> None:
        self._prepare()
        self._run()

    def _end_copies(self) -> None:
        for watcher in self._watchers:
            watcher.finish(upload=False)

    def _prepare(self) -> None:
        count = sum(instances_of(self._request).values())
        self._lay_out((f"algo-{number + 1}" for number in range(count)), int(time.time()))
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
        self._keep(outcome)

    def _start(self, host: Host, label: str) -> None:
        process = self._tools.spawn(label, self._command(host))
        self._hosts.start(host, process, host.take, label)

    def _keep(self, outcome: Outcome) -> None:
        """Upload what is to be kept. What a job leaves that has not completed is not uploaded, but for what is
        uploaded continuously."""
        if self._shutdown.is_set():
            self._finish("Stopped")
            return
        for watcher in self._watchers:
            watcher.finish(upload=True)
        message = next((text for host in self._hosts.all if (text := exit_message(host.folder))), "")
        if outcome == "failed" and self._hosts.dead is not None:
            self._finish("Failed", _reason(self._hosts.dead, len(self._hosts.all)), ExitMessage=message)
        elif outcome == "timeout":
            self._finish("Stopped", _TOO_LONG, ExitMessage=message)
        elif outcome == "stopped":
            self._finish("Stopped", ExitMessage=message)
        else:
            self._files.upload(self._hosts.folders)
            self._finish("Completed", ExitMessage=message)

    def _command(self, host: Host) -> Command:
        folder = host.folder
        env = {**self._python.environment(self._tools.cache), **self._tools.account_environment}
        env |= self._own_environment(folder) | self._asked_environment(folder)
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
