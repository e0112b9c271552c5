"""A live log that stays fast: only the lines in sight are painted, new ones are taken in batches.

``view.append([LogLine(at, text)])`` or ``view.append_events(events)`` (anything with ``at`` and ``message``) as often
as lines come: they are painted at most 15 times a second. The view follows the end until one scrolls up, and again once
one scrolls back down. ``search(text)`` counts matching lines, ``search_next`` goes round. Ctrl+C copies the selection.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QMenu, QWidget

from console.look.theme import RADIUS_PANEL, theme
from console.models.log import LogBuffer, LogLine, LogSearch
from console.models.log_rows import NARROWEST, LogRows
from console.widgets.base import antialias, draw_text, fill_rounded, focus_ring, on_theme
from console.widgets.text.log_lines import PAD_X, PAD_Y, LogType, Marks, Place, Row

# Lines come by the thousand; 15 times a second looks fluent.
_BATCH_MS = 66
# The last lines of a traceback.
LEAST_LINES = 7


class LogView(QAbstractScrollArea):
    """``rows`` counts the rows that the lines take, ``typeface`` measures their text.

    Signals: ``followingChanged(bool)``, ``matchesChanged(int position, int count)`` (position from 1, 0: none),
    ``findRequested()`` after Ctrl+F.
    """

    followingChanged = Signal(bool)
    matchesChanged = Signal(int, int)
    findRequested = Signal()

    def __init__(self, *, most_lines: int = 200_000, name: str = "Log", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buffer = LogBuffer(most_lines)
        self._search = LogSearch(self.buffer)
        self.rows = LogRows()
        self._wrapped = False
        self._incoming: list[LogLine] = []
        self._following = True
        self._live = False
        self._placeholder = ""
        self._widest = 0.0
        self._anchor: Place | None = None
        self._cursor: Place | None = None
        self._match: int | None = None
        self._wheel_rest = 0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_BATCH_MS)
        self._timer.timeout.connect(self._take)
        self._search_timer = QTimer(self)
        self._search_timer.setInterval(0)
        self._search_timer.timeout.connect(self._search_on)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setCursor(Qt.CursorShape.IBeamCursor)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)
        self._dress()
        on_theme(self, self._dress)

    def _dress(self) -> None:
        self.typeface = LogType()
        self._count_rows()
        self._place_bars()
        self.updateGeometry()
        self.viewport().update()

    # Lines

    def append(self, lines: Iterable[LogLine]) -> None:
        """Add lines at the end; they appear with the next batch."""
        self._incoming.extend(lines)
        if self._incoming and not self._timer.isActive():
            self._timer.start()

    def append_events(self, events: Iterable[Any]) -> None:
        """Add log events, objects with ``at`` and ``message``."""
        self.append(LogLine(event.at, event.message) for event in events)

    def append_text(self, text: str) -> None:
        """Add a line without a time."""
        self.append([LogLine(None, text)])

    def clear(self) -> None:
        """Drop all lines, for example to show another log."""
        self._incoming.clear()
        self.buffer.clear()
        self.rows.reset((), self.rows.columns)
        self._anchor = self._cursor = self._match = None
        self._widest = 0.0
        self._search.start(self._search.needle)
        self._place_bars()
        self.set_following(True)
        self.viewport().update()

    def flush(self) -> None:
        """Take waiting lines now."""
        self._timer.stop()
        self._take()

    def set_placeholder(self, text: str) -> None:
        """What to say while there is no line."""
        self._placeholder = text
        self.viewport().update()

    def set_live(self, live: bool) -> None:
        """While live, the last line is painted in the accent colour."""
        self._live = live
        self.viewport().update()

    def text(self) -> str:
        """All lines kept, with their times."""
        return "\n".join(_plain(line) for line in self.buffer.slice(self.buffer.first, self.buffer.end))

    def _take(self) -> None:
        lines, self._incoming = self._incoming, []
        if not lines:
            return
        before = self.buffer.end
        gone = self.buffer.extend(lines)
        fresh = self.buffer.slice(before, self.buffer.end)
        dropped = self.rows.drop(min(gone, len(self.rows)))
        self.rows.add(line.text for line in fresh)
        longest = max((len(line.text) for line in fresh), default=0)
        self._widest = max(self._widest, longest * self.typeface.advance + self.typeface.clock_width)
        bar = self.verticalScrollBar()
        value = bar.value()
        self._place_bars()
        if self._following:
            bar.setValue(bar.maximum())
        elif dropped:
            bar.setValue(max(0, value - dropped))
        if not self._search.done and not self._search_timer.isActive():
            self._search_on()
        self.viewport().update()

    # Wrapping

    @property
    def wrapped(self) -> bool:
        """True while long lines go on in the next row."""
        return self._wrapped

    def set_wrapped(self, wrapped: bool) -> None:
        """Let long lines go on in the next row, or run out to the right."""
        if wrapped != self._wrapped:
            self._wrapped = wrapped
            self._rewrap()

    def _rewrap(self) -> None:
        """Another width: the line at the top stays there."""
        following, top = self._following, self.rows.at(self.verticalScrollBar().value())[0] if len(self.rows) else 0
        self._count_rows()
        self._place_bars()
        if following:
            self.set_following(True)
        elif len(self.rows):
            self.verticalScrollBar().setValue(self.rows.first_row(top))
        self.viewport().update()

    def _columns(self) -> int:
        room = self.viewport().width() - 2 * PAD_X - self.typeface.clock_width
        return max(NARROWEST, int(room / self.typeface.advance)) if self._wrapped else 0

    def _count_rows(self) -> None:
        self.rows.reset((line.text for line in self.buffer.slice(self.buffer.first, self.buffer.end)), self._columns())

    # Following and scroll bars; the vertical one counts rows

    @property
    def following(self) -> bool:
        """True while the end stays in sight."""
        return self._following

    def set_following(self, following: bool) -> None:
        """Follow the end, or stay."""
        if following:
            self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())
        if following != self._following:
            self._following = following
            self.followingChanged.emit(following)

    @property
    def search_done(self) -> bool:
        """True once every line was searched for the text of ``search``."""
        return self._search.done

    def visible_lines(self) -> int:
        """How many rows there is room for, at least one."""
        return max(1, int((self.viewport().height() - 2 * PAD_Y) // self.typeface.line_height))

    def _place_bars(self) -> None:
        bar = self.verticalScrollBar()
        blocked = bar.blockSignals(True)
        bar.setPageStep(self.visible_lines())
        bar.setRange(0, max(0, self.rows.total - self.visible_lines()))
        bar.blockSignals(blocked)
        side = self.horizontalScrollBar()
        side.setPageStep(self.viewport().width())
        side.setSingleStep(round(self.typeface.advance * 4))
        out = 0 if self._wrapped else round(self._widest + 2 * PAD_X - self.viewport().width())
        side.setRange(0, max(0, out))

    def _scrolled(self, value: int) -> None:
        following = value >= self.verticalScrollBar().maximum()
        if following != self._following:
            self._following = following
            self.followingChanged.emit(following)
        self.viewport().update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another size: other scroll ranges."""
        super().resizeEvent(event)
        if self._columns() != self.rows.columns:
            self._rewrap()
            return
        following = self._following
        self._place_bars()
        if following:
            self.set_following(True)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Three lines a notch; fractions of touch pads add up."""
        if abs(event.angleDelta().x()) > abs(event.angleDelta().y()):
            super().wheelEvent(event)
            return
        self._wheel_rest += event.angleDelta().y()
        lines, self._wheel_rest = int(self._wheel_rest / 40), self._wheel_rest - int(self._wheel_rest / 40) * 40
        bar = self.verticalScrollBar()
        before = bar.value()
        bar.setValue(before - lines)
        event.setAccepted(bar.value() != before or bar.maximum() > 0)

    def sizeHint(self) -> QSize:
        """Ten lines of eighty characters."""
        width = round(self.typeface.advance * 80) + 2 * PAD_X
        return QSize(width, 10 * self.typeface.line_height + 2 * PAD_Y)

    def minimumSizeHint(self) -> QSize:
        """Fewer lines than these are of no use."""
        width = round(self.typeface.advance * 24) + 2 * PAD_X
        bar = self.horizontalScrollBar().sizeHint().height()
        return QSize(width, LEAST_LINES * self.typeface.line_height + 2 * PAD_Y + bar)

    # Find

    def search(self, text: str) -> None:
        """Look for lines that contain ``text``; ``matchesChanged`` tells the count as it grows."""
        self._search.start(text)
        self._match = None
        if text:
            self._search_timer.start()
        else:
            self._search_timer.stop()
        self.matchesChanged.emit(0, 0)
        self.viewport().update()

    def search_next(self, *, backwards: bool = False) -> None:
        """Show the next matching line, going round at the end."""
        start = self._match
        if start is None:
            top = self.buffer.first + self.rows.at(self.verticalScrollBar().value())[0]
            start = top + self.visible_lines() if backwards else top - 1
        found = self._search.next_from(start, backwards=backwards)
        if found is None:
            return
        self._match = found
        self.set_following(False)
        row = self.rows.first_row(found - self.buffer.first)
        self.verticalScrollBar().setValue(row - self.visible_lines() // 2)
        self.matchesChanged.emit(self._search.matches.index(found) + 1, len(self._search.matches))
        self.viewport().update()

    def _search_on(self) -> None:
        if self._search.step():
            self._search_timer.start()
        else:
            self._search_timer.stop()
        position = 0
        if self._match is not None and self._match in self._search.matches:
            position = self._search.matches.index(self._match) + 1
        self.matchesChanged.emit(position, len(self._search.matches))
        self.viewport().update()

    # Selection

    def _place_at(self, point: QPointF) -> Place:
        row = int((point.y() - PAD_Y) // self.typeface.line_height)
        row += self.verticalScrollBar().value()
        if row < 0:
            return self.buffer.first, 0
        if row >= self.rows.total:
            last = self.buffer.end - 1
            return last, len(self.buffer.line(last).text)
        shown = self.row(row)
        x = point.x() - PAD_X + self.horizontalScrollBar().value() - self.typeface.clock_width
        text = shown.line.text[shown.begin : shown.end]
        return shown.number, shown.begin + self.typeface.character_at(text, x)

    def row(self, at: int) -> Row:
        """What stands in a row, counted from the first line kept."""
        line, part = self.rows.at(at)
        number = self.buffer.first + line
        entry = self.buffer.line(number)
        return Row(number, entry, *self.rows.part(entry.text, part))

    def selection(self) -> tuple[Place, Place] | None:
        """First and last place selected (line number, character), or ``None``."""
        if self._anchor is None or self._cursor is None or self._anchor == self._cursor:
            return None
        first, last = min(self._anchor, self._cursor), max(self._anchor, self._cursor)
        if last[0] < self.buffer.first:
            return None
        return max(first, (self.buffer.first, 0)), last

    def selected_text(self) -> str:
        """The text selected; whole lines in the middle come with their time."""
        span = self.selection()
        if span is None:
            return ""
        (first, begin), (last, end) = span
        lines = self.buffer.slice(first, last + 1)
        if len(lines) == 1:
            return lines[0].text[begin:end]
        texts = [_plain(line) for line in lines]
        texts[0] = texts[0] if begin == 0 else lines[0].text[begin:]
        cut = len(lines[-1].text) - end
        texts[-1] = texts[-1][: len(texts[-1]) - cut]
        return "\n".join(texts)

    def select_all(self) -> None:
        """Select every line kept."""
        if len(self.buffer):
            last = self.buffer.end - 1
            self._anchor, self._cursor = (self.buffer.first, 0), (last, len(self.buffer.line(last).text))
            self.viewport().update()

    def copy(self) -> None:
        """Put the selected text on the clipboard, or everything when nothing is selected."""
        QApplication.clipboard().setText(self.selected_text() or self.text())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a selection; with Shift, extend it."""
        if event.button() == Qt.MouseButton.LeftButton and len(self.buffer):
            place = self._place_at(event.position())
            if not (event.modifiers() & Qt.KeyboardModifier.ShiftModifier and self._anchor is not None):
                self._anchor = place
            self._cursor = place
            self.viewport().update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Extend the selection; beyond the edges the log scrolls."""
        if event.buttons() & Qt.MouseButton.LeftButton and self._anchor is not None and len(self.buffer):
            y = event.position().y()
            bar = self.verticalScrollBar()
            if y < 0:
                bar.setValue(bar.value() - 1)
            elif y > self.viewport().height():
                bar.setValue(bar.value() + 1)
            self._cursor = self._place_at(event.position())
            self.viewport().update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Select the line under the pointer."""
        if len(self.buffer):
            number, _ = self._place_at(event.position())
            self._anchor, self._cursor = (number, 0), (number, len(self.buffer.line(number).text))
            self.viewport().update()

    # Keys and menu

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy, select all, find, and the scrolling keys."""
        bar = self.verticalScrollBar()
        moves = {
            Qt.Key.Key_Up: bar.value() - 1,
            Qt.Key.Key_Down: bar.value() + 1,
            Qt.Key.Key_PageUp: bar.value() - bar.pageStep(),
            Qt.Key.Key_PageDown: bar.value() + bar.pageStep(),
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: bar.maximum(),
        }
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.matches(QKeySequence.StandardKey.SelectAll):
            self.select_all()
        elif event.matches(QKeySequence.StandardKey.Find):
            self.findRequested.emit()
        elif event.key() == Qt.Key.Key_F3:
            self.search_next(backwards=bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
        elif event.key() in moves:
            bar.setValue(moves[Qt.Key(event.key())])
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Copy, select all, follow."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        words = "Copy" if self.selection() is not None else "Copy all"
        menu.addAction(theme().icon("copy"), words).triggered.connect(self.copy)
        menu.addAction("Select all").triggered.connect(self.select_all)
        follow = menu.addAction("Follow")
        follow.setCheckable(True)
        follow.setChecked(self._following)
        follow.triggered.connect(self.set_following)
        wrap = menu.addAction("Wrap long lines")
        wrap.setCheckable(True)
        wrap.setChecked(self._wrapped)
        wrap.triggered.connect(self.set_wrapped)
        menu.popup(event.globalPos())

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the focus ring."""
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take the focus ring away."""
        super().focusOutEvent(event)
        self.viewport().update()

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """The lines in sight on a sunken panel."""
        painter = QPainter(self.viewport())
        antialias(painter)
        area = QRectF(self.viewport().rect())
        fill_rounded(painter, area, RADIUS_PANEL, theme().color("sunken"))
        if not len(self.buffer):
            box = area.adjusted(PAD_X, PAD_Y, -PAD_X, -PAD_Y)
            ink = theme().color("text3")
            draw_text(painter, box, self._placeholder, "small", ink, Qt.AlignmentFlag.AlignHCenter)
        else:
            painter.save()
            painter.setClipRect(area.adjusted(4, 2, -4, -2))
            self._paint_lines(painter)
            painter.restore()
        if self.hasFocus():
            focus_ring(painter, area, RADIUS_PANEL)

    def _paint_lines(self, painter: QPainter) -> None:
        first = self.verticalScrollBar().value()
        rows = [self.row(at) for at in range(first, min(self.rows.total, first + self.visible_lines() + 1))]
        live = self.buffer.end - 1 if self._live else None
        marks = Marks(self.selection(), self._search.needle, self._match, live)
        self.typeface.paint(painter, rows, self.horizontalScrollBar().value(), self.viewport().width(), marks)


def _plain(line: LogLine) -> str:
    return f"{line.clock} {line.text}" if line.at is not None else line.text
