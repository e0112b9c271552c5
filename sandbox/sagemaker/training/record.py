"""The record of one training job as it changes: status, transitions and metrics, kept on every step."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sandbox.sagemaker.batch.record import BatchRecord
from sandbox.sagemaker.profiling.rules import stopped
from sandbox.sagemaker.records import Records
from sandbox.sagemaker.training.spot import billable_seconds, trained_seconds

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


class JobRecord(BatchRecord):
    """A training job's Describe answer with the steps that change it; every step is on disk on return."""

    def __init__(self, records: Records, body: dict[str, Any], changed: Callable[[dict[str, Any]], None]) -> None:
        super().__init__(records, "Training", body)
        self._changed = changed

    def step(self, secondary: str, message: str = "") -> None:
        """Enter a secondary status of a running job (Downloading, Training, Uploading)."""
        with self._lock:
            self._transition(secondary, message, time.time())
        self._changed(self.body)

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

    def _stopping(self, now: float) -> None:
        self._transition("Stopping", "", now)

    def _ending(self, now: float, reason: str, secondary: str = "", **details: str) -> None:
        if self.body.get("TrainingStartTime") is not None:
            seconds = max(1, round(trained_seconds(self.body, now)))
            self.body["TrainingTimeInSeconds"] = seconds
            self.body["BillableTimeInSeconds"] = billable_seconds(self.body, seconds)
        self.body |= stopped(self.body, now)
        self._transition(secondary or self.status, reason, now)
        self.body["SecondaryStatusTransitions"][-1]["EndTime"] = now

    def _tell(self) -> None:
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
