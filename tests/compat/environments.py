"""An environment of its own for each client, made by uv and kept in ``build/compat``."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = REPOSITORY / "build" / "compat"
# Installing waits for a registry, which may be slow.
INSTALL_SECONDS = 900


class CannotInstall(Exception):
    """A client cannot be had here; the text says why."""


def environment(name: str, *requirements: str) -> Path:
    """The folder of programs of an environment with ``requirements``; made anew when these change."""
    folder = CACHE / "environments" / name
    wanted = hashlib.sha256("\n".join((sys.version, *requirements)).encode()).hexdigest()
    stamp = folder / "requirements.sha256"
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    if stamp.exists() and stamp.read_text() == wanted:
        return programs
    uv = str(Path(sys.executable).with_name("uv"))
    python = programs / ("python.exe" if os.name == "nt" else "python")
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
        [uv, "pip", "install", "--quiet", "--python", str(python), *requirements],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS)
        if done.returncode:
            raise CannotInstall(f"{' '.join(requirements)}: {done.stderr.strip()[-500:]}")
    stamp.write_text(wanted)
    return programs
