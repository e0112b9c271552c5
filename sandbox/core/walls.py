"""What a child may see of this machine: its own folders, the Python environment, the system, and a /tmp of its own.

A job runs code that anybody may have written, as the user who runs the sandbox: without walls it could read the
operator's keys in the state folder, in ``~/.aws`` and in ``~/.ssh``. ``enclosure.py`` builds them in the child. What
this system can do is tried once (``Enclosure.abilities``), and what it cannot is said, never pretended.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.core.settings import walls_wanted

PROGRAM = Path(__file__).with_name("enclosure.py")
TMP = Path("/tmp")  # noqa: S108
PROGRAMS = Path(__file__).resolve().parent.parent / "programs"
# What every program of a system may need: libraries, fonts, certificates, names. Homes, mail and data are not in it.
_SYSTEM = (
    *("/bin", "/etc", "/gnu", "/lib", "/lib32", "/lib64", "/libx32", "/nix", "/opt", "/sbin", "/sys", "/usr"),
    *("/run/NetworkManager", "/run/nvidia-persistenced", "/run/opengl-driver", "/run/resolvconf"),
    *("/run/systemd/resolve", "/var/cache", "/var/lib"),
)
_DEVICES, _PROC = Path("/dev"), "/proc"
# Beside the disks themselves: ways to them, and what shows the whole memory.
_NO_DEVICES = re.compile(r"mem|kmem|port|mapper|block|disk|bsg|sg\d+|nvme.*|vfio|loop-control")
_SHARED_MEMORY = "/dev/shm"  # noqa: S108
_SECRET_FOLDERS = (".aws", ".ssh")
_PROBE_SECONDS = 60.0


@dataclass(frozen=True)
class Walls:
    """What one child may use beside the system and Python.

    ``own``: files and folders that it may read and write; ``read``: that it may read; ``tmp``: which folder is its
    /tmp (None: the machine's, which it then may not use behind walls); ``tmp_megabytes``: as large, in memory.
    """

    own: Sequence[Path]
    read: Sequence[Path] = ()
    tmp: Path | None = None
    tmp_megabytes: int = 0


@dataclass(frozen=True)
class Abilities:
    """What this system does for children. ``tmp`` and ``walls`` are empty, or say what is missing."""

    tmp: str = ""
    walls: str = ""

    def sentence(self) -> str:
        """What the operator must know; empty when nothing is missing."""
        if not self.walls:
            return ""
        return (
            "Code that the sandbox runs (jobs, endpoints, functions) can read your files on this computer, the keys in "
            f"~/.aws and in the sandbox's folder among them: {self.walls}. Run only code that you trust."
        )


class Enclosure:
    """Makes the plans for ``enclosure.py``; ``state`` is the folder that no child sees."""

    def __init__(self, state: Path) -> None:
        self._state = Path(os.path.realpath(state))
        self._lock = threading.Lock()
        self._abilities: Abilities | None = None
        self._hidden = _hidden(self._state)

    def abilities(self) -> Abilities:
        """What the system can do, tried at the first call (some 50 ms)."""
        with self._lock:
            if self._abilities is None:
                self._abilities = _probe()
            return self._abilities

    def plan(self, walls: Walls | None, cwd: Path | str) -> dict[str, Any]:
        """What ``enclosure.enter`` gets; empty where nothing can or shall be done."""
        if walls is None:
            return {}
        able = self.abilities()
        python = [Path(place) for place in _python_places()]
        reads = [*python, PROGRAMS, *walls.read]
        plan: dict[str, Any] = {}
        if not able.tmp and walls.tmp is not None:
            seen = _topmost(place for place in _real([*reads, *walls.own, Path(cwd)]) if place.is_relative_to(TMP))
            tmp = {"megabytes": walls.tmp_megabytes} if walls.tmp_megabytes else str(walls.tmp)
            plan |= {"tmp": tmp, "show": [str(place) for place in seen], "hide": ["/run/user"], "cwd": str(cwd)}
        if not able.walls:
            system = [place for place in _real(map(Path, _SYSTEM)) if not _inside(place, self._hidden)]
            opened = [part for place in [*system, *_real(reads)] for part in _around(place, self._hidden)]
            own = [*_real(walls.own), Path(_SHARED_MEMORY), *([TMP] if "tmp" in plan else [])]
            plan |= {
                "read": sorted({str(place) for place in opened}),
                "write": [str(place) for place in own],
                "devices": [_PROC, *_devices()],
            }
        return plan


def _probe() -> Abilities:
    if not walls_wanted():
        return Abilities("it is turned off by SAGEDECK_WALLS", "it is turned off by SAGEDECK_WALLS")
    if sys.platform != "linux":
        return Abilities("only Linux can do it", "only Linux can shut it out")
    folder = tempfile.mkdtemp(prefix="sagedeck-probe-", dir="/var/tmp" if os.access("/var/tmp", os.W_OK) else None)  # noqa: S108
    try:
        answer = subprocess.run(
            [sys.executable, "-I", "-S", str(PROGRAM), folder],
            capture_output=True,
            text=True,
            timeout=_PROBE_SECONDS,
            stdin=subprocess.DEVNULL,
            check=True,
        )
        found = json.loads(answer.stdout)
        return Abilities(found["tmp"], found["walls"])
    except (OSError, subprocess.SubprocessError, ValueError, KeyError):
        return Abilities("it could not be tried", "whether this system can shut it out could not be tried")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _hidden(state: Path) -> list[Path]:
    home = os.path.realpath(os.path.expanduser("~"))  # noqa: PTH111 - it never fails
    places = {state, TMP, Path("/var/tmp"), Path("/run/user"), Path(os.path.realpath(tempfile.gettempdir()))}  # noqa: S108
    try:
        import pwd

        homes = {home, os.path.realpath(pwd.getpwuid(os.getuid()).pw_dir)}
    except (ImportError, KeyError):
        homes = {home}
    for place in map(Path, homes):
        # Services may have the root folder or /usr as their home: of those only the keys are hidden.
        shared = any(Path(system).is_relative_to(place) for system in _SYSTEM)
        places |= {place / name for name in _SECRET_FOLDERS} if shared else {place}
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        if os.environ.get(name):
            places.add(Path(os.path.realpath(os.environ[name])))
    return sorted(places)


def _python_places() -> Iterator[str]:
    yield from {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    yield from {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    # A virtual environment's interpreter is a link, or a chain of links, to one that may lie anywhere.
    yield os.path.realpath(sys.executable)


def _devices() -> Iterator[str]:
    """Terminals, random numbers, graphics cards: everything but disks, which hold what the walls keep away."""
    for entry in os.scandir(_DEVICES):
        with contextlib.suppress(OSError):
            usual = not entry.is_symlink() and not _NO_DEVICES.fullmatch(entry.name)
            if usual and not stat.S_ISBLK(entry.stat().st_mode):
                yield entry.path


def _real(places: Iterable[Path]) -> list[Path]:
    return [Path(os.path.realpath(place)) for place in places if place.exists()]


def _inside(place: Path, hidden: Iterable[Path]) -> bool:
    return any(place.is_relative_to(secret) for secret in hidden)


def _around(place: Path, hidden: Sequence[Path]) -> Iterator[Path]:
    """``place``, or all of it but what is hidden in it."""
    if not any(secret != place and secret.is_relative_to(place) for secret in hidden):
        yield place
        return
    try:
        entries = sorted(place.iterdir())
    except OSError:
        return
    for entry in entries:
        # A link would open what it leads to.
        if entry not in hidden and not entry.is_symlink():
            yield from _around(entry, hidden)


def _topmost(places: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for place in sorted(set(places)):
        if not any(place.is_relative_to(known) for known in found):
            found.append(place)
    return found
