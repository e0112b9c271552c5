"""A forked program is what a fresh interpreter would run, has nothing of another one's, and ends with the sandbox."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from sandbox.containers.python import JobPython
from sandbox.core.processes import Managed, Processes
from sandbox.core.state import StateDir
from sandbox.core.walls import Walls
from tests.helpers.waiting import wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux alone")

FACTS = """
import sys
loaded = "torch" in sys.modules
import gc, json, multiprocessing.process, os, signal, tempfile, torch
umask = os.umask(0)
names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGCHLD", "SIGPIPE")
print(json.dumps({
    "main": sorted(name for name in globals() if name.startswith("__")), "name": __name__, "file": __file__,
    "spec": str(__spec__), "argv": sys.argv, "orig_argv": sys.orig_argv, "path": sys.path, "cwd": os.getcwd(),
    "threads": torch.get_num_threads(),
    "environ": {k: v for k, v in os.environ.items() if k != "SAGEDECK_PROCESS"},
    "mark": "SAGEDECK_PROCESS=" + os.environ["SAGEDECK_PROCESS"] in open("/proc/self/environ").read(),
    "signals": [str(signal.getsignal(getattr(signal, name))) for name in names], "group": os.getpgid(0) == os.getpid(),
    "files": sorted(os.listdir("/proc/self/fd"))[:3], "stdin": sys.stdin.read(), "umask": umask,
    "encoding": sys.stdout.encoding, "flags": str(sys.flags), "origin": multiprocessing.process.ORIGINAL_DIR,
    "temporary": tempfile.gettempdir(), "imported": __import__("__main__").__file__,
    "blocked": str(signal.pthread_sigmask(0, ())),
    "command": open("/proc/self/cmdline").read().strip(chr(0)).split(chr(0)),
}))
print("torch was loaded:", loaded)
"""


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    state = StateDir(tmp_path_factory.mktemp("warm") / "state")
    made = Processes(state)
    yield made
    made.stop_all(grace=0.1)
    state.close()


def start(
    processes: Processes, code: str, *arguments: str, warm: bool = True, name: str = "one", **env: str
) -> Managed:
    folder = processes.enclosure._state / "jobs" / name
    python = JobPython(folder / "python")
    if not folder.exists():
        for part in ("code", "tmp"):
            (folder / part).mkdir(parents=True)
        python.create()
    (folder / "code" / "job.py").write_text(textwrap.dedent(code))
    usual = python.environment(folder)
    environ = python.environment(folder, first=folder / "code")
    environ |= {"TMPDIR": str(folder / "tmp"), "HOME": str(folder), "OMP_NUM_THREADS": "2", **env}
    return processes.spawn(
        "job", name, [sys.executable, str(folder / "code" / "job.py"), *arguments], environ, folder / "code",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, walls=Walls([folder], tmp=folder / "tmp"),
        warm=usual if warm else None,
    )  # fmt: skip


def said(managed: Managed) -> tuple[str, int | None]:
    assert managed.stdout is not None
    return managed.stdout.read().decode(), managed.wait(60)


def test_it_finds_what_a_fresh_interpreter_finds(processes: Processes) -> None:
    found: list[dict[str, Any]] = []
    for warm in (True, False):
        text, code = said(start(processes, FACTS, "--epochs", "3", "a b", warm=warm, NAME="valüe"))
        assert code == 0, text
        facts, loaded = text.splitlines()
        assert loaded == f"torch was loaded: {warm}"
        found.append(json.loads(facts))
    forked, fresh = found
    assert forked == fresh


@pytest.mark.parametrize(
    "code",
    [
        "raise ValueError('why')",
        "def f():\n    1 / 0\nf()",
        "x = (",
        "import sys; print('said'); sys.exit(3)",
        "import sys; sys.exit('a reason')",
        "import os; os._exit(4)",
        "import os; os.kill(os.getpid(), 11)",
        "import atexit, threading, time\natexit.register(print, 'last')\n"
        "threading.Thread(target=lambda: (time.sleep(0.1), print('waited for'))).start()",
    ],
)
def test_it_ends_as_a_fresh_interpreter_does(processes: Processes, code: str) -> None:
    assert said(start(processes, code)) == said(start(processes, code, warm=False))


def test_each_has_seeds_of_its_own_and_nothing_of_another_ones_environment(processes: Processes) -> None:
    code = """
        import json, multiprocessing, os, random, numpy, torch
        found = 0
        if "KEY" not in os.environ:
            # In two halves: put together, this program would find itself.
            half, rest = b"a-secret", b"-of-the-first"
            with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
                for line in maps:
                    place, rights = line.split()[:2]
                    if rights.startswith("rw") and "[v" not in line:
                        start, end = (int(part, 16) for part in place.split("-"))
                        memory.seek(start)
                        held = memory.read(end - start)
                        at = held.find(half)
                        while at >= 0:
                            found += held[at + len(half):].startswith(rest)
                            at = held.find(half, at + 1)
        print(json.dumps([random.random(), numpy.random.rand(), torch.rand(1).item(),
              multiprocessing.current_process().authkey.hex()]), found)
    """
    first, _code = said(start(processes, code, KEY="a-secret-of-the-first"))
    second, _code = said(start(processes, code, name="two"))
    assert second.rstrip().endswith(" 0")
    drawn = [json.loads(text.rpartition(" ")[0]) for text in (first, second)]
    assert all(before != after for before, after in zip(*drawn, strict=True))


def test_what_forked_programs_share(processes: Processes) -> None:
    """README's limits say so: the seed of hashes, and what torch read of the environment when it was loaded."""
    code = """
        import os
        os.environ["OMP_NUM_THREADS"] = "1"
        import torch
        print(hash("a text"), torch.get_num_threads())
    """
    first, _code = said(start(processes, code))
    second, _code = said(start(processes, code, name="two"))
    assert first == second and first.split()[1] == "2"


