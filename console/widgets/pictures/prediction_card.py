"""Cards of predictions: the picture, the truth, the verdict, and five classes with paired bars and percents.

``PredictionGrid`` shows any number of cards in columns and paints only those in sight::

    grid.set_cards([Card("1", path, "husky.jpg", truth="Siberian husky", answers=(None,))])
    grid.update_card(replace(card, answers=(Answer(labels, probabilities, 71.0),)))
    grid.currentChanged.connect(self.show_raw)          # key of the card, or ""

``PredictionCard`` is one card as a widget of its own. Series 1 is target A, series 2 B, series 3 C.
"""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QTextLayout
from PySide6.QtWidgets import QSizePolicy, QWidget

from console.look.theme import RADIUS_PANEL, theme
from console.models.cards import Bar, Card, bars, class_title, error_of, headline, latency_of, verdict
from console.models.format import milliseconds, percent
from console.models.states import State
from console.widgets.base import antialias, draw_icon, draw_text, fill_rounded, on_theme, text_width
from console.widgets.pictures.painting import paint_picture
from console.widgets.pictures.thumbs import thumbnails

# Pixels, as in the pictures of this screen.
PICTURE = 132
MARGIN = 8
_GAP = 14
_SERIES = ("series1", "series2", "series3")
_RIGHT = Qt.AlignmentFlag.AlignRight


def card_height() -> int:
    """Height of a card with its margin."""
    return theme().pixels(PICTURE) + 2 * MARGIN


def paint_card(painter: QPainter, area: QRectF, card: Card, *, selected: bool = False) -> None:
    """Paint a card into ``area``."""
    colors = theme()
    if selected:
        fill_rounded(painter, area, RADIUS_PANEL, colors.color("accentTint"))
    side = colors.pixels(PICTURE)
    spot = QRectF(area.left() + MARGIN, area.top() + MARGIN, side, side)
    paint_picture(painter, spot, card.source)
    body = QRectF(spot.right() + _GAP, spot.top(), area.right() - MARGIN - spot.right() - _GAP, side)
    if body.width() < colors.pixels(60):
        return
    top = body.top() + _paint_head(painter, body, card)
    rest = QRectF(body.left(), top, body.width(), body.bottom() - top)
    error = error_of(card)
    rows = bars(card)
    if error and not rows:
        _paint_error(painter, rest, error)
    elif rows:
        paint_rows(painter, rest, card, rows)
    elif card.answers and card.asking:
        _paint_waiting(painter, rest)


def _paint_head(painter: QPainter, body: QRectF, card: Card) -> float:
    colors = theme()
    height = colors.metrics("strong").height() + 4.0
    tone, words = verdict(card)
    right = body.right()
    if words:
        state = State(words, tone)
        right -= text_width(words, "small")
        draw_text(painter, QRectF(right, body.top(), 200, height), words, "small", colors.color(_verdict_ink(tone)))
        right -= colors.pixels(14) + 6
        y = body.top() + (height - colors.pixels(14)) / 2
        draw_icon(painter, right, y, colors.pixels(14), state.icon_name, colors.color(state.token))
        right -= 10
    latency = latency_of(card)
    if latency is not None:
        text = milliseconds(latency)
        wide = text_width(text, "small")
        if right - wide - text_width(headline(card), "strong") - 12 > body.left():
            right -= wide
            draw_text(painter, QRectF(right, body.top(), wide + 1, height), text, "small", colors.color("text3"))
            right -= 10
    title = QRectF(body.left(), body.top(), max(20.0, right - body.left()), height)
    draw_text(painter, title, headline(card), "strong", colors.color("text"))
    if headline(card) == card.name:
        return height + 6
    below = colors.metrics("caption").height()
    line = QRectF(body.left(), body.top() + height - 2, body.width(), below)
    middle = Qt.TextElideMode.ElideMiddle
    draw_text(painter, line, card.name, "caption", colors.color("text3"), elide=middle)
    return height + below + 2


def _verdict_ink(tone: str) -> str:
    return {"err": "err", "run": "accent"}.get(tone, "text2")


