"""What Lambda itself writes into a function's log: START, END and REPORT, and how a call that died ended."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

from sandbox.functions.environment import Answer
from sandbox.functions.store import LATEST, Config

_TIMEOUT = "Sandbox.Timedout"


def log_lines(config: Config, request_id: str, answer: Answer, now: datetime | None = None) -> list[str]:
    """All events of one call, in order. What the code printed is between START and END."""
    kind = str(json.loads(answer.payload)["errorType"]) if answer.error and not answer.reusable else ""
    lines = [f"START RequestId: {request_id} Version: {config.get('Version', LATEST)}", *answer.lines]
    if kind == _TIMEOUT:
        at = (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        lines.append(f"{at}Z {request_id} Task timed out after {config['Timeout']:.2f} seconds")
    elif kind:
        lines += [str(json.loads(answer.payload)["errorMessage"]), kind]
    return [*lines, f"END RequestId: {request_id}", _report(config, request_id, answer, kind)]


def _report(config: Config, request_id: str, answer: Answer, kind: str) -> str:
    milliseconds = answer.seconds * 1000
    report = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {milliseconds:.2f} ms",
        f"Billed Duration: {math.ceil(milliseconds)} ms",
        f"Memory Size: {config['MemorySize']} MB",
        f"Max Memory Used: {min(answer.memory_mb, config['MemorySize'])} MB",
    ]
    if answer.init_seconds is not None:
        report.append(f"Init Duration: {answer.init_seconds * 1000:.2f} ms")
    if kind == _TIMEOUT:
        report.append("Status: timeout")
    elif kind:
        report += ["Status: error", f"Error Type: {kind}"]
    return "\t".join(report)
