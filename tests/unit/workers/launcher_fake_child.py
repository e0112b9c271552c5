"""Stands in for the launcher child: speaks its protocol without the SDK. What a job is named decides what happens."""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from workers.children.child import serve_requests
from workers.errors.tree import AccessDenied, Fix, LocalProblem


def warm_up(backend: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """As its label names."""
    if backend["label"] == "never ready":
        raise LocalProblem("No SDK", "gone")
    if backend["label"] == "dies at once":
        print("ModuleNotFoundError: no such thing", file=sys.stderr, flush=True)
        os._exit(3)
    count = itertools.count(1)

    def launch(request: Mapping[str, Any]) -> dict[str, Any]:
        name = request["job_name"]
        if name == "die":
            print("Segmentation fault, as it were", file=sys.stderr, flush=True)
            os._exit(11)
        if name == "one of three" and next(count) == 1:
            # The other two wait for it.
            time.sleep(0.2)
            os._exit(11)
        if name == "hang":
            time.sleep(600)
        if name == "taken":
            fix = Fix("Show", "grant", {"action": "a"})
            error = AccessDenied("Not allowed", "m", "h", code="AccessDenied", request_id="r", details="d", fix=fix)
            error.action, error.resource = "sagemaker:CreateTrainingJob", "arn"
            raise error
        if name == "chatty":
            print("a warning of the SDK", flush=True)
            os.write(1, b'\x1e{"v": 1, "kind": "result", "id": 1, "value": {}}\n')
        return {"seconds": 0.1, "job_name": name, "job_arn": f"pid {os.getpid()}"}

    return launch


if __name__ == "__main__":
    serve_requests(warm_up, "start", lambda request: f"start {request['job_name']}")
