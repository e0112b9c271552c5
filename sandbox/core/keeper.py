"""The keeper of one child process: starts it, reports how it ends, and never lets anything of it survive.

Run as ``python -I -S keeper.py REPORTS PLAN COMMAND ...`` by ``sandbox/core/processes.py``; PLAN is what the child does
to itself first (``enclosure.py``), in JSON. It talks over two pipes: commands come in on
standard input (``T`` asks the child to end, ``K`` kills; end of file means that the sandbox is dead and kills
too), reports go out on the descriptor named in argv (``pid N``, ``exit CODE``, ``failed TEXT``). It adopts
orphaned grandchildren (on Linux) and kills them when the child is gone, wherever they hid.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# Linux's numbers for prctl.
PR_SET_PDEATHSIG = 1
# The child starts with the defaults of these, whatever the keeper does with them.
RESET = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE)
IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PR_SET_CHILD_SUBREAPER = 36
# 15 seconds: on a busy machine a killed process with much memory takes long to end.
KILL_ROUNDS = 1500


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _children(pid: int) -> list[int]:
    """The direct children of a process (Linux); an empty list where there is no /proc."""
    found = []
    try:
        tasks = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208
    except OSError:
        return []
    for task in tasks:
        try:
            with open(f"/proc/{pid}/task/{task}/children") as file:  # noqa: PTH123
                found += [int(text) for text in file.read().split()]
        except OSError:
            continue
    return found


def _descendants(pid: int) -> list[int]:
    found, queue = [], [pid]
    while queue:
        for child in _children(queue.pop()):
            found.append(child)
            queue.append(child)
    return found


def _signal_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _kill_all(group: int) -> None:
    """Kill the child's group and every descendant, until there are none."""
    for _ in range(KILL_ROUNDS):
        _signal_group(group, signal.SIGKILL)
        left = _descendants(os.getpid())
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if not _reap_some() and not left:
            return
        time.sleep(0.01)


def _reap_some() -> bool:
    """Collect ended children; True while any child is left."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True


def _enter(plan: dict[str, object]) -> None:
    """Go behind the walls of ``plan``. Raises OSError."""
    if not plan:
        return
    import importlib.util

    place = os.path.join(os.path.dirname(os.path.abspath(__file__)), "enclosure.py")  # noqa: PTH118, PTH100, PTH120
    spec = importlib.util.spec_from_file_location("enclosure", place)
    assert spec is not None and spec.loader is not None
    enclosure = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(enclosure)
    enclosure.enter(plan)


def _start(plan: dict[str, object], become: Callable[[], None], keeper: int) -> int:
    """Fork the child, shut it in, and let it ``become`` its program; its id, and 0 in a child that came back."""
    # A signal between the fork and the child's defaults waits: it would be ignored, and the child would not end.
    signal.pthread_sigmask(signal.SIG_BLOCK, RESET)
    pid = os.fork()
    if pid:
        for number in IGNORED:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, RESET)
        return pid
    try:
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        for number in RESET:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        _enter(plan)
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != keeper:
            os._exit(127)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        become()
    except OSError as exc:
        os.write(2, f"{exc.filename or 'The process'}: {exc.strerror or exc}\n".encode())
        os._exit(127)
    return 0


def keep(report_fd: int, plan: dict[str, object], become: Callable[[], None]) -> bool:
    """Start a child and keep it until it has ended; True in the child itself, if ``become`` returned there."""
    os.set_inheritable(report_fd, False)

    def report(text: str) -> None:
        try:
            os.write(report_fd, text.encode() + b"\n")
        except OSError:
            return

    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    child = _start(plan, become, os.getpid())
    if child == 0:
        return True
    try:
        os.setpgid(child, child)
    except OSError:
        # The child did it first, or is already another program.
        pass
    report(f"pid {child}")
    status = _watch(child, wake_read)
    _kill_all(child)
    if status is not None:
        report(f"exit {os.waitstatus_to_exitcode(status)}")
    return False


def main() -> int:
    """Keep ``argv[3:]``; ``argv[1]`` is the descriptor for reports, ``argv[2]`` the plan of the walls."""
    plan, argv = json.loads(sys.argv[2]), sys.argv[3:]

    def execute() -> None:
        try:
            os.execvpe(argv[0], argv, os.environ)  # noqa: S606
        except OSError as exc:
            raise OSError(exc.errno, exc.strerror, argv[0]) from exc

    keep(int(sys.argv[1]), plan, execute)
    return 0


def _watch(child: int, wake: int) -> int | None:
    """The child's wait status; None when the sandbox is gone or asked to kill before it ended."""
    listening = [0, wake]
    killed = False
    while True:
        ready, _, _ = select.select(listening, [], [], 5.0)
        if wake in ready:
            os.read(wake, 4096)
        if 0 in ready:
            command = os.read(0, 4096)
            if not command:
                _kill_all(child)
                return None
            if b"K" in command:
                killed = True
                _signal_group(child, signal.SIGKILL)
            elif b"T" in command and not killed:
                _signal_group(child, signal.SIGTERM)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return None
            if pid == child:
                return status
            if pid == 0:
                break


if __name__ == "__main__":
    sys.exit(main())
