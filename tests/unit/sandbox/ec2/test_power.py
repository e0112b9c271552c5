"""``shutdown`` and its relatives inside of an instance: what they ask for, what they refuse."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.containers.python import HOST_PROGRAMS


def power(folder: Path, *words: str) -> tuple[int, dict[str, object] | None, str]:
    """Exit code, what the instance was asked for, and standard error."""
    fifo = folder / "power"
    if not fifo.exists():
        os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    try:
        argv = [sys.executable, "-I", "-S", str(HOST_PROGRAMS / "power.py"), *words]
        done = subprocess.run(argv, env={"SAGEDECK_POWER": str(fifo), "PATH": "/bin:/usr/bin"}, capture_output=True)
        try:
            asked = json.loads(os.read(reader, 4096))
        except BlockingIOError:
            asked = None
    finally:
        os.close(reader)
    return done.returncode, asked, done.stderr.decode()


@pytest.mark.parametrize(
    ("words", "action", "seconds"),
    [
        (["shutdown", "-h", "now"], "stop", 0),
        (["shutdown", "now"], "stop", 0),
        (["shutdown", "-P", "+3"], "stop", 180),
        (["shutdown"], "stop", 60),
        (["shutdown", "-r", "2", "for an update"], "reboot", 120),
        (["shutdown", "-c"], "cancel", 0),
        (["poweroff"], "stop", 0),
        (["halt", "-p"], "stop", 0),
        (["reboot"], "reboot", 0),
        (["systemctl", "poweroff", "-i"], "stop", 0),
        (["systemctl", "--no-wall", "reboot"], "reboot", 0),
    ],
)
def test_the_instance_is_asked(tmp_path: Path, words: list[str], action: str, seconds: float) -> None:
    code, asked, _ = power(tmp_path, *words)
    assert (code, asked) == (0, {"action": action, "seconds": seconds})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["shutdown", "soon"], "Failed to parse time specification: soon"),
        (["shutdown", "--explode"], "unrecognized option '--explode'"),
        (["systemctl", "restart", "docker"], "has not been booted with systemd"),
        (["systemd-run"], "Command line to execute required"),
        (["systemd-run", "--on-active=soonish", "true"], "Failed to parse timer value"),
        (["systemd-run", "--scope", "true"], "does not know the option --scope"),
    ],
)
def test_what_cannot_be_done_is_refused(tmp_path: Path, words: list[str], said: str) -> None:
    code, asked, stderr = power(tmp_path, *words)
    assert (code, asked) == (1, None) and said in stderr


def test_systemd_run_does_it_later_and_returns_at_once(tmp_path: Path) -> None:
    done = tmp_path / "done"
    os.mkfifo(done)
    code, _, stderr = power(
        tmp_path, "systemd-run", "--on-active", "0.1", "--unit=later", "sh", "-c", f"echo x >{done}"
    )
    assert code == 0 and "later.timer" in stderr
    assert done.read_text() == "x\n"
