"""The tags of one job in a dialog: each a key and a value, to change, add or take away."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from console.look.theme import theme
from console.tabs.training.tags.commands import EditTags
from console.widgets.base import label
from console.widgets.forms.buttons import Button, IconButton
from console.widgets.forms.fields import LineEdit, set_invalid
from console.widgets.forms.lines import HintLine
from console.widgets.frames.dialog import Dialog
from workers.aws.tags import MOST_TAGS, RESERVED, tag_problem

# Rows before the list scrolls; few jobs have more tags.
MOST_ROWS_HIGH = 8


class _Row(QWidget):
    """One tag. Those of AWS itself cannot be changed."""

    def __init__(self, dialog: TagsDialog, key: str, value: str) -> None:
        super().__init__()
        self.key, self.value = LineEdit(key, "key"), LineEdit(value, "value")
        self.key.setAccessibleName("Key")
        self.value.setAccessibleName("Value")
        remove = IconButton("trash", f"Remove {key}" if key else "Remove this tag")
        self._dialog = dialog
        remove.clicked.connect(self._drop)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(8)
        line.addWidget(self.key, 1)
        line.addWidget(label("=", "body", "text3"))
        line.addWidget(self.value, 1)
        line.addWidget(remove)
        for part in (self.key, self.value, remove):
            part.setEnabled(not key.startswith(RESERVED))
        for field in (self.key, self.value):
            field.edited.connect(dialog.check)

    def _drop(self) -> None:
        self._dialog.drop(self)


class TagsDialog(Dialog):
    """``added`` and ``removed`` say what is to be changed of ``tags``."""

    def __init__(self, kind: str, name: str, arn: str, tags: Mapping[str, str], parent: QWidget | None = None) -> None:
        super().__init__(
            f"Tags of {name}",
            "Tags find jobs again (tag:key=value in the filter) and can split the bill.",
            width=480,
            parent=parent,
        )
        self._kind, self._name, self._arn = kind, name, arn
        self._before = dict(tags)
        self.rows: list[_Row] = []
        inner = QWidget()
        self._column = QVBoxLayout(inner)
        self._column.setContentsMargins(0, 0, 4, 0)
        self._column.setSpacing(6)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(inner)
        self._hint = HintLine()
        self.add_button = Button("Add a tag", "link", small=True, icon="plus", on=lambda: self.add_row(focus=True))
        self.copy_button = Button("Copy as CLI", "ghost", "terminal", on=self._copy)
        self.ok_button = Button("Save", "primary", on=self.accept)
        self.ok_button.setDefault(True)
        self.body.addWidget(self._scroll)
        self.body.addWidget(self._hint)
        self.body.addWidget(self.add_button, 0, Qt.AlignmentFlag.AlignLeft)
        self.buttons.addWidget(self.copy_button)
        self.buttons.addStretch(1)
        self.buttons.addWidget(Button("Cancel", on=self.reject))
        self.buttons.addWidget(self.ok_button)
        for key, value in tags.items():
            self.add_row(key, value)
        if not tags:
            self.add_row(focus=True)
        self.check()

    @property
    def tags(self) -> dict[str, str]:
        """The tags as the fields have them; rows without a key are left out."""
        return {row.key.value(): row.value.value() for row in self.rows if row.key.value()}

    @property
    def command(self) -> EditTags:
        """What makes the change."""
        added = {key: value for key, value in self.tags.items() if self._before.get(key) != value}
        removed = [key for key in self._before if key not in self.tags]
        return EditTags(self._kind, self._name, self._arn, added, removed)

    def add_row(self, key: str = "", value: str = "", *, focus: bool = False) -> None:
        """One more tag."""
        row = _Row(self, key, value)
        self.rows.append(row)
        self._column.addWidget(row)
        self._fit_rows()
        if focus:
            row.key.setFocus()
        self.check()

    def drop(self, row: _Row) -> None:
        """Take a tag away."""
        self.rows.remove(row)
        self._column.removeWidget(row)
        row.hide()
        row.deleteLater()
        self._fit_rows()
        self.check()

    def check(self) -> None:
        """Say the first thing that is wrong, and let Save work only while there is something to save."""
        keys = [row.key.value() for row in self.rows]
        problem = ""
        for row in self.rows:
            key, value = row.key.value(), row.value.value()
            found = tag_problem(key, value) if row.key.isEnabled() else None
            if found is None and key and keys.count(key) > 1:
                found = f"{key} is there twice."
            set_invalid(row.key, found is not None)
            problem = problem or found or ""
        if not problem and len(self.tags) > MOST_TAGS:
            problem = f"A job can have {MOST_TAGS} tags, not {len(self.tags)}."
        self._hint.say(problem, "err")
        change = self.command
        against = problem or ("" if change.added or change.removed else "Nothing was changed")
        self.ok_button.hinder(against)
        self.copy_button.hinder(against)
        self.add_button.allow(len(self.rows) < MOST_TAGS, f"A job can have {MOST_TAGS} tags")

    def _fit_rows(self) -> None:
        high = max(1, min(MOST_ROWS_HIGH, len(self.rows)))
        self._scroll.setFixedHeight(high * (self.ok_button.sizeHint().height() + 6) + theme().pixels(2))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.command.cli())
