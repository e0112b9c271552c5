"""Spot jobs that lose their instances: what they are told, how they go on, what is billed, and who may not go on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from sandbox.core.settings import WrongSetting, spot_interruptions
from sandbox.sagemaker.training.record import JobRecord
from sandbox.sagemaker.training.spot import billable_seconds, run_limit, trained_seconds
from sandbox.wire.errors import AwsError
from tests.helpers.training_bench import SLEEPS, STUBBORN, Bench
from tests.helpers.waiting import wait_for

KEPT = {"S3Uri": "s3://bucket/kept"}
SPOT = {
    "EnableManagedSpotTraining": True,
    "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 120},
    "CheckpointConfig": KEPT,
}
# Counts its runs in its checkpoint, waits for the end in the first one, and leaves the model of the last.
COUNTS = """
import os, signal, sys, time
place = '/opt/ml/checkpoints/runs'
runs = int(open(place).read()) + 1 if os.path.exists(place) else 1
assert not os.path.exists('/opt/ml/model/left'), 'a new instance is empty'
open('/opt/ml/model/left', 'w').write(str(runs))
def told(*_):
    open(place + '.tmp', 'w').write(str(runs)); os.replace(place + '.tmp', place); sys.exit(0)
signal.signal(signal.SIGTERM, told)
print('run', runs, flush=True)
if runs < RUNS: time.sleep(600)
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def lines(bench: Bench, text: str) -> int:
    return len(bench.logs.db.query("SELECT 1 FROM log_events WHERE message=?", (text,)))


def steps(job: dict[str, Any]) -> list[str]:
    return [step["Status"] for step in job["SecondaryStatusTransitions"]]


def test_a_job_that_lost_its_instances_goes_on_from_its_checkpoints(bench: Bench) -> None:
    bench.start("spot", COUNTS.replace("RUNS", "3"), **SPOT)
    for run in (1, 2):
        wait_for(lambda run=run: lines(bench, f"run {run}"))
        bench.jobs.interrupt("spot")
    job = bench.end("spot")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    once = ["Starting", "Downloading", "Training", "Interrupted"]
    assert steps(job) == [*once, *once, "Starting", "Downloading", "Training", "Uploading", "Completed"]
    ended = job["SecondaryStatusTransitions"]
    assert all(step["EndTime"] == after["StartTime"] for step, after in pairwise(ended))
    assert bench.s3.get_bytes("bucket", "kept/runs") == b"2"
    assert bench.s3.get_bytes("bucket", "out/spot/output/model.tar.gz")
    streams = bench.logs.db.query("SELECT DISTINCT id >> 40 FROM log_events")
    assert len(streams) == 3, "each run has a stream of its own, as each instance has"


def test_an_interrupted_job_is_not_told_of_twice(bench: Bench) -> None:
    bench.start("stubborn", STUBBORN, **SPOT)
    wait_for(lambda: lines(bench, "up"))
    bench.jobs.interrupt("stubborn")
    assert bench.secondary("stubborn") == "Interrupted"
    with pytest.raises(AwsError, match="in secondary status Interrupted"):
        bench.jobs.interrupt("stubborn")
    # Killed after the grace, and run again.
    wait_for(lambda: lines(bench, "up") == 2)


def test_a_job_that_is_stopped_while_it_is_interrupted_does_not_go_on(bench: Bench) -> None:
    bench.start("spot", STUBBORN, **SPOT)
    wait_for(lambda: lines(bench, "up"))
    bench.jobs.interrupt("spot")
    bench.jobs.stop("spot")
    job = bench.end("spot")
    assert job["TrainingJobStatus"] == "Stopped"
    assert "Interrupted" in steps(job) and steps(job).count("Starting") == 1


