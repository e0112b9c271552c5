"""The AWS CLI's two files, read line by line: one bad line spoils its own section, not the profiles beside it."""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONFIG = ("AWS_CONFIG_FILE", "config")
CREDENTIALS = ("AWS_SHARED_CREDENTIALS_FILE", "credentials")
UNREADABLE = (OSError, UnicodeError)

_SECTION = re.compile(r"\[(?P<name>[^]]+)\]")
_SETTING = re.compile(r"(?P<name>[^=:\s][^=:]*?)\s*[=:]")


@dataclass(frozen=True)
class BadLine:
    """A line that cannot be used, and why, without its content: it may be a key. ``section`` is empty before any."""

    line: int
    section: str
    why: str


@dataclass(frozen=True)
class ProfileFile:
    """The sections of a file with their settings, and its bad lines."""

    path: Path
    sections: Mapping[str, Mapping[str, str]]
    bad: tuple[BadLine, ...] = ()


def path_of(environ: Mapping[str, str], variable: str, default: str) -> Path:
    """Where a file is, by ``environ``, else in the home folder."""
    return Path(environ.get(variable) or Path.home() / ".aws" / default).expanduser()


def read_file(path: Path) -> ProfileFile:
    """``path``, with or without a byte-order mark and with any line ends; one that is missing is empty.

    Raises ``OSError`` and ``UnicodeError``.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return ProfileFile(path, {})
    bad = _bad_lines(lines)
    for wrong in bad:
        lines[wrong.line - 1] = ""
    parser = configparser.RawConfigParser(default_section="", strict=False)
    parser.read_string("\n".join(lines))
    return ProfileFile(path, {name: dict(parser.items(name)) for name in parser.sections()}, tuple(bad))


def nested(values: Mapping[str, str]) -> dict[str, object]:
    """Settings as botocore has them: an indented block is a dict of its own."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if not value.startswith("\n"):
            found[name] = value
            continue
        inner = (line.partition("=") for line in value.splitlines() if "=" in line)
        found[name] = {key.strip(): text.strip() for key, _, text in inner}
    return found


def _bad_lines(lines: list[str]) -> list[BadLine]:
    bad: list[BadLine] = []
    section, seen, sections = "", set[str](), set[str]()
    inside = False
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith(("#", ";")):
            continue
        if line[0].isspace() and inside:
            continue
        head = _SECTION.match(text)
        setting = _SETTING.match(text)
        inside = False
        if head is not None:
            section, seen = head["name"], set()
            if section in sections:
                bad.append(BadLine(number, section, f"[{section}] is there twice"))
            sections.add(section)
        elif setting is None or not section:
            bad.append(BadLine(number, section, "is neither a section nor a setting"))
        elif setting["name"].lower() in seen:
            bad.append(BadLine(number, section, f"{setting['name']} is set twice in [{section}]"))
        else:
            seen.add(setting["name"].lower())
            inside = True
    return bad
