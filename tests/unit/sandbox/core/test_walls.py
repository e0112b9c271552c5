"""What a child may see: its own folders and its own /tmp, not the state, not the home; and what is said if it may."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.core import walls
from sandbox.core.processes import Processes
from sandbox.core.settings import WALLS, WrongSetting, check_settings
from sandbox.core.state import StateDir
from sandbox.core.walls import Abilities, Enclosure, Walls

HERE = Enclosure(Path("/nowhere")).abilities()
needs_walls = pytest.mark.skipif(bool(HERE.walls), reason=HERE.walls)
needs_tmp = pytest.mark.skipif(bool(HERE.tmp), reason=HERE.tmp)
READ = """
import sys
for place in sys.argv[1:]:
    try:
        with open(place) as file:
            print("read", file.read(4))
    except OSError as error:
        print(type(error).__name__)
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    for name in (".aws", ".ssh"):
        (home / name).mkdir(parents=True)
    (home / ".aws" / "credentials").write_text("keys of the operator")
    (home / ".ssh" / "id_ed25519").write_text("keys of the operator")
    (home / "note.txt").write_text("keys of the operator")
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.fixture
def processes(tmp_path: Path, home: Path) -> Iterator[Processes]:
    state = StateDir(tmp_path / "state")
    (state.path / "ready.json").write_text("keys of the operator")
    made = Processes(state)
    yield made
    made.stop_all(grace=0.1)
    state.close()


def job(processes: Processes, name: str = "one") -> Path:
    """The folder of a job in the state, with its tmp."""
    folder = processes.enclosure._state / "jobs" / name
    (folder / "tmp").mkdir(parents=True)
    (folder / "own.txt").write_text("own of the job")
    return folder


def said(processes: Processes, walls: Walls | None, code: str, *arguments: object) -> list[str]:
    """What a Python program behind these walls prints, line by line."""
    argv = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    env = {"PATH": os.environ["PATH"]} | ({"TMPDIR": str(walls.tmp)} if walls and walls.tmp else {})
    managed = processes.spawn(
        "job",
        "test",
        argv,
        env,
        walls.own[0] if walls else Path.cwd(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        walls=walls,
    )
    assert managed.stdout is not None
    text: str = managed.stdout.read().decode()
    managed.wait(60)
    return text.splitlines()


@needs_walls
def test_a_child_reads_its_own_and_nothing_of_the_operators(processes: Processes, home: Path) -> None:
    folder, other = job(processes), job(processes, "two")
    state = processes.enclosure._state
    secret = [
        *(state / "ready.json", state / "sandbox.db", other / "own.txt"),
        *(home / ".aws" / "credentials", home / ".ssh" / "id_ed25519", home / "note.txt"),
        f"/proc/{os.getpid()}/environ",
    ]
    # Without a /tmp of its own: that would hide these folders of a test, too.
    given = Walls([folder])
    assert said(processes, given, READ, *secret) == ["PermissionError"] * len(secret)
    allowed = [folder / "own.txt", sys.executable, os.__file__, "/etc/passwd", "/proc/self/status", "/dev/null"]
    assert all(line.startswith("read") or line == "UnicodeDecodeError" for line in said(
        processes, given, READ.replace("OSError", "(OSError, UnicodeError)"), *allowed
    ))  # fmt: skip
    # Without walls the same program reads it all: it is the walls that keep it out.
    assert said(processes, None, READ, state / "ready.json", home / "note.txt") == ["read keys", "read keys"]


@needs_walls
def test_what_a_child_starts_is_behind_the_same_walls_and_the_rest_is_read_only(processes: Processes) -> None:
    folder = job(processes)
    state = processes.enclosure._state
    code = f"""
        import subprocess, sys
        for command in ("cat {state}/ready.json", "ls {state}", "touch /usr/x", "mv own.txt tmp/ && cat tmp/own.txt"):
            done = subprocess.run(command, shell=True, capture_output=True, text=True)
            print(done.returncode == 0, (done.stdout or done.stderr.split(": ")[-1]).strip())
    """
    denied = "False Permission denied"
    assert said(processes, Walls([folder]), code) == [denied, denied, denied, "True own of the job"]


@needs_walls
def test_threads_workers_and_shared_memory_work_behind_walls(processes: Processes) -> None:
    folder = job(processes)
    code = """
        import multiprocessing, tempfile
        from multiprocessing import shared_memory

        def twice(number):
            return 2 * number

        if __name__ == "__main__":
            block = shared_memory.SharedMemory(create=True, size=100)
            block.close(); block.unlink()
            with multiprocessing.get_context("fork").Pool(2) as pool:
                print(pool.map(twice, [1, 2]))
            # A manager listens on a Unix socket below TMPDIR.
            with multiprocessing.get_context("fork").Manager() as manager:
                print(dict(manager.dict(a=1)))
            print(open("/dev/null", "w").write("x"), tempfile.NamedTemporaryFile().write(b"xy"))
    """
    assert said(processes, Walls([folder], tmp=folder / "tmp"), code) == ["[2, 4]", "{'a': 1}", "1 2"]


@needs_tmp
def test_tmp_is_each_childs_own_and_short(processes: Processes) -> None:
    code = """
        import os, tempfile
        print(sorted(name for name in os.listdir("/tmp") if name.endswith(".pth")), tempfile.gettempdir())
        open("/tmp/weights.pth", "w").write("x")
    """
    for name in ("one", "two"):
        folder = job(processes, name)
        assert said(processes, Walls([folder], tmp=folder / "tmp"), code) == ["[] /tmp"]
        assert (folder / "tmp" / "weights.pth").exists()
    assert not Path("/tmp/weights.pth").exists()


@needs_tmp
def test_a_tmp_in_memory_has_a_size(processes: Processes) -> None:
    folder = job(processes)
    code = """
        import os, tempfile
        try:
            open("/tmp/big", "wb").write(bytes(3_000_000))
        except OSError as error:
            print(error.strerror)
        print(os.environ["TMPDIR"])
    """
    given = Walls([folder], tmp=folder / "tmp", tmp_megabytes=2)
    assert said(processes, given, code) == ["No space left on device", "/tmp"]
    assert list((folder / "tmp").iterdir()) == []


def test_without_the_abilities_nothing_is_planned_and_the_operator_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WALLS, "no")
    enclosure = Enclosure(tmp_path)
    assert enclosure.plan(Walls([tmp_path], tmp=tmp_path), tmp_path) == {}
    assert enclosure.abilities().sentence() == (
        "Code that the sandbox runs (jobs, endpoints, functions) can read your files on this computer, the keys in "
        "~/.aws and in the sandbox's folder among them: it is turned off by SAGEDECK_WALLS. Run only code that you "
        "trust."
    )
    assert not Abilities(tmp="it could not be tried").sentence()
    monkeypatch.setenv(WALLS, "perhaps")
    with pytest.raises(WrongSetting, match="SAGEDECK_WALLS must be yes or no"):
        check_settings()


