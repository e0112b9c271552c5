"""The tags of the chosen job in one line: as many as fit, the others counted, and a button to change them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from console.look.theme import theme
from console.models.columns import natural_key
from console.tabs.training.tags.dialog import TagsDialog
from console.widgets.base import antialias, draw_text, fill_rounded, on_theme, text_width
from console.widgets.forms.buttons import Button
from workers.errors.tree import SageDeckError

if TYPE_CHECKING:
    from console.context import AppContext
    from workers.services import Services

OWN_PREFIX = "sagedeck:"
# Pixels within and between chips.
_PAD, _GAP = 8, 6


def in_order(tags: Mapping[str, str]) -> dict[str, str]:
    """The operator's own tags before those that this program and AWS set."""
    return dict(sorted(tags.items(), key=lambda tag: (tag[0].startswith((OWN_PREFIX, "aws:")), natural_key(tag[0]))))


class TagChips(QWidget):
    """``set_tags`` shows the operator's own as chips; those that do not fit are a number. The tool tip has them all,
    with those that this program and AWS set.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._texts: list[str] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        on_theme(self, self.updateGeometry)

    @property
    def texts(self) -> list[str]:
        """What the chips say."""
        return list(self._texts)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Show these."""
        texts = {key: f"{key}={value}" if value else key for key, value in in_order(tags).items()}
        self._texts = [text for key, text in texts.items() if not key.startswith((OWN_PREFIX, "aws:"))]
        self.setAccessibleName("Tags: " + ", ".join(self._texts) if self._texts else "No tags")
        self.setToolTip("\n".join(texts.values()))
        self.update()

    def sizeHint(self) -> QSize:
        """One line of chips."""
        return QSize(theme().pixels(200), theme().metrics("small").height() + 6)

    def minimumSizeHint(self) -> QSize:
        """The chips give way."""
        return QSize(theme().pixels(40), self.sizeHint().height())

    def shown(self) -> int:
        """How many chips fit."""
        x, fits = 0.0, 0
        more = text_width(f"+{len(self._texts)}", "small")
        for at, text in enumerate(self._texts):
            x += text_width(text, "small") + 2 * _PAD + _GAP
            if x + (0 if at == len(self._texts) - 1 else more) > self.width():
                break
            fits += 1
        return fits

    def paintEvent(self, event: QPaintEvent) -> None:
        """The chips."""
        painter = QPainter(self)
        antialias(painter)
        colors, height = theme(), float(self.height())
        x, fits = 0.0, self.shown()
        for text in self._texts[:fits]:
            width = text_width(text, "small") + 2 * _PAD
            quiet = text.startswith((OWN_PREFIX, "aws:"))
            fill_rounded(painter, QRectF(x, 0, width, height), height / 2, colors.color("hover"))
            box = QRectF(x + _PAD, 0, width - _PAD, height)
            draw_text(painter, box, text, "small", colors.color("text3" if quiet else "text2"))
            x += width + _GAP
        if fits < len(self._texts):
            box = QRectF(x, 0, self.width() - x, height)
            draw_text(painter, box, f"+{len(self._texts) - fits}", "small", colors.color("text3"))


class TagLine(QWidget):
    """Reads the tags of the job given by ``show_job`` once and after each change.

    Signals: ``changed(str arn, dict tags)`` when the tags of a job were read.
    """

    changed = Signal(str, object)

    def __init__(self, ctx: AppContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ctx = ctx
        self._job = ("", "", "")
        self.tags: dict[str, str] = {}
        self.chips = TagChips()
        self.button = Button("Tags…", "link", small=True, on=self.edit)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(8)
        line.addWidget(self.button)
        line.addWidget(self.chips, 1)
        ctx.resourceChanged.connect(self._resource_changed)

    def show_job(self, kind: str, name: str, arn: str) -> None:
        """Show the tags of this job; the same one again keeps what was read."""
        if self._job == (kind, name, arn):
            return
        self._job, self.tags = (kind, name, arn), {}
        self.chips.set_tags({})
        self.button.hinder("The tags are being read")
        self._read()

    def _read(self) -> None:
        if self._job[2]:
            self._ctx.with_services(
                self._ask, self._job[2], label="Read the tags", key="training:tags", on_error=self._failed
            )

    async def _ask(self, services: Services, arn: str) -> None:
        tags = await services.tags.of(arn)
        if arn == self._job[2]:
            self.tags = tags
            self.chips.set_tags(tags)
            self.button.hinder("")
            self.button.setText("Tags…" if tags else "Add tags…")
        self.changed.emit(arn, tags)

    def _failed(self, error: BaseException) -> None:
        """The job is worth showing without its tags; the tool tip says why there are none."""
        words = error.message if isinstance(error, SageDeckError) else str(error)
        self.button.setText("Tags could not be read")
        self.button.hinder(words)

    def edit(self) -> None:
        """Change the tags of the job shown."""
        self._ctx.tasks.start(self._edit(), label="Change the tags", key="training:edit-tags")

    async def _edit(self) -> None:
        kind, name, arn = self._job
        dialog = TagsDialog(kind, name, arn, in_order(self.tags), self.window())
        if await dialog.ask():
            await self._ctx.run(dialog.command)

    def _resource_changed(self, kind: str, name: str) -> None:
        if kind == "tags" and name == self._job[2]:
            self._read()
