"""One notebook instance that runs: its lifecycle scripts, then JupyterLab; its volume stays when it is stopped."""

from __future__ import annotations

import base64
import importlib.util
import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sandbox.containers.output import Tail
from sandbox.containers.process import Command, ContainerProcess, spawn
from sandbox.containers.python import JobPython
from sandbox.context import SandboxContext
from sandbox.core.client_env import client_environ, write_shim
from sandbox.core.os_words import plain_words
from sandbox.core.processes import StartFailed
from sandbox.core.walls import Walls
from sandbox.logs.pump import LogPump
from sandbox.roles.access import RoleLogs
from sandbox.roles.keys import RoleKeys
from sandbox.sagemaker.notebooks.access import Access

LOG_GROUP = "/aws/sagemaker/NotebookInstances"
# SageMaker Developer Guide, "Customize a notebook instance": a script that takes longer fails the start.
SCRIPT_SECONDS = 300.0
# A busy machine takes its time to import JupyterLab.
_START_SECONDS = 240.0
_LOOK_SECONDS = 0.2
_STOP_SECONDS = 10.0
_KILL_SECONDS = 30.0
_REASON_LINES = 3
MISSING = (
    "JupyterLab is not installed beside the sandbox. Install SageDeck's extra 'notebook' in its environment "
    "(uv pip install 'sagedeck[notebook]', or in a checkout: .venv/bin/uv pip install -e '.[notebook]'), then start "
    "the notebook instance again."
)


class CannotStart(Exception):
    """Why the instance cannot start; the text is its FailureReason."""


@dataclass(frozen=True)
class Plan:
    """What an instance is started with. ``scripts``: (OnCreate or OnStart, base64 of a shell script), in order."""

    name: str
    role_arn: str
    scripts: Sequence[tuple[str, str]] = field(default_factory=tuple)
    config_arn: str = ""


