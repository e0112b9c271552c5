"""Start the sandbox account's process, or attach to the one that already serves the state folder.

The sandbox outlives the window. It is found again through the ready file it writes into its state folder;
a signed STS call proves that the program behind the address knows the folder's keys.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from workers import paths
from workers.errors.tree import Fix, LocalProblem, SageDeckError, translate
from workers.files import private
from workers.files.os_words import os_words
from workers.types import Backend

if TYPE_CHECKING:
    from filelock import FileLock

# Long enough to close the window and open it again. A start and an end take seconds, on a busy machine far more.
IDLE_EXIT_SECONDS = 900
START_SECONDS = 90.0
STOP_SECONDS = 90.0
# What ``python -m sandbox`` ends with when another one has the folder.
EXIT_IN_USE = 3
AGAIN_SECONDS = 1.0
POLL_SECONDS = 0.05
WATCH_SECONDS = 0.5
LOG_BYTES = 5_000_000
LOGS_KEPT = 3
LABEL = "Sandbox"
READY_FILE = "ready.json"

Status = Callable[[str], None]
# One that was told to end takes its ready file away; one that was killed leaves it.
Ended = Literal["stopped", "killed"]


@dataclass(frozen=True)
class Ready:
    """What the ready file says: where the sandbox answers, with which keys, and its process id.

    ``notice`` is for the operator: that an unreadable state folder was moved aside, and where to. ``time_factor``: how
    many seconds of alarms' periods and waits pass in one second. ``exposure``: that code in it can read the operator's
    files, and why; empty when it cannot. ``interrupts_spot``: a tag takes the instances of a spot job away.
    """

    endpoint_url: str
    region: str
    account_id: str
    pid: int
    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    notice: str = ""
    time_factor: float = 1.0
    exposure: str = ""
    interrupts_spot: bool = False

    def backend(self) -> Backend:
        """The same as a backend to connect to."""
        return Backend(
            kind="sandbox",
            label=LABEL,
            region=self.region,
            endpoint_url=self.endpoint_url,
            access_key_id=self.access_key_id,
            secret_access_key=self.secret_access_key,
            time_factor=self.time_factor,
            exposure=self.exposure,
            interrupts_spot=self.interrupts_spot,
        )


def default_state_dir() -> Path:
    """``SAGEDECK_STATE`` when it is set, else ``sagedeck/sandbox`` in the user's data folder."""
    override = os.environ.get("SAGEDECK_STATE")
    if override:
        return Path(override).expanduser().absolute()
    return paths.user_data() / "sandbox"


async def attach_or_start(state_dir: Path | None = None, on_status: Status = lambda text: None) -> Backend:
    """Return the backend of the sandbox that serves ``state_dir``, starting it when none answers.

    ``on_status`` gets short lines for the header, in the caller's thread; the last one may be a notice (the folder
    was of another version and was moved aside). Cancelling leaves a sandbox that was
    started to finish its start. Raises ``SageDeckError`` with the last lines of the log when it does not start.
    """
    state_dir = (state_dir or default_state_dir()).absolute()
    ready = await asyncio.to_thread(_find_live, state_dir)
    if ready is not None:
        on_status("Connected to the running sandbox")
        return ready.backend()
    on_status("Starting the sandbox…")
    deadline = time.monotonic() + START_SECONDS
    _make_folder(state_dir.parent)
    try:
        lock = await asyncio.to_thread(start_lock, state_dir)
    except OSError as exc:
        raise translate(exc, "start the sandbox") from exc
    try:
        # Two windows opened at once: the second waits for what the first starts.
        while not _acquired(lock):
            await asyncio.sleep(POLL_SECONDS)
            ready = await asyncio.to_thread(_find_live, state_dir)
            if ready is not None:
                on_status("Connected to the running sandbox")
                return ready.backend()
            if time.monotonic() > deadline:
                raise _not_started(state_dir, "another window has been starting it for too long")
        ready = await asyncio.to_thread(_find_live, state_dir)
        if ready is None:
            ready = await _start(state_dir, deadline, on_status)
    except OSError as exc:
        raise translate(exc, "start the sandbox") from exc
    finally:
        lock.release()
    on_status(ready.notice or "The sandbox is ready")
    return ready.backend()


