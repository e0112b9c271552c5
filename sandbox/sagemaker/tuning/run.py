"""One tuning job while it runs: which training jobs start, which are stopped early, and how it ends."""

from __future__ import annotations

import math
import queue
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.logs.store import Logs
from sandbox.sagemaker.batch.record import FINAL_STATUSES
from sandbox.sagemaker.records import Records
from sandbox.sagemaker.training.jobs import TrainingJobs
from sandbox.sagemaker.tuning.record import best_of, final_value, status_counters, trial_summary, tuning_objective
from sandbox.sagemaker.tuning.rules import hyperband_rungs, hyperband_stops, stops_early
from sandbox.sagemaker.tuning.unseen import (
    last_lines,
    matches_but_for_nan,
    nan_reason,
    slow_reason,
    too_slow,
    unseen_reason,
)
from sandbox.wire.errors import AwsError

if TYPE_CHECKING:
    from sandbox.sagemaker.tuning.request import TuningPlan

# Trials that fail one after the other fail for a reason that the next one has, too.
FAILURES_IN_A_ROW = 5
# A script that reports its objective once, at its end, must not be stopped while it saves its model.
_LEAST_EPOCHS = 2
# How often a training job that the account's quota does not allow now is tried again.
_RETRY_SECONDS = 1.0


@dataclass
class _Trial:
    name: str
    order: int
    number: int
    values: list[float] = field(default_factory=list)
    running: bool = True
    stopping: bool = False


@dataclass(frozen=True)
class _Ending:
    status: str
    reason: str = ""


