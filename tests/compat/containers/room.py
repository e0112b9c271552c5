"""Surroundings like a container's, without one: namespaces in which /opt/ml, algo-1 and port 8080 belong to a program.

Linux only: ``unshare`` (util-linux) makes the namespaces, ``inside.py`` the mounts. Where the system refuses them,
nothing is judged.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.compat.environments import CACHE
from tests.compat.outcome import NotJudged, Wrong

INSIDE = Path(__file__).with_name("inside.py")
HOST = "algo-1"
# Of what a program printed, so much is told when it failed.
_TOLD = 1500


@contextmanager
def room() -> Iterator[Path]:
    """A folder that is removed at the end: ``ml`` in it becomes /opt/ml, ``tmp`` /tmp."""
    CACHE.mkdir(parents=True, exist_ok=True)
    # Not in /tmp, which is another folder for the program.
    folder = Path(tempfile.mkdtemp(prefix="room-", dir=CACHE))
    try:
        for name in ("ml", "tmp", "home", "work", "layers"):
            (folder / name).mkdir()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(folder: Path, python: Path, command: list[str], environ: Mapping[str, str], seconds: float) -> str:
    """Run a command by ``python`` in the room, until its end; what it printed. Raises ``Wrong`` and ``NotJudged``."""
    unshare = shutil.which("unshare")
    if sys.platform != "linux" or unshare is None:
        raise NotJudged("a room like a container's needs Linux and its program unshare")
    namespaces = ["--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "--net", "--uts"]
    if os.geteuid():
        namespaces = ["--user", "--map-root-user", *namespaces]
    probe = subprocess.run([unshare, *namespaces, "true"], capture_output=True, text=True, check=False)
    if probe.returncode:
        raise NotJudged(f"this system makes no namespaces: {probe.stderr.strip()}")
    log = folder / "log"
    with log.open("wb") as output:
        done = subprocess.run(
            [unshare, *namespaces, str(python), str(INSIDE), str(folder), HOST, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # What a person set for programs here is not in the container.
            env={"PATH": f"{python.parent}:/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8", **environ},
            timeout=seconds,
            check=False,
        )
    printed = log.read_text(errors="replace")
    if printed.startswith("no room:"):
        raise NotJudged(printed.strip())
    if done.returncode:
        raise Wrong(f"{' '.join(command[:3])} ended with {done.returncode}: …{printed.strip()[-_TOLD:]}")
    return printed
