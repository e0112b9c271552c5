"""What the program writes is for the user alone, whatever the umask, also what an earlier run left open."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

import pytest

from console.activity import logbook
from console.activity.logbook import Logbook
from console.journal import Journal, Writer
from console.settings import Settings
from workers.account import sandbox as local_account
from workers.account.sandbox import start_lock
from workers.files import private
from workers.upload.manifest import Manifest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the system has no such permissions")


@pytest.fixture(autouse=True)
def usual_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> list[str]:
    """Whatever in ``folder`` others may read, by its path below it."""
    found = [path for path in folder.rglob("*") if stat.S_IMODE(path.lstat().st_mode) & 0o077]
    return sorted(str(path.relative_to(folder)) for path in found)


def write_settings(folder: Path) -> None:
    writer = Writer()
    settings = Settings(folder / "settings.json", writer)
    settings.set("theme", "dark")
    settings.save()
    writer.close()


def write_history(folder: Path) -> None:
    writer = Writer()
    Journal(folder / "activity.jsonl", writer).append({"title": "Delete dogs"})
    writer.close()


def write_log(folder: Path) -> None:
    book = Logbook()
    book.install(folder / "window.log")
    try:
        for _ in range(20):
            logging.getLogger("console").info("a line that makes the file turn over")
    finally:
        book.uninstall()


def write_manifest(folder: Path) -> None:
    manifest = Manifest(folder / "uploads.sqlite")
    manifest.begin("1/b", folder, "b", "p/", 3)
    # Its -wal and -shm are beside it now.
    assert len(list(folder.iterdir())) > 1 and open_to_others(folder) == []
    manifest.close()


def write_lock(folder: Path) -> None:
    private.make_folder(folder)
    with start_lock(folder / "sandbox"):
        pass


WRITERS = {
    "settings": write_settings,
    "history": write_history,
    "log": write_log,
    "uploads": write_manifest,
    "lock": write_lock,
}


@pytest.mark.parametrize("name", WRITERS)
def test_what_is_written_is_private(qapp, tmp_path, monkeypatch, name):
    monkeypatch.setattr(logbook, "FILE_BYTES", 300)
    WRITERS[name](tmp_path / "made" / "here")
    assert list((tmp_path / "made" / "here").iterdir())
    assert open_to_others(tmp_path) == []


@pytest.mark.parametrize("name", WRITERS)
def test_what_an_earlier_run_left_open_is_tightened_when_it_is_written(qapp, tmp_path, monkeypatch, name):
    monkeypatch.setattr(logbook, "FILE_BYTES", 300)
    folder = tmp_path / "sagedeck"
    WRITERS[name](folder)
    folder.chmod(0o755)
    for path in folder.iterdir():
        path.chmod(0o644)
    # What the start does, for what is not written in this run.
    private.tighten(folder / name for name in ("settings.json", "activity.jsonl", "window.log", "sandbox.lock"))
    assert [path for path in open_to_others(tmp_path) if "uploads" not in path] == []
    WRITERS[name](folder)
    assert open_to_others(tmp_path) == []


def test_the_start_tightens_all_and_leaves_shared_folders_and_links_alone(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir(0o755)
    other = tmp_path / "other.txt"
    other.write_text("x")
    other.chmod(0o644)
    for name in ("window.log", "window.log.1", "settings.json", "settings.json.broken-1"):
        (shared / name).write_text("x")
        (shared / name).chmod(0o644)
    (shared / "settings.json.link").symlink_to(other)
    (shared / "unrelated.txt").write_text("x")
    private.tighten((shared / "window.log", shared / "settings.json", tmp_path / "gone" / "x"))
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755 and stat.S_IMODE(other.stat().st_mode) == 0o644
    left = [name for name in open_to_others(shared) if not name.endswith("link")]
    assert left == ["unrelated.txt"]


def test_the_sandboxs_log_of_an_earlier_version_is_tightened(tmp_path, monkeypatch):
    state = tmp_path / "sandbox"
    log = local_account.log_path(state)
    log.write_text("old")
    log.chmod(0o644)

    def popen(*_, **__):
        raise OSError("not now")

    monkeypatch.setattr("subprocess.Popen", popen)
    with pytest.raises(OSError):
        local_account._spawn(state)
    assert open_to_others(tmp_path) == []
