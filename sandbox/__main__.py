"""``python -m sandbox``: serve a sandbox account, or print the environment for its clients."""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import socket
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

if TYPE_CHECKING:
    from sandbox.app import Sandbox

# Exit codes, for scripts: 2 is argparse's own.
EXIT_USAGE = 2
EXIT_IN_USE = 3
EXIT_NOT_RUNNING = 4
EXIT_NOT_INSTALLED = 5
EXIT_NO_ROLE = 6
# One of each kind of what `pip install sagedeck` leaves out; the rest comes with them.
EXTRAS = ("cbor2", "moto", "psutil", "optuna")


def default_state() -> Path:
    """Where the state is when ``--state`` is not given: ``SAGEDECK_STATE`` or the platform's data folder."""
    override = os.environ.get("SAGEDECK_STATE")
    if override:
        return Path(override)
    return platformdirs.user_data_path("sagedeck", appauthor=False) / "sandbox"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_program(),
        description="Serve a sandbox account on this machine, or print the environment for its clients.",
    )
    parser.add_argument("command", nargs="?", choices=["serve", "env"], default="serve")
    parser.add_argument("--state", type=Path, default=None, metavar="DIR", help="the folder that holds the account")
    parser.add_argument("--role", default="", metavar="NAME", help="with env: the keys of a session of this role")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="port of 127.0.0.1 (default: a free one)")
    parser.add_argument("--ready-file", type=Path, default=None, metavar="FILE", help="written when it answers")
    parser.add_argument(
        "--idle-exit", type=float, default=None, metavar="SECONDS", help="end after so long without work"
    )
    return parser


def _program() -> str:
    """How this program was started, for what it tells a person to type."""
    started = Path(sys.argv[0]).stem
    return started if started == "sagedeck-sandbox" else "python -m sandbox"


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = _parser()
    args = parser.parse_args(argv)
    if not 0 <= args.port <= 65535:
        parser.error("--port must be between 0 and 65535")
    if args.idle_exit is not None and args.idle_exit <= 0:
        parser.error("--idle-exit must be more than 0")
    if args.role and args.command != "env":
        parser.error("--role goes with env")
    state = (args.state or default_state()).expanduser().absolute()
    missing = [name for name in EXTRAS if importlib.util.find_spec(name) is None]
    if missing:
        print(
            f"This installation has the window only (no {', '.join(missing)}). "
            "Install the sandbox with: pip install 'sagedeck[sandbox]'",
            file=sys.stderr,
        )
        return EXIT_NOT_INSTALLED
    if args.command == "env":
        return print_env(state, args.role)
    from sandbox.core.settings import WrongSetting, check_settings

    try:
        check_settings()
    except WrongSetting as error:
        parser.error(str(error))
    return serve(state, args.port, args.ready_file, args.idle_exit)


def print_env(state: Path, role: str = "") -> int:
    """Print shell exports for the sandbox that runs on ``state``: for its operator, or for a session of ``role``."""
    from sandbox.core.client_env import read_ready, shell_exports, write_shim

    ready = read_ready(state)
    if ready is None or not _alive(int(ready.get("pid", 0))):
        print(f"No sandbox runs on {state}. Start one: {_program()} --state {state}", file=sys.stderr)
        return EXIT_NOT_RUNNING
    from sandbox.containers.weights import CHECKPOINTS, operators_cache

    notes = [
        "Weights that jobs and endpoints find without internet (pretrained=True) lie in",
        f"{state / 'cache' / 'torch' / CHECKPOINTS};",
        f"what lies in {operators_cache()} is offered to them for reading.",
    ]
    token = ""
    if role:
        from sandbox.roles.opened import RoleProblem, open_session

        try:
            keys = open_session(state, ready, role)
        except RoleProblem as problem:
            print(problem, file=sys.stderr)
            return EXIT_NO_ROLE
        ready |= {"access_key_id": keys.access_key_id, "secret_access_key": keys.secret_access_key}
        token = keys.session_token
        notes.append(f"They are {keys.arn}, for twelve hours: get_execution_role() gives the role.")
    print(shell_exports(ready, write_shim(state), notes, token), end="")
    return 0


def _alive(pid: int) -> bool:
    import psutil

    return pid > 0 and psutil.pid_exists(pid)


def serve(state_path: Path, port: int, ready_file: Path | None, idle_exit: float | None) -> int:
    """Serve until SIGTERM, SIGINT or idleness."""
    from sandbox.app import Sandbox
    from sandbox.core.client_env import read_ready
    from sandbox.core.state import StateDir, StateError, StateInUse
    from sandbox.http.server import PortTaken
    from sandbox.wire.errors import is_disk_full

    os.umask(0o077)
    try:
        state = StateDir(state_path)
        sandbox = Sandbox(state, port, ready_file.absolute() if ready_file else None, idle_exit)
        return _run(sandbox, state.notice)
    except StateInUse:
        ready = read_ready(state_path) or {}
        # One that was killed left its file, and the next has not written its own yet.
        ready = ready if _alive(int(ready.get("pid", 0))) else {}
        where = f"process {ready.get('pid')}, {ready.get('endpoint_url')}" if ready else "still starting"
        print(f"A sandbox already runs on {state_path} ({where}). Use that one, or end it first.", file=sys.stderr)
        return EXIT_IN_USE
    except StateError as exc:
        print(exc, file=sys.stderr)
        return EXIT_USAGE
    except PortTaken as exc:
        print(f"{exc} Choose another one with --port, or leave --port out.", file=sys.stderr)
        return EXIT_USAGE
    except (OSError, sqlite3.OperationalError) as exc:
        if not is_disk_full(exc):
            raise
        print(f"The disk that holds {state_path} is full. Free some space and start again.", file=sys.stderr)
        return EXIT_USAGE


def _run(sandbox: Sandbox, notice: str) -> int:
    from sandbox.core.diagnostics import tell

    if notice:
        tell(notice)
    _stop_on_signals(sandbox.stop)
    sandbox.run()
    return 0


def _stop_on_signals(stop: Callable[[], None]) -> None:
    """Call ``stop`` in a thread of its own when this process is asked to end.

    Python's handlers wait for the main thread, which sits in ``accept`` and does not hear of a signal that the system
    gave to another thread; and they would run in the middle of whatever it does, with whatever locks it holds. So the
    signal's number is taken from the wake-up socket, into which it is written whichever thread was interrupted.
    """
    told, tell_it = socket.socketpair()
    tell_it.setblocking(False)
    ends = {getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK") if hasattr(signal, name)}

    def wait(told: socket.socket, _open: socket.socket) -> None:
        ended = False
        while numbers := told.recv(64):
            if not ended and ends.intersection(numbers):
                ended = True
                stop()

    for number in ends:
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(tell_it.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=wait, args=(told, tell_it), name="signals", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
