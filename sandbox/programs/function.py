"""The program inside a function's process: Lambda's Python runtime, for one execution environment.

Run as ``python function.py REQUEST_FD RESPONSE_FD HANDLER [UNREADABLE]`` with the function's folder as working
directory; the file UNREADABLE lists, in JSON, what in it the function may not open.
Every request is one JSON line ``{"requestId", "event", "deadlineMs", "functionArn"}`` with ``event`` as JSON text;
every answer is one JSON line ``{"requestId", "payload"}`` or ``{"requestId", "error"}``, both JSON text. The first
line of all is ``{"ready": true}`` or ``{"error": ...}``. Errors have the shape of AWS's runtime
(``errorMessage``, ``errorType``, ``requestId``, ``stackTrace``). Standard library only: it must start fast, and
nothing of the sandbox is importable from the function's code.
"""

from __future__ import annotations

import errno
import importlib
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

# AWS refuses a larger answer of a synchronous call; this is the number that it names.
MAX_RESPONSE_BYTES = 6_291_556
# Where AWS puts a function's code; tracebacks name it, so they read as they do there.
TASK_ROOT = "/var/task"
_SHOWN = (
    "aws_request_id",
    "log_group_name",
    "log_stream_name",
    "function_name",
    "memory_limit_in_mb",
    "function_version",
    "invoked_function_arn",
    "client_context",
    "identity",
)


class LambdaContext:
    """The ``context`` that a handler gets, with the attributes that AWS documents for Python."""

    client_context = None
    identity = None

    def __init__(self, request_id: str, function_arn: str, deadline_ms: float) -> None:
        self.aws_request_id = request_id
        self.invoked_function_arn = function_arn
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self._deadline_ms = deadline_ms

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function's timeout."""
        return max(0, int(self._deadline_ms - time.time() * 1000))

    def log(self, message: object) -> None:
        """Write to the function's log."""
        sys.stdout.write(str(message))

    def __repr__(self) -> str:
        values = ",".join(f"{name}={getattr(self, name)}" for name in _SHOWN)
        return f"LambdaContext([{values}])"


class LogHandler(logging.Handler):
    """What Lambda installs on the root logger: without it ``logger.info`` would write nothing."""

    request_id = ""

    def __init__(self) -> None:
        super().__init__()
        text = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(request)s\t%(message)s"
        form = logging.Formatter(text, "%Y-%m-%dT%H:%M:%S")
        form.converter = time.gmtime
        self.setFormatter(form)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record to the function's log."""
        vars(record)["request"] = self.request_id
        sys.stdout.write(self.format(record) + "\n")


class LoadError(Exception):
    """The handler could not be loaded; ``error`` is what AWS's runtime would answer."""

    def __init__(self, error: Mapping[str, object]) -> None:
        self.error = error
        super().__init__(error["errorMessage"])


def load_handler(name: str) -> Callable[[Any, LambdaContext], Any]:
    """Import ``module.function``. Raises ``LoadError`` with AWS's error types and wording."""
    module_name, _, function_name = name.rpartition(".")
    if not module_name:
        raise LoadError(_error("Runtime.MalformedHandlerName", f"Bad handler '{name}': not enough values to unpack"))
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        text = f"Unable to import module '{module_name}': {error}"
        raise LoadError(_error("Runtime.ImportModuleError", text)) from error
    except SyntaxError as error:
        text = f"Syntax error in module '{module_name}': {error}"
        raise LoadError(_error("Runtime.UserCodeSyntaxError", text, _frames(error))) from error
    except Exception as error:
        text = str(error).replace(f"'{Path.cwd()}/", f"'{TASK_ROOT}/")
        raise LoadError(_error(type(error).__name__, text, _frames(error))) from error
    handler = getattr(module, function_name, None)
    if handler is None:
        text = f"Handler '{function_name}' missing on module '{module_name}'"
        raise LoadError(_error("Runtime.HandlerNotFound", text))
    found: Callable[[Any, LambdaContext], Any] = handler
    return found


