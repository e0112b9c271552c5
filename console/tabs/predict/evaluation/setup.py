"""The line that an evaluation is begun with: the folder, the split, how many at once; and how far it is."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from console.models.columns import DASH
from console.models.format import count, duration, percents
from console.widgets.base import ElidedLabel, label
from console.widgets.charts.progress import ProgressBar
from console.widgets.forms.buttons import Button
from console.widgets.forms.fields import IntField
from console.widgets.forms.lines import HintLine
from console.widgets.forms.segmented import Segmented
from workers.evaluation.service import AT_ONCE, MOST_AT_ONCE
from workers.evaluation.types import Labelled, Progress, Split


class Setup(QWidget):
    """Signals: ``folderWanted()``, ``splitChosen(str)``, ``started()``, ``stopped()``."""

    folderWanted = Signal()
    splitChosen = Signal(str)
    started = Signal()
    stopped = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.labelled: Labelled | None = None
        self.folder_button = Button("Labelled folder…", icon="folder", on=self.folderWanted.emit)
        self._folder = ElidedLabel("", "name", middle=True, least=8)
        self._facts = label("", "small", "text2")
        self.split = Segmented([("all", "All")], "all", name="Split", small=True)
        self.split.changed.connect(self.splitChosen)
        self._at_once_words = label("At once", "small", "text2")
        self.at_once = IntField(AT_ONCE, 1, MOST_AT_ONCE)
        self.at_once.setAccessibleName("Pictures asked about at once")
        self.start_button = Button("Evaluate", "primary", "play", on=self.started.emit)
        self.stop_button = Button("Stop", icon="stop", on=self.stopped.emit)
        self.bar = ProgressBar()
        self._state = label("", "small", "text2", wrap=True)
        self.hint = HintLine()
        first, second = QHBoxLayout(), QHBoxLayout()
        for row in (first, second):
            row.setSpacing(12)
        first.addWidget(self.folder_button)
        first.addWidget(self._folder, 1)
        first.addWidget(self._facts)
        second.addWidget(self.split)
        second.addStretch(1)
        # Stop is not where Evaluate is: a click that comes as the run ends would start the next one.
        for part in (self.stop_button, self._at_once_words, self.at_once, self.start_button):
            second.addWidget(part)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(first)
        column.addLayout(second)
        for below in (self.hint, self.bar, self._state):
            column.addWidget(below)
        self.show_folder(None)
        self.show_running(False)

    def show_folder(self, labelled: Labelled | None) -> None:
        """Show what was found in a folder."""
        self.labelled = labelled
        self._folder.setText(labelled.folder if labelled is not None else "No folder chosen")
        self._folder.setToolTip(labelled.folder if labelled is not None else "")
        for part in (self._facts, self._at_once_words, self.at_once, self.start_button):
            part.setVisible(labelled is not None)
        self.split.setVisible(labelled is not None and len(labelled.splits) > 1)
        if labelled is None:
            self.hint.say("Choose a folder that holds a folder of pictures for each class, or drop it here.", "info")
            return
        pictures, classes = count(len(labelled.pictures), "picture"), count(len(labelled.classes), "class")
        of = f" of {labelled.split}" if labelled.splits and labelled.split != "all" else ""
        self._facts.setText(f"{pictures}{of}, {classes}")
        if labelled.splits:
            segments = [(name, name.capitalize()) for name in labelled.splits]
            blocked = self.split.blockSignals(True)
            self.split.set_segments([*segments, ("all", "All")] if len(segments) > 1 else segments)
            if labelled.split in {key for key, _ in segments} | {"all"}:
                self.split.set_current(labelled.split if len(segments) > 1 else segments[0][0])
            self.split.blockSignals(blocked)
        left = [
            f"{count(labelled.loose, 'picture')} in no class's folder" if labelled.loose else "",
            f"{count(labelled.others, 'file')} that {'does' if labelled.others == 1 else 'do'} not end like a picture"
            if labelled.others
            else "",
        ]
        words = " and ".join(part for part in left if part)
        self.hint.say(f"Left out: {words}." if words else "", "warn" if labelled.loose else "info")

    def show_running(self, running: bool) -> None:
        """Whether an evaluation is under way."""
        self.start_button.setVisible(not running and self.labelled is not None)
        self.stop_button.setVisible(running)
        self.stop_button.allow(running, "None is under way")
        self.folder_button.allow(not running, "An evaluation is under way")
        for part in (self.split, self.at_once):
            part.setEnabled(not running)
        self.bar.setVisible(running)
        self._state.setVisible(running)
        if running:
            self.bar.set_fraction(None)
            self._state.setText("Starting…")

    def show_progress(self, words: str, progress: Progress) -> None:
        """How far it is."""
        self.bar.set_fraction(progress.done / max(1, progress.total))
        accuracy = f"{percents(progress.right / progress.judged, 1)} right so far" if progress.judged else DASH
        said = [f"{words}: {progress.done:,} of {progress.total:,}", accuracy]
        if progress.failed:
            said.append(f"{progress.failed:,} failed")
        if progress.reused:
            said.append(f"{progress.reused:,} answered before")
        if progress.per_second > 0:
            left = (progress.total - progress.done) / progress.per_second
            said.append(f"{progress.per_second:.1f} a second, {duration(left)} left")
        self._state.setText(", ".join(said))

    def say_stopping(self) -> None:
        """It was asked to stop; what is under way is waited for."""
        self.stop_button.hinder("It is stopping already")
        self._state.setText("Stopping: the answers that are on their way are waited for…")

    @property
    def chosen_split(self) -> Split:
        """The split that is shown."""
        return self.labelled.split if self.labelled is not None else "test"

    @property
    def folder(self) -> Path | None:
        """The folder that is shown."""
        return Path(self.labelled.folder) if self.labelled is not None else None
