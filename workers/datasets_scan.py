"""Lists a picture folder without opening a picture: splits, classes, files, and what is in the way.

The rules are those of the training program: ``train/``, ``valid/`` (or ``val``, ``validation``) and ``test/``
with one folder for each class, or the class folders alone; hidden files are left out; links below a class are not
followed.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SPLITS = ("train", "valid", "test")
SPLIT_FOLDERS = {"train": ("train",), "valid": ("valid", "validation", "val"), "test": ("test",)}
SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
)
IGNORED_PREFIXES = (".", "__MACOSX")
IGNORED_NAMES = frozenset(("Thumbs.db", "desktop.ini"))
FLAT = "all"


class Stopped(Exception):
    """The caller asked to stop."""


@dataclass(frozen=True)
class Found:
    """A file with a picture's name: its path below the root, where it belongs, its size in bytes."""

    path: str
    split: str
    folder: str
    size: int


@dataclass
class Scan:
    """What lies in a folder. ``folders`` maps each split to its class folders, with none left out."""

    root: Path
    chosen: Path
    splits: tuple[str, ...] = ()
    folders: dict[str, list[str]] = field(default_factory=dict)
    files: list[Found] = field(default_factory=list)
    loose: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    denied: list[str] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    entries: int = 0

    @property
    def classes(self) -> list[str]:
        """All class folders' names, each once, sorted."""
        return sorted({folder for folders in self.folders.values() for folder in folders})

    def counts(self) -> dict[str, dict[str, int]]:
        """Pictures by class folder and split (``all`` when there are no splits), by their names alone."""
        result = {
            folder: {split: 0 for split in self.folders if folder in self.folders[split]} for folder in self.classes
        }
        for file in self.files:
            result[file.folder][file.split] += 1
        return result


def readable_names(folders: Sequence[str]) -> list[str]:
    """Class names as people read them: ``004.Akita_inu`` becomes ``Akita inu``.

    Folders that would get the same name keep the name of the folder.
    """
    names = [re.sub(r"^\d+\.", "", folder).replace("_", " ").strip() or folder for folder in folders]
    times = Counter(names)
    return [name if times[name] == 1 else folder for name, folder in zip(names, folders, strict=True)]


def scan(chosen: Path, tick: Callable[[int], None] = lambda count: None) -> Scan:
    """List ``chosen``. ``tick(entries so far)`` is called now and then and may raise ``Stopped``.

    Raises ``OSError`` when the folder itself cannot be listed.
    """
    root = _descend(chosen)
    result = Scan(root, chosen)
    found = {split: folder for split in SPLITS if (folder := _split_folder(root, split)) is not None}
    if found:
        result.splits = tuple(found)
        taken = {folder.name for folder in found.values()}
        for entry in _entries(root):
            if entry.name not in taken and not _ignored(entry.name):
                result.strangers.append(entry.name)
        for split, folder in found.items():
            _classes(result, split, folder, tick)
    else:
        _classes(result, FLAT, root, tick)
        if not any(result.counts()[folder][FLAT] for folder in result.folders[FLAT]):
            # Folders without a single picture below them are no classes.
            result.folders[FLAT] = []
    return result


def pictures_in(folder: Path) -> list[Path]:
    """The files with a picture's name below one class folder, sorted; empty when it cannot be read."""
    found: list[Path] = []
    for place, folders, files in os.walk(folder, followlinks=False):
        folders[:] = [name for name in folders if not _ignored(name)]
        found.extend(Path(place, name) for name in files if not _ignored(name) and _is_picture(name))
    return sorted(found)


def split_folder_name(root: Path, split: str) -> str:
    """How the folder of ``split`` is called in ``root`` (``valid`` may be ``val``); ``split`` when there is none."""
    folder = _split_folder(root, split)
    return folder.name if folder is not None else split


def _descend(root: Path) -> Path:
    folders = [Path(entry.path) for entry in _entries(root) if not _ignored(entry.name) and entry.is_dir()]
    if len(folders) == 1 and _split_folder(root, "train") is None and _split_folder(folders[0], "train") is not None:
        return folders[0]
    return root


def _split_folder(root: Path, split: str) -> Path | None:
    return next((root / name for name in SPLIT_FOLDERS[split] if (root / name).is_dir()), None)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _ignored(name: str) -> bool:
    return name.startswith(IGNORED_PREFIXES) or name in IGNORED_NAMES


def _is_picture(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES


def _classes(result: Scan, split: str, folder: Path, tick: Callable[[int], None]) -> None:
    result.folders[split] = []
    here = folder.resolve()
    try:
        entries = _entries(folder)
    except PermissionError:
        result.denied.append(folder.relative_to(result.root).as_posix())
        return
    for entry in entries:
        if _ignored(entry.name):
            continue
        relative = Path(entry.path).relative_to(result.root).as_posix()
        if entry.is_symlink():
            reason = _bad_link(Path(entry.path), here)
            if reason:
                result.links.append((relative, reason))
                continue
        if not entry.is_dir():
            (result.loose if _is_picture(entry.name) else result.strangers).append(relative)
            continue
        result.folders[split].append(entry.name)
        result.files.extend(_files(result, split, entry.name, Path(entry.path), tick))


def _bad_link(link: Path, here: Path) -> str:
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError):
        return "leads nowhere or in a circle"
    return "leads to a folder that it lies in" if here.is_relative_to(target) else ""


def _files(result: Scan, split: str, name: str, folder: Path, tick: Callable[[int], None]) -> Iterator[Found]:
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        try:
            entries = _entries(place)
        except PermissionError:
            result.denied.append(place.relative_to(result.root).as_posix())
            continue
        for entry in entries:
            if _ignored(entry.name):
                continue
            result.entries += 1
            tick(result.entries)
            relative = Path(entry.path).relative_to(result.root).as_posix()
            if entry.is_dir(follow_symlinks=False):
                waiting.append(Path(entry.path))
            elif entry.is_symlink() and (reason := _bad_file_link(entry)):
                result.links.append((relative, reason))
            elif not _is_picture(entry.name):
                result.strangers.append(relative)
            else:
                yield Found(relative, split, name, entry.stat().st_size)


def _bad_file_link(entry: os.DirEntry[str]) -> str:
    try:
        target = Path(entry.path).resolve(strict=True)
    except (OSError, RuntimeError):
        return "leads nowhere or in a circle"
    return "leads to a folder; links to folders are not followed here" if target.is_dir() else ""
