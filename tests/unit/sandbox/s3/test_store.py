"""The parts of S3 that HTTP does not show: checksums, sweeping, disk full, downloads for jobs."""

from __future__ import annotations

import base64
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.core.state import StateDir
from sandbox.s3.checksums import LANES, new_hash
from sandbox.s3.inside import S3
from sandbox.wire.errors import AwsError


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDir]:
    opened = StateDir(tmp_path / "state")
    yield opened
    opened.close()


@pytest.fixture
def s3(state: StateDir) -> S3:
    made = S3(state)
    made.store.create_bucket("bucket")
    return made


def blobs(state: StateDir) -> list[Path]:
    return list(state.blobs.glob("??/*"))


@pytest.mark.parametrize(
    ("algorithm", "check"),
    [("crc32", "cbf43926"), ("crc32c", "e3069283"), ("crc64nvme", "ae8b14860a799888")],
)
def test_the_check_values_of_the_crc_catalogue(algorithm: str, check: str) -> None:
    running = new_hash(algorithm)
    running.update(b"1234")
    running.update(b"56789")
    assert running.digest().hex() == check


@pytest.mark.parametrize("algorithm", ["crc32c", "crc64nvme"])
def test_lanes_and_bytes_agree(algorithm: str) -> None:
    data = os.urandom(LANES * 37 + 11)
    fast, slow = new_hash(algorithm), new_hash(algorithm)
    fast.update(data[:5000])
    fast.update(data[5000:])
    for start in range(0, len(data), 100):
        slow.update(data[start : start + 100])
    assert fast.digest() == slow.digest()


def test_files_and_bytes_in_process(s3: S3, tmp_path: Path) -> None:
    source = tmp_path / "model.tar.gz"
    source.write_bytes(b"weights")
    info = s3.put_file("bucket", "out/model.tar.gz", source)
    assert info.size == 7
    assert s3.get_bytes("bucket", "out/model.tar.gz") == b"weights"
    assert s3.open_path("bucket", "out/model.tar.gz").read_bytes() == b"weights"
    s3.put_bytes("bucket", "out/report.json", b"{}", "application/json")
    assert s3.head("bucket", "out/report.json").content_type == "application/json"
    assert [item.key for item in s3.list("bucket", "out/")] == ["out/model.tar.gz", "out/report.json"]
    with pytest.raises(AwsError, match="NoSuchKey"):
        s3.get_bytes("bucket", "none")


@pytest.mark.parametrize("prefix", ["data/", "data"])
def test_a_prefix_becomes_a_folder(s3: S3, tmp_path: Path, prefix: str) -> None:
    for key in ("data/train/a/1.jpg", "data/train/b 🐕/2.jpg", "data/empty/", "other/3.jpg"):
        s3.put_bytes("bucket", key, key.encode())
    assert s3.download_prefix("bucket", prefix, tmp_path / "channel") == 2
    files = sorted(str(path.relative_to(tmp_path / "channel")) for path in (tmp_path / "channel").rglob("*.jpg"))
    assert files == ["train/a/1.jpg", "train/b 🐕/2.jpg"]
    changed = tmp_path / "channel" / "train/a/1.jpg"
    changed.write_text("a job may change its copy")
    assert s3.get_bytes("bucket", "data/train/a/1.jpg") == b"data/train/a/1.jpg"


def test_an_exact_key_keeps_its_name(s3: S3, tmp_path: Path) -> None:
    s3.put_bytes("bucket", "code/sourcedir.tar.gz", b"x")
    assert s3.download_prefix("bucket", "code/sourcedir.tar.gz", tmp_path / "d") == 1
    assert (tmp_path / "d" / "sourcedir.tar.gz").read_bytes() == b"x"


@pytest.mark.parametrize("key", ["data/../../outside", "data//etc/passwd", "data/a/../../../x"])
def test_keys_that_would_leave_the_folder_are_refused(s3: S3, tmp_path: Path, key: str) -> None:
    s3.put_bytes("bucket", "data/good", b"x")
    s3.put_bytes("bucket", key, b"x")
    with pytest.raises(AwsError, match="cannot be a path"):
        s3.download_prefix("bucket", "data/", tmp_path / "channel")
    assert not (tmp_path / "channel").exists()


def test_replaced_bodies_are_swept_later_not_at_once(s3: S3, state: StateDir) -> None:
    s3.put_bytes("bucket", "k", b"first")
    old = s3.open_path("bucket", "k")
    s3.put_bytes("bucket", "k", b"second")
    s3.store.delete("bucket", "k")
    assert old.read_bytes() == b"first"
    assert s3.store.blobs.sweep(grace=60) == 0
    assert s3.store.blobs.sweep(grace=0) == 2
    assert blobs(state) == []


def test_files_that_were_never_recorded_are_removed_at_the_next_start(s3: S3, state: StateDir) -> None:
    s3.put_bytes("bucket", "k", b"kept")
    left = state.blobs / "aa" / ("a" * 32)
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"half")
    for path in blobs(state):
        os.utime(path, (1, 1))
    assert S3(state).store.blobs.sweep_orphans() == 1
    assert not left.exists()
    assert s3.get_bytes("bucket", "k") == b"kept"


def test_a_full_disk_leaves_nothing_behind(s3: S3, state: StateDir, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    s3.put_bytes("bucket", "k", b"before")
    with monkeypatch.context() as patched, pytest.raises(AwsError) as caught:
        patched.setattr("sandbox.s3.blobs.os.write", full)
        s3.put_bytes("bucket", "k", b"after")
    assert (caught.value.code, caught.value.status) == ("InsufficientStorage", 507)
    assert str(state.path) in caught.value.message
    assert s3.get_bytes("bucket", "k") == b"before"
    assert len(blobs(state)) == 1


def test_little_room_is_kept_for_the_database(s3: S3, state: StateDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "free_bytes", lambda: 1_000_000)
    with pytest.raises(AwsError) as caught:
        s3.put_bytes("bucket", "k", b"x")
    assert caught.value.status == 507
    assert blobs(state) == []


def test_deleting_makes_room_on_a_full_disk(s3: S3, state: StateDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.s3.blobs.HURRIED_GRACE_SECONDS", 0.0)
    s3.put_bytes("bucket", "old", b"x" * 100)
    s3.store.delete("bucket", "old")
    monkeypatch.setattr(state, "free_bytes", lambda: 1 if any(p.stat().st_size == 100 for p in blobs(state)) else 10**9)
    s3.put_bytes("bucket", "new", b"y")
    assert s3.get_bytes("bucket", "new") == b"y"
    assert len(blobs(state)) == 1


def test_a_refused_condition_removes_the_body(s3: S3, state: StateDir) -> None:
    def refuse(current: object) -> None:
        raise AwsError("PreconditionFailed", "no", 412)

    blob = s3.store.blobs.write([b"x"])
    with pytest.raises(AwsError):
        s3.store.put("bucket", "k", blob, "a/b", {}, refuse)
    assert blobs(state) == []


def test_a_checksum_of_a_part_is_base64(s3: S3) -> None:
    blob = s3.store.blobs.write([b"12345", b"6789"], "crc32")
    assert base64.b64decode(blob.checksum or "").hex() == "cbf43926"
