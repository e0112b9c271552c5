"""Makes a set of drawn "breeds" to try everything with: seeded, any number of classes up to 133.

The pictures are drawn in child processes into a hidden folder beside the wanted one, which is renamed at
the end: what is there under the wanted name is always a whole set.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from workers.children.parent import run_child
from workers.errors.tree import InvalidInput, LocalProblem, translate
from workers.files.os_words import os_words

# As many as the course's data have.
MAX_CLASSES = 133
# With all breeds some 7 GB: more than anybody needs to try.
MAX_PER_CLASS = 2000
# One each to train, validate and test.
MIN_PER_CLASS = 3
# Drawn in some seven seconds.
DEFAULT_CLASSES, DEFAULT_PER_CLASS = 10, 40
# Of a drawn picture, on average.
TYPICAL_BYTES = 26_000
# Measured on two cores; only for an estimate before the start.
PICTURES_PER_SECOND = 60
MARK = ".sagedeck-samples.json"


@dataclass(frozen=True)
class SampleProgress:
    """A snapshot of the drawing, at most about ten a second."""

    done: int
    total: int
    per_second: float
    seconds_left: float | None


@dataclass(frozen=True)
class SampleSet:
    """A finished set: where it is and how large. ``seconds`` is how long it took."""

    folder: Path
    classes: tuple[str, ...]
    pictures: int
    bytes: int
    seconds: float


def breed_names() -> tuple[str, ...]:
    """All breeds that can be drawn, by name."""
    return _names(MAX_CLASSES)


def destination_problem(dest: Path) -> str:
    """Why ``make_samples`` would refuse ``dest``, as one sentence; empty when it would not (a quick look)."""
    try:
        if dest.exists() and not dest.is_dir():
            return "There is a file of that name"
        if dest.is_dir() and not (dest / MARK).exists() and any(dest.iterdir()):
            return "The folder is not empty; choose a new one"
    except OSError as error:
        return os_words(error)
    return ""


async def make_samples(
    dest: Path,
    classes: int = DEFAULT_CLASSES,
    per_class: int = DEFAULT_PER_CLASS,
    seed: int = 1,
    on_progress: Callable[[SampleProgress], None] | None = None,
) -> SampleSet:
    """Draw ``classes`` breeds × ``per_class`` pictures into ``dest`` as train/, valid/ and test/ (80/10/10).

    The same numbers and seed give the same bytes. ``dest`` may be missing, empty, or an earlier set made by
    this function, which is replaced; anything else is refused with ``LocalProblem`` and stays untouched.
    Cancelling leaves what was there before.
    """
    if not 2 <= classes <= MAX_CLASSES:
        raise InvalidInput("Too few or too many breeds", f"Between 2 and {MAX_CLASSES} breeds can be drawn.")
    if not MIN_PER_CLASS <= per_class <= MAX_PER_CLASS:
        raise InvalidInput(
            "Too few or too many pictures",
            f"Each breed needs {MIN_PER_CLASS} to {MAX_PER_CLASS:,} pictures: one each to train, validate and test.",
        )
    dest = await asyncio.to_thread(_checked_dest, dest)
    names = await asyncio.to_thread(_names, classes)
    making = dest.with_name(f".{dest.name}.making-{os.getpid()}")
    started = time.monotonic()
    try:
        await asyncio.to_thread(_fresh, making)
        done, size = await _draw(making, names, per_class, seed, on_progress)
        await asyncio.to_thread(_finish, making, dest, names, per_class, seed)
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, making, True))
    return SampleSet(dest, names, done, size, time.monotonic() - started)


def _names(classes: int) -> tuple[str, ...]:
    # The drawing code brings numpy and Pillow: not wanted where only a dialog is shown.
    from workers.samples.catalogue import chosen

    return tuple(breed.name for breed in chosen(classes))


async def _draw(
    folder: Path,
    names: tuple[str, ...],
    per_class: int,
    seed: int,
    on_progress: Callable[[SampleProgress], None] | None,
) -> tuple[int, int]:
    total = len(names) * per_class
    shares = max(1, min(4, os.cpu_count() or 1, total // 20))
    done, size = [0] * shares, [0] * shares
    started = time.monotonic()

    async def one(share: int) -> None:
        spec = {"folder": str(folder), "classes": names, "per_class": per_class, "seed": seed}
        async with aclosing(run_child("workers.samples.child", {**spec, "share": share, "shares": shares})) as lines:
            async for line in lines:
                done[share], size[share] = line.value["done"], line.value["bytes"]
                if on_progress is not None:
                    on_progress(_progress(sum(done), total, time.monotonic() - started))

    try:
        async with asyncio.TaskGroup() as group:
            for share in range(shares):
                group.create_task(one(share))
    except ExceptionGroup as several:
        raise translate(several.exceptions[0], "draw the sample pictures") from several
    return sum(done), sum(size)


def _progress(done: int, total: int, seconds: float) -> SampleProgress:
    rate = done / seconds if seconds > 0.2 else 0.0
    return SampleProgress(done, total, rate, (total - done) / rate if rate else None)


def _checked_dest(dest: Path) -> Path:
    dest = dest.expanduser().absolute()
    _check_dest(dest)
    return dest


def _check_dest(dest: Path) -> None:
    try:
        if not dest.exists():
            return
        if not dest.is_dir():
            raise LocalProblem(
                "There is a file of that name", f"{dest} is a file, not a folder.", "Choose another name."
            )
        if not any(dest.iterdir()):
            return
        foreign = _foreign_files(dest)
    except OSError as error:
        raise translate(error, f"use the folder {dest}") from error
    if foreign:
        raise LocalProblem(
            "The folder is not empty",
            f"{dest} holds files that are not sample pictures ({foreign[0]}{' …' if len(foreign) > 1 else ''}). "
            "Nothing was changed.",
            "Choose a new or an empty folder.",
        )


def _foreign_files(dest: Path) -> list[str]:
    """Files in an existing set that we did not write; everything when it is no set of ours."""
    try:
        ours = set(json.loads((dest / MARK).read_text("utf-8"))["files"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        ours = set()
    ours.add(MARK)
    found = (path for path in dest.rglob("*") if path.is_symlink() or not path.is_dir())
    return [name for path in found if (name := path.relative_to(dest).as_posix()) not in ours]


def _fresh(folder: Path) -> None:
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    except OSError as error:
        raise translate(error, f"make the folder {folder.parent}") from error


def _finish(making: Path, dest: Path, names: tuple[str, ...], per_class: int, seed: int) -> None:
    files = sorted(path.relative_to(making).as_posix() for path in making.rglob("*.jpg"))
    mark: dict[str, object] = {"classes": names, "per_class": per_class, "seed": seed, "files": files}
    try:
        (making / MARK).write_text(json.dumps(mark), "utf-8")
        _check_dest(dest)
        old = dest.with_name(f".{dest.name}.old-{os.getpid()}")
        if dest.exists():
            dest.rename(old)
        making.rename(dest)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise translate(error, f"write the folder {dest}") from error
