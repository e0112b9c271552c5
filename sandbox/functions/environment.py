"""One execution environment of a function: a process that stays warm between calls.

Output is read while a call is under way and once more after its answer, so every line that the code printed before
it returned belongs to that call. Between calls nothing is read: as on AWS, an idle environment is frozen.
"""

from __future__ import annotations

import json
import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

import psutil

# Lambda gives the initialisation ten seconds of its own.
INIT_TIMEOUT_S = 10.0
_POLL_S = 0.05
_EXIT_WAIT_S = 2.0
_MEGABYTE = 1024 * 1024
# Longer lines are cut into events of this size by CloudWatch Logs.
_MAX_PENDING = 256 * 1024
# The most that one call may print: a handler that prints without end must not fill our memory.
MAX_OUTPUT_BYTES = 8 * _MEGABYTE
# An answer is at most 6 MB of payload, written as text inside of JSON.
_MAX_ANSWER_BYTES = 48 * _MEGABYTE
_ANSWERS = ("payload", "error")


class Process(Protocol):
    """What an environment needs of its process (``sandbox.core.processes.Managed``)."""

    pid: int
    stdout: IO[bytes] | None

    def kill(self) -> None:
        """Kill it and everything it started."""

    def wait(self, timeout: float | None = None) -> int | None:
        """The exit code, or None after ``timeout`` seconds."""


@dataclass
class Answer:
    """How one call ended. ``error`` is empty, ``Unhandled`` as in X-Amz-Function-Error; times in seconds."""

    payload: str
    error: str = ""
    lines: list[str] = field(default_factory=list)
    seconds: float = 0.0
    memory_mb: int = 0
    init_seconds: float | None = None
    reusable: bool = True


