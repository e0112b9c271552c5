"""What the names of folders and files mean: splits, classes, pictures, and what no one put there on purpose.

The lists lie in the training's ``folders.json``, read by its path; a test compares what the training makes of them.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from workers.paths import FOLDER_RULES

_RULES = json.loads(FOLDER_RULES.read_text(encoding="utf-8"))
SPLITS = tuple(_RULES["splits"])
# The share of each split of a set that has none yet.
SHARES: dict[str, float] = _RULES["shares"]
_WORDS = {word: split for split, words in _RULES["splits"].items() for word in words}
_ENDINGS = tuple(_RULES["split_endings"])
_IGNORED_PREFIXES, _IGNORED_NAMES = tuple(_RULES["ignored_prefixes"]), frozenset(_RULES["ignored_names"])
SUFFIXES = frozenset(_RULES["picture_suffixes"])


def class_key(name: str) -> str:
    """One spelling for names that look the same: macOS and Linux write an ``é`` in different ways (NFD, NFC)."""
    return unicodedata.normalize("NFC", name)


def split_of(name: str) -> str | None:
    """The split that a folder's name means (``Val``, ``train_set``, ``Testing Data``), or None."""
    word = re.sub(r"[\s._-]+", "", class_key(name).casefold())
    found = _WORDS.get(word)
    for ending in _ENDINGS:
        found = found or _WORDS.get(word.removesuffix(ending))
    return found


def is_ignored(name: str) -> bool:
    """True for hidden files and for what systems, cameras and network storage leave in folders."""
    folded = class_key(name).casefold()
    return folded.startswith(_IGNORED_PREFIXES) or folded in _IGNORED_NAMES


def is_picture(name: str) -> bool:
    """True for a name that ends like a picture's."""
    return Path(name).suffix.lower() in SUFFIXES


def split_folders(root: Path, names: Iterable[str]) -> dict[str, list[str]]:
    """The folders of every split among the ``names`` of the folders in ``root``; more than one is a fault.

    A folder that only holds files, beside folders that are no split, is a class that happens to be called so.
    """
    found: dict[str, list[str]] = {}
    usable = [name for name in sorted(names) if not is_ignored(name)]
    has_others = any(split_of(name) is None for name in usable)
    for name in usable:
        split = split_of(name)
        if split is not None and not (has_others and _holds_no_folder(root / name)):
            found.setdefault(split, []).append(name)
    return {split: found[split] for split in SPLITS if split in found}


def _holds_no_folder(folder: Path) -> bool:
    try:
        entries = [entry for entry in folder.iterdir() if not is_ignored(entry.name)]
    except OSError:
        return False
    return bool(entries) and not any(entry.is_dir() for entry in entries)
