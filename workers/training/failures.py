"""Why a training job failed, in words one can act on, from AWS's FailureReason and the end of the log."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# A traceback's last three calls, each of two lines and more, and what was raised.
_DETAIL_LINES = 12
_TRACEBACK = "Traceback (most recent call last):"
# "ValueError: text" or "package.module.SomeError: text", at the beginning of a line.
_EXCEPTION = re.compile(r"^((?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Warning))(?:: (.*))?$")
# What the SDK's drivers say about the script, not what went wrong in it.
_WRAPPERS = ("CalledProcessError", "Training Execution failed. For more details")
_HEAD = re.compile(
    r"^(?:AlgorithmError|ClientError|CapacityError|InternalServerError)[^:]*:\s*"
    r"(?:ExecuteUserScriptError[^:]*:\s*)?(?:ExitCode -?\d+\s*)?(?:ErrorMessage )?"
)
_TAIL = re.compile(r"(?:\"?\s*Command \".*)?,? ?exit code: ?-?\d+\s*$", re.DOTALL)
_EXIT_CODE = re.compile(r"exit (?:code|status):? ?(-?\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Failure:
    """``summary`` is one sentence, ``hint`` what to do next (may be empty), ``details`` AWS's text or log lines."""

    summary: str
    hint: str = ""
    details: str = ""

    @property
    def text(self) -> str:
        """Summary and hint in one line, then the details."""
        first = " ".join(part for part in (self.summary, self.hint) if part)
        return f"{first}\n\n{self.details}" if self.details and self.details != self.summary else first


def explain(reason: str, log: Iterable[str] = ()) -> Failure:
    """Read a FailureReason and, when it does not say what went wrong in the script, the last lines of the log.

    FailureReason begins with ``AlgorithmError``, ``ClientError``, ``CapacityError`` or ``InternalServerError``
    (DescribeTrainingJob's reference). After ``AlgorithmError`` comes what the container wrote to
    ``/opt/ml/output/failure``, or ``ExecuteUserScriptError`` with exit code, message and command.
    """
    reason = reason.strip().replace("\\n", "\n")
    body = _TAIL.sub("", _HEAD.sub("", reason)).strip().strip('"').strip()
    lines = [] if any(wrapper in body for wrapper in _WRAPPERS) else body.splitlines()
    log_lines = list(log)
    found = last_exception(lines) or (None if lines else last_exception(log_lines))
    details = "\n".join(found[2] if found else (lines or log_lines)[-_DETAIL_LINES:]).strip()
    everything = "\n".join([reason, *lines, *(found[2] if found else ())])
    for pattern, summary, hint in _KNOWN:
        match = re.search(pattern, everything, re.IGNORECASE | re.MULTILINE)
        if match:
            return Failure(summary.format(*match.groups()), hint, details)
    if found:
        return Failure(sentence(f"The training script failed: {found[1] or found[0]}"), "", details)
    if lines:
        kind = "The training script failed: " if reason.startswith("AlgorithmError") else ""
        return Failure(sentence(kind + lines[0]), "", details)
    exit_code = _EXIT_CODE.search(reason)
    ended = f" with exit code {exit_code[1]}" if exit_code else ""
    return Failure(f"The training script ended{ended} and gave no reason.", "The log has its last words.", details)


# Pattern over reason and traceback, summary, hint. The first that matches wins, so the special come first.
_KNOWN: tuple[tuple[str, str, str], ...] = (
    (
        r"the sandbox stopped",
        "The sandbox stopped while the job was running.",
        "Start the job again; its data is still there.",
    ),
    (
        r"CUDA out of memory|CUDA error: out of memory",
        "The GPU ran out of memory.",
        "Choose a smaller batch size or a larger instance type.",
    ),
    (
        r"exit (?:code|status):? ?(?:-9|137)\b|OutOfMemory|MemoryError|Cannot allocate memory|\bOOM\b",
        "The job ran out of memory.",
        "Choose a smaller batch size or an instance type with more memory.",
    ),
    (
        r"No space left on device|ENOSPC|disk is full",
        "The job's disk is full.",
        "Give the job a larger volume, or train on fewer pictures.",
    ),
    (
        r"No module named '?([\w.]+)'?",
        "The training script needs the package {0}, which is not installed.",
        "Add it to requirements.txt and start the job again.",
    ),
    (
        r"(?:Could not find a version that satisfies the requirement|No matching distribution found for) ([^\s(]+)",
        "The requirement {0} could not be installed.",
        "Correct its line in requirements.txt.",
    ),
    (
        r"unrecognized arguments: (.+)",
        "The training script does not know the argument {0}.",
        "Remove the hyperparameter, or add the argument to the script.",
    ),
    (
        r"CapacityError|insufficient capacity|InsufficientInstanceCapacity",
        "AWS has no free instance of this type now.",
        "Try again later, or choose another instance type.",
    ),
    (
        r"(?:NoSuchBucket|NoSuchKey|No S3 objects found under S3 URL|Data download failed).*?(s3://[^\s\"',]+)",
        "The data could not be read from {0}.",
        "Check that the folder exists and is in the job's region.",
    ),
    (
        r"(?:Access ?Denied|is not authorized to perform).*",
        "The job's role may not do something the job needs.",
        "Compare the role's policy with the details below.",
    ),
    (
        r"^InternalServerError",
        "AWS had an internal error.",
        "Start the job again; nothing was wrong with it.",
    ),
)


def last_exception(lines: Sequence[str]) -> tuple[str, str, list[str]] | None:
    """The last exception that is not a mere wrapper: its class, its words, and the lines that belong to it."""
    for at in range(len(lines) - 1, -1, -1):
        match = _EXCEPTION.match(lines[at].strip())
        if match is None or any(wrapper in match[1] for wrapper in _WRAPPERS):
            continue
        start = next((up for up in range(at, max(-1, at - 60), -1) if _TRACEBACK in lines[up]), None)
        if start is not None:
            return match[1], (match[2] or "").strip(), list(lines[start : at + 1])
        # The sandbox, and AWS's toolkit, put the exception first and the place below it.
        return match[1], (match[2] or "").strip(), list(lines[at : at + _DETAIL_LINES])
    return None


def sentence(words: str) -> str:
    words = words.strip()
    return words if words.endswith((".", "!", "?")) else words + "."
