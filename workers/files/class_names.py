"""Names of classes as people read them, and which of a model's classes a folder means."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from workers.files.folder_rules import class_key


def class_title(name: str) -> str:
    """A class folder's name for people: ``004.Akita`` → ``Akita``, ``Great_dane`` → ``Great dane``."""
    bare = re.sub(r"^\d+[.\-_ ]+(?=\D)", "", name)
    return bare.replace("_", " ").strip() or name


def matcher(classes: Sequence[str]) -> Callable[[str], str]:
    """A function from a folder's name to the class that it means; "" for none of them.

    The very name counts first, then the title in any case; a title that two classes share means neither.
    """
    by_name = {class_key(name): name for name in classes}
    titles = [class_title(class_key(name)).casefold() for name in classes]
    shared = Counter(titles)
    by_title = {title: name for title, name in zip(titles, classes, strict=True) if shared[title] == 1}

    def match(folder: str) -> str:
        key = class_key(folder)
        return by_name.get(key) or by_title.get(class_title(key).casefold(), "")

    return match
