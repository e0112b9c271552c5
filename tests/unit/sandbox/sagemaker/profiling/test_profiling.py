"""What Debugger leaves of a job: measured metrics as smdebug reads them, and rules that never pretend."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.sagemaker.profiling.profiler import Profiler, Sample, profile_place, quantiles
from sandbox.sagemaker.profiling.rules import DEBUG, PROFILER, Judge, opening, stopped
from sandbox.wire.errors import AwsError
from tests.helpers.waiting import wait_for

SAMPLES = [Sample(100.0 + n, "algo-1", float(10 * n), 5.0) for n in range(5)]


class Store:
    """S3 that keeps texts; ``refuses`` is the beginning of keys that nobody may write."""

    def __init__(self, refuses: str = "-") -> None:
        self.objects: dict[str, str] = {}
        self.refuses = refuses

    def put_file(self, bucket: str, key: str, path: Path) -> None:
        if key.startswith(self.refuses):
            raise AwsError("AccessDenied", "may not s3:PutObject", 403)
        self.objects[key] = path.read_text("utf-8")

    list: Callable[..., Any]
    download_file: Callable[..., Any]
    open_path: Callable[..., Any]


def request(**changes: Any) -> dict[str, Any]:
    return {"TrainingJobName": "job", "OutputDataConfig": {"S3OutputPath": "s3://b/out"}, **changes}


def rule(name: str, kind: str = "", **more: Any) -> dict[str, Any]:
    parameters = {"RuleParameters": {"rule_to_invoke": kind}} if kind else {}
    return {"RuleConfigurationName": name, "RuleEvaluatorImage": "image", **parameters, **more}


@pytest.mark.parametrize(
    ("config", "place"),
    [
        (None, ""),
        ({}, ""),
        ({"S3OutputPath": "s3://b/p"}, "s3://b/p/job"),
        ({"S3OutputPath": "s3://b/p", "DisableProfiler": True}, ""),
    ],
)
def test_who_asks_for_no_profile_gets_none(config: Any, place: str) -> None:
    assert str(profile_place(request(ProfilerConfig=config)) or "") == place


def test_a_job_is_measured_in_files_of_a_minute(tmp_path: Path) -> None:
    store, seconds = Store(), iter(range(1000))

    def measure(pid: int) -> tuple[float, int]:
        return float(next(seconds)) / 1000, 1024**3

    profiler = Profiler(store, request(ProfilerConfig={"S3OutputPath": "s3://b/p"}), tmp_path, measure)
    profiler.watch({"algo-1": 1})
    wait_for(lambda: profiler.samples)
    profiler.finish()
    profiler.finish()
    (key,) = [key for key in store.objects if key.endswith(".json")]
    place, hour, name = key.rsplit("/", 2)
    assert place == "p/job/profiler-output/system/incremental"
    end, node, _json = name.split(".")
    sample = profiler.samples[0]
    assert 0 < int(end) - sample.at <= 60 and int(end) % 60 == 0 and len(hour) == 10 and node == "algo-1"
    cpu, memory = [json.loads(line) for line in store.objects[key].splitlines()][:2]
    assert (cpu["Type"], cpu["Name"], cpu["Dimension"], cpu["NodeId"]) == ("cpu", "cpu0", "CPUUtilization", "algo-1")
    assert (memory["Type"], memory["Name"], memory["Timestamp"]) == ("memory", "MemoryUsedPercent", sample.at)
    assert 0 < memory["Value"] <= 100
    assert "p/job/profiler-output/system/training_job_end.ts" in store.objects


def test_a_profile_that_cannot_be_stored_costs_the_job_nothing(tmp_path: Path) -> None:
    store = Store(refuses="p/")
    profiler = Profiler(store, request(ProfilerConfig={"S3OutputPath": "s3://b/p"}), tmp_path, lambda pid: (0.0, 1))
    profiler.watch({"algo-1": 1})
    wait_for(lambda: profiler.samples)
    profiler.finish()
    assert store.objects == {}


def test_a_rule_that_is_not_evaluated_is_an_error_with_its_reason(tmp_path: Path) -> None:
    rules = request(
        DebugRuleConfigurations=[rule("VanishingGradient", "VanishingGradient")],
        ProfilerRuleConfigurations=[
            rule("LowGPUUtilization", "LowGPUUtilization"), rule("ProfilerReport-1", "ProfilerReport"),
            rule("StepOutlier", "StepOutlier"),
        ],
    )  # fmt: skip
    begun = opening(rules, 1.0)
    assert {len(begun[DEBUG]), len(begun[PROFILER])} == {1, 3}
    assert {status["RuleEvaluationStatus"] for status in begun[DEBUG] + begun[PROFILER]} == {"InProgress"}
    store = Store()
    found = Judge(store, rules, ["ml.m5.large"]).judge(SAMPLES, tmp_path, 2.0)
    assert [status["RuleEvaluationStatus"] for status in found[DEBUG]] == ["Error"]
    assert "saves no tensors" in found[DEBUG][0]["StatusDetails"]
    statuses = {status["RuleConfigurationName"]: status["RuleEvaluationStatus"] for status in found[PROFILER]}
    assert statuses == {
        "LowGPUUtilization": "NoIssuesFound", "ProfilerReport-1": "NoIssuesFound", "StepOutlier": "Error",
    }  # fmt: skip
    place = "out/job/rule-output/ProfilerReport-1/profiler-output"
    page = store.objects[f"{place}/profiler-report.html"]
    assert "<td>algo-1</td><td>CPU</td><td>20</td><td>40</td>" in page and "<polyline" in page
    use = json.loads(store.objects[f"{place}/profiler-reports/OverallSystemUsage.json"])
    assert use["Datapoints"] == 5 and use["Details"]["CPU"]["algo-1"]["max"] == 40.0


@pytest.mark.parametrize(
    ("samples", "instance", "words"),
    [
        (SAMPLES, "ml.g4dn.xlarge", "measures no GPU"),
        ([], "ml.m5.large", "Nothing was measured"),
    ],
)
def test_a_gpu_that_nobody_measured_is_not_said_to_be_busy(
    tmp_path: Path, samples: list[Sample], instance: str, words: str
) -> None:
    rules = request(ProfilerRuleConfigurations=[rule("low", "LowGPUUtilization")])
    (status,) = Judge(Store(), rules, [instance]).judge(samples, tmp_path, 2.0)[PROFILER]
    assert status["RuleEvaluationStatus"] == "Error"
    assert words in status["StatusDetails"]


def test_a_report_that_cannot_be_stored_and_a_job_that_never_ran(tmp_path: Path) -> None:
    rules = request(ProfilerRuleConfigurations=[rule("report", "ProfilerReport", S3OutputPath="s3://b/mine")])
    (status,) = Judge(Store(refuses="mine/"), rules, ["ml.m5.large"]).judge(SAMPLES, tmp_path, 2.0)[PROFILER]
    assert (status["RuleEvaluationStatus"], "AccessDenied" in status["StatusDetails"]) == ("Error", True)
    body = opening(rules, 1.0)
    assert [status["RuleEvaluationStatus"] for status in stopped(body, 2.0)[PROFILER]] == ["Stopped"]
    assert opening(request(), 1.0) == {} and stopped({}, 2.0) == {}


def test_quantiles() -> None:
    assert quantiles([3.0]) == {"p50": 3.0, "p95": 3.0, "p99": 3.0, "max": 3.0}
    assert quantiles([float(n) for n in range(101)]) == {"p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0}
