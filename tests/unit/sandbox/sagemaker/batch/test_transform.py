"""Batch transform: which payloads a model gets, what becomes of its answers, every way to end, what is refused."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.sagemaker.transform.records import TooLarge, payloads
from sandbox.sagemaker.transform.request import check_request
from sandbox.wire.errors import AwsError
from tests.helpers.batch_jobs import ROLE, Bench
from tests.helpers.waiting import wait_for

GROUP = "/aws/sagemaker/TransformJobs"
# Answers with what it was given; some words are orders.
ECHO = """
import os, time
def model_fn(folder):
    print("batch", os.environ["SAGEMAKER_BATCH"], os.environ["TRANSFORM_JOB_ARN"].split("/")[-1])
    return "m"
def transform_fn(model, data, content_type, accept):
    text = data.decode() if isinstance(data, bytes) else data
    if "bad" in text:
        error = ValueError("this is bad")
        error.status_code = 400
        raise error
    if "broken" in text:
        raise RuntimeError("out of order")
    if "sleep" in text:
        print("asleep", flush=True)
        time.sleep(600)
    return f"[{text}]", accept
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    bench.model("echo", ECHO)
    yield bench
    bench.close()


def put(bench: Bench, **objects: str) -> None:
    for name, text in objects.items():
        bench.s3.put_bytes("bucket", f"in/{name.replace('__', '/')}.csv", text.encode())


def test_each_object_has_its_answers_in_order(bench: Bench) -> None:
    put(bench, a="1\n2\n3\n", sub__b="4\n\n5")
    single = {"TransformInput": {"SplitType": "Line"}, "BatchStrategy": "SingleRecord", "MaxConcurrentTransforms": 4}
    bench.batch("lines", "echo", "in/", TransformOutput={"AssembleWith": "Line", "Accept": "text/csv"}, **single)
    job = bench.end("Transform", "lines")
    assert job["TransformJobStatus"] == "Completed", (job.get("FailureReason"), bench.log(GROUP))
    assert bench.stored("out/lines/") == {"a.csv.out": b"[1]\n[2]\n[3]\n", "sub/b.csv.out": b"[4]\n[5]\n"}
    log = bench.log(GROUP)
    assert "batch true lines" in log
    first = "[sagemaker logs]: MaxConcurrentTransforms=4, MaxPayloadInMB=6, BatchStrategy=SINGLE_RECORD"
    assert sum(line.endswith(first) for line in log) == 1
    assert job["DataProcessing"] == {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}
    assert not list((bench.state.jobs / ".transform").iterdir())


def test_one_bad_object_fails_the_job_and_leaves_the_others_their_output(bench: Bench) -> None:
    put(bench, a="good", b="bad", c="good, too")
    bench.batch("mixed", "echo", "in/")
    job = bench.end("Transform", "mixed")
    assert (job["TransformJobStatus"], job["FailureReason"]) == (
        "Failed", "ClientError: See job logs for more information",
    )  # fmt: skip
    assert bench.stored("out/mixed/") == {"a.csv.out": b"[good]", "c.csv.out": b"[good, too]"}
    told = [line.partition("[sagemaker logs]: ")[2] for line in bench.log(GROUP)]
    about = "bucket/in/b.csv: "
    start = told.index(f"{about}ClientError: 400")
    assert told[start : start + 4] == [f"{about}ClientError: 400", about, f"{about}Message:", f"{about}this is bad"]