async def stop(state_dir: Path | None = None) -> bool:
    """End the sandbox that serves ``state_dir``; True when one was running. What it stores is kept.

    One that no longer answers is ended too. Raises ``LocalProblem`` when it does not end within 90 s.
    """
    state_dir = (state_dir or default_state_dir()).absolute()
    ready = await asyncio.to_thread(read_ready, state_dir)
    if ready is None or not await asyncio.to_thread(_is_sandbox, ready.pid, state_dir):
        return False
    ended = await asyncio.to_thread(_ended_test, ready.pid)
    os.kill(ready.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while not await asyncio.to_thread(ended):
        if time.monotonic() > deadline:
            raise LocalProblem(
                "The sandbox does not end",
                f"Its process {ready.pid} did not end within {STOP_SECONDS:.0f} seconds.",
                f"End it by hand, then start the sandbox again. Log: {log_path(state_dir)}",
            )
        await asyncio.sleep(POLL_SECONDS)
    return True


async def restart(state_dir: Path | None = None, on_status: Status = lambda text: None) -> Backend:
    """End the sandbox if it runs, then start it: what the "Restart the sandbox" button does."""
    on_status("Stopping the sandbox…")
    await stop(state_dir)
    return await attach_or_start(state_dir, on_status)


async def until_ended(pid: int, state_dir: Path | None = None) -> Ended:
    """Wait until the sandbox with the process ``pid``, which serves ``state_dir``, is gone; tells how it went."""
    state_dir = (state_dir or default_state_dir()).absolute()
    ended = await asyncio.to_thread(_ended_test, pid)
    while not await asyncio.to_thread(ended):  # noqa: ASYNC110 - another process's end is no event
        await asyncio.sleep(WATCH_SECONDS)
    left = await asyncio.to_thread(read_ready, state_dir)
    return "killed" if left is not None and left.pid == pid else "stopped"


def read_ready(state_dir: Path) -> Ready | None:
    """The ready file of ``state_dir``; None when there is none or it cannot be understood."""
    try:
        data = json.loads((state_dir / READY_FILE).read_text("utf-8"))
        return Ready(
            endpoint_url=str(data["endpoint_url"]),
            region=str(data["region"]),
            account_id=str(data["account_id"]),
            pid=int(data["pid"]),
            access_key_id=str(data["access_key_id"]),
            secret_access_key=str(data["secret_access_key"]),
            notice=str(data.get("notice", "")),
            # A sandbox of an older version has none.
            time_factor=float(data.get("time_factor", 1.0)),
            exposure=str(data.get("exposure", "")),
            interrupts_spot=data.get("interrupts_spot") is True,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _find_live(state_dir: Path) -> Ready | None:
    """The ready file's content when a sandbox with these keys and this account answers there. Blocking."""
    ready = read_ready(state_dir)
    return ready if ready is not None and _answers(ready) else None


def _answers(ready: Ready) -> bool:
    address = urlsplit(ready.endpoint_url)
    try:
        # Refused at once when nothing listens: cheaper than boto3 and its retries.
        socket.create_connection((address.hostname or "", address.port or 80), timeout=1).close()
    except OSError:
        return False

    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    from workers.aws.session import boto_session

    config = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1}, proxies={})
    client = boto_session(ready.backend()).client("sts", endpoint_url=ready.endpoint_url, config=config)
    try:
        answer = client.get_caller_identity()
    except (BotoCoreError, ClientError):
        return False
    finally:
        client.close()
    return answer.get("Account") == ready.account_id


def log_path(state_dir: Path) -> Path:
    """Where the sandbox's output goes: beside its folder, because it moves a folder it cannot read aside."""
    return _beside(state_dir, ".log")


def _beside(state_dir: Path, suffix: str) -> Path:
    return state_dir.with_name(state_dir.name + suffix)


def start_lock(state_dir: Path) -> FileLock:
    """Who holds it starts the sandbox. It lies beside the folder, which may be moved aside; where others may write
    there, in the folder, so that nobody else can take it or put a link in its place. Raises ``OSError``."""
    # Not with this module, which the window imports before its first picture.
    from filelock import FileLock

    path = _beside(state_dir, ".lock")
    if os.name == "posix" and state_dir.parent.stat().st_mode & stat.S_IWOTH:
        state_dir.mkdir(private.FOLDER, exist_ok=True)
        path = state_dir / "start.lock"
    private.tighten((path,))
    # A soft lock would stay behind when this process is killed.
    return FileLock(path, mode=private.FILE, thread_local=False, fallback_to_soft=False)


