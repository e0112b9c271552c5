"""Which pictures there are: classes, splits, and what was left out."""

from __future__ import annotations

import hashlib
import os
import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..machine.os_words import os_sentence, os_words
from .folders import SHARES, SPLITS, class_key, is_ignored, is_picture, split_folders

# A few broken pictures are ordinary; more mean a wrong folder or a broken copy.
MOST_UNREADABLE = 0.05
# What fits a failure reason.
NAMED_AT_MOST = 10
NOT_TEXT = "the name is not valid UTF-8"
NO_FILE = "neither a file nor a link to one"
# How deep below the folder given its splits may lie: an archive's top folder, and one inside it.
DEEPEST = 3


class DataError(ValueError):
    """The folder cannot be trained on; the message says which files or classes are at fault."""


@dataclass(frozen=True)
class Sample:
    """One picture: path below the data folder, and the index of its class."""

    path: str
    label: int


@dataclass
class Dataset:
    """The pictures by split. ``skipped`` holds (path, reason) of files that were left out."""

    root: Path
    folders: list[str]
    splits: dict[str, list[Sample]]
    skipped: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """The classes' readable names, in the order of the folders."""
        return readable_names(self.folders)


def readable_names(folders: Sequence[str]) -> list[str]:
    """Class names as people read them: ``004.Akita_inu`` becomes ``Akita inu``.

    Folders that would get the same name keep the name of the folder.
    """
    names = [re.sub(r"^\d+\.", "", folder).replace("_", " ").strip() or folder for folder in folders]
    times = Counter(names)
    return [name if times[name] == 1 else folder for name, folder in zip(names, folders, strict=True)]


def read_dataset(root: Path, seed: int) -> Dataset:
    """List the pictures of ``root``: train/valid/test with class folders, or class folders alone.

    A missing validation folder is made up from the training pictures, reproducibly; without any of the three
    all are. Raises ``DataError`` for a folder that cannot be trained on.
    """
    if not root.is_dir():
        raise DataError(f"There is no folder {root}.")
    try:
        return _read_dataset(_descend(root), seed)
    except OSError as error:
        raise DataError(f"The folder cannot be read ({os_sentence(error)}).") from error


def _read_dataset(root: Path, seed: int) -> Dataset:
    skipped: list[tuple[str, str]] = []
    notes: list[str] = []
    places = _places(root)
    by_split = {}
    if not places:
        listed = _list_classes(root, root, skipped)
        by_split = _split(listed, SHARES, seed)
        notes.append(f"There is no train folder: the classes were split {_parts()}.")
    else:
        for split in SPLITS:
            by_split[split] = _list_classes(root, places[split], skipped) if split in places else {}
        if not any(by_split["valid"].values()):
            rest = _split(by_split["train"], {"valid": SHARES["valid"]}, seed)
            by_split["train"], by_split["valid"] = rest["train"], rest["valid"]
            notes.append(f"There is no valid folder: {SHARES['valid']:.0%} of the training pictures validate.")
    folders = sorted(by_split["train"])
    _check(root, by_split, folders)
    index = {folder: label for label, folder in enumerate(folders)}
    splits = {
        split: [Sample(path, index[folder]) for folder in sorted(classes) for path in classes[folder]]
        for split, classes in by_split.items()
    }
    return Dataset(root, folders, splits, skipped, notes)


def check_unreadable(dataset: Dataset, bad: Sequence[tuple[str, str]], readable_train: Iterable[int]) -> None:
    """Raise ``DataError`` when over 5% of the pictures are unreadable, or all of a class's training pictures.

    ``bad`` holds (path, reason); ``readable_train`` the labels of the training pictures that could be read.
    """
    total = sum(len(samples) for samples in dataset.splits.values())
    listed = "; ".join(f"{path}: {reason}" for path, reason in bad[:NAMED_AT_MOST])
    more = f"; and {len(bad) - NAMED_AT_MOST} more" if len(bad) > NAMED_AT_MOST else ""
    left = set(readable_train)
    without = [folder for label, folder in enumerate(dataset.folders) if label not in left]
    if without:
        raise DataError(f"No training picture can be read of: {', '.join(without)}. {listed}{more}")
    if len(bad) > MOST_UNREADABLE * total:
        raise DataError(
            f"{len(bad)} of {total} pictures cannot be read, more than {MOST_UNREADABLE:.0%}: {listed}{more}"
        )


