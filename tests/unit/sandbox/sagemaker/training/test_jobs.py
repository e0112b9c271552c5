"""The life of training jobs without a server: the queue, stubborn scripts, metrics, disks that fill up."""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.sagemaker.tuning.unseen import last_lines
from sandbox.wire.errors import AwsError, disk_full
from tests.helpers.sagemaker_jobs import archive
from tests.helpers.training_bench import SLEEPS, STUBBORN, Bench
from tests.helpers.waiting import wait_for


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def test_only_as_many_jobs_run_as_there_are_places(bench: Bench) -> None:
    # On a large machine there are more places than the account's quota has instances.
    places = bench.jobs.queue.slots = 4
    for number in range(places + 2):
        bench.start(f"job-{number}", SLEEPS)
    wait_for(lambda: [bench.secondary(f"job-{n}") for n in range(places)] == ["Training"] * places)
    assert [bench.secondary(f"job-{n}") for n in (places, places + 1)] == ["Starting", "Starting"]
    assert "TrainingStartTime" not in bench.jobs.describe(f"job-{places}")
    bench.jobs.stop(f"job-{places}")
    assert bench.end(f"job-{places}")["TrainingJobStatus"] == "Stopped"
    bench.jobs.stop("job-0")
    wait_for(lambda: bench.secondary(f"job-{places + 1}") == "Training")
    assert bench.jobs.busy()
    bench.jobs.close()
    assert not bench.processes.running()
    job = bench.jobs.describe(f"job-{places + 1}")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert "the sandbox stopped" in job["FailureReason"]


def test_a_script_that_ignores_sigterm_is_killed_after_the_grace(bench: Bench) -> None:
    bench.start("stubborn", STUBBORN)
    wait_for(lambda: bench.secondary("stubborn") == "Training")
    wait_for(lambda: bench.logs.db.query("SELECT 1 FROM log_events WHERE message='up'"))
    statuses: list[str] = []
    bench.jobs.observers.append(lambda body: statuses.append(body["TrainingJobStatus"]))
    started = time.monotonic()
    bench.jobs.stop("stubborn")
    assert bench.end("stubborn")["TrainingJobStatus"] == "Stopped"
    assert time.monotonic() - started >= 0.5
    assert statuses[0] == "Stopping"
    assert not bench.processes.running()


def test_metrics_reach_the_record_and_the_observers_while_the_job_runs(bench: Bench) -> None:
    seen: list[tuple[str, float]] = []
    bench.jobs.metric_observers.append(lambda job, points: seen.extend((name, value) for name, value, _at in points))
    statuses: list[str] = []
    bench.jobs.observers.append(lambda body: statuses.append(body["SecondaryStatus"]))
    bench.start("metrics", "print('loss=2')\nprint('loss=nan')\nprint('loss=1.5')\n" + SLEEPS)
    wait_for(lambda: len(seen) == 2)
    wait_for(lambda: bench.jobs.describe("metrics").get("FinalMetricDataList"))
    bench.jobs.stop("metrics")
    job = bench.end("metrics")
    assert seen == [("loss", 2.0), ("loss", 1.5)]
    assert [(metric["MetricName"], metric["Value"]) for metric in job["FinalMetricDataList"]] == [("loss", 1.5)]
    assert statuses == ["Downloading", "Training", "Stopping", "Uploading", "Stopped"]