def _acquired(lock: FileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except TimeoutError:
        return False
    return True


def _make_folder(folder: Path) -> None:
    try:
        private.make_folder(folder)
    except OSError as exc:
        raise LocalProblem(
            "The sandbox's folder cannot be used",
            f"{folder}: {os_words(exc)}.",
            "Set SAGEDECK_STATE to a folder that this user may write to.",
            code=type(exc).__name__,
        ) from exc


async def _start(state_dir: Path, deadline: float, on_status: Status) -> Ready:
    if importlib.util.find_spec("sandbox") is None or importlib.util.find_spec("moto") is None:
        raise LocalProblem(
            "The sandbox is not installed",
            "This installation has the window only.",
            "Install it with: pip install 'sagedeck[sandbox]'. Or choose an AWS profile.",
            fix=Fix("Choose an account", "choose_backend"),
        )
    process = await _spawned(state_dir)
    began = spawned = time.monotonic()
    told = 0
    while True:
        ended = process.poll() is not None
        ready = await asyncio.to_thread(_find_live, state_dir)
        if ready is not None:
            return ready
        if ended and process.returncode != EXIT_IN_USE:
            raise _not_started(state_dir, f"it ended with exit code {process.returncode}")
        # Either somebody else (a shell) started one for the same folder, and its ready file will come; or the last
        # one was still ending, and then nobody starts the next.
        if ended and time.monotonic() > spawned + AGAIN_SECONDS:
            process = await _spawned(state_dir)
            spawned = time.monotonic()
        if time.monotonic() > deadline:
            process.terminate()
            raise _not_started(state_dir, f"it was not ready within {START_SECONDS:.0f} seconds")
        waited = int(time.monotonic() - began)
        if waited >= told + 5:
            told = waited
            on_status(f"Starting the sandbox… {waited} s")
        await asyncio.sleep(POLL_SECONDS)


async def _spawned(state_dir: Path) -> subprocess.Popen[bytes]:
    process = await asyncio.to_thread(_spawn, state_dir)
    # Nobody else waits for it: without this an ended sandbox stays in the process table until the window closes.
    threading.Thread(target=process.wait, name="sandbox reaper", daemon=True).start()
    return process


def _spawn(state_dir: Path) -> subprocess.Popen[bytes]:
    log = log_path(state_dir)
    _rotate(log)
    private.tighten((log,))
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        detached = {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(
            command_line(state_dir),
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            # The operator's AWS keys and endpoints are none of the sandbox's business.
            env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            # ``python -m`` puts the current folder on the path: that must be ours, not where the window was started.
            cwd=Path(__file__).resolve().parents[2],
            **detached,
        )
    finally:
        os.close(descriptor)


def command_line(state_dir: Path) -> list[str]:
    """The command that serves ``state_dir`` until it is idle or told to end."""
    options = ["--ready-file", str(state_dir / READY_FILE), "--idle-exit", str(IDLE_EXIT_SECONDS)]
    return [sys.executable, "-m", "sandbox", "--state", str(state_dir), *options]


def _rotate(log: Path) -> None:
    if not log.exists() or log.stat().st_size < LOG_BYTES:
        return
    for number in range(LOGS_KEPT, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        newer = log if number == 1 else log.with_name(f"{log.name}.{number - 1}")
        if newer.exists():
            newer.replace(older)


def _not_started(state_dir: Path, why: str) -> SageDeckError:
    log = log_path(state_dir)
    try:
        last = "\n".join(log.read_text("utf-8", "replace").splitlines()[-15:])
    except OSError:
        last = ""
    return LocalProblem(
        "The sandbox did not start",
        f"{why[0].upper()}{why[1:]}. Nothing in its folder was deleted.",
        f"The log has the reason: {log}",
        fix=Fix("Try again", "restart_sandbox"),
        details=last,
    )


def _ended_test(pid: int) -> Callable[[], bool]:
    """Tells whether the process that has ``pid`` now is gone.

    Its command line does not: while it ends it has none, but it still holds its lock and its port.
    """
    import psutil

    try:
        process = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return lambda: True

    def ended() -> bool:
        try:
            return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    return ended


def _is_sandbox(pid: int, state_dir: Path) -> bool:
    """Whether ``pid`` is (still) a sandbox of this folder: ids are used again, so the command line is compared."""
    import psutil

    try:
        process = psutil.Process(pid)
        words = process.cmdline()
        return process.status() != psutil.STATUS_ZOMBIE and str(state_dir) in words and "sandbox" in " ".join(words)
    except psutil.Error:
        return False
