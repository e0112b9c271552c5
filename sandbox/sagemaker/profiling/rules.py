"""Debugger's rules: which of them the sandbox can judge, from what it has measured, and what it says of the others.

A rule that is not evaluated here is an ``Error`` with the reason, never "no issues found". Judged are the rules about
GPUs of jobs on instances that have none (as on AWS, there is nothing to find), and the statistics of the system's use.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox.core.os_words import os_sentence
from sandbox.s3.uri import S3Uri
from sandbox.sagemaker.inputs import ObjectStore
from sandbox.sagemaker.profiling.profiler import Sample, quantiles
from sandbox.sagemaker.profiling.report import report
from sandbox.wire.errors import AwsError

DEBUG, PROFILER = "DebugRuleEvaluationStatuses", "ProfilerRuleEvaluationStatuses"
_CONFIGURATIONS = {DEBUG: "DebugRuleConfigurations", PROFILER: "ProfilerRuleConfigurations"}
_REPORT, _SYSTEM = "ProfilerReport", "OverallSystemUsage"
# SageMaker Developer Guide, "List of Debugger built-in rules": those that look for GPUs that idle or wait.
_ABOUT_GPUS = ("BatchSize", "CPUBottleneck", "GPUMemoryIncrease", "IOBottleneck", "LoadBalancing", "LowGPUUtilization")
_GPU_TYPE = re.compile(r"ml\.(?:p|g)\d")
_PARAMETER = "rule_to_invoke"
# StatusDetails has at most so many characters.
_MAX_DETAILS = 1024

Status = dict[str, Any]


def opening(request: Mapping[str, Any], now: float) -> dict[str, list[Status]]:
    """The members of DescribeTrainingJob about the rules of a new job; none for one without rules."""
    return {
        member: [_status(rule["RuleConfigurationName"], "InProgress", "", now) for rule in request[given]]
        for member, given in _CONFIGURATIONS.items()
        if request.get(given)
    }


def stopped(body: Mapping[str, Any], now: float) -> dict[str, list[Status]]:
    """The members when a job ends whose rules nobody has judged: it never ran, or the sandbox ended."""
    return {
        member: [
            _status(status["RuleConfigurationName"], "Stopped", "The job ended before the rule was evaluated.", now)
            if status["RuleEvaluationStatus"] == "InProgress"
            else status
            for status in body[member]
        ]
        for member in _CONFIGURATIONS
        if member in body
    }


class Judge:
    """Evaluates the rules of one job when it has ended, and stores what the rules compute."""

    def __init__(self, store: ObjectStore, request: Mapping[str, Any], instance_types: Iterable[str]) -> None:
        self._store, self._request = store, request
        self._gpus = any(_GPU_TYPE.match(kind) for kind in instance_types)

    def judge(self, samples: Sequence[Sample], scratch: Path, now: float) -> dict[str, list[Status]]:
        """The final members of DescribeTrainingJob about the rules."""
        found: dict[str, list[Status]] = {}
        for member, given in _CONFIGURATIONS.items():
            if rules := self._request.get(given):
                found[member] = [self._judged(rule, member, samples, scratch, now) for rule in rules]
        return found

    def _judged(
        self, rule: Mapping[str, Any], member: str, samples: Sequence[Sample], scratch: Path, now: float
    ) -> Status:
        name = rule["RuleConfigurationName"]
        kind = (rule.get("RuleParameters") or {}).get(_PARAMETER) or name
        why = self._why_not(kind, member, samples)
        if why:
            return _status(name, "Error", why, now)
        try:
            for path, text in self._files(kind, samples):
                local = scratch / "rule"
                local.write_text(text, encoding="utf-8")
                target = self._place(rule).below("profiler-output", path)
                self._store.put_file(target.bucket, target.key, local)
        except AwsError as error:
            return _status(name, "Error", f"ClientError: {error.code}: {error.message}"[:_MAX_DETAILS], now)
        except OSError as error:
            return _status(name, "Error", f"InternalServerError: {os_sentence(error)}"[:_MAX_DETAILS], now)
        return _status(name, "NoIssuesFound", "", now)

    def _why_not(self, kind: str, member: str, samples: Sequence[Sample]) -> str:
        if member == DEBUG:
            return f"The sandbox saves no tensors of a training script, so the rule {kind} was not evaluated here."
        if kind not in (_REPORT, _SYSTEM, *_ABOUT_GPUS):
            return f"The sandbox measures no steps of a training script, so the rule {kind} was not evaluated here."
        if not samples:
            return f"Nothing was measured of this job, so the rule {kind} was not evaluated."
        if kind in _ABOUT_GPUS and self._gpus:
            return f"The sandbox measures no GPU, so the rule {kind} was not evaluated here."
        return ""

    def _files(self, kind: str, samples: Sequence[Sample]) -> Iterator[tuple[str, str]]:
        """What a rule computes, by the path below its profiler-output."""
        kinds = [kind] if kind != _REPORT else [name for name in (_SYSTEM, *_ABOUT_GPUS) if not self._skipped(name)]
        for name in kinds:
            details = _use(samples) if name == _SYSTEM else {}
            outcome = {"RuleTriggered": 0, "Violations": 0, "Datapoints": len(samples), "Details": details}
            yield f"profiler-reports/{name}.json", json.dumps(outcome, indent=2)
        if kind == _REPORT:
            not_judged = [name for name in _ABOUT_GPUS if self._skipped(name)]
            yield "profiler-report.html", report(self._request["TrainingJobName"], samples, kinds, not_judged)

    def _skipped(self, name: str) -> bool:
        return self._gpus and name in _ABOUT_GPUS

    def _place(self, rule: Mapping[str, Any]) -> S3Uri:
        given = rule.get("S3OutputPath")
        if given:
            return S3Uri.parse(given, "S3OutputPath of a rule")
        base = S3Uri.parse(self._request["OutputDataConfig"]["S3OutputPath"])
        return base.below(self._request["TrainingJobName"], "rule-output", rule["RuleConfigurationName"])


def _use(samples: Sequence[Sample]) -> dict[str, Any]:
    """Quantiles of CPU and memory by host."""
    nodes = dict.fromkeys(sample.node for sample in samples)
    return {
        what: {node: quantiles([getattr(sample, field) for sample in samples if sample.node == node]) for node in nodes}
        for what, field in (("CPU", "cpu"), ("Memory", "memory"))
    }


def _status(name: str, status: str, details: str, now: float) -> Status:
    found = {"RuleConfigurationName": name, "RuleEvaluationStatus": status, "LastModifiedTime": now}
    return found | ({"StatusDetails": details} if details else {})
