"""What allows too much: by a policy's statements, and by a security group's rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.helpers.security import GROUP, NOW, PERSON, ROLE
from workers.security.groups import OpenRule
from workers.security.roles import administers, judge_full, judge_inline, judge_own, judge_wild, wild_actions

ALL: dict[str, Any] = {"Effect": "Allow", "Action": "*", "Resource": "*"}


@pytest.mark.parametrize(
    ("change", "all_of_it"),
    [
        ({}, True), ({"Action": "*:*"}, True), ({"Action": "**"}, True), ({"Action": ["s3:GetObject", "*"]}, True),
        ({"Resource": ["arn:aws:s3:::dogs", "*"]}, True), ({"Effect": "Deny"}, False), ({"Action": "s3:*"}, False),
        ({"Action": []}, False), ({"Resource": "arn:aws:s3:::dogs/*"}, False),
        ({"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}, False),
    ],
    ids=str,
)  # fmt: skip
def test_a_statement_that_allows_everything_on_everything(change: dict[str, Any], all_of_it: bool) -> None:
    statement = ALL | change
    assert administers(statement) is all_of_it  # type: ignore[arg-type]
    document: Any = {"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "x"}, statement]}
    for fact, narrows in ((ROLE, True), (PERSON, False), (GROUP, False)):
        inline = list(judge_inline(replace(fact, inline=(("p", document),)), NOW))
        attached = (("p", "arn:aws:iam::123456789012:policy/p"),)
        own = list(judge_own(replace(fact, attached=attached, own=(("p", document),)), NOW))
        assert [problem.narrows for problem in inline] == [problem.narrows for problem in own] == [narrows] * all_of_it
        assert all("policy/p" in problem.cli for problem in own)


@pytest.mark.parametrize(
    ("statement", "wild"),
    [
        (ALL | {"Action": "s3:*"}, ["s3:*"]),
        (ALL | {"Action": ["s3:GetObject", "iam:*", "ec2:Describe*"]}, ["iam:*"]),
        (ALL | {"Action": "s3:*", "Effect": "Deny"}, []),
        ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, ["everything but a list"]),
        ({"Effect": "Deny", "NotAction": "iam:*", "Resource": "*"}, []),
    ],
    ids=str,
)
def test_a_policy_that_names_whole_services(statement: Any, wild: list[str]) -> None:
    document: Any = {"Statement": [statement]}
    assert wild_actions(document) == wild
    found = list(judge_wild(replace(ROLE, inline=(("p", document),)), NOW))
    assert [problem.reason for problem in found] == ([f"Its policy p allows {wild[0]}."] if wild else [])
    assert not list(judge_wild(replace(PERSON, inline=(("p", document),)), NOW))


def test_full_access_to_a_service_is_told_of_roles() -> None:
    attached = tuple((name, f"arn:aws:iam::aws:policy/{name}") for name in ("AmazonS3FullAccess", "ReadOnlyAccess"))
    (problem,) = judge_full(replace(ROLE, attached=attached), NOW)
    assert problem.narrows and "policy/AmazonS3FullAccess" in problem.cli
    assert not list(judge_full(replace(PERSON, attached=attached), NOW))


@pytest.mark.parametrize(
    ("rule", "words", "ssh"),
    [
        (OpenRule("-1", -1, -1, "0.0.0.0/0"), "everything from 0.0.0.0/0", True),
        (OpenRule("icmp", -1, -1, "::/0"), "icmp from ::/0", False),
        (OpenRule("tcp", 0, 65535, "::/0"), "every tcp port from ::/0", True),
        (OpenRule("udp", 0, 65535, "::/0"), "every udp port from ::/0", False),
        (OpenRule("tcp", 22, 22, "::/0"), "tcp port 22 from ::/0", True),
        (OpenRule("tcp", 22, 80, "203.0.113.7/32"), "tcp ports 22–80 from 203.0.113.7/32", True),
        (OpenRule("tcp", 20, 22, "::/0"), "tcp ports 20–22 from ::/0", True),
        (OpenRule("tcp", 23, 80, "::/0"), "tcp ports 23–80 from ::/0", False),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_rule_in_words_and_whether_it_opens_ssh(rule: OpenRule, words: str, ssh: bool) -> None:
    assert (rule.words, rule.lets_in(22)) == (words, ssh)
    assert rule.from_world == (not rule.source.startswith("203"))
    sent = rule.permission()
    assert ("FromPort" in sent) == (rule.protocol != "-1")
    assert ("Ipv6Ranges" in sent) == (":" in rule.source) != ("IpRanges" in sent)
