"""The model folder: weights, classes, and the code that serves them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ..network.model import Classifier

PACKAGE = Path(__file__).parents[1]
# Of the package, what ``inference.py`` needs; in the folder of a model it lies beside it, as here.
SERVING = (
    "__init__.py",
    "data/__init__.py", "data/picture_ends.py", "data/pictures.py", "data/views.py",
    "machine/__init__.py", "machine/device.py", "machine/os_words.py",
    "network/__init__.py", "network/lite.py", "network/model.py",
)  # fmt: skip


def write_model(
    folder: Path, classifier: Classifier, names: Sequence[str], folders: Sequence[str], backbone: str, image_size: int
) -> None:
    """Write ``model.pth`` (a plain state dict), ``classes.json`` and ``code/`` as SageMaker's container wants them."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: value.detach().cpu().contiguous() for name, value in classifier.state_dict().items()}
    torch.save(state, folder / "model.pth")
    about: dict[str, Any] = {
        "classes": list(names),
        "folders": list(folders),
        "backbone": backbone,
        "image_size": image_size,
    }
    # Left out where it is not so: what is written for a run without it stays the same.
    about |= {"flip_test": True} if classifier.flips else {}
    (folder / "classes.json").write_text(json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8")
    code, here = folder / "code", PACKAGE.parent
    for name in SERVING:
        copy = code / PACKAGE.name / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PACKAGE / name, copy)
    shutil.copyfile(here / "inference.py", code / "inference.py")
    shutil.copyfile(here / "inference_requirements.txt", code / "requirements.txt")
