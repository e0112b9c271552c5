"""The pieces of an upload: what a folder holds, what is remembered, what is to be sent, how fast it goes."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time

import pytest

from workers.upload.manifest import Hashes, Manifest, Sent
from workers.upload.plan import (
    PART_SIZE,
    clean_prefix,
    content_type,
    find_twins,
    gone_keys,
    hash_file,
    make_plan,
)
from workers.upload.progress import Meter, Reporter
from workers.upload.remote import RemoteObject
from workers.upload.scan import LocalFile, Scan, scan

posix_only = pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")
LONG_AGO = 1_600_000_000


def write(folder, name, data=b"x"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def md5(data):
    return hashlib.md5(data).hexdigest()


def names(found):
    return [file.name for file in found.files]


class TestScan:
    def test_odd_names_are_kept_and_hidden_ones_left_out(self, tmp_path):
        odd = ["a b.jpg", "dir with space/ü 😀.jpg", "..dots..jpg", "a..b/c.jpg", "new\nline.jpg", "x/y/z.jpg"]
        kept = [name for name in odd if not name.startswith(".")]
        for name in [*odd, ".hidden", ".git/config", "Thumbs.db", "x/.DS_Store", "x/desktop.ini"]:
            write(tmp_path, name)
        found = scan(tmp_path)
        assert sorted(names(found)) == sorted(kept)
        assert set(found.ignored) == {"..dots..jpg", ".hidden", ".git", "Thumbs.db", "x/.DS_Store", "x/desktop.ini"}
        assert found.problems == []

    @posix_only
    def test_links_are_followed_but_never_in_circles(self, tmp_path):
        write(tmp_path / "outside", "o.jpg")
        root = tmp_path / "root"
        write(root, "a/1.jpg")
        (root / "a" / "up").symlink_to(root)
        (root / "self").symlink_to(root / "self")
        (root / "gone").symlink_to(root / "nothing")
        (root / "out").symlink_to(tmp_path / "outside")
        (root / "twin.jpg").symlink_to(root / "a" / "1.jpg")
        found = scan(root)
        assert names(found) == ["a/1.jpg", "out/o.jpg", "twin.jpg"]
        assert found.problems == []
        assert found.ignored == ["a/up", "gone", "self"]

    @posix_only
    def test_what_cannot_be_sent_is_told_and_not_opened(self, tmp_path):
        write(tmp_path, "ok.jpg")
        os.mkfifo(tmp_path / "pipe.jpg")
        os.close(os.open(os.fsencode(tmp_path) + b"/caf\xe9.jpg", os.O_CREAT | os.O_WRONLY))
        found = scan(tmp_path)
        assert names(found) == ["ok.jpg"]
        assert dict(found.problems).keys() == {"pipe.jpg", "caf\\xe9.jpg"}
        assert "UTF-8" in dict(found.problems)["caf\\xe9.jpg"]

    def test_a_folder_that_cannot_be_read_is_told(self, tmp_path, monkeypatch):
        write(tmp_path, "closed/1.jpg")
        write(tmp_path, "open/2.jpg")
        scandir = os.scandir

        def refusing(path):
            if str(path).endswith("closed"):
                raise PermissionError(13, "Permission denied", path)
            return scandir(path)

        monkeypatch.setattr(os, "scandir", refusing)
        found = scan(tmp_path)
        assert names(found) == ["open/2.jpg"] and found.blind == ["closed"]
        assert found.may_hold("closed/1.jpg") and not found.may_hold("open/1.jpg")

    def test_a_missing_folder_is_an_error_and_it_can_be_ended(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            scan(tmp_path / "no")
        for number in range(5):
            write(tmp_path, f"{number}/a.jpg")
        assert len(scan(tmp_path, lambda count: count < 2).files) == 2


class TestManifest:
    def test_hashes_hold_while_the_file_looks_the_same(self, tmp_path):
        path = write(tmp_path / "d", "a.jpg", b"one")
        (file,) = scan(tmp_path / "d").files
        manifest = Manifest(tmp_path / "m" / "m.sqlite")
        manifest.remember_hashes(tmp_path / "d", [(file, Hashes("s", "m"))], time.time_ns() + 3 * 10**9)
        manifest.close()
        manifest = Manifest(tmp_path / "m" / "m.sqlite")
        assert manifest.hashes(tmp_path / "d", [file]) == {"a.jpg": Hashes("s", "m")}
        assert manifest.hashes(tmp_path / "e", [file]) == {}
        path.write_bytes(b"two")
        os.utime(path, ns=(file.mtime_ns, file.mtime_ns))
        (same_size_and_time,) = scan(tmp_path / "d").files
        assert (same_size_and_time.size, same_size_and_time.mtime_ns) == (file.size, file.mtime_ns)
        assert manifest.hashes(tmp_path / "d", scan(tmp_path / "d").files) == {}
        manifest.close()

    def test_a_file_written_just_now_is_not_trusted(self, tmp_path):
        (tmp_path / "a.jpg").write_bytes(b"1")
        (file,) = scan(tmp_path).files
        manifest = Manifest(tmp_path / "m.sqlite")
        manifest.remember_hashes(tmp_path, [(file, Hashes("s"))], file.mtime_ns + 1)
        assert manifest.hashes(tmp_path, [file]) == {}
        manifest.close()

    def test_sent_and_pending(self, tmp_path):
        manifest = Manifest(tmp_path / "m.sqlite")
        manifest.remember_sent("1/b", [("p/x_y", Sent("e", "s")), ("q/x", Sent("f", "t"))])
        assert manifest.sent("1/b", "p/") == {"p/x_y": Sent("e", "s")}
        assert manifest.sent("1/c", "") == {} and len(manifest.sent("1/b", "")) == 2
        manifest.begin("1/b", tmp_path, "b", "p/", 7)
        manifest.begin("1/b", tmp_path / "deleted", "b", "p/", 7)
        manifest.begin("12/b", tmp_path, "b", "p/", 7)
        (pending,) = manifest.pending("1")
        assert (pending.folder, pending.bucket, pending.prefix, pending.files_total) == (tmp_path, "b", "p/", 7)
        manifest.finish("1/b", tmp_path, "p/")
        assert manifest.pending("1") == []
        manifest.close()

    def test_a_damaged_file_is_replaced_and_a_locked_one_is_not(self, tmp_path):
        path = tmp_path / "m.sqlite"
        path.write_bytes(b"this is no database, " * 100)
        manifest = Manifest(path)
        manifest.remember_sent("t", [("k", Sent("e", "s"))])
        manifest.close()
        assert Manifest(path).sent("t", "") == {"k": Sent("e", "s")}
        (tmp_path / "file").write_text("")
        manifest = Manifest(tmp_path / "file" / "m.sqlite")
        manifest.remember_sent("t", [("k", Sent("e", "s"))])
        assert manifest.sent("t", "") == {"k": Sent("e", "s")}

    def test_old_entries_are_forgotten(self, tmp_path, monkeypatch):
        manifest = Manifest(tmp_path / "m.sqlite")
        manifest.remember_sent("t", [("k", Sent("e", "s"))])
        later = time.time() + 200 * 86_400
        monkeypatch.setattr(time, "time", lambda: later)
        manifest.finish("t", tmp_path, "")
        assert manifest.sent("t", "") == {}
        manifest.close()


class TestPlan:
    def make(self, tmp_path, remote, known=None, sent=None):
        return make_plan(scan(tmp_path).files, "p/", remote, known or {}, sent or {})

    def test_by_size_and_md5(self, tmp_path):
        for name in ("same", "differs", "longer", "new"):
            write(tmp_path, name, name.encode())
        remote = {
            "p/same": RemoteObject(4, md5(b"same")),
            "p/differs": RemoteObject(7, md5(b"DIFFERS")),
            "p/longer": RemoteObject(9, md5(b"longer")),
        }
        plan = self.make(tmp_path, remote)
        assert [file.name for file in plan.there] == ["same"]
        assert [file.name for file in plan.send] == ["differs", "longer", "new"]
        assert {file.name for file, _ in plan.hashed} == {"same", "differs"}

    def test_known_hashes_spare_the_reading(self, tmp_path, monkeypatch):
        write(tmp_path, "a", b"data")
        monkeypatch.setattr("workers.upload.plan.hash_file", lambda file: pytest.fail("read"))
        remote = {"p/a": RemoteObject(4, md5(b"data"))}
        plan = self.make(tmp_path, remote, {"a": Hashes("sha", md5(b"data"))})
        assert len(plan.there) == 1 and not plan.hashed

    def test_an_etag_that_is_no_md5_counts_when_it_is_the_one_of_the_same_content(self, tmp_path):
        write(tmp_path, "a", b"data")
        sha256 = hashlib.sha256(b"data").hexdigest()
        remote = {"p/a": RemoteObject(4, "abc-2")}
        assert not self.make(tmp_path, remote).there
        assert self.make(tmp_path, remote, sent={"p/a": Sent("abc-2", sha256)}).there
        assert not self.make(tmp_path, remote, sent={"p/a": Sent("abc-2", "other")}).there
        assert not self.make(tmp_path, remote, sent={"p/a": Sent("xyz-2", sha256)}).there

    def test_keys_that_are_too_long_and_files_that_vanish(self, tmp_path):
        write(tmp_path, "/".join(["d" * 200] * 6) + "/x.jpg")
        path = write(tmp_path, "a", b"data")
        files = scan(tmp_path).files
        path.unlink()
        plan = make_plan(files, "", {"a": RemoteObject(4, "x")}, {}, {})
        assert [file.name for file in plan.send] == ["a"]
        assert "1024" in plan.problems[0][1]

    def test_it_can_be_ended(self, tmp_path):
        for number in range(50):
            write(tmp_path, str(number), b"12")
        remote = {f"p/{number}": RemoteObject(2, md5(b"12")) for number in range(50)}
        plan = make_plan(scan(tmp_path).files, "p/", remote, {}, {}, lambda compared: compared < 5)
        assert len(plan.there) < 50

    def test_gone_are_only_files_that_do_not_exist(self):
        file = LocalFile("/x/a.jpg", "a.jpg", 1, 1, 1)
        found = Scan(files=[file], ignored=[".h"], problems=[("bad.jpg", "")], blind=["shut"])
        remote = ["p/a.jpg", "p/old.jpg", "p/", "p/dir/", "p/.h", "p/bad.jpg", "p/shut/1.jpg"]
        assert gone_keys(found, "p/", remote) == ("p/old.jpg",)

    def test_names_that_differ_only_in_their_accents_are_told(self):
        composed, apart = "caf\u00e9/1.jpg", "cafe\u0301/1.jpg"
        assert find_twins(["a.jpg", composed, apart, "caf\u00e9/2.jpg"]) == (composed, apart)
        assert find_twins(["a.jpg", composed]) == ()

    def test_digests_types_and_prefixes(self, tmp_path):
        write(tmp_path, "a.bin", b"data")
        assert hash_file(scan(tmp_path).files[0]) == Hashes(hashlib.sha256(b"data").hexdigest(), md5(b"data"))
        parts = [b"a" * PART_SIZE, b"b"]
        write(tmp_path, "a.bin", b"".join(parts))
        composite = md5(b"".join(hashlib.md5(part).digest() for part in parts)) + "-2"
        assert hash_file(scan(tmp_path).files[0]).etag == composite
        write(tmp_path, "a.bin", b"")
        assert hash_file(scan(tmp_path).files[0]).etag == md5(b"")
        types = {"a.jpg": "image/jpeg", "b.PNG": "image/png", "c.webp": "image/webp", "d": "application/octet-stream"}
        assert {name: content_type(name) for name in types} == types
        assert [clean_prefix(text) for text in ("", "/", "a", "/a/b/")] == ["", "", "a/", "a/b/"]


class TestMeter:
    def test_rates_and_time_left(self):
        now = [0.0]
        meter = Meter(lambda: now[0])
        meter.plan(110, 1100, skipped=10, skipped_bytes=100)
        meter.phase("uploading")
        meter.snapshot()
        for _ in range(40):
            now[0] += 0.1
            meter.moved(10)
            meter.ended()
            progress = meter.snapshot()
        assert progress.files_per_second == pytest.approx(10)
        assert progress.bytes_per_second == pytest.approx(100)
        assert progress.seconds_left == pytest.approx(6)
        assert (progress.files_done, progress.files_total, progress.skipped) == (50, 110, 10)
        meter.paused()
        now[0] += 60
        assert meter.snapshot().seconds_left is None

    def test_the_reporter_tells_the_last_figures(self):
        told = []
        meter = Meter()
        reporter = Reporter(meter, told.append)
        reporter.start()
        meter.found(5)
        reporter.stop()
        assert told[-1].files_total == 5


def test_the_manifest_is_plain_sqlite(tmp_path):
    Manifest(tmp_path / "m.sqlite").close()
    with sqlite3.connect(tmp_path / "m.sqlite") as db:
        assert db.execute("SELECT count(*) FROM sent").fetchone() == (0,)
