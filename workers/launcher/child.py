"""The warm process that alone imports the SageMaker Python SDK: ``python -m workers.launcher.child``.

The first line of standard input is the backend (with its keys, if it has any); then comes one launch
request a line. Answers are JSON lines on standard output; whatever the SDK prints goes to standard
error. The process ends with its input.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Callable
from typing import IO, Any

from workers.errors.tree import translate_for
from workers.errors.wire import to_wire
from workers.types import Backend


def main() -> int:
    """Serve launch requests until standard input ends; returns the exit code."""
    answers = _claim_stdout()
    first = sys.stdin.readline()
    if not first:
        return 0
    backend = Backend(**json.loads(first))
    if hasattr(os, "nice"):
        # The warm-up is seconds of pure CPU, right when the window paints for the first time.
        os.nice(5)
    started = time.monotonic()
    try:
        launch = _warm_up(backend)
    except Exception as error:
        _answer(answers, {"ready": False, "error": _wire(error, "start the SageMaker SDK", backend)})
        return 1
    _answer(answers, {"ready": True, "seconds": round(time.monotonic() - started, 3)})
    for line in sys.stdin:
        request = json.loads(line)
        started = time.monotonic()
        try:
            answer = launch(request)
        except Exception as error:
            answer = {"error": _wire(error, f"start the job {request.get('job_name', '')}", backend)}
        _answer(answers, {"id": request["id"], "seconds": round(time.monotonic() - started, 3), **answer})
    return 0


def _warm_up(backend: Backend) -> Callable[[dict[str, Any]], dict[str, Any]]:
    # The SDK's own retry default (10 attempts) would keep a click waiting for minutes.
    os.environ.setdefault("AWS_MAX_ATTEMPTS", "4")
    # The training role is made by this program, scoped to one bucket; the SDK's check asks for account-wide
    # rights ("*") and would refuse it. AWS itself checks the role when the job is created.
    os.environ["SAGEMAKER_VALIDATE_ROLE"] = "false"
    from workers.launcher.sdk import SdkLauncher

    logging.disable(logging.WARNING)
    launcher = SdkLauncher(backend)

    def launch(request: dict[str, Any]) -> dict[str, Any]:
        if request.get("kind") != "tuning":
            return launcher.launch(request)
        # Most sessions never tune, and the import is not free.
        from workers.launcher.sdk_tuning import SdkTuner

        return SdkTuner(launcher).launch(request)

    return launch


def _claim_stdout() -> IO[str]:
    private = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return private


def _answer(stream: IO[str], message: dict[str, Any]) -> None:
    stream.write(json.dumps(message) + "\n")
    stream.flush()


def _wire(error: Exception, doing: str, backend: Backend) -> dict[str, Any]:
    return to_wire(translate_for(backend, error, doing, "sagemaker"))


if __name__ == "__main__":
    sys.exit(main())
