"""What can be done with a picture of the Predict tab: look at it, copy it or its answers, ask again, take it away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QPoint, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QMenu, QWidget

from console.confused import ConfusedPictures
from console.context import AppContext
from console.look.theme import theme
from console.models.cards import LETTERS, Answer
from console.models.format import count
from console.models.viewing import ViewItem
from console.tabs.predict import pictures
from console.tabs.predict.pictures import Picture
from console.viewing import Viewing
from console.widgets.pictures.prediction_grid import PredictionGrid
from console.widgets.pictures.reading import read_fitting
from console.widgets.pictures.viewer import Action
from workers.inference.model_input import input_size
from workers.inference.targets import Target, words_of
from workers.types import JobReport, TrainingJob

# Large enough for a document; a camera's whole picture would take hundreds of megabytes on the clipboard.
_COPIED_SIDE = 4096


@dataclass(frozen=True)
class Owner:
    """What the tab knows and does."""

    asked: Callable[[], list[str]]
    ask_again: Callable[[Picture], object]
    remove: Callable[[Picture], object]


class Looking(QObject):
    """The viewer and the menu of the tab's cards."""

    def __init__(self, ctx: AppContext, tab: QWidget, grid: PredictionGrid, owner: Owner) -> None:
        super().__init__(tab)
        self._ctx, self._grid, self._owner = ctx, grid, owner
        self._pictures: dict[str, Picture] = {}
        self._reports: Mapping[str, tuple[str, JobReport]] = {}
        self._jobs: Mapping[str, TrainingJob] = {}
        self._shown: list[str] = []
        self.confused = ConfusedPictures(ctx, tab)
        self.viewing = Viewing(ctx, tab, actions=lambda at: self.actions(self._shown[at], looking=True))
        grid.lookWanted.connect(self.look)
        grid.menuRequested.connect(self._menu)
        grid.copyWanted.connect(self._copy)
        grid.removeWanted.connect(self._remove)

    def set_pictures(self, found: Sequence[Picture]) -> None:
        """The pictures of the tab are others now."""
        self._pictures = {picture.key: picture for picture in found}

    def set_reports(
        self, reports: Mapping[str, tuple[str, JobReport]], jobs: Mapping[str, TrainingJob] | None = None
    ) -> None:
        """What the endpoints' models say of themselves, and the jobs that trained them, by letter."""
        self._reports, self._jobs = reports, jobs or {}

    def look(self, key: str) -> None:
        """Look at a card, and from it at all that are shown."""
        self.look_through([card.key for card in self._grid.cards()], key)

    def look_through(self, keys: Sequence[str], key: str) -> None:
        """Look at these pictures, beginning with ``key``."""
        self._shown = list(keys)
        self.viewing.open(len(keys), lambda at: self._item(keys[at]), list(keys).index(key), self._moved)

    def look_at_cell(self, letter: str, truth: int, answer: int) -> str:
        """Look at the pictures of a cell of the confusions: the model's test pictures, else those of this tab.

        Returns a sentence when there are none.
        """
        if letter not in self._reports or letter not in self._jobs:
            return ""
        report = self._reports[letter][1]
        said = self.confused.look(self._jobs[letter], report, truth, answer)
        if self.confused.viewing.is_open:
            return said
        at, was, label = LETTERS.index(letter), report.classes[truth], report.classes[answer]
        keys = [
            card.key
            for card in self._grid.cards()
            if card.truth == was and at < len(card.answers) and _labelled(card.answers[at], label)
        ]
        if not keys:
            return said
        self.look_through(keys, keys[0])
        return f"{count(len(keys), 'picture')} of yours. {said}"

    def update(self) -> None:
        """Answers came."""
        self.viewing.update()

    def _moved(self, at: int) -> None:
        self._grid.set_current(self._shown[at])

    def _item(self, key: str) -> ViewItem:
        picture = self._pictures.get(key)
        if picture is None:
            return ViewItem("This picture was removed")
        names = self._owner.asked()
        size, network = self._input()
        return ViewItem(
            picture.name, str(picture.path.parent) if picture.path is not None else "pasted", picture.truth,
            len(picture.data) if picture.data is not None else None, picture.path, picture.data,
            sent=lambda: pictures.read(picture), input_size=size, network=network,
            answers=picture.card(names), asked=tuple(map(words_of, names)),
        )  # fmt: skip

    def _input(self) -> tuple[int, str]:
        """Side of the first known network's input, and what to call that network."""
        for letter in LETTERS:
            if letter in self._reports:
                job, report = self._reports[letter]
                size = input_size(report)
                if size is not None:
                    return size, f"the model of {job}"
        names = self._owner.asked()
        return 0, f"the model of {words_of(names[0])}" if names else ""

    # What can be done

    def actions(self, key: str, *, looking: bool = False) -> list[Action]:
        """``(text, icon, call)`` for a picture; in the viewer without what opens it."""
        picture = self._pictures.get(key)
        if picture is None:
            return []
        found: list[Action] = [] if looking else [("Open", "eye", lambda: self.look(key))]
        path = picture.path
        if path is not None:
            found.append(("Open with another program", "link", lambda: _open(path)))
            found.append(("Show in folder", "folder", lambda: _open(path.parent)))
        found.append(("Copy picture", "copy", lambda: self._copy(key)))
        if picture.answers:
            found.append(("Copy answer as JSON", "copy", lambda: _to_clipboard(self.answer_of(picture))))
        if path is not None:
            found.append(("Copy path", "copy", lambda: _to_clipboard(str(path))))
        if self._owner.asked():
            found.append(("Ask again", "refresh", lambda: self._owner.ask_again(picture)))
        found.append(("Remove", "trash", lambda: self._remove(key)))
        return found

    def answer_of(self, picture: Picture) -> str:
        """The answers about a picture as JSON."""
        return answers_json(picture, self._owner.asked())

    def _menu(self, key: str, place: QPoint) -> None:
        menu = QMenu(self._grid)
        menu.aboutToHide.connect(menu.deleteLater)
        for text, icon, call in self.actions(key):
            menu.addAction(theme().icon(icon), text, call)
        menu.popup(place)

    def _copy(self, key: str) -> None:
        picture = self._pictures.get(key)
        if picture is not None:
            work = self._copy_picture(picture)
            self._ctx.tasks.start(work, label=f"Copying {picture.name}", key="predict:copy", scope="window")

    async def _copy_picture(self, picture: Picture) -> None:
        source = picture.data if picture.data is not None else picture.path
        assert source is not None
        found = await asyncio.to_thread(read_fitting, source, _COPIED_SIDE, _COPIED_SIDE)
        if found.problem:
            self._ctx.notify.warn(f"{picture.name} was not copied", found.problem)
        else:
            QGuiApplication.clipboard().setImage(found.image)

    def _remove(self, key: str) -> None:
        picture = self._pictures.get(key)
        if picture is None:
            return
        row = self._shown if self.viewing.is_open else [card.key for card in self._grid.cards()]
        at = row.index(key) if key in row else 0
        left = [other for other in row if other != key]
        following = left[min(at, len(left) - 1)] if left else ""
        self._owner.remove(picture)
        self._grid.set_current(following if self._grid.position_of(following) >= 0 else "")
        if self.viewing.is_open:
            if following:
                self.look_through(left, following)
            else:
                self.viewing.close()


def _labelled(answer: Answer | None, label: str) -> bool:
    return answer is not None and answer.labels[:1] == (label,)


def answers_json(picture: Picture, names: Sequence[str]) -> str:
    """What the endpoints said about a picture: the container's own answer where it is JSON."""
    said = [_answer(name, picture.answers[name]) for name in names if name in picture.answers]
    return json.dumps({"picture": picture.name, "answers": said}, indent=2, ensure_ascii=False)


def _answer(name: str, answer: Answer) -> dict[str, Any]:
    target = Target.parse(name)
    who: dict[str, str] = {"endpoint" if target.variant else target.kind: target.name}
    if target.variant:
        who["variant"] = target.variant
    if answer.error:
        return {**who, "error": answer.error}
    try:
        raw = json.loads(answer.raw)
    except ValueError:
        raw = {"labels": answer.labels, "probabilities": answer.probabilities}
    return {**who, "latency_ms": answer.latency_ms, "answer": raw}


def _open(path: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))


def _to_clipboard(text: str) -> None:
    QGuiApplication.clipboard().setText(text)