@pytest.mark.parametrize(
    ("name", "module", "env"),
    [
        ("waits", "", {"OMP_WAIT_POLICY": "ACTIVE"}),
        ("hash", "", {"PYTHONHASHSEED": "1"}),
        ("hidden", "random.py", {}),
        ("site", "sitecustomize.py", {}),
    ],
)
def test_who_needs_a_fresh_interpreter_gets_one(
    processes: Processes, name: str, module: str, env: dict[str, str]
) -> None:
    code = processes.enclosure._state / "jobs" / name / "code"
    start(processes, "", name=name).wait(60)
    if module:
        (code / module).write_text("MINE = True\n")
    text, _code = said(start(processes, "import sys; print('torch' in sys.modules)", name=name, **env))
    assert text == "False\n"


def test_terminate_kill_and_workers_of_a_loader(processes: Processes) -> None:
    managed = start(processes, "import time; print('up', flush=True); time.sleep(600)")
    assert managed.stdout is not None and managed.stdout.readline() == b"up\n"
    managed.terminate()
    assert managed.wait(60) == -signal.SIGTERM
    code = """
        import torch
        from torch.utils.data import DataLoader
        print(sum(batch.sum().item() for batch in DataLoader([torch.ones(3)] * 8, batch_size=4, num_workers=2)))
    """
    assert said(start(processes, code)) == ("24.0\n", 0)


def test_what_was_forked_ends_with_the_sandbox_and_with_its_keeper(processes: Processes, tmp_path: Path) -> None:
    managed = start(processes, "import os, time; print(os.fork() and os.getpid(), flush=True); time.sleep(600)")
    assert managed.stdout is not None
    forks = [managed.pid, *(child.pid for child in psutil.Process(managed.pid).children())]
    keeper = psutil.Process(managed.pid).ppid()
    wait_for(lambda: psutil.Process(managed.pid).children())
    forks += [child.pid for child in psutil.Process(managed.pid).children()]
    os.kill(keeper, signal.SIGKILL)
    assert managed.wait(60) == -signal.SIGKILL
    wait_for(lambda: not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in forks))
    # The process that forks has lost its sandbox: the end of their connection says so.
    process = processes._warm._process
    assert process is not None and process.poll() is None
    assert processes._warm._control is not None
    processes._warm._control.close()
    assert process.wait(60) == 0
    # The next one starts it again.
    assert said(start(processes, "import sys; print('torch' in sys.modules)")) == ("True\n", 0)
