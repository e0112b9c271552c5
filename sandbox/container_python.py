"""The Python of a job: the sandbox's own, with a folder of the job laid over it.

What a job installs goes into the overlay and is seen by it alone; what the sandbox's Python has already
counts as installed, so it needs no network. pip is pointed at the overlay by ``PIP_PYTHON``.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import venv
from pathlib import Path

HOST_PROGRAMS = Path(__file__).resolve().parent
# Where packages come from is a matter of the machine, not of the account.
_KEPT_PREFIXES = ("PIP_", "UV_", "SSL_CERT_")
_KEPT = frozenset(
    [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "TZ",
        "LD_LIBRARY_PATH",
        "SYSTEMROOT",
        "SYSTEMDRIVE",
        "WINDIR",
        "COMSPEC",
        "PATHEXT",
        "NUMBER_OF_PROCESSORS",
    ]
)
_PIP_CONFIG_PLACES = ("~/.config/pip/pip.conf", "~/.pip/pip.conf", "~/Library/Application Support/pip/pip.conf")


class JobPython:
    """The overlay in ``folder``; ``create`` makes it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def site_packages(self) -> Path:
        """Where a job's own packages go."""
        scheme = {"base": str(self.folder), "platbase": str(self.folder)}
        return Path(sysconfig.get_path("purelib", "venv", scheme))

    @property
    def interpreter(self) -> Path:
        """The overlay's interpreter, for pip."""
        scheme = {"base": str(self.folder), "platbase": str(self.folder)}
        return Path(sysconfig.get_path("scripts", "venv", scheme)) / ("python.exe" if os.name == "nt" else "python")

    def create(self) -> None:
        """Make the overlay (about 20 ms)."""
        venv.EnvBuilder(with_pip=False, symlinks=os.name != "nt").create(self.folder)
        parents = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        (self.site_packages / "_sandbox.pth").write_text("\n".join(sorted(parents)) + "\n", encoding="utf-8")
        if os.name == "nt":
            return
        commands = self.folder / "commands"
        commands.mkdir()
        modules = {"python": "", "python3": "", "pip": "-m pip ", "pip3": "-m pip "}
        for name, arguments in (modules | {"torchrun": "-m torch.distributed.run "}).items():
            command = commands / name
            command.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n', encoding="utf-8")
            command.chmod(0o755)

    def environment(self, cache: Path, *, first: Path | None = None) -> dict[str, str]:
        """Variables with which a child sees the overlay; ``first`` comes before it on PYTHONPATH.

        Nothing else of the sandbox's own environment goes to a job, least of all keys.
        """
        kept = {
            name: value
            for name, value in os.environ.items()
            if name in _KEPT or name.upper().startswith(_KEPT_PREFIXES)
        }
        if "PIP_CONFIG_FILE" not in kept:
            for place in _PIP_CONFIG_PLACES:
                if Path(place).expanduser().is_file():
                    kept["PIP_CONFIG_FILE"] = str(Path(place).expanduser())
                    break
        path = [str(self.folder / "commands"), str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
        modules = [str(part) for part in (first, self.site_packages) if part]
        return kept | {
            "PATH": os.pathsep.join(path),
            "PYTHONPATH": os.pathsep.join(modules),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONIOENCODING": "utf-8",
            "PIP_PYTHON": str(self.interpreter),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INPUT": "1",
            "PIP_PROGRESS_BAR": "off",
            "PIP_RETRIES": os.environ.get("PIP_RETRIES", "2"),
            "XDG_CACHE_HOME": str(cache),
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
        }


def host_program(name: str) -> list[str]:
    """The command that runs ``sandbox/NAME`` as a plain script of its own."""
    return [sys.executable, str(HOST_PROGRAMS / name)]
