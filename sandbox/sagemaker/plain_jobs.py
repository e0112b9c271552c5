"""What processing and transform jobs have in common: their four operations."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from sandbox.context import SandboxContext
from sandbox.sagemaker.batch.jobs import BatchJobs
from sandbox.sagemaker.batch.record import BatchRecord
from sandbox.sagemaker.queue import JobQueue
from sandbox.service import Operation
from sandbox.wire.messages import Caller

# FailureReason has at most so many characters.
MAX_REASON = 1024


class PlainRecord(BatchRecord):
    """The record of a processing or transform job."""

    def finish(self, status: str, reason: str = "", **details: str) -> None:
        """Enter a final status with its reason and other members."""
        super().finish(status, reason[:MAX_REASON], **details)

    def _ending(self, now: float, reason: str, **details: str) -> None:
        self.body |= {name: text for name, text in details.items() if text}


class PlainJobs(BatchJobs[PlainRecord]):
    """All jobs of one kind. A subclass says what is accepted, what it runs on, and how it runs."""

    # The quota of instances, as Service Quotas names it.
    usage: str
    # The members of Describe that List has, too.
    also_listed: tuple[str, ...] = ("FailureReason",)
    # Members of the record that List has and Describe has not.
    only_listed: frozenset[str] = frozenset()

    def __init__(self, ctx: SandboxContext, queue: JobQueue) -> None:
        super().__init__(ctx, queue)
        self.operations: dict[str, Operation] = {
            f"Create{self.word}Job": self._create,
            f"Describe{self.word}Job": self._describe,
            f"List{self.word}Jobs": self._list,
            f"Stop{self.word}Job": self._stop,
        }

    @abstractmethod
    def check(self, request: Mapping[str, Any]) -> None:
        """Refuse, in AWS's words, what cannot run."""

    @abstractmethod
    def body(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The members of the Describe answer that come from the request, with AWS's defaults."""

    def _record(self, body: dict[str, Any]) -> PlainRecord:
        return PlainRecord(self.records, self.word, body)

    def _quota(self, request: Mapping[str, Any]) -> str:
        return self.usage

    def _absent(self, name: str) -> str:
        return f"Could not find requested job with name: {name}"

    def _taken(self) -> str:
        return "Job name must be unique within an AWS account and region, and a job with this name"

    def _create(self, given: Any, _caller: Caller) -> dict[str, Any]:
        request: Mapping[str, Any] = given
        name = request[f"{self.word}JobName"]
        self._refuse_taken(name)
        self.check(request)
        now, arn = time.time(), self.records.arn(name)
        body = {
            f"{self.word}JobName": name,
            f"{self.word}JobArn": arn,
            f"{self.word}JobStatus": "InProgress",
            "CreationTime": now,
            "LastModifiedTime": now,
            **self.body(request),
        }
        self._admit(body, request)
        return {f"{self.word}JobArn": arn}

    def _describe(self, request: Any, _caller: Caller) -> dict[str, Any]:
        body = self.describe(request[f"{self.word}JobName"])
        return {member: value for member, value in body.items() if member not in self.only_listed}

    def _list(self, request: Any, _caller: Caller) -> dict[str, Any]:
        shared = ("CreationTime", "LastModifiedTime", *self.also_listed)
        own = (f"{self.word}{member}" for member in ("JobName", "JobArn", "JobStatus", "EndTime"))
        members = (*own, *shared)
        found, token = self.records.page(
            request, lambda body: {member: body[member] for member in members if member in body}
        )
        return {f"{self.word}JobSummaries": found} | ({"NextToken": token} if token else {})

    def _stop(self, request: Any, _caller: Caller) -> dict[str, Any]:
        self.stop(request[f"{self.word}JobName"])
        return {}