def content_hash(root: Path, paths: Iterable[str]) -> str:
    """SHA-256 over the lines ``path NUL sha256-of-the-file LF``, sorted by path.

    It can be had from a listing with the objects' SHA-256 as well, without the pictures themselves.
    """
    digest = hashlib.sha256()
    for path in sorted(paths):
        with (root / path).open("rb") as file:
            digest.update(f"{path}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()


def _descend(root: Path) -> Path:
    """The folder itself, or its only folder when the splits are in there (an archive's top folder)."""
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
    return [entry.name for entry in folder.iterdir() if not is_ignored(entry.name) and entry.is_dir()]


def _places(root: Path) -> dict[str, Path]:
    """The folder of every split that there is. Raises ``DataError`` when it is not clear which, or none to train on."""
    found = split_folders(root, _folders_in(root))
    for split, names in found.items():
        if len(names) > 1:
            raise DataError(f"There are {len(names)} folders for {split}: {', '.join(names)}. Leave one of them.")
    if found and "train" not in found:
        named = ", ".join(name for names in found.values() for name in names)
        raise DataError(f"There is no train folder, only {named}.")
    return {split: root / names[0] for split, names in found.items()}


def _list_classes(root: Path, folder: Path, skipped: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Paths below ``root`` of the pictures of every class folder in ``folder``."""
    classes: dict[str, list[str]] = {}
    here = folder.resolve()
    for entry in sorted(folder.iterdir()):
        relative = entry.relative_to(root).as_posix()
        if is_ignored(entry.name):
            continue
        if not _is_text(relative):
            skipped.append((relative.encode("utf-8", "replace").decode(), NOT_TEXT))
            continue
        try:
            target = entry.resolve(strict=True)
        except (OSError, RuntimeError):
            skipped.append((relative, "a link that leads nowhere or in a circle"))
            continue
        if not target.is_dir():
            continue
        if here.is_relative_to(target):
            skipped.append((relative, "a link to a folder that it lies in"))
            continue
        classes.setdefault(class_key(entry.name), []).extend(_pictures(root, entry, skipped))
    return {folder: sorted(paths) for folder, paths in classes.items()}


def _pictures(root: Path, folder: Path, skipped: list[tuple[str, str]]) -> Iterable[str]:
    def closed(error: OSError) -> None:
        skipped.append(
            (Path(error.filename).relative_to(root).as_posix(), f"a folder that cannot be read: {os_words(error)}")
        )

    # Links to folders below a class are not followed: they could lead to another class, or in a circle.
    for place, folders, files in os.walk(folder, onerror=closed, followlinks=False):
        folders[:] = [name for name in folders if not is_ignored(name)]
        for name in files:
            path = Path(place, name)
            relative = path.relative_to(root).as_posix()
            if is_ignored(name):
                continue
            if not _is_text(relative):
                skipped.append((relative.encode("utf-8", "replace").decode(), NOT_TEXT))
            elif not is_picture(name):
                skipped.append((relative, "not the name of a picture file"))
            elif not path.is_file():
                skipped.append((relative, NO_FILE))
            else:
                yield relative


def _is_text(name: str) -> bool:
    """False for names with bytes that are no UTF-8: they can be neither printed nor kept in S3."""
    return name.encode("utf-8", "replace").decode() == name


def _parts() -> str:
    """``80/10/10``."""
    return "/".join(f"{share * 100:.0f}" for share in (1 - sum(SHARES.values()), *SHARES.values()))


def _split(classes: dict[str, list[str]], shares: dict[str, float], seed: int) -> dict[str, dict[str, list[str]]]:
    """Move a share of every class into other splits; at least one picture stays for training."""
    result: dict[str, dict[str, list[str]]] = {split: {} for split in ("train", *shares)}
    for folder, paths in classes.items():
        rest = sorted(paths)
        random.Random(f"{seed}/{folder}").shuffle(rest)
        for split, share in shares.items():
            count = min(max(1, round(share * len(paths))), max(0, len(rest) - 1))
            result[split][folder], rest = sorted(rest[:count]), rest[count:]
        result["train"][folder] = sorted(rest)
    return result


def _check(root: Path, by_split: dict[str, dict[str, list[str]]], folders: list[str]) -> None:
    if not folders:
        raise DataError(f"{root.name or root} holds no class folders: it needs train/CLASS/picture.jpg.")
    empty = [folder for folder in folders if not by_split["train"][folder]]
    if empty:
        raise DataError(f"These classes have no training pictures: {', '.join(empty)}.")
    if len(folders) == 1:
        inside = {path.removeprefix(f"{folders[0]}/").split("/")[0] for path in by_split["train"][folders[0]]}
        is_wrapped = len(inside) > 1 and not any(is_picture(name) for name in inside)
        hint = f" It holds {len(inside)} folders: give {folders[0]} itself." if is_wrapped else ""
        raise DataError(f"There is only one class, {folders[0]}: at least two are needed.{hint}")
    for split, classes in by_split.items():
        unknown = sorted(folder for folder, paths in classes.items() if paths and folder not in folders)
        if unknown:
            raise DataError(f"{split} has classes that train does not have: {', '.join(unknown)}.")
