"""Whatever becomes of an answer: the flow ends, and everything that exists afterwards was told and is on the screen."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.helpers.fault_flows import FLOWS, Bench, quick
from tests.helpers.fault_proxy import FaultProxy
from tests.helpers.sagemaker_jobs import BUCKET, Account
from tests.helpers.sandbox import SandboxProcess
from workers.upload.large import send_large
from workers.upload.plan import PART_SIZE
from workers.upload.remote import Remote
from workers.upload.scan import LocalFile

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

# The request that makes the thing which bills, or for which the flow is.
CREATING = {
    "deploy": ("CreateModel", "CreateEndpointConfig", "CreateEndpoint"),
    "update endpoint": ("CreateModel", "CreateEndpointConfig", "UpdateEndpoint"),
    "delete endpoint": ("DeleteEndpoint", "DeleteEndpointConfig", "DeleteModel"),
    "create function": ("CreateLogGroup", "POST /2015-03-31/functions"),
    "delete function": ("DELETE /2015-03-31/functions", "DeleteLogGroup"),
    "launch training": ("CreateTrainingJob",),
    "launch tuning": ("CreateHyperParameterTuningJob",),
    "create bucket": ("PUT /",),
    "stop job": ("StopTrainingJob",),
}


@pytest.fixture(scope="module")
def bench(runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("answers")
    with SandboxProcess(folder / "state") as sandbox, FaultProxy(sandbox.url) as proxy, quick(folder / "source"):
        made = Bench(Account(sandbox), proxy)
        runner.run(made.start())
        yield made
        made.close()


@pytest.fixture(scope="module")
def requests_of(runner: asyncio.Runner, bench: Bench) -> Callable[[str], list[str]]:
    """What a flow asks for when nothing goes wrong."""

    @cache
    def requests(flow: str) -> list[str]:
        run = runner.run(bench.run(flow, "none", 10_000))
        assert run.end == "finished", run
        return bench.requests

    return requests


@pytest.mark.parametrize("flow", CREATING)
def test_an_answer_lost_once_loses_nothing(
    flow: str, runner: asyncio.Runner, bench: Bench, requests_of: Callable[[str], list[str]]
) -> None:
    for what, fault in zip(CREATING[flow], ("lose", "truncate", "lose"), strict=False):
        at = next(number for number, request in enumerate(requests_of(flow)) if what in request)
        run = runner.run(bench.run(flow, fault, at))
        assert run.struck and run.end == "finished", run


@pytest.mark.parametrize("flow", FLOWS)
def test_whatever_happens_the_account_has_what_was_told(
    flow: str, runner: asyncio.Runner, bench: Bench, requests_of: Callable[[str], list[str]]
) -> None:
    draw, total = random.Random(flow), len(requests_of(flow))
    runs = [("reset", 3), ("delay", 1), ("trickle", 1), ("fail", 4), ("lose", 40)]
    done = [runner.run(bench.run(flow, fault, draw.randrange(total), times)) for fault, times in runs]
    bad = [run for run in done if run.end not in ("finished", "stopped")]
    assert not bad, "\n".join(map(str, bad))


@pytest.mark.parametrize("flow", ["deploy", "create function", "launch training", "create bucket"])
def test_a_cancelled_flow_takes_back_what_it_made(
    flow: str, runner: asyncio.Runner, bench: Bench, requests_of: Callable[[str], list[str]]
) -> None:
    run = runner.run(bench.run(flow, "cancelled", len(requests_of(flow)) - 1, times=0, cancel=True))
    assert run.end in ("finished", "stopped"), run


@pytest.mark.parametrize(("number", "times"), [(0, 1), (0, 4), (3, 1)])
def test_a_large_file_leaves_no_parts_behind(number: int, times: int, bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(b"x" * (PART_SIZE + 1))
    client, stat = Remote(bench.backend, BUCKET).client, path.stat()
    file = LocalFile(str(path), "large.bin", stat.st_size, stat.st_mtime_ns, stat.st_ino)
    # CreateMultipartUpload, two parts, CompleteMultipartUpload; botocore gives up after four tries.
    bench.proxy.arm("lose", number, times)
    with contextlib.nullcontext() if times == 1 else pytest.raises((BotoCoreError, ClientError)):
        send_large(
            client, file, bucket=BUCKET, key="large.bin", content_type="application/x", on_bytes=lambda sent: None,
            stopping=lambda: False,
        )  # fmt: skip
    assert "uploads" in bench.proxy.struck[0] if number == 0 else "POST" in bench.proxy.struck[0]
    bench.proxy.disarm()
    assert "Uploads" not in bench.account.s3.list_multipart_uploads(Bucket=BUCKET)
