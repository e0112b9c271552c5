"""The runtime inside a function's process, run as it really runs: a process with two pipes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

HOST = Path(__file__).parents[4] / "sandbox" / "programs" / "function.py"
ENVIRONMENT = {
    "AWS_LAMBDA_FUNCTION_NAME": "f",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
    "AWS_LAMBDA_LOG_STREAM_NAME": "s",
}


class Runtime:
    """One function process and the ends of its pipes."""

    def __init__(self, process: subprocess.Popen[str], requests: Any, answers: Any) -> None:
        self.process, self.requests, self.answers = process, requests, answers
        self.first = self.read()

    def read(self) -> dict[str, Any]:
        return json.loads(self.answers.readline())

    def call(self, event: object, timeout_ms: int = 60_000) -> dict[str, Any]:
        request = {"requestId": "r1", "event": json.dumps(event), "functionArn": "arn:f"}
        self.requests.write(json.dumps(request | {"deadlineMs": time.time() * 1000 + timeout_ms}) + "\n")
        self.requests.flush()
        return self.read()


@contextmanager
def runtime(folder: Path, code: str, handler: str = "code.handler") -> Iterator[Runtime]:
    (folder / "code.py").write_text(code)
    request_in, request_out = os.pipe()
    answer_in, answer_out = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-S", str(HOST), str(request_in), str(answer_out), handler],
        cwd=folder, env=ENVIRONMENT, pass_fds=(request_in, answer_out), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(request_in)
    os.close(answer_out)
    with os.fdopen(request_out, "w") as requests, os.fdopen(answer_in) as answers:
        try:
            yield Runtime(process, requests, answers)
        finally:
            process.kill()
            process.communicate()


def test_a_result_comes_back_and_the_process_stays_warm(tmp_path: Path) -> None:
    code = "calls = 0\ndef handler(event, context):\n  global calls\n  calls += 1\n  return [event, calls]\n"
    with runtime(tmp_path, code) as function:
        assert function.first == {"ready": True}
        assert json.loads(function.call({"a": "ü"})["payload"]) == [{"a": "ü"}, 1]
        assert json.loads(function.call(None)["payload"]) == [None, 2]


def test_the_context_is_the_documented_one(tmp_path: Path) -> None:
    code = (
        "def handler(event, context):\n"
        "  print(context)\n"
        "  return [context.aws_request_id, context.function_name, context.memory_limit_in_mb,"
        " context.get_remaining_time_in_millis()]\n"
    )
    with runtime(tmp_path, code) as function:
        request, name, memory, left = json.loads(function.call({}, 300_000)["payload"])
    assert (request, name, memory) == ("r1", "f", "128") and 200_000 < left <= 300_000


def test_an_exception_has_awss_shape_and_the_users_frames_only(tmp_path: Path) -> None:
    with runtime(tmp_path, "def handler(event, context):\n  raise KeyError('image')\n") as function:
        error = json.loads(function.call({})["error"])
    assert (error["errorType"], error["errorMessage"], error["requestId"]) == ("KeyError", "'image'", "r1")
    assert len(error["stackTrace"]) == 1 and "code.py" in error["stackTrace"][0]


@pytest.mark.parametrize(
    ("code", "handler", "kind"),
    [
        ("import no_such_module", "code.handler", "Runtime.ImportModuleError"),
        ("x = 1", "code.handler", "Runtime.HandlerNotFound"),
        ("def broken(:", "code.handler", "Runtime.UserCodeSyntaxError"),
        ("1 / 0", "code.handler", "ZeroDivisionError"),
        ("x = 1", "handler", "Runtime.MalformedHandlerName"),
    ],
)
def test_code_that_does_not_load_says_why(tmp_path: Path, code: str, handler: str, kind: str) -> None:
    with runtime(tmp_path, code, handler) as function:
        assert json.loads(function.first["error"])["errorType"] == kind


def test_an_answer_that_is_not_json_is_a_marshal_error(tmp_path: Path) -> None:
    with runtime(tmp_path, "def handler(event, context):\n  return {1, 2}\n") as function:
        assert json.loads(function.call({})["error"])["errorType"] == "Runtime.MarshalError"
