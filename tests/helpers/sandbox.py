"""A real ``python -m sandbox`` for tests, and boto3 clients for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from sandbox.core.client_env import client_environ, write_shim

START_SECONDS = 120.0
STOP_SECONDS = 60.0


def clean_environ() -> dict[str, str]:
    """This process's environment without anything that steers an AWS client."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environ["AWS_EC2_METADATA_DISABLED"] = "true"
    environ["AWS_CONFIG_FILE"] = environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    return environ


def anywhere_in(folder: Path, words: str) -> list[str]:
    """The files and folders below ``folder`` with ``words`` in their names, also while others come and go there."""
    # Path.rglob raises when a folder goes while it is read.
    return [name for _, folders, files in os.walk(folder) for name in (*folders, *files) if words in name]


class SandboxProcess:
    """Starts a sandbox on ``state`` and stops it; use as a context manager, or ``start``/``stop``/``kill``."""

    def __init__(self, state: Path, *arguments: str, environ: dict[str, str] | None = None) -> None:
        self.state = state
        self.arguments = arguments
        self.environ = environ
        self.ready_file = state.with_name(state.name + ".ready.json")
        self.stderr_file = state.with_name(state.name + ".stderr")
        self.ready: dict[str, Any] = {}
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> SandboxProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.ready_file.unlink(missing_ok=True)
        argv = [sys.executable, "-m", "sandbox", "--state", str(self.state), "--ready-file", str(self.ready_file)]
        with self.stderr_file.open("ab") as stderr:
            self.process = subprocess.Popen(
                [*argv, *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                env={**clean_environ(), "PYTHONFAULTHANDLER": "1", **(self.environ or {})},
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.ready_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"The sandbox did not start: {self.errors()}")
            # Its end is looked at as well as its file: a failed start must say why at once.
            time.sleep(0.02)
        self.ready = json.loads(self.ready_file.read_text())

    def errors(self) -> str:
        """What it wrote to its standard error."""
        return self.stderr_file.read_text(errors="replace") if self.stderr_file.exists() else ""

    def stop(self) -> int | None:
        """SIGTERM and wait; returns the exit code."""
        if self.process is None:
            return None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # With faulthandler on, it says what each of its threads waits for.
            self.process.send_signal(signal.SIGABRT)
            self.process.wait()
            raise RuntimeError(f"The sandbox did not end: {self.errors()}") from None

    def kill(self) -> None:
        """SIGKILL and wait."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def restart(self) -> None:
        """SIGKILL, then start again on the same state."""
        self.kill()
        self.start()

    @property
    def url(self) -> str:
        """The endpoint URL."""
        return str(self.ready["endpoint_url"])

    def client(self, service: str, **overrides: Any) -> Any:
        """A boto3 client as the operator; ``overrides`` go to ``boto3.client`` (``config``, other keys, …)."""
        import boto3
        import botocore.session
        from botocore.config import Config

        from workers.aws import models

        settings: dict[str, Any] = {
            "endpoint_url": self.url,
            "region_name": self.ready["region"],
            "aws_access_key_id": self.ready["access_key_id"],
            "aws_secret_access_key": self.ready["secret_access_key"],
            "config": Config(retries={"max_attempts": 1}, connect_timeout=30, read_timeout=60),
        }
        core = botocore.session.Session()
        models.share(core)
        return boto3.session.Session(botocore_session=core).client(service, **{**settings, **overrides})

    def shell_environ(self) -> dict[str, str]:
        """The environment that ``python -m sandbox env`` exports, for programs started by a test."""
        return {**clean_environ(), **client_environ(self.ready, write_shim(self.state))}
