"""The first process of an EC2 instance: starts commands, adopts what they leave behind, passes on ``shutdown``.

Run as ``python -I -S instance.py CONTROL_FD POWER_FIFO`` by ``sandbox/ec2/machine.py``. Lines of JSON come in on
the control socket (``{"do": "start", "id", "argv", "env", "cwd", "stdout", "stderr"}``) and go out on it
(``started``, ``failed``, ``ended``, ``power``). What a program in the instance writes to the FIFO is passed on as
``power``. SIGTERM shuts the instance down: every program gets SIGTERM, and this one ends when they are gone.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Mapping
from typing import Any

# Linux's number for prctl.
PR_SET_CHILD_SUBREAPER = 36
# A pipe full of Linux.
BLOCK = 65536
# A command starts with the defaults of these, whatever this program does with them.
RESET = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE)


class Init:
    """The commands that run, by process id."""

    def __init__(self, control: socket.socket, power: int) -> None:
        self.control, self.power = control, power
        self.commands: dict[int, str] = {}
        self.ending = False
        self._heard = b""
        self._asked = b""

    def run(self) -> None:
        """Serve until the sandbox is gone, or everything has ended after SIGTERM."""
        wake, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.signal(signal.SIGTERM, self._end)
        while True:
            listening: list[Any] = [self.control, self.power, wake]
            ready, _, _ = select.select(listening, [], [], 0.2 if self.ending else None)
            if wake in ready:
                os.read(wake, BLOCK)
            if self.control in ready and not self._hear():
                return
            if self.power in ready:
                self._pass_on()
            if not self._reap() and self.ending:
                return
            if self.ending:
                self._terminate()

    def _end(self, number: int, frame: object) -> None:
        self.ending = True

    def _hear(self) -> bool:
        try:
            block = self.control.recv(BLOCK)
        except OSError:
            return False
        *lines, self._heard = (self._heard + block).split(b"\n")
        for line in lines:
            self._start(json.loads(line))
        return bool(block)

    def _start(self, order: dict[str, Any]) -> None:
        if self.ending:
            self._say({"said": "failed", "id": order["id"], "error": "the instance is shutting down"})
            return
        try:
            # The reader is there already, so opening does not wait; a reader that has gone is an error.
            outputs = [os.open(order[name], os.O_WRONLY | os.O_NONBLOCK) for name in ("stdout", "stderr")]
        except OSError as exc:
            self._say({"said": "failed", "id": order["id"], "error": str(exc.strerror)})
            return
        # A signal between the fork and the command's defaults waits: this program's handler would swallow it.
        signal.pthread_sigmask(signal.SIG_BLOCK, RESET)
        pid = os.fork()
        if pid == 0:
            _become(order, outputs)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, RESET)
        for output in outputs:
            os.close(output)
        self.commands[pid] = order["id"]
        self._say({"said": "started", "id": order["id"], "pid": pid})

    def _reap(self) -> bool:
        """Collect what has ended; True while anything is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            command = self.commands.pop(pid, None)
            if command is not None:
                self._say({"said": "ended", "id": command, "code": os.waitstatus_to_exitcode(status)})

    def _terminate(self) -> None:
        """SIGTERM for the groups of the commands and of what this process has adopted, once each."""
        for pid in {*self.commands, *_children()}:
            try:
                group = os.getpgid(pid)
                if group == os.getpgid(0):
                    os.kill(pid, signal.SIGTERM)
                else:
                    os.killpg(group, signal.SIGTERM)
            except OSError:
                continue

    def _pass_on(self) -> None:
        try:
            self._asked += os.read(self.power, BLOCK)
        except OSError:
            return
        *lines, self._asked = self._asked[-BLOCK:].split(b"\n")
        for line in lines:
            try:
                self._say({"said": "power", "order": json.loads(line)})
            except ValueError:
                continue

    def _say(self, message: Mapping[str, object]) -> None:
        try:
            self.control.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            return


def _become(order: dict[str, Any], outputs: list[int]) -> None:
    """Be the command: its own session, its outputs, the environment of the instance and its own on top."""
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in RESET:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        null = os.open(os.devnull, os.O_RDONLY)
        for output in outputs:
            os.set_blocking(output, True)
        for source, target in zip((null, *outputs), (0, 1, 2), strict=True):
            os.dup2(source, target)
        os.closerange(3, 256)
        os.chdir(order["cwd"])
        os.execvpe(order["argv"][0], order["argv"], {**os.environ, **order["env"]})  # noqa: S606
    except OSError as exc:
        os.write(2, f"{order['argv'][0]}: {exc.strerror}\n".encode())
    os._exit(127)


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:  # noqa: PTH123
            return [int(text) for text in file.read().split()]
    except OSError:
        return []


def main() -> int:
    """Be the first process; ``argv``: the control socket's descriptor and the FIFO's path."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    control = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(control.fileno(), False)
    Init(control, os.open(sys.argv[2], os.O_RDWR | os.O_NONBLOCK)).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
