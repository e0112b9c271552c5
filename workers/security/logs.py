"""Log groups that keep everything for ever, or too little."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from workers.aws.session import AwsSession
from workers.security.check import Area, Check, Problem
from workers.security.types import Change, Resource, meanwhile

# What a click sets: long enough to look into what happened last quarter.
DAYS = 90


@dataclass(frozen=True)
class LogGroupFact:
    """A log group; ``days`` is ``None`` when it keeps everything."""

    name: str
    arn: str
    days: int | None

    @property
    def resource(self) -> Resource:
        """The log group."""
        return Resource("Other", self.name, self.arn, "log group")


async def read_log_groups(session: AwsSession) -> Sequence[LogGroupFact]:
    """All log groups of the region. Raises ``SageDeckError``."""
    found = session.paginate("logs", "describe_log_groups", "logGroups", doing="list the log groups")
    return [
        LogGroupFact(group["logGroupName"], group.get("arn", ""), group.get("retentionInDays")) async for group in found
    ]


def judge_retention(fact: LogGroupFact, now: datetime) -> Iterator[Problem]:
    """No end is set."""
    if fact.days is None:
        yield Problem("It keeps every line for ever, and bills for it.", SetRetention(fact.name, DAYS))


LOG_GROUPS = Area(
    "log groups",
    "cloudwatch",
    read_log_groups,
    (
        Check(
            "sagedeck_log_group_without_retention",
            "Log group keeps everything",
            "low",
            "What was logged years ago, maybe with personal data, can still be read, and costs.",
            f"Let it forget after {DAYS} days, or after as long as your rules ask for.",
            judge_retention,
        ),
    ),
)


@dataclass(frozen=True)
class SetRetention(Change):
    """Let a log group forget after some days."""

    label: ClassVar[str] = "Set retention"
    danger: ClassVar[bool] = True

    group: str
    days: int

    @property
    def title(self) -> str:
        """The command's name."""
        return f"Keep {self.group} for {self.days} days"

    @property
    def sentence(self) -> str:
        """What goes."""
        return f"Lines older than {self.days} days are deleted, now and from then on. They cannot be brought back."

    @property
    def cli(self) -> str:
        """The same by the AWS CLI."""
        return (
            f"aws logs put-retention-policy --log-group-name {shlex.quote(self.group)} --retention-in-days {self.days}"
        )

    @property
    def subject(self) -> tuple[str, str]:
        """The log group."""
        return "log", self.group

    async def carry_out(self, session: AwsSession) -> None:
        """Raises ``Conflict`` when it is gone, or an end is set by now."""
        doing = f"set the retention of {self.group}"
        groups = session.paginate(
            "logs", "describe_log_groups", "logGroups", doing=doing, logGroupNamePrefix=self.group
        )
        found = [group.get("retentionInDays") async for group in groups if group["logGroupName"] == self.group]
        if found != [None]:
            raise meanwhile(f"The retention of {self.group}")
        await session.call("logs", "put_retention_policy", doing, logGroupName=self.group, retentionInDays=self.days)
