"""The pictures of a labelled folder: a folder for each class, maybe within train, valid and test."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from workers.errors.tree import InvalidInput, translate
from workers.evaluation.types import Labelled, Split
from workers.files.folder_rules import SPLITS, is_ignored, is_picture, split_folders

# More would be days of asking: somebody chose the wrong folder.
MOST_PICTURES = 100_000
_DIGITS = re.compile(r"(\d+)")


def look(folder: Path, split: Split | None = None) -> Labelled:
    """Find the pictures of ``split``: by default test, where there is one, else all. Blocking.

    Raises ``SageDeckError`` for a folder that cannot be read or holds no pictures in folders of classes.
    """
    folder = folder.expanduser().absolute()
    try:
        names = [entry.name for entry in folder.iterdir() if entry.is_dir() and not is_ignored(entry.name)]
        parts = split_folders(folder, names)
        taken: Split = split if split in (*parts, "all") and split is not None else "test" if "test" in parts else "all"
        roots = [folder / name for part in SPLITS if part in parts and taken in (part, "all") for name in parts[part]]
        found = _Found(folder)
        for root in roots or [folder]:
            found.take(root)
    except OSError as error:
        raise translate(error, f"read the folder {folder.name}") from error
    if not found.pictures:
        what = f"{folder} has no pictures in folders of classes"
        hint = "Choose the folder that holds a folder for each class, or that holds train, valid and test."
        raise InvalidInput("No labelled pictures there", f"{what}{f' in {taken}' if parts else ''}.", hint)
    return Labelled(str(folder), taken, tuple(parts), tuple(found.pictures), found.others, found.loose)


class _Found:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.pictures: list[tuple[str, str]] = []
        self.others = self.loose = 0

    def take(self, root: Path) -> None:
        """A picture's class is the folder directly below ``root``, however deep it lies in there."""
        for path in _files(root):
            if not is_picture(path.name):
                self.others += 1
                continue
            inside = path.relative_to(root).parts
            if len(inside) < 2:
                self.loose += 1
                continue
            if len(self.pictures) >= MOST_PICTURES:
                raise InvalidInput(
                    "Too many pictures", f"{self._folder} has more than {MOST_PICTURES:,} pictures.",
                    "Evaluate one split of it, or a part.",
                )  # fmt: skip
            self.pictures.append((path.relative_to(self._folder).as_posix(), inside[0]))


def _files(folder: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        # A folder of a class that may not be read must not look like a class without pictures.
        raise error

    for place, folders, names in os.walk(folder, onerror=fail):
        folders[:] = sorted((name for name in folders if not is_ignored(name)), key=_natural)
        for name in sorted((name for name in names if not is_ignored(name)), key=_natural):
            yield Path(place, name)


def _natural(name: str) -> list[tuple[int, str]]:
    """``2.jpg`` before ``10.jpg``."""
    return [(int(part), "") if part.isdecimal() else (0, part.casefold()) for part in _DIGITS.split(name) if part]
