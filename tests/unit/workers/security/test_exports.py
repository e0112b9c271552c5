"""Findings as JSON with Prowler's field names, and as a page; and Prowler's own files read."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.security import ACCOUNT, NOW, TABLE
from workers.errors.tree import InvalidInput, LocalProblem, SageDeckError
from workers.security import prowler
from workers.security.check import examine
from workers.security.ocsf import as_ocsf
from workers.security.page import as_page
from workers.security.prowler import read_prowler
from workers.security.service import AREAS
from workers.security.types import Finding, NotChecked, Report, Resource, ordered

NASTY = "<script>alert('x')</script> & \"quoted\" – ü 狗"


def whole_report() -> Report:
    """Every check has a finding."""
    reports = [
        examine(area, [TABLE[check.id][0]], NOW, ACCOUNT, "us-east-1") for area in AREAS for check in area.checks
    ]
    return Report(
        ordered([finding for report in reports for finding in report.findings]),
        (
            NotChecked(
                "iam_root_mfa_enabled", "Root user without second factor", f"AccessDenied: {NASTY}", "the root user"
            ),
        ),
        {check: count for report in reports for check, count in report.looked.items()},
        NOW,
        ACCOUNT,
        "us-east-1",
    )


def nasty_report() -> Report:
    finding = Finding(
        "sagedeck_x", NASTY, "high", "s3", NASTY, Resource("AwsS3Bucket", NASTY, f"arn:aws:s3:::{NASTY}", NASTY),
        NASTY, NASTY, NOW, "buckets", ACCOUNT, "us-east-1", NASTY,
    )  # fmt: skip
    return Report((finding,), (NotChecked(NASTY, NASTY, NASTY, NASTY, (NASTY,)),), {}, NOW, ACCOUNT, "us-east-1")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_a_page_needs_nothing_else_and_runs_nothing() -> None:
    reader = _Reader()
    page = as_page(nasty_report())
    reader.feed(page)
    assert "script" not in reader.tags
    assert not reader.addresses
    assert not {"link", "img", "iframe", "a"} & set(reader.tags)
    assert any(NASTY in text for text in reader.texts)
    assert page.startswith("<!DOCTYPE html>")


def test_a_page_says_what_was_not_checked() -> None:
    page = as_page(whole_report())
    assert "Not checked" in page
    assert all(check in page for check in TABLE)


def test_json_has_prowlers_fields() -> None:
    report = whole_report()
    found = json.loads(as_ocsf(report))
    assert len(found) == len(report.findings) + 1
    first = found[0]
    assert (first["class_uid"], first["type_uid"], first["category_uid"]) == (2004, 200401, 2)
    assert first["metadata"]["event_code"] == report.findings[0].check
    assert (first["status_code"], first["severity"], first["severity_id"]) == ("FAIL", "Critical", 5)
    assert first["cloud"]["account"]["uid"] == ACCOUNT
    assert first["resources"][0]["uid"] == report.findings[0].resource.arn
    assert first["finding_info"]["uid"].startswith(f"sagedeck-aws-{report.findings[0].check}-{ACCOUNT}-us-east-1-")
    assert found[-1]["status_code"] == "MANUAL"


def test_our_json_can_be_opened_as_prowlers(tmp_path: Path) -> None:
    report = whole_report()
    path = tmp_path / "ours.ocsf.json"
    path.write_text(as_ocsf(report), "utf-8")
    read = read_prowler(path)
    assert [(found.check, found.severity, found.resource) for found in read.report.findings] == [
        (found.check, found.severity, found.resource) for found in report.findings
    ]
    assert (read.others, read.trouble) == (1, ())
    assert (read.report.account, read.report.region) == (ACCOUNT, "us-east-1")


NATIVE: dict[str, Any] = {
    "AssessmentStartTime": "2024-06-03T14:15:19.382075",
    "FindingUniqueId": "prowler-aws-acm-1",
    "Provider": "aws",
    "CheckID": "acm_certificates_expiration_check",
    "CheckTitle": "Check if ACM Certificates are about to expire",
    "CheckType": ["Data Protection"],
    "ServiceName": "acm",
    "Status": "FAIL",
    "StatusExtended": "ACM Certificate x is about to expire.",
    "Severity": "high",
    "ResourceType": "AwsCertificateManagerCertificate",
    "ResourceDetails": "",
    "Risk": "Expired certificates can impact service availability.",
    "Remediation": {
        "Code": {"CLI": "https://docs.example.com/cli", "NativeIaC": "", "Terraform": "", "Other": ""},
        "Recommendation": {"Text": "Monitor certificate expiration.", "Url": "https://docs.aws.amazon.com/x"},
    },
    "AccountId": "999999999999",
    "Region": "eu-central-1",
    "ResourceId": "example.com",
    "ResourceArn": "arn:aws:acm:eu-central-1:999999999999:certificate/f",
    "ResourceTags": {},
}
OCSF: dict[str, Any] = {
    "metadata": {"event_code": "iam_x", "product": {"name": "Prowler", "version": "4.2.1"}, "version": "1.2.0"},
    "severity_id": 4,
    "severity": "High",
    "status": "New",
    "status_code": "FAIL",
    "status_detail": "IAM Role R has AdministratorAccess attached.",
    "finding_info": {
        "created_time": "2024-06-03T14:15:19.382075",
        "title": "No administrators",
        "uid": "prowler-aws-1",
    },
    "resources": [
        {
            "region": "us-east-1",
            "data": {"details": ""},
            "group": {"name": "iam"},
            "name": "R",
            "type": "AwsIamRole",
            "uid": "arn:aws:iam::123456789012:role/R",
        }
    ],
    "cloud": {"account": {"uid": "123456789012"}, "provider": "aws", "region": "us-east-1"},
    "remediation": {"desc": "Apply least privilege.", "references": ["https://docs.aws.amazon.com/y"]},
    "risk_details": "Everything may be done.",
}


def opened(path: Path, content: object) -> Any:
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return read_prowler(path)


def test_the_native_form_of_version_3(tmp_path: Path) -> None:
    read = opened(tmp_path / "v3.json", [NATIVE, {**NATIVE, "Status": "PASS"}, {**NATIVE, "Status": "INFO"}])
    (finding,) = read.report.findings
    assert (finding.check, finding.severity, finding.service) == ("acm_certificates_expiration_check", "high", "acm")
    assert finding.reason == "ACM Certificate x is about to expire."
    assert finding.resource.name == "example.com"
    assert (finding.account, finding.region) == ("999999999999", "eu-central-1")
    assert finding.cli == "", "an address is no line for a terminal"
    assert finding.url == "https://docs.aws.amazon.com/x"
    assert finding.at == datetime(2024, 6, 3, 14, 15, 19, 382075, UTC)
    assert read.others == 2
    assert finding.change is None


def test_ocsf_of_versions_4_and_5(tmp_path: Path) -> None:
    version5 = {**OCSF, "finding_info": {**OCSF["finding_info"], "created_time": 1717424119}, "severity": "Critical"}
    muted = {**OCSF, "status": "Suppressed"}
    read = opened(tmp_path / "v4.ocsf.json", [OCSF, version5, muted])
    assert [finding.severity for finding in read.report.findings] == ["critical", "high"]
    assert read.report.findings[0].at == datetime(2024, 6, 3, 14, 15, 19, tzinfo=UTC)
    assert read.report.findings[1].remedy == "Apply least privilege."
    assert read.others == 1


@pytest.mark.parametrize(
    ("arn", "partition"),
    [("arn:aws-cn:s3:::dogs", "aws-cn"), ("arn:aws:s3:::dogs", "aws"), ("arn", "aws"), ("arn:", "aws"), ("7", "aws")],
)
def test_what_was_read_of_a_file_can_be_exported(tmp_path: Path, arn: str, partition: str) -> None:
    read = opened(tmp_path / "odd.json", [{**NATIVE, "ResourceArn": arn}])
    assert json.loads(as_ocsf(read.report))[0]["resources"][0]["cloud_partition"] == partition


def test_lines_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    lines = b"\xef\xbb\xbf" + b"\n".join(json.dumps(record).encode() for record in (NATIVE, OCSF))
    assert len(opened(tmp_path / "lines.json", lines).report.findings) == 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"   ",
        b"[]",
        b"{}",
        b"null",
        b"<html></html>",
        b"\xff\xfe[\x00",
        b'[{"CheckID": ',
        b"[" * 100_000,
        b'{"a": ' * 50_000,
        b"[1, 2, 3]",
        b'[{"metadata": {}}]',
        b"[NaN]",
        b'[{"CheckID": "x", "n": ' + b"9" * 10_000 + b"}]",
    ],
)
def test_what_is_not_prowlers_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InvalidInput) as told:
        opened(tmp_path / "bad.json", content)
    assert "bad.json" in told.value.title
    assert "json-ocsf" in told.value.hint


def test_a_file_that_ends_in_the_middle_shows_what_it_has_and_says_so(tmp_path: Path) -> None:
    whole = json.dumps([NATIVE, NATIVE, NATIVE]).encode()
    read = opened(tmp_path / "cut.json", whole[:-200])
    assert len(read.report.findings) == 2
    assert read.trouble == ("The file is damaged after 2 findings: the rest cannot be read.",)


def test_strange_entries_are_counted(tmp_path: Path) -> None:
    read = opened(tmp_path / "mixed.json", [NATIVE, 7, {"hello": 1}, OCSF])
    assert read.trouble == ("2 entries are no findings of Prowler, and are left out.",)


def test_a_folder_a_missing_file_and_a_pipe_are_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    for path in (tmp_path, tmp_path / "none.json", tmp_path / "pipe.json"):
        with pytest.raises(LocalProblem):
            read_prowler(path)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prowler, "MOST_BYTES", 100)
    with pytest.raises(LocalProblem) as told:
        opened(tmp_path / "large.json", [NATIVE])
    assert "too large" in told.value.title


def test_no_more_findings_than_a_list_can_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prowler, "MOST_FINDINGS", 2)
    read = opened(tmp_path / "many.json", [NATIVE] * 5)
    assert len(read.report.findings) == 2
    assert "first 2" in read.trouble[0]


def test_texts_of_a_file_are_bounded_and_cannot_write_over_others(tmp_path: Path) -> None:
    nasty = {**NATIVE, "StatusExtended": "a\x1b[2J\u202eb" + "c" * 5_000, "Severity": "apocalyptic", "CheckTitle": None}
    (finding,) = opened(tmp_path / "nasty.json", [nasty]).report.findings
    assert finding.reason.startswith("a[2Jb")
    assert len(finding.reason) == prowler.LONGEST_TEXT
    assert (finding.severity, finding.title) == ("informational", "")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all drawn examples."""
    return tmp_path_factory.mktemp("drawn")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(list(NATIVE)), values, min_size=1),
    st.dictionaries(st.sampled_from(list(OCSF)), values),
)
def test_whatever_its_fields_hold_is_shown_or_refused(
    folder: Path, native: dict[str, Any], ocsf: dict[str, Any]
) -> None:
    text = json.dumps([{**NATIVE, **native}, {**OCSF, **ocsf}])
    try:
        read = opened(folder / "any.json", text.encode())
    except SageDeckError:
        return
    as_page(read.report)
    as_ocsf(read.report)
