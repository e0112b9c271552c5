"""Linux and other desktops of freedesktop.org: a desktop file of the user, and the user's ``mimeapps.list``.

Sources: Desktop Entry Specification 1.5 (quoting of ``Exec``), Association between MIME types and applications 1.0.1
(which list counts first).
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from console.journal import write_whole
from console.scheme.registration import NOT_INSTALLED, SCHEME, TITLE, Handler, NotRegistered, Registration

ID = "sagedeck-links.desktop"
MIME = f"x-scheme-handler/{SCHEME}"
_DEFAULTS = "[Default Applications]"
# Starts what follows it, letter by letter.
_THROUGH_SHELL = 'exec "$0" "$@"'
# What an argument may have without quotes.
_PLAIN = re.compile(r"[A-Za-z0-9_@+=:,./-]+")


def exec_argument(text: str) -> str:
    """One argument as ``Exec`` has it: quoted, then escaped as every value of a desktop file is."""
    if _PLAIN.fullmatch(text):
        return text
    if any(ord(char) < 32 for char in text):
        raise NotRegistered("The program's path has a line break or another sign that no desktop file can hold.")
    quoted = re.sub(r'(["`$\\])', r"\\\1", text.replace("%", "%%"))
    return '"{}"'.format(quoted.replace("\\", "\\\\"))


def exec_program(path: str) -> str:
    """A program as ``Exec`` begins: the specification has no ``=`` in its path, and GLib looks for a ``%%`` in it."""
    quoted = exec_argument(path)
    return f"/bin/sh -c {exec_argument(_THROUGH_SHELL)} {quoted}" if set("=%") & set(path) else quoted


class DesktopRegistration(Registration):
    """``program`` is this installation's command. ``environ`` says where the user's and the system's folders are."""

    def __init__(self, program: Path | None, environ: Mapping[str, str] = os.environ, home: Path | None = None) -> None:
        self._program, home = program, home or Path.home()
        self.why_not = "" if program is not None else NOT_INSTALLED
        self._data = _folder(environ, "XDG_DATA_HOME", home / ".local/share")
        self._config = _folder(environ, "XDG_CONFIG_HOME", home / ".config")
        self._data_dirs = _folders(environ, "XDG_DATA_DIRS", "/usr/local/share:/usr/share")
        self._config_dirs = _folders(environ, "XDG_CONFIG_DIRS", "/etc/xdg")
        self._desktops = [name.lower() for name in environ.get("XDG_CURRENT_DESKTOP", "").split(":") if name]

    @property
    def file(self) -> Path:
        """Our desktop file."""
        return self._data / "applications" / ID

    @property
    def defaults(self) -> Path:
        """The user's list of default programs."""
        return self._config / "mimeapps.list"

    def entry(self) -> str:
        """What our desktop file says. Raises ``NotRegistered``."""
        if self._program is None:
            raise NotRegistered(self.why_not)
        # What comes after -- is a link, whatever it looks like.
        return (
            f"[Desktop Entry]\nType=Application\nName={TITLE}\nComment=Opens {SCHEME}:// links\n"
            f"Exec={exec_program(str(self._program))} -- %u\nTerminal=false\nNoDisplay=true\nMimeType={MIME};\n"
        )

    def look(self) -> Handler:
        """The first program that the lists name and that is there; without one, any that says it can."""
        for name in self._named():
            found = self._desktop_file(name)
            if found is not None:
                return self._handler(found)
        for folder in self._applications():
            for path in sorted(folder.glob("*.desktop")):
                if MIME in _value(_read(path), "MimeType").split(";"):
                    return self._handler(path)
        return Handler("none")

    def _handler(self, path: Path) -> Handler:
        text = _read(path)
        ours = self._program is not None and path == self.file and _value(text, "Exec") == _value(self.entry(), "Exec")
        return Handler("ours") if ours else Handler("other", f"{_value(text, 'Name') or path.stem} ({path})")

    def register(self) -> None:
        """Write the desktop file, and name it first in the list; who was named before comes after it."""
        entry, before = self.entry(), _read(self.file)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.file, entry)
        try:
            self._set_default(lambda names: [ID, *(name for name in names if name != ID)])
        except (NotRegistered, OSError):
            # Nothing is left half done: by itself the file says already that it opens the links.
            if not before:
                self.file.unlink(missing_ok=True)
            raise
        found = self.look()
        if found.state != "ours":
            raise NotRegistered(f"It was written into {self.defaults}, but another list counts more. {found.words}")

    def unregister(self) -> None:
        """Take our name out of the list, and our file away. What belongs to others stays as it is."""
        self._set_default(lambda names: [name for name in names if name != ID])
        self.file.unlink(missing_ok=True)

    def _set_default(self, change: Callable[[list[str]], list[str]]) -> None:
        text = _read(self.defaults)
        made = with_default(text, change(_names(text)))
        if made == text:
            return
        try:
            made.encode()
        except UnicodeEncodeError:
            raise NotRegistered(f"{self.defaults} is no UTF-8 text: it was left as it is.") from None
        # A link to a list in another folder stays one, and whoever might read it still may.
        path = self.defaults.resolve()
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else None
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, made)
        if mode is not None:
            path.chmod(mode)

    def _named(self) -> Iterator[str]:
        for folder in (
            self._config, *self._config_dirs, self._data / "applications",
            *(folder / "applications" for folder in self._data_dirs),
        ):  # fmt: skip
            for name in (*(f"{desktop}-mimeapps.list" for desktop in self._desktops), "mimeapps.list"):
                yield from _names(_read(folder / name))

    def _applications(self) -> Iterator[Path]:
        for folder in (self._data, *self._data_dirs):
            yield folder / "applications"

    def _desktop_file(self, name: str) -> Path | None:
        if "/" in name:
            return None
        return next((path for folder in self._applications() if (path := folder / name).is_file()), None)


