"""The palette (Ctrl+K): one line to type in, and everything that fits it: actions, tabs, resources, settings.

It lies over the page and is not modal. Up and Down choose, Return does it, Escape closes and gives the keyboard back.
What was used last in this account stands first. The account's resources come from what has been read already; what is
missing is read meanwhile and comes in.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from console.context import NO_ACCOUNT
from console.links import SCHEME
from console.look.theme import ICON, RADIUS, theme
from console.models.fuzzy import Finder
from console.widgets.base import antialias, draw_icon, draw_text, fill_rounded, label, on_theme, text_width
from console.widgets.forms.focus import give
from console.window.palette_entries import (
    Entry,
    entries,
    resource_entry,
    resource_id,
    resource_words,
)
from console.window.popover import SHADOW, Popover

if TYPE_CHECKING:
    from console.window.main_window import MainWindow
    from workers.inventory.types import Resource
    from workers.services import Services

# Pixels at the normal text size: a name, its kind and a reason beside each other.
WIDTH = 600
# Lines in sight, and lines that are made: who wants the sixty-first types another letter.
ROWS = 10
MOST = 60
# Pixels to the edges of the window and below its header.
MARGIN = 16
TOP = 32
RECENT = "palette.recent"
# As many as are in sight, with room for others.
KEEP_RECENT = 8
# The account's list is read again when it is older.
FRESH_SECONDS = 60.0
PAD = 12

Index = QModelIndex | QPersistentModelIndex


class _Field(QLineEdit):
    """Hands the keys of lists to the palette."""

    def __init__(self, keys: Callable[[QKeyEvent], bool], left: Callable[[], object]) -> None:
        super().__init__()
        self._keys, self._left = keys, left

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """What the palette wants, else typing."""
        if not self._keys(event):
            super().keyPressEvent(event)

    def focusNextPrevChild(self, next: bool) -> bool:
        """Tab stays here: the list is chosen from with it."""
        return True

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """The operator turned to something else."""
        super().focusOutEvent(event)
        elsewhere = (Qt.FocusReason.ActiveWindowFocusReason, Qt.FocusReason.PopupFocusReason)
        if event.reason() not in elsewhere:
            self._left()


class _Lines(QAbstractListModel):
    def __init__(self) -> None:
        super().__init__()
        self.shown: list[Entry] = []

    def show(self, shown: list[Entry]) -> None:
        self.beginResetModel()
        self.shown = shown
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self.shown)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            entry = self.shown[index.row()]
            return ", ".join(part for part in (entry.title, entry.detail, entry.why_not) if part)
        return None


class _Painter(QStyledItemDelegate):
    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        entry = index.model().shown[index.row()]  # type: ignore[attr-defined]
        colors = theme()
        painter.save()
        antialias(painter)
        box = QRectF(option.rect).adjusted(6, 0, -6, 0)
        if option.state & QStyle.StateFlag.State_Selected:
            fill_rounded(painter, box, RADIUS, colors.color("accentTint"))
        off = bool(entry.why_not)
        inner = box.adjusted(PAD, 0, -PAD, 0)
        ink = colors.color("disabled" if off else "text2")
        draw_icon(painter, inner.left(), inner.center().y() - ICON / 2, ICON, entry.icon, ink)
        inner.setLeft(inner.left() + ICON + 10)
        right = entry.why_not or entry.keys
        if right:
            wide = min(text_width(right, "small"), inner.width() * 0.5)
            end = QRectF(inner.right() - wide, inner.top(), wide + 1, inner.height())
            draw_text(painter, end, right, "small", colors.color("text2" if off else "text3"))
            inner.setRight(end.left() - 12)
        beside = min(text_width(entry.detail, "small"), inner.width() * 0.45)
        wide = min(text_width(entry.title, "name"), inner.width() - beside - 12)
        draw_text(
            painter, QRectF(inner.left(), inner.top(), wide + 1, inner.height()), entry.title, "name",
            colors.color("disabled" if off else "text"), elide=Qt.TextElideMode.ElideMiddle,
        )  # fmt: skip
        inner.setLeft(inner.left() + wide + 12)
        draw_text(painter, inner, entry.detail, "small", colors.color("text2"))
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(100, row_height())


def row_height() -> int:
    """Height of one line of the palette in pixels."""
    return max(theme().pixels(34), theme().metrics("body").height() + 12)


class Palette(Popover):
    """See the module's text."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._offered: list[Entry | Resource] = []
        self._finder = Finder(())
        self._before: QWidget | None = None
        self._read_at = self._changed_at = 0.0
        self._reading = False
        self.setAccessibleName("Find anything")
        self.field = _Field(self._key, self._turned_away)
        self.field.setPlaceholderText("Find an action, a tab, a resource, a setting")
        self.field.setAccessibleName("Find anything")
        self.field.textChanged.connect(self._show)
        self.lines = _Lines()
        self.list = QListView()
        self.list.setModel(self.lines)
        self.list.setItemDelegate(_Painter(self.list))
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setUniformItemSizes(True)
        self.list.setMouseTracking(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setAccessibleName("What fits")
        self.list.entered.connect(self.list.setCurrentIndex)
        self.list.clicked.connect(lambda index: self._do(index.row()))
        self.note = label("", "small", "text2")
        self.column.addWidget(self.field)
        self.column.addWidget(self.list, 1)
        self.column.addWidget(self.note)
        self.column.setContentsMargins(SHADOW + 10, SHADOW + 10, SHADOW + 10, SHADOW + 8)
        self.column.setSpacing(6)
        for part in (self.field, self.note):
            part.setContentsMargins(PAD, 0, PAD, 0)
        window.ctx.resourceChanged.connect(self._changed)
        window.ctx.accountForgotten.connect(self._account_left)
        window.ctx.backendChanging.connect(self._account_left)
        on_theme(self, self.arrange)
        self.hide()

    # Opening and closing

    def toggle(self) -> None:
        """Open it with an empty line, or close it."""
        if self.isVisible():
            self.close_palette()
        else:
            self.open()

    def open(self) -> None:
        """Show it and take the keyboard."""
        self._before = QApplication.focusWidget()
        self.field.clear()
        self._gather()
        self.arrange()
        self.show()
        self.raise_()
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._complete()

    def close_palette(self) -> None:
        """Hide it and give the keyboard back."""
        before, self._before = self._before, None
        self.hide()
        if before is not None and before.isVisible() and before.isEnabled():
            give(before)

    def _turned_away(self) -> None:
        self._before = None
        self.hide()

    def _account_left(self) -> None:
        self._read_at = 0.0
        if self.isVisible():
            self.close_palette()
        self._offered, self._finder = [], Finder(())
        self.lines.show([])

    def _changed(self, kind: str, name: str) -> None:
        """A command made, changed or deleted something: what was read before does not hold any longer."""
        self._changed_at = time.monotonic()

    def arrange(self) -> None:
        """Take the place in the upper middle of the window."""
        window = self._window
        width = min(theme().pixels(WIDTH), window.width() - 2 * MARGIN)
        top = window.header.height() + theme().pixels(TOP)
        # Whole lines, as many as there is room for.
        beside = self.field.sizeHint().height() + self.note.sizeHint().height() + 2 * 6 + 18
        rows = max(3, min(ROWS, (window.height() - top - MARGIN - beside) // row_height()))
        self.list.setFixedHeight(rows * row_height())
        self.place((window.width() - width) // 2, top, width, beside + rows * row_height())

    # What is offered

    def texts_now(self) -> list[str]:
        """Of all that can be chosen from, the recent ones first."""
        return [f"{entry.title} {entry.detail}" for entry in map(self._entry, range(len(self._offered)))]

    def _gather(self) -> None:
        """What can be chosen from now: what was used lately first, then what is at hand, then the account's things.

        Lines of things are made when they are shown: an account may have thousands.
        """
        services = self._window.ctx.services
        things = services.inventory.known.resources if services is not None else ()
        fixed = entries(self._window)
        names = self.recent()
        found: dict[str, Entry | Resource] = {entry.id: entry for entry in fixed}
        if any(name not in found for name in names):
            found |= {resource_id(thing): thing for thing in things}
        # What cannot be done again just now does not stand where Return does something.
        first = [found[name] for name in names if name in found and not getattr(found[name], "why_not", "")]
        taken = set(map(id, first))
        every: list[Entry | Resource] = [*fixed, *things]
        self._offered = first + [other for other in every if id(other) not in taken]
        texts = [
            (other.title, other.detail) if isinstance(other, Entry) else (other.name, resource_words(other))
            for other in self._offered
        ]
        self._finder = Finder(texts, len(first))
        self._show(self.field.text())

    def _entry(self, at: int) -> Entry:
        offered = self._offered[at]
        return offered if isinstance(offered, Entry) else resource_entry(self._window, offered)

    def _complete(self) -> None:
        """Read what has not been read of the account, or long ago, and take it in when it comes."""
        if self._changed_at < self._read_at and time.monotonic() - self._read_at < FRESH_SECONDS:
            return
        self._window.ctx.with_services(
            self._read, label="Reading what there is", key="palette", on_error=self._not_read
        )  # fmt: skip

    async def _read(self, services: Services) -> None:
        begun, self._reading = time.monotonic(), True
        try:
            await services.inventory.read()
            self._read_at = begun
        finally:
            self._reading = False
        if self.isVisible():
            chosen = self.chosen
            self._gather()
            self._choose(chosen)

    def _not_read(self, error: BaseException) -> None:
        self._tell(f"The account's resources could not be read again: {getattr(error, 'title', error)}")

    def _show(self, typed: str) -> None:
        if typed.strip().lower().startswith(SCHEME):
            link = typed.strip()
            shown = [Entry("link", f"Open {link}", "Link", "link", partial(self._window.links.open, link))]
        else:
            shown = [self._entry(at) for at in self._finder.find(typed, MOST)]
        self.lines.show(shown)
        self._choose(None)
        there = len(self._offered)
        if shown:
            connected = self._window.ctx.connected
            some = f"the {len(shown):,} best" if len(shown) == MOST else f"{len(shown):,}"
            counted = f"{some} of {there:,}" if typed.strip() else f"{there:,} to choose from"
            self._tell(counted if connected else f"{NO_ACCOUNT}: its resources are not here")
        elif self._reading:
            self._tell(f"Nothing fits “{typed.strip()}” yet: what there is in the account is being read again.")
        else:
            self._tell(f"Nothing fits “{typed.strip()}”. Try fewer letters, or Ctrl+F to filter a list.")

    def _tell(self, words: str) -> None:
        self.note.setText(self.note.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, self.width() - 60))

    @property
    def chosen(self) -> Entry | None:
        """The line that Return does."""
        at = self.list.currentIndex().row()
        return self.lines.shown[at] if 0 <= at < len(self.lines.shown) else None

    def _choose(self, entry: Entry | None) -> None:
        names = [shown.id for shown in self.lines.shown]
        at = names.index(entry.id) if entry is not None and entry.id in names else 0
        self._go(at)

    def _go(self, at: int) -> None:
        if self.lines.shown:
            index = self.lines.index(max(0, min(len(self.lines.shown) - 1, at)), 0)
            self.list.setCurrentIndex(index)
            self.list.scrollTo(index)
            self.field.setAccessibleDescription(str(self.lines.data(index)))

    # Keys

    def _key(self, event: QKeyEvent) -> bool:
        at, page = self.list.currentIndex().row(), ROWS - 1
        steps = {
            Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: page, Qt.Key.Key_PageUp: -page,
            Qt.Key.Key_Tab: 1, Qt.Key.Key_Backtab: -1,
        }  # fmt: skip
        step = steps.get(Qt.Key(event.key()))
        if step is not None:
            self._go(at + step)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._do(at)
        elif event.key() == Qt.Key.Key_Escape:
            self.close_palette()
        else:
            return False
        return True

    def _do(self, at: int) -> None:
        if not 0 <= at < len(self.lines.shown):
            return
        entry = self.lines.shown[at]
        if entry.why_not:
            self._tell(f"{entry.title}: {entry.why_not}")
            return
        if entry.id != "link":
            self._remember(entry)
        self.close_palette()
        entry.run()

    # Recent ones

    def _account(self) -> str:
        identity = self._window.ctx.identity
        return identity.account if identity is not None else ""

    def recent(self) -> list[str]:
        """The ids used last in this account, the latest first."""
        kept = self._kept().get(self._account())
        return [name for name in kept if isinstance(name, str)] if isinstance(kept, list) else []

    def _remember(self, entry: Entry) -> None:
        account = self._account()
        names = [entry.id, *(name for name in self.recent() if name != entry.id)][:KEEP_RECENT]
        self._window.ctx.settings.set(RECENT, {**self._kept(), account: names})

    def _kept(self) -> dict[str, Any]:
        kept: dict[str, Any] = self._window.ctx.settings.value(RECENT, {})
        return kept
