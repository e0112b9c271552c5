"""The warm process that alone imports the SageMaker Python SDK: ``python -m workers.launcher.child``.

Its spec is the backend (with its keys, if it has any); then come launch requests, which it answers one by one.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workers.children.child import serve_requests
from workers.children.typed import read, write
from workers.errors.tree import translate_for
from workers.launcher.request import Launched, LaunchRequest
from workers.types import Backend

if TYPE_CHECKING:
    from workers.launcher.sdk import SdkLauncher


def _warm_up(spec: Mapping[str, object]) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    backend = read(Backend, spec)
    # The SDK's own retry default (10 attempts) would keep a click waiting for minutes.
    os.environ.setdefault("AWS_MAX_ATTEMPTS", "4")
    # The training role is made by this program, scoped to one bucket; the SDK's check asks for account-wide
    # rights ("*") and would refuse it. AWS itself checks the role when the job is created.
    os.environ["SAGEMAKER_VALIDATE_ROLE"] = "false"
    from workers.launcher.sdk import SdkLauncher

    logging.disable(logging.WARNING)
    launcher = SdkLauncher(backend)

    def launch(request: Mapping[str, object]) -> Mapping[str, object]:
        started = time.monotonic()
        try:
            made = _launch(launcher, LaunchRequest.from_wire(request))
        except Exception as error:
            raise translate_for(backend, error, _doing(request), "sagemaker") from error
        return write(replace(made, seconds=round(time.monotonic() - started, 3)))

    return launch


def _launch(launcher: SdkLauncher, request: LaunchRequest) -> Launched:
    if request.tuning is None:
        return launcher.launch(request)
    # Most sessions never tune, and the import is not free.
    from workers.launcher.sdk_tuning import SdkTuner

    return SdkTuner(launcher).launch(request)


def _doing(request: Mapping[str, object]) -> str:
    return f"start the job {request.get('job_name', '')}"


if __name__ == "__main__":
    serve_requests(_warm_up, "start the SageMaker SDK", _doing)
