"""Names that the Endpoints tab suggests."""

from __future__ import annotations

import re
from collections.abc import Collection

# SageMaker's limit.
MOST_CHARS = 63
_STAMP = re.compile(r"(-\d{6,})+$")


def suggest_endpoint_name(job_name: str, taken: Collection[str]) -> str:
    """A free name from a job's: ``dogs-20260131-142501`` → ``dogs``, ``dogs-2`` …"""
    base = _STAMP.sub("", job_name) or "classifier"
    if base not in taken:
        return base
    number = 2
    while (name := _numbered(base, number)) in taken:
        number += 1
    return name


def _numbered(base: str, number: int) -> str:
    tail = f"-{number}"
    return base[: MOST_CHARS - len(tail)].rstrip("-") + tail
