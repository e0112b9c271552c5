"""Icons: SVG outlines of ``resources/icons`` drawn in any colour and size, sharp at every pixel ratio.

An icon is named by what it means here (``"endpoints"``, ``"warn"``), never by its file's origin. The stroke is
1.5 px at 20 px and more, a little thinner below, whatever the size.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

import resources

FOLDER = Path(resources.__path__[0]) / "icons"
# The icons are drawn on 24 by 24 units, for screens of one and of two pixels a point.
GRID = 24.0
RATIOS = (1.0, 2.0)
STROKE_ATTRIBUTE = 'stroke-width="1.8"'


def names() -> list[str]:
    """Every icon that ``icon``, ``pixmap`` and ``paint`` know."""
    return sorted(path.stem for path in FOLDER.glob("*.svg"))


@lru_cache(maxsize=256)
def _source(name: str) -> str:
    try:
        return (FOLDER / f"{name}.svg").read_text("utf-8")
    except FileNotFoundError:
        raise KeyError(f"no icon is named {name!r}; there are {', '.join(names())}") from None


def stroke_pixels(size: float) -> float:
    """Stroke width in pixels for an icon of ``size`` pixels."""
    return 1.5 if size >= 20 else 1.35


def svg(name: str, color: str, size: float = 20) -> str:
    """The icon's SVG text in ``color`` (``#rrggbb``) with the stroke for ``size`` pixels. KeyError if unknown."""
    stroke = f'stroke-width="{stroke_pixels(size) * GRID / size:.3f}"'
    text = _source(name)
    if name != "logo":
        text = text.replace(STROKE_ATTRIBUTE, stroke)
    return text.replace("currentColor", color)


@lru_cache(maxsize=512)
def _renderer(name: str, color: str, size: float) -> QSvgRenderer:
    return QSvgRenderer(QByteArray(svg(name, color, size).encode()))


def paint(painter: QPainter, rect: QRectF, name: str, color: QColor | str) -> None:
    """Draw the icon into ``rect`` (device independent pixels) of whatever ``painter`` paints on."""
    value = QColor(color)
    opacity = painter.opacity()
    painter.setOpacity(opacity * value.alphaF())
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    _renderer(name, value.name(), rect.width()).render(painter, rect)
    painter.setOpacity(opacity)


@lru_cache(maxsize=1024)
def _pixmap(name: str, argb: str, size: int, ratio: float) -> QPixmap:
    image = QPixmap(QSize(round(size * ratio), round(size * ratio)))
    image.setDevicePixelRatio(ratio)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    paint(painter, QRectF(0, 0, size, size), name, argb)
    painter.end()
    return image


def pixmap(name: str, color: QColor | str, size: int = 16, ratio: float = 1.0) -> QPixmap:
    """The icon as a pixmap of ``size`` device independent pixels, cached by name, colour, size and pixel ratio."""
    return _pixmap(name, QColor(color).name(QColor.NameFormat.HexArgb), size, ratio)


def icon(name: str, color: QColor | str, size: int = 16, disabled: QColor | str | None = None) -> QIcon:
    """The icon as a QIcon for buttons and menus; ``disabled`` is the colour of its disabled state."""
    made = QIcon()
    for ratio in RATIOS:
        made.addPixmap(pixmap(name, color, size, ratio))
        if disabled is not None:
            made.addPixmap(pixmap(name, disabled, size, ratio), QIcon.Mode.Disabled)
    return made
