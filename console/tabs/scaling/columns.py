"""Widgets in columns or in a line, as the pages Plan and Replay have them."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QVBoxLayout, QWidget

from console.look.theme import theme


class Columns(QBoxLayout):
    """Columns beside each other where the page has ``least`` pixels (of the ordinary font size), else below."""

    def __init__(self, least: int, spacing: int, parent: QWidget | None = None) -> None:
        super().__init__(QBoxLayout.Direction.LeftToRight, parent)
        self._least = least
        self.setContentsMargins(0, 0, 0, 0)
        self.setSpacing(spacing)

    def fit(self, width: int) -> None:
        """Place the columns for a page that is so many pixels wide."""
        beside = width >= theme().pixels(self._least)
        way = QBoxLayout.Direction.LeftToRight if beside else QBoxLayout.Direction.TopToBottom
        if self.direction() != way:
            self.setDirection(way)


def column(parts: Iterable[QWidget]) -> QWidget:
    """These below each other, at the top."""
    holder = QWidget()
    _fill(QVBoxLayout(holder), parts, 12)
    return holder


def line(*parts: QWidget) -> QWidget:
    """These beside each other, at the left."""
    holder = QWidget()
    _fill(QHBoxLayout(holder), parts, 8)
    return holder


def _fill(layout: QBoxLayout, parts: Iterable[QWidget], spacing: int) -> None:
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(spacing)
    for part in parts:
        layout.addWidget(part)
    layout.addStretch(1)
