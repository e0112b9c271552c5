"""No child of the sandbox outlives it, and what children do is reported truly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sandbox.core.processes import MARK, Managed, Processes, StartFailed, kill_marked
from sandbox.core.state import StateDir
from tests.helpers.waiting import wait_for

pytestmark = pytest.mark.skipif(os.name != "posix", reason="process groups")

# Starts a grandchild in the same group, one in a session of its own, and one that daemonises by a double fork.
FAMILY = """
import os, subprocess, sys, time
sleeper = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
pids = [subprocess.Popen(sleeper).pid, subprocess.Popen(sleeper, start_new_session=True).pid]
middle = subprocess.Popen([sys.executable, "-S", "-c", '''
import subprocess, sys
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"], start_new_session=True,
                         stdout=subprocess.DEVNULL)
print(child.pid)
'''], stdout=subprocess.PIPE, text=True)
pids.append(int(middle.communicate()[0]))
with open(sys.argv[1] + ".tmp", "w") as file:
    file.write(" ".join(map(str, pids)))
os.rename(sys.argv[1] + ".tmp", sys.argv[1])
"""


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    state = StateDir(tmp_path / "state")
    made = Processes(state)
    yield made
    made.stop_all(grace=0.1)
    state.close()


def python(processes: Processes, code: str, *args: str, **options: object) -> Managed:
    argv = [sys.executable, "-S", "-c", textwrap.dedent(code), *args]
    return processes.spawn("job", "test", argv, {"PATH": os.environ["PATH"]}, Path.cwd(), **options)  # type: ignore[arg-type]


def family(processes: Processes, tmp_path: Path, then: str) -> tuple[Managed, list[int]]:
    pid_file = tmp_path / "pids"
    managed = python(processes, FAMILY + then, str(pid_file))
    wait_for(pid_file.exists)
    pids = [int(text) for text in pid_file.read_text().split()]
    assert len(pids) == 3
    return managed, pids


def test_exit_code_and_output(processes: Processes) -> None:
    managed = python(processes, "print('hello'); raise SystemExit(7)", stdout=subprocess.PIPE)
    assert managed.stdout is not None
    assert managed.stdout.read() == b"hello\n"
    assert managed.wait(60) == 7
    assert managed.poll() == 7
    assert not processes.running()


def test_a_signal_is_a_negative_code(processes: Processes) -> None:
    managed = python(processes, "import os; os.kill(os.getpid(), 11)")
    assert managed.wait(60) == -11


def test_terminate_reaches_the_child_which_may_clean_up(processes: Processes, tmp_path: Path) -> None:
    managed = python(
        processes,
        """
        import os, signal, sys, time
        def end(*_):
            os.write(1, b"bye\\n")
            sys.exit(5)
        signal.signal(signal.SIGTERM, end)
        print("up", flush=True)
        time.sleep(600)
        """,
        stdout=subprocess.PIPE,
    )
    assert managed.stdout is not None
    assert managed.stdout.readline() == b"up\n"
    managed.terminate()
    assert managed.wait(60) == 5
    assert managed.stdout.read() == b"bye\n"


def test_stop_kills_what_ignores_sigterm(processes: Processes) -> None:
    managed = python(
        processes,
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
        stdout=subprocess.PIPE,
    )
    assert managed.stdout is not None
    managed.stdout.readline()
    assert managed.stop(grace=0.2) == -signal.SIGKILL


def test_only_the_given_environment_and_its_mark(processes: Processes) -> None:
    managed = python(processes, "import os; print(sorted(os.environ))", stdout=subprocess.PIPE)
    assert managed.stdout is not None
    names = managed.stdout.read().decode()
    assert MARK in names
    assert "PATH" in names
    assert "HOME" not in names


def test_standard_input_is_empty(processes: Processes) -> None:
    managed = python(processes, "import sys; print(repr(sys.stdin.read()))", stdout=subprocess.PIPE)
    assert managed.stdout is not None
    assert managed.stdout.read() == b"''\n"


def test_passed_descriptors_arrive(processes: Processes) -> None:
    read, write = os.pipe()
    managed = python(processes, f"import os; os.write({write}, b'ok')", pass_fds=(write,))
    os.close(write)
    assert os.read(read, 10) == b"ok"
    os.close(read)
    managed.wait(60)


def test_grandchildren_die_with_the_child_that_ends(processes: Processes, tmp_path: Path) -> None:
    managed, pids = family(processes, tmp_path, "raise SystemExit(3)")
    assert managed.wait(60) == 3
    assert all(gone(pid) for pid in pids)


def test_grandchildren_die_when_the_child_crashes(processes: Processes, tmp_path: Path) -> None:
    managed, pids = family(processes, tmp_path, "time.sleep(600)")
    os.kill(managed.pid, signal.SIGKILL)
    assert managed.wait(60) == -signal.SIGKILL
    assert all(gone(pid) for pid in pids)


def test_everything_dies_when_the_keeper_is_killed(processes: Processes, tmp_path: Path) -> None:
    managed, pids = family(processes, tmp_path, "time.sleep(600)")
    os.kill(managed._keeper.pid, signal.SIGKILL)
    assert managed.wait(60) == -signal.SIGKILL
    assert all(gone(pid) for pid in (*pids, managed.pid))


def test_stop_all_ends_everything(processes: Processes, tmp_path: Path) -> None:
    managed, pids = family(processes, tmp_path, "time.sleep(600)")
    processes.stop_all(grace=0.5)
    assert not managed.running
    assert all(gone(pid) for pid in (*pids, managed.pid))


def test_on_exit_runs_when_all_is_gone(processes: Processes, tmp_path: Path) -> None:
    seen: list[tuple[int | None, bool]] = []
    managed = python(processes, "pass", on_exit=lambda ended: seen.append((ended.returncode, ended.running)))
    assert managed.wait(60) == 0
    wait_for(lambda: seen)
    assert seen == [(0, False)]


def test_a_program_that_is_not_there(processes: Processes, tmp_path: Path) -> None:
    managed = processes.spawn("job", "x", ["/nonexistent/program"], {}, tmp_path, stderr=subprocess.PIPE)
    assert managed.stderr is not None
    assert b"/nonexistent/program: No such file" in managed.stderr.read()
    assert managed.wait(60) == 127


def test_a_folder_that_is_not_there(processes: Processes, tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match="cannot be started"):
        processes.spawn("job", "x", [sys.executable, "-c", "pass"], {}, tmp_path / "nowhere")
    assert not processes.running()


def test_kill_marked_finds_only_its_own() -> None:
    sleeper = [sys.executable, "-S", "-c", "import time; print('up', flush=True); time.sleep(600)"]
    marked = subprocess.Popen(sleeper, env={MARK: "mark-of-this-test"}, stdout=subprocess.PIPE)
    other = subprocess.Popen(sleeper, env={MARK: "another"}, stdout=subprocess.PIPE)
    try:
        for process in (marked, other):
            assert process.stdout is not None
            process.stdout.readline()
        assert kill_marked({"mark-of-this-test"}) >= 1
        assert marked.wait(60) == -signal.SIGKILL
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


SANDBOX = """
import sys, time
sys.path.insert(0, sys.argv[3])
from pathlib import Path
from sandbox.core.processes import Processes
from sandbox.core.state import StateDir
processes = Processes(StateDir(sys.argv[1]))
managed = processes.spawn("job", "t", [sys.executable, "-S", "-c", Path(sys.argv[4]).read_text(), sys.argv[2]],
                          {"PATH": "/usr/bin:/bin"}, ".")
