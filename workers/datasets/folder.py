"""Checks a folder of pictures before it is uploaded, and splits one that is not split yet.

Both run in a child process at low priority: thousands of pictures are decoded, and the window stays alive.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from workers.children.parent import ChildFailed, run_child
from workers.children.typed import read
from workers.datasets.scan import FLAT, class_files
from workers.errors.tree import LocalProblem, translate
from workers.files.folder_rules import SHARES
from workers.types import ClassCount, DatasetReport

DEFAULT_FRACTIONS: Mapping[str, float] = {"train": 1 - sum(SHARES.values()), **SHARES}


@dataclass(frozen=True)
class DatasetProgress:
    """A snapshot of a check or a split, at most ten a second.

    ``total`` is 0 while the folder is being listed. ``early`` comes once, right after that: the classes and
    counts by file names, without findings.
    """

    phase: Literal["scanning", "opening", "writing"]
    done: int
    total: int
    seconds_left: float | None = None
    early: DatasetReport | None = None


@dataclass(frozen=True)
class SplitResult:
    """A finished split: the new folder, and how many pictures are hard links and how many copies."""

    folder: Path
    pictures: int
    links: int
    copies: int


OnProgress = Callable[[DatasetProgress], None]


async def check_folder(path: Path, on_progress: OnProgress | None = None) -> DatasetReport:
    """List and open every picture below ``path`` and say what was found; nothing is changed.

    Raises ``LocalProblem`` when ``path`` is no folder or may not be read. Cancelling stops the child.
    """
    folder = await asyncio.to_thread(_folder, path)
    return read(DatasetReport, (await _child({"do": "check", "folder": str(folder)}, on_progress))["report"])


async def split_folder(
    src: Path,
    dest: Path | None = None,
    fractions: Mapping[str, float] | None = None,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> SplitResult:
    """Make train/, valid/ and test/ of ``src`` in the new folder ``dest`` (by default ``NAME-split`` beside it).

    Every class is divided alone, by ``fractions`` and at least one picture each; the same files and seed give the
    same split. ``src`` is only read: its pictures are hard-linked, or copied where that does not work.
    Raises ``LocalProblem`` when ``dest`` exists and is not empty, or a class has fewer than three pictures.
    Cancelling leaves no folder behind.
    """
    source = await asyncio.to_thread(_folder, src)
    target = await asyncio.to_thread(_new_folder, source, dest)
    making = target.with_name(f".{target.name}.making-{os.getpid()}")
    spec = {"do": "split", "folder": str(source), "target": str(making), "seed": seed}
    spec["fractions"] = dict(fractions or DEFAULT_FRACTIONS)
    try:
        result = (await _child(spec, on_progress))["split"]
        await asyncio.to_thread(_rename, making, target)
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, making, True))
    return SplitResult(target, result["pictures"], result["links"], result["copies"])


def split_name(src: Path) -> Path:
    """The folder that ``split_folder`` makes for ``src`` when none is given: the first free ``NAME-split``."""
    candidate, number = src.with_name(f"{src.name}-split"), 2
    while candidate.exists():
        candidate, number = src.with_name(f"{src.name}-split-{number}"), number + 1
    return candidate


def class_pictures(report: DatasetReport, entry: ClassCount, split: str = FLAT) -> list[Path]:
    """The picture files of one class in one split, sorted by name (blocking: lists the folder)."""
    return class_files(report.root, split if report.splits else FLAT, entry.folder)


def _folder(path: Path) -> Path:
    folder = path.expanduser().absolute()
    try:
        if not folder.is_dir():
            what = "is a file, not a folder" if folder.exists() else "does not exist"
            raise LocalProblem("This is not a folder", f"{folder} {what}.", "Choose a folder of pictures.")
        with os.scandir(folder):
            return folder
    except OSError as error:
        raise translate(error, f"read the folder {folder}") from error


def _new_folder(source: Path, dest: Path | None) -> Path:
    target = (dest or split_name(source)).expanduser().absolute()
    if target.resolve().is_relative_to(source.resolve()):
        raise LocalProblem("The new folder lies in the old one", f"{target} is inside {source}.", "Choose another one.")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise LocalProblem(
            "The folder is not empty", f"{target} holds files. Nothing was changed.", "Choose a new one."
        )
    return target


def _rename(making: Path, target: Path) -> None:
    try:
        if target.exists():
            target.rmdir()
        making.rename(target)
    except OSError as error:
        raise translate(error, f"write the folder {target}") from error


async def _child(spec: Mapping[str, object], on_progress: OnProgress | None) -> Mapping[str, Any]:
    """The result of a child; tells its progress. Raises ``SageDeckError``."""
    phase_started: dict[str, float] = {}
    result: Mapping[str, Any] = {}
    try:
        async with aclosing(run_child("workers.datasets.child", spec)) as messages:
            async for message in messages:
                if message.kind == "result":
                    result = message.value
                elif on_progress is not None and "early" in message.value:
                    early = read(DatasetReport, message.value["early"])
                    on_progress(DatasetProgress("opening", 0, early.pictures, None, early))
                elif on_progress is not None:
                    since = phase_started.setdefault(message.value["phase"], time.monotonic())
                    on_progress(_progress(message.value, time.monotonic() - since))
    except ChildFailed as error:
        raise LocalProblem(
            "The check failed", "The checking program ended.", "Try again.", details=str(error)
        ) from error
    return result


def _progress(message: Mapping[str, Any], seconds: float) -> DatasetProgress:
    done, total = message["done"], message["total"]
    left = (total - done) * seconds / done if total and done and seconds > 0.5 else None
    return DatasetProgress(message["phase"], done, total, left)
