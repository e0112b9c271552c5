"""An instance's disk: a folder that outlives a stop, with the few places that scripts for a Deep Learning AMI name.

Paths of a script below /opt, /home, /root, /tmp, /mnt, /srv and /var become paths below the folder, as /opt/ml does
for a training job, and come back as they were in what it prints; so do those of the commands that would switch this
machine off.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sandbox.containers.python import JobPython

METADATA_URL = "http://169.254.169.254"
_PLACES = ("opt", "home/ec2-user", "home/ubuntu", "root", "tmp", "mnt", "srv", "var/log", "var/lib")
_POWER = ("shutdown", "poweroff", "halt", "reboot", "systemctl", "systemd-run")
# A path begins after none of these: "~/tmp", "s3://b/opt" and "../home" are other paths.
_PATH = re.compile(r"(?<![\w./~:-])(?<![$}])/(opt|home|root|tmp|mnt|srv|var)(?=[/\s\"';:,)&|<>]|$)")
_COMMAND = re.compile(r"(?<![\w./-])(?:/usr)?/s?bin/(" + "|".join(_POWER) + r"|sudo)(?![\w.-])")
_POWER_PROGRAM = Path(__file__).resolve().parent.parent / "programs" / "power.py"
# An image without PyTorch has a bare Python; what pip installs there is what this machine has, so it needs no network.
_BARE_PYTHON = """#!/bin/sh
if [ "$1" = -m ] && [ "$2" = pip ]; then shift 2; exec "{commands}/pip" "$@"; fi
exec "{interpreter}" "$@"
"""
_PIP = """#!/bin/sh
case " $* " in *" install "*) cp "{packages}.off" "{packages}" ;; esac
exec "{python}" -m pip "$@"
"""
_SUDO = """#!/bin/sh
# Everything in an instance runs as its one user already.
while [ $# -gt 0 ]; do
  case "$1" in
    -u|-g|-h|-p|-C|-r|-t|-T|-U|-[A-Za-z]*[ug]) shift 2 ;;
    --) shift; break ;;
    -*) shift ;;
    *=*) export "$1"; shift ;;
    *) break ;;
  esac
done
exec "$@"
"""


@dataclass(frozen=True)
class Disk:
    """The folder of one instance. ``pytorch``: the image has Python with PyTorch in /opt/pytorch."""

    base: Path
    pytorch: bool

    @cached_property
    def root(self) -> Path:
        """What the instance sees as its file system."""
        return self.base / "disk"

    @property
    def home(self) -> Path:
        """HOME of whoever runs commands there (root)."""
        return self.root / "root"

    @property
    def tmp(self) -> Path:
        """TMPDIR."""
        return self.root / "tmp"

    @property
    def commands(self) -> Path:
        """The programs that come first on PATH."""
        return self.base / "commands"

    @property
    def boot_log(self) -> Path:
        """The output of the user data, as cloud-init keeps it."""
        return self.root / "var" / "log" / "cloud-init-output.log"

    @property
    def booted(self) -> Path:
        """Exists when the user data has run."""
        return self.root / "var" / "lib" / "cloud" / "instance" / "boot-finished"

    @property
    def power(self) -> Path:
        """The FIFO by which the instance asks to be shut down."""
        return self.base / "power"

    def orchestration(self, instance_id: str, command_id: str) -> Path:
        """Where the SSM agent keeps a command's script and its output."""
        ssm = self.root / "var" / "lib" / "amazon" / "ssm" / instance_id / "document" / "orchestration"
        return ssm / command_id / "awsrunShellScript" / "0.awsrunShellScript"

    def create(self) -> JobPython:
        """Make the folders; what is there stays. Returns the instance's Python."""
        for place in _PLACES:
            (self.root / place).mkdir(parents=True, exist_ok=True)
        self.commands.mkdir(exist_ok=True)
        python = JobPython(self.base / "python")
        if not python.folder.exists():
            python.create()
            if not self.pytorch:
                self._make_bare(python)
        for name in _POWER:
            self._program(name, f'#!/bin/sh\nexec "{sys.executable}" -I -S "{_POWER_PROGRAM}" {name} "$@"\n')
        self._program("sudo", _SUDO)
        if self.pytorch:
            self._pytorch(python)
        return python

    def _make_bare(self, python: JobPython) -> None:
        packages = python.site_packages / "_sandbox.pth"
        packages.rename(packages.with_name("_sandbox.pth.off"))
        folder = python.folder / "commands"
        for name in ("python", "python3"):
            (folder / name).write_text(_BARE_PYTHON.format(commands=folder, interpreter=python.interpreter))
        for name in ("pip", "pip3"):
            (folder / name).write_text(_PIP.format(packages=packages, python=sys.executable))
        (folder / "torchrun").unlink(missing_ok=True)

    def _pytorch(self, python: JobPython) -> None:
        folder = self.root / "opt" / "pytorch" / "bin"
        folder.mkdir(parents=True, exist_ok=True)
        for source in (python.folder / "commands").iterdir():
            shutil.copy(source, folder / source.name)
        (folder / "activate").write_text(f'export VIRTUAL_ENV="{folder.parent}"\nexport PATH="{folder}:$PATH"\n')

    def _program(self, name: str, text: str) -> None:
        path = self.commands / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def local(self, text: str, metadata_url: str = "") -> str:
        """A script with its paths below the folder, and with the address of this instance's metadata."""
        base = str(self.base)

        def below(found: re.Match[str]) -> str:
            # A path that was shown before the folder was known by another name.
            real = found.string.startswith(base, found.start())
            return found[0] if real else f"{self.root}/{found[1]}"

        text = _PATH.sub(below, text)
        text = _COMMAND.sub(lambda found: str(self.commands / found[1]), text)
        return text.replace(METADATA_URL, metadata_url) if metadata_url else text

    def public(self) -> Public:
        """Turns the paths in a stream of output into those that the instance has."""
        places = {self.root: "", self.base / "python" / "commands": "/usr/bin", self.commands: "/usr/sbin"}
        return Public({str(real).encode(): shown.encode() for real, shown in places.items()})


class Public:
    """Replaces texts in a stream that comes in pieces: ``feed`` each, then ``close``."""

    def __init__(self, texts: Mapping[bytes, bytes]) -> None:
        self._texts = texts
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """The part of the stream that can be passed on; the beginning of a path that may go on is held back."""
        data = self._rest + data
        cut = len(data) - self._begun(data)
        self._rest = data[cut:]
        return self._replaced(data[:cut])

    def close(self) -> bytes:
        """What was left."""
        rest, self._rest = self._rest, b""
        return self._replaced(rest)

    def _begun(self, data: bytes) -> int:
        """How many bytes at the end may be the beginning of a text."""
        longest = max(map(len, self._texts)) - 1
        start = data.find(b"/", max(0, len(data) - longest))
        while start >= 0:
            if any(text.startswith(data[start:]) for text in self._texts if len(text) > len(data) - start):
                return len(data) - start
            start = data.find(b"/", start + 1)
        return 0

    def _replaced(self, data: bytes) -> bytes:
        for real, shown in self._texts.items():
            data = data.replace(real, shown)
        return data
