"""An environment of its own for each program, made by uv and kept outside of the repository."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.compat.outcome import NotJudged

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sagedeck-compat"
# Installing waits for a registry, which may be slow; a torch with its libraries has some gigabytes.
INSTALL_SECONDS = 1800


def environment(name: str, *requirements: str, options: Sequence[str] = ()) -> Path:
    """The folder of programs of an environment with ``requirements``; made anew when these change.

    Raises ``NotJudged`` when they cannot be had.
    """
    folder = CACHE / "environments" / name
    wanted = hashlib.sha256("\n".join((sys.version, *options, *requirements)).encode()).hexdigest()
    stamp = folder / "requirements.sha256"
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    if stamp.exists() and stamp.read_text() == wanted:
        return programs
    uv = str(Path(sys.executable).with_name("uv"))
    python = programs / ("python.exe" if os.name == "nt" else "python")
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
        [uv, "pip", "install", "--quiet", "--python", str(python), *options, *requirements],
    ):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise NotJudged(f"{' '.join(requirements)} was not installed within {INSTALL_SECONDS} s") from error
        if done.returncode:
            raise NotJudged(f"{' '.join(requirements)} cannot be installed: {done.stderr.strip()[-500:]}")
    stamp.write_text(wanted)
    return programs