def with_default(text: str, names: Sequence[str]) -> str:
    """A ``mimeapps.list`` in which these open our links; every other line is as it was."""
    lines, wanted = text.splitlines(), [f"{MIME}={';'.join(names)};"] if names else []
    section, made, placed = "", list[str](), False
    for line in lines:
        if line.strip().startswith("["):
            section = line.strip()
        mine = section == _DEFAULTS and line.partition("=")[0].strip() == MIME
        if mine:
            made += wanted if not placed else []
            placed = True
            continue
        made.append(line)
    if wanted and not placed:
        headings = [at for at, line in enumerate(made) if line.strip() == _DEFAULTS]
        if headings:
            made[headings[0] + 1 : headings[0] + 1] = wanted
        else:
            made += ["", _DEFAULTS, *wanted] if made else [_DEFAULTS, *wanted]
    return "\n".join(made) + "\n" if made else ""


def _names(text: str) -> list[str]:
    """Which programs a list names for our links, the first one first."""
    section = ""
    for line in text.splitlines():
        if line.strip().startswith("["):
            section = line.strip()
        elif section == _DEFAULTS and line.partition("=")[0].strip() == MIME:
            return [name.strip() for name in line.partition("=")[2].split(";") if name.strip()]
    return []


def _value(text: str, key: str) -> str:
    """A value of a desktop file's first group."""
    section = ""
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip()
        elif section == "[Desktop Entry]" and line.partition("=")[0].strip() == key:
            return line.partition("=")[2].strip()
    return ""


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="surrogateescape")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return ""


def _folder(environ: Mapping[str, str], name: str, usual: Path) -> Path:
    # The specification: what is no absolute path counts for nothing.
    given = environ.get(name, "")
    return Path(given) if Path(given).is_absolute() else usual


def _folders(environ: Mapping[str, str], name: str, usual: str) -> list[Path]:
    return [Path(part) for part in (environ.get(name) or usual).split(":") if Path(part).is_absolute()]
