"""Processing jobs: what they find, what they leave, every way to end, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.sagemaker.processing.request import check_request
from sandbox.wire.errors import AwsError
from tests.helpers.batch_jobs import ROLE, Bench, s3_input, s3_output
from tests.helpers.sagemaker_jobs import archive
from tests.helpers.waiting import wait_for

GROUP = "/aws/sagemaker/ProcessingJobs"
OUT = "/opt/ml/processing/output"
COUNTS = """
import json, os, pathlib, sys
config = pathlib.Path("/opt/ml/config")
job = json.load(open(config / "processingjobconfig.json"))
host = json.load(open(config / "resourceconfig.json"))["current_host"]
print("found", job["ProcessingJobName"], host, sys.argv[1:], os.environ["WORD"])
out = pathlib.Path("/opt/ml/processing/output")
names = sorted(path.name for path in pathlib.Path("/opt/ml/processing/input/data").iterdir())
(out / f"{host}.txt").write_text(" ".join(names))
pathlib.Path("/opt/ml/output/message").write_text("all counted in " + str(out))
"""
SLEEPS = f"""
import time
open("{OUT}/early.txt", "w").write("early")
print("up", flush=True)
time.sleep(600)
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def test_inputs_are_sharded_and_outputs_kept(bench: Bench) -> None:
    for name in ("a", "b", "c"):
        bench.s3.put_bytes("bucket", f"data/{name}.txt", b"x")
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    data = s3_input(
        "data", "s3://bucket/data/", "/opt/ml/processing/input/data", S3DataDistributionType="ShardedByS3Key"
    )
    bench.process(
        "counts", COUNTS, "--flag", "/opt/ml/processing/x",
        ProcessingInputs=[data],
        ProcessingResources={"ClusterConfig": cluster},
        ProcessingOutputConfig={"Outputs": [s3_output("counts", OUT)]},
        Environment={"WORD": "hello"},
    )  # fmt: skip
    job = bench.end("Processing", "counts")
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert job["ExitMessage"] == f"all counted in {OUT}"
    assert bench.stored("out/counts/") == {"algo-1.txt": b"a.txt c.txt", "algo-2.txt": b"b.txt"}
    lines = [line for line in bench.log(GROUP) if line.startswith("found")]
    said = "['--flag', '/opt/ml/processing/x'] hello"
    assert sorted(lines) == [f"found counts algo-1 {said}", f"found counts algo-2 {said}"]
    assert job["ProcessingEndTime"] >= job["ProcessingStartTime"] >= job["CreationTime"]
    assert not list((bench.state.jobs / ".processing").iterdir())
    listed = bench.call("ListProcessingJobs", StatusEquals="Completed")["ProcessingJobSummaries"]
    assert [(item["ProcessingJobName"], item["ExitMessage"]) for item in listed] == [("counts", job["ExitMessage"])]


