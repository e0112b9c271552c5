"""How an upload goes when files, the folder or the service change under it. The service is played in-process."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from workers.errors.tree import AccessDenied, LocalProblem, ServiceFault, Unreachable
from workers.types import Backend
from workers.upload import delivery as upload_delivery
from workers.upload import run as upload_run
from workers.upload.manifest import Manifest
from workers.upload.plan import hash_file
from workers.upload.progress import Meter
from workers.upload.remote import RemoteObject
from workers.upload.request import UploadRequest
from workers.upload.run import UploadRun
from workers.upload.small import Cancelled, NotVerified
from workers.upload.wishes import Wishes

LONG_AGO = 1_600_000_000


def client_error(code, status=400):
    return ClientError(
        {"Error": {"Code": code, "Message": "because"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutObject"
    )


class FakeBucket:
    """Plays the bucket, its ``Remote`` and its ``Sender``; ``before`` is called with each key before it is stored."""

    bucket, client, backend = "photos", None, Backend("sandbox", "Sandbox", "us-east-1")

    def __init__(self):
        self.objects: dict[str, bytes] = {}
        self.puts: list[str] = []
        self.before = lambda key: None
        self.cancelled = 0

    def listing(self, prefix, keep_on):
        keep_on(0)
        return {
            key: RemoteObject(len(data), hashlib.md5(data).hexdigest())
            for key, data in self.objects.items()
            if key.startswith(prefix)
        }

    def destination(self):
        return self

    def put(self, key, data, content_type, done):
        self.puts.append(key)
        error = self.before(key)
        if error is None:
            self.objects[key] = data
        done(hashlib.md5(data).hexdigest(), hashlib.sha256(data).hexdigest(), error)

    def wait(self, seconds=None):
        return True

    def cancel(self):
        self.cancelled += 1


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(upload_run, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(upload_delivery, "SETTLE_SECONDS", 0.0)


@pytest.fixture
def bucket():
    return FakeBucket()


@pytest.fixture
def folder(tmp_path):
    for name in ("a/1.jpg", "a/2.jpg", "b/3.jpg"):
        write(tmp_path / "set", name, name.encode())
    return tmp_path / "set"


def write(folder: Path, name: str, data: bytes, age: int = LONG_AGO):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (age, age))


BACKEND = Backend("sandbox", "Sandbox", "us-east-1")


def upload(bucket, folder, control=None, prefix="p", merge=False, look=False):
    manifest = Manifest(folder.parent / "manifest.sqlite")
    request = UploadRequest(
        BACKEND, str(folder), "photos", prefix, str(folder.parent / "manifest.sqlite"), "1/photos", merge, look
    )
    job = UploadRun(request, bucket, manifest, Meter(), control or Wishes(), sender=lambda _: bucket)
    try:
        return job.run()
    finally:
        manifest.close()


def pending(folder):
    manifest = Manifest(folder.parent / "manifest.sqlite")
    try:
        return manifest.pending("1")
    finally:
        manifest.close()


def test_first_second_changed_and_gone(bucket, folder):
    first = upload(bucket, folder)
    assert (first.sent, first.skipped, first.bytes_sent) == (3, 0, 21)
    assert set(bucket.objects) == {"p/a/1.jpg", "p/a/2.jpg", "p/b/3.jpg"}
    assert pending(folder) == []

    second = upload(bucket, folder)
    assert (second.sent, second.skipped, second.failed, second.gone) == (0, 3, (), ())
    assert "Nothing to send: all 3 files are there." in second.summary

    write(folder, "a/1.jpg", b"A/1.jpg", LONG_AGO + 9)
    (folder / "b/3.jpg").unlink()
    third = upload(bucket, folder)
    assert (third.sent, third.skipped, third.gone) == (1, 1, ("p/b/3.jpg",))
    assert bucket.objects["p/a/1.jpg"] == b"A/1.jpg"
    assert len(bucket.puts) == 4


def test_what_somebody_else_overwrote_is_sent_again(bucket, folder):
    upload(bucket, folder)
    bucket.objects["p/a/1.jpg"] = b"foreign"
    assert upload(bucket, folder).sent == 1
    assert bucket.objects["p/a/1.jpg"] == b"a/1.jpg"


def test_an_edit_that_keeps_size_and_time_is_sent(bucket, folder, monkeypatch):
    upload(bucket, folder)
    monkeypatch.setattr("workers.upload.manifest.SETTLED_NS", -(10**12))
    assert upload(bucket, folder).skipped == 3
    read = []
    monkeypatch.setattr("workers.upload.plan.hash_file", lambda file: read.append(file.name) or hash_file(file))
    assert upload(bucket, folder).skipped == 3 and read == []
    write(folder, "a/1.jpg", b"A/1.JPG")
    result = upload(bucket, folder)
    assert (result.sent, result.skipped) == (1, 2) and read == ["a/1.jpg"]
    assert bucket.objects["p/a/1.jpg"] == b"A/1.JPG"


@pytest.fixture
def cats(tmp_path):
    for name in ("a/1.jpg", "c/9.jpg"):
        write(tmp_path / "cats", name, b"cat " + name.encode())
    return tmp_path / "cats"


def test_a_prefix_with_another_set_is_asked_about_before_anything_is_sent(bucket, folder, cats):
    upload(bucket, folder)
    before = dict(bucket.objects)
    asked = upload(bucket, cats)
    assert asked.asks and asked.sent == 0 and not asked.exact
    assert (asked.others, asked.overwrites) == (("p/a/2.jpg", "p/b/3.jpg"), 1)
    assert bucket.objects == before and len(bucket.puts) == 3
    assert pending(folder) == []

    merged = upload(bucket, cats, merge=True)
    assert (merged.sent, merged.asks, merged.gone) == (2, False, ())
    assert merged.others == ("p/a/2.jpg", "p/b/3.jpg")
    assert merged.whole and not merged.exact
    assert upload(bucket, cats).asks


def test_a_set_of_the_same_names_is_another_set(bucket, folder, tmp_path):
    upload(bucket, folder)
    for name in ("a/1.jpg", "a/2.jpg", "b/3.jpg"):
        write(tmp_path / "cats", name, b"cat")
    asked = upload(bucket, tmp_path / "cats")
    assert (asked.asks, asked.others, asked.overwrites) == (True, (), 3)


def test_what_this_folder_sent_is_no_other_set(bucket, folder, tmp_path):
    upload(bucket, folder)
    (folder / "a/1.jpg").unlink()
    assert upload(bucket, folder).gone == ("p/a/1.jpg",)
    # Without the memory of it nobody knows whose it is.
    (tmp_path / "manifest.sqlite").unlink()
    assert upload(bucket, folder).others == ("p/a/1.jpg",)


def test_the_same_content_belongs_to_whoever_has_it(bucket, folder, tmp_path):
    upload(bucket, folder)
    moved = folder.rename(tmp_path / "moved")
    again = upload(bucket, moved)
    assert (again.asks, again.sent, again.skipped) == (False, 0, 3)
    (moved / "a/1.jpg").unlink()
    assert upload(bucket, moved).gone == ("p/a/1.jpg",)


def test_looking_sends_nothing_and_tells_what_is_there(bucket, folder):
    upload(bucket, folder)
    puts = list(bucket.puts)
    there = upload(bucket, folder, look=True)
    assert there.whole and there.exact and there.skipped == 3
    write(folder, "b/4.jpg", b"new")
    bucket.objects["p/a/9.jpg"] = b"somebody's"
    assert upload(bucket, folder, look=True).asks
    merged = upload(bucket, folder, look=True, merge=True)
    assert (merged.missing, merged.others) == (1, ("p/a/9.jpg",)) and not merged.whole
    assert bucket.puts == puts


def test_where_a_folder_was_sent_is_remembered_for_its_account(bucket, folder, tmp_path):
    manifest = Manifest(tmp_path / "places.sqlite")
    for target, prefix in (("1/photos", "dogs/"), ("1/photos", "mine/"), ("12/photos", "other/")):
        manifest.begin(target, folder, "photos", prefix, 3)
        manifest.finish(target, folder, prefix)
    assert manifest.places("1", folder) == [("photos", "mine/"), ("photos", "dogs/")]
    assert manifest.places("1", folder / "a") == []
    manifest.close()


def test_one_bad_file_does_not_stop_the_rest_and_gets_a_second_chance(bucket, folder):
    bucket.before = lambda key: client_error("BadDigest") if key == "p/a/1.jpg" else None
    result = upload(bucket, folder)
    assert result.sent == 2 and [name for name, _ in result.failed] == ["a/1.jpg"]
    assert bucket.puts.count("p/a/1.jpg") == 2
    assert len(pending(folder)) == 1

    tries = []
    bucket.before = lambda key: tries.append(key) or (NotVerified() if len(tries) == 1 else None)
    result = upload(bucket, folder)
    assert (result.sent, result.skipped, result.failed) == (1, 2, ())
    assert pending(folder) == []


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (client_error("InsufficientStorage", 507), ServiceFault),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), Unreachable),
    ],
)
def test_what_concerns_all_files_ends_it_at_once_and_resumes(bucket, folder, error, kind):
    bucket.before = lambda key: error if key != "p/a/1.jpg" else None
    with pytest.raises(kind) as told:
        upload(bucket, folder)
    assert "What was sent (1 of 3 files) is kept" in told.value.hint
    assert bucket.puts == ["p/a/1.jpg", "p/a/2.jpg"] and bucket.cancelled == 1
    assert len(pending(folder)) == 1
    bucket.before = lambda key: None
    result = upload(bucket, folder)
    assert (result.sent, result.skipped) == (2, 1)


def test_many_failures_in_a_row_end_it(bucket, folder):
    for number in range(50):
        write(folder, f"c/{number}.jpg", b"1")
    bucket.before = lambda key: client_error("AccessDenied", 403)
    with pytest.raises(AccessDenied) as told:
        upload(bucket, folder)
    assert told.value.action == "s3:PutObject"
    assert len(bucket.puts) == upload_delivery.HOPELESS


def test_a_file_changed_while_it_is_sent_is_sent_once_more(bucket, folder):
    changes = []

    def before(key):
        if key == "p/a/1.jpg" and not changes:
            changes.append(key)
            write(folder, "a/1.jpg", b"newer!!", LONG_AGO + 5)

    bucket.before = before
    result = upload(bucket, folder)
    assert result.changed_during_upload == ()
    assert bucket.objects["p/a/1.jpg"] == b"newer!!"
    assert bucket.puts.count("p/a/1.jpg") == 2


def test_a_file_that_keeps_changing_is_reported(bucket, folder):
    def before(key):
        if key == "p/a/1.jpg":
            write(folder, "a/1.jpg", b"x" * len(bucket.puts), LONG_AGO + len(bucket.puts))

    bucket.before = before
    result = upload(bucket, folder)
    assert result.changed_during_upload == ("a/1.jpg",)
    assert "Changed meanwhile: 1 file;" in result.summary
    assert len(pending(folder)) == 1


def test_files_that_come_and_go_meanwhile(bucket, folder):
    def before(key):
        if key == "p/a/1.jpg":
            write(folder, "z/new.jpg", b"new")
            (folder / "b/3.jpg").unlink(missing_ok=True)
            (folder / "a/1.jpg").unlink(missing_ok=True)

    bucket.before = before
    result = upload(bucket, folder)
    assert bucket.objects["p/z/new.jpg"] == b"new"
    assert result.failed == () and result.gone == ("p/a/1.jpg",)


def test_a_file_that_is_being_written_is_read_until_it_settles(bucket, folder, monkeypatch):
    fstat, calls = os.fstat, []

    def moving(descriptor):
        calls.append(descriptor)
        info = fstat(descriptor)
        if len(calls) == 2:
            os.utime(folder / "a/1.jpg", (LONG_AGO + 1, LONG_AGO + 1))
            return fstat(descriptor)
        return info

    monkeypatch.setattr(upload_delivery.os, "fstat", moving)
    result = upload(bucket, folder)
    assert len(calls) == 2 * 3 + 2
    assert result.sent == 3 and result.changed_during_upload == ()


def test_cancelling_keeps_what_was_sent(bucket, folder):
    control = Wishes()

    def before(key):
        control.cancel()
        return Cancelled() if key != "p/a/1.jpg" else None

    bucket.before = before
    result = upload(bucket, folder, control)
    assert result.cancelled and result.sent == 1 and result.failed == ()
    assert "What was sent (1 file) is kept" in result.summary
    assert len(bucket.puts) == 1 and bucket.cancelled == 1
    bucket.before = lambda key: None
    assert upload(bucket, folder).skipped == 1


def test_nothing_to_send_is_told(bucket, tmp_path):
    (tmp_path / "empty" / "sub").mkdir(parents=True)
    with pytest.raises(LocalProblem, match="has no files"):
        upload(bucket, tmp_path / "empty")
    write(tmp_path / "empty", ".hidden", b"")
    with pytest.raises(LocalProblem, match="hidden"):
        upload(bucket, tmp_path / "empty")
    with pytest.raises(LocalProblem, match="no such file or folder"):
        upload(bucket, tmp_path / "none")


def test_a_manifest_that_cannot_be_written_does_not_matter(bucket, folder, monkeypatch):
    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    for name in ("remember_sent", "remember_hashes", "begin", "finish"):
        monkeypatch.setattr(Manifest, name, full)
    assert upload(bucket, folder).sent == 3
    assert upload(bucket, folder).skipped == 3


def test_a_pause_holds_the_next_file(bucket, folder):
    control, reached = Wishes(), threading.Event()

    def before(key):
        if len(bucket.puts) == 1:
            control.pause()
            reached.set()

    bucket.before = before
    results = []
    thread = threading.Thread(target=lambda: results.append(upload(bucket, folder, control)))
    thread.start()
    assert reached.wait(60)
    thread.join(0.1)
    assert thread.is_alive() and len(bucket.puts) == 1
    control.resume()
    thread.join(60)
    assert results[0].sent == 3
