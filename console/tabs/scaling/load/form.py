"""What a load test sends: where to, how many when, and which pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from console.tabs.scaling.load.words import SHAPES, requests_words
from console.widgets.forms.buttons import Button
from console.widgets.forms.fields import ComboBox, IntField, LineEdit, NumberField
from console.widgets.forms.form import Form
from console.widgets.forms.lines import HintLine
from console.widgets.frames.file_dialog import ask_for_file, ask_for_folder
from workers.load.arrivals import MOST_SECONDS, Shape, curve_of, expected, shape_problem
from workers.load.types import LoadTarget

_PICTURES = "Pictures (*.jpg *.jpeg *.png *.bmp *.gif *.webp)"
_CURVE = "0 5, 60 40, 120 5"


class LoadForm(QWidget):
    """Signals: ``changed()``."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._targets: dict[str, LoadTarget] = {}
        self.pictures: Path | None = None
        self.form = Form()
        self.form.add_pair(
            ("target", "Target", ComboBox()),
            ("kind", "Load", ComboBox([(kind, shape.title) for kind, shape in SHAPES.items()], "constant")),
        )
        self.form.add_pair(
            ("start", "From", NumberField(1, suffix="/s")),
            ("rate", "Requests", NumberField(10, suffix="/s")),
            ("seconds", "For", IntField(60, 1, int(MOST_SECONDS), suffix="s")),
        )
        self.form.add("points", "Second and requests a second, point after point", LineEdit(_CURVE, _CURVE))
        self.summary, self.sent = HintLine(), HintLine()
        self._picture = Button("Picture…", "link", small=True, on=self._choose_picture)
        self._folder = Button("Folder…", "link", small=True, on=self._choose_folder)
        self._drawn = Button("Drawn", "link", small=True, on=lambda: self.set_pictures(None))
        what = QHBoxLayout()
        what.setSpacing(8)
        what.addWidget(self.sent, 1)
        for button in (self._picture, self._folder, self._drawn):
            what.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.form)
        column.addLayout(what)
        column.addWidget(self.summary)
        self.form.changed.connect(self._edited)
        self.set_pictures(None)
        self._edited()

    def set_targets(self, targets: Sequence[LoadTarget]) -> None:
        """Offer these targets, the page's own first; the chosen one stays while the page's own is the same."""
        about = next(iter(self._targets), "")
        self._targets = {target.words: target for target in targets}
        self.form.field("target", ComboBox).set_items([(words, words) for words in self._targets])
        first = next(iter(self._targets), "")
        if first != about and first:
            self.form.set_values({"target": first})
        self._edited()

    @property
    def target(self) -> LoadTarget | None:
        """What is asked; None while nothing can be."""
        return self._targets.get(self.form.value("target") or "")

    def set_pictures(self, pictures: Path | None) -> None:
        """Send this picture, or the pictures of this folder; None: a drawn one."""
        self.pictures = pictures
        self._drawn.setVisible(pictures is not None)
        self.sent.say(f"Sends {'a drawn dog' if pictures is None else pictures.name}.")
        self.sent.setToolTip("" if pictures is None else str(pictures))
        self.changed.emit()

    @property
    def shape(self) -> Shape:
        """What the fields say; raises ``ValueError`` with a sentence for what is no number or no curve."""
        values, kind = self.form.values(), self.form.value("kind")
        fields = SHAPES[kind].fields
        if any(values[key] is None for key in ("start", "rate") if key in fields):
            raise ValueError("The rate is a number of requests a second.")
        return Shape(
            kind,
            values["rate"] or 0.0,
            float(values["seconds"]),
            (values["start"] or 0.0) if "start" in fields else 0.0,
            curve_of(values["points"]) if "points" in fields else (),
        )

    def problem(self) -> str:
        """Why this cannot be sent, or an empty text."""
        try:
            return shape_problem(self.shape)
        except ValueError as error:
            return str(error)

    def _edited(self) -> None:
        chosen = SHAPES[self.form.value("kind")]
        for key in ("start", "rate", "points"):
            self.form.row(key).setVisible(key in chosen.fields)
        self.form.row("rate").set_title(chosen.rate_title)
        if problem := self.problem():
            self.summary.say(problem, "err")
        else:
            shape = self.shape
            words = requests_words(expected(shape), shape)
            self.summary.say(f"{words[:1].upper()}{words[1:]}. What it costs is asked before it begins.")
        self.changed.emit()

    def _choose_picture(self) -> None:
        ask_for_file(self, "The picture to send", self.set_pictures, _PICTURES)

    def _choose_folder(self) -> None:
        ask_for_folder(self, "The pictures to send", self.set_pictures)
