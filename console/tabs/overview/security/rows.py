"""Findings as lines and rows: their words, colours, columns, and which of them stand together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from console.models.columns import Column
from console.models.states import State
from workers.security.types import SEVERITIES, Finding, NotChecked, Report, Severity

SEVERITY_STATES: Mapping[Severity, State] = {
    "critical": State("Critical", "err"),
    "high": State("High", "err"),
    "medium": State("Medium", "warn"),
    "low": State("Low", "neutral", "info"),
    "informational": State("Info", "neutral", "info"),
}
# What a finding's resource is called, one and many.
KINDS: Mapping[str, tuple[str, str]] = {
    "AwsIamRole": ("role", "roles"),
    "AwsIamUser": ("user", "users"),
    "AwsIamGroup": ("group", "groups"),
    "AwsS3Bucket": ("bucket", "buckets"),
    "AwsEc2SecurityGroup": ("security group", "security groups"),
    "AwsEc2Instance": ("instance", "instances"),
    "AwsEc2Volume": ("volume", "volumes"),
    "AwsLambdaFunction": ("function", "functions"),
    "AwsSageMakerNotebookInstance": ("notebook", "notebooks"),
    "AwsAccount": ("region", "regions"),
}
# What everything that runs brings with it: the log it writes, and the role that it works with.
_RUNS = ("log groups", "roles and users")
# The areas to look at again after a change, by the kinds that commands announce.
AREAS_OF: Mapping[str, tuple[str, ...]] = {
    "job": _RUNS,
    "tuning": _RUNS,
    "bucket": ("buckets",),
    "securitygroup": ("security groups",),
    "security-group": ("security groups",),
    "instance": ("instances", "volumes", "security groups", *_RUNS),
    "volume": ("volumes", "new volumes"),
    "function": ("functions", *_RUNS),
    "log": ("log groups",),
    "log-group": ("log groups",),
    "user": ("users",),
    "role": ("roles and users",),
    "notebook": ("notebook instances", *_RUNS),
    "model": ("models",),
    "endpoint": ("models", "endpoint configurations", *_RUNS),
    "endpoint-config": ("endpoint configurations",),
}


def verb(finding: Finding) -> str:
    """What its button says: the change, or how to make it."""
    if finding.change is not None:
        return f"{finding.change.label}…"
    return "Narrow…" if finding.narrows else "How to"


def called(finding: Finding) -> str:
    """The resource as people know it: an instance by its name, others by theirs."""
    resource = finding.resource
    if resource.kind in ("AwsEc2Instance", "AwsEc2SecurityGroup", "AwsEc2Volume") and resource.note:
        return resource.note
    if resource.name == "<root_account>":
        return "root user"
    if resource.kind == "AwsAccount":
        return resource.note or resource.name
    kind = {"AwsIamUser": "user/", "AwsIamGroup": "group/"}.get(resource.kind, "")
    return f"{kind}{resource.name}"


def called_together(findings: Sequence[Finding]) -> str:
    """One resource by its name, several by their number: "3 buckets"."""
    names = dict.fromkeys(called(finding) for finding in findings)
    if len(names) == 1:
        return next(iter(names))
    kinds = {finding.resource.kind for finding in findings}
    many = KINDS.get(kinds.pop(), ("", "resources"))[1] if len(kinds) == 1 else "resources"
    if many == "resources" and findings[0].resource.note:
        many = f"{findings[0].resource.note}s"
    return f"{len(names):,} {many}"


def grouped(report: Report) -> list[tuple[Finding, ...]]:
    """The findings of each check together, the most severe check first."""
    by_check: dict[str, list[Finding]] = {}
    for finding in report.findings:
        by_check.setdefault(finding.check, []).append(finding)
    groups = [tuple(found) for found in by_check.values()]
    return sorted(groups, key=lambda group: SEVERITIES.index(group[0].severity))


def columns() -> list[Column]:
    """The list of all findings."""
    return [
        Column(
            "severity",
            "Severity",
            kind="state",
            priority=0,
            value=lambda row: SEVERITY_STATES[row.severity],
            sort_key=lambda row: SEVERITIES.index(row.severity),
            descending_first=False,
        ),
        Column("title", "Finding", kind="name", priority=0, stretch=2),
        Column("resource", "Resource", value=called, priority=1, stretch=1),
        Column("reason", "Why", priority=3, stretch=3),
        Column("check", "Check", kind="mono", priority=4),
    ]


def unchecked_columns() -> list[Column]:
    """The list of what was not checked."""
    return [
        Column("title", "Check for", kind="name", priority=0, stretch=1),
        Column("of", "Of", value=_of, priority=1, stretch=1),
        Column("why", "Not checked because", priority=0, stretch=3),
        Column("check", "Check", kind="mono", priority=4),
    ]


def _of(row: NotChecked) -> str:
    return ", ".join(row.resources) or f"all: {row.area}"


def searched(row: Finding) -> str:
    """What the filter looks in besides the columns."""
    return f"{row.resource.name} {row.resource.arn} {row.service} {row.check} {row.reason}"


def summary(report: Report, when: datetime) -> str:
    """One sentence over the list."""
    missing = len({entry.check for entry in report.not_checked})
    told = f"{report.made} checks made at {when:%H:%M}"
    if missing:
        told += f", {missing} could not be made (see Not checked)"
    return f"Account {report.account}, {report.region}: {told}."