def test_an_sdk_source_archive_sees_the_paths_of_its_container(bench: Bench) -> None:
    script = f"open('{OUT}/made.txt', 'w').write('made')\n"
    bench.s3.put_bytes("bucket", "sdk/source/sourcedir.tar.gz", archive({"steps/run.py": script}))
    shell = b'cd /opt/ml/processing/input/code/\ntar -xzf sourcedir.tar.gz\nset -e\npython3 steps/run.py "$@"\n'
    bench.s3.put_bytes("bucket", "sdk/entry/runproc.sh", shell)
    inputs = [
        s3_input("code", "s3://bucket/sdk/source/sourcedir.tar.gz", "/opt/ml/processing/input/code/"),
        s3_input("entrypoint", "s3://bucket/sdk/entry/runproc.sh", "/opt/ml/processing/input/entrypoint"),
    ]
    entry = ["/bin/bash", "/opt/ml/processing/input/entrypoint/runproc.sh"]
    bench.call(
        "CreateProcessingJob",
        ProcessingJobName="sdk",
        RoleArn=ROLE,
        ProcessingInputs=inputs,
        AppSpecification={"ImageUri": "i", "ContainerEntrypoint": entry},
        ProcessingOutputConfig={"Outputs": [s3_output("sdk", OUT)]},
        ProcessingResources={"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}},
    )
    job = bench.end("Processing", "sdk")
    assert job["ProcessingJobStatus"] == "Completed", (job.get("FailureReason"), bench.log(GROUP))
    assert bench.stored("out/sdk/") == {"made.txt": b"made"}


def test_a_failure_says_why_and_uploads_nothing(bench: Bench) -> None:
    script = f"open('{OUT}/half.txt', 'w').write('half')\nraise ValueError('no /opt/ml/processing here')\n"
    bench.process("fails", script, ProcessingOutputConfig={"Outputs": [s3_output("fails", OUT)]})
    job = bench.end("Processing", "fails")
    assert job["ProcessingJobStatus"] == "Failed"
    reason = job["FailureReason"]
    assert reason.startswith("AlgorithmError: See job logs for more information, exit code: 1\nValueError: no /opt/ml")
    assert str(bench.state.path) not in reason
    assert bench.stored("out/fails/") == {}


@pytest.mark.parametrize(("limit", "reason"), [(600, ""), (1, "exceeded MaxRuntimeInSeconds")])
def test_a_stop_and_a_time_out_keep_what_was_uploaded_continuously(bench: Bench, limit: int, reason: str) -> None:
    outputs = [s3_output("now", OUT, "Continuous")]
    bench.process(
        "sleeps", SLEEPS,
        StoppingCondition={"MaxRuntimeInSeconds": limit},
        ProcessingOutputConfig={"Outputs": outputs},
    )  # fmt: skip
    if not reason:
        wait_for(lambda: "up" in bench.log(GROUP))
        bench.call("StopProcessingJob", ProcessingJobName="sleeps")
    job = bench.end("Processing", "sleeps")
    assert job["ProcessingJobStatus"] == "Stopped"
    assert reason in job.get("FailureReason", "")
    assert bench.stored("out/now/") == {"early.txt": b"early"} or reason
    assert not bench.processes.running()
    with pytest.raises(AwsError, match="the processing job is in status Stopped"):
        bench.call("StopProcessingJob", ProcessingJobName="sleeps")


def test_jobs_of_all_kinds_wait_in_one_queue_and_a_kill_leaves_none_in_progress(bench: Bench) -> None:
    bench.queue.slots = 1
    bench.process("first", SLEEPS, ProcessingOutputConfig={"Outputs": [s3_output("x", OUT)]})
    wait_for(lambda: "up" in bench.log(GROUP))
    bench.process("second", SLEEPS)
    waiting = bench.call("DescribeProcessingJob", ProcessingJobName="second")
    assert waiting["ProcessingJobStatus"] == "InProgress"
    assert "ProcessingStartTime" not in waiting
    # As after a kill: what a former sandbox has written down is read by the next one.
    bench.processing.recover()
    job = bench.call("DescribeProcessingJob", ProcessingJobName="second")
    assert job["ProcessingJobStatus"] == "Failed"
    assert "the sandbox stopped" in job["FailureReason"]


def test_an_input_that_cannot_be_had_is_the_clients_error(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(role: str, action: str, resource: str, context: object = None) -> None:
        if action == "s3:GetObject" and "secret" in resource:
            raise AwsError("AccessDenied", f"{role} is not authorized to perform: {action}", 403)

    monkeypatch.setattr(bench.access, "authorize_role", refuse)
    bench.s3.put_bytes("bucket", "secret/a", b"x")
    bench.s3.put_bytes("bucket", f"long/{'n' * 260}", b"x")
    for name, prefix, words in (
        ("denied", "secret", "is not authorized to perform: s3:GetObject"),
        ("long", "long", "cannot be a file: File name too long"),
    ):
        given = [s3_input("data", f"s3://bucket/{prefix}/", "/opt/ml/processing/input/data")]
        bench.process(name, SLEEPS, ProcessingInputs=given)
        reason = bench.end("Processing", name)["FailureReason"]
        assert reason.startswith(f"ClientError: Failed to download data: s3://bucket/{prefix}/"), reason
        assert words in reason
        assert str(bench.state.path) not in reason


class Everything:
    """S3 that has every bucket but one."""

    def bucket_exists(self, bucket: str) -> bool:
        return bucket != "gone"

    def any_object(self, bucket: str, prefix: str) -> bool:
        return bucket != "gone"


def changed(**changes: Any) -> dict[str, Any]:
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
    return {
        "ProcessingJobName": "job",
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": "i", "ContainerEntrypoint": ["python3"]},
        "ProcessingResources": {"ClusterConfig": cluster},
        **changes,
    }


DATA = "/opt/ml/processing/input/data"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"AppSpecification": {"ImageUri": "i"}}, "runs no image of its own"),
        ({"ProcessingInputs": [{"InputName": "i", "DatasetDefinition": {}}]}, "neither Athena nor Redshift"),
        ({"ProcessingInputs": [{"InputName": "i"}]}, "must have an S3Input"),
        ({"ProcessingInputs": [s3_input("i", "s3://b/k", "/opt/ml/input")]}, "must begin with /opt/ml/processing/"),
        ({"ProcessingInputs": [s3_input("i", "s3://b/k", f"{DATA}/../../../x")]}, "must begin with"),
        ({"ProcessingInputs": [s3_input("i", "s3://b/k", DATA, S3InputMode="Pipe")]}, "Pipe input mode"),
        ({"ProcessingInputs": [s3_input("i", "s3://b/k", DATA, S3CompressionType="Gzip")]}, "Pipe input mode"),
        ({"ProcessingInputs": [s3_input("i", "s3://gone/k", DATA)]}, 'No S3 objects found under S3 URL "s3://gone/k"'),
        ({"ProcessingInputs": [s3_input("i", "s3://b/k", DATA)] * 2}, "input names must be unique"),
        (
            {"ProcessingInputs": [s3_input("i", "s3://b/k", DATA), s3_input("j", "s3://b/k", f"{DATA}/")]},
            "LocalPath of inputs must be unique",
        ),
        ({"ProcessingOutputConfig": {"Outputs": [s3_output("o", "/tmp")]}}, "must begin with"),
        ({"ProcessingOutputConfig": {"Outputs": [s3_output("o", OUT, uri="s3://gone/o")]}}, "does not exist"),
        (
            {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "o", "FeatureStoreOutput": {}}]}},
            "no feature store",
        ),
    ],
)
def test_what_cannot_run_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(AwsError, match=words.replace("(", r"\(")) as refused:
        check_request(changed(**changes), Everything(), "us-east-1", lambda role: True)
    assert refused.value.code == "ValidationException"
    check_request(changed(), Everything(), "us-east-1", lambda role: True)
    with pytest.raises(AwsError, match="Could not assume role"):
        check_request(changed(), Everything(), "us-east-1", lambda role: False)


def test_a_name_is_taken_once_and_what_is_not_there_is_told(bench: Bench) -> None:
    bench.process("once", "print('x')")
    with pytest.raises(AwsError, match="a job with this name already exists") as taken:
        bench.process("once", "print('x')")
    assert taken.value.code == "ResourceInUse"
    with pytest.raises(AwsError, match="Could not find requested job with name: nobody"):
        bench.call("DescribeProcessingJob", ProcessingJobName="nobody")
    assert json.dumps(bench.end("Processing", "once"))