def test_a_full_disk_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.start("full", SLEEPS)
    wait_for(lambda: bench.secondary("full") == "Training")

    def no_room(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "model.tar.gz")

    monkeypatch.setattr("sandbox.sagemaker.training.files.pack", no_room)
    bench.jobs.stop("full")
    job = bench.end("full")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == "InternalServerError: No space left on device: model.tar.gz"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_job_that_cannot_be_prepared_fails_and_frees_its_place(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("sandbox.sagemaker.training.jobs.account_environment", no_room)
        bench.start("early", SLEEPS)
        job = bench.end("early")
    assert job["TrainingJobStatus"] == "Failed"
    assert "No space left on device" in job["FailureReason"]
    wait_for(lambda: not bench.jobs.busy())
    bench.start("later", "print(1)")
    assert bench.end("later")["TrainingJobStatus"] == "Completed"


def test_a_source_that_cannot_be_unpacked_is_the_clients_error(bench: Bench) -> None:
    bench.s3.put_bytes("bucket", "bad.tgz", b"no archive")
    bench.start(
        "broken",
        "",
        HyperParameters={"sagemaker_program": "train.py", "sagemaker_submit_directory": "s3://bucket/bad.tgz"},
    )
    job = bench.end("broken")
    assert job["FailureReason"].startswith("ClientError: The source s3://bucket/bad.tgz cannot be unpacked")


def test_a_program_that_is_not_in_the_source_is_named(bench: Bench) -> None:
    bench.start(
        "missing",
        "print(1)",
        HyperParameters={"sagemaker_program": "hpo.py", "sagemaker_submit_directory": "s3://bucket/missing.tgz"},
    )
    assert (
        "The entry point hpo.py is not in the source. The source has: train.py."
        in bench.end("missing")["FailureReason"]
    )


def test_an_entry_point_that_does_not_exist_is_told(bench: Bench) -> None:
    algorithm = {"TrainingImage": "i", "TrainingInputMode": "File", "ContainerEntrypoint": ["/no/such/program"]}
    bench.start("nowhere", "", AlgorithmSpecification=algorithm)
    job = bench.end("nowhere")
    assert job["TrainingJobStatus"] == "Failed"
    assert "/no/such/program" in job["FailureReason"]


def test_checkpoints_come_and_go(bench: Bench) -> None:
    bench.s3.put_bytes("bucket", "checkpoints/epoch-1", b"1")
    script = (
        "assert open('/opt/ml/checkpoints/epoch-1').read() == '1'\n"
        "open('/opt/ml/checkpoints/epoch-2', 'w').write('2')\n"
    )
    bench.start("again", script, CheckpointConfig={"S3Uri": "s3://bucket/checkpoints"})
    assert bench.end("again")["TrainingJobStatus"] == "Completed"
    assert bench.s3.get_bytes("bucket", "checkpoints/epoch-2") == b"2"


def test_uncompressed_output_keeps_its_files(bench: Bench) -> None:
    script = "import os\nos.makedirs('/opt/ml/model/sub')\nopen('/opt/ml/model/sub/w', 'w').write('w')\n"
    bench.start("plain", script, OutputDataConfig={"S3OutputPath": "s3://bucket/out", "CompressionType": "NONE"})
    job = bench.end("plain")
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == "s3://bucket/out/plain/output/model/"
    assert bench.s3.get_bytes("bucket", "out/plain/output/model/sub/w") == b"w"


def test_tuning_jobs_can_start_jobs_of_their_own(bench: Bench) -> None:
    arn = "arn:aws:sagemaker:us-east-1:123456789012:hyper-parameter-tuning-job/t"
    bench.start("single", "print(1)")
    bench.s3.put_bytes("bucket", "trial.tgz", archive({"train.py": "print(1)"}))
    request = {**bench.jobs.describe("single"), "TrainingJobName": "trial"}
    bench.jobs.create(request, tuning_job_arn=arn)
    assert bench.end("trial")["TuningJobArn"] == arn
    assert [job["TrainingJobName"] for job in bench.jobs.records.all(parent=arn)] == ["trial"]
    with pytest.raises(AwsError, match="already exists"):
        bench.jobs.create(request)
    bench.end("single")


def test_instances_are_free_as_soon_as_the_job_has_ended(bench: Bench) -> None:
    single = {"ResourceConfig": {"InstanceType": "ml.g5.xlarge", "InstanceCount": 1}}
    bench.start("first", SLEEPS, **single)
    with pytest.raises(AwsError, match="current utilization of 1 Instances and a request delta of 1 Instances"):
        bench.start("second", "print(1)", **single)
    bench.start("spot", "print(1)", **single, **PATIENT)
    bench.jobs.stop("first")
    bench.end("first")
    bench.start("second", "print(1)", **single)
    assert {bench.end(name)["TrainingJobStatus"] for name in ("second", "spot")} == {"Completed"}


PATIENT = {
    "EnableManagedSpotTraining": True,
    "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 90},
}
SPOT = {
    "EnableManagedSpotTraining": True,
    "StoppingCondition": {"MaxRuntimeInSeconds": 1, "MaxWaitTimeInSeconds": 1},
}


def test_a_spot_job_that_finds_no_place_gives_up(bench: Bench) -> None:
    bench.jobs.queue.slots = 4
    for number in range(4):
        bench.start(f"busy-{number}", SLEEPS)
    bench.start("spot", SLEEPS, **SPOT)
    job = bench.end("spot")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxWaitTimeExceeded")
    assert "TrainingStartTime" not in job and "BillableTimeInSeconds" not in job


def test_a_spot_job_is_billed_less_and_keeps_its_checkpoints(bench: Bench) -> None:
    bench.s3.put_bytes("bucket", "kept/epoch", b"2")
    script = (
        "import time\nfound = open('/opt/ml/checkpoints/epoch').read()\nprint('found', found, flush=True)\n"
        "open('/opt/ml/checkpoints/epoch', 'w').write(str(int(found) + 1))\ntime.sleep(1.6)\n"
    )
    bench.start("spot", script, **PATIENT, CheckpointConfig={"S3Uri": "s3://bucket/kept"})
    job = bench.end("spot")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert job["EnableManagedSpotTraining"] and job["TrainingTimeInSeconds"] >= 2
    assert 1 <= job["BillableTimeInSeconds"] < job["TrainingTimeInSeconds"]
    assert bench.s3.get_bytes("bucket", "kept/epoch") == b"3"


def test_a_hopeless_regex_costs_its_metric_and_not_the_job(bench: Bench) -> None:
    algorithm = {
        "TrainingImage": "i",
        "TrainingInputMode": "File",
        "MetricDefinitions": [{"Name": "trap", "Regex": "(a|aa)+$"}, {"Name": "loss", "Regex": r"loss=(\S+)"}],
    }
    bench.start("trap", "print('a' * 3000 + '!')\nprint('loss=0.5')\n", AlgorithmSpecification=algorithm)
    job = bench.end("trap")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert [(metric["MetricName"], metric["Value"]) for metric in job["FinalMetricDataList"]] == [("loss", 0.5)]
    lines = last_lines(bench.logs, "trap")
    assert any(line.startswith("[sandbox] The metric 'trap' is not read any more") for line in lines)


def test_a_job_whose_log_lost_its_end_says_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise disk_full("/state")

    with monkeypatch.context() as patched:
        patched.setattr(bench.logs, "append", full)
        bench.start("silent", "print('a')\nprint('b')\n")
        job = bench.end("silent")
    assert job["TrainingJobStatus"] == "Completed"
    assert re.fullmatch(r"The last \d lines of the log are missing: the sandbox's disk was full.", job["FailureReason"])


def test_debuggers_rules_have_a_final_status_and_the_profile_is_measured(bench: Bench) -> None:
    rules = [{"RuleConfigurationName": "Overfit", "RuleEvaluatorImage": "i"}]
    report = {"RuleConfigurationName": "Report", "RuleEvaluatorImage": "i",
              "RuleParameters": {"rule_to_invoke": "ProfilerReport"}}  # fmt: skip
    bench.start(
        "profiled",
        "import time\ntime.sleep(1)\n",
        DebugRuleConfigurations=rules,
        ProfilerRuleConfigurations=[report],
        ProfilerConfig={"S3OutputPath": "s3://bucket/out", "ProfilingIntervalInMilliseconds": 500},
    )
    job = bench.end("profiled")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    statuses = [*job["DebugRuleEvaluationStatuses"], *job["ProfilerRuleEvaluationStatuses"]]
    assert [status["RuleEvaluationStatus"] for status in statuses] == ["Error", "NoIssuesFound"]
    keys = {info.key.removeprefix("out/profiled/") for info in bench.s3.list("bucket", "out/profiled/")}
    assert "rule-output/Report/profiler-output/profiler-report.html" in keys
    assert "profiler-output/system/training_job_end.ts" in keys
    assert any(key.startswith("profiler-output/system/incremental/") for key in keys)
