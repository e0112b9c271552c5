"""Pictures and folders that are dropped on the window or pasted into it, and where they go."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMimeData, QRectF, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from console.look.theme import PAGE_PADDING, RADIUS_PANEL, theme
from workers.files.folder_rules import is_picture

PASTED_NAME = "pasted.png"


def local_paths(mime: QMimeData | None) -> list[Path]:
    """The local files and folders of a drop or of the clipboard (whose data is None when it is empty)."""
    if mime is None:
        return []
    return [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]


def pictures(paths: Iterable[Path]) -> list[Path]:
    """Those that are named like pictures."""
    return [path for path in paths if is_picture(path.name)]


def image_bytes(mime: QMimeData | None) -> bytes | None:
    """The picture of ``mime`` as PNG bytes; None if there is none that can be read."""
    if mime is None or not mime.hasImage():
        return None
    image = mime.imageData()
    if not isinstance(image, QImage) or image.isNull():
        return None
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]
    return bytes(data.data())


class DropVeil(QWidget):
    """Shown over the page while something that can be used is dragged over the window."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._page = parent
        self.text = ""
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def show_text(self, text: str) -> None:
        """Cover the parent and say what a drop would do."""
        self.text = text
        self.setGeometry(self._page.rect())
        self.show()
        self.raise_()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """A dashed frame and one line of text."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), theme().color("bg", 0.86))
        frame = QRectF(self.rect()).adjusted(PAGE_PADDING, PAGE_PADDING, -PAGE_PADDING, -PAGE_PADDING)
        painter.setBrush(theme().color("accentTint"))
        painter.setPen(QPen(theme().color("accentFill"), 2, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(frame, RADIUS_PANEL, RADIUS_PANEL)
        painter.setPen(theme().color("accent"))
        painter.setFont(theme().font("section"))
        painter.drawText(frame, int(Qt.AlignmentFlag.AlignCenter), self.text)
