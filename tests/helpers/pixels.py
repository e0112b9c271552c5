"""Colours on the screen, by the points that widgets reckon with, whatever the screen's scale."""

from __future__ import annotations

from PySide6.QtCore import QPoint
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget


def color_at(widget: QWidget, spot: QPoint) -> QColor:
    """The colour that ``widget`` paints at ``spot``."""
    image = widget.grab().toImage()
    return image.pixelColor(spot * image.devicePixelRatioF())
