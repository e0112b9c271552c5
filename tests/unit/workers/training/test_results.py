"""What a job left: its report out of an archive one must not trust, and why it failed in plain words."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
from datetime import UTC, datetime

import boto3
import pytest
from moto import mock_aws

from tests.unit.workers.fake_aws import FakeRoles
from workers.aws.session import AwsSession
from workers.errors.tree import LocalProblem, NotFound
from workers.training.failures import explain
from workers.training.jobs import Training
from workers.training.report import MAX_REPORT_BYTES, find_report, parse_report
from workers.types import Backend, TrainingJob

REPORT = {
    "classes": ["pug", "husky"],
    "curves": [
        {"epoch": 1, "epochs": 2, "train:loss": 0.9, "valid:accuracy": 0.5, "seconds": 1.2},
        {"epoch": 2, "epochs": 2, "train:loss": 0.4, "valid:accuracy": 0.75, "seconds": 1.1},
    ],
    "test_accuracy": 0.75,
    "scores": [
        {"name": "pug", "precision": 1.0, "recall": 0.5, "f1": 0.667, "support": 2},
        {"name": "husky", "precision": 0.667, "recall": 1.0, "f1": 0.8, "support": 2},
    ],
    "confusion": [[1, 1], [0, 2]],
    "skipped": [["train/001.pug/bad.jpg", "it is cut off"]],
    "settings": {"epochs": 2},
    "best_epoch": 2,
}


def archive(*members):
    """A ``.tar.gz`` of ``(name, bytes)`` or ready ``TarInfo`` members."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            tar.addfile(info, io.BytesIO(member[1]))
    return buffer.getvalue()


def test_the_report_is_found_and_converted():
    data = find_report(io.BytesIO(archive(("model.pth", b"x" * 5000), ("./report.json", json.dumps(REPORT).encode()))))
    report = parse_report(data)
    assert report.test_accuracy == 0.75
    assert report.confusion == ((1, 1), (0, 2))
    assert report.scores[0].support == 2
    assert report.curves[1].values["valid:accuracy"] == 0.75
    assert (report.curves[1].epoch, report.curves[1].epochs) == (2, 2)
    assert report.skipped == (("train/001.pug/bad.jpg", "it is cut off"),)
    assert report.extra["best_epoch"] == 2


