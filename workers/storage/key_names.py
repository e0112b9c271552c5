"""Keys as file names: which can be saved side by side in a folder, and why the others cannot."""

from __future__ import annotations

import os
import re
import secrets
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

# The limits of Linux; names are no longer on Windows and macOS.
NAME_BYTES = 255
PATH_BYTES = 4096
# Without the switch for long paths, which an operator may not be allowed to turn.
WINDOWS_PATH = 259
_WINDOWS_UNSAFE = re.compile(r'[<>:"|?*\\\x00-\x1f]')
_WINDOWS_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?: *\..*)?", re.IGNORECASE)


@dataclass(frozen=True)
class FileRules:
    """What a file system takes for a name, and which names it takes for one."""

    windows: bool = os.name == "nt"
    folds_case: bool = False
    folds_accents: bool = False

    def same(self, name: str) -> str:
        """What two names have in common that are one file."""
        if self.folds_accents:
            name = unicodedata.normalize("NFC", name)
        if self.folds_case:
            name = unicodedata.normalize("NFC", name.casefold()) if self.folds_accents else name.casefold()
        return name

    def problem(self, part: str) -> str:
        """Why a file or folder cannot be called ``part``; empty when it can."""
        if not part:
            return "its name has an empty part"
        if part in (".", ".."):
            return f"its name has the part “{part}”, which would be another place"
        if "\0" in part:
            return "its name has a zero byte"
        if not self.windows:
            too_long = len(part.encode("utf-8", "surrogatepass")) > NAME_BYTES
            return f"a part of its name is longer than {NAME_BYTES} bytes" if too_long else ""
        if found := _WINDOWS_UNSAFE.search(part):
            what = f"“{found[0]}” in a name" if found[0] > " " else "control character in a name"
            return f"Windows takes no {what}"
        if part[-1] in ". ":
            return "Windows takes no name that ends with a dot or a space"
        if _WINDOWS_RESERVED.fullmatch(part):
            return f"Windows keeps the name “{part}” for a device"
        too_long = len(part.encode("utf-16-le", "surrogatepass")) > 2 * NAME_BYTES
        return f"a part of its name is longer than {NAME_BYTES} characters" if too_long else ""

    def path_problem(self, path: Path) -> str:
        """Why the whole path cannot be used; empty when it can."""
        if self.windows:
            return f"its path is longer than {WINDOWS_PATH} characters" if len(str(path)) > WINDOWS_PATH else ""
        return f"its path is longer than {PATH_BYTES} bytes" if len(os.fsencode(path)) >= PATH_BYTES else ""


@dataclass
class DownloadPlan:
    """``files`` are (key, where it goes), ``folders`` those that a marker stands for, ``refused`` (key, reason)."""

    files: list[tuple[str, Path]] = field(default_factory=list)
    folders: list[tuple[str, Path]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


def rules_of(folder: Path) -> FileRules:
    """How the file system of ``folder`` (or of what exists of it) treats names, found out with a file of its own.

    Raises ``OSError`` when nothing can be written there.
    """
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    token = secrets.token_hex(6)
    made = folder / f".sagedeck-\u00e9-{token}a"
    made.touch(exist_ok=False)
    try:
        return FileRules(
            folds_case=(folder / f".sagedeck-\u00e9-{token}A").exists(),
            folds_accents=(folder / f".sagedeck-e\u0301-{token}a").exists(),
        )
    finally:
        made.unlink(missing_ok=True)


def plan_download(
    keys: Iterable[str], root: str, dest: Path, rules: FileRules, sizes: Mapping[str, int]
) -> DownloadPlan:
    """Where each key goes below ``dest``, without the ``root`` that all keys begin with.

    Every key is in exactly one of the plan's lists. Of two keys that would be one file the first is kept. A key that
    ends with a slash is a folder's mark when ``sizes`` says that it is empty.
    """
    plan = DownloadPlan()
    places: dict[str, str] = {}
    wanted = list(dict.fromkeys(keys))
    false_marks = {key for key in wanted if key.endswith("/") and sizes.get(key, 0)}
    folders = _folders_needed([key for key in wanted if key not in false_marks], root, rules)
    for key in wanted:
        parts = key[len(root) :].split("/")
        marker = key.endswith("/")
        if marker:
            parts.pop()
        if key in false_marks:
            plan.refused.append((key, "its name ends with a slash, as only a folder's can"))
            continue
        reason = next((words for part in parts if (words := rules.problem(part))), "") if parts or not marker else ""
        path = dest.joinpath(*parts) if not reason else dest
        reason = reason or rules.path_problem(path)
        if reason:
            plan.refused.append((key, reason))
            continue
        if marker and path.exists() and not path.is_dir():
            plan.refused.append((key, "a file of this name is there already"))
        elif marker:
            plan.folders.append((key, path))
        if marker:
            continue
        same = rules.same("/".join(parts))
        if same in places:
            plan.refused.append((key, f"it would be the same file as {places[same]}"))
        elif same in folders:
            plan.refused.append((key, f"a folder of this name is needed for {folders[same]}"))
        elif path.is_dir():
            plan.refused.append((key, "a folder of this name is there already"))
        else:
            places[same] = key
            plan.files.append((key, path))
    return plan


def _folders_needed(keys: Iterable[str], root: str, rules: FileRules) -> dict[str, str]:
    """By what they have in common, the folders that usable keys lie in, each with one of the keys."""
    needed: dict[str, str] = {}
    for key in keys:
        parts = key[len(root) :].split("/")
        if any(rules.problem(part) for part in (parts[:-1] if parts[-1] == "" else parts)):
            continue
        for end in range(1, len(parts)):
            needed.setdefault(rules.same("/".join(parts[:end])), key)
    return needed


def told(refused: Iterable[tuple[str, str]], at_most: int = 3) -> str:
    """The first of the refused keys, each with its reason, and how many more there are."""
    entries = list(refused)
    words = "; ".join(f"{key or '(empty)'}: {reason}" for key, reason in entries[:at_most])
    return words + (f"; and {len(entries) - at_most:,} more" if len(entries) > at_most else "")
