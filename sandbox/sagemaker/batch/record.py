"""The record of one job as it changes, whatever kind it is: kept on every step, and final once."""

from __future__ import annotations

import threading
import time
from typing import Any

from sandbox.sagemaker.records import Records

FINAL_STATUSES = frozenset({"Completed", "Failed", "Stopped"})
STOPPED_REASON = "InternalServerError: the sandbox stopped while the job was running."


class BatchRecord:
    """A job's Describe answer with the steps that change it; every step is on disk on return. ``word`` is
    ``Training``, ``Processing`` or ``Transform``, with which its members begin."""

    def __init__(self, records: Records, word: str, body: dict[str, Any]) -> None:
        self._records, self._word = records, word
        self._lock = threading.RLock()
        self.body = body
        self.name: str = body[f"{word}JobName"]
        self.arn: str = body[f"{word}JobArn"]

    @property
    def status(self) -> str:
        """TrainingJobStatus, ProcessingJobStatus, TransformJobStatus."""
        return str(self.body[f"{self._word}JobStatus"])

    def begin(self) -> None:
        """The instances are there: the start time is now."""
        with self._lock:
            now = time.time()
            # Of a job that was interrupted, the first start stays.
            self.body.setdefault(f"{self._word}StartTime", now)
            self._save(now)

    def begin_stopping(self) -> bool:
        """Enter Stopping; False when the job does not run."""
        with self._lock:
            if self.status != "InProgress":
                return False
            self.body[f"{self._word}JobStatus"] = "Stopping"
            self._stopping(time.time())
        self._tell()
        return True

    def finish(self, status: str, reason: str = "", **details: str) -> None:
        """Enter a final status with its reason and ``details``; what is final already stays as it is."""
        with self._lock:
            if self.status in FINAL_STATUSES:
                return
            now = time.time()
            self.body |= {f"{self._word}JobStatus": status, f"{self._word}EndTime": now}
            if reason:
                self.body["FailureReason"] = reason
            self._ending(now, reason, **details)
            self._save(now)
        self._tell()

    def _stopping(self, now: float) -> None:
        """Keep that the job is being stopped; the lock is held."""
        self._save(now)

    def _ending(self, now: float, reason: str, **details: str) -> None:
        """Note what else has ended with the job; the lock is held, and the record is kept afterwards."""

    def _tell(self) -> None:
        """Tell those who follow the job that it has changed."""

    def _save(self, now: float) -> None:
        self.body["LastModifiedTime"] = now
        self._records.save(self.name, self.body, status=self.status, modified=now)