@pytest.mark.parametrize("answer", ["", "{}", "nonsense"])
def test_a_probe_that_fails_claims_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    program = tmp_path / "probe.py"
    program.write_text(f"print({answer!r})")
    monkeypatch.setattr(walls, "PROGRAM", program)
    able = Enclosure(tmp_path).abilities()
    assert able.tmp and able.sentence()


@needs_walls
def test_a_child_that_cannot_be_shut_in_does_not_run(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = job(processes)
    plan = {"read": ["/usr"], "write": [str(folder)], "tmp": "/no/such/folder", "cwd": "/"}
    monkeypatch.setattr(processes.enclosure, "plan", lambda walls, cwd: plan)
    lines = said(processes, Walls([folder]), "print('it ran')")
    assert len(lines) == 1 and "is refused" in lines[0]


@pytest.mark.parametrize("state", ["state", "deep/state"])
def test_a_state_folder_anywhere_in_what_is_open_stays_shut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    shared = tmp_path / "shared"
    for name in ("lib", "deep/other", state):
        (shared / name).mkdir(parents=True, exist_ok=True)
    (shared / "link").symlink_to(shared / state)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(shared / "keys"))
    (shared / "keys").touch()
    enclosure = Enclosure(shared / state)
    enclosure._abilities = Abilities()
    plan = enclosure.plan(Walls([tmp_path], read=[shared]), tmp_path)
    opened = [Path(place) for place in plan["read"]]
    assert not any((shared / state).is_relative_to(place) for place in opened)
    assert shared / "lib" in opened
    assert not any((shared / "keys").is_relative_to(place) or place == shared / "link" for place in opened)


def test_what_every_program_may_need_is_shut_where_it_lies_in_the_state_and_tmp_shows_only_what_lies_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, system = tmp_path / "state", tmp_path / "system"
    for place in (state / "lib", system):
        place.mkdir(parents=True)
    monkeypatch.setattr(walls, "_SYSTEM", (str(state / "lib"), str(system), str(tmp_path / "missing")))
    enclosure = Enclosure(state)
    # Without /tmp, where these folders of a test lie.
    enclosure._abilities, enclosure._hidden = Abilities(), [state]
    plan = enclosure.plan(Walls([system], tmp=state / "tmp"), system)
    assert str(system) in plan["read"] and not any(str(state) in place for place in plan["read"])
    assert all(Path(place).is_relative_to("/tmp") for place in plan["show"])
    assert enclosure.plan(None, system) == {} and plan["tmp"] == str(state / "tmp")


def test_what_the_system_can_do_is_tried_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    def probe() -> Abilities:
        tries.append(1)
        return Abilities()

    monkeypatch.setattr(walls, "_probe", probe)
    enclosure = Enclosure(tmp_path)
    assert enclosure.abilities() is enclosure.abilities() and len(tries) == 1
