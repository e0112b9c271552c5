"""What the viewer is given: one picture of a row of pictures, where its bytes are and what is known about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from console.models.cards import Card, class_title
from console.models.format import bytes_text
from workers.files.folder_rules import split_of

Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class ViewItem:
    """One picture: a file (``path``), bytes (``data``) or something to ``fetch`` first.

    ``place`` is the folder or the address that it is in. ``class_name`` is the class that its place says, if any.
    ``sent`` gives the bytes that an endpoint is sent (blocking) where they are not the file's own. ``input_size`` is
    the side in pixels of the input of the network named by ``network``; 0 when it is not known. ``answers`` is a card
    with the answers of endpoints, ``asked`` their names.
    """

    name: str
    place: str = ""
    class_name: str = ""
    size: int | None = None
    path: Path | None = None
    data: bytes | None = field(default=None, repr=False)
    fetch: Callable[[Progress], Awaitable[bytes]] | None = None
    sent: Callable[[], bytes] | None = None
    input_size: int = 0
    network: str = ""
    answers: Card | None = None
    asked: tuple[str, ...] = ()


def class_folder(folders: Sequence[str]) -> str:
    """The last of these folders where one above it is a set's part: the class of what is in it, else empty."""
    return folders[-1] if any(split_of(name) for name in folders[:-1]) else ""


def facts(kind: str, width: int, height: int, size: int | None) -> str:
    """``JPEG, 412 × 500 px, 246 KB``: what of it is known."""
    pixels = f"{width:,} × {height:,} px" if width and height else ""
    return ", ".join(part for part in (kind, pixels, bytes_text(size) if size is not None else "") if part)


def model_words(size: int, network: str) -> str:
    """How a picture becomes a network's input, in one sentence; ``size`` 0: nobody knows."""
    if not size:
        return f"Not known: {network} does not say how large its input is."
    return f"The middle square, 87.5 % of the shorter side, at {size} × {size} px: the input of {network}."


def spoken(item: ViewItem, at: int, count: int) -> str:
    """The picture in words, for assistive technology."""
    title = class_title(item.class_name) if item.class_name else ""
    return ", ".join(part for part in (item.name, title, f"{at + 1:,} of {count:,}") if part)