class Machine:
    """The processes of one notebook instance and its folder. ``start`` blocks; ``stop`` may come at any time."""

    def __init__(self, ctx: SandboxContext, logs: LogPump, plan: Plan, folder: Path) -> None:
        self._ctx, self._plan, self._folder = ctx, plan, folder
        self._logs = RoleLogs(logs, ctx.access, plan.role_arn, ctx.region)
        self._lock = threading.Lock()
        self._process: ContainerProcess | None = None
        self._keys: RoleKeys | None = None
        self._stopped = False
        self._ended = threading.Event()
        self._tail = Tail()
        self.access = Access(_free_port())

    @property
    def volume(self) -> Path:
        """What is kept when the instance is stopped: ``/home/ec2-user/SageMaker`` on AWS."""
        return self._folder / "SageMaker"

    @property
    def running(self) -> bool:
        """Whether JupyterLab is there."""
        return self._process is not None and not self._ended.is_set()

    def start(self) -> None:
        """Run the scripts, start JupyterLab and wait until it answers. Raises ``CannotStart``."""
        try:
            environ = self._prepare()
            for when, content in self._plan.scripts:
                self._run_script(when, content, environ)
            found = importlib.util.find_spec("jupyterlab")
            if found is None or found.origin is None:
                raise CannotStart(MISSING)
            # Wherever the sandbox finds it, its own process does, too.
            modules = os.pathsep.join([environ["PYTHONPATH"], str(Path(found.origin).parents[1])])
            self._launch(f"{self._plan.name}/jupyter.log", self._command(environ | {"PYTHONPATH": modules}))
            self._await_answer()
        except (OSError, StartFailed) as error:
            self.stop()
            raise CannotStart(f"The notebook instance could not be started: {plain_words(error)}") from error
        except CannotStart:
            self.stop()
            raise

    def stop(self) -> None:
        """End JupyterLab and all its kernels; returns when they are gone. The keys are worth nothing any more."""
        with self._lock:
            self._stopped = True
            process, keys = self._process, self._keys
            self._keys = None
        if process is not None:
            process.terminate()
            if not process.join(_STOP_SECONDS):
                process.kill()
                process.join(_KILL_SECONDS)
        if keys is not None:
            keys.close()

    def last_words(self) -> str:
        """The last lines that JupyterLab printed."""
        return " ".join(self._tail.lines()[-_REASON_LINES:])

    def _prepare(self) -> dict[str, str]:
        """A fresh machine around the volume, and the environment of everything on it."""
        self.volume.mkdir(parents=True, exist_ok=True)
        machine = self._folder / "machine"
        shutil.rmtree(machine, ignore_errors=True)
        folders = {name: machine / name for name in ("home", "tmp", "cache", "config", "data", "runtime", "ipython")}
        for folder in folders.values():
            folder.mkdir(parents=True)
        (folders["home"] / "SageMaker").symlink_to(self.volume)
        python = JobPython(machine / "python")
        python.create()
        self.access.configure(folders["config"])
        with self._lock:
            if self._stopped:
                raise CannotStart("The notebook instance was stopped while it started.")
            self._keys = RoleKeys(
                self._ctx.credentials,
                self._plan.role_arn,
                machine / "keys",
                self._ctx.region,
                self._ctx.endpoint_url,
            )
        shim = write_shim(self._ctx.state.path)
        known = {"endpoint_url": "", "access_key_id": "", "secret_access_key": "", "region": self._ctx.region}
        sdk = {name: value for name, value in client_environ(known, shim).items() if name.startswith("SAGEMAKER_")}
        return {
            **python.environment(folders["cache"], first=shim),
            **sdk,
            **self._keys.environment,
            "HOME": str(folders["home"]),
            "TMPDIR": str(folders["tmp"]),
            "USER": "ec2-user",
            "JUPYTER_CONFIG_DIR": str(folders["config"]),
            "JUPYTER_DATA_DIR": str(folders["data"]),
            "JUPYTER_RUNTIME_DIR": str(folders["runtime"]),
            "IPYTHONDIR": str(folders["ipython"]),
            # Where the course's scripts and AWS's own look for the instance's name.
            "NOTEBOOK_INSTANCE_NAME": self._plan.name,
        }

    def _command(self, environ: Mapping[str, str]) -> Command:
        arguments = {
            "ip": "127.0.0.1",
            "port": str(self.access.port),
            "port_retries": "0",
            "open_browser": "False",
            "root_dir": str(self.volume),
            "allow_remote_access": "False",
            # Notebooks run as the user who runs the sandbox, which may be root in a container.
            "allow_root": "True",
        }
        argv = [sys.executable, "-m", "jupyterlab", *(f"--ServerApp.{key}={value}" for key, value in arguments.items())]
        # Nothing is asked of the internet.
        argv += ["--LabApp.extension_manager=readonly", "--LabApp.news_url=None"]
        argv += ["--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate"]
        return Command(argv, environ, self.volume, self._walls())

    def _walls(self) -> Walls:
        machine = self._folder / "machine"
        walls = JobPython(machine / "python").walls(own=[self._folder], tmp=machine / "tmp")
        found = importlib.util.find_spec("jupyterlab")
        places = [Path(found.origin).parents[1]] if found is not None and found.origin else []
        return replace(walls, read=[*walls.read, *places, write_shim(self._ctx.state.path)])

    def _run_script(self, when: str, content: str, environ: Mapping[str, str]) -> None:
        path = self._folder / "machine" / f"{when}.sh"
        path.write_bytes(base64.b64decode(content))
        command = Command(["/bin/bash", str(path)], environ, self.volume, self._walls())
        process = self._launch(f"{self._plan.name}/LifecycleConfig{when}", command)
        in_time = process.join(SCRIPT_SECONDS)
        if not in_time:
            process.kill()
            process.join(_KILL_SECONDS)
        if not in_time or self._status != 0:
            how = f"exited with status {self._status}" if in_time else "took longer than 5 minutes"
            raise CannotStart(
                f"Notebook Instance Lifecycle Config '{self._plan.config_arn}' {how} ({when}). "
                f"See the log {LOG_GROUP}, stream {self._plan.name}/LifecycleConfig{when}."
            )

    def _launch(self, stream: str, command: Command) -> ContainerProcess:
        log = self._logs.stream(LOG_GROUP, stream)
        self._ended.clear()
        self._status = 0

        def take(lines: list[str]) -> None:
            # A log is for whoever may read logs; what opens a notebook is for its owner.
            lines = [line.partition("oken=")[0] for line in lines]
            self._tail.extend(lines)
            log.write(lines)

        def ended(status: int) -> None:
            self._status = status
            log.finish()
            self._ended.set()

        with self._lock:
            if self._stopped:
                raise CannotStart("The notebook instance was stopped while it started.")
            spawned = spawn(self._ctx, "notebook", self._plan.name, command)
            self._process = ContainerProcess(spawned, take, ended, stream)
            return self._process

    def _await_answer(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(self.access.port):
            if self._ended.wait(_LOOK_SECONDS):
                raise CannotStart(f"JupyterLab ended (status {self._status}). {self.last_words()}".strip())
            if time.monotonic() > deadline:
                raise CannotStart(f"JupyterLab did not answer within {_START_SECONDS:.0f} seconds.")

    def wait(self) -> int:
        """Wait until JupyterLab has ended; its status."""
        self._ended.wait()
        return self._status


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2.0):
            return True
    except OSError:
        return False


def remove(folder: Path) -> None:
    """Take an instance's folder away, its volume with it, as AWS does when an instance is deleted."""
    shutil.rmtree(folder, ignore_errors=True)
