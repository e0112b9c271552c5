"""What a role may and what of it was used, and the policy that it would have instead."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication, QFrame, QWidget

from console.context import READ_ONLY
from console.look.theme import theme
from console.models.format import ago, count
from console.widgets.base import label, screen_area
from console.widgets.forms.buttons import Button
from console.widgets.frames.banner import Banner
from console.widgets.frames.dialog import Dialog
from console.widgets.frames.scroll_area import ScrollArea
from console.widgets.text.key_values import KeyValues
from console.widgets.text.policy_diff import PolicyDiff
from workers.security.narrowing import RoleUse

# Pixels: an action with its service, twice side by side.
_WIDTH = 560
# What the policy takes of the screen at most.
_MOST_OF_SCREEN = 0.35


class RoleDialog(Dialog):
    """Accepted when the operator wants the role narrowed to ``use``; the sentence says what may stop working."""

    def __init__(self, role: str, *, may_change: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(f"Narrow the role {role}", "Reading what it used…", width=_WIDTH, parent=parent)
        self.role = role
        self.use: RoleUse | None = None
        self._may_change = may_change
        self._banner = Banner("err")
        self._banner.hide()
        self.facts = KeyValues()
        self.facts.hide()
        self._goes = label("", "small", "text2", wrap=True)
        self._goes.hide()
        self.diff = PolicyDiff()
        self._scroll = ScrollArea("The policy that takes their place")
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setWidget(self.diff)
        self._scroll.hide()
        for part in (self._banner, self.facts, self._goes, self._scroll):
            self.body.addWidget(part)
        self.copy_button = Button("Copy as CLI", "ghost", "terminal", on=self._copy)
        self.copy_button.hide()
        self.cancel_button = Button("Cancel", on=self.reject)
        self.narrow_button = Button("Narrow", "primary", "shield", on=self.accept)
        self.narrow_button.hinder("What the role uses is not read yet")
        self.buttons.addWidget(self.copy_button)
        self.buttons.addStretch(1)
        self.buttons.addWidget(self.cancel_button)
        self.buttons.addWidget(self.narrow_button)
        self.cancel_button.setDefault(True)

    def show_use(self, use: RoleUse) -> None:
        """Show what was read."""
        self.use = use
        used = use.used
        told = f"It may use {count(len(use.services), 'service')} and used {len(used):,}, as far as AWS looks back."
        change = use.change
        self.sentence.setText(f"{told} {change.sentence}" if change is not None else f"{told} Nothing in it is broad.")
        self.facts.set_rows([(service.name, ago(service.last)) for service in used if service.last is not None])
        self.facts.setVisible(bool(used))
        if change is not None:
            gone = [arn.rsplit("/", 1)[-1] for arn in change.detach] + list(change.remove)
            instead = f" In their place comes {change.policy}:" if change.document is not None else ""
            self._goes.setText(f"Taken away: {', '.join(gone)}.{instead}")
            self._goes.show()
            self.diff.set_lines(use.diff, whole=True)
            self._scroll.setVisible(change.document is not None)
            self.copy_button.show()
            self.narrow_button.allow(self._may_change, READ_ONLY)
        self._fit()

    def show_error(self, error: BaseException) -> None:
        """What it used could not be read: nothing is offered."""
        from console.widgets.frames.banner import error_words

        title, sentence, details = error_words(error)
        self.sentence.setText("What it used is not known, so it cannot be narrowed to that.")
        self._banner.set_content("err", title, sentence, details=details)
        self._banner.show()
        self._fit()

    def _fit(self) -> None:
        if not self._scroll.isHidden():
            most = round(screen_area(self).height() * _MOST_OF_SCREEN)
            self._scroll.setFixedHeight(min(self.diff.sizeHint().height(), max(most, theme().pixels(120))))
        super()._fit()

    def _copy(self) -> None:
        if self.use is not None and self.use.change is not None:
            QApplication.clipboard().setText(self.use.change.cli)
            self.copy_button.setText("Copied")
            self.copy_button.set_icon("check")