print(managed.pid, managed._keeper.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("keeper_too", [False, True])
def test_nothing_survives_a_killed_sandbox(tmp_path: Path, keeper_too: bool) -> None:
    script = tmp_path / "family.py"
    script.write_text(FAMILY + "\ntime.sleep(600)\n")
    pid_file, state_path = tmp_path / "pids", tmp_path / "state"
    root = str(Path(__file__).parents[4])
    sandbox = subprocess.Popen(
        [sys.executable, "-c", SANDBOX, str(state_path), str(pid_file), root, str(script)], stdout=subprocess.PIPE
    )
    assert sandbox.stdout is not None
    child, keeper = (int(text) for text in sandbox.stdout.readline().split())
    wait_for(pid_file.exists)
    pids = [int(text) for text in pid_file.read_text().split()] + [child]
    if keeper_too:
        # Both at once: the next start has to find what is left.
        os.kill(sandbox.pid, signal.SIGSTOP)
        os.kill(keeper, signal.SIGKILL)
    sandbox.kill()
    sandbox.wait()
    if keeper_too:
        state = StateDir(state_path)
        Processes(state)
        state.close()
    wait_for(lambda: all(gone(pid) for pid in pids))


def test_a_child_that_is_asked_to_end_while_it_starts_ends(processes: Processes) -> None:
    # The keeper ignores the signal that it sends, and a child just forked still does what the keeper does.
    for _ in range(20):
        managed = python(processes, "import time; time.sleep(600)")
        managed.terminate()
        assert managed.wait(10) == -signal.SIGTERM
