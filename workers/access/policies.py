"""The IAM policy templates of ``resources/policies``, filled in for one account."""

from __future__ import annotations

import json
from string import Template
from typing import TypedDict, cast

from workers.paths import RESOURCES

FOLDER = RESOURCES / "policies"
VERSION = "2012-10-17"


class Statement(TypedDict, total=False):
    """One statement of a policy, with the members that AWS writes. IAM lets one value stand without its brackets."""

    Sid: str
    Effect: str
    Principal: object
    Action: str | list[str]
    NotAction: str | list[str]
    Resource: str | list[str]
    NotResource: str | list[str]
    Condition: object


class PolicyDocument(TypedDict, total=False):
    """A policy. IAM lets one statement stand without its brackets: see ``statements``."""

    Version: str
    Id: str
    Statement: list[Statement]


def statements(document: PolicyDocument) -> list[Statement]:
    """The statements of a policy, also of one that has but one and no brackets."""
    found: object = document.get("Statement", [])
    return cast("list[Statement]", found if isinstance(found, list) else [found])


def with_statements(document: PolicyDocument, found: list[Statement]) -> PolicyDocument:
    """The same policy with other statements."""
    return {**document, "Statement": found}


def as_list(value: str | list[str]) -> list[str]:
    """A member of a statement as a list."""
    return [value] if isinstance(value, str) else list(value)


def policy(name: str, **values: str) -> PolicyDocument:
    """The template ``name`` with ``values`` filled in, as a document.

    The values come from AWS or were checked (account, region, partition, bucket). Raises ``KeyError`` when one is
    missing.
    """
    text = (FOLDER / f"{name}.json").read_text("utf-8")
    return json.loads(Template(text).substitute({key: json.dumps(value)[1:-1] for key, value in values.items()}))


def as_text(document: PolicyDocument) -> str:
    """The document as AWS takes it: compact JSON."""
    return json.dumps(document, separators=(",", ":"))


def partition(arn: str) -> str:
    """``aws``, ``aws-cn`` or ``aws-us-gov``: the second field of any ARN."""
    return arn.split(":")[1]
