"""What the classes of a folder are called: breeds where they are dogs, classes everywhere else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from workers.samples.catalogue import catalogue


def class_noun(folders: Sequence[str]) -> str:
    """``breed`` when at least half of the folders are named like breeds of dogs, else ``class``."""
    dogs = sum(_plain(folder) in _breeds() for folder in folders)
    return "breed" if folders and 2 * dogs >= len(folders) else "class"


@lru_cache(maxsize=1)
def _breeds() -> frozenset[str]:
    return frozenset(_plain(name) for name in catalogue())


def _plain(folder: str) -> str:
    """``004.Akita``, ``n02085620-Border_collie`` and ``border collie`` without what differs."""
    name = re.sub(r"^(n\d+-|\d+[._-])", "", folder.casefold())
    return re.sub(r"[\W_]+", "", name)
