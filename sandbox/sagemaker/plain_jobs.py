"""What processing and transform jobs have in common: their four operations, and their life from queue to end."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sandbox.billing.quotas import Quotas
from sandbox.context import SandboxContext
from sandbox.sagemaker.queue import JobQueue, Turn
from sandbox.sagemaker.records import Records, Tags
from sandbox.sagemaker.training.request import invalid
from sandbox.sagemaker.training.run import STOPPED_REASON
from sandbox.service import Operation
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller

_FINAL = frozenset({"Completed", "Failed", "Stopped"})
# FailureReason has at most so many characters.
MAX_REASON = 1024


class PlainRecord:
    """A job's Describe answer with the steps that change it; every step is on disk on return. ``word`` is
    ``Processing`` or ``Transform``, with which its members begin."""

    def __init__(self, records: Records, word: str, body: dict[str, Any]) -> None:
        self._records, self._word = records, word
        self._lock = threading.RLock()
        self.body = body
        self.name: str = body[f"{word}JobName"]
        self.arn: str = body[f"{word}JobArn"]

    @property
    def status(self) -> str:
        """ProcessingJobStatus, TransformJobStatus."""
        return str(self.body[f"{self._word}JobStatus"])

    def begin(self) -> None:
        """The instances are there: the start time is now."""
        with self._lock:
            self.body[f"{self._word}StartTime"] = time.time()
            self._save()

    def begin_stopping(self) -> bool:
        """Enter Stopping; False when the job does not run."""
        with self._lock:
            if self.status != "InProgress":
                return False
            self.body[f"{self._word}JobStatus"] = "Stopping"
            self._save()
        return True

    def finish(self, status: str, reason: str = "", **members: str) -> None:
        """Enter a final status with its reason and other ``members``; what is final already stays as it is."""
        with self._lock:
            if self.status in _FINAL:
                return
            self.body |= {f"{self._word}JobStatus": status, f"{self._word}EndTime": time.time()}
            self.body |= {name: text for name, text in members.items() if text}
            if reason:
                self.body["FailureReason"] = reason[:MAX_REASON]
            self._save()

    def _save(self) -> None:
        now = time.time()
        self.body["LastModifiedTime"] = now
        self._records.save(self.name, self.body, status=self.status, modified=now)


class Run(Protocol):
    """One job that runs in the calling thread (``execute``); the others come from other threads."""

    def execute(self) -> None:
        """Run the job to its end and leave its record in a final status."""
        ...

    def stop(self) -> None:
        """End the job as StopProcessingJob and StopTransformJob do."""
        ...

    def shut_down(self) -> None:
        """End the job at once because the sandbox ends."""
        ...


@dataclass
class _Entry:
    record: PlainRecord
    request: Mapping[str, Any]
    turn: Turn
    run: Run | None = None


class PlainJobs(ABC):
    """All jobs of one kind. A subclass says what is accepted, what it runs on, and how it runs."""

    word: str
    kind: str
    # The quota of instances, as Service Quotas names it.
    usage: str
    # The members of Describe that List has, too.
    also_listed: tuple[str, ...] = ("FailureReason",)
    # Members of the record that List has and Describe has not.
    only_listed: frozenset[str] = frozenset()

    def __init__(self, ctx: SandboxContext, queue: JobQueue) -> None:
        self._ctx, self._queue = ctx, queue
        self.records = Records(ctx.state.db, self.kind)
        self._tags = Tags(ctx.state.db)
        self._quotas = Quotas(ctx.state.db)
        self._lock = threading.RLock()
        self._live: dict[str, _Entry] = {}
        self._closed = False
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

    @abstractmethod
    def instances(self, request: Mapping[str, Any]) -> dict[str, int]:
        """Number of instances by type."""

    @abstractmethod
    def make(self, record: PlainRecord, request: Mapping[str, Any]) -> tuple[Run, Callable[[], None]]:
        """The run of a job, and what is to be done when it has ended."""

    def recover(self) -> None:
        """Mark the jobs that a sandbox left behind when it was killed; their processes are gone."""
        for body in self.records.all(("InProgress", "Stopping")):
            PlainRecord(self.records, self.word, body).finish("Failed", STOPPED_REASON)

    def busy(self) -> bool:
        """True while a job runs or waits."""
        with self._lock:
            return bool(self._live)

    def close(self) -> None:
        """End all jobs now; they are Failed with "the sandbox stopped"."""
        with self._lock:
            self._closed = True
            entries = list(self._live.values())
        for entry in [entry for entry in entries if self._queue.withdraw(entry.turn)]:
            entry.record.finish("Failed", STOPPED_REASON)
        for entry in entries:
            if entry.run is not None:
                entry.run.shut_down()
        for entry in entries:
            entry.turn.join(timeout=10)

    def describe(self, name: str) -> dict[str, Any]:
        """The Describe answer of a job; ValidationException when there is none."""
        body = self.records.get(name)
        if body is None:
            raise invalid(f"Could not find requested job with name: {name}")
        return body

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
        # Under the lock, so that two requests at once cannot both have the last instance.
        with self._lock:
            with self._ctx.state.db.transaction():
                if not self.records.add(name, body, status="InProgress", created=now):
                    self._refuse_taken(name)
                self._tags.add(arn, request.get("Tags", []))
                self._quotas.require(self.usage, self.instances(request), self._in_use())
            record = PlainRecord(self.records, self.word, body)
            hosts = sum(self.instances(request).values())
            entry = _Entry(record, request, Turn(f"{self.word.lower()} {name}", hosts, lambda: self._run(entry)))
            self._live[name] = entry
            self._queue.put(entry.turn)
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
        name = request[f"{self.word}JobName"]
        with self._lock:
            entry = self._live.get(name)
            if entry is None or not entry.record.begin_stopping():
                status = self.describe(name)[f"{self.word}JobStatus"]
                word = self.word.lower()
                raise invalid(f"The request was rejected because the {word} job is in status {status}.")
            if self._queue.withdraw(entry.turn):
                self._live.pop(name, None)
                entry.record.finish("Stopped")
            elif entry.run is not None:
                entry.run.stop()
        return {}

    def _refuse_taken(self, name: str) -> None:
        if self.records.get(name) is not None:
            raise AwsError(
                "ResourceInUse",
                "Job name must be unique within an AWS account and region, and a job with this name already exists "
                f"({self.records.arn(name)})",
            )

    def _in_use(self) -> Counter[str]:
        """Instances by type of the jobs that run or wait; the caller holds the lock."""
        used: Counter[str] = Counter()
        for entry in self._live.values():
            # A job that has ended may still be tidying up; its instances no longer count.
            if entry.record.status not in _FINAL:
                used.update(self.instances(entry.request))
        return used

    def _run(self, entry: _Entry) -> None:
        done: Callable[[], None] = lambda: None  # noqa: E731
        try:
            run, done = self.make(entry.record, entry.request)
            with self._lock:
                entry.run = run
                if self._closed:
                    run.shut_down()
                elif entry.record.status == "Stopping":
                    run.stop()
            entry.record.begin()
            run.execute()
        except Exception as error:
            entry.record.finish("Failed", f"InternalServerError: the job could not be started: {error}")
            raise
        finally:
            done()
            with self._lock:
                self._live.pop(entry.record.name, None)
