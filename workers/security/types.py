"""What a look at an account's safety finds: findings, what could not be looked at, and the report of both."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar, Literal

from workers.aws.session import AwsSession
from workers.errors.tree import Conflict, SageDeckError

Severity = Literal["critical", "high", "medium", "low", "informational"]
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "informational")
# Checks that Prowler does not have carry our name, so that nobody looks for them there.
OWN = "sagedeck_"


@dataclass(frozen=True)
class Unread:
    """Stands for a fact that could not be read, and says why in AWS's words."""

    why: str

    @classmethod
    def of(cls, error: SageDeckError) -> Unread:
        """The error's code and what AWS said."""
        words = error.details or error.message
        return cls(f"{error.code}: {words}" if error.code and error.code not in words else words)


@dataclass(frozen=True)
class Resource:
    """What a finding is about. ``kind`` as AWS's configuration items name it (``AwsS3Bucket``)."""

    kind: str
    name: str
    arn: str = ""
    # What stands beside the name where the name alone says nothing: the user of a key, the name of a group.
    note: str = ""


class Change(ABC):
    """One safe change that ends a finding. It holds what was seen, and is carried out only while that is still so."""

    # Words of its button, without dots.
    label: ClassVar[str]
    # True when something goes that cannot be brought back.
    danger: ClassVar[bool] = False

    @property
    @abstractmethod
    def title(self) -> str:
        """The change as a command's name: ``Require IMDSv2 on i-0abc``."""

    @property
    @abstractmethod
    def sentence(self) -> str:
        """What is done, and what may stop working by it."""

    @property
    @abstractmethod
    def cli(self) -> str:
        """The same as AWS CLI lines."""

    @property
    @abstractmethod
    def subject(self) -> tuple[str, str]:
        """Kind and name of what changes, as ``AppContext.resourceChanged`` announces them."""

    @abstractmethod
    async def carry_out(self, session: AwsSession) -> None:
        """Look again, then change it. Raises ``Conflict`` when it is not as it was shown any more."""


def meanwhile(what: str) -> Conflict:
    """The error for something that is not as it was shown."""
    return Conflict(
        "It has changed meanwhile",
        f"{what} is not as it was shown any more. Nothing was changed.",
        "Look again, then decide anew.",
        code="ChangedMeanwhile",
    )


@dataclass(frozen=True)
class Finding:
    """Something unsafe. ``check`` is Prowler's name, or begins with ``sagedeck_`` where Prowler has none.

    ``remedy`` says in words what to do, ``cli`` the same as AWS CLI lines; ``change`` is there where one click can do
    it. ``narrows``: it is about a role that could be given just what it used. ``at`` is when it was read; ``None``: a
    file does not say it.
    """

    check: str
    title: str
    severity: Severity
    service: str
    reason: str
    resource: Resource
    risk: str
    remedy: str
    at: datetime | None
    area: str = ""
    account: str = ""
    region: str = ""
    cli: str = ""
    url: str = ""
    change: Change | None = field(default=None, compare=False)
    narrows: bool = False

    @property
    def key(self) -> str:
        """The same for the same finding of a later look."""
        return f"{self.check} {self.resource.name} {self.resource.arn} {self.reason}"

    @property
    def uid(self) -> str:
        """As Prowler forms it."""
        return f"sagedeck-aws-{self.check}-{self.account}-{self.region}-{self.resource.name}"


@dataclass(frozen=True)
class NotChecked:
    """A check that could not be made: never taken as passed. Without ``resources`` it is about all of them."""

    check: str
    title: str
    why: str
    area: str
    resources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """One look. ``looked`` says of each check at how many resources it looked.

    ``at`` is when everything was looked at, ``renewed_at`` when some areas were looked at once more.
    """

    findings: tuple[Finding, ...]
    not_checked: tuple[NotChecked, ...]
    looked: Mapping[str, int]
    at: datetime
    account: str
    region: str
    renewed_at: datetime | None = None

    @property
    def made(self) -> int:
        """How many checks were made, if only of some resources, or of none because there are none."""
        missing = {entry.check for entry in self.not_checked}
        return sum(number > 0 or check not in missing for check, number in self.looked.items())

    def of_severity(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings that are this severe."""
        return tuple(finding for finding in self.findings if finding.severity == severity)

    def renewed(self, newer: Report, areas: Sequence[str]) -> Report:
        """This report with what a newer look at some ``areas`` found in the place of the older."""
        return replace(
            self,
            findings=ordered([*(found for found in self.findings if found.area not in areas), *newer.findings]),
            not_checked=(*(found for found in self.not_checked if found.area not in areas), *newer.not_checked),
            looked={**self.looked, **newer.looked},
            renewed_at=newer.at,
        )


def ordered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The most severe first; those of one check together."""
    rank = {severity: at for at, severity in enumerate(SEVERITIES)}
    return tuple(
        sorted(findings, key=lambda found: (rank[found.severity], found.check, found.resource.name, found.reason))
    )
