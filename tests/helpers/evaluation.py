"""Evaluations for tests: answers made up, and a folder of small pictures by class."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from workers.evaluation.folder import look
from workers.evaluation.measures import Measures, measure
from workers.evaluation.service import EvaluationControl, OnProgress, summary_of
from workers.evaluation.types import Answered, Evaluation, Head, Labelled, Progress, Run, Split, Summary

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


class FakeEvaluations:
    """Evaluations that are there at once; ``begun`` tells what was started, ``gate`` holds a started one up."""

    def __init__(self, *kept: Evaluation) -> None:
        self.rows = list(kept)
        self.begun: list[tuple[str, Labelled]] = []
        self.resumed: list[str] = []
        self.error: Exception | None = None
        self.gate: asyncio.Event | None = None

    async def look(self, path: Path, split: Split | None = None) -> Labelled:
        return look(path, split)

    async def kept(self) -> tuple[Summary, ...]:
        return tuple(summary_of(row) for row in reversed(self.rows))

    async def whole(self, name: str) -> tuple[Evaluation, Measures]:
        found = next(row for row in self.rows if row.head.id == name)
        return found, measure(found)

    async def forget(self, name: str) -> None:
        self.rows = [row for row in self.rows if row.head.id != name]

    async def start(
        self,
        target: str,
        labelled: Labelled,
        *,
        at_once: int = 4,
        on_progress: OnProgress = lambda progress: None,
        control: EvaluationControl | None = None,
    ) -> Summary:
        self.begun.append((target, labelled))
        number = len(self.rows)
        answers = [
            answered(path, truth, truth if (at + number) % 4 else CLASSES[at % 3], digest=str(at))
            for at, (path, truth) in enumerate(labelled.pictures)
        ]
        made = evaluation(
            answers, id=f"2026010{number + 1}T030405-{target.replace('/', '-').replace(':', '-')}", target=target,
            folder=labelled.folder, split=labelled.split, began=1_760_000_000.0 + number,
        )  # fmt: skip
        if control is not None:
            control.evaluation = made.head.id
        # As the real ones, it is in the list from its beginning.
        self.rows.append(replace(made, answers=()))
        on_progress(Progress(1, len(answers), judged=1, right=1, per_second=10.0))
        if self.gate is not None:
            await self.gate.wait()
        self.rows.pop()
        if self.error is not None:
            raise self.error
        if control is not None and control.cancelled:
            made = replace(made, answers=made.answers[:2])
        self.rows.append(made)
        return summary_of(made)

    async def resume(
        self,
        name: str,
        *,
        on_progress: OnProgress = lambda progress: None,
        control: EvaluationControl | None = None,
    ) -> Summary:
        self.resumed.append(name)
        if control is not None:
            control.evaluation = name
        found, _ = await self.whole(name)
        on_progress(Progress(len(found.answers), found.head.pictures, reused=len(found.answers)))
        if self.gate is not None:
            await self.gate.wait()
        return summary_of(found)


def large_evaluations(folder: Path, classes: Sequence[str], targets: Sequence[str]) -> list[Evaluation]:
    """An evaluation of each target: six pictures a class (few of them on the disk), some wrong, some failed."""
    labelled_folder(folder, 2, {name: name.encode() for name in classes[:12]})
    made = []
    for number, target in enumerate(targets):
        answers: list[Answered] = []
        for at, name in enumerate(classes):
            for picture in range(6):
                wrong = (at * 7 + picture * 3 + number) % 9 == 0
                others = [classes[(at + step) % len(classes)] for step in range(1, 6)]
                labels = (others[0], name, *others[1:4]) if wrong else (name, *others[:4])
                sure = 0.5 + ((at * 13 + picture * 29) % 50) / 100
                rest = (1 - sure) / 5
                answers.append(
                    Answered(
                        f"test/{name}/{picture}.jpg", name, f"{at}/{picture}", labels, (sure, *[rest] * 4),
                        40 + (at * 31 + picture * 17) % 60, 30.0 if target.startswith("function:") else None,
                    )
                )  # fmt: skip
        answers[5] = replace(answers[5], labels=(), probabilities=(), error="The model answered 400: it is damaged.")
        answers[9] = replace(answers[9], truth="Wolf")
        name = f"2026010{number + 1}T030405-{target.split(':')[-1][:40].rstrip('-')}"
        made.append(
            evaluation(answers, classes, id=name, target=target, folder=str(folder), began=1_795_000_000.0 + number)
        )
    return made
