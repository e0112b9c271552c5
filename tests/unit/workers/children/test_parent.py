"""Children get their spec and commands by standard input, are heard to the end, and never left behind."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import psutil
import pytest

from tests.helpers.processes import children_running
from workers.children import parent as children
from workers.children.parent import Child, ChildFailed, run_child

MODULE = "tests.unit.workers.echo_child"


def run(body):
    return asyncio.run(asyncio.wait_for(body(), 120))


def test_spec_commands_and_answers():
    async def body():
        child = Child(MODULE, {"do": "echo", "name": "ü 😀"})
        await child.start()
        heard = []
        async for message in child.messages():
            heard.append(message)
            if len(heard) == 1:
                child.send("pause")
                child.send("end")
        await child.stop()
        child.send("too late")
        assert heard[0]["name"] == "ü 😀" and heard[0]["argv"][1:] == []
        assert Path(heard[0]["cwd"]) == children.PACKAGE_ROOT
        assert heard[1:] == [{"line": "pause"}, {"line": "end"}]

    run(body)


def test_a_failing_child_leaves_its_last_words():
    async def body():
        heard = []
        with pytest.raises(ChildFailed) as told:
            async for message in run_child(MODULE, {"do": "fail"}):
                heard.append(message)
        assert len(heard) == 1 and told.value.returncode == 3
        assert "the last words" in told.value.stderr and "of use" in told.value.stderr

    run(body)


def test_leaving_the_loop_closes_its_input_and_it_ends():
    async def body():
        messages = run_child(MODULE, {"do": "echo"})
        first = await anext(messages)
        await messages.aclose()
        assert not psutil.pid_exists(first["pid"])

    run(body)


def test_one_that_does_not_listen_is_killed(monkeypatch):
    monkeypatch.setattr(children, "STOP_GRACE_SECONDS", 0.05)

    async def body():
        pids = []

        async def follow():
            async for message in run_child(MODULE, {"do": "deaf"}):
                pids.append(message["pid"])
                begun.set()

        begun = asyncio.Event()
        task = asyncio.ensure_future(follow())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not psutil.pid_exists(pids[0])

    run(body)


def test_a_module_that_does_not_exist_is_an_error():
    async def body():
        with pytest.raises(ChildFailed, match="No module named"):
            async for _ in run_child("workers.no_such_module", {}):
                pass

    run(body)


def test_cancelling_the_start_leaves_no_process(monkeypatch):
    stopped, stop = threading.Event(), Child._stop

    def noted(child):
        stop(child)
        stopped.set()

    monkeypatch.setattr(Child, "_stop", noted)

    async def body():
        task = asyncio.ensure_future(Child(MODULE, {"do": "echo"}).start())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(stopped.wait, 60)
        assert not children_running(MODULE)

    run(body)
