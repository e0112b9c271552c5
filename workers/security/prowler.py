"""Reads Prowler's own JSON: the native form of version 3, and OCSF as versions 4 and 5 write it.

A file is somebody else's: its size, the number and length of its texts are bounded, and what is damaged is told.
"""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from workers.errors.tree import InvalidInput, LocalProblem, translate
from workers.files.regular_file import read_regular
from workers.security.types import SEVERITIES, Finding, Report, Resource, Severity, ordered

# A report is read into memory at once.
MOST_BYTES = 256 * 1000 * 1000
# Rows that the list still sorts at once.
MOST_FINDINGS = 50_000
# Characters: a page of explanation.
LONGEST_TEXT = 2_000
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_BLANK = re.compile(r"[\s\ufeff]*")
_PASSED = frozenset({"PASS", "MANUAL", "MUTED", "INFO"})


@dataclass(frozen=True)
class ProwlerFile:
    """What a file of Prowler holds: what failed. ``others`` passed or are muted; ``trouble`` says what is not shown."""

    name: str
    report: Report
    others: int
    trouble: tuple[str, ...] = ()


def read_prowler(path: Path) -> ProwlerFile:
    """Read a file. Blocking, and long for a large one, but it lets other threads go on meanwhile.

    Raises ``SageDeckError`` for what is no file, too large, or nothing of Prowler's.
    """
    doing = f"open {path.name}"
    try:
        data = read_regular(path, MOST_BYTES)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise LocalProblem(
                f"{path.name} is too large",
                f"At most {MOST_BYTES // 1_000_000} MB are opened.",
                "Let Prowler write one service, or failed findings alone (--status FAIL).",
            ) from error
        raise translate(error, doing) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_prowlers(path, "It is no text in UTF-8.") from error
    del data
    return _collect(path, text)


def _collect(path: Path, text: str) -> ProwlerFile:
    findings: list[Finding] = []
    trouble: list[str] = []
    passed = strange = 0
    try:
        for record in _records(text):
            if not isinstance(record, dict):
                strange += 1
                continue
            status, finding = _finding(cast("dict[str, Any]", record))
            if finding is None:
                strange += 1
            elif status in _PASSED:
                passed += 1
            else:
                findings.append(finding)
            if len(findings) >= MOST_FINDINGS:
                trouble.append(f"Only the first {MOST_FINDINGS:,} findings are shown.")
                break
    except (ValueError, RecursionError) as error:
        if not findings and not passed:
            raise _not_prowlers(path, "It is no JSON, or ends in the middle.") from error
        trouble.append(f"The file is damaged after {len(findings) + passed:,} findings: the rest cannot be read.")
    if not findings and not passed:
        raise _not_prowlers(path, "It holds no finding of Prowler.")
    if strange:
        trouble.append(f"{strange:,} entries are no findings of Prowler, and are left out.")
    at = max((finding.at for finding in findings if finding.at is not None), default=datetime.now(UTC))
    account = _common(finding.account for finding in findings)
    region = _common(finding.region for finding in findings)
    return ProwlerFile(path.name, Report(ordered(findings), (), {}, at, account, region), passed, tuple(trouble))


def _records(text: str) -> Iterator[object]:
    """One element after the other: the whole at once would keep every other thread waiting."""
    decoder = json.JSONDecoder(parse_constant=_no_number)
    at = _after(text, 0)
    listed = text[at : at + 1] == "["
    if listed:
        at = _after(text, at + 1)
        if text[at : at + 1] == "]":
            return
    while at < len(text):
        record, at = decoder.raw_decode(text, at)
        yield record
        at = _after(text, at)
        mark = text[at : at + 1]
        if listed and mark == "]":
            return
        if mark == ",":
            at = _after(text, at + 1)
        elif listed:
            raise ValueError("the list ends in the middle")
    if listed:
        raise ValueError("the list ends in the middle")


def _after(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found is not None else at


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _finding(record: Mapping[str, Any]) -> tuple[str, Finding | None]:
    return _native(record) if "CheckID" in record else _ocsf(record)


def _native(record: Mapping[str, Any]) -> tuple[str, Finding | None]:
    remedy = _map(record.get("Remediation"))
    recommended, code = _map(remedy.get("Recommendation")), _map(remedy.get("Code"))
    return _text(record.get("Status")).upper(), Finding(
        _text(record.get("CheckID")),
        _text(record.get("CheckTitle")),
        _severity(record.get("Severity")),
        _text(record.get("ServiceName")),
        _text(record.get("StatusExtended")),
        Resource(
            _text(record.get("ResourceType")),
            _text(record.get("ResourceId")),
            _text(record.get("ResourceArn")),
            _text(record.get("ResourceDetails")),
        ),
        _text(record.get("Risk")),
        _text(recommended.get("Text")),
        _moment(record.get("AssessmentStartTime")),
        account=_text(record.get("AccountId")),
        region=_text(record.get("Region")),
        cli=_command(code.get("CLI")),
        url=_address(recommended.get("Url")),
    )


def _ocsf(record: Mapping[str, Any]) -> tuple[str, Finding | None]:
    check = _text(_map(record.get("metadata")).get("event_code"))
    info = _map(record.get("finding_info"))
    if not check or not info:
        return "", None
    resources = record.get("resources")
    resource = _map(resources[0]) if isinstance(resources, list) and resources else {}
    cloud, remedy = _map(record.get("cloud")), _map(record.get("remediation"))
    references = remedy.get("references")
    muted = _text(record.get("status")) == "Suppressed"
    status = "MUTED" if muted else _text(record.get("status_code")).upper()
    return status, Finding(
        check,
        _text(info.get("title")),
        _severity(record.get("severity")),
        _text(_map(resource.get("group")).get("name")),
        _text(record.get("status_detail")) or _text(record.get("message")),
        Resource(
            _text(resource.get("type")),
            _text(resource.get("name")),
            _text(resource.get("uid")),
            _text(_map(resource.get("data")).get("details")),
        ),
        _text(record.get("risk_details")),
        _text(remedy.get("desc")),
        _moment(info.get("created_time_dt") or info.get("created_time") or record.get("time")),
        account=_text(_map(cloud.get("account")).get("uid")),
        region=_text(resource.get("region")) or _text(cloud.get("region")),
        url=_address(references[0]) if isinstance(references, list) and references else "",
    )


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    """A text of the file: without what writes over other lines, and of bounded length."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return ""
    clean = _CONTROL.sub("", str(value)).strip()
    return clean if len(clean) <= LONGEST_TEXT else clean[: LONGEST_TEXT - 1] + "…"


def _command(value: object) -> str:
    """Prowler writes an address there where it knows no line."""
    found = _text(value)
    return "" if found.startswith(("http://", "https://")) else found


def _address(value: object) -> str:
    found = _text(value)
    return found if found.startswith(("http://", "https://")) else ""


def _severity(value: object) -> Severity:
    found = _text(value).lower()
    return next((severity for severity in SEVERITIES if severity == found), "informational")


def _moment(value: object) -> datetime | None:
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        found = datetime.fromisoformat(str(value))
    except (ValueError, OverflowError, OSError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _common(values: Iterator[str]) -> str:
    found = {value for value in values if value}
    return found.pop() if len(found) == 1 else ""


def _not_prowlers(path: Path, why: str) -> InvalidInput:
    return InvalidInput(
        f"{path.name} cannot be shown",
        why,
        "Open what Prowler writes with --output-formats json-ocsf (or json, in version 3).",
        code="NotProwlers",
    )