class Environment:
    """Owns the process, its pipes and the log stream name; used by one call at a time.

    ``spawn`` starts the process with the two given file descriptors (requests, answers) inherited, and its output
    in a pipe.
    """

    def __init__(self, spawn: Callable[[int, int], Process], stream: str, memory_mb: int) -> None:
        self.stream, self.memory_mb = stream, memory_mb
        request_in, self._requests = os.pipe()
        self._answers, answer_out = os.pipe()
        self._pending = b""
        self._answer_bytes = bytearray()
        self._printed = 0
        self.last_used = time.monotonic()
        started = time.monotonic()
        try:
            self.process = spawn(request_in, answer_out)
        except BaseException:
            os.close(self._requests)
            os.close(self._answers)
            raise
        finally:
            os.close(request_in)
            os.close(answer_out)
        assert self.process.stdout is not None
        self._output = self.process.stdout.fileno()
        os.set_blocking(self._output, False)
        self._closed = False
        self._fresh = True
        self.started = started

    def invoke(self, request_id: str, function_arn: str, event: str, timeout_s: float) -> Answer:
        """Run the handler once. Never raises for what the function does: that is in the answer."""
        lines: list[str] = []
        self._printed = 0
        init_seconds: float | None = None
        if self._fresh:
            error = self.load(request_id, lines)
            init_seconds = time.monotonic() - self.started
            if error is not None:
                return self._finish(Answer(error, "Unhandled", lines, 0.0, init_seconds=init_seconds, reusable=False))
        begun = time.monotonic()
        request = {
            "requestId": request_id,
            "functionArn": function_arn,
            "event": event,
            "deadlineMs": (time.time() + timeout_s) * 1000,
        }
        answer: dict[str, Any] | None = None
        ended = ""
        try:
            self._send(json.dumps(request).encode() + b"\n", begun + timeout_s, lines)
            answer, ended = self._wait(begun + timeout_s, lines)
        except BrokenPipeError:
            ended = "exit"
        seconds = time.monotonic() - begun
        if answer is None:
            payload = self._ended(request_id, ended, timeout_s)
            return self._finish(Answer(payload, "Unhandled", lines, seconds, init_seconds=init_seconds, reusable=False))
        error = "Unhandled" if "error" in answer else ""
        payload = answer["error"] if error else answer["payload"]
        return self._finish(Answer(payload, error, lines, seconds, init_seconds=init_seconds))

    def load(self, request_id: str, lines: list[str]) -> str | None:
        """Wait until the code is loaded, within Lambda's time for it; the error's JSON when it is not.

        ``lines`` gets what the code printed meanwhile. The first call does this by itself.
        """
        self._fresh = False
        first, ended = self._wait(time.monotonic() + INIT_TIMEOUT_S, lines)
        if first is None or "error" in first:
            return str(first["error"]) if first else self._ended(request_id, ended, INIT_TIMEOUT_S)
        return None

    def close(self) -> None:
        """Kill the process and close the pipes. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self.process.kill()
        os.close(self._requests)
        os.close(self._answers)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _finish(self, answer: Answer) -> Answer:
        self._read_output(answer.lines, last=True)
        answer.memory_mb = max(1, self._peak_bytes() // _MEGABYTE)
        self.last_used = time.monotonic()
        return answer

    def _send(self, data: bytes, deadline: float, lines: list[str]) -> None:
        os.set_blocking(self._requests, False)
        while data and time.monotonic() < deadline:
            _, writable, _ = select.select([], [self._requests], [], _POLL_S)
            if writable:
                data = data[os.write(self._requests, data) :]
            self._read_output(lines)

    def _wait(self, deadline: float, lines: list[str]) -> tuple[dict[str, object] | None, str]:
        """The next answer line; or None and why there is none: ``timeout``, ``exit`` or ``memory``."""
        output_open = True
        while b"\n" not in self._answer_bytes:
            left = deadline - time.monotonic()
            if left <= 0:
                return None, "timeout"
            watched = [self._answers, self._output] if output_open else [self._answers]
            readable, _, _ = select.select(watched, [], [], min(left, _POLL_S))
            if self._output in readable:
                output_open = self._read_output(lines)
            if self._answers in readable:
                chunk = os.read(self._answers, 1 << 16)
                if not chunk or len(self._answer_bytes) > _MAX_ANSWER_BYTES:
                    return None, "exit"
                self._answer_bytes += chunk
            elif self._over_memory():
                return None, "memory"
        # The peak counts: memory may have been given back between two looks.
        if self._over_memory():
            return None, "memory"
        end = self._answer_bytes.index(b"\n")
        line = bytes(self._answer_bytes[:end])
        del self._answer_bytes[: end + 1]
        answer = _answer_of(line)
        return answer, "" if answer is not None else "exit"

    def _read_output(self, lines: list[str], last: bool = False) -> bool:
        """Take what the process has printed; False when it will print no more."""
        still_open = True
        while True:
            try:
                chunk = os.read(self._output, 1 << 16)
            except BlockingIOError:
                break
            if not chunk:
                still_open = False
                break
            self._take(chunk, lines)
            if not last and self._printed > MAX_OUTPUT_BYTES:
                # Look at the deadline between two reads: a handler may print as fast as we read.
                break
        if last and self._pending:
            lines.append(self._pending.decode("utf-8", "replace"))
            self._pending = b""
        return still_open

    def _take(self, chunk: bytes, lines: list[str]) -> None:
        before, self._printed = self._printed, self._printed + len(chunk)
        if before > MAX_OUTPUT_BYTES:
            return
        self._pending += chunk
        *whole, self._pending = self._pending.split(b"\n")
        if len(self._pending) > _MAX_PENDING:
            whole.append(self._pending)
            self._pending = b""
        lines.extend(line.decode("utf-8", "replace") for line in whole)
        if self._printed > MAX_OUTPUT_BYTES:
            self._pending = b""
            lines.append(
                f"The sandbox keeps {MAX_OUTPUT_BYTES // _MEGABYTE} MB of one call's output; the rest is lost."
            )

    def _ended(self, request_id: str, why: str, timeout_s: float) -> str:
        if why == "timeout":
            text = f"Error: Task timed out after {timeout_s:.2f} seconds"
            return _error(request_id, "Sandbox.Timedout", text)
        if why == "memory":
            return _error(request_id, "Runtime.OutOfMemory", "Error: Runtime exited with error: signal: killed")
        code = self.process.wait(_EXIT_WAIT_S) or 0
        if code < 0:
            name = (signal.strsignal(-code) or str(-code)).lower()
            return _error(request_id, "Runtime.ExitError", f"Error: Runtime exited with error: signal: {name}")
        if code == 0:
            return _error(request_id, "Runtime.ExitError", "Error: Runtime exited without providing a reason")
        return _error(request_id, "Runtime.ExitError", f"Error: Runtime exited with error: exit status {code}")

    def _over_memory(self) -> bool:
        return self._peak_bytes() > self.memory_mb * _MEGABYTE

    def _peak_bytes(self) -> int:
        """The most memory that the process has used so far (elsewhere than on Linux: that it uses now)."""
        try:
            if psutil.LINUX:
                with Path(f"/proc/{self.process.pid}/status").open("rb") as status:
                    for line in status:
                        if line.startswith(b"VmHWM:"):
                            return int(line.split()[1]) * 1024
            return int(psutil.Process(self.process.pid).memory_info().rss)
        except (psutil.Error, OSError):
            return 0


def _answer_of(line: bytes) -> dict[str, object] | None:
    """What the runtime wrote; None when the function's code wrote into the runtime's pipe."""
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        return None
    known = isinstance(answer, dict) and ("ready" in answer or any(isinstance(answer.get(k), str) for k in _ANSWERS))
    return answer if known else None


def _error(request_id: str, kind: str, message: str) -> str:
    return json.dumps({"errorType": kind, "errorMessage": f"RequestId: {request_id} {message}"})
