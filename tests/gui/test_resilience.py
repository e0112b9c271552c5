"""What the window does when something around it dies: against real sandbox processes."""

from __future__ import annotations

import asyncio
import glob
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from PySide6.QtWidgets import QLabel

from console.tabs import TABS
from tests.helpers.sagemaker_jobs import BUCKET, Account
from tests.helpers.sandbox import SandboxProcess, clean_environ
from tests.helpers.window import until
from workers.account import sandbox as local_account
from workers.compute.types import Instance, InstanceSpec, JobSpec
from workers.services import Services
from workers.types import Backend, Identity

pytestmark = pytest.mark.integration

SLOW_JOB = "import time\nfor second in range(3000):\n    print('second', second, flush=True)\n    time.sleep(0.2)\n"


@pytest.fixture(autouse=True)
def _no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is launched by the form here: its SDK, four seconds of computing, would start for every window."""

    async def nothing(self: Services) -> None:
        """There is no launch to get ready for."""

    monkeypatch.setattr(Services, "prewarm", nothing)


def attached(state: Path) -> SandboxProcess:
    """The sandbox that a window started on ``state``."""
    sandbox = SandboxProcess(state)
    sandbox.ready = json.loads((state / local_account.READY_FILE).read_text())
    return sandbox


def run_slow_job(state: Path, name: str) -> Account:
    account = Account(attached(state))
    account.sagemaker.create_training_job(**account.request(name, SLOW_JOB))
    return account


def training(application: Any) -> Any:
    application.ctx.navigate("training")
    return application.window.pages.tab("training")


def status_of(tab: Any, name: str) -> str:
    return next((row.job.status for row in tab.table.model.rows() if row.name == name), "")


def words(parent: Any) -> str:
    return "\n".join(found.text() for found in parent.findChildren(QLabel) if found.isVisible())


@asynccontextmanager
async def ending(state: Path) -> AsyncIterator[None]:
    """Ends the sandbox of ``state`` afterwards."""
    try:
        yield
    finally:
        await local_account.stop(state)


async def test_a_killed_sandbox_is_told_started_again_and_followed_again(
    tmp_path: Path, make_application: Callable[..., Any]
) -> None:
    state = tmp_path / "sandbox"
    application = make_application(specs=TABS, state_dir=state)
    async with ending(state):
        application.show()
        await until(lambda: application.ctx.connected)
        await asyncio.to_thread(run_slow_job, state, "slow-1")
        tab = training(application)
        await until(lambda: status_of(tab, "slow-1") == "InProgress")
        first = attached(state).ready["pid"]
        os.kill(first, signal.SIGKILL)
        await until(lambda: not application.ctx.connected)
        assert application.window.strip.isVisible() and application.connection.state == "connecting"
        await until(lambda: application.ctx.connected)
        assert attached(state).ready["pid"] != first
        assert any(notice.title == "The sandbox stopped" for notice in application.notify.notices)
        await until(lambda: status_of(tab, "slow-1") == "Failed")
        assert BUCKET in [bucket.name for bucket in await application.ctx.services.storage.buckets()]
        await application.close()


async def test_a_sandbox_that_keeps_ending_is_not_started_for_ever(
    tmp_path: Path, make_application: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.connection.MOST_ENDS", 2)
    monkeypatch.setattr("console.connection.ENDS_WITHIN_SECONDS", 600.0)
    state = tmp_path / "sandbox"
    application = make_application(specs=[], state_dir=state)
    async with ending(state):
        application.show()
        for _ in range(2):
            await until(lambda: application.ctx.connected)
            os.kill(attached(state).ready["pid"], signal.SIGKILL)
            await until(lambda: not application.ctx.connected)
        assert application.connection.state == "failed"
        strip = application.window.strip
        assert strip.title.text() == "The sandbox keeps ending" and str(state) in strip.text.text()
        assert strip.fix.isVisible() and strip.fix.text() == "Restart the sandbox"
        await application.close()


async def test_a_sandbox_that_another_window_stopped_is_told_and_left_alone(
    tmp_path: Path, make_application: Callable[..., Any]
) -> None:
    state = tmp_path / "sandbox"
    first, second = make_application(specs=[], state_dir=state), make_application(specs=[], state_dir=state)
    async with ending(state):
        for application in (first, second):
            application.show()
        await until(lambda: first.ctx.connected and second.ctx.connected)
        first.connection.stop_sandbox()
        strip = second.window.strip
        await until(lambda: strip.isVisible() and strip.title.text() == "The sandbox was stopped")
        assert not second.ctx.connected and not (state / local_account.READY_FILE).exists()
        strip.retry.click()
        await until(lambda: second.ctx.connected)
        await first.close()
        await second.close()


async def test_a_killed_windows_job_goes_on_and_is_followed_by_the_next_window(
    tmp_path: Path, make_application: Callable[..., Any]
) -> None:
    state = tmp_path / "sandbox"
    own = {"SAGEDECK_CONFIG": str(tmp_path / "first"), "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-m", "console", "--state", str(state)]
    window = await asyncio.to_thread(
        subprocess.Popen, command, env={**clean_environ(), **own}, stderr=subprocess.DEVNULL
    )
    async with ending(state):
        try:
            await until(lambda: (state / local_account.READY_FILE).exists())
            await asyncio.to_thread(run_slow_job, state, "slow-2")
        finally:
            window.kill()
            await asyncio.to_thread(window.wait)
        pid = attached(state).ready["pid"]
        application = make_application(specs=TABS, state_dir=state)
        application.show()
        await until(lambda: application.ctx.connected)
        tab = training(application)
        await until(lambda: status_of(tab, "slow-2") == "InProgress")
        await until(lambda: "second" in tab.detail.log.view.text())
        assert psutil.pid_exists(pid) and attached(state).ready["pid"] == pid
        await application.close()


def source_of(folder: Path) -> None:
    """A script of one's own, in a folder."""
    folder.mkdir()
    (folder / "own.py").write_text(SLOW_JOB, encoding="utf-8")


