"""The question before objects or a whole bucket go: counted in the background, agreed to only when all is known."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QVBoxLayout, QWidget

from console.commands import Affected, Confirmation
from console.models.format import bytes_text, count
from console.widgets.base import label
from console.widgets.forms.lines import CheckLine
from console.widgets.frames.confirm import ConfirmDialog
from workers.storage.dependents import Dependents
from workers.storage.removal import Doomed, total_size

# Lines that fit a question without a scroll bar; more are counted.
NAMED_AT_MOST = 6


class DeletionDialog(ConfirmDialog):
    """``tell`` while it is counted, ``show_found`` when it is known; before that the button does not work."""

    def __init__(self, confirmation: Confirmation, cli: str = "", parent: QWidget | None = None) -> None:
        self.known = False
        self.counted = CheckLine("run", "Counting…")
        super().__init__(confirmation, cli, parent)
        self._found = QVBoxLayout()
        self._found.setSpacing(8)
        self._found.addWidget(self.counted)
        self.told.insertLayout(0, self._found)

    def tell(self, number: int, size: int) -> None:
        """How many and how large, so far."""
        if not self.known:
            self.counted.set_content("run", "Counting…", f"{count(number, 'object')}, {bytes_text(size)} so far")

    def show_found(self, doomed: Sequence[Doomed], dependents: Dependents, noun: str = "object") -> None:
        """All is known: how many, how large, and what stops working."""
        self.known = True
        size = total_size(doomed)
        self.counted.set_content("info", count(len(doomed), noun), f"{bytes_text(size)} together")
        self._list("Stops working", stops_working(dependents), warn=True, into=self._found)
        for what in dependents.unchecked:
            self._found.addWidget(label(f"Which {what} need them could not be read.", "small", "text2", wrap=True))
        self._check()

    def show_failure(self, words: str) -> None:
        """It could not be counted: nothing can be agreed to."""
        self.counted.set_content("err", "Could not be counted", words)

    def _check(self) -> None:
        super()._check()
        if not self.known:
            self.confirm_button.hinder("What would be deleted is not counted yet")


def stops_working(dependents: Dependents) -> tuple[Affected, ...]:
    """A line for each model, endpoint and job; of many models only the first are named."""
    endpoints = [
        Affected("endpoints", f"Endpoint {name}", "runs until it needs another instance, which finds no model")
        for name in dependents.endpoints
    ]
    jobs = [Affected("training", f"Job {name}", "is reading them now and will fail") for name in dependents.jobs]
    models = [
        Affected("training", f"Model of {name}", "can no longer be deployed")
        for name in dependents.models[:NAMED_AT_MOST]
    ]
    more = len(dependents.models) - len(models)
    if more:
        models.append(Affected("training", f"Models of {more:,} more jobs", "can no longer be deployed"))
    return (*endpoints, *jobs, *models)
