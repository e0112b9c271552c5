"""The record of one training job as it changes: status, transitions and metrics, kept on every step."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sandbox.sagemaker.profiling.rules import stopped
from sandbox.sagemaker.records import Records
from sandbox.sagemaker.training.spot import billable_seconds, trained_seconds

FINAL_STATUSES = frozenset({"Completed", "Failed", "Stopped"})
_MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Downloading": "Downloading input data",
    "Training": "Training in-progress",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopping": "Stopping the training job",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "Interrupted": "The job stopped because the managed spot training instances were interrupted.",
    "MaxWaitTimeExceeded": "Training job runtime and wait exceeded MaxWaitTimeInSeconds provided",
}


class JobRecord:
    """A training job's Describe answer with the steps that change it; every step is on disk on return."""

    def __init__(self, records: Records, body: dict[str, Any], changed: Callable[[dict[str, Any]], None]) -> None:
        self._records = records
        self._changed = changed
        self._lock = threading.RLock()
        self.body = body
        self.name: str = body["TrainingJobName"]

    @property
    def status(self) -> str:
        """TrainingJobStatus."""
        return self.body["TrainingJobStatus"]

    def step(self, secondary: str, message: str = "") -> None:
        """Enter a secondary status of a running job (Downloading, Training, Uploading)."""
        with self._lock:
            self._transition(secondary, message, time.time())
        self._changed(self.body)

    def start_billing(self) -> None:
        """The instances are there: TrainingStartTime is now."""
        with self._lock:
            # Of a job that was interrupted, the first start stays.
            self.body.setdefault("TrainingStartTime", time.time())
            self._save(time.time())

    def interrupt(self) -> bool:
        """Enter Interrupted; False when the job does not train now."""
        with self._lock:
            if self.status != "InProgress" or self.body["SecondaryStatus"] != "Training":
                return False
            self._transition("Interrupted", "", time.time())
        self._changed(self.body)
        return True

    def start_again(self) -> bool:
        """Enter Starting once more; False when the job is not to go on."""
        with self._lock:
            if self.status != "InProgress":
                return False
            self._transition("Starting", "", time.time())
        self._changed(self.body)
        return True

    def begin_stopping(self) -> bool:
        """Enter Stopping; False when the job does not run."""
        with self._lock:
            if self.status != "InProgress":
                return False
            self.body["TrainingJobStatus"] = "Stopping"
            self._transition("Stopping", "", time.time())
        self._changed(self.body)
        return True

    def finish(self, status: str, secondary: str = "", reason: str = "") -> None:
        """Enter a final status, with its reason; a job that is final already stays as it is."""
        with self._lock:
            if self.status in FINAL_STATUSES:
                return
            now = time.time()
            started = self.body.get("TrainingStartTime")
            self.body["TrainingJobStatus"] = status
            self.body["TrainingEndTime"] = now
            if started is not None:
                seconds = max(1, round(trained_seconds(self.body, now)))
                self.body["TrainingTimeInSeconds"] = seconds
                self.body["BillableTimeInSeconds"] = billable_seconds(self.body, seconds)
            if reason:
                self.body["FailureReason"] = reason
            self.body |= stopped(self.body, now)
            self._transition(secondary or status, reason, now)
            self.body["SecondaryStatusTransitions"][-1]["EndTime"] = now
            self._save(now)
        self._changed(self.body)

    def set_model(self, uri: str) -> None:
        """Note where model.tar.gz is; the next step keeps it."""
        with self._lock:
            self.body["ModelArtifacts"] = {"S3ModelArtifacts": uri}

    def set_rules(self, statuses: Mapping[str, object]) -> None:
        """Note what became of Debugger's rules; the next step keeps it."""
        with self._lock:
            self.body |= statuses

    def set_metrics(self, metrics: Sequence[tuple[str, float, float]], *, keep: bool) -> None:
        """Note the last value of each metric as (name, value, epoch seconds); ``keep`` writes it to disk."""
        with self._lock:
            latest = {metric["MetricName"]: metric for metric in self.body.get("FinalMetricDataList", [])}
            for name, value, at in metrics:
                latest[name] = {"MetricName": name, "Value": value, "Timestamp": at}
            self.body["FinalMetricDataList"] = list(latest.values())
            if keep:
                self._save(time.time())

    def _transition(self, secondary: str, message: str, now: float) -> None:
        transitions = self.body.setdefault("SecondaryStatusTransitions", [])
        if transitions and "EndTime" not in transitions[-1]:
            transitions[-1]["EndTime"] = now
        text = message or _MESSAGES[secondary]
        transitions.append({"Status": secondary, "StartTime": now, "StatusMessage": text})
        self.body["SecondaryStatus"] = secondary
        self._save(now)

    def _save(self, now: float) -> None:
        self.body["LastModifiedTime"] = now
        self._records.save(self.name, self.body, status=self.status, modified=now)
