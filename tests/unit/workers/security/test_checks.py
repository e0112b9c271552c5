"""Every check: a bad fact is found, a good one is not, and what could not be read is never taken as passed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.helpers.security import ACCOUNT, BUCKET, FUNCTION, NOW, OPEN, ROLE, TABLE, USER, world
from workers.errors.tree import AccessDenied
from workers.security.check import Area, Check, examine, refused
from workers.security.identity import AccessKey
from workers.security.service import AREAS
from workers.security.types import Report, Unread

CHECKS: dict[str, tuple[Area[Any], Check[Any]]] = {check.id: (area, check) for area in AREAS for check in area.checks}


def look(area: Area[Any], *facts: Any) -> Report:
    return examine(area, facts, NOW, ACCOUNT, "us-east-1")


def test_the_table_has_every_check() -> None:
    assert set(TABLE) == set(CHECKS)
    assert len(CHECKS) == sum(len(area.checks) for area in AREAS), "two checks have one name"


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_a_bad_fact_is_found_and_a_good_one_is_not(name: str) -> None:
    area, check = CHECKS[name]
    bad, good = TABLE[name]
    found = look(area, bad)
    assert name in [finding.check for finding in found.findings]
    finding = next(finding for finding in found.findings if finding.check == name)
    assert finding.severity == check.severity
    assert finding.resource == bad.resource
    assert finding.reason.endswith(".")
    assert finding.risk and finding.remedy and finding.title
    assert name not in [finding.check for finding in look(area, good).findings]
    assert look(area, good).looked[name] == 1


@pytest.mark.parametrize("name", sorted(name for name, (_, check) in CHECKS.items() if check.needs))
def test_what_could_not_be_read_is_not_checked(name: str) -> None:
    area, check = CHECKS[name]
    for need in check.needs:
        for fact in TABLE[name]:
            report = look(area, replace(fact, **{need: Unread("AccessDenied: no.")}))
            assert name not in [finding.check for finding in report.findings]
            assert report.looked[name] == 0
            (told,) = [entry for entry in report.not_checked if entry.check == name]
            assert told.why == "AccessDenied: no."
            assert told.resources == (fact.resource.name,)


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.name)
def test_an_area_that_is_refused_has_none_of_its_checks_made(area: Area[Any]) -> None:
    error = AccessDenied("Not allowed", "This account may not do that.", code="AccessDenied", details="User: x is not.")
    report = refused(area, error, NOW, ACCOUNT, "us-east-1")
    assert [entry.check for entry in report.not_checked] == [check.id for check in area.checks]
    assert {entry.why for entry in report.not_checked} == {"AccessDenied: User: x is not."}
    assert not report.findings and not report.looked


def test_a_key_of_90_days_is_young_enough() -> None:
    area = CHECKS["iam_rotate_access_key_90_days"][0]
    young = replace(USER, keys=(AccessKey("AKIAAAAAAAAAAAAAAAAA", NOW - timedelta(days=90)),))
    assert not look(area, young).findings


def test_an_id_of_a_key_is_not_shown_in_full() -> None:
    area = CHECKS["iam_rotate_access_key_90_days"][0]
    (finding,) = look(area, TABLE["iam_rotate_access_key_90_days"][0]).findings
    assert "AKIAOLDOLD" not in finding.reason + finding.title
    assert "…1234" in finding.reason


def test_one_rule_is_one_finding() -> None:
    area = CHECKS["ec2_securitygroup_allow_ingress_from_internet_to_any_port"][0]
    for group in (world(22), world(3389), world(0, 65535), world(protocol="-1"), world(20, 4000), world(80)):
        assert len(look(area, group).findings) == 1, group


def test_a_block_covers_what_a_policy_opens() -> None:
    area = CHECKS["s3_bucket_public_access"][0]
    restricted = replace(BUCKET, policy=OPEN)
    assert not look(area, restricted).findings
    granted = replace(BUCKET, block={}, grants=("http://acs.amazonaws.com/groups/global/AllUsers",))
    assert "s3_bucket_public_access" in [finding.check for finding in look(area, granted).findings]


@pytest.mark.parametrize(
    ("condition", "public"),
    [
        ({}, True),
        ({"StringEquals": {"aws:SourceAccount": "123456789012"}}, False),
        ({"ArnLike": {"AWS:SourceArn": ["arn:aws:s3:::dogs"]}}, False),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, False),
        ({"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "0.0.0.0/0"]}}, True),
        ({"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, True),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}, "Bool": {"aws:SecureTransport": "true"}}, False),
        ({"Bool": {"aws:SecureTransport": "true"}}, True),
        ({"StringLike": {"aws:PrincipalArn": "*"}}, True),
        ({"StringEqualsIfExists": {"aws:SourceAccount": "123456789012"}}, True),
        ({"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}}, True),
    ],
)
@pytest.mark.parametrize("principal", ["*", {"AWS": "*"}, {"AWS": ["arn:aws:iam::1:root", "*"]}])
def test_only_a_condition_that_says_who_closes_a_policy(condition: Any, public: bool, principal: Any) -> None:
    area = CHECKS["s3_bucket_public_access"][0]
    statement = {**OPEN["Statement"][0], "Principal": principal} | ({"Condition": condition} if condition else {})
    found = look(area, replace(BUCKET, block={}, policy={"Statement": [statement]}))
    assert ("s3_bucket_public_access" in [finding.check for finding in found.findings]) == public
    others = {key: value for key, value in statement.items() if key != "Principal"} | {"NotPrincipal": {"AWS": "arn"}}
    found = look(area, replace(BUCKET, block={}, policy={"Statement": [others]}))
    assert ("s3_bucket_public_access" in [finding.check for finding in found.findings]) == public
    denied = look(area, replace(BUCKET, block={}, policy={"Statement": [{**statement, "Effect": "Deny"}]}))
    assert "s3_bucket_public_access" not in [finding.check for finding in denied.findings]


def test_a_runtime_is_supported_until_its_day() -> None:
    area = CHECKS["awslambda_function_using_supported_runtimes"][0]
    function = replace(FUNCTION, runtime="nodejs22.x")
    assert not look(area, function).findings
    later = examine(area, [function], NOW + timedelta(days=200), ACCOUNT, "us-east-1")
    assert [finding.check for finding in later.findings] == ["awslambda_function_using_supported_runtimes"]


def test_the_report_has_the_most_severe_first_and_takes_newer_areas() -> None:
    functions = CHECKS["awslambda_function_url_public"][0]
    old = look(functions, replace(FUNCTION, reserved=None, urls=("NONE",), policy=OPEN))
    assert [finding.severity for finding in old.findings] == ["critical", "high", "low"]
    newer = look(functions, replace(FUNCTION, reserved=None))
    renewed = old.renewed(newer, [functions.name])
    assert [finding.severity for finding in renewed.findings] == ["low"]


def test_a_wildcard_that_allows_everything_is_told_once() -> None:
    area = CHECKS["sagedeck_role_wildcard_actions"][0]
    bad = TABLE["iam_inline_policy_no_administrative_privileges"][0]
    assert [finding.check for finding in look(area, bad).findings] == ["iam_inline_policy_no_administrative_privileges"]
    assert not look(area, replace(ROLE, inline=(("fine", {"Statement": []}),))).findings
