"""A refused call as a panel: what is missing, the policy that would allow just that, and the button that grants it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from console.look.theme import RADIUS_PANEL, theme
from console.models.format import count
from console.widgets.base import antialias, fill_rounded, label, on_theme, rounded_path, stroke_rounded
from console.widgets.forms.buttons import Button, IconButton
from console.widgets.forms.lines import IconLabel
from console.widgets.text.policy_diff import PolicyDiff
from workers.access.grants import Grant

_COPIED = "Copied"


class DenialPanel(QWidget):
    """Signals: ``granted()`` when "Grant just this" was pressed, ``dismissed()`` when the cross was."""

    granted = Signal()
    dismissed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.grant: Grant | None = None
        self._request_id = ""
        self._title = label("", "section", wrap=True, copy=True)
        self._sentence = label("", "small", "text2", wrap=True, copy=True)
        self._close = IconButton("close", "Dismiss", on=self._dismiss)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self._title)
        words.addWidget(self._sentence)
        self._head = QWidget()
        head = QHBoxLayout(self._head)
        head.setContentsMargins(16, 12, 10, 12)
        head.setSpacing(12)
        head.addWidget(IconLabel("err", "err", 18), 0, Qt.AlignmentFlag.AlignTop)
        head.addLayout(words, 1)
        head.addWidget(self._close, 0, Qt.AlignmentFlag.AlignTop)
        self._role = label("", "label", copy=True)
        self._policy = label("", "small", "text2")
        self._lines = label("", "label", "add")
        where = QHBoxLayout()
        where.setSpacing(8)
        where.addWidget(self._role)
        where.addWidget(self._policy)
        where.addStretch(1)
        where.addWidget(self._lines)
        self.diff = PolicyDiff()
        self.grant_button = Button("Grant just this", "primary", "key", on=self.granted.emit)
        self.cli_button = Button("Copy as CLI", icon="terminal", on=self._copy_cli)
        self.request_button = Button("Copy request ID", "ghost", "copy", on=self._copy_request)
        self._scope = label("", "label")
        self._wider = label("", "small", "text2")
        scope = QVBoxLayout()
        scope.setSpacing(0)
        scope.addWidget(self._scope, 0, Qt.AlignmentFlag.AlignRight)
        scope.addWidget(self._wider, 0, Qt.AlignmentFlag.AlignRight)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (self.grant_button, self.cli_button, self.request_button):
            buttons.addWidget(button)
        buttons.addStretch(1)
        buttons.addLayout(scope)
        inner = QVBoxLayout()
        inner.setContentsMargins(16, 12, 16, 14)
        inner.setSpacing(12)
        inner.addLayout(where)
        inner.addWidget(self.diff)
        inner.addLayout(buttons)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._head)
        column.addLayout(inner)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.hide()
        on_theme(self)

    def show_grant(
        self,
        grant: Grant,
        caller: str,
        allowed: Sequence[str],
        refused: str,
        request_id: str = "",
        wider: int = 0,
    ) -> None:
        """Say what ``caller`` may not do; ``allowed``: what the role may do it on already, ``refused``: how often.

        ``wider`` is how many actions a full-access policy would allow; 0: not known.
        """
        denial = grant.denial
        self.grant, self._request_id = grant, request_id
        target = _short(denial.resource)
        verb = "call" if denial.action == "sagemaker:InvokeEndpoint" else f"do {denial.action} on"
        self._title.setText(f"{caller} may not {verb} {target}")
        only = f"on {' and '.join(allowed)} only" if allowed else "nowhere"
        self._sentence.setText(f"Its role allows {denial.action} {only}. {refused}".strip())
        self._role.setText(grant.role)
        self._policy.setText(f"inline policy “{grant.policy_name}”")
        self.diff.set_lines(grant.diff)
        self._lines.setText(f"+{count(self.diff.added, 'line')}")
        kind = "endpoint" if ":endpoint/" in denial.resource else "resource"
        self._scope.setText(f"1 action on 1 {kind}")
        self._wider.setText(f"the full-access policy would add {wider:,}" if wider else "")
        self._wider.setVisible(wider > 0)
        self.request_button.setVisible(bool(request_id))
        self.setAccessibleName(f"{self._title.text()}. {self._sentence.text()}")
        self.show()

    def clear(self) -> None:
        """Show nothing."""
        self.grant = None
        self.hide()

    def _dismiss(self) -> None:
        self.clear()
        self.dismissed.emit()

    def _copy_cli(self) -> None:
        if self.grant is not None:
            QApplication.clipboard().setText(self.grant.cli)
            self.cli_button.setText(_COPIED)

    def _copy_request(self) -> None:
        QApplication.clipboard().setText(self._request_id)
        self.request_button.setText(_COPIED)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The frame, and the tint behind the head."""
        painter = QPainter(self)
        antialias(painter)
        colors, area = theme(), QRectF(self.rect())
        fill_rounded(painter, area, RADIUS_PANEL, colors.color("bg"))
        painter.save()
        painter.setClipPath(rounded_path(area, RADIUS_PANEL))
        painter.fillRect(QRectF(self._head.geometry()), colors.color("errTint"))
        painter.restore()
        stroke_rounded(painter, area, RADIUS_PANEL, colors.color("errLine"))


def _short(arn: str) -> str:
    """``dogs`` of ``arn:…:endpoint/dogs``; the whole text for what is no such ARN."""
    last = arn.rsplit(":", 1)[-1]
    return last.split("/", 1)[1] if last.startswith("endpoint/") else last
