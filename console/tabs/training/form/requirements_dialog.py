"""The requirements.txt of one launch: what pip installs before the script starts."""

from __future__ import annotations

import re

from PySide6.QtWidgets import QPlainTextEdit, QWidget

from console.look.theme import theme
from console.widgets.forms.buttons import Button
from console.widgets.forms.lines import HintLine
from console.widgets.frames.dialog import Dialog
from workers.paths import TRAINING_SOURCE

_LINE = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._, -]*\])?\s*"
    r"((===|==|~=|!=|<=|>=|<|>)\s*[A-Za-z0-9.*+!_-]+(\s*,\s*(===|==|~=|!=|<=|>=|<|>)\s*[A-Za-z0-9.*+!_-]+)*)?"
    r"\s*(;.*)?|[A-Za-z0-9][A-Za-z0-9._-]*(\[[^\]]*\])?\s*@\s*\S+(\s*;.*)?"
)


def shipped_requirements() -> str:
    """The file that comes with the training script."""
    return (TRAINING_SOURCE / "requirements.txt").read_text(encoding="utf-8")


def requirements_problem(text: str) -> str | None:
    """The first line that pip could not read, in a sentence; options (``-r``, ``--…``) are left to pip."""
    for number, line in enumerate(text.splitlines(), start=1):
        plain = re.sub(r"(^|\s)#.*", "", line).strip()
        if plain and not plain.startswith("-") and not _LINE.fullmatch(plain):
            return f"Line {number} is no requirement: {plain}"
    return None


class RequirementsDialog(Dialog):
    """``text`` is what is in force for the launch; ``value`` is ``None`` for the file that comes with the script."""

    def __init__(self, text: str | None, parent: QWidget | None = None) -> None:
        super().__init__(
            "requirements.txt",
            "Installed into a folder of the job before the script starts. What the image has already needs no network.",
            width=520,
            parent=parent,
        )
        self._shipped = shipped_requirements()
        self.editor = QPlainTextEdit(self._shipped if text is None else text)
        self.editor.setProperty("field", True)
        self.editor.setFont(theme().font("mono"))
        self.editor.setAccessibleName("requirements.txt")
        self.editor.setMinimumHeight(theme().pixels(200))
        self._hint = HintLine()
        self.body.addWidget(self.editor)
        self.body.addWidget(self._hint)
        self.ok_button = Button("Use for this launch", "primary", on=self.accept)
        self.buttons.addWidget(Button("As it comes", "ghost", on=lambda: self.editor.setPlainText(self._shipped)))
        self.buttons.addStretch(1)
        self.buttons.addWidget(Button("Cancel", on=self.reject))
        self.buttons.addWidget(self.ok_button)
        self.editor.textChanged.connect(self._check)
        self._check()

    @property
    def value(self) -> str | None:
        """The text, or ``None`` when it is the one that comes with the script."""
        text = self.editor.toPlainText()
        return None if text.strip() == self._shipped.strip() else text.rstrip() + "\n"

    def _check(self) -> None:
        problem = requirements_problem(self.editor.toPlainText())
        self._hint.say(problem or "", "err")
        self.ok_button.hinder(problem or "")
