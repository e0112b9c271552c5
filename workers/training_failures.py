"""Why a training job failed, in words one can act on, from AWS's FailureReason and the end of the log."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_DETAIL_LINES = 12
_TRACEBACK = "Traceback (most recent call last):"
# "ValueError: text" or "package.module.SomeError: text", at the beginning of a line.
_EXCEPTION = re.compile(r"^((?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Warning))(?:: (.*))?$")
# What the SDK's driver raises about the script, not what went wrong in it.
_WRAPPERS = ("subprocess.CalledProcessError", "CalledProcessError", "ExecuteUserScriptError")
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
    """Read a FailureReason (and, when it says nothing about the script, the last lines of the log).

    FailureReason begins with ``AlgorithmError``, ``ClientError``, ``CapacityError`` or ``InternalServerError``
    (DescribeTrainingJob's reference); the rest is what the container wrote to ``/opt/ml/output/failure``.
    """
    reason = reason.strip()
    lines = [*reason.replace("\\n", "\n").splitlines()]
    found = _last_exception(lines) or _last_exception(list(log))
    details = _shown(found[2] if found else lines)
    everything = "\n".join([*lines, *(found[2] if found else ())])
    for pattern, summary, hint in _KNOWN:
        match = re.search(pattern, everything, re.IGNORECASE)
        if match:
            return Failure(summary.format(*match.groups()), hint.format(*match.groups()), details)
    if found:
        name, words, _ = found
        return Failure(_sentence(f"The training script failed: {words or name}"), "", details)
    exit_code = _EXIT_CODE.search(reason)
    if exit_code and exit_code[1] not in ("0", "1"):
        summary = f"The training script ended with exit code {exit_code[1]}."
        return Failure(summary, "The log has its last words.", details)
    if not reason:
        return Failure("The job failed without a reason.", "The log has its last words.")
    kind, _, rest = reason.partition(":")
    return Failure(
        _sentence(rest.strip().splitlines()[0] if rest.strip() and " " not in kind else lines[0]), "", details
    )


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


def _last_exception(lines: Sequence[str]) -> tuple[str, str, list[str]] | None:
    """The last exception that is not a mere wrapper: its class, its words and the traceback's lines."""
    for at in range(len(lines) - 1, -1, -1):
        match = _EXCEPTION.match(lines[at].strip().strip('"'))
        if match is None or match[1] in _WRAPPERS or match[1].endswith("AlgorithmError"):
            continue
        start = next((up for up in range(at, max(-1, at - 60), -1) if lines[up].startswith(_TRACEBACK)), at)
        return match[1], (match[2] or "").strip(), list(lines[start : at + 1])
    return None


def _shown(lines: Sequence[str]) -> str:
    return "\n".join(lines[-_DETAIL_LINES:]).strip()


def _sentence(words: str) -> str:
    words = words.strip()
    return words if words.endswith((".", "!", "?")) else words + "."
