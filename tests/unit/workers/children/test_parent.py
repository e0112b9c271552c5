"""Children get their spec and commands by standard input, are heard to the end, and never left behind."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest

from tests.helpers.processes import children_running
from workers import paths
from workers.children import process
from workers.children.parent import Child, ChildFailed, run_child
from workers.children.protocol import Decoder, Frame, encode
from workers.errors.tree import SageDeckError

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
        first = heard[0].value
        assert first["name"] == "ü 😀" and first["argv"][1:] == []
        assert [message.value for message in heard[1:-1]] == [{"line": "pause"}, {"line": "end"}]
        assert heard[-1] == Frame("result", {"heard": ["pause", "end"]})

    run(body)


def test_a_failing_child_leaves_its_last_words():
    async def body():
        heard = []
        with pytest.raises(ChildFailed) as told:
            async for message in run_child(MODULE, {"do": "fail"}):
                heard.append(message)
        assert len(heard) == 1 and told.value.returncode == 3
        assert "the last words" in told.value.last_words and "of use" in told.value.last_words

    run(body)


def results(do):
    async def body():
        return [message.value async for message in run_child(MODULE, {"do": do}) if message.kind == "result"]

    return run(body)


def test_a_child_that_ends_without_a_result_has_failed():
    with pytest.raises(ChildFailed):
        results("silent")


def test_what_a_child_did_not_expect_is_told_and_its_traceback_logged(caplog):
    with pytest.raises(SageDeckError, match="Could not do the work") as told:
        results("refuse")
    assert "KeyError" in told.value.message and "Traceback" not in told.value.message
    assert "in refuse" in caplog.text and "Traceback" in caplog.text


def test_how_a_child_died_is_logged_with_its_last_words(caplog):
    with pytest.raises(ChildFailed):
        results("fail")
    assert "exit code 3" in caplog.text and "the last words" in caplog.text


def test_what_a_library_prints_or_asks_does_not_come_between():
    assert results("chatty") == [{"of": "the child"}]


def test_a_child_takes_no_module_and_no_file_from_where_the_window_was_started(tmp_path, monkeypatch):
    for name in ("echo_child.py", "sagemaker.py", "workers.py", "json.py", "sitecustomize.py"):
        (tmp_path / name).write_text("raise SystemExit('taken from the current folder')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))

    async def body():
        async with aclosing(run_child(MODULE, {"do": "echo"})) as messages:
            return (await anext(messages)).value["cwd"]

    cwd = Path(run(body))
    assert cwd != tmp_path
    if sys.platform == "linux":
        assert cwd == tmp_path / "data" / "sagedeck" and cwd.stat().st_mode & 0o077 == 0


def test_without_a_folder_of_its_own_it_runs_in_the_programs(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(paths, "user_data", lambda: tmp_path / "file" / "sagedeck")
    assert process._folder() == process.PACKAGE_ROOT


@pytest.mark.skipif(os.name == "nt", reason="kills with SIGKILL")
def test_a_child_ends_when_its_window_is_killed_also_one_that_does_not_listen():
    code = (
        "import asyncio, os\n"
        "from workers.children.parent import run_child\n"
        "async def main():\n"
        f"    first = await anext(run_child({MODULE!r}, {{'do': 'deaf'}}))\n"
        "    print(first.value['pid'], flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert killed.returncode == -9, killed.stderr
    try:
        psutil.Process(int(killed.stdout)).wait(60)
    except psutil.NoSuchProcess:
        pass


def test_a_child_of_another_version_is_told():
    newer = encode(Frame("result", {})).replace(b'"v":1', b'"v":2')
    child = Child(MODULE, {})
    child._queue.put_nowait(Decoder().feed(newer)[0])

    async def body():
        with pytest.raises(SageDeckError, match="updated while it ran"):
            await anext(child.messages())

    run(body)


def test_leaving_the_loop_closes_its_input_and_it_ends():
    async def body():
        messages = run_child(MODULE, {"do": "echo"})
        first = await anext(messages)
        await messages.aclose()
        assert not psutil.pid_exists(first.value["pid"])

    run(body)


def test_one_that_does_not_listen_is_killed(monkeypatch):
    monkeypatch.setattr(process, "STOP_GRACE_SECONDS", 0.05)

    async def body():
        pids = []

        async def follow():
            async for message in run_child(MODULE, {"do": "deaf"}):
                pids.append(message.value["pid"])
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
    stopped, stop = threading.Event(), process.ChildProcess.stop

    def noted(child):
        stop(child)
        stopped.set()

    monkeypatch.setattr(process.ChildProcess, "stop", noted)

    async def body():
        task = asyncio.ensure_future(Child(MODULE, {"do": "echo"}).start())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(stopped.wait, 60)
        assert not children_running(MODULE)

    run(body)
