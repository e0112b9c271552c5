"""All that is known of one finding: why, what it risks, what to do, and the same as lines for a terminal."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from console.look.theme import theme
from console.models.columns import DASH
from console.tabs.overview.security.rows import called
from console.widgets.base import label
from console.widgets.forms.buttons import Button
from console.widgets.text.key_values import KeyValues
from workers.security.types import Finding

# The usual command in full; a longer one scrolls.
_MOST_LINES = 6


class FindingDetail(QWidget):
    """Shows the finding given to ``show_finding``, or words instead."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cli = ""
        self._said = label("", "small", "text2", wrap=True)
        self.facts = KeyValues(copy=("ARN",))
        self.lines = QPlainTextEdit()
        self.lines.setReadOnly(True)
        self.lines.setTabChangesFocus(True)
        self.lines.setAccessibleName("Lines for a terminal")
        self.copy_button = Button("Copy as CLI", "ghost", "terminal", small=True, on=self._copy)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 12, 0)
        column.setSpacing(6)
        foot = QHBoxLayout()
        foot.addWidget(self.lines, 1)
        foot.addWidget(self.copy_button, 0, Qt.AlignmentFlag.AlignTop)
        column.addWidget(self._said)
        column.addWidget(self.facts)
        column.addLayout(foot)
        column.addStretch(1)
        self.say("")

    def show_finding(self, finding: Finding) -> None:
        """Show one finding."""
        name, resource = called(finding), finding.resource
        facts = [
            ("Why", finding.reason),
            # The credential report calls the root user so; nobody else does.
            ("Resource", name if resource.name in (name, "<root_account>") else f"{name} ({resource.name})"),
            ("ARN", resource.arn),
            ("Risk", finding.risk),
            ("What to do", finding.remedy),
            ("Check", f"{finding.check}, {finding.url}" if finding.url else finding.check),
        ]
        self.facts.set_rows([(title, value or DASH) for title, value in facts])
        self._cli = finding.cli
        self.lines.setFont(theme().font("mono"))
        self.lines.setPlainText(finding.cli)
        rows = max(2, min(_MOST_LINES, finding.cli.count("\n") + 2))
        self.lines.setFixedHeight(rows * theme().metrics("mono").lineSpacing() + 12)
        self._said.hide()
        self.facts.show()
        for part in (self.lines, self.copy_button):
            part.setVisible(bool(finding.cli))
        self.copy_button.setText("Copy as CLI")
        self.copy_button.set_icon("terminal")

    def say(self, text: str) -> None:
        """Words instead of a finding."""
        self._said.setText(text)
        self._said.setVisible(bool(text))
        for part in (self.facts, self.lines, self.copy_button):
            part.hide()

    def _copy(self) -> None:
        QApplication.clipboard().setText(self._cli)
        self.copy_button.setText("Copied")
        self.copy_button.set_icon("check")
