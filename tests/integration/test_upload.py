"""Uploads into a real sandbox process, through the child process, as the window does it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from tests.helpers.backends import backend_of
from tests.helpers.processes import children_running
from tests.helpers.sandbox import SandboxProcess
from workers.aws.session import AwsSession
from workers.errors.tree import NotFound, SageDeckError, ServiceFault, Unreachable
from workers.storage.buckets import Storage
from workers.upload.uploader import UploadControl, Uploader

pytestmark = pytest.mark.integration

LONG_AGO = 1_600_000_000
BUCKET = "photos-for-the-tests"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with SandboxProcess(tmp_path_factory.mktemp("sandbox") / "state") as process:
        yield process


class Desk:
    """A session, its storage and its uploader, over a manifest of the test's own."""

    def __init__(self, sandbox: SandboxProcess, manifest: Path) -> None:
        self.session = AwsSession(backend_of(sandbox))
        self.storage = Storage(self.session)
        self.uploader = Uploader(self.session, manifest)


def at_desk(sandbox, tmp_path, body, bucket=BUCKET):
    async def main():
        desk = Desk(sandbox, tmp_path / "manifest.sqlite")
        try:
            if bucket not in {known.name for known in await desk.storage.buckets()}:
                await desk.storage.create_bucket(bucket)
            return await body(desk)
        finally:
            desk.session.close()

    return asyncio.run(asyncio.wait_for(main(), 300))


def fill(folder: Path, count: int, size: int = 2000) -> dict[str, bytes]:
    files = {f"class {number % 3}/img {number:04}.jpg": os.urandom(size + number) for number in range(count)}
    for name, data in files.items():
        write(folder / name, data)
    return files


def write(path: Path, data: bytes, when: int = LONG_AGO) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (when, when))


def test_a_folder_arrives_once_and_whole(sandbox, tmp_path):
    folder = tmp_path / "a folder ü"
    files = fill(folder, 60)
    odd = {"odd/ü 😀 & +%.png": b"p", "odd/a..b.txt": b"", "odd/100%25.jpg": b"q"}
    for name, data in odd.items():
        write(folder / name, data)
    files |= odd
    (folder / "round").symlink_to(folder)
    (folder / ".DS_Store").write_bytes(b"x")
    os.close(os.open(os.fsencode(folder) + b"/caf\xe9.jpg", os.O_CREAT | os.O_WRONLY))

    async def body(desk):
        told = []
        first = await desk.uploader.upload(folder, BUCKET, "whole/", told.append)
        assert (first.sent, first.skipped) == (len(files), 0)
        assert first.bytes_sent == sum(map(len, files.values()))
        assert dict(first.failed).keys() == {"caf\\xe9.jpg"}
        assert first.ignored == (".DS_Store", "round")
        assert told[-1].files_done == told[-1].files_total == len(files)
        there = {item.key: item async for item in desk.storage.objects(BUCKET, "whole/")}
        assert there.keys() == {f"whole/{name}" for name in files}
        for name in [*odd, "class 0/img 0000.jpg"]:
            shown = await desk.storage.preview(BUCKET, f"whole/{name}")
            assert shown.data == files[name]
            assert shown.sha256 == hashlib.sha256(files[name]).hexdigest()
        assert (await desk.storage.preview(BUCKET, "whole/odd/ü 😀 & +%.png")).content_type == "image/png"

        second = await desk.uploader.upload(folder, BUCKET, "whole")
        assert (second.sent, second.skipped, second.gone) == (0, len(files), ())
        assert "Nothing to send" in second.summary

        write(folder / "class 1/img 0001.jpg", b"changed", LONG_AGO + 5)
        (folder / "class 2/img 0002.jpg").unlink()
        third = await desk.uploader.upload(folder, BUCKET, "whole")
        assert (third.sent, third.skipped) == (1, len(files) - 2)
        assert third.gone == ("whole/class 2/img 0002.jpg",)
        assert await desk.storage.delete(BUCKET, third.gone) == 1

    at_desk(sandbox, tmp_path, body)


def test_without_its_manifest_nothing_is_sent_twice_either(sandbox, tmp_path):
    fill(tmp_path / "set", 20)

    async def body(desk):
        assert (await desk.uploader.upload(tmp_path / "set", BUCKET, "forgot")).sent == 20
        desk.uploader = Uploader(desk.session, tmp_path / "another.sqlite")
        again = await desk.uploader.upload(tmp_path / "set", BUCKET, "forgot")
        assert (again.sent, again.skipped) == (0, 20)

    at_desk(sandbox, tmp_path, body)


def test_a_large_file_goes_in_parts_and_keeps_its_hash(sandbox, tmp_path):
    data = os.urandom(20 * 2**20 + 7)
    write(tmp_path / "set" / "large.bin", data)
    write(tmp_path / "set" / "small.bin", b"small")

    async def body(desk):
        first = await desk.uploader.upload(tmp_path / "set", BUCKET, "large")
        assert (first.sent, first.bytes_sent, first.failed) == (2, len(data) + 5, ())
        listing = await desk.storage.list(BUCKET, "large/")
        assert {item.key: item.size for item in listing.objects} == {
            "large/large.bin": len(data),
            "large/small.bin": 5,
        }
        assert "-" in listing.objects[0].etag
        shown = await desk.storage.preview(BUCKET, "large/large.bin")
        assert shown.truncated and shown.sha256 == hashlib.sha256(data).hexdigest()
        second = await desk.uploader.upload(tmp_path / "set", BUCKET, "large")
        assert (second.sent, second.skipped) == (0, 2)
        desk.uploader = Uploader(desk.session, tmp_path / "another.sqlite")
        assert (await desk.uploader.upload(tmp_path / "set", BUCKET, "large")).skipped == 2
        (path,) = await desk.storage.download(BUCKET, ["large/large.bin"], tmp_path / "back")
        assert path.read_bytes() == data

    at_desk(sandbox, tmp_path, body)


