"""How every picture of the window is painted: whole, in its own shape, with a hairline that ends a white one."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QImage, QPainter, QPixmap

from console.look.theme import RADIUS, theme
from console.widgets.base import draw_icon, fill_rounded, rounded_path, stroke_rounded
from console.widgets.pictures.thumbs import thumbnails

# Pixels.
_ICON = 24


def fitted(size: QSize, spot: QRectF) -> QRectF:
    """The largest place of the shape of ``size`` in the middle of ``spot``."""
    if size.isEmpty():
        return QRectF(spot)
    scale = min(spot.width() / size.width(), spot.height() / size.height())
    width, height = max(1.0, size.width() * scale), max(1.0, size.height() * scale)
    return QRectF(spot.center().x() - width / 2, spot.center().y() - height / 2, width, height)


def paint_fitted(painter: QPainter, spot: QRectF, picture: QPixmap | QImage, radius: float = RADIUS) -> QRectF:
    """The whole picture in the middle of ``spot``; returns its place."""
    place = fitted(picture.size(), spot)
    painter.save()
    painter.setClipPath(rounded_path(place, radius))
    if isinstance(picture, QImage):
        painter.drawImage(place, picture)
    else:
        painter.drawPixmap(place, picture, QRectF(picture.rect()))
    painter.restore()
    stroke_rounded(painter, place, radius, theme().color("text", 0.14))
    return place


def paint_missing(painter: QPainter, spot: QRectF, radius: float = RADIUS, icon: str = "") -> None:
    """A quiet box where a picture will be; with an icon, why there is none."""
    fill_rounded(painter, spot, radius, theme().color("track"))
    if icon:
        size = min(theme().pixels(_ICON), round(spot.width() / 2))
        center = spot.center()
        draw_icon(painter, center.x() - size / 2, center.y() - size / 2, size, icon, theme().color("text3"))


def paint_picture(painter: QPainter, spot: QRectF, source: Path | str, radius: float = RADIUS) -> None:
    """A picture of the thumbnail loader: a quiet box while it is decoded, a warning when it cannot be."""
    side = round(spot.width())
    ratio = painter.device().devicePixelRatioF()
    pixmap = thumbnails().get(source, side, ratio)
    if pixmap is not None:
        paint_fitted(painter, spot, pixmap, radius)
    else:
        paint_missing(painter, spot, radius, "warn" if thumbnails().failed(source, side, ratio) else "")
