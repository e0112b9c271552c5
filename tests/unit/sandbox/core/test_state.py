"""The state folder: locked, versioned, moved aside rather than deleted, durable."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sandbox.__main__ import EXIT_IN_USE, serve
from sandbox.core.state import VERSION_TEXT, StateDir, StateError, StateInUse
from sandbox.moto_host.journal import Journal, MotoRequest, changes_something
from sandbox.wire.errors import AwsError

ROOT = str(Path(__file__).parents[4])


def test_a_new_folder_is_private_and_opens_again(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "deep" / "state")
    assert stat.S_IMODE(state.path.stat().st_mode) == 0o700
    state.set_setting("a", "1")
    state.close()
    again = StateDir(tmp_path / "deep" / "state")
    assert again.setting("a") == "1"
    assert again.setting("b") is None
    assert again.notice == ""
    again.close()


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    with pytest.raises(StateInUse):
        StateDir(tmp_path / "state")
    state.close()
    StateDir(tmp_path / "state").close()


@pytest.mark.parametrize(
    ("version", "word"),
    [
        ("sagedeck-sandbox-state 0\n", "an older version"),
        ("sagedeck-sandbox-state 99\n", "a newer version"),
        ("rubbish", "damaged"),
        ("", "damaged"),
    ],
)
def test_other_versions_are_moved_aside_whole(tmp_path: Path, version: str, word: str) -> None:
    state = StateDir(tmp_path / "state")
    (state.blobs / "precious").write_text("kept")
    state.close()
    (tmp_path / "state" / "version").write_text(version)
    fresh = StateDir(tmp_path / "state")
    assert word in fresh.notice
    assert "nothing was deleted" in fresh.notice
    assert list(fresh.blobs.iterdir()) == []
    (old,) = tmp_path.glob("state.old-*")
    assert str(old) in fresh.notice
    assert (old / "blobs" / "precious").read_text() == "kept"
    assert (fresh.path / "version").read_text() == VERSION_TEXT
    fresh.close()


def test_a_damaged_database_is_moved_aside(tmp_path: Path) -> None:
    StateDir(tmp_path / "state").close()
    (tmp_path / "state" / "sandbox.db").write_bytes(b"this is no database" * 100)
    fresh = StateDir(tmp_path / "state")
    assert "database cannot be read" in fresh.notice
    (old,) = tmp_path.glob("state.old-*")
    assert (old / "sandbox.db").read_bytes().startswith(b"this is no database")
    fresh.set_setting("works", "yes")
    fresh.close()


def test_moving_aside_twice_keeps_both(tmp_path: Path) -> None:
    for _ in range(2):
        StateDir(tmp_path / "state").close()
        (tmp_path / "state" / "version").write_text("rubbish")
        StateDir(tmp_path / "state").close()
    assert len(list(tmp_path.glob("state.old-*"))) == 2


def test_somebody_elses_folder_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_text("mine")
    with pytest.raises(StateError, match="not a state folder"):
        StateDir(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("x")
    with pytest.raises(StateError, match="not a folder"):
        StateDir(tmp_path / "state")


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")

    def fails() -> None:
        with state.db.transaction():
            state.set_setting("a", "1")
            with state.db.transaction():
                state.set_setting("b", "2")
            assert state.setting("b") == "2"
            raise AwsError("X", "x")

    with pytest.raises(AwsError):
        fails()
    assert state.setting("a") is None
    assert state.setting("b") is None
    state.close()


def test_other_threads_do_not_see_what_is_not_committed(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    seen: list[str | None] = []
    with state.db.transaction():
        state.set_setting("a", "1")
        reader = threading.Thread(target=lambda: seen.append(state.setting("a")))
        reader.start()
        reader.join()
    reader = threading.Thread(target=lambda: seen.append(state.setting("a")))
    reader.start()
    reader.join()
    assert seen == [None, "1"]
    state.close()


def test_many_threads_write(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    threads = [
        threading.Thread(target=lambda n=n: [state.set_setting(f"{n}-{i}", "x") for i in range(50)]) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state.db.query("SELECT count(*) AS n FROM settings WHERE value='x'")[0]["n"] == 400
    state.close()


def test_a_commit_survives_kill_9(tmp_path: Path) -> None:
    code = (
        "import sys, time; sys.path.insert(0, sys.argv[2])\n"
        "from sandbox.core.state import StateDir\n"
        "state = StateDir(sys.argv[1])\n"
        "for i in range(500): state.set_setting(str(i), 'x')\n"
        "print('done', flush=True); time.sleep(600)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "state"), ROOT], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"done\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    state = StateDir(tmp_path / "state")
    assert state.notice == ""
    assert state.setting("499") == "x"
    state.close()


def test_the_journal_keeps_order_and_takes_back(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    journal = Journal(state)

    def request(number: int) -> MotoRequest:
        headers = {"content-type": "a/b", "authorization": "secret", "x-amz-security-token": "secret"}
        return MotoRequest("iam", "us-east-1", "AKIA", "POST", "/", headers, f"n={number}".encode())

    entries = [journal.add(request(number)) for number in range(450)]
    journal.remove(entries[7])
    kept = list(Journal(state).entries())
    assert [entry.request.body for entry in kept] == [f"n={n}".encode() for n in range(450) if n != 7]
    assert kept[0].seed == entries[0].seed
    assert kept[0].at == entries[0].at
    assert kept[0].request.headers == {"content-type": "a/b"}
    state.close()


@pytest.mark.parametrize(
    ("method", "operation", "expected"),
    [
        ("POST", "CreateRole", True),
        ("POST", "GetRole", False),
        ("POST", "ListRoles", False),
        ("POST", "DescribeInstances", False),
        ("POST", "TagResource", True),
        ("GET", "", False),
        ("DELETE", "", True),
    ],
)
def test_what_the_journal_takes(method: str, operation: str, expected: bool) -> None:
    assert changes_something(method, operation) is expected


def test_an_unwritable_parent(tmp_path: Path) -> None:
    if os.name != "posix" or os.geteuid() == 0:
        pytest.skip("needs a user whom permissions bind")
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StateError, match="cannot be written"):
            StateDir(tmp_path / "state")
    finally:
        tmp_path.chmod(0o700)


def test_a_folder_with_nothing_but_the_lock_of_a_starting_window_is_new(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "start.lock").touch()
    state = StateDir(folder)
    assert state.notice == ""
    state.close()


def test_the_lock_of_a_starting_window_makes_no_state_folder_of_anybodys(tmp_path: Path) -> None:
    (tmp_path / "start.lock").touch()
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(StateError, match="holds other files"):
        StateDir(tmp_path)
    assert (tmp_path / "letter.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("pid", "told"),
    [
        (os.getpid(), f"process {os.getpid()}, http://127.0.0.1:1"),
        (2**22 + 5, "still starting"),
        (None, "still starting"),
    ],
    # The number of this process would give the test another name in each process that runs tests.
    ids=["alive", "gone", "none"],
)
def test_the_second_is_told_who_has_the_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], pid: int | None, told: str
) -> None:
    state = StateDir(tmp_path / "state")
    if pid is not None:
        ready = {"pid": pid, "endpoint_url": "http://127.0.0.1:1"}
        (state.path / "ready.json").write_text(json.dumps(ready))
    before = os.umask(0o077)
    try:
        assert serve(state.path, 0, None, None) == EXIT_IN_USE
    finally:
        os.umask(before)
    assert told in capsys.readouterr().err
    state.close()