def test_a_class_that_was_never_answered_has_no_precision():
    """A script writes 0 there, which reads as: all answers were wrong."""
    scores = [
        {"name": "pug", "precision": 0.5, "recall": 1.0, "f1": 0.667, "support": 2},
        {"name": "husky", "precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 2},
    ]
    given = {**REPORT, "scores": scores}
    report = parse_report(json.dumps({**given, "confusion": [[2, 0], [2, 0]]}).encode())
    assert [score.precision for score in report.scores] == [0.5, None]
    # Answered, if always wrongly: 0 is what is known.
    report = parse_report(json.dumps({**given, "confusion": [[1, 1], [2, 0]]}).encode())
    assert [score.precision for score in report.scores] == [0.5, 0.0]


def link(name, target):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


@pytest.mark.parametrize(
    "members",
    [
        (),
        [("other.json", b"{}")],
        [("../report.json", b"{}")],
        [("/report.json", b"{}")],
        [("deep/report.json", b"{}")],
        [link("report.json", "/etc/passwd")],
    ],
)
def test_only_a_plain_file_in_the_root_is_the_report(members):
    assert find_report(io.BytesIO(archive(*members))) is None


def test_a_huge_report_is_refused():
    with pytest.raises(LocalProblem, match="MB"):
        find_report(io.BytesIO(archive(("report.json", b" " * (MAX_REPORT_BYTES + 1)))))


def test_a_damaged_archive_is_told():
    good = archive(("model.pth", bytes(range(256)) * 400), ("report.json", b"{}"))
    for bad in (b"this is not gzip", good[: len(good) // 2]):
        with pytest.raises(LocalProblem, match="damaged"):
            find_report(io.BytesIO(bad))


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"classes": 3}', json.dumps({**REPORT, "scores": [{"name": "a"}]}), '{"classes": ["a"]}']
)
def test_a_file_that_is_no_report_is_told(text):
    with pytest.raises(LocalProblem, match="report"):
        parse_report(text.encode())


def test_a_run_without_test_pictures_has_no_accuracy():
    report = parse_report(json.dumps({**REPORT, "test_accuracy": None, "scores": [], "confusion": []}).encode())
    assert report.test_accuracy is None


@pytest.fixture
def training():
    with mock_aws():
        boto3.client("s3", "us-east-1").create_bucket(Bucket="data")
        session = AwsSession(Backend("aws", "test", "us-east-1", access_key_id="a", secret_access_key="b"))
        yield Training(session, launcher=None, roles=FakeRoles())
        session.close()


def finished():
    place = "s3://data/sagedeck/jobs/dogs-1/output"
    return TrainingJob(
        "dogs-1",
        "Completed",
        datetime(2026, 1, 31, tzinfo=UTC),
        model_uri=f"{place}/model.tar.gz",
        output_uri=f"{place}/output.tar.gz",
    )


def put(name, data):
    key = f"sagedeck/jobs/dogs-1/output/{name}"
    boto3.client("s3", "us-east-1").put_object(Bucket="data", Key=key, Body=data)


def test_the_report_is_read_from_the_small_archive_or_else_from_the_models(training):
    put("model.tar.gz", archive(("report.json", json.dumps({**REPORT, "test_accuracy": 0.25}).encode())))
    assert asyncio.run(training.report(finished())).test_accuracy == 0.25
    put("output.tar.gz", archive(("report.json", json.dumps(REPORT).encode())))
    assert asyncio.run(training.report(finished())).test_accuracy == 0.75


def test_a_job_without_report_says_so(training):
    with pytest.raises(NotFound, match=r"report\.json"):
        asyncio.run(training.report(finished()))


TRACEBACK = [
    "Traceback (most recent call last):",
    '  File "/opt/ml/input/data/code/train.py", line 42, in main',
    "    stack(pictures)",
    "RuntimeError: stack expects each tensor to be equal size",
]
WRAPPER = (
    "AlgorithmError: Traceback (most recent call last):\n  File utils.py\n"
    "subprocess.CalledProcessError: Command '['python3', 'train.py']' returned non-zero exit status 1., exit code: 1"
)


@pytest.mark.parametrize(
    ("reason", "log", "words"),
    [
        (
            'AlgorithmError: ExecuteUserScriptError:\nExitCode 1\nErrorMessage "ValueError: no pictures\n'
            'File "train.py"\nraise"\nCommand "python3 train.py --epochs 3", exit code: 1',
            [],
            "The training script failed: no pictures.",
        ),
        (
            "AlgorithmError: The class pug has no pictures., exit code: 1",
            [],
            "The training script failed: The class pug has no pictures.",
        ),
        (WRAPPER, ["hello", *TRACEBACK, "bye"], "stack expects each tensor to be equal size"),
        (WRAPPER, [], "gave no reason"),
        ("AlgorithmError: , exit code: 137", [], "out of memory"),
        ("AlgorithmError: torch.OutOfMemoryError: CUDA out of memory. Tried, exit code: 1", [], "GPU ran out"),
        ("AlgorithmError: ModuleNotFoundError: No module named 'timm', exit code: 1", [], "package timm"),
        ("AlgorithmError: OSError: [Errno 28] No space left on device, exit code: 1", [], "disk is full"),
        (
            'ClientError: Data download failed:NoSuchKey: No S3 objects found under S3 URL "s3://b/dogs" given.',
            [],
            "s3://b/dogs",
        ),
        ("CapacityError: Unable to provision requested ML compute capacity.", [], "no free instance"),
        ("InternalServerError: We encountered an internal error.", [], "internal error"),
        ("the sandbox stopped", [], "The sandbox stopped"),
        ("", [], "gave no reason"),
    ],
)
def test_a_failure_is_told_in_one_sentence(reason, log, words):
    failure = explain(reason, log)
    assert words in failure.summary
    assert failure.summary.endswith(".")
    assert "\n" not in failure.summary


def test_the_traceback_stays_to_be_read():
    failure = explain(WRAPPER, TRACEBACK)
    assert failure.details.splitlines() == TRACEBACK
    assert failure.text.startswith(failure.summary)