class TuningRun:
    """Drives one tuning job in a thread of its own; the other methods come from any thread."""

    def __init__(
        self,
        plan: TuningPlan,
        body: dict[str, Any],
        records: Records,
        jobs: TrainingJobs,
        logs: Logs,
        claim: Callable[[str, TuningRun], None],
        release: Callable[[TuningRun], None],
    ) -> None:
        self._plan, self._body, self._records, self._jobs, self._logs = plan, body, records, jobs, logs
        self._claim, self._release = claim, release
        self.name = plan.name
        self._events: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.RLock()
        self._trials: dict[str, _Trial] = {}
        self._summaries: dict[str, dict[str, Any]] = {}
        self._held: tuple[_Trial, Mapping[str, str]] | None = None
        self._retry_at = 0.0
        self._failures = 0
        self._not_improving = 0
        self._ending: _Ending | None = None
        self._closing = False
        self._deadline = time.monotonic() + plan.max_runtime
        self._rungs = hyperband_rungs(*plan.hyperband) if plan.hyperband else []
        self.thread = threading.Thread(target=self._run, name=f"tuning {plan.name}", daemon=True)

    def job_changed(self, job: Mapping[str, Any]) -> None:
        """A training job of this tuning job has a new Describe answer."""
        copy = dict(job)
        self._events.put(lambda: self._changed(copy))

    def metrics_came(self, name: str, points: Sequence[tuple[str, float, float]]) -> None:
        """A training job reported metrics: (metric, value, epoch seconds)."""
        values = [value for metric, value, _at in points if metric == self._plan.metric]
        if values:
            self._events.put(lambda: self._reported(name, values))

    def stop(self) -> bool:
        """Begin to stop; False when the job does not run."""
        with self._lock:
            if self._body["HyperParameterTuningJobStatus"] != "InProgress":
                return False
            self._save(HyperParameterTuningJobStatus="Stopping")
        self._events.put(lambda: self._end("Stopped"))
        return True

    def stop_launching(self) -> None:
        """The sandbox ends: start nothing more and leave the record to ``TuningJobs``."""
        self._closing = True
        self._events.put(lambda: None)

    def _run(self) -> None:
        try:
            self._drive()
        except Exception as error:
            self._end("Failed")
            reason = f"InternalServerError: {type(error).__name__}: {error}"
            self._save(
                HyperParameterTuningJobStatus="Failed", HyperParameterTuningEndTime=time.time(), FailureReason=reason
            )
            raise
        finally:
            self._release(self)

    def _drive(self) -> None:
        while not self._closing:
            self._fill()
            waits = self._held is not None and self._ending is None
            if not self._running() and not waits:
                break
            left = self._deadline - time.monotonic()
            patience = min(left, _RETRY_SECONDS) if waits else left
            try:
                event = self._events.get(timeout=None if math.isinf(patience) else max(0.0, patience))
            except queue.Empty:
                if left <= patience:
                    self._deadline = math.inf
                    self._end("Completed")
                continue
            event()
        if not self._closing:
            self._finish()

    def _fill(self) -> None:
        """Start training jobs until as many run as may."""
        while self._ending is None and not self._closing:
            if len(self._running()) >= self._plan.parallel or len(self._trials) >= self._plan.jobs:
                return
            if self._held is not None and time.monotonic() < self._retry_at:
                return
            next_one = self._held or self._next()
            if next_one is None:
                return
            self._held = None if self._start(*next_one) else next_one
            if self._held is not None:
                self._retry_at = time.monotonic() + _RETRY_SECONDS
                return

    def _next(self) -> tuple[_Trial, Mapping[str, str]] | None:
        found = self._plan.engine.ask()
        if found is None:
            return None
        number, tuned = found
        order = len(self._trials) + 1
        trial = _Trial(f"{self._plan.name}-{order:03}-{secrets.token_hex(4)}", order, number)
        self._claim(trial.name, self)
        return trial, tuned

    def _start(self, trial: _Trial, tuned: Mapping[str, str]) -> bool:
        """Make a training job; False when it has to wait for the account's quota."""
        self._trials[trial.name] = trial
        try:
            self._jobs.create(self._plan.trial_request(trial.name, tuned), self._body["HyperParameterTuningJobArn"])
        except AwsError as error:
            del self._trials[trial.name]
            if error.code == "ResourceLimitExceeded":
                return False
            self._end("Failed", f"The training job {trial.name} could not be created: {error.message}")
            return True
        self._summarize(self._jobs.describe(trial.name))
        return True

    def _changed(self, job: Mapping[str, Any]) -> None:
        trial = self._trials[job["TrainingJobName"]]
        if not trial.running:
            return
        self._summarize(job)
        if job["TrainingJobStatus"] in FINAL_STATUSES:
            trial.running = False
            self._ended(trial, job)

    def _ended(self, trial: _Trial, job: Mapping[str, Any]) -> None:
        summary = self._summaries[trial.name]
        value = final_value(summary)
        self._plan.engine.tell(trial.number, value)
        failed = job["TrainingJobStatus"] == "Failed"
        self._failures = self._failures + 1 if failed else 0
        if self._failures >= FAILURES_IN_A_ROW:
            reason = job.get("FailureReason", "")
            self._end("Failed", f"{self._failures} training jobs failed in a row. The last one, {trial.name}: {reason}")
        elif job["TrainingJobStatus"] == "Completed" and value is None:
            self._check_unseen(trial)
        elif value is not None:
            self._check_criteria(trial, value)

    def _check_unseen(self, trial: _Trial) -> None:
        """A regex that matches nothing in a whole job matches nothing in the next ones: say so at once."""
        if any(trial.values for trial in self._trials.values()):
            return
        regex = self._regex()
        lines = last_lines(self._logs, trial.name)
        if too_slow(self._plan.metric, regex, lines):
            self._end("Failed", slow_reason(self._plan.metric, regex, trial.name))
        elif not matches_but_for_nan(regex, lines):
            self._end("Failed", unseen_reason(self._plan.metric, regex, trial.name, lines))

    def _regex(self) -> str:
        return next(
            metric_definition["Regex"]
            for metric_definition in self._plan.metric_definitions
            if metric_definition["Name"] == self._plan.metric
        )

    def _check_criteria(self, trial: _Trial, value: float) -> None:
        criteria = self._plan.config.get("TuningJobCompletionCriteria", {})
        best = best_of(self._summaries.values(), maximize=self._plan.maximize)
        improved = best is not None and best["TrainingJobName"] == trial.name
        self._not_improving = 0 if improved else self._not_improving + 1
        self._save(TuningJobCompletionDetails={"NumberOfTrainingJobsObjectiveNotImproving": self._not_improving})
        target = criteria.get("TargetObjectiveMetricValue")
        if target is not None and (value >= target if self._plan.maximize else value <= target):
            self._end("Completed")
        limit = criteria.get("BestObjectiveNotImproving", {}).get("MaxNumberOfTrainingJobsNotImproving", math.inf)
        if self._not_improving >= limit:
            self._end("Completed")

    def _reported(self, name: str, values: Sequence[float]) -> None:
        trial = self._trials[name]
        for value in values:
            trial.values.append(value)
            if trial.running and not trial.stopping and self._too_bad(trial):
                self._stop_trial(trial)

    def _too_bad(self, trial: _Trial) -> bool:
        maximize = self._plan.maximize
        if self._plan.median_rule and len(trial.values) >= _LEAST_EPOCHS:
            previous = [other.values for other in self._trials.values() if other.order < trial.order]
            return stops_early(trial.values, previous, maximize=maximize)
        if self._rungs:
            others = [other.values for other in self._trials.values() if other is not trial]
            return hyperband_stops(trial.values, others, self._rungs, maximize=maximize)
        return False

    def _stop_trial(self, trial: _Trial) -> None:
        trial.stopping = True
        try:
            self._jobs.stop(trial.name)
        except AwsError:
            # It has just ended by itself; its last status is on the way.
            return

    def _end(self, status: str, reason: str = "") -> None:
        """Start nothing more, stop what runs; the job has this status when all have ended."""
        if self._ending is None:
            self._ending = _Ending(status, reason)
        for trial in self._running():
            if not trial.stopping:
                self._stop_trial(trial)

    def _finish(self) -> None:
        ending = self._ending or _Ending("Completed")
        if ending.status == "Completed" and not any(
            final_value(summary) is not None for summary in self._summaries.values()
        ):
            ending = _Ending("Failed", self._nothing_learned())
        now = time.time()
        reason = {"FailureReason": ending.reason} if ending.reason else {}
        with self._lock:
            # A tuning job that was asked to stop is Stopped, even if its last training job completed first.
            status = "Stopped" if self._body["HyperParameterTuningJobStatus"] == "Stopping" else ending.status
            self._save(HyperParameterTuningJobStatus=status, HyperParameterTuningEndTime=now, **reason)

    def _nothing_learned(self) -> str:
        failed = [summary for summary in self._summaries.values() if summary["TrainingJobStatus"] == "Failed"]
        if failed and len(failed) == len(self._summaries):
            last = failed[-1]
            return (
                "All training jobs failed. Please take a look at the training jobs failures to get more details. "
                f"The last one, {last['TrainingJobName']}: {last.get('FailureReason', '')}"
            )
        for trial in reversed(self._trials.values()):
            lines = last_lines(self._logs, trial.name)
            if not too_slow(self._plan.metric, self._regex(), lines) and matches_but_for_nan(self._regex(), lines):
                return nan_reason(self._plan.metric, self._regex(), trial.name, lines)
        return f"No training job ended with a value of the objective metric {self._plan.metric}."

    def _running(self) -> list[_Trial]:
        return [trial for trial in self._trials.values() if trial.running]

    def _summarize(self, job: Mapping[str, Any]) -> None:
        self._summaries[job["TrainingJobName"]] = trial_summary(job, self._body)
        self._save(**standing(self._summaries.values(), self._body))

    def _save(self, **members: object) -> None:
        with self._lock:
            now = time.time()
            self._body |= {**members, "LastModifiedTime": now}
            status = self._body["HyperParameterTuningJobStatus"]
            self._records.save(self._plan.name, self._body, status=status, modified=now)


def standing(summaries: Iterable[dict[str, Any]], tuning: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a tuning job's Describe answer that follow from its training jobs' summaries."""
    found = list(summaries)
    maximize = tuning_objective(tuning)["Type"] == "Maximize"
    best = best_of(found, maximize=maximize)
    members: dict[str, Any] = status_counters(found)
    if best is not None:
        members["BestTrainingJob"] = best
    if "ParentBest" in tuning:
        overall = best_of([candidate for candidate in (tuning["ParentBest"], best) if candidate], maximize=maximize)
        if overall is not None:
            members["OverallBestTrainingJob"] = overall
    return members
