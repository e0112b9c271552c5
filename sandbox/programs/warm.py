"""A process that has torch loaded and nothing started, and forks jobs and endpoints; runs as a plain script.

``warm.py CONTROL_FD KEEPER``: it tells which modules it has loaded, then gets one letter for each program, with four
descriptors: commands, output, reports (see ``keeper.py``, which KEEPER names), and the order, a file with the program's
arguments, environment, folder and walls. Only the fork reads the order: what is one job's is never in the memory that
the next one is forked from. The fork becomes a keeper, and its child the program, as a fresh interpreter would run it.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import select
import signal
import socket
import sys
import time
import types
from pathlib import Path
from typing import Any

# Without work for so long it ends; the next job starts it again.
_IDLE_SECONDS = 900.0
_DESCRIPTORS = 4
# This process has a dozen files open; a fork closes all that could be.
_MOST_DESCRIPTORS = 256
# What the builds of OpenBLAS that numpy comes with call it.
_SET_THREADS = ("scipy_openblas_set_num_threads64_", "scipy_openblas_set_num_threads", "openblas_set_num_threads")
# What a fresh interpreter with this environment would have on its path, before a script and PYTHONPATH add theirs.
_BASE_PATH = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).resolve().parent]


def main() -> None:
    """Serve until the sandbox is gone; in a fork, run what was ordered."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    keeper = _load("keeper", sys.argv[2])
    order = _serve(control, keeper) if _prepare(control) else None
    if order is not None:
        _become(order)


