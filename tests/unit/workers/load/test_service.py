"""The real child against a trivial server: what it sends, that it tells the truth, and that its end is told."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.plain_server import GOOD, Answer, PlainServer
from tests.helpers.waiting import until
from workers.aws.session import AwsSession
from workers.children.typed import write
from workers.errors.tree import InvalidInput
from workers.load import running, service
from workers.load.arrivals import Shape
from workers.load.reports import Reports, as_json
from workers.load.running import problem_of
from workers.load.service import LoadControl, LoadTests
from workers.load.types import LoadProgress, LoadReport, LoadTarget, Totals
from workers.prices.table import PriceTable
from workers.types import Backend, Identity

FUNCTION = LoadTarget("function", "dogs-predict")
SECRET = "very/secret+key"


class Session(AwsSession):
    async def identity(self) -> Identity:
        return Identity("123456789012", "arn:aws:iam::123456789012:user/operator")


def load_tests(server: PlainServer, folder: Path) -> LoadTests:
    backend = Backend(
        "aws", "local", "us-east-1", endpoint_url=server.url, access_key_id="AKTEST", secret_access_key=SECRET
    )
    return LoadTests(Session(backend), PriceTable.load(), Reports(folder))


def ran(server: PlainServer, folder: Path, *arguments: Any, **options: Any) -> LoadReport:
    with server:
        return asyncio.run(load_tests(server, folder).run(*arguments, **options))


def test_requests_are_signed_and_a_standstill_shows_in_p99(tmp_path: Path) -> None:
    server = PlainServer()
    server.stall(after=20, seconds=1.0)
    report = ran(server, tmp_path, FUNCTION, Shape("constant", 20, 2))
    assert report.ended == "done" and problem_of(report) is None
    totals = report.totals
    assert totals.intended == totals.sent == totals.answered == server.count == 40 and totals.failed == 0
    assert totals.latency.p99 is not None and totals.latency.p99 > 800
    assert server.heads[0].startswith("POST /2015-03-31/functions/dogs-predict/invocations HTTP/1.1")
    assert "Credential=AKTEST/" in server.heads[0] and SECRET not in server.heads[0]
    assert server.bodies[0].startswith(b'{"image": "')


def test_a_variant_is_named_only_where_there_are_several(tmp_path: Path) -> None:
    for pick in (False, True):
        server = PlainServer()
        # Nothing of this server counts instances.
        target = LoadTarget("endpoint", "dogs", "Blue", pick)
        ran(server, tmp_path, target, Shape("constant", 4, 1), watched=LoadTarget("endpoint", "dogs", "Blue"))
        posts = [head for head in server.heads if head.startswith("POST /endpoints/dogs/invocations ")]
        assert posts and all(("X-Amzn-SageMaker-Target-Variant: Blue" in head) == pick for head in posts)


def test_answers_that_are_none_are_counted_by_code_with_their_reason(tmp_path: Path) -> None:
    reason = b'{"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded", "message": "Rate Exceeded."}'

    def answer(number: int) -> Answer:
        return (429, {"x-amzn-ErrorType": "TooManyRequestsException"}, reason) if number % 4 == 0 else GOOD

    report = ran(PlainServer(answer), tmp_path, FUNCTION, Shape("constant", 40, 1))
    assert [(error.code, error.count, error.message) for error in report.totals.errors] == [
        ("TooManyRequestsException: ReservedFunctionConcurrentInvocationLimitExceeded", 10, "Rate Exceeded.")
    ]
    assert report.totals.answered == 30


def test_a_server_that_is_not_there_is_told_as_such(tmp_path: Path) -> None:
    server = PlainServer()
    with server:
        pass
    tests = load_tests(server, tmp_path)
    report = asyncio.run(tests.run(FUNCTION, Shape("constant", 10, 1)))
    assert report.ended == "done" and [error.code for error in report.totals.errors] == ["ConnectionFailed"]
    assert report.totals.failed == 10


def test_what_cannot_be_read_is_raised_before_anything_is_sent(tmp_path: Path) -> None:
    server = PlainServer()
    with pytest.raises(InvalidInput, match="No picture to send"):
        ran(server, tmp_path, FUNCTION, Shape("constant", 10, 1), str(tmp_path))
    assert server.count == 0


class Running:
    """A long test that is under way."""

    def __init__(self, server: PlainServer, folder: Path) -> None:
        self.tests, self.control, self.told = load_tests(server, folder), LoadControl(), list[LoadProgress]()
        self.task = asyncio.create_task(
            self.tests.run(
                FUNCTION,
                Shape("constant", 20, 600),
                on_progress=lambda progress, _: self.told.append(progress),
                control=self.control,
            )
        )

    async def under_way(self) -> int:
        await until(lambda: self.told and self.told[-1].totals.answered > 5)
        assert self.control.pid is not None
        return self.control.pid


def test_a_child_that_is_killed_is_told_and_its_figures_are_kept(tmp_path: Path) -> None:
    async def body() -> None:
        with PlainServer() as server:
            going = Running(server, tmp_path)
            os.kill(await going.under_way(), signal.SIGKILL)
            report = await going.task
            problem = problem_of(report)
            assert report.ended == "broken" and problem is not None and problem.code == "exit -9"
            assert report.totals.answered > 5

    asyncio.run(body())


def test_what_was_measured_before_an_error_of_the_child_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MODULE", "tests.unit.workers.load.failing_child")
    report = ran(PlainServer(), tmp_path, FUNCTION, Shape("constant", 1, 5))
    problem = problem_of(report)
    assert report.ended == "broken" and report.totals.answered == 3
    assert problem is not None and "no such thing" in problem.details


def test_a_test_that_is_stopped_returns_what_it_measured(tmp_path: Path) -> None:
    async def body() -> None:
        with PlainServer() as server:
            going = Running(server, tmp_path)
            pid = await going.under_way()
            # Keys go over its input: who lists processes sees none.
            shown = [Path(f"/proc/{pid}/{name}") for name in ("cmdline", "environ")]
            assert all(SECRET.encode() not in file.read_bytes() for file in shown if file.exists())
            going.control.cancel()
            report = await going.task
            assert report.ended == "cancelled" and report.totals.answered > 5 and problem_of(report) is None
            await going.tests.keep(report)
            [listed] = await going.tests.kept()
            assert await going.tests.whole(listed) == report
            assert SECRET not in as_json(report)
            await going.tests.forget(report)
            assert await going.tests.kept() == ()

    asyncio.run(body())


def test_a_report_of_a_test_that_nobody_waits_for_any_more_is_kept(tmp_path: Path) -> None:
    async def body() -> None:
        with PlainServer() as server:
            going = Running(server, tmp_path)
            await going.under_way()
            going.task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await going.task
            [report] = await until(lambda: going.tests.kept())
            assert report.ended == "cancelled" and report.totals.answered > 5

    asyncio.run(body())


def test_instances_counted_before_the_first_request_are_where_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 101.0, 103.0, 104.5, 106.0])
    monkeypatch.setattr(running.time, "time", lambda: next(clock))
    told: list[Any] = []
    target = LoadTarget("endpoint", "e", "V")
    known = running.Running(
        target, Shape("constant", 1, 9), "", "1", "r", lambda progress, instances: told.append(instances)
    )
    # The child takes its time to start: two counts, then its first word at 104.5, half a second after its begin.
    known.count(1)
    known.count(2)
    known.hear("progress", write(LoadProgress(0.5, Totals())))
    known.count(3)
    assert told == [((0.0, 2),)]
    assert known.report().instances == ((0.0, 2), (2.0, 3))
