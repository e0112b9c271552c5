"""Why a job failed, in SageMaker's form and so that a person can act on it.

AWS: ``AlgorithmError: ExecuteUserScriptError:\\nExitCode 1\\nErrorMessage "..."\\nCommand "...", exit code: 1``,
at most 1,024 characters.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

# DescribeTrainingJob's FailureReason has at most 1,024 characters; a longer command would leave no room.
MAX_REASON = 1024
_MAX_COMMAND = 160
_TRACEBACK = "Traceback (most recent call last):"
# torch.distributed marks the lines of each process.
_RANK = re.compile(r"^\[rank\d+\]:\s?")
# What the SDK's drivers write when the script's own process ended badly: it says nothing about the cause.
_DRIVER_TEXTS = (
    "Training Execution failed. For more details, see CloudWatch logs",
    "Training Execution failed.\nFor more details",
    "subprocess.CalledProcessError: Command",
)
_DRIVER_FRAMES = ("/sm_drivers/", "torch/distributed/run.py", "torch/distributed/launcher/", "/bin/torchrun")
_DRIVER_LINES = (
    "+",
    "An error occurred with exit code",
    "Command failed with exit code",
    "subprocess.CalledProcessError: Command",
    "raise subprocess.CalledProcessError",
)
# torchrun's report of a process that left no traceback.
_ELASTIC_EXIT = re.compile(r"^\s*exitcode\s*:\s*(-\d+)")
_DRIVER_COMMAND = "Executing command: "
_EXCEPTION = re.compile(r"(?:\w+\.)*[A-Z]\w*(?::\s|:?$)")
_MAX_BLOCK = 200
_LAST_LINES = 6


def failure_reason(
    exit_code: int, tail: Sequence[str], failure_file: str, command: str, host: str = "", hosts: int = 1
) -> str:
    """The FailureReason of a job whose process ended with ``exit_code`` (negative: ended by that signal).

    ``failure_file`` is the content of /opt/ml/output/failure; ``tail`` the last lines of the log. With
    several hosts the reason names the one that failed.
    """
    code = exit_code if exit_code >= 0 else 128 - exit_code
    where = f" (on {host})" if hosts > 1 and host else ""
    own = failure_file.strip()
    if own and not any(text in own for text in _DRIVER_TEXTS):
        return _cut(f"AlgorithmError{where}: ", own, f", exit code: {code}")
    message = last_traceback(tail) or _signal_text(_signal(exit_code, tail)) or "\n".join(_last_lines(tail))
    if not message:
        message = "The process ended without a word."
    # The SDK's drivers print the script's own command, which says more than the container's entry point.
    command = next((line[len(_DRIVER_COMMAND) :] for line in tail if line.startswith(_DRIVER_COMMAND)), command)
    command = command.replace(sys.executable, "python3")
    shown = command if len(command) <= _MAX_COMMAND else command[: _MAX_COMMAND - 3] + "..."
    head = f'AlgorithmError: ExecuteUserScriptError{where}:\nExitCode {code}\nErrorMessage "'
    return _cut(head, message, f'"\nCommand "{shown}", exit code: {code}')


def last_traceback(lines: Sequence[str]) -> str:
    """The last Python traceback that is not of the SDK's drivers, shortened to its innermost frames."""
    clean = [_RANK.sub("", line) for line in lines]
    starts = [n for n, line in enumerate(clean) if _TRACEBACK in line]
    for start in reversed(starts):
        block = _block(clean, start)
        if block and not any(mark in line for line in block for mark in _DRIVER_FRAMES):
            return _shorten(block)
    return ""


def _block(lines: Sequence[str], start: int) -> list[str]:
    """The lines of the traceback that begins at ``start``; empty when its end was not printed.

    The SDK's drivers cut the spaces before each line, so the end is known by its look: ``Name: text``.
    """
    block = []
    for line in lines[start + 1 : start + 1 + _MAX_BLOCK]:
        block.append(line)
        if _EXCEPTION.match(line):
            return block
    return []


def _shorten(block: list[str]) -> str:
    """The exception first, for it must survive the cut, then where it happened."""
    frames = [n for n, line in enumerate(block[:-1]) if line.lstrip().startswith("File ")]
    if not frames:
        return block[-1]
    place = [line.strip() for line in block[frames[-1] : -1] if line.strip() and set(line.strip()) - set("^~ ")]
    return "\n".join([block[-1], *place[:3]])


def _last_lines(tail: Sequence[str]) -> list[str]:
    """The last lines that say something, without the traces of the drivers' shell."""
    useful = [line for line in tail if not line.lstrip().startswith(_DRIVER_LINES) and "/sm_drivers/" not in line]
    return [line[:400] for line in useful[-_LAST_LINES:]]


def _signal(exit_code: int, tail: Sequence[str]) -> int:
    """The status of the script's own process, which torchrun reports when it is a signal."""
    found = [match for match in map(_ELASTIC_EXIT.match, tail) if match]
    return int(found[-1].group(1)) if found else exit_code


def _signal_text(exit_code: int) -> str:
    if exit_code in (-9, 137):
        return "The process was killed (SIGKILL). Most often the machine had no memory left."
    if exit_code in (-11, 139):
        return "The process crashed (SIGSEGV), most likely in a compiled extension."
    if exit_code < 0:
        return f"The process was ended by signal {-exit_code}."
    return ""


def _cut(head: str, message: str, end: str) -> str:
    """``head + message + end`` in at most 1,024 characters; what is too much goes from the message's end."""
    room = MAX_REASON - len(head) - len(end)
    if len(message) > room:
        message = message[: room - 3] + "..."
    return head + message + end
