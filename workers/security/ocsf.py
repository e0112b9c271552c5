"""Findings as Prowler writes them: OCSF's Detection Finding, so that what reads Prowler's files reads ours."""

from __future__ import annotations

import json
from typing import Any

from workers.security.types import Finding, NotChecked, Report, Severity

# https://schema.ocsf.io: the severities, Detection Finding and its "Create".
SEVERITY_IDS: dict[Severity, int] = {"informational": 1, "low": 2, "medium": 3, "high": 4, "critical": 5}
_CLASS, _CATEGORY, _CREATE, _NEW = 2004, 2, 1, 1
_AWS_ACCOUNT = 10
VERSION = "1.5.0"


def as_ocsf(report: Report) -> str:
    """The report as a JSON array: a finding each, then what was not checked with the status ``MANUAL``."""
    found = [_finding(finding, report) for finding in report.findings]
    found += [_not_checked(entry, report) for entry in report.not_checked]
    return json.dumps(found, ensure_ascii=False, indent=2) + "\n"


def _finding(finding: Finding, report: Report) -> dict[str, Any]:
    moment = finding.at or report.at
    return _common(finding.check, finding.account, finding.region) | {
        "message": finding.reason,
        "severity": finding.severity.capitalize(),
        "severity_id": SEVERITY_IDS[finding.severity],
        "status": "New",
        "status_id": _NEW,
        "status_code": "FAIL",
        "status_detail": f"{finding.title}: {finding.reason}",
        "risk_details": finding.risk,
        "time": int(moment.timestamp()),
        "time_dt": moment.isoformat(),
        "finding_info": {
            "created_time": int(moment.timestamp()),
            "created_time_dt": moment.isoformat(),
            "desc": finding.risk,
            "title": finding.title,
            "name": finding.resource.name,
            "types": [],
            "uid": finding.uid,
        },
        "remediation": {"desc": finding.remedy, "references": [text for text in (finding.url,) if text]},
        "resources": [
            {
                "cloud_partition": _partition(finding.resource.arn),
                "region": finding.region,
                "group": {"name": finding.service},
                "labels": [],
                "name": finding.resource.name,
                "type": finding.resource.kind,
                "uid": finding.resource.arn or finding.resource.name,
                "data": {"details": finding.resource.note, "metadata": {}},
            }
        ],
        "unmapped": {"cli": finding.cli, "categories": [], "compliance": {}},
    }


def _partition(arn: str) -> str:
    """A file of somebody else may have anything where an ARN belongs."""
    parts = arn.split(":")
    return parts[1] if parts[0] == "arn" and len(parts) > 1 and parts[1] else "aws"


def _not_checked(entry: NotChecked, report: Report) -> dict[str, Any]:
    moment = report.at
    names = ", ".join(entry.resources) or f"all {entry.area}"
    return _common(entry.check, report.account, report.region) | {
        "message": f"Not checked: {entry.why}",
        "severity": "Informational",
        "severity_id": SEVERITY_IDS["informational"],
        "status": "New",
        "status_id": _NEW,
        "status_code": "MANUAL",
        "status_detail": f"{entry.title}: not checked ({entry.why}): {names}",
        "time": int(moment.timestamp()),
        "time_dt": moment.isoformat(),
        "finding_info": {
            "created_time": int(moment.timestamp()),
            "created_time_dt": moment.isoformat(),
            "desc": f"Not checked: {entry.why}",
            "title": entry.title,
            "types": [],
            "uid": f"sagedeck-aws-{entry.check}-{report.account}-{report.region}-not-checked",
        },
        "resources": [],
        "unmapped": {"categories": [], "compliance": {}},
    }


def _common(check: str, account: str, region: str) -> dict[str, Any]:
    return {
        "metadata": {
            "event_code": check,
            "product": {"name": "SageDeck", "uid": "sagedeck", "vendor_name": "SageDeck", "version": "0.1"},
            "profiles": ["cloud", "datetime"],
            "version": VERSION,
        },
        "activity_id": _CREATE,
        "activity_name": "Create",
        "category_name": "Findings",
        "category_uid": _CATEGORY,
        "class_name": "Detection Finding",
        "class_uid": _CLASS,
        "type_name": "Detection Finding: Create",
        "type_uid": _CLASS * 100 + _CREATE,
        "cloud": {
            "account": {"name": "", "type": "AWS Account", "type_id": _AWS_ACCOUNT, "uid": account, "labels": []},
            "provider": "aws",
            "region": region,
        },
    }