async def start_on_an_instance(state: Path, source: Path, name: str) -> None:
    """A training job on an instance with a script of one's own that prints for ten minutes."""
    ready = attached(state).ready
    keys = (ready["access_key_id"], ready["secret_access_key"])
    services = Services(Backend("sandbox", "Sandbox", ready["region"], None, ready["endpoint_url"], *keys))
    await services.storage.create_bucket(BUCKET)
    s3 = attached(state).client("s3")
    await asyncio.to_thread(s3.put_object, Bucket=BUCKET, Key="set/train/a/1.txt", Body=b"x")
    images = await services.compute.images.deep_learning()
    identity = await services.compute.launches.launch(InstanceSpec("trainer", images[0], "t3.xlarge", BUCKET))

    async def online() -> Instance | None:
        found = next(instance for instance in await services.compute.instances.all() if instance.id == identity)
        return found if found.agent is not None and found.agent.online else None

    where = await until(online, every=0.2)
    job = JobSpec(name, identity, f"s3://{BUCKET}/set", BUCKET, source=str(source), script="own.py")
    await services.compute.jobs.launch(job, where)
    services.close()


async def test_a_killed_windows_job_on_an_instance_is_there_and_followed_by_the_next_window(
    tmp_path: Path, make_application: Callable[..., Any]
) -> None:
    state = tmp_path / "sandbox"
    source_of(tmp_path / "source")
    own = {"SAGEDECK_CONFIG": str(tmp_path / "first"), "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-m", "console", "--state", str(state)]
    window = await asyncio.to_thread(
        subprocess.Popen, command, env={**clean_environ(), **own}, stderr=subprocess.DEVNULL
    )
    async with ending(state):
        try:
            await until(lambda: (state / local_account.READY_FILE).exists())
            await start_on_an_instance(state, tmp_path / "source", "slow-3")
        finally:
            window.kill()
            await asyncio.to_thread(window.wait)
        application = make_application(specs=TABS, state_dir=state)
        application.show()
        await until(lambda: application.ctx.connected)
        application.ctx.navigate("compute")
        tab = application.window.pages.tab("compute")
        await until(lambda: tab.output.command is not None and tab.output.command.job == "slow-3")
        seen = await until(lambda: tab.output.log.view.text().count("second"))
        await until(lambda: tab.output.log.view.text().count("second") > seen)
        await until(lambda: any(item.title == "Training slow-3" for item in application.activity.running))
        jobs = training(application)
        await until(lambda: status_of(jobs, "slow-3") == "InProgress")
        await application.close()


async def test_two_windows_share_one_sandbox(tmp_path: Path, make_application: Callable[..., Any]) -> None:
    state = tmp_path / "sandbox"
    first = make_application(specs=TABS, state_dir=state)
    second = make_application(specs=TABS, state_dir=state)
    async with ending(state):
        for application in (first, second):
            application.show()
        await until(lambda: first.ctx.connected and second.ctx.connected)
        assert first.ctx.backend.endpoint_url == second.ctx.backend.endpoint_url
        await first.ctx.services.storage.create_bucket("from-the-first")
        await first.close()
        assert "from-the-first" in [bucket.name for bucket in await second.ctx.services.storage.buckets()]
        assert second.connection.state == "ready"
        await second.close()


async def test_a_folder_that_cannot_be_read_is_moved_aside_and_told(
    tmp_path: Path, make_application: Callable[..., Any]
) -> None:
    state = tmp_path / "sandbox"
    state.mkdir()
    (state / "version").write_text("0\n")
    (state / "sandbox.db").write_bytes(b"written by an older version")
    application = make_application(specs=[], state_dir=state)
    async with ending(state):
        application.show()
        await until(lambda: application.ctx.connected)
        notice = next(notice for notice in application.notify.notices if "empty folder" in notice.title)
        (kept,) = await asyncio.to_thread(glob.glob, f"{state}.old-*")
        assert kept in notice.text
        assert await asyncio.to_thread(Path(kept, "sandbox.db").read_bytes) == b"written by an older version"
        await application.close()


async def test_a_slow_account_is_waited_for_in_words(make_application: Callable[..., Any]) -> None:
    """No answer yet is not "empty", and the window goes on."""
    application = make_application(specs=TABS)
    application.window.resize(1440, 900)
    application.show(connect=False)
    with socket.socket() as silent:
        # The system takes the connections; nobody ever reads what they ask.
        silent.bind(("127.0.0.1", 0))
        silent.listen(50)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        backend = Backend("sandbox", "Slow", "us-east-1", None, url, "AKIATEST", "x")
        application.connection.state = "ready"
        application.ctx.enter(backend, Services(backend), Identity("123456789012", "arn:aws:iam::123456789012:user/o"))
        for tab_id in (spec.id for spec in TABS):
            application.ctx.navigate(tab_id)
            tab = application.window.pages.tab(tab_id)
            await until(lambda: bool(select.select([silent], [], [], 0)[0]))
            for _ in range(20):
                # What must not be said has no event; looked at while timers and the layout run.
                await asyncio.sleep(0.02)
                said = words(tab)
                for word in ("No endpoint", "No bucket", "No job", "No training", "Nothing", "Create a bucket"):
                    assert word not in said, f"{tab_id} says {word!r} while it waits"
            other = "data" if tab_id != "data" else "predict"
            application.ctx.navigate(other)
            assert application.window.pages.current_id == other
        await application.close()
