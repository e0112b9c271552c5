"""What a SageMaker name may look like, in words for a form that is checked as one types; names that are made."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime

# SageMaker API Reference, CreateTrainingJob.
MAX_LENGTH = 63
# CreateRole: RoleName has at most this many characters.
ROLE_NAME_LIMIT = 64
_HASH_DIGITS = 8
# CreateTrainingJob, CreateModel, CreateEndpointConfig, CreateEndpoint: ^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}
_ALLOWED = re.compile(r"[a-zA-Z0-9-]+")


def name_problem(name: str, what: str = "The name") -> str | None:
    """What is wrong with a job, model or endpoint name, or ``None``. No network."""
    if not name:
        return f"{what} is missing."
    if len(name) > MAX_LENGTH:
        return f"{what} has {len(name)} characters; at most {MAX_LENGTH} are allowed."
    if not _ALLOWED.fullmatch(name):
        bad = next(char for char in name if not _ALLOWED.fullmatch(char))
        shown = "a space" if bad == " " else f"“{bad}”"
        return f"{what} may have letters A to Z, digits and hyphens only, not {shown}."
    if name[0] == "-" or name[-1] == "-":
        return f"{what} may not begin or end with a hyphen."
    return None


def fitting_role_name(start: str, of: str, end: str = "") -> str:
    """The name of the role that belongs to ``of``: ``start + of + end``.

    Over IAM's limit it is cut, and made unique by a hash of ``of``, which keeps its end.
    """
    name = start + of
    if len(name + end) <= ROLE_NAME_LIMIT:
        return name + end
    mark = f"-{hashlib.sha256(of.encode()).hexdigest()[:_HASH_DIGITS]}{end}"
    return name[: ROLE_NAME_LIMIT - len(mark)] + mark


def suggest_name(base: str, now: datetime, longest: int = MAX_LENGTH) -> str:
    """A valid name from any text and a time: ``dogs-20260131-142501``, of at most ``longest`` characters."""
    words = re.sub(r"[^a-zA-Z0-9]+", "-", base).strip("-") or "job"
    stamp = now.strftime("%Y%m%d-%H%M%S")
    return f"{words[: longest - len(stamp) - 1].rstrip('-')}-{stamp}"