def test_only_spot_jobs_that_train_are_interrupted(bench: Bench) -> None:
    bench.start("plain", SLEEPS)
    wait_for(lambda: lines(bench, "up"))
    with pytest.raises(AwsError, match="only managed spot training is interrupted"):
        bench.jobs.interrupt("plain")
    assert bench.secondary("plain") == "Training"
    with pytest.raises(AwsError, match="not found"):
        bench.jobs.interrupt("nobody")


def test_the_setting_interrupts_each_run_in_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEDECK_SPOT_INTERRUPTIONS", "0.3, 0.3")
    bench = Bench(tmp_path)
    try:
        script = "import time\nprint('up', flush=True)\ntime.sleep(RUN)\n".replace("RUN", "1")
        bench.start("spot", script, **SPOT)
        bench.start("plain", script)
        assert steps(bench.end("spot")).count("Interrupted") == 2
        assert "Interrupted" not in steps(bench.end("plain"))
    finally:
        bench.close()


@pytest.mark.parametrize("text", ["soon", "0", "-1", "5,", "inf", "nan"])
def test_a_setting_that_says_nothing_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("SAGEDECK_SPOT_INTERRUPTIONS", text)
    with pytest.raises(WrongSetting, match="SAGEDECK_SPOT_INTERRUPTIONS"):
        spot_interruptions()


def interrupted(**more: Any) -> dict[str, Any]:
    """A job that trained from 1010 to 1100, was gone at 1120, and trained again from 1220 on."""
    moments = [
        ("Starting", 1000, 1010), ("Downloading", 1010, 1020), ("Training", 1020, 1100), ("Interrupted", 1100, 1120),
        ("Starting", 1120, 1220), ("Downloading", 1220, 1230),
    ]  # fmt: skip
    done = [{"Status": status, "StartTime": start, "EndTime": end} for status, start, end in moments]
    return {
        "EnableManagedSpotTraining": True,
        "CreationTime": 1000.0,
        "TrainingStartTime": 1010.0,
        "StoppingCondition": {"MaxRuntimeInSeconds": 300, "MaxWaitTimeInSeconds": 900},
        "SecondaryStatusTransitions": [*done, {"Status": "Training", "StartTime": 1230}],
        **more,
    }


def test_only_the_time_with_instances_is_trained_and_billed() -> None:
    assert trained_seconds(interrupted(), 1330.0) == 110 + 110
    assert billable_seconds(interrupted(), 220) == round(220 * 0.32)
    assert trained_seconds({"SecondaryStatusTransitions": []}, 5000.0) == 0
    waiting = interrupted()
    waiting["SecondaryStatusTransitions"] = [*waiting["SecondaryStatusTransitions"][:4],
                                             {"Status": "Starting", "StartTime": 1120}]  # fmt: skip
    assert trained_seconds(waiting, 9000.0) == 110, "a sandbox that was killed meanwhile bills nothing either"


def test_all_runs_together_have_the_time_of_one() -> None:
    assert run_limit(interrupted(), 1330.0) == (80.0, "MaxRuntimeExceeded")
    assert run_limit(interrupted(), 1880.0) == (0.0, "MaxRuntimeExceeded")
    short = interrupted(StoppingCondition={"MaxRuntimeInSeconds": 300, "MaxWaitTimeInSeconds": 350})
    assert run_limit(short, 1330.0) == (20.0, "MaxWaitTimeExceeded")


def test_a_killed_sandbox_tells_a_true_story_of_an_interrupted_job(bench: Bench) -> None:
    body = interrupted(TrainingJobName="left", TrainingJobArn="arn:left", TrainingJobStatus="InProgress",
                       SecondaryStatus="Training", LastModifiedTime=1230.0)  # fmt: skip
    bench.jobs.records.add("left", body, status="InProgress", created=1000.0)
    bench.jobs.recover()
    job = bench.jobs.describe("left")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["TrainingTimeInSeconds"] == pytest.approx(job["TrainingEndTime"] - 1010 - 100, abs=1)
    assert JobRecord(bench.jobs.records, job, lambda _: None).interrupt() is False
