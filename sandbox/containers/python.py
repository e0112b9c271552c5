"""The Python of a job: the sandbox's own, with a folder of the job laid over it.

What a job installs goes into the overlay and is seen by it alone; what the sandbox's Python has already
counts as installed, so it needs no network. pip is pointed at the overlay by ``PIP_PYTHON``.
"""

from __future__ import annotations

import configparser
import os
import re
import sys
import sysconfig
import venv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sandbox.containers import weights
from sandbox.core.walls import Walls
from sandbox.programs.requirements import is_satisfied, requirement_lines

HOST_PROGRAMS = Path(__file__).resolve().parent.parent / "programs"
# Where packages come from is a matter of the machine, not of the account.
_KEPT_PREFIXES = ("UV_", "SSL_CERT_")
# Jobs print their environment: an address with a password in it must not be there.
_SECRET = re.compile(r"://[^/\s]*@")
_PIP_LISTS = frozenset({"find-links", "extra-index-url", "trusted-host"})
_SYSTEM_PATH = os.environ.get("PATH", "") if os.name == "nt" else "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
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
        self._write_pip_config()
        commands = self.folder / "commands"
        commands.mkdir()
        modules = {"python": "", "python3": "", "pip": "-m pip ", "pip3": "-m pip "}
        for name, arguments in (modules | {"torchrun": "-m torch.distributed.run "}).items():
            command = commands / name
            command.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n', encoding="utf-8")
            command.chmod(0o755)

    def _write_pip_config(self) -> None:
        """Carry over where this machine's pip finds packages, in a file that only the owner reads."""
        own = os.environ.get("PIP_CONFIG_FILE")
        places = [Path(place).expanduser() for place in ([own] if own else _PIP_CONFIG_PLACES)]
        text = next((place.read_text(encoding="utf-8") + "\n" for place in places if place.is_file()), "")
        parser = configparser.RawConfigParser(strict=False)
        parser.read_string(text)
        if not parser.has_section("global"):
            parser.add_section("global")
        parser.set("global", "retries", "2")
        for name, value in os.environ.items():
            if name.startswith("PIP_") and name not in ("PIP_CONFIG_FILE", "PIP_PYTHON"):
                key = name[4:].lower().replace("_", "-")
                parser.set("global", key, "\n  ".join(value.split()) if key in _PIP_LISTS else value)
        descriptor = os.open(self.folder / "pip.conf", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            parser.write(file)

    def environment(self, cache: Path, *, first: Path | None = None) -> dict[str, str]:
        """Variables with which a child sees the overlay; ``first`` comes before it on PYTHONPATH.

        ``cache`` is its cache folder, in which it finds weights (``weights.py``).

        Nothing else of the sandbox's own environment goes to a job, least of all keys.
        """
        kept = _kept()
        weights.offer(cache)
        path = [str(self.folder / "commands"), str(Path(sys.executable).parent), _SYSTEM_PATH]
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
            "PIP_CONFIG_FILE": str(self.folder / "pip.conf"),
            "XDG_CACHE_HOME": str(cache),
            # Jobs, endpoints and a window share few processors. Threads that spin while they wait make a forward
            # pass 20 times slower as soon as two processes compute at once.
            "OMP_WAIT_POLICY": "PASSIVE",
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
        }

    def warm(self, cache: Path, code: Path) -> dict[str, str] | None:
        """The usual environment of such programs if ``code`` imports torch and installs nothing of its own."""
        return self.environment(cache) | {"PYTHONPATH": ""} if _uses_torch(code) and _complete(code) else None

    def walls(self, own: Sequence[Path], tmp: Path | None = None) -> Walls:
        """What a process with this Python may use: ``own`` folders, its ``tmp``, and what its settings name."""
        settings = self.folder / "pip.conf"
        named = settings.read_text(encoding="utf-8").split() if settings.is_file() else []
        return Walls(own=own, read=[self.folder, *_places(_kept()), *_existing(named), *weights.sources()], tmp=tmp)


def _uses_torch(code: Path) -> bool:
    """Whether a program in ``code`` names torch: others have nothing of a process that has loaded it."""
    return any(b"torch" in path.read_bytes() for path in code.rglob("*.py") if path.is_file())


def _complete(code: Path) -> bool:
    """Whether everything that ``code`` asks for is installed already."""
    file = code / "requirements.txt"
    try:
        lines = [line for _number, line in requirement_lines(file.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return True
    except (OSError, UnicodeDecodeError):
        return False
    return all(is_satisfied(line) for line in lines)


def _kept() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if (name in _KEPT or name.startswith(_KEPT_PREFIXES)) and not _SECRET.search(value)
    }


def _places(variables: Mapping[str, str]) -> Iterator[Path]:
    """Certificates and libraries that this machine's settings name."""
    names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "LD_LIBRARY_PATH")
    for name, value in variables.items():
        if name in names or name.startswith(_KEPT_PREFIXES):
            yield from _existing(value.split(os.pathsep))


def _existing(words: Sequence[str]) -> Iterator[Path]:
    """The folders and files among ``words``: where this machine's pip finds packages may be a folder."""
    for word in words:
        place = Path(word.removeprefix("file://"))
        if place.is_absolute() and len(place.parts) > 2 and place.exists():
            yield place


def host_program(name: str) -> list[str]:
    """The command that runs ``sandbox/NAME`` as a plain script of its own."""
    return [sys.executable, str(HOST_PROGRAMS / name)]
