"""A click on a cell of a confusion matrix: the test pictures that it counts, from the set in its bucket."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from console.context import AppContext
from console.models.cards import class_title
from console.models.format import count
from console.models.viewing import Progress, ViewItem
from console.viewing import Viewing
from console.widgets.pictures.viewer import Action
from workers.aws.s3_uri import S3Uri
from workers.inference.model_input import input_size
from workers.training.mistakes import mistaken, place_of
from workers.types import JobReport, TrainingJob

if TYPE_CHECKING:
    from workers.services import Services

NOT_NAMED = "The report counts these pictures, but does not name them."
RIGHT = "Those that were recognised are counted, not named."


class ConfusedPictures:
    """Shows the pictures of a cell in a viewer over the page that ``part`` is in."""

    def __init__(self, ctx: AppContext, part: QWidget) -> None:
        self._ctx = ctx
        self._places: list[tuple[str, str]] = []
        self.viewing = Viewing(ctx, part, actions=self._actions)

    def look(self, job: TrainingJob, report: JobReport, truth: int, answer: int) -> str:
        """Open the viewer; returns a sentence when there is nothing to show."""
        number = report.confusion[truth][answer]
        if not number:
            return "No test picture is in this cell."
        if truth == answer:
            return RIGHT
        services = self._ctx.services
        if services is None:
            return "They are in the account's bucket, and no account is connected."
        paths = mistaken(report, truth, answer)
        places = [place_of(job.data_uri, path) for path in paths or ()]
        found = [place for place in places if place is not None]
        if not found:
            return NOT_NAMED
        self._places = found
        words = f"{class_title(report.classes[truth])}, taken for {class_title(report.classes[answer])}"
        size = input_size(report) or 0
        self.viewing.open(len(found), lambda at: self._item(services, found[at], words, size, job.name), 0)
        return "" if len(found) == number else f"{count(number, 'picture')}, {len(found):,} of which are named."

    def _item(self, services: Services, place: tuple[str, str], words: str, size: int, job: str) -> ViewItem:
        bucket, key = place

        async def fetch(progress: Progress) -> bytes:
            return await services.storage.read(bucket, key, progress)

        return ViewItem(
            PurePosixPath(key).name, str(S3Uri(bucket, key)), words, fetch=fetch, input_size=size,
            network=f"the model of {job}",
        )  # fmt: skip

    def _actions(self, at: int) -> list[Action]:
        uri = str(S3Uri(*self._places[at]))
        return [("Copy address", "copy", lambda: QGuiApplication.clipboard().setText(uri))]