def answer(handler: Callable[[Any, LambdaContext], Any], request: dict[str, Any]) -> dict[str, Any]:
    """Call the handler once and turn its result or its exception into the answer line."""
    request_id = LogHandler.request_id = request["requestId"]
    context = LambdaContext(request_id, request["functionArn"], request["deadlineMs"])
    try:
        result = handler(json.loads(request["event"]), context)
    except Exception as error:
        text = f"[ERROR] {type(error).__name__}: {error}\nTraceback (most recent call last):\n"
        sys.stdout.write(text + "".join(_frames(error)))
        return _failed(request_id, _error(type(error).__name__, str(error), _frames(error)))
    try:
        payload = json.dumps(result)
    except (TypeError, ValueError) as error:
        return _failed(request_id, _error("Runtime.MarshalError", f"Unable to marshal response: {error}"))
    if len(payload) > MAX_RESPONSE_BYTES:
        text = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."
        return _failed(request_id, _error("Function.ResponseSizeTooLarge", text))
    return {"requestId": request_id, "payload": payload}


def shut(names: list[str]) -> None:
    """Let the function open none of these files of its own, as on AWS, whoever runs it here."""
    closed = {str(Path.cwd() / name) for name in names}

    def refuse(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str | os.PathLike):
            path = os.path.abspath(arguments[0])  # noqa: PTH100 (a link must not hide a name)
            if path in closed:
                raise PermissionError(errno.EACCES, "Permission denied", path)

    if closed:
        sys.addaudithook(refuse)


def hints(unreadable: list[str]) -> list[str]:
    """What is likely wrong with the zip when its handler cannot be loaded; AWS leaves one to find it out."""
    found = []
    if unreadable:
        named = ", ".join(unreadable[:3])
        found.append(f"[sandbox] The zip lets nobody read {named}: give its files the mode 644, its folders 755.")
    odd = sorted(entry.name for entry in Path().iterdir() if "\\" in entry.name)
    if odd:
        named = ", ".join(odd[:3])
        found.append(
            f"[sandbox] The zip has names with backslashes ({named}). Lambda runs on Linux, where they are names and "
            "not folders: make the zip with forward slashes."
        )
    return found


def main() -> None:
    """Load the handler, say so, then serve requests until the pipe closes."""
    request_fd, response_fd, name = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    unreadable = _listed(Path(sys.argv[4])) if len(sys.argv) > 4 else []
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    # The function's own code comes first, as on AWS; this file's folder must not be importable.
    sys.path[0] = str(Path.cwd())
    with os.fdopen(request_fd, "r", encoding="utf-8") as requests, os.fdopen(response_fd, "w", encoding="utf-8") as out:
        os.set_inheritable(request_fd, False)
        os.set_inheritable(response_fd, False)

        def send(line: Mapping[str, object]) -> None:
            sys.stdout.flush()
            sys.stderr.flush()
            out.write(json.dumps(line) + "\n")
            out.flush()

        logging.getLogger().addHandler(LogHandler())
        try:
            shut(unreadable)
            handler = load_handler(name)
        except LoadError as failed:
            sys.stdout.write(f"[ERROR] {failed.error['errorType']}: {failed.error['errorMessage']}\n")
            sys.stdout.writelines(f"{hint}\n" for hint in hints(unreadable))
            send({"error": json.dumps(failed.error)})
            return
        send({"ready": True})
        for line in requests:
            send(answer(handler, json.loads(line)))


def _listed(path: Path) -> list[str]:
    """The names in the list, which code that was unpacked by an older sandbox does not have."""
    return list(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else []


def _failed(request_id: str, error: dict[str, Any]) -> dict[str, Any]:
    return {"requestId": request_id, "error": json.dumps(error | {"requestId": request_id})}


def _error(kind: str, message: str, frames: list[str] | None = None) -> dict[str, object]:
    return {"errorMessage": message, "errorType": kind, "requestId": "", "stackTrace": frames or []}


def _frames(error: BaseException) -> list[str]:
    ours, here = (__file__, importlib.__file__), str(Path.cwd())
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename not in ours and "<" not in frame.filename
    ]
    return [text.replace(f'"{here}/', f'"{TASK_ROOT}/', 1) for text in traceback.format_list(frames)]


if __name__ == "__main__":
    main()