def paint_rows(painter: QPainter, area: QRectF, card: Card, rows: list[Bar]) -> None:
    """The most probable classes with a bar and a percentage for each endpoint."""
    colors = theme()
    ways = max(1, len(card.answers))
    line = min(area.height() / 5, colors.metrics("small").height() + 6.0)
    figure = text_width("100", "label") + 5
    bar_width = min(colors.pixels(64), area.width() * 0.2)
    bar_left = area.right() - ways * figure - 6 - bar_width
    best = [max((bar.values[way] or 0.0 for bar in rows), default=0.0) for way in range(ways)]
    for number, bar in enumerate(rows[: max(1, int(area.height() / line + 0.01))]):
        row = QRectF(area.left(), area.top() + number * line, area.width(), line)
        right_class = bool(card.truth) and bar.label == card.truth
        strong = right_class if card.truth else number == 0
        name = QRectF(row.left(), row.top(), max(10.0, bar_left - row.left() - 6), line)
        ink = colors.color("text" if strong else "text2")
        draw_text(painter, name, class_title(bar.label), "label" if strong else "small", ink)
        _paint_bars(painter, QRectF(bar_left, row.top(), bar_width, line), bar)
        for way, value in enumerate(bar.values):
            x = area.right() - (ways - way) * figure
            top = value is not None and value == best[way]
            text = percent(value) if value is not None else "–"
            role, tone = ("label", "text") if top else ("small", "text2")
            draw_text(painter, QRectF(x, row.top(), figure, line), text, role, colors.color(tone), _RIGHT)


def _paint_bars(painter: QPainter, area: QRectF, bar: Bar) -> None:
    ways = max(1, len(bar.values))
    thick, gap = {1: (6.0, 2.0), 2: (5.0, 2.0)}.get(ways, (4.0, 1.5))
    top = area.center().y() - (ways * thick + (ways - 1) * gap) / 2
    for way in range(ways):
        track = QRectF(area.left(), top + way * (thick + gap), area.width(), thick)
        fill_rounded(painter, track, 1.5, theme().color("track"))
        value = bar.values[way] if bar.values else None
        if value:
            done = QRectF(track.left(), track.top(), max(2.0, min(1.0, value) * track.width()), thick)
            fill_rounded(painter, done, 1.5, theme().color(_SERIES[way % len(_SERIES)]))


def _paint_error(painter: QPainter, area: QRectF, error: str) -> None:
    """As many lines as fit, the last one ended by an ellipsis; the raw answer has the rest."""
    font, line = theme().font("small"), theme().metrics("small").height()
    lines = max(1, int(area.height() // line))
    layout = QTextLayout(" ".join(error.split()), font)
    layout.beginLayout()
    for at in range(lines):
        row = layout.createLine()
        if not row.isValid():
            break
        row.setLineWidth(area.width())
        start = row.textStart()
        text = layout.text()[start:] if at == lines - 1 else layout.text()[start : start + row.textLength()]
        spot = QRectF(area.left(), area.top() + at * line, area.width(), line)
        draw_text(painter, spot, text.rstrip(), font, theme().color("text2"))
    layout.endLayout()


def _paint_waiting(painter: QPainter, area: QRectF) -> None:
    line = theme().metrics("small").height() + 6.0
    for number, share in enumerate((0.8, 0.62, 0.7, 0.45, 0.5)):
        color = theme().color("track", 1 - number * 0.16)
        bar = QRectF(area.left(), area.top() + number * line + line / 2 - 4, area.width() * share, 8)
        fill_rounded(painter, bar, 4, color)


def spoken(card: Card) -> str:
    """The card in words, for assistive technology."""
    rows = ", ".join(
        f"{class_title(bar.label)} {percent(max(v or 0 for v in bar.values))} percent" for bar in bars(card)
    )
    return ". ".join(part for part in (card.name, headline(card), verdict(card)[1], rows or error_of(card)) if part)


class PredictionCard(QWidget):
    """One card."""

    def __init__(self, card: Card, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._card = card
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        thumbnails().listeners.add(self._picture_ready)
        self.set_card(card)
        on_theme(self, self.updateGeometry)

    @property
    def card(self) -> Card:
        """What is shown."""
        return self._card

    def set_card(self, card: Card) -> None:
        """Show something else."""
        self._card = card
        self.setAccessibleName(spoken(card))
        self.update()

    def _picture_ready(self, source: str) -> None:
        if source == str(self._card.source):
            self.update()

    def sizeHint(self) -> QSize:
        """Picture and five rows."""
        return QSize(theme().pixels(400), card_height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """The card."""
        painter = QPainter(self)
        antialias(painter)
        paint_card(painter, QRectF(self.rect()), self._card)
