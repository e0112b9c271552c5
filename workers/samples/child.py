"""Draws one share of a sample set: ``python -m workers.samples.child``.

Spec: ``folder``, ``classes`` (breed names), ``per_class``, ``seed``, ``share`` and ``shares``. Progress and
result: ``{"done", "bytes"}``.
"""

from __future__ import annotations

from pathlib import Path

from workers.children.child import ChildRun, serve
from workers.files.folder_rules import SHARES
from workers.samples.catalogue import catalogue, folder_name
from workers.samples.scene import picture_bytes


def split_sizes(per_class: int) -> dict[str, int]:
    """How many of a class's pictures go to each split: as of any set, at least one each."""
    kept = {split: max(1, round(per_class * share)) for split, share in SHARES.items()}
    return {"train": per_class - sum(kept.values()), **kept}


def file_name(breed_name: str, index: int) -> str:
    """``Akita_00012.jpg``."""
    return f"{breed_name.replace(' ', '_')}_{index:05d}.jpg"


def _draw(child: ChildRun) -> dict[str, int] | None:
    spec, breeds = child.spec, catalogue()
    root, per_class, seed = Path(spec["folder"]), int(spec["per_class"]), int(spec["seed"])
    sizes = split_sizes(per_class)
    done = written = position = 0
    for name in spec["classes"]:
        breed = breeds[name]
        index = 0
        for split, size in sizes.items():
            folder = root / split / folder_name(breed)
            folder.mkdir(parents=True, exist_ok=True)
            for _ in range(size):
                index += 1
                position += 1
                if position % spec["shares"] != spec["share"]:
                    continue
                if child.stop.is_set():
                    return None
                data = picture_bytes(breed, f"{seed}/{name}/{index}")
                (folder / file_name(name, index)).write_bytes(data)
                done, written = done + 1, written + len(data)
                if child.due():
                    child.progress({"done": done, "bytes": written})
    return {"done": done, "bytes": written}


if __name__ == "__main__":
    serve(_draw, "draw the sample pictures")