def test_a_model_that_breaks_or_does_not_load_is_the_algorithms_error(bench: Bench) -> None:
    put(bench, a="broken")
    bench.batch("breaks", "echo", "in/", ModelClientConfig={"InvocationsMaxRetries": 0})
    assert bench.end("Transform", "breaks")["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert any("Bad HTTP status received from algorithm: 500" in line for line in bench.log(GROUP))
    bench.model("unloadable", "raise ImportError('no such weights')\n")
    bench.batch("unloadable", "unloadable", "in/")
    reason = bench.end("Transform", "unloadable")["FailureReason"]
    assert reason.startswith("AlgorithmError: Model container failed to respond to ping.")
    assert "no such weights" in reason
    bench.s3.put_bytes("bucket", "echo/model.tar.gz", b"no archive")
    bench.batch("spoiled", "echo", "in/")
    assert (
        "Failed to download model data: it is not a readable tar.gz"
        in bench.end("Transform", "spoiled")["FailureReason"]
    )


def test_a_model_at_an_https_url_is_the_object_that_the_url_names(bench: Bench) -> None:
    url = "https://bucket.s3.us-east-1.amazonaws.com/echo/model.tar.gz"
    container = {"Image": "image", "ModelDataUrl": url}
    bench.call("CreateModel", ModelName="web", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    put(bench, a="good")
    bench.batch("web", "web", "in/")
    assert bench.end("Transform", "web")["TransformJobStatus"] == "Completed"
    assert bench.stored("out/web/") == {"a.csv.out": b"[good]"}
    with pytest.raises(AwsError, match="ModelDataUrl must be an S3 URI"):
        elsewhere = {**container, "ModelDataUrl": "https://example.com/model.tar.gz"}
        bench.call("CreateModel", ModelName="far", ExecutionRoleArn=ROLE, PrimaryContainer=elsewhere)


def test_a_stopped_job_stores_nothing(bench: Bench) -> None:
    put(bench, a="good", b="sleep")
    bench.batch("sleeps", "echo", "in/")
    wait_for(lambda: "asleep" in bench.log(GROUP))
    bench.call("StopTransformJob", TransformJobName="sleeps")
    job = bench.end("Transform", "sleeps")
    assert job["TransformJobStatus"] == "Stopped"
    assert bench.stored("out/sleeps/") == {}
    assert not bench.processes.running()


def test_an_answer_that_does_not_come_in_time_fails_the_job(bench: Bench) -> None:
    put(bench, a="sleep")
    client = {"InvocationsTimeoutInSeconds": 1, "InvocationsMaxRetries": 0}
    bench.batch("late", "echo", "in/", ModelClientConfig=client)
    assert bench.end("Transform", "late")["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert any("in/a.csv: Unable to get response from algorithm" in line for line in bench.log(GROUP))


@pytest.mark.parametrize(
    ("text", "how", "expected"),
    [
        (b"a\nb", {"lines": False, "single": False, "limit": None}, [b"a\nb"]),
        (b"", {"lines": False, "single": False, "limit": 9}, [b""]),
        (b"a\r\nb\n\nc", {"lines": True, "single": True, "limit": 9}, [b"a", b"b", b"c"]),
        (b"aa\nbb\ncc\n", {"lines": True, "single": False, "limit": 6}, [b"aa\nbb\n", b"cc\n"]),
        (b"aa\nbb\ncc\n", {"lines": True, "single": False, "limit": None}, [b"aa\nbb\ncc\n"]),
        (b"", {"lines": True, "single": False, "limit": 6}, []),
        (b"aaaa", {"lines": False, "single": False, "limit": 3}, TooLarge),
        (b"a\nbbbb\n", {"lines": True, "single": False, "limit": 4}, TooLarge),
    ],
)
def test_payloads(tmp_path: Path, text: bytes, how: dict[str, Any], expected: Any) -> None:
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    plain.write_bytes(text)
    packed.write_bytes(gzip.compress(text))
    for path, gzipped in ((plain, False), (packed, True)):
        if expected is TooLarge:
            with pytest.raises(TooLarge):
                list(payloads(path, gzipped=gzipped, **how))
        else:
            assert list(payloads(path, gzipped=gzipped, **how)) == expected


def test_a_record_beyond_the_limit_and_a_spoiled_gzip_are_told(bench: Bench) -> None:
    bench.s3.put_bytes("bucket", "in/large.csv", b"x" * (1024 * 1024 + 1))
    bench.s3.put_bytes("bucket", "zip/plain.gz", b"plain")
    bench.batch("large", "echo", "in/", MaxPayloadInMB=1)
    assert bench.end("Transform", "large")["FailureReason"] == "ClientError: See job logs for more information"
    bench.batch("plain", "echo", "zip/", TransformInput={"CompressionType": "Gzip"})
    assert bench.end("Transform", "plain")["TransformJobStatus"] == "Failed"
    log = bench.log(GROUP)
    assert any("in/large.csv: Too much data for max payload size" in line for line in log)
    assert any("zip/plain.gz: The object is not a gzip file" in line for line in log)


class Everything:
    """S3 that has every bucket but one."""

    def bucket_exists(self, bucket: str) -> bool:
        return bucket != "gone"

    def any_object(self, bucket: str, prefix: str) -> bool:
        return bucket != "gone"


def request(split: str = "None", kind: str = "S3Prefix", **changes: Any) -> dict[str, Any]:
    source = {"S3DataSource": {"S3DataType": kind, "S3Uri": "s3://b/in"}}
    return {
        "TransformInput": {"DataSource": source, "SplitType": split},
        "TransformOutput": {"S3OutputPath": "s3://b/out"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        **changes,
    }


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (request(kind="AugmentedManifestFile"), "does not support S3DataType AugmentedManifestFile"),
        (request("RecordIO"), "does not split records of type RecordIO"),
        (request(BatchStrategy="SingleRecord"), "needs a SplitType"),
        (request(MaxPayloadInMB=101), "must not exceed 100 MB"),
        (request(MaxPayloadInMB=50, MaxConcurrentTransforms=3), "must not exceed 100 MB; it is 150 MB"),
        (request(DataProcessing={"JoinSource": "Input"}), "neither filters nor joins"),
        (request(DataProcessing={"InputFilter": "$[1:]"}), "neither filters nor joins"),
        (request(DataCaptureConfig={}), "captures no data"),
        (request(TransformOutput={"S3OutputPath": "s3://gone/out"}), "does not exist"),
    ],
)
def test_what_is_not_done_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(AwsError, match=words) as refused:
        check_request(given, ROLE, Everything(), "us-east-1")
    assert refused.value.code == "ValidationException"
    check_request(request("Line", DataProcessing={"InputFilter": "$"}), ROLE, Everything(), "us-east-1")
