"""Security groups that let everybody on the internet in."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from workers.aws.session import AwsSession
from workers.security.check import Area, Check, Problem
from workers.security.types import Change, Resource, meanwhile

WORLD = ("0.0.0.0/0", "::/0")
# TCP ports.
SSH, RDP = 22, 3389
ALL = "-1"


@dataclass(frozen=True)
class OpenRule:
    """One inbound rule. ``protocol`` is ``-1`` for everything; then there are no ports (-1)."""

    protocol: str
    first: int
    last: int
    source: str
    description: str = ""

    @property
    def from_world(self) -> bool:
        """Whether everybody may come in by it."""
        return self.source in WORLD

    def lets_in(self, port: int) -> bool:
        """Whether it opens this TCP port."""
        return self.protocol == ALL or (self.protocol == "tcp" and self.first <= port <= self.last)

    @property
    def words(self) -> str:
        """``tcp port 22 from 0.0.0.0/0``."""
        if self.protocol == ALL:
            return f"everything from {self.source}"
        if self.protocol not in ("tcp", "udp"):
            return f"{self.protocol} from {self.source}"
        if (self.first, self.last) == (0, 65535):
            return f"every {self.protocol} port from {self.source}"
        ports = f"port {self.first}" if self.first == self.last else f"ports {self.first}–{self.last}"
        return f"{self.protocol} {ports} from {self.source}"

    def permission(self) -> dict[str, Any]:
        """As EC2 takes it."""
        six = ":" in self.source
        address = {"CidrIpv6" if six else "CidrIp": self.source}
        if self.description:
            address["Description"] = self.description
        found: dict[str, Any] = {"IpProtocol": self.protocol, "Ipv6Ranges" if six else "IpRanges": [address]}
        if self.protocol != ALL:
            found |= {"FromPort": self.first, "ToPort": self.last}
        return found


@dataclass(frozen=True)
class GroupFact:
    """A security group with its inbound rules from addresses."""

    id: str
    name: str
    owner: str
    region: str
    rules: tuple[OpenRule, ...]

    @property
    def resource(self) -> Resource:
        """The group."""
        arn = f"arn:aws:ec2:{self.region}:{self.owner}:security-group/{self.id}"
        return Resource("AwsEc2SecurityGroup", self.id, arn, self.name)


def rules_of(group: dict[str, Any]) -> tuple[OpenRule, ...]:
    """The inbound rules of EC2's group that name addresses."""
    return tuple(
        OpenRule(
            str(permission["IpProtocol"]),
            int(permission.get("FromPort", -1)),
            int(permission.get("ToPort", -1)),
            address.get("CidrIp") or address["CidrIpv6"],
            address.get("Description", ""),
        )
        for permission in group.get("IpPermissions", ())
        for address in (*permission.get("IpRanges", ()), *permission.get("Ipv6Ranges", ()))
    )


async def read_groups(session: AwsSession) -> Sequence[GroupFact]:
    """All security groups of the region. Raises ``SageDeckError``."""
    groups = session.paginate("ec2", "describe_security_groups", "SecurityGroups", doing="list the security groups")
    return [
        GroupFact(
            group["GroupId"], group.get("GroupName", ""), str(group.get("OwnerId", "")), session.region, rules_of(group)
        )
        async for group in groups
    ]


def _worldly(fact: GroupFact) -> list[OpenRule]:
    return [rule for rule in fact.rules if rule.from_world]


def _closing(fact: GroupFact, rule: OpenRule) -> Problem:
    return Problem(f"Lets in {rule.words}.", CloseRule(fact.id, fact.name, rule))


def _ssh(fact: GroupFact, now: datetime) -> Iterator[Problem]:
    return (_closing(fact, rule) for rule in _worldly(fact) if rule.lets_in(SSH) and not _everything(rule))


def _rdp(fact: GroupFact, now: datetime) -> Iterator[Problem]:
    return (
        _closing(fact, rule)
        for rule in _worldly(fact)
        if rule.lets_in(RDP) and not rule.lets_in(SSH) and not _everything(rule)
    )


def _everything(rule: OpenRule) -> bool:
    return rule.protocol == ALL or (rule.protocol == "tcp" and (rule.first, rule.last) == (0, 65535))


def judge_all_ports(fact: GroupFact, now: datetime) -> Iterator[Problem]:
    """Everything is open."""
    return (_closing(fact, rule) for rule in _worldly(fact) if _everything(rule))


def judge_any_port(fact: GroupFact, now: datetime) -> Iterator[Problem]:
    """Some port is open that no other check speaks of: one rule is one finding."""
    for rule in _worldly(fact):
        if not _everything(rule) and not rule.lets_in(SSH) and not rule.lets_in(RDP):
            yield _closing(fact, rule)


_OPEN_RISK = "Everybody on the internet can knock there, and robots do within minutes."
_OPEN_REMEDY = "Close the rule, or let in only your own address. Session Manager needs no open port at all."

GROUPS = Area(
    "security groups",
    "ec2",
    read_groups,
    (
        Check(
            "ec2_securitygroup_allow_ingress_from_internet_to_all_ports",
            "Everything open to everyone",
            "high",
            _OPEN_RISK,
            _OPEN_REMEDY,
            judge_all_ports,
        ),
        Check(
            "ec2_securitygroup_allow_ingress_from_internet_to_tcp_port_22",
            "SSH open to everyone",
            "high",
            _OPEN_RISK,
            _OPEN_REMEDY,
            _ssh,
        ),
        Check(
            "ec2_securitygroup_allow_ingress_from_internet_to_tcp_port_3389",
            "Remote Desktop open to everyone",
            "high",
            _OPEN_RISK,
            _OPEN_REMEDY,
            _rdp,
        ),
        Check(
            "ec2_securitygroup_allow_ingress_from_internet_to_any_port",
            "Port open to everyone",
            "high",
            _OPEN_RISK,
            _OPEN_REMEDY,
            judge_any_port,
        ),
    ),
)


@dataclass(frozen=True)
class CloseRule(Change):
    """Take one inbound rule from a security group."""

    label: ClassVar[str] = "Close"

    group: str
    name: str
    rule: OpenRule

    @property
    def title(self) -> str:
        """The command's name."""
        return f"Close {self.rule.words} to {self.group}"

    @property
    def sentence(self) -> str:
        """What may stop working."""
        return f"Nobody reaches what is in {self.name or self.group} by this rule any more. Its other rules stay."

    @property
    def cli(self) -> str:
        """The same by the AWS CLI."""
        permission = json.dumps([self.rule.permission()], separators=(",", ":"))
        return (
            f"aws ec2 revoke-security-group-ingress --group-id {self.group} --ip-permissions {shlex.quote(permission)}"
        )

    @property
    def subject(self) -> tuple[str, str]:
        """The group."""
        return "securitygroup", self.group

    async def carry_out(self, session: AwsSession) -> None:
        """Raises ``Conflict`` when the group has no such rule any more."""
        doing = f"close {self.rule.words} to {self.group}"
        answer = await session.call("ec2", "describe_security_groups", doing, GroupIds=[self.group])
        if self.rule not in [rule for group in answer["SecurityGroups"] for rule in rules_of(group)]:
            raise meanwhile(f"The rule of {self.group}")
        await session.call(
            "ec2", "revoke_security_group_ingress", doing, GroupId=self.group, IpPermissions=[self.rule.permission()]
        )
