"""The pictures to be classified: where they come from, what is sent, what they are called."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice
from PySide6.QtGui import QImageWriter

from console.models.cards import Answer, Card, class_title
from console.models.columns import natural_key
from console.widgets.pictures.reading import read_fitting
from workers.errors.tree import InvalidInput
from workers.files.folder_rules import class_key, is_ignored, is_picture, split_of

# More than any test set of the course; each is a request that is billed by the endpoint's time.
MOST_PICTURES = 20_000
# Larger files are sent scaled down: a function takes 4.5 MB as text, and its model looks at a few hundred pixels.
MOST_BYTES = 4 * 1024 * 1024
_LONG_SIDE = 1024
_JPEG_QUALITY = 92
_SENT_AS_IT_IS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")


@dataclass
class Picture:
    """One picture. ``hint`` is its folder's name, which is the truth if the model has such a class."""

    key: str
    name: str
    path: Path | None = None
    data: bytes | None = field(default=None, repr=False)
    hint: str = ""
    truth: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)

    @property
    def origin(self) -> Path | bytes | None:
        """What it is a picture of: its file, or its bytes if it was pasted."""
        return self.path if self.path is not None else self.data

    @property
    def source(self) -> Path | str:
        """What the thumbnail loader knows it by."""
        return self.path if self.path is not None else self.key

    def card(self, endpoints: Iterable[str], *, asking: bool = True) -> Card:
        """The card to show for the answers of these endpoints; ``asking`` when those that lack are on their way."""
        answers = tuple(self.answers.get(name) for name in endpoints)
        return Card(self.key, self.source, self.name, self.truth, answers, asking=asking)

    def learn_truth(self, classes: Iterable[str]) -> None:
        """Take the folder's name as the truth if it is one of the model's classes."""
        if self.truth or not self.hint:
            return
        wanted = self.hint.casefold()
        self.truth = next((name for name in classes if class_title(name).casefold() == wanted), "")


_numbers = count(1)


def from_path(path: Path) -> Picture:
    """A picture that lies in a file."""
    parent = class_key(path.parent.name)
    hint = "" if split_of(parent) else class_title(parent)
    return Picture(f"picture-{next(_numbers)}", path.name, path=path, hint=hint)


def from_data(data: bytes, name: str) -> Picture:
    """A picture that was pasted."""
    return Picture(f"pasted-{next(_numbers)}", name, data=data)


def looks_like_pictures(paths: Iterable[Path]) -> bool:
    """True when a drop may hold pictures: folders, or files with a picture's ending."""
    return any(path.is_dir() or is_picture(path.name) for path in paths)


@dataclass(frozen=True)
class Found:
    """Pictures of a drop; ``others`` files do not end like one, ``over`` were too many."""

    paths: tuple[Path, ...]
    others: int
    over: int


def find(paths: Iterable[Path]) -> Found:
    """The pictures among these files and in these folders, sorted, at most ``MOST_PICTURES``. Blocking."""
    found: list[Path] = []
    others = over = 0
    for path in paths:
        for candidate in _files(path) if path.is_dir() else [path]:
            if not is_picture(candidate.name):
                others += 1
            elif len(found) < MOST_PICTURES:
                found.append(candidate)
            else:
                over += 1
    return Found(tuple(found), others, over)


def _files(folder: Path) -> list[Path]:
    """The files that somebody put there, as the check of a set of pictures sees it."""
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not is_ignored(name)]
        found += [Path(place, name) for name in files if not is_ignored(name)]
    return sorted(found, key=lambda path: natural_key(path.as_posix()))


def read(picture: Picture) -> bytes:
    """The bytes to send: JPEG and PNG as they are, others and large ones as a scaled JPEG. Blocking.

    Raises ``OSError``, or ``InvalidInput`` for what is no picture.
    """
    data = picture.data
    if data is None:
        assert picture.path is not None
        found = picture.path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise InvalidInput("This is not a picture", f"{picture.name} cannot be read: it is not a file.")
        if found.st_size > MOST_BYTES:
            return _scaled(picture.path, picture.name)
        data = picture.path.read_bytes()
    if len(data) <= MOST_BYTES and data.startswith(_SENT_AS_IT_IS):
        return data
    return _scaled(data, picture.name)


def _scaled(source: Path | bytes, name: str) -> bytes:
    found = read_fitting(source, _LONG_SIDE, _LONG_SIDE)
    if found.problem:
        why = found.problem[0].lower() + found.problem[1:]
        raise InvalidInput("This is not a picture", f"{name} cannot be read: {why}")
    out = QBuffer()
    out.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QImageWriter(out, b"jpeg")
    writer.setQuality(_JPEG_QUALITY)
    if not writer.write(found.image):
        raise InvalidInput("The picture cannot be made smaller", f"{name}: {writer.errorString()}.")
    return bytes(out.data().data())
