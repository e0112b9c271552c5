"""Plans and makes train/valid/test from class folders, reproducibly, in a new folder."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from workers.datasets.scan import Found, Scan, Stopped
from workers.errors.tree import LocalProblem
from workers.files.folder_rules import SPLITS, class_key
from workers.files.os_words import os_words

# Names that fit a sentence.
NAMED_AT_MOST = 5


@dataclass(frozen=True)
class Placed:
    """One picture of the plan: the path it has and the path it gets, both below their roots."""

    source: str
    target: str


def plan(scan: Scan, fractions: Mapping[str, float], seed: int) -> list[Placed]:
    """Where every picture goes: each class is divided alone, pictures with the same bytes stay together.

    The same files, fractions and seed give the same plan. Raises ``LocalProblem`` for a class that has too
    few different pictures for every split, and for two folders of one split.
    """
    for split, names in scan.places.items():
        if len(names) > 1:
            raise LocalProblem(
                f"There are {len(names)} folders for {split}",
                f"{', '.join(names)}: it is not clear which pictures belong together. Nothing was written.",
                "Leave one of them, or put their pictures together.",
            )
    by_class: dict[str, list[Found]] = defaultdict(list)
    for file in scan.files:
        by_class[file.folder].append(file)
    digests = _digests(scan)
    placed: list[Placed] = []
    poor: list[str] = []
    for folder in sorted(by_class):
        groups: dict[str, list[Found]] = defaultdict(list)
        for file in sorted(by_class[folder], key=lambda file: file.path):
            groups[digests.get(file.path, file.path)].append(file)
        if len(groups) < len(SPLITS):
            poor.append(folder)
            continue
        placed.extend(_divide(scan, folder, list(groups.values()), fractions, seed))
    if poor:
        more = f" and {len(poor) - NAMED_AT_MOST} more" if len(poor) > NAMED_AT_MOST else ""
        raise LocalProblem(
            "Too few pictures to split",
            f"These classes have fewer than three different pictures: {', '.join(poor[:NAMED_AT_MOST])}{more}. "
            "Nothing was written.",
            "Add pictures, or take these folders out.",
        )
    return placed


def make(
    placed: list[Placed], source: Path, target: Path, stopped: Callable[[], bool], tick: Callable[[int], None]
) -> tuple[int, int]:
    """Put every picture of the plan below ``target`` as a hard link, or a copy where links do not work.

    Returns (links, copies). Raises ``Stopped`` when ``stopped()``; ``tick`` gets the number done.
    """
    links = 0
    for done, item in enumerate(placed, start=1):
        if stopped():
            raise Stopped
        here = target / item.target
        here.parent.mkdir(parents=True, exist_ok=True)
        if _link((source / item.source).resolve(strict=True), here):
            links += 1
        tick(done)
    return links, len(placed) - links


def _link(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError:
        # Another file system, or one without hard links, or not our file.
        try:
            shutil.copy2(source, target)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                # Python names the source, but it is the target's disk that is full.
                raise OSError(error.errno, os_words(error), str(target)) from error
            raise
        return False
    return True


def _digests(scan: Scan) -> dict[str, str]:
    """SHA-256 of the files that share their size with another one of their class; others are no twins."""
    sizes: dict[tuple[str, int], list[str]] = defaultdict(list)
    for file in scan.files:
        sizes[file.folder, file.size].append(file.path)
    digests = {}
    for paths in sizes.values():
        if len(paths) > 1:
            for path in paths:
                with (scan.root / path).open("rb") as stream:
                    digests[path] = hashlib.file_digest(stream, "sha256").hexdigest()
    return digests


def _divide(
    scan: Scan, folder: str, groups: list[list[Found]], fractions: Mapping[str, float], seed: int
) -> list[Placed]:
    Random(f"{seed}/{folder}").shuffle(groups)
    sizes = {split: max(1, round(fractions[split] * len(groups))) for split in SPLITS[1:]}
    while sum(sizes.values()) > len(groups) - 1:
        sizes[max(sizes, key=lambda split: sizes[split])] -= 1
    order = [split for split in SPLITS[1:] for _ in range(sizes[split])]
    order += ["train"] * (len(groups) - len(order))
    placed, taken = [], set()
    for split, group in zip(order, groups, strict=True):
        for file in group:
            target = f"{split}/{folder}/{_inside(scan, file)}"
            # On many disks names that differ in case or in the spelling of an accent alone are one file.
            while (spelling := class_key(target).casefold()) in taken:
                path = Path(target)
                target = path.with_name(f"{path.stem}+{path.suffix}").as_posix()
            taken.add(spelling)
            placed.append(Placed(file.path, target))
    return placed


def _inside(scan: Scan, file: Found) -> str:
    """The path below the class folder: without ``CLASS/``, or without ``SPLIT/CLASS/``."""
    return "/".join(file.path.split("/")[2 if scan.splits else 1 :])
