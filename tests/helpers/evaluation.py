"""Evaluations for tests: answers made up, and a folder of small pictures by class."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from workers.evaluation.types import Answered, Evaluation, Head, Run

CLASSES = ("004.Akita", "010.Pug", "031.Husky")
AKITA, PUG, HUSKY = CLASSES


def head(name: str = "20260102T030405-dogs", **given: object) -> Head:
    values: dict[str, object] = {
        "id": name, "target": "dogs", "model": "m", "folder": "/pictures", "split": "test", "began": 1_760_000_000.0,
        "account": "123456789012", "region": "us-east-1", "pictures": 0,
    }  # fmt: skip
    return Head(**{**values, **given})  # type: ignore[arg-type]


def answered(path: str, truth: str, top: str, sure: float = 0.8, **given: object) -> Answered:
    labels = (top, *(name for name in CLASSES if name != top))
    rest = (1 - sure) / (len(labels) - 1)
    values: dict[str, object] = {
        "labels": labels, "probabilities": (sure, *[rest] * (len(labels) - 1)), "ms": 20.0,
        "digest": hashlib.sha256(path.encode()).hexdigest(),
    }  # fmt: skip
    return Answered(path, truth, **{**values, **given})  # type: ignore[arg-type]


def evaluation(answers: Sequence[Answered], classes: Sequence[str] = CLASSES, **given: object) -> Evaluation:
    made = head(**{"pictures": len(answers), **given})  # type: ignore[arg-type]
    return Evaluation(made, tuple(classes), tuple(answers), (Run(made.began, 2.0, len(answers)),))


def jpeg(number: int, words: bytes = b"") -> bytes:
    """A small picture, different for each number; ``words`` stand in its comment, for models that look there."""
    out = io.BytesIO()
    Image.new("RGB", (24, 16), (number * 37 % 256, number * 91 % 256, number * 13 % 256)).save(
        out, "JPEG", comment=words or b"picture"
    )
    return out.getvalue()


def labelled_folder(root: Path, per_class: int = 3, classes: Mapping[str, bytes] | None = None) -> Path:
    """``test/CLASS/N.jpg``: each picture names its class in its comment."""
    number = 0
    for name, words in (classes or {AKITA: b"Akita", PUG: b"Pug", HUSKY: b"Husky"}).items():
        folder = root / "test" / name
        folder.mkdir(parents=True, exist_ok=True)
        for at in range(per_class):
            number += 1
            (folder / f"{at}.jpg").write_bytes(jpeg(number, words))
    return root
