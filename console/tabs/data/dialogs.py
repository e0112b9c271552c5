"""The tab's small dialogs: sample pictures, a split, a new bucket, the files behind a finding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QStandardPaths, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from console.look.theme import theme
from console.models.columns import Column
from console.models.format import bytes_text, count, duration
from console.tabs.data.dataset import short_path
from console.widgets.base import label
from console.widgets.forms.buttons import Button
from console.widgets.forms.fields import IntField, LineEdit
from console.widgets.forms.form import Form, Hint
from console.widgets.forms.lines import CheckLine, LineTone
from console.widgets.frames.dialog import Dialog, FormDialog
from console.widgets.frames.file_dialog import ask_for_folder
from console.widgets.tables.table import ResourceTable
from workers.datasets.folder import split_name
from workers.samples.maker import (
    DEFAULT_CLASSES,
    DEFAULT_PER_CLASS,
    MAX_CLASSES,
    MAX_PER_CLASS,
    MIN_PER_CLASS,
    PICTURES_PER_SECOND,
    TYPICAL_BYTES,
    destination_problem,
)
from workers.storage.names import bucket_name_problem
from workers.types import DatasetReport, Finding

SAMPLES_NAME = "sample-dogs"
# Pixels: a path within a dataset, mostly uncut.
WIDE = 640


class FolderField(QWidget):
    """A folder that may not exist yet: typed, or chosen with the button."""

    edited = Signal()

    def __init__(self, folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.line = LineEdit(str(folder), chars=24)
        self.line.edited.connect(self.edited)
        self.button = Button("Choose…", on=self._choose)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.line, 1)
        row.addWidget(self.button)
        self.setFocusProxy(self.line)

    def value(self) -> Path:
        """The folder."""
        return Path(self.line.value()).expanduser()

    def set_value(self, value: Path) -> None:
        """Put another folder in."""
        self.line.set_value(str(value))

    def _choose(self) -> None:
        ask_for_folder(self, "Folder for the sample pictures", self.set_value, str(self.value().parent))


def samples_folder() -> Path:
    """Where sample pictures go unless told otherwise: in the user's pictures, or at home."""
    place = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)
    folder = Path(place) if place and Path(place).is_dir() else Path.home()
    return folder / SAMPLES_NAME


class SamplesDialog(FormDialog):
    """How many breeds and pictures are drawn, and where. ``form.values()``: classes, per_class, seed, folder."""

    def __init__(self, folder: Path | None = None, parent: QWidget | None = None) -> None:
        form = Form()
        form.add_pair(
            ("classes", "Breeds", IntField(DEFAULT_CLASSES, 2, MAX_CLASSES)),
            ("per_class", "Pictures of each", IntField(DEFAULT_PER_CLASS, MIN_PER_CLASS, MAX_PER_CLASS)),
            ("seed", "Seed", IntField(1, 0, 999_999)),
        )
        form.add("folder", "Folder", FolderField(folder or samples_folder()), check=_check_samples_folder)
        super().__init__(
            "Sample pictures",
            form,
            ok="Draw",
            icon="paw",
            text="Dogs drawn by chance, to try everything without data of your own. The same seed draws the same set.",
            width=460,
            parent=parent,
        )
        self.cost = label("", "small", "text2", wrap=True)
        self.foot.addWidget(self.cost)
        form.changed.connect(self._tell)
        self._tell()

    def _tell(self) -> None:
        values = self.form.values()
        pictures = values["classes"] * values["per_class"]
        size, seconds = bytes_text(pictures * TYPICAL_BYTES), duration(max(1, pictures / PICTURES_PER_SECOND))
        self.cost.setText(
            f"{count(pictures, 'picture')}, about {size}, in about {seconds}: 80 % train, 10 % valid, 10 % test"
        )


def _check_samples_folder(folder: Path) -> Hint | None:
    problem = destination_problem(folder)
    if problem:
        return Hint(problem, "err")
    if folder.exists() and any(folder.iterdir()):
        return Hint("The sample set that is there is replaced", "warn")
    return None


class SplitDialog(FormDialog):
    """Says what a split makes; ``form.value("seed")`` is its seed."""

    def __init__(self, report: DatasetReport, parent: QWidget | None = None) -> None:
        form = Form()
        form.add("seed", "Seed", IntField(0, 0, 999_999), note="The same pictures and seed give the same split")
        target = split_name(report.root)
        super().__init__(
            f"Split {report.root.name}?",
            form,
            ok="Split",
            icon="data",
            text=f"Each {report.noun} is divided into train (80 %), valid (10 %) and test (10 %) in the new folder "
            f"{short_path(target)}. {report.root.name} stays as it is; the pictures take no more space where the disk "
            "knows hard links.",
            parent=parent,
        )


class BucketDialog(FormDialog):
    """Asks for a new bucket's name; ``form.value("name")``."""

    def __init__(self, suggested: str, taken: Sequence[str], parent: QWidget | None = None) -> None:
        form = Form()

        def check(name: str) -> Hint | str | None:
            if name in taken:
                return "You have a bucket of that name"
            return bucket_name_problem(name) or Hint("Allowed; names are unique across all of AWS", "ok")

        form.add("name", "Name", LineEdit(suggested, chars=36), check=check)
        super().__init__(
            "New bucket",
            form,
            ok="Create",
            icon="bucket",
            text="Private and encrypted from the start: no public access, no ACLs, and only encrypted connections.",
            parent=parent,
        )


class FilesDialog(Dialog):
    """The files of a finding, with the reason of each where there is one; they can be filtered and copied.

    With ``go_on`` it has a button of these words that accepts.
    """

    def __init__(self, finding: Finding, parent: QWidget | None = None, *, go_on: str = "") -> None:
        super().__init__(finding.title, finding.detail.capitalize(), width=WIDE, parent=parent)
        columns = [Column("path", "File", kind="name", priority=0)]
        if finding.notes:
            columns.append(Column("why", "Why", priority=1, stretch=1))
        self.table = ResourceTable(columns, "path", name=finding.title, noun="files")
        notes = finding.notes or ("",) * len(finding.paths)
        self.table.set_rows([{"path": path, "why": why} for path, why in zip(finding.paths, notes, strict=True)])
        self.table.setFixedHeight(theme().pixels(min(420, 60 + 32 * len(finding.paths))))
        self.body.addWidget(self.table)
        self.buttons.addWidget(Button("Copy all", icon="copy", on=self.table.view.copy))
        self.buttons.addStretch(1)
        self.buttons.addWidget(Button("Cancel" if go_on else "Close", on=self.reject))
        if go_on:
            self.go_on_button = Button(go_on, "primary", on=self.accept)
            self.buttons.addWidget(self.go_on_button)


class FindingsDialog(Dialog):
    """Every finding of a check. Signals: ``filesWanted(Finding)``."""

    filesWanted = Signal(object)

    def __init__(self, findings: Sequence[tuple[LineTone, Finding]], parent: QWidget | None = None) -> None:
        super().__init__("What the check found", width=WIDE, parent=parent)
        lines = QVBoxLayout()
        lines.setSpacing(2)
        for tone, finding in findings:
            action = ("Show", lambda finding=finding: self.filesWanted.emit(finding)) if finding.paths else None
            lines.addWidget(CheckLine(tone, finding.title, finding.detail, action=action))
        self.body.addLayout(lines)
        self.buttons.addStretch(1)
        self.buttons.addWidget(Button("Close", on=self.reject))
