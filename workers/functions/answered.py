"""What a call of a function gave back, in the words of Lambda's answer."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from workers.access.grants import parse_denial
from workers.functions.types import TestResult

_REPORT = re.compile(r"([A-Z][A-Za-z ]+): ([\d.]+) (ms|MB)")


def result_of(answer: Mapping[str, Any], payload: str, seconds: float) -> TestResult:
    """The result of an Invoke with ``LogType`` Tail; ``answer`` has Invoke's names, ``payload`` is its body."""
    log = base64.b64decode(answer.get("LogResult", "")).decode("utf-8", "replace")
    report = {name: value for name, value, _ in _REPORT.findall(log)}
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):
        body = None
    status = body.get("statusCode") if isinstance(body, dict) else None
    billed, memory = report.get("Billed Duration"), report.get("Max Memory Used")
    return TestResult(
        status=status if isinstance(status, int) else None,
        payload=payload,
        function_error=answer.get("FunctionError", ""),
        log=log,
        seconds=seconds,
        billed_ms=int(float(billed)) if billed else None,
        memory_mb=int(float(memory)) if memory else None,
        cold="Init Duration" in report,
        denial=parse_denial(payload) or parse_denial(log),
        report=report,
    )
