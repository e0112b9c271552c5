"""The short names of temporary folders, and that nothing of them stays."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.core.processes import Processes
from sandbox.core.short_paths import ShortPaths
from sandbox.core.state import StateDir

DEEP = "a folder with späces/" + "deep/" * 40
# A Unix socket below TMPDIR as multiprocessing makes it, and what it was called with.
LISTEN = """
import os, socket, tempfile
from multiprocessing.connection import Listener
with Listener(None, "AF_UNIX") as one:
    print(os.environ["TMPDIR"], len(one.address.encode()), flush=True)
open(os.path.join(tempfile.gettempdir(), "written"), "w").close()
"""


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDir]:
    opened = StateDir(tmp_path / DEEP / "state")
    yield opened
    opened.close()


@pytest.fixture
def folder(state: StateDir) -> Path:
    made = state.path / "jobs" / ("j" * 63) / "algo-1" / "tmp"
    made.mkdir(parents=True)
    return made


def test_a_deep_folder_gets_a_short_private_name(state: StateDir, folder: Path) -> None:
    paths = ShortPaths(state)
    short = Path(paths.link(str(folder)))
    assert len(os.fsencode(short)) <= 60
    assert short.resolve() == folder.resolve()
    assert stat.S_IMODE(short.parent.stat().st_mode) == 0o700
    (short / "file").write_text("x")
    paths.forget(str(short))
    assert not short.is_symlink()
    assert (folder / "file").read_text() == "x"
    other = folder / "file"
    paths.forget(str(other))
    assert other.exists()
    paths.close()
    assert not short.parent.exists()


def test_what_a_killed_sandbox_left_goes_at_the_next_start(state: StateDir, folder: Path) -> None:
    short = Path(ShortPaths(state).link(str(folder)))
    (folder / "kept").write_text("x")
    ShortPaths(state)
    assert not short.parent.exists()
    assert (folder / "kept").exists()


def test_a_folder_that_is_not_ours_is_never_removed(state: StateDir, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    state.set_setting("short_paths", str(precious))
    ShortPaths(state)
    assert precious.exists()


def test_without_a_temporary_folder_the_deep_name_is_used(
    state: StateDir, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.core.short_paths._places", lambda: [str(folder / "missing")])
    assert ShortPaths(state).link(str(folder)) == str(folder)


def test_a_temporary_folder_that_is_deep_itself_is_not_used(
    state: StateDir, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    paths = ShortPaths(state)
    assert len(os.fsencode(paths.link(str(folder)))) <= 60
    paths.close()


def test_a_child_can_make_a_socket_and_leaves_no_link(state: StateDir, folder: Path) -> None:
    processes = Processes(state)
    env = {"PATH": os.environ["PATH"], "TMPDIR": str(folder)}
    child = processes.spawn("training", "j", [sys.executable, "-c", LISTEN], env, folder, stdout=subprocess.PIPE)
    assert child.stdout is not None
    with child.stdout:
        short, length = child.stdout.read().split()
    assert child.wait(60) == 0
    assert int(length) < 104
    assert (folder / "written").exists()
    assert not Path(short.decode()).is_symlink()
    processes.stop_all()
    assert not Path(short.decode()).parent.exists()
