"""All jobs of one kind, whatever kind it is: their life from the queue to the end."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sandbox.billing.quotas import Quotas
from sandbox.context import SandboxContext
from sandbox.sagemaker.batch.record import FINAL_STATUSES, STOPPED_REASON, BatchRecord
from sandbox.sagemaker.batch.run import BatchRun
from sandbox.sagemaker.queue import JobQueue, Turn
from sandbox.sagemaker.records import Records, Tags
from sandbox.wire.errors import AwsError

Kept = TypeVar("Kept", bound=BatchRecord)


@dataclass
class Entry(Generic[Kept]):
    """A job that waits or runs. ``patience`` gives it up where it waits for too long."""

    record: Kept
    request: Mapping[str, Any]
    turn: Turn
    run: BatchRun | None = None
    patience: threading.Timer | None = None

    def wait_no_more(self) -> None:
        """The job has begun, or never will."""
        if self.patience is not None:
            self.patience.cancel()


class BatchJobs(ABC, Generic[Kept]):
    """All jobs of one kind. A subclass says what is accepted, what it runs on, and how it runs."""

    word: str
    kind: str

    def __init__(self, ctx: SandboxContext, queue: JobQueue) -> None:
        self._ctx, self.queue = ctx, queue
        self.records = Records(ctx.state.db, self.kind)
        self._tags = Tags(ctx.state.db)
        self._quotas = Quotas(ctx.state.db)
        self._lock = threading.RLock()
        self._live: dict[str, Entry[Kept]] = {}
        self._closed = False

    @abstractmethod
    def instances(self, request: Mapping[str, Any]) -> dict[str, int]:
        """Number of instances by type."""

    @abstractmethod
    def make(self, record: Kept, request: Mapping[str, Any], ended: ExitStack) -> BatchRun:
        """The run of a job; ``ended`` takes what is to be done when it is over, also where there is none."""

    @abstractmethod
    def _record(self, body: dict[str, Any]) -> Kept:
        """The record that changes this Describe answer."""

    @abstractmethod
    def _quota(self, request: Mapping[str, Any]) -> str:
        """The quota of the job's instances, as Service Quotas names it."""

    @abstractmethod
    def _absent(self, name: str) -> str:
        """AWS's words for a job that there is not."""

    @abstractmethod
    def _taken(self) -> str:
        """AWS's words for a name that another job has; the job's ARN follows."""

    def _patience(self, record: Kept) -> float | None:
        """Seconds that a job may wait for its turn; None for any time."""
        return None

    def recover(self) -> None:
        """Mark the jobs that a sandbox left behind when it was killed; their processes are gone."""
        for body in self.records.all(("InProgress", "Stopping")):
            self._record(body).finish("Failed", STOPPED_REASON)

    def busy(self) -> bool:
        """True while a job runs or waits."""
        with self._lock:
            return bool(self._live)

    def close(self) -> None:
        """End all jobs now; they are Failed with "the sandbox stopped"."""
        with self._lock:
            self._closed = True
            entries = list(self._live.values())
        for entry in [entry for entry in entries if self.queue.withdraw(entry.turn)]:
            entry.wait_no_more()
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
            raise AwsError("ValidationException", self._absent(name))
        return body

    def stop(self, name: str) -> None:
        """Begin to stop a job; ValidationException when it does not run."""
        with self._lock:
            entry = self._live.get(name)
        if entry is None or not entry.record.begin_stopping():
            status = self.describe(name)[f"{self.word}JobStatus"]
            raise AwsError(
                "ValidationException",
                f"The request was rejected because the {self.word.lower()} job is in status {status}.",
            )
        with self._lock:
            if not self._give_up(entry) and entry.run is not None:
                entry.run.stop()

    def _refuse_taken(self, name: str) -> None:
        if self.records.get(name) is not None:
            raise AwsError("ResourceInUse", f"{self._taken()} already exists ({self.records.arn(name)})")

    def _admit(self, body: dict[str, Any], request: Mapping[str, Any], parent: str = "") -> None:
        """Keep a job that was checked and queue it. Raises where its name or the last instance was taken meanwhile."""
        name, quota = body[f"{self.word}JobName"], self._quota(request)
        # Under the lock, so that two requests at once cannot both have the last instance.
        with self._lock:
            with self._ctx.state.db.transaction():
                if not self.records.add(name, body, status="InProgress", created=body["CreationTime"], parent=parent):
                    self._refuse_taken(name)
                self._tags.add(body[f"{self.word}JobArn"], request.get("Tags", []))
                self._quotas.require(quota, self.instances(request), self._in_use(quota))
            self._enqueue(self._record(body), request)

    def _in_use(self, quota: str) -> Counter[str]:
        """Instances by type of the jobs that count against this quota; the caller holds the lock."""
        used: Counter[str] = Counter()
        for entry in self._live.values():
            # A job that has ended may still be tidying up; its instances no longer count.
            if self._quota(entry.request) == quota and entry.record.status not in FINAL_STATUSES:
                used.update(self.instances(entry.request))
        return used

    def _enqueue(self, record: Kept, request: Mapping[str, Any]) -> None:
        hosts = sum(self.instances(request).values())
        entry = Entry(record, request, Turn(f"{self.word.lower()} {record.name}", hosts, lambda: self._run(entry)))
        seconds = self._patience(record)
        self._live[record.name] = entry
        if seconds is not None:
            entry.patience = threading.Timer(seconds, self._waited_too_long, (entry,))
            entry.patience.daemon = True
            entry.patience.start()
        self.queue.put(entry.turn)

    def _waited_too_long(self, entry: Entry[Kept]) -> None:
        with self._lock:
            self._give_up(entry, secondary="MaxWaitTimeExceeded")

    def _give_up(self, entry: Entry[Kept], **details: str) -> bool:
        """End a job that has not begun to run; the caller holds the lock. False when it has begun."""
        if not self.queue.withdraw(entry.turn):
            return False
        self._live.pop(entry.record.name, None)
        entry.wait_no_more()
        entry.record.finish("Stopped", **details)
        return True

    def _run(self, entry: Entry[Kept]) -> None:
        entry.wait_no_more()
        with ExitStack() as ended:
            ended.callback(self._forget, entry)
            try:
                run = self.make(entry.record, entry.request, ended)
                with self._lock:
                    entry.run = run
                    if self._closed:
                        run.shut_down()
                    elif entry.record.status == "Stopping":
                        run.stop()
                run.execute()
            except Exception as error:
                entry.record.finish("Failed", f"InternalServerError: the job could not be started: {error}")
                raise

    def _forget(self, entry: Entry[Kept]) -> None:
        with self._lock:
            self._live.pop(entry.record.name, None)
