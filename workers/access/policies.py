"""The IAM policy templates of ``resources/policies``, filled in for one account."""

from __future__ import annotations

import json
from string import Template
from typing import Any

from workers.paths import RESOURCES

FOLDER = RESOURCES / "policies"


def policy(name: str, **values: str) -> dict[str, Any]:
    """The template ``name`` with ``values`` filled in, as a document.

    The values come from AWS or were checked (account, region, partition, bucket). Raises ``KeyError`` when one is
    missing.
    """
    text = (FOLDER / f"{name}.json").read_text("utf-8")
    return json.loads(Template(text).substitute({key: json.dumps(value)[1:-1] for key, value in values.items()}))


def as_text(document: dict[str, Any]) -> str:
    """The document as AWS takes it: compact JSON."""
    return json.dumps(document, separators=(",", ":"))


def partition(arn: str) -> str:
    """``aws``, ``aws-cn`` or ``aws-us-gov``: the second field of any ARN."""
    return arn.split(":")[1]
