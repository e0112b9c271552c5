"""The foot of the bucket panel: the object selected, larger, and what can be done with it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Signal
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from console.context import AppContext
from console.look.theme import theme
from console.models.format import bytes_text
from console.tabs.data.bucket import BucketBrowser
from console.tabs.data.object_thumbs import ObjectThumbs
from console.tabs.data.rows import ObjectRow
from console.widgets.base import ElidedLabel, antialias, label, on_theme, set_tone
from console.widgets.forms.buttons import Button
from console.widgets.pictures.painting import paint_fitted, paint_missing
from console.widgets.pictures.reading import Reading, read_fitting
from workers.errors.tree import SageDeckError
from workers.types import ObjectPreview

if TYPE_CHECKING:
    from workers.services import Services

# Pixels: four lines of facts beside it are as high.
SIDE = 88


class _Picture(QWidget):
    lookWanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.image: QImage | None = None
        self.icon = "image"
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        on_theme(self, self.updateGeometry)

    def sizeHint(self) -> QSize:
        return QSize(theme().pixels(SIDE), theme().pixels(SIDE))

    def show_image(self, image: QImage | None, icon: str = "image") -> None:
        self.image, self.icon = image, icon
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.lookWanted.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        antialias(painter)
        rect = QRectF(self.rect())
        if self.image is None or self.image.isNull():
            paint_missing(painter, rect, icon=self.icon)
        else:
            paint_fitted(painter, rect, self.image)


class ObjectPreviewPanel(QWidget):
    """Hidden while nothing is selected. Signals: ``downloadWanted()``, ``deleteWanted()``, ``lookWanted(row)``."""

    downloadWanted = Signal()
    deleteWanted = Signal()
    lookWanted = Signal(object)

    def __init__(
        self, ctx: AppContext, browser: BucketBrowser, thumbs: ObjectThumbs, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._ctx, self._browser, self._thumbs = ctx, browser, thumbs
        self._rows: list[ObjectRow] = []
        self._picture = _Picture()
        self._name = ElidedLabel("", "strong", middle=True)
        self._picture.lookWanted.connect(lambda: self.lookWanted.emit(self._rows[0]))
        self._facts = label("", "small", "text2")
        self._hash = label("", "small", "text2")
        self._hash.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.download_button = Button("Download", icon="download", small=True, on=self.downloadWanted.emit)
        self.delete_button = Button("Delete…", "dangerText", "trash", small=True, on=self.deleteWanted.emit)
        line = QFrame()
        line.setProperty("panel", "line")
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.download_button)
        buttons.addWidget(self.delete_button)
        buttons.addStretch(1)
        words = QVBoxLayout()
        words.setSpacing(2)
        for part in (self._name, self._facts, self._hash):
            words.addWidget(part)
        words.addSpacing(4)
        words.addLayout(buttons)
        row = QHBoxLayout()
        row.setSpacing(16)
        row.addWidget(self._picture)
        row.addLayout(words, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(line)
        column.addLayout(row)
        ctx.readOnlyChanged.connect(lambda _: self.delete_button.hinder(ctx.hindrance))
        self.show_rows([])

    @property
    def facts(self) -> tuple[str, str, str]:
        """Name, type and size, and what is known of the checksum, as shown."""
        return self._name.text(), self._facts.text(), self._hash.text()

    def show_rows(self, rows: Sequence[ObjectRow]) -> None:
        """Show the first of these entries; hide for none."""
        first = rows[0] if rows else None
        before = self._rows[0] if self._rows else None
        self._rows = list(rows)
        self.setVisible(first is not None)
        if first is None:
            return
        objects = [row for row in rows if not row.is_folder]
        more = f" and {len(rows) - 1:,} more" if len(rows) > 1 else ""
        self._name.setText(first.name + ("/" if first.is_folder else "") + more)
        self._name.setToolTip(first.key)
        apart = "Files are downloaded, folders are not: open one and choose"
        self.download_button.hinder("" if objects else apart)
        if objects:
            self.download_button.setToolTip("" if len(objects) == len(rows) else f"{apart}.")
        self.delete_button.hinder(self._ctx.hindrance)
        self.delete_button.setText("Delete…" if len(rows) == 1 else f"Delete {len(rows):,}…")
        if first == before:
            return
        self._hash.setText("")
        self._picture.show_image(None, "folder" if first.is_folder else "image" if first.is_picture else "file")
        if first.is_folder:
            self._facts.setText("Folder")
            return
        self._facts.setText(bytes_text(first.size or 0))
        self._ctx.with_services(
            self._read,
            self._browser.name,
            first,
            label=f"Opening {first.name}",
            key="data:preview",
            on_error=self._failed,
        )

    async def _read(self, services: Services, bucket: str, row: ObjectRow) -> None:
        shown = await services.storage.preview(bucket, row.key)
        image, facts = await asyncio.to_thread(_decode, shown, theme().pixels(SIDE), self.devicePixelRatioF())
        self._facts.setText(facts)
        self._picture.show_image(image, "image" if row.is_picture else "file")
        local = self._thumbs.local(bucket, row)
        words, tone = await asyncio.to_thread(_compare, shown.sha256, local)
        self._hash.setText(words)
        self._hash.setToolTip(f"SHA-256 {shown.sha256}" if shown.sha256 else "")
        set_tone(self._hash, tone)

    def _failed(self, error: BaseException) -> None:
        if isinstance(error, SageDeckError):
            self._facts.setText(error.message)
        else:
            raise error


def _decode(shown: ObjectPreview, side: int, ratio: float) -> tuple[QImage | None, str]:
    pixels = round(side * ratio)
    found = Reading() if shown.truncated else read_fitting(shown.data, pixels, pixels)
    size = f", {found.width:,} × {found.height:,} px" if found.width else ""
    facts = f"{shown.content_type}{size}, {bytes_text(shown.size)}"
    return (None if found.image.isNull() else found.image), facts


def _compare(sha256: str | None, local: Path | None) -> tuple[str, str]:
    if not sha256:
        return "no SHA-256 is kept for it", "text2"
    if local is None:
        return f"sha-256 {sha256[:12]}…", "text2"
    try:
        with local.open("rb") as file:
            same = hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return f"sha-256 {sha256[:12]}…", "text2"
    return ("sha-256 matches the local file", "text2") if same else ("differs from the local file", "warn")
