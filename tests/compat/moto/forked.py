"""New sandboxes, cheap: one process has imported everything and forks one sandbox for each test.

``python -m tests.compat.moto.forked REGION FOLDER`` reads commands, one a line: ``start PORT`` makes a new, empty
account and answers with a line when it listens; ``end`` ends it; ``leave`` ends it and answers with its folder, which
another one goes on with (``start PORT FOLDER``). The operator's keys are those that moto's tests sign with.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any
from unittest.mock import patch

KEY, SECRET = "FOOBARKEY", "FOOBARSECRET"
MODELS = ("s3", "iam", "sagemaker", "logs", "lambda", "cloudwatch", "sts", "sagemaker-runtime")
START_SECONDS = 60.0
# A sandbox that has jobs ends them first.
GRACE_SECONDS = 10.0


def prepare(region: str) -> None:
    """Import what a sandbox needs, and what it would do once a process."""
    from sandbox.core import account

    account.REGION = region
    account.arn.__defaults__ = (region,)
    from sandbox import services
    from sandbox.auth import credentials
    from sandbox.moto_host import bridge
    from sandbox.wire.models import service_model

    services.all_services()
    for name in MODELS:
        service_model(name)

    make, unique_id = credentials.Credentials._make_operator, credentials.unique_id

    def make_operator(self: Any, state: Any) -> str:
        known = {
            "unique_id": lambda prefix, *length: KEY if prefix == "AKIA" else unique_id(prefix, *length),
            "_secret": lambda: SECRET,
        }
        with patch.multiple(credentials, **known):
            return make(self, state)

    credentials.Credentials._make_operator = make_operator  # type: ignore[method-assign]
    control = bridge.Control("compat")
    control.apply()
    from moto.iam.models import iam_backends
    from moto.moto_server import werkzeug_app

    # AWS's own policies are read once, and not for each test.
    _ = iam_backends[account.ACCOUNT_ID]["aws"], werkzeug_app
    control.apply = lambda: None  # type: ignore[method-assign]
    bridge.Control = lambda seed: control  # type: ignore[misc, assignment]


class Child:
    """One sandbox and its folder."""

    def __init__(self, port: int, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        ready = folder / "ready.json"
        ready.unlink(missing_ok=True)
        self.pid = os.fork()
        if not self.pid:
            self._serve(port, ready)
        deadline = time.monotonic() + START_SECONDS
        while not ready.exists():
            if os.waitpid(self.pid, os.WNOHANG)[0] or time.monotonic() > deadline:
                raise SystemExit(f"the sandbox did not start: {(folder / 'log').read_text()[-2000:]}")
            time.sleep(0.005)
        self.ending = 0.0

    def _serve(self, port: int, ready: Path) -> None:
        nothing = os.open(os.devnull, os.O_RDONLY)
        log = os.open(self.folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for source, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        code = 1
        try:
            from sandbox.__main__ import serve

            code = serve(self.folder / "state", port, ready, None)
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(code)

    def end(self) -> None:
        """Ask it to end; ``gone`` says when it has."""
        self.ending = time.monotonic()
        os.kill(self.pid, signal.SIGTERM)

    def gone(self) -> bool:
        """Whether it has ended; its folder goes, too."""
        if os.waitpid(self.pid, os.WNOHANG)[0]:
            shutil.rmtree(self.folder, ignore_errors=True)
            return True
        if time.monotonic() - self.ending > GRACE_SECONDS:
            os.kill(self.pid, signal.SIGKILL)
        return False


def main(region: str, folder: str) -> None:
    """Serve commands until the input ends."""
    prepare(region)
    # What is here stays; a child's collections need not copy it.
    gc.freeze()
    ending: list[Child] = []
    current: Child | None = None
    for number, line in enumerate(sys.stdin):
        command, *details = line.split()
        answer = "ready"
        if current is not None:
            current.end()
            if command == "leave":
                os.waitpid(current.pid, 0)
                answer += f" {current.folder}"
            else:
                ending.append(current)
            current = None
        ending = [child for child in ending if not child.gone()]
        if command == "start":
            port, left = int(details[0]), details[1:]
            current = Child(port, Path(left[0]) if left else Path(folder) / f"{os.getpid()}-{number}")
        print(answer, flush=True)
    for child in [*ending, *([current] if current else [])]:
        os.kill(child.pid, signal.SIGTERM)
        os.waitpid(child.pid, 0)
        shutil.rmtree(child.folder, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
