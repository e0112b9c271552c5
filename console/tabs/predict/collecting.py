"""How pictures come into the Predict tab: chosen, dropped (files and folders) or pasted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QWidget

from console.context import AppContext
from console.models.format import count
from console.tabs.predict import pictures
from console.tabs.predict.pictures import Picture
from console.widgets.frames.file_dialog import ask_for_files
from console.widgets.pictures.thumbs import thumbnails
from workers.files.folder_rules import SUFFIXES


async def collect(ctx: AppContext, paths: list[Path]) -> list[Picture]:
    """The pictures among these files and in these folders; what was left out is told."""
    found = await asyncio.to_thread(pictures.find, paths)
    if not found.paths:
        ctx.notify.info("No pictures there", "JPEG, PNG, WebP, BMP, GIF and TIFF files are taken.")
        return []
    if found.others:
        ctx.notify.info(f"{count(found.others, 'file')} left out", "They do not end like a picture.")
    if found.over:
        ctx.notify.warn(
            f"{count(found.over, 'picture')} left out", f"At most {pictures.MOST_PICTURES:,} are taken at once."
        )
    return [pictures.from_path(path) for path in found.paths]


def pasted(data: bytes, name: str) -> Picture:
    """A picture without a file, known to the thumbnail loader."""
    picture = pictures.from_data(data, name)
    thumbnails().add_data(picture.key, data)
    return picture


def drop(gone: list[Picture]) -> None:
    """Forget pictures: the bytes of pasted ones are freed."""
    for picture in gone:
        if picture.data is not None:
            thumbnails().forget_data(picture.key)


def choose_files(parent: QWidget, take: Callable[[list[Path]], object]) -> None:
    """Let the operator choose files; ``take`` gets them."""
    ask_for_files(parent, "Choose pictures", take, "Pictures (*" + " *".join(sorted(SUFFIXES)) + ")")
