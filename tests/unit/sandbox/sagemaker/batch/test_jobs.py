"""What all jobs have in common: the words with which they fail, and what is left of one that never began."""

from __future__ import annotations

import errno
import threading
from pathlib import Path

import pytest

from sandbox.core.processes import StartFailed
from sandbox.sagemaker.batch.run import failure_words
from sandbox.sagemaker.inputs import JobInputError
from sandbox.wire.errors import AwsError
from tests.helpers.batch_jobs import Bench
from tests.helpers.waiting import wait_for


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (JobInputError("no data"), "ClientError: no data"),
        (AwsError("AccessDenied", "Not allowed"), "ClientError: AccessDenied: Not allowed"),
        (StartFailed("no such program"), "ClientError: The container could not be started: no such program"),
        (ValueError("of the sandbox itself"), ""),
    ],
)
def test_what_ends_a_job_is_told_in_words(error: Exception, words: str) -> None:
    assert failure_words(error) == words
    assert failure_words(OSError(errno.ENOSPC, "No space left on device")).startswith("InternalServerError: ")


def test_the_keys_of_a_job_that_could_not_begin_are_revoked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    # The sandbox prints what ended the job's thread.
    monkeypatch.setattr("threading.excepthook", lambda _: None)
    monkeypatch.setattr("sandbox.sagemaker.processing.jobs.account_environment", full)
    bench, revoked = Bench(tmp_path), list[str]()
    monkeypatch.setattr(bench.context.credentials, "revoke", revoked.append)
    bench.process("never", "print(1)")
    assert "the job could not be started" in bench.end("Processing", "never")["FailureReason"]
    wait_for(lambda: "processing never" not in [thread.name for thread in threading.enumerate()])
    assert revoked
    bench.close()
