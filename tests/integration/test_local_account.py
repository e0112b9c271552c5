"""The window's way to its sandbox, with the real one: start, attach, crash, a folder of another version."""

from __future__ import annotations

import asyncio

import psutil
import pytest

from workers.account import sandbox as local_account
from workers.aws.session import AwsSession
from workers.storage.buckets import Storage

pytestmark = pytest.mark.integration


@pytest.fixture
def state(tmp_path):
    folder = tmp_path / "state"
    yield folder
    asyncio.run(local_account.stop(folder))


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 300))


async def buckets(backend):
    session = AwsSession(backend)
    try:
        return [bucket.name for bucket in await Storage(session).buckets()]
    finally:
        session.close()


async def make_bucket(backend, name):
    session = AwsSession(backend)
    try:
        await Storage(session).create_bucket(name)
    finally:
        session.close()


def test_a_crash_and_a_restart_lose_nothing(state):
    async def body():
        backend = await local_account.attach_or_start(state)
        await make_bucket(backend, "kept-over-crashes")
        assert await local_account.attach_or_start(state) == backend
        psutil.Process(local_account.read_ready(state).pid).kill()
        again = await local_account.attach_or_start(state)
        assert again.endpoint_url and await buckets(again) == ["kept-over-crashes"]
        said = []
        once_more = await local_account.restart(state, said.append)
        assert said[0] == "Stopping the sandbox…"
        assert await buckets(once_more) == ["kept-over-crashes"]

    run(body())


def test_two_windows_share_one_sandbox(state):
    async def body():
        first, two = await asyncio.gather(local_account.attach_or_start(state), local_account.attach_or_start(state))
        assert first == two

    run(body())


def test_a_folder_of_another_version_is_moved_aside_and_told(state):
    state.mkdir()
    (state / "version").write_text("999")
    (state / "precious").write_text("keep me")
    said = []
    backend = run(local_account.attach_or_start(state, said.append))
    assert run(buckets(backend)) == []
    aside = [path for path in state.parent.iterdir() if path.is_dir() and path != state]
    assert [(path / "precious").read_text() for path in aside] == ["keep me"]
    assert str(aside[0].name) in said[-1]
