"""Lists a picture folder without opening a picture: splits, classes, files, and what is in the way.

The rules are those of the training program: folders for train, valid and test, whatever they are called exactly
(``workers/files/folder_rules.py``), with one folder for each class, or the class folders alone; hidden files and
those of systems are left out; links below a class are not followed.
"""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workers.files.folder_rules import class_key, is_ignored, is_picture, split_folders

FLAT = "all"
# How deep below the folder chosen its splits may lie: an archive's top folder, and one inside it.
DEEPEST = 3


class Stopped(Exception):
    """The caller asked to stop."""


@dataclass(frozen=True)
class Found:
    """A file with a picture's name: its path below the root, where it belongs, its size in bytes.

    ``folder`` is the class in the spelling of ``class_key``, which may differ from the folder's on the disk.
    """

    path: str
    split: str
    folder: str
    size: int


@dataclass
class Scan:
    """What lies in a folder. ``folders`` maps each split to its classes, with none left out.

    ``places`` maps each split to the names of its folders: more than one is a fault, and the first is read.
    ``others`` are folders beside the splits.
    """

    root: Path
    chosen: Path
    splits: tuple[str, ...] = ()
    places: dict[str, list[str]] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
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
    result.places = split_folders(root, _folders_in(root))
    if result.places:
        result.splits = tuple(result.places)
        taken = {name for names in result.places.values() for name in names}
        for entry in _entries(root):
            if entry.name not in taken and not is_ignored(entry.name):
                (result.others if entry.is_dir() else result.strangers).append(entry.name)
        for split, names in result.places.items():
            _classes(result, split, root / names[0], tick)
    else:
        _classes(result, FLAT, root, tick)
        if not any(result.counts()[folder][FLAT] for folder in result.folders[FLAT]):
            # Folders without a single picture below them are no classes.
            result.folders[FLAT] = []
    return result


def class_files(root: Path, split: str, folder: str) -> list[Path]:
    """The picture files of one class in one split (``all`` when there are none), sorted; empty when unreadable."""
    names = [] if split == FLAT else split_folders(root, _folders_in(root)).get(split, [])
    place = root / names[0] if names else root
    if split != FLAT and not names:
        return []
    found: list[Path] = []
    for name in _folders_in(place):
        if class_key(name) == folder:
            found.extend(_pictures_in(place / name))
    return sorted(found)


def _pictures_in(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder, followlinks=False):
        folders[:] = [name for name in folders if not is_ignored(name)]
        for name in files:
            if not is_ignored(name) and is_picture(name) and (path := Path(place, name)).is_file():
                yield path


def _descend(root: Path) -> Path:
    here = root
    for _ in range(DEEPEST):
        names = _folders_in(here)
        if "train" in split_folders(here, names):
            return here
        if len(names) != 1:
            break
        here = here / names[0]
    return root


def _folders_in(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in _entries(folder) if not is_ignored(entry.name) and entry.is_dir()]
    except PermissionError:
        return []


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _classes(result: Scan, split: str, folder: Path, tick: Callable[[int], None]) -> None:
    result.folders[split] = []
    here = folder.resolve()
    try:
        entries = _entries(folder)
    except PermissionError:
        result.denied.append(folder.relative_to(result.root).as_posix())
        return
    for entry in entries:
        if is_ignored(entry.name):
            continue
        relative = Path(entry.path).relative_to(result.root).as_posix()
        if entry.is_symlink():
            reason = _bad_link(Path(entry.path), here)
            if reason:
                result.links.append((relative, reason))
                continue
        if not entry.is_dir():
            (result.loose if is_picture(entry.name) else result.strangers).append(relative)
            continue
        name = class_key(entry.name)
        if name not in result.folders[split]:
            result.folders[split].append(name)
        result.files.extend(_files(result, split, name, Path(entry.path), tick))


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
            if is_ignored(entry.name):
                continue
            result.entries += 1
            tick(result.entries)
            relative = Path(entry.path).relative_to(result.root).as_posix()
            if entry.is_dir(follow_symlinks=False):
                waiting.append(Path(entry.path))
            elif entry.is_symlink() and (reason := _bad_file_link(entry)):
                result.links.append((relative, reason))
            elif not is_picture(entry.name) or (size := _size_of_file(entry)) is None:
                result.strangers.append(relative)
            else:
                yield Found(relative, split, name, size)


def _size_of_file(entry: os.DirEntry[str]) -> int | None:
    """Bytes; None for a device, a pipe, and what has gone meanwhile."""
    try:
        info = entry.stat()
    except OSError:
        return None
    return info.st_size if stat.S_ISREG(info.st_mode) else None


def _bad_file_link(entry: os.DirEntry[str]) -> str:
    try:
        target = Path(entry.path).resolve(strict=True)
    except (OSError, RuntimeError):
        return "leads nowhere or in a circle"
    return "leads to a folder; links to folders are not followed here" if target.is_dir() else ""
