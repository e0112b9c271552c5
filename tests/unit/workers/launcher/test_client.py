"""The launcher seen from the window: warm, restarted when dead, errors in one piece, no secret in sight."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.launches import FAKE, SECRET, backend, job
from tests.helpers.processes import children_running
from tests.helpers.waiting import wait_for
from workers.errors.tree import AccessDenied, Fix, LocalProblem, Unreachable
from workers.launcher.client import Launcher


@pytest.fixture
def launcher():
    launcher = Launcher(backend(), module=FAKE, launch_seconds=60)
    yield launcher
    launcher.close()


def pid_of(answer):
    return int(answer.job_arn.removeprefix("pid "))


def test_one_child_serves_all_launches(launcher):
    async def body():
        await launcher.prewarm()
        return await asyncio.gather(*(launcher.launch(job(name)) for name in ("a", "b", "c")))

    answers = asyncio.run(body())
    assert [answer.job_name for answer in answers] == ["a", "b", "c"]
    assert len({answer.job_arn for answer in answers}) == 1


def test_a_child_that_died_is_told_and_started_again(launcher):
    async def body():
        first = await launcher.launch(job("a"))
        with pytest.raises(LocalProblem) as died:
            await launcher.launch(job("die"))
        return first, died.value, await launcher.launch(job("b"))

    first, died, second = asyncio.run(body())
    assert "as it were" in died.details
    assert second.job_name == "b"
    assert second.job_arn != first.job_arn


def test_every_waiting_launch_fails_when_the_child_dies(launcher):
    async def body():
        await launcher.prewarm()
        names = ("one of three", "one of three", "one of three")
        return await asyncio.gather(*(launcher.launch(job(n)) for n in names), return_exceptions=True)

    assert {type(result) for result in asyncio.run(body())} == {LocalProblem}


def test_a_child_that_hangs_is_killed():
    launcher = Launcher(backend(), module=FAKE, launch_seconds=0.3)

    async def body():
        await launcher.prewarm()
        assert children_running(FAKE)
        with pytest.raises(Unreachable):
            await launcher.launch(job("hang"))

    asyncio.run(body())
    assert not children_running(FAKE)
    launcher.close()


def test_what_the_sdk_prints_is_no_answer(launcher):
    assert asyncio.run(launcher.launch(job("chatty"))).job_name == "chatty"


def test_an_error_arrives_whole(launcher):
    with pytest.raises(AccessDenied) as caught:
        asyncio.run(launcher.launch(job("taken")))
    error = caught.value
    assert (error.title, error.message, error.hint, error.code, error.request_id, error.details) == (
        "Not allowed", "m", "h", "AccessDenied", "r", "d",
    )  # fmt: skip
    assert error.action == "sagemaker:CreateTrainingJob"
    assert error.fix == Fix("Show", "grant", {"action": "a"})


@pytest.mark.parametrize(("label", "words"), [("never ready", "gone"), ("dies at once", "before it answered")])
def test_a_child_that_cannot_start_says_so(label, words):
    launcher = Launcher(backend(label), module=FAKE)
    with pytest.raises(LocalProblem, match=words):
        asyncio.run(launcher.launch(job("a")))
    launcher.close()


def test_closing_ends_the_child_and_refuses_launches(launcher):
    pid = pid_of(asyncio.run(launcher.launch(job("a"))))
    launcher.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(Unreachable):
        asyncio.run(launcher.launch(job("b")))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads /proc")
def test_the_secret_is_neither_in_argv_nor_in_the_environment(launcher):
    pid = pid_of(asyncio.run(launcher.launch(job("a"))))
    for name in ("cmdline", "environ"):
        assert SECRET.encode() not in Path(f"/proc/{pid}/{name}").read_bytes()


@pytest.mark.skipif(not hasattr(os, "kill") or os.name == "nt", reason="kills with SIGKILL")
def test_the_child_ends_when_the_program_is_killed():
    code = (
        "import asyncio, os\n"
        "from tests.helpers.launches import FAKE, backend, job\n"
        "from workers.launcher.client import Launcher\n"
        "answer = asyncio.run(Launcher(backend(), module=FAKE).launch(job('a')))\n"
        "print(answer.job_arn.removeprefix('pid '), flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert killed.returncode == -9
    assert gone_within(int(killed.stdout), 60)


def gone_within(pid, seconds):
    def gone():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False

    return wait_for(gone, seconds, f"the end of process {pid}")