def _load(name: str, path: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _prepare(control: socket.socket) -> bool:
    """Load what jobs load; False when something was started with it, so that a fork would not be clean."""
    import importlib.metadata  # noqa: F401
    import multiprocessing.util  # noqa: F401
    import tempfile

    import filelock  # noqa: F401
    import numpy.random  # noqa: F401
    import packaging.requirements  # noqa: F401
    import torch.nn
    import torch.utils.data  # noqa: F401

    # The names of temporary files and folders are each job's own.
    tempfile.tempdir = None
    if len(os.listdir("/proc/self/task")) != 1:  # noqa: PTH208
        return False
    gc.collect()
    gc.freeze()
    names = sorted({name.partition(".")[0] for name in sys.modules})
    control.sendall(json.dumps(names).encode() + b"\n")
    return True


def _serve(control: socket.socket, keeper: Any) -> dict[str, Any] | None:
    """Fork for each order. Returns None when the sandbox is gone, and the order in the program's own process."""
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    while True:
        listening: list[Any] = [control, wake_read]
        ready, _, _ = select.select(listening, [], [], _IDLE_SECONDS)
        if not ready and not _children():
            return None
        if wake_read in ready:
            os.read(wake_read, 4096)
        _children()
        if control not in ready:
            continue
        data, descriptors, _flags, _address = socket.recv_fds(control, 1, _DESCRIPTORS)
        if not data or len(descriptors) != _DESCRIPTORS:
            return None
        pid = os.fork()
        if pid == 0:
            return _keep(control, keeper, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _children() -> bool:
    """Collect the keepers that have ended; whether any is left."""
    while True:
        try:
            pid, _status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True


def _keep(control: socket.socket, keeper: Any, descriptors: list[int]) -> dict[str, Any]:
    """Be a keeper, as ``python keeper.py`` is one; returns in its child alone."""
    signal.set_wakeup_fd(-1)
    control.detach()
    os.setsid()
    commands, output, reports, ordered = (os.dup(descriptor) for descriptor in descriptors)
    with os.fdopen(ordered, "rb") as file:
        file.seek(0)
        order: dict[str, Any] = json.loads(file.read())
    os.dup2(commands, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    # Keepers hold nothing else: whoever reads a job's output waits for the last who could write it.
    os.closerange(3, reports)
    os.closerange(reports + 1, _MOST_DESCRIPTORS)
    _show([sys.executable, sys.argv[2], *order["argv"]], order["mark"])
    for number in keeper.IGNORED:
        signal.signal(number, signal.SIG_DFL)
    try:
        os.chdir(order["cwd"])
        if keeper.keep(reports, order["plan"], lambda: None):
            return order
    except OSError as error:
        os.write(2, f"{error}\n".encode())
    os._exit(0)


def _show(argv: list[str], mark: str) -> None:
    """Write arguments and mark where ``ps`` and ``/proc/PID/environ`` read them: those of the start stand there."""
    import ctypes

    fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    # Of proc(5) the fields 48 to 51, of which the first is the third after the bracket.
    arguments, arguments_end, environment, environment_end = (int(field) for field in fields[45:49])
    room = arguments_end - arguments
    text = b"\0".join(os.fsencode(argument) for argument in argv)[: room - 1]
    ctypes.memset(arguments, 0, room)
    ctypes.memmove(arguments, text, len(text))
    held = ctypes.string_at(environment, environment_end - environment)
    name = b"SAGEDECK_PROCESS="
    place = 0 if held.startswith(name) else held.find(b"\0" + name) + 1
    if held[place:].startswith(name):
        ctypes.memmove(environment + place + len(name), mark.encode(), len(mark))


def _become(order: dict[str, Any]) -> None:
    """Make this process what a fresh interpreter with the order's environment is, and run the program."""
    os.closerange(3, _MOST_DESCRIPTORS)
    argv, env = order["argv"][1:], order["env"]
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    _own_chance()
    _own_threads(env)
    _show(order["argv"], order["mark"])
    script = Path(argv[0])
    if script.name == "train.py" and script.parent == Path(__file__).parent:
        sys.path[:] = [str(script.parent), *_path(env)]
        command = _load("sandbox_train", str(script)).prepare(argv[1:])
        sys.modules.pop("requirements", None)
        if not isinstance(command, list):
            sys.exit(command)
        if command[0] != sys.executable or command[1].startswith("-"):
            os.execvpe(command[0], command, os.environ)  # noqa: S606
        argv = command[1:]
        _show(command, order["mark"])
    _run(argv, env)


def _own_chance() -> None:
    """What a process draws when it begins: seeds, and the key by which it knows its own workers."""
    import multiprocessing.process

    import numpy.random
    import torch

    numpy.random.seed()
    torch.default_generator.seed()
    multiprocessing.current_process().authkey = os.urandom(32)
    multiprocessing.process.ORIGINAL_DIR = str(Path.cwd())  # type: ignore[attr-defined]


def _own_threads(env: dict[str, str]) -> None:
    """Libraries read the number of threads when they are loaded; this process's own number comes later."""
    import ctypes

    import torch

    given = env.get("OMP_NUM_THREADS", "")
    threads = int(given) if given.isdigit() and int(given) else len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines():
        place = line.partition("/")[2]
        if "openblas" in place:
            library = ctypes.CDLL(f"/{place}")
            for name in _SET_THREADS:
                if hasattr(library, name):
                    getattr(library, name)(threads)
            return


def _path(env: dict[str, str]) -> list[str]:
    return [*filter(None, env.get("PYTHONPATH", "").split(os.pathsep)), *_BASE_PATH]


def _run(argv: list[str], env: dict[str, str]) -> None:
    """Run a script as ``__main__``, with nothing of this file in what it sees of itself or prints of its faults."""
    script = os.path.abspath(argv[0])  # noqa: PTH100 - a link stays a link
    sys.argv[:], sys.orig_argv[:] = argv, [sys.executable, *argv]
    sys.path[:] = [os.path.dirname(os.path.realpath(script)), *_path(env)]  # noqa: PTH120
    importlib.invalidate_caches()
    module = types.ModuleType("__main__")
    loader = importlib.machinery.SourceFileLoader("__main__", script)
    vars(module).update(__file__=script, __loader__=loader, __cached__=None, __builtins__=__builtins__)
    vars(module)["__annotations__"] = {}
    sys.modules["__main__"] = module
    try:
        exec(compile(Path(script).read_bytes(), script, "exec", dont_inherit=True), vars(module))  # noqa: S102
    except SystemExit:
        raise
    except BaseException as error:
        trace = error.__traceback__
        error.__traceback__ = trace.tb_next if trace is not None else None
        sys.excepthook(type(error), error, error.__traceback__)
        if isinstance(error, KeyboardInterrupt):
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        sys.exit(1)


if __name__ == "__main__":
    main()
