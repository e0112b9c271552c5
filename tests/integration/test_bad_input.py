"""What goes wrong on operators' machines, as the window's services see it: full disks, old folders, two windows."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from workers.account import sandbox as local_account
from workers.datasets.folder import split_folder
from workers.errors.tree import LocalProblem
from workers.samples.maker import make_samples
from workers.services import Services

pytestmark = pytest.mark.integration


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 KB."""
    mount = tmp_path / "small"
    mount.mkdir()
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small file system")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(mount)], capture_output=True).returncode:
        pytest.skip("cannot mount a small file system here")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "dogs"
    asyncio.run(make_samples(folder, 2, 20, 3))
    return folder


def test_samples_on_a_full_disk_leave_nothing_behind(small_disk: Path) -> None:
    with pytest.raises(LocalProblem, match=r"The disk is full\. Could not draw the sample pictures"):
        asyncio.run(make_samples(small_disk / "dogs", 4, 40, 1))
    assert list(small_disk.iterdir()) == []


def test_a_split_on_a_full_disk_names_its_target_and_leaves_the_source(small_disk: Path, drawn: Path) -> None:
    before = sorted(path.name for path in drawn.rglob("*"))
    with pytest.raises(LocalProblem, match=r"The disk is full\. Could not write the split folder") as caught:
        asyncio.run(split_folder(drawn, small_disk / "split", None, 1))
    assert str(small_disk) in caught.value.message
    assert list(small_disk.iterdir()) == []
    assert sorted(path.name for path in drawn.rglob("*")) == before


def test_a_download_to_a_full_disk_leaves_no_part_of_a_file(small_disk: Path, drawn: Path, tmp_path: Path) -> None:
    async def body() -> None:
        state = tmp_path / "state"
        services = Services(await local_account.attach_or_start(state))
        try:
            await services.storage.create_bucket("large")
            large = tmp_path / "up" / "large.bin"
            large.parent.mkdir()
            large.write_bytes(os.urandom(1_000_000))
            await services.uploader.upload(large.parent, "large", "")
            with pytest.raises(LocalProblem, match="The disk is full"):
                await services.storage.download("large", ["large.bin"], small_disk)
        finally:
            services.close()
            await local_account.stop(state)

    asyncio.run(asyncio.wait_for(body(), 300))
    assert [path.name for path in small_disk.rglob("*") if path.is_file()] == []


async def _names(services: Any) -> list[str]:
    return [bucket.name for bucket in await services.storage.buckets()]


def test_a_second_window_works_beside_the_first_and_after_it(tmp_path: Path) -> None:
    async def body() -> None:
        state = tmp_path / "state"
        first = Services(await local_account.attach_or_start(state))
        second = Services(await local_account.attach_or_start(state))
        try:
            assert first.backend == second.backend
            await first.storage.create_bucket("made-by-one")
            assert await _names(second) == ["made-by-one"]
            first.close()
            await second.storage.create_bucket("made-by-two")
            assert await _names(second) == ["made-by-one", "made-by-two"]
        finally:
            second.close()
            await local_account.stop(state)

    asyncio.run(asyncio.wait_for(body(), 300))


def test_a_damaged_state_folder_is_moved_aside_told_and_kept_whole(tmp_path: Path) -> None:
    state = tmp_path / "state"
    said: list[str] = []

    async def body() -> None:
        services = Services(await local_account.attach_or_start(state))
        await services.storage.create_bucket("precious")
        services.close()
        await local_account.stop(state)
        (state / "sandbox.db").write_bytes(b"this is no database" * 100)
        for rest in ("sandbox.db-wal", "sandbox.db-shm"):
            (state / rest).unlink(missing_ok=True)
        again = Services(await local_account.attach_or_start(state, said.append))
        try:
            assert await _names(again) == []
        finally:
            again.close()
            await local_account.stop(state)

    asyncio.run(asyncio.wait_for(body(), 300))
    (old,) = tmp_path.glob("state.old-*")
    assert any(str(old) in line for line in said)
    assert (old / "sandbox.db").read_bytes().startswith(b"this is no database")
