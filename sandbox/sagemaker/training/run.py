"""One training job from its first file to its last: download, run the hosts, upload, say how it ended."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.containers.failure import failure_reason
from sandbox.containers.hosts import Host, Hosts, Outcome
from sandbox.containers.opt_ml import (
    PROGRAM,
    Cluster,
    HostFolder,
    decode_hyperparameters,
    input_data_config,
    is_script_mode,
    script_arguments,
    toolkit_environment,
    user_hyperparameters,
    write_config,
)
from sandbox.containers.output import MetricReader
from sandbox.containers.process import Command
from sandbox.containers.python import HOST_PROGRAMS, host_program
from sandbox.sagemaker.batch.run import HostsRun, HostTools
from sandbox.sagemaker.inputs import Cancelled
from sandbox.sagemaker.profiling.profiler import Profiler
from sandbox.sagemaker.profiling.rules import Judge
from sandbox.sagemaker.training.checkpoints import Checkpoints
from sandbox.sagemaker.training.files import JobFiles
from sandbox.sagemaker.training.record import JobRecord
from sandbox.sagemaker.training.request import host_count, instances_of
from sandbox.sagemaker.training.spot import is_spot, run_limit

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
_METRIC_SAVE_SECONDS = 1.0
# Bytes; four times what a FailureReason shows.
_MAX_FAILURE_FILE = 4096


@dataclass(frozen=True, kw_only=True)
class RunTools(HostTools):
    """What a run needs of the sandbox."""

    put_metrics: Callable[[str, list[tuple[str, float, float]]], None]
    # Seconds of training after which a spot job loses its instances, one for each of its runs.
    interruptions: Sequence[float] = ()


class TrainingRun(HostsRun):
    """Runs one job in the calling thread (``execute``); ``stop`` and the like come from other threads.

    A spot job that loses its instances runs again from its beginning, with the checkpoints that S3 has of it.
    """

    group = LOG_GROUP
    _record: JobRecord
    _tools: RunTools

    def __init__(self, record: JobRecord, request: Mapping[str, Any], tools: RunTools) -> None:
        super().__init__(record, request, tools)
        definitions = request["AlgorithmSpecification"].get("MetricDefinitions", [])
        self._metrics = MetricReader(definitions, lambda text: self._hosts.all[0].log.write([text]))
        self._metric_lock = threading.Lock()
        self._metrics_saved = 0.0
        count, instance_type = host_count(dict(request))
        self._cluster = Cluster.of(count, instance_type, _free_port())
        self._checkpoints: Checkpoints | None = None
        self._profiler = Profiler(tools.s3, request, tools.folder)
        self._command_text = ""
        self._over = ""
        # An interruption is for the hosts that the job's status tells of.
        self._changing_hosts = threading.Lock()
        self._runs = 0
        self._stamp = 0
        self._lost_lines = ""

    def interrupt(self) -> bool:
        """Take the instances of a spot job away; False when it does not train now."""
        with self._changing_hosts:
            if not is_spot(self._request) or not self._record.interrupt():
                return False
            self._hosts.interrupt()
            return True

    def _work(self) -> None:
        self._prepare()
        while not self._run():
            self._begin_again()
            self._prepare()

    def _end_copies(self) -> None:
        if self._checkpoints is not None:
            self._checkpoints.finish(upload=False)

    def _prepare(self) -> None:
        self._record.step("Downloading")
        # Each run writes streams of its own.
        stamp = self._stamp = max(int(time.time()), self._stamp + 1)
        self._lay_out(self._cluster.hosts, stamp)
        files = JobFiles(self._tools.s3, self._request, self._stopping.is_set)
        installer = HOST_PROGRAMS / "requirements.py"
        folders = self._hosts.folders
        files.download(folders, self._cluster.master_port, installer)
        self._checkpoints = Checkpoints(self._tools.s3, self._request.get("CheckpointConfig"), folders)
        self._checkpoints.download()
        self._checkpoints.watch()

    def _begin_again(self) -> None:
        """Leave nothing of the run that was interrupted but its checkpoints in S3, and wait for instances."""
        if self._checkpoints is not None:
            self._checkpoints.finish(upload=True)
        self._hosts.kill()
        self._lost_lines = self._lost_lines or self._hosts.finish_logs()
        self._forget_tmp()
        for folder in self._hosts.folders:
            shutil.rmtree(folder.base, ignore_errors=True)
        # With what the script's requirements had put into it.
        shutil.rmtree(self._python.folder, ignore_errors=True)
        # From here on it is this one that ``stop`` ends; who stopped the one before is seen by ``start_again``.
        with self._changing_hosts:
            self._hosts = Hosts(self._tools.stop_grace)
        self._profiler = Profiler(self._tools.s3, self._request, self._tools.folder)
        if self._stopping.is_set() or not self._record.start_again():
            raise Cancelled

    def _run(self) -> bool:
        """Run the hosts to their end and finish the job; False when it lost its instances and is to run again."""
        if self._stopping.is_set():
            raise Cancelled
        self._record.step("Training", "Training image download completed. Training in progress.")
        for host in self._hosts.all:
            self._start(host)
        self._profiler.watch(self._hosts.pids())
        limit, self._over = run_limit(self._record.body, time.time())
        with self._interruption():
            outcome = self._hosts.wait(limit, self._record.begin_stopping)
        self._profiler.finish()
        self._keep_metrics(final=True)
        self._hosts.flush()
        if self._shutdown.is_set():
            self._finish("Stopped")
            return True
        # Also where the script ended just then: its instances were gone before its model was uploaded.
        if self._record.body["SecondaryStatus"] == "Interrupted" and not self._stopping.is_set():
            return False
        self._upload("stopped" if outcome == "interrupted" else outcome)
        return True

    @contextmanager
    def _interruption(self) -> Iterator[None]:
        """Take the instances away as the sandbox's setting says, while the block lasts."""
        planned = self._tools.interruptions[self._runs : self._runs + 1]
        self._runs += 1
        timers = [threading.Timer(seconds, self.interrupt) for seconds in planned]
        for timer in timers:
            timer.daemon = True
            timer.start()
        yield
        for timer in timers:
            timer.cancel()

    def _start(self, host: Host) -> None:
        command = self._command(host)
        self._command_text = self._shown(host, command)
        label = f"{self._record.name}/{host.name}"
        self._hosts.start(host, self._tools.spawn(label, command), lambda lines: self._take(host, lines), label)

    def _command(self, host: Host) -> Command:
        folder, raw = host.folder, self._request.get("HyperParameters", {})
        inputs = input_data_config(self._request.get("InputDataConfig", []))
        write_config(folder, raw, self._cluster.resource_config(host.name), inputs)
        scripted = is_script_mode(raw)
        job_name = self._record.name
        env = self._python.environment(self._tools.cache, first=folder.code if scripted else None)
        env |= toolkit_environment(folder, self._cluster, host.name, raw, inputs, job_name)
        env |= self._tools.account_environment
        env |= {
            **self._own_environment(folder),
            "TRAINING_JOB_NAME": job_name,
            "TRAINING_JOB_ARN": self._record.body["TrainingJobArn"],
            "CURRENT_HOST": host.name,
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(self._cluster.master_port),
            "GLOO_SOCKET_IFNAME": env["SM_NETWORK_INTERFACE_NAME"],
        }
        env |= self._asked_environment(folder)
        algorithm = self._request["AlgorithmSpecification"]
        walls = self._python.walls(own=[self._tools.folder, self._tools.cache], tmp=folder.tmp)
        if algorithm.get("ContainerEntrypoint"):
            argv = [*algorithm["ContainerEntrypoint"], *algorithm.get("ContainerArguments", [])]
            return Command([folder.local(part) for part in argv], env, folder.root, walls)
        decoded = decode_hyperparameters({name: folder.local(value) for name, value in raw.items()})
        arguments = script_arguments(user_hyperparameters(decoded))
        warm = self._python.warm(self._tools.cache, folder.code)
        return Command([*host_program("train.py"), str(decoded[PROGRAM]), *arguments], env, folder.code, walls, warm)

    def _shown(self, host: Host, command: Command) -> str:
        """The command for a person: without the programs that the sandbox puts before it."""
        before = len(host_program("")) if is_script_mode(self._request.get("HyperParameters", {})) else 0
        parts = ["python3"] * bool(before) + list(command.argv[before:])
        return shlex.join(host.folder.public(part) for part in parts)

    def _take(self, host: Host, lines: list[str]) -> None:
        found = self._metrics.read(host.keep(lines))
        if found:
            now = time.time()
            points = [(name, value, now) for name, value in found]
            with self._metric_lock:
                keep = now - self._metrics_saved >= _METRIC_SAVE_SECONDS
                if keep:
                    self._metrics_saved = now
                self._record.set_metrics(points, keep=keep)
            self._tools.put_metrics(self._record.name, points)

    def _keep_metrics(self, *, final: bool) -> None:
        with self._metric_lock:
            self._record.set_metrics([], keep=final and bool(self._record.body.get("FinalMetricDataList")))

    def _upload(self, outcome: Outcome) -> None:
        self._record.step("Uploading")
        folders = self._hosts.folders
        files = JobFiles(self._tools.s3, self._request, lambda: False)
        scratch = self._tools.folder
        files.upload_output(self._record.name, folders, scratch)
        if self._checkpoints is not None:
            self._checkpoints.finish(upload=True)
        host = self._hosts.dead
        if outcome == "failed" and host is not None:
            reason = failure_reason(
                host.status or 0,
                host.tail.lines(),
                _read_failure(host.folder),
                self._command_text,
                host.name,
                len(folders),
            )
            self._finish("Failed", reason)
            return
        self._record.set_model(files.upload_model(self._record.name, folders, scratch))
        if outcome == "timeout":
            self._finish("Stopped", secondary=self._over)
        elif outcome == "stopped":
            self._finish("Stopped")
        else:
            self._finish("Completed")

    def _finish(self, status: str, reason: str = "", **details: str) -> None:
        self._judge()
        super()._finish(status, reason, **({} if self._shutdown.is_set() else details))

    def _closing(self, reason: str) -> str:
        return f"{reason} {self._lost_lines}".strip() if self._lost_lines else super()._closing(reason)

    def _judge(self) -> None:
        """Evaluate Debugger's rules, where the sandbox still runs and the job's folder is there."""
        if not self._shutdown.is_set() and self._tools.folder.is_dir():
            judge = Judge(self._tools.s3, self._request, instances_of(self._request))
            self._record.set_rules(judge.judge(self._profiler.samples, self._tools.folder, time.time()))


def account_environment(folder: Path, region: str, endpoint_url: str, keys: Sequence[str]) -> dict[str, str]:
    """Variables with which a job reaches the sandbox under its role.

    The keys go to a file that only the owner reads, not to the environment: scripts like to print that.
    """
    folder.mkdir(parents=True, exist_ok=True)
    credentials, config = folder / "credentials", folder / "config"
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    text = "[default]\n" + "".join(f"{name} = {key}\n" for name, key in zip(names, keys, strict=True))
    descriptor = os.open(credentials, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    config.write_text(f"[default]\nregion = {region}\ns3 =\n  addressing_style = path\n", encoding="utf-8")
    return {
        "AWS_SHARED_CREDENTIALS_FILE": str(credentials),
        "AWS_CONFIG_FILE": str(config),
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _read_failure(folder: HostFolder) -> str:
    try:
        with folder.failure.open("rb") as file:
            return folder.public(file.read(_MAX_FAILURE_FILE).decode("utf-8", "replace"))
    except OSError:
        return ""