def test_pause_cancel_and_resume(sandbox, tmp_path):
    files = fill(tmp_path / "set", 400, 60_000)

    async def body(desk):
        control = UploadControl()
        held = asyncio.Event()

        def on_progress(progress):
            if progress.phase == "uploading" and progress.files_done > 0 and not control.paused:
                control.pause()
                held.set()

        task = asyncio.ensure_future(desk.uploader.upload(tmp_path / "set", BUCKET, "held", on_progress, control))
        await asyncio.wait_for(held.wait(), 60)
        # What was on its way arrives; then the count stands still.
        counts = [-1]
        while len(counts) < 5 or len(set(counts[-5:])) > 1:
            # That no more arrives has no event: five equal counts, three tenths of a second apart.
            await asyncio.sleep(0.3)
            counts.append((await desk.storage.count(BUCKET, "held/"))[0])
        assert 0 < counts[-1] < len(files) and not task.done()
        assert [upload.prefix for upload in await desk.uploader.pending()] == ["held/"]
        control.cancel()
        result = await task
        assert result.cancelled and result.sent == counts[-1] and not result.failed
        again = await desk.uploader.upload(tmp_path / "set", BUCKET, "held")
        assert (again.skipped, again.sent) == (counts[-1], len(files) - counts[-1])
        assert await desk.uploader.pending() == []

    at_desk(sandbox, tmp_path, body)


def test_a_killed_child_is_told_and_resumed(sandbox, tmp_path):
    files = fill(tmp_path / "set", 300, 60_000)

    async def body(desk):
        def kill(progress):
            if progress.phase == "uploading" and progress.files_done > 20:
                for child in children_running("workers.upload.child"):
                    child.kill()

        with pytest.raises(SageDeckError, match="stopped unexpectedly"):
            await desk.uploader.upload(tmp_path / "set", BUCKET, "killed", kill)
        there = (await desk.storage.count(BUCKET, "killed/"))[0]
        assert there > 20
        again = await desk.uploader.upload(tmp_path / "set", BUCKET, "killed")
        # What the killed child had sent to its last byte, the sandbox may have stored after the count.
        assert again.skipped >= there and again.skipped + again.sent == len(files)

    at_desk(sandbox, tmp_path, body)


def test_cancelling_the_task_leaves_no_process(sandbox, tmp_path):
    fill(tmp_path / "set", 400, 60_000)

    async def body(desk):
        begun = asyncio.Event()
        task = asyncio.ensure_future(
            desk.uploader.upload(tmp_path / "set", BUCKET, "left", lambda progress: begun.set())
        )
        await asyncio.wait_for(begun.wait(), 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not children_running("workers.upload.child")

    at_desk(sandbox, tmp_path, body)


def test_looking_sends_nothing(sandbox, tmp_path):
    files = fill(tmp_path / "set", 3)

    async def body(desk):
        looked = await desk.uploader.look(tmp_path / "set", BUCKET, "looked")
        assert (looked.missing, looked.sent, looked.whole) == (len(files), 0, False)
        assert await desk.storage.count(BUCKET, "looked/") == (0, 0)
        await desk.uploader.upload(tmp_path / "set", BUCKET, "looked")
        assert (await desk.uploader.look(tmp_path / "set", BUCKET, "looked")).whole

    at_desk(sandbox, tmp_path, body)


def test_a_bucket_that_does_not_exist(sandbox, tmp_path):
    fill(tmp_path / "set", 2)

    async def body(desk):
        with pytest.raises(NotFound):
            await desk.uploader.upload(tmp_path / "set", "no-such-bucket-here", "x")

    at_desk(sandbox, tmp_path, body)


def test_the_sandbox_dies_and_comes_back(tmp_path):
    files = fill(tmp_path / "set", 300, 60_000)
    with SandboxProcess(tmp_path / "state") as sandbox:

        async def interrupted(desk):
            def kill(progress):
                if progress.phase == "uploading" and progress.files_done > 20:
                    sandbox.kill()

            with pytest.raises(Unreachable) as told:
                await desk.uploader.upload(tmp_path / "set", BUCKET, "back", kill)
            assert told.value.fix.action == "restart_sandbox"
            assert "is kept" in told.value.hint

        async def resumed(desk):
            there = (await desk.storage.count(BUCKET, "back/"))[0]
            result = await desk.uploader.upload(tmp_path / "set", BUCKET, "back")
            assert there > 20 and (result.skipped, result.sent) == (there, len(files) - there)

        at_desk(sandbox, tmp_path, interrupted)
        sandbox.start()
        at_desk(sandbox, tmp_path, resumed)


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a file system of 24 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a small file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_told_what_arrived_is_kept_and_it_goes_on_later(small_disk, tmp_path):
    files = fill(tmp_path / "set", 600, 60_000)
    with SandboxProcess(small_disk / "state") as sandbox:

        async def full(desk):
            with pytest.raises(ServiceFault, match="disk is full") as told:
                await desk.uploader.upload(tmp_path / "set", BUCKET, "full")
            assert told.value.code == "InsufficientStorage"
            assert "is kept" in told.value.hint

        async def resumed(desk):
            there = (await desk.storage.count(BUCKET, "full/"))[0]
            result = await desk.uploader.upload(tmp_path / "set", BUCKET, "full")
            assert there > 20 and (result.skipped, result.sent) == (there, len(files) - there)

        at_desk(sandbox, tmp_path, full)
        subprocess.run(["mount", "-o", "remount,size=120m", str(small_disk)], check=True)
        at_desk(sandbox, tmp_path, resumed)
