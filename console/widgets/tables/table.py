"""The list of every resource: rows, and the four things it shows when there are none.

::

    table = ResourceTable(COLUMNS, key="name", name="Endpoints", sort=("created", "desc"))
    table.set_empty("endpoints", "No endpoints yet", "Deploy a trained model to classify pictures.",
                    ("New endpoint…", self.deploy))
    table.set_loading("page 2 of 4")          # skeleton rows, or a line over rows that are there
    table.set_rows(rows)                      # also ends loading and the error
    table.set_error(error, fix=("Sign in again", self.sign_in))     # old rows stay, dated
    table.search_by(search)                   # its filter follows the field, and clears it
    table.remember(ctx.settings, "endpoints")        # the columns that the operator chose, and their widths
    table.set_actions(lambda rows: [("Delete…", "trash", self.delete)])   # context menu, before Copy and Sort by

Rows are mappings or objects, identified by ``key``; refreshing keeps selection, current row, scroll and sorting.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QAction, QContextMenuEvent, QKeySequence
from PySide6.QtWidgets import QMenu, QSizePolicy, QStackedLayout, QVBoxLayout, QWidget

from console.look.theme import theme
from console.models.columns import Column
from console.models.table import RowTableModel
from console.widgets.base import label, on_theme, set_tone
from console.widgets.frames.banner import Banner, Fix, error_words
from console.widgets.frames.empty_state import Action, EmptyState
from console.widgets.frames.panes import Memory
from console.widgets.tables.columns import Choice
from console.widgets.tables.linking import add_links
from console.widgets.tables.saved_views import SavedView, SavedViews
from console.widgets.tables.search_field import SearchField
from console.widgets.tables.taking import add_taking, add_views
from console.widgets.tables.view import TableView
from workers.inventory.kinds import Kind

SETTING = "columns"
MenuEntry = tuple[str, str, Callable[[], object]] | None


class ResourceTable(QWidget):
    """See the module's text.

    Signals: ``selectionChanged()``; ``activated(object row)`` on double click or Return; ``filterCleared()`` when
    "Clear filter" was pressed; ``copied(int rows)``.
    """

    selectionChanged = Signal()
    activated = Signal(object)
    filterCleared = Signal()
    copied = Signal(int)

    def __init__(
        self,
        columns: Sequence[Column],
        key: str | Callable[[Any], Any],
        *,
        name: str = "",
        noun: str = "rows",
        sort: tuple[str, str] | None = None,
        multi: bool = True,
        row_pixels: int = 32,
        also_searched: Callable[[Any], str] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.model = RowTableModel(columns, key, self, also_searched=also_searched)
        self._noun = noun
        self._actions: Callable[[list[Any]], Sequence[MenuEntry]] | None = None
        self._loaded = False
        self._as_of: datetime | None = None
        self._filter = ""
        self._memory: tuple[Memory, str] | None = None
        self._search: SearchField | None = None
        # The kind and the name of a row's thing, for links to it; None: it has none.
        self.link_of: Callable[[Any], tuple[Kind, str] | None] | None = None
        # What else the page narrows the list by, for saved views: takes it, and gives it back.
        self.narrowing: tuple[Callable[[], dict[str, Any]], Callable[[dict[str, Any]], object]] | None = None
        self._fit: tuple[int, int] | None = None
        self._kept: tuple[list[Any], Any, Any, int] | None = None
        self.view = TableView(self.model, multi=multi, row_pixels=row_pixels)
        self.view.setAccessibleName(name)
        self._banner = Banner("err")
        self._banner.hide()
        self._note = label("", "small", "text2")
        self._note.hide()
        self._empty = EmptyState("info", f"No {noun} yet")
        self._filtered = EmptyState("filter", "", plain=True)
        self._stack = QStackedLayout()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self._banner)
        column.addWidget(self._note)
        column.addLayout(self._stack, 1)
        # Only now: a stack without a parent would show its first page as a window of its own for a moment.
        for page in (self.view, self._empty, self._filtered):
            self._stack.addWidget(page)
        self._connect()
        if sort is not None:
            self.sort_by(sort[0], descending=sort[1].startswith("desc"))
        self._show_page()

    def _connect(self) -> None:
        self.view.selectionModel().selectionChanged.connect(lambda *_: self.selectionChanged.emit())
        self.view.rowActivated.connect(self.activated)
        self.view.copied.connect(self.copied)
        self.view.deleteWanted.connect(self._delete)
        self.view.heads.sortRequested.connect(self._head_clicked)
        self.view.heads.menuRequested.connect(self.open_columns_menu)
        self.view.choiceChanged.connect(self._keep_choice)
        self.model.aboutToApply.connect(self._keep)
        self.model.applied.connect(self._restore)
        on_theme(self, self._restyle)

    def set_noun(self, noun: str) -> None:
        """What the rows are called, in the plural, where there are none or the filter hides them."""
        self._noun = noun
        self._empty.set_content("info", f"No {noun} yet")
        self.view.setAccessibleName(noun.capitalize())
        self._show_page()

    # Rows and states

    def set_rows(self, rows: Sequence[Any]) -> None:
        """Show these rows: loading and any error are over."""
        self._loaded = True
        self._as_of = datetime.now().astimezone()
        self._banner.hide()
        self._note.hide()
        self._set_stale(False)
        self.view.heads.progress = None
        self.model.set_rows(rows)
        self.view.measure()
        self._show_page()

    def set_loading(self, text: str = "", fraction: float | None = None) -> None:
        """Rows are on their way: skeleton rows if there are none yet; ``text`` says what is waited for."""
        self._say(text, "text2")
        self.view.heads.progress = fraction
        self._loaded = self._loaded and self.model.total > 0
        self._show_page()

    def set_error(self, error: BaseException | str, sentence: str = "", *, fix: Fix | None = None) -> None:
        """Say what went wrong above the rows of before, which stay, quieter and dated. ``fix``: (text, callable)."""
        title, words, details = (error, sentence, "") if isinstance(error, str) else error_words(error)
        self._banner.set_content("err", title, words, fix=fix, details=details)
        self._banner.show()
        self.view.heads.progress = None
        self._loaded = True
        if self.model.total and self._as_of is not None:
            self._say(f"as of {self._as_of:%H:%M:%S}", "warn")
            self._set_stale(True)
        self._show_page()

    def set_empty(
        self, icon: str, title: str, sentence: str = "", primary: Action | None = None, secondary: Action | None = None
    ) -> None:
        """What to show when there is nothing: the next action as a button."""
        self._empty.set_content(icon, title, sentence, primary, secondary)

    def set_filter(self, text: str) -> None:
        """Show only the rows that contain every word."""
        self._filter = text.strip()
        self.model.set_filter(text)
        self._show_page()

    def search_by(self, field: SearchField, *, clears: bool = True) -> None:
        """Filter by what is typed there. ``clears``: "Clear filter" empties the field (False: the page does it)."""
        self._search = field
        field.searched.connect(self.set_filter)
        if clears:
            self.filterCleared.connect(field.clear)

    def set_predicate(self, predicate: Callable[[Any], bool] | None) -> None:
        """Show only rows for which ``predicate`` holds, besides the text filter."""
        self.model.set_predicate(predicate)
        self._show_page()

    def clear_filter(self) -> None:
        """Show all rows again, and tell the filter's field by ``filterCleared``."""
        self._filter = ""
        self.model.set_predicate(None)
        self.model.set_filter("")
        self._show_page()
        self.filterCleared.emit()

    @property
    def state(self) -> str:
        """What is shown: ``rows``, ``loading``, ``empty``, ``filtered`` or ``error`` (an error without rows)."""
        if self.model.rowCount():
            return "rows"
        if not self._loaded:
            return "loading"
        if self.model.total:
            return "filtered"
        return "empty" if self._banner.isHidden() else "error"

    def _show_page(self) -> None:
        state = self.state
        self.view.skeleton = state == "loading"
        if state == "filtered":
            what = f"Nothing matches “{self._filter}”" if self._filter else "Nothing matches the filter"
            count = self.model.hidden
            are = "is" if count == 1 else "are"
            hidden = f"{count:,} {self._noun} {are} hidden by the filter."
            self._filtered.set_content("filter", what, hidden, ("Clear filter", self.clear_filter))
        pages = {"empty": self._empty, "filtered": self._filtered}
        shown = pages.get(state, self.view)
        self._stack.setCurrentWidget(shown)
        # A proxy that is hidden takes no focus, and Tab would stay before it for ever.
        self.setFocusProxy(self.view if shown is self.view else None)  # type: ignore[arg-type]
        self._fit_height()
        self.view.viewport().update()
        self.view.heads.viewport().update()

    def _say(self, text: str, tone: str) -> None:
        self._note.setText(text)
        set_tone(self._note, tone)
        self._note.setVisible(bool(text))

    def _set_stale(self, stale: bool) -> None:
        self.view.cells.stale = stale

    # Selection, sorting

    def selected_rows(self) -> list[Any]:
        """The rows selected, top to bottom."""
        return [self.model.row_at(at) for at in self.view.selected_positions()]

    def selected_keys(self) -> list[Any]:
        """The keys of the rows selected."""
        return [self.model.key_at(at) for at in self.view.selected_positions()]

    def current_row(self) -> Any | None:
        """The one row selected, or the current one of several; ``None`` when nothing is selected."""
        chosen = self.view.selected_positions()
        current = self.view.currentIndex().row()
        if not chosen:
            return None
        return self.model.row_at(current if current in chosen else chosen[0])

    def select_keys(self, keys: Sequence[Any], *, scroll: bool = True) -> None:
        """Select the rows with these keys (unknown or hidden ones are left out)."""
        found = [at for key in keys if (at := self.model.position_of(key)) is not None]
        self.view.select_positions(found, found[0] if found else None)
        if found and scroll:
            self.view.scrollTo(self.model.index(found[0], 0))

    def sort_by(self, key: str, *, descending: bool = False) -> None:
        """Sort by the column ``key``."""
        at = next(number for number, column in enumerate(self.model.columns) if column.key == key)
        order = Qt.SortOrder.DescendingOrder if descending else Qt.SortOrder.AscendingOrder
        self.view.heads.sorted_column = at
        self.view.heads.sorted_order = order
        self.model.sort(at, order)
        self.view.heads.viewport().update()

    def _head_clicked(self, at: int) -> None:
        column = self.model.columns[at]
        sorted_at, order = self.model.sorting
        descending = order == Qt.SortOrder.AscendingOrder if at == sorted_at else column.starts_descending
        self.sort_by(column.key, descending=descending)

    def _keep(self) -> None:
        bar = self.view.verticalScrollBar().value()
        top = self.view.rowAt(0)
        anchor = self.model.key_at(top) if bar and 0 <= top < self.model.rowCount() else None
        offset = self.view.rowViewportPosition(top) if anchor is not None else 0
        current = self.view.currentIndex()
        at = self.model.key_at(current.row()) if current.isValid() and not self.view.only_marked else None
        self._kept = (self.selected_keys(), at, anchor, offset)

    def _restore(self) -> None:
        if self._kept is None:
            return
        keys, current, anchor, offset = self._kept
        self._kept = None
        wanted = sorted(at for key in keys if (at := self.model.position_of(key)) is not None)
        at = self.model.position_of(current) if current is not None else None
        if wanted != self.view.selected_positions() or (at is not None and at != self.view.currentIndex().row()):
            self.view.select_positions(wanted, at)
        top = self.model.position_of(anchor) if anchor is not None else None
        if top is not None:
            self.view.verticalScrollBar().setValue(top * self.view.row_height() - offset)

    # Height

    def fit_rows(self, most: int | None = None, least: int = 1) -> None:
        """Be exactly as high as the rows (between ``least`` and ``most``), for pages that scroll as a whole."""
        self._fit = (least, most if most is not None else 1_000_000)
        self._fit_height()

    def _fit_height(self) -> None:
        if self._fit is None:
            return
        least, most = self._fit
        page = self._stack.currentWidget()
        if page is self.view:
            count = self.model.rowCount() if not self.view.skeleton else 4
            height = self.view.heads.sizeHint().height() + max(least, min(most, count)) * self.view.row_height()
            over = count > most
        else:
            height, over = (page.sizeHint().height() if page is not None else 0), False
        bars = Qt.ScrollBarPolicy.ScrollBarAsNeeded if over else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.view.setVerticalScrollBarPolicy(bars)
        extra = sum(part.sizeHint().height() + 6 for part in (self._banner, self._note) if not part.isHidden())
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(height + extra)

    def _restyle(self) -> None:
        self.view.restyle()
        self._fit_height()

    # Menu

    def set_actions(self, actions: Callable[[list[Any]], Sequence[MenuEntry]]) -> None:
        """Entries ``(text, icon, callable)`` for the rows selected, or ``None`` for a separator."""
        self._actions = actions

    def entries(self) -> Sequence[MenuEntry]:
        """What can be done with the rows selected; nothing while there are none."""
        rows = self.selected_rows()
        return list(self._actions(rows)) if self._actions is not None and rows else []

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """The menu by right click, Menu key or Shift+F10."""
        if self._stack.currentWidget() is self.view:
            by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
            viewport = self.view.viewport()
            clicked = -1 if by_key else self.view.columnAt(viewport.mapFromGlobal(event.globalPos()).x())
            self.open_menu(self.view.menu_point() if by_key else event.globalPos(), clicked)

    def open_menu(self, point: QPoint, clicked: int = -1) -> QMenu:
        """Open the menu of the rows selected at a point of the screen; ``clicked`` is the column there, -1 for none."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        entries = self.entries()
        for entry in entries:
            if entry is None:
                menu.addSeparator()
            else:
                text, icon, call = entry
                action = menu.addAction(theme().icon(icon), text) if icon else menu.addAction(text)
                action.triggered.connect(lambda _=False, call=call: call())
        if entries:
            menu.addSeparator()
        self._add_standard(menu, clicked)
        add_links(self, menu)
        menu.popup(point)
        return menu

    def _delete(self) -> None:
        """The key does what "Delete…" in the menu of the same rows does, and nothing where the menu has none."""
        for entry in self.entries():
            if entry is not None and entry[0].startswith("Delete"):
                entry[2]()
                return

    # Columns

    def remember(self, memory: Memory, name: str) -> None:
        """Take the columns that were chosen in an earlier run, and keep what is chosen now, under ``name``."""
        self._memory = (memory, name)
        self.view.choose(Choice.from_setting(memory.value(SETTING, {}).get(name)))

    @property
    def remembers(self) -> bool:
        """True when columns that are chosen hold for the next run, too."""
        return self._memory is not None

    def choose_columns(self, choice: Choice) -> None:
        """Show these columns in these widths, and remember it."""
        self.view.choose(choice)
        self._keep_choice()

    def _keep_choice(self) -> None:
        if self._memory is not None:
            memory, name = self._memory
            memory.set(SETTING, {**memory.value(SETTING, {}), name: self.view.choice.as_setting()})

    def open_columns_menu(self, point: QPoint) -> QMenu:
        """Open the menu of the columns at a point of the screen."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._add_columns(menu)
        if self._memory is not None:
            menu.addSeparator()
            add_views(self, menu, SavedViews(*self._memory))
        menu.popup(point)
        return menu

    def _add_columns(self, menu: QMenu) -> None:
        choice = self.view.choice
        for at, column in enumerate(self.model.columns):
            if column.kind == "check" or not column.title:
                continue
            crowded = column.key not in choice.hidden and self.view.isColumnHidden(at)
            entry = menu.addAction(f"{column.title} (no room now)" if crowded else column.title)
            entry.setCheckable(True)
            entry.setChecked(column.key not in choice.hidden)
            # What a list is about is always there.
            entry.setEnabled(column.priority > 0)
            entry.toggled.connect(lambda on, key=column.key: self._show_column(key, on))
        menu.addSeparator()
        reset = menu.addAction("All columns in their own widths")
        reset.setEnabled(choice != Choice())
        reset.triggered.connect(lambda: self.choose_columns(Choice()))

    def _show_column(self, key: str, on: bool) -> None:
        choice = self.view.choice
        self.choose_columns(Choice(choice.hidden - {key} if on else choice.hidden | {key}, choice.widths))

    # Views, and what is taken along

    def shown_columns(self) -> list[Column]:
        """The columns that were not taken away, also those that there is no room for now."""
        hidden = self.view.choice.hidden
        return [column for column in self.model.columns if column.priority == 0 or column.key not in hidden]

    def rows_to_take(self) -> list[Any]:
        """The rows selected, else all that are shown."""
        return self.selected_rows() or self.model.visible_rows()

    def present_view(self) -> SavedView:
        """Filter, sorting and columns as they are now."""
        at, order = self.model.sorting
        sort = self.model.columns[at].key if at >= 0 else ""
        narrowed = self.narrowing[0]() if self.narrowing is not None else {}
        return SavedView(self._filter, sort, order == Qt.SortOrder.DescendingOrder, self.view.choice, narrowed)

    def show_view(self, view: SavedView) -> None:
        """Take filter, sorting and columns of a view; a column that there is no more is left out."""
        if self.narrowing is not None:
            self.narrowing[1](view.narrowing)
        if self._search is not None:
            self._search.search_now(view.filter)
        else:
            self.set_filter(view.filter)
        if any(column.key == view.sort for column in self.model.columns):
            self.sort_by(view.sort, descending=view.descending)
        self.choose_columns(view.columns)

    def _add_standard(self, menu: QMenu, clicked: int) -> None:
        copy = QAction(theme().icon("copy"), "Copy rows" if self.selected_rows() else "Copy all rows", menu)
        copy.setShortcut(QKeySequence.StandardKey.Copy)
        copy.triggered.connect(self.view.copy)
        menu.addAction(copy)
        add_taking(self, menu, clicked)
        everything = menu.addAction("Select all")
        everything.setShortcut(QKeySequence.StandardKey.SelectAll)
        everything.triggered.connect(self.view.selectAll)
        sorting = menu.addMenu(theme().icon("sort"), "Sort by")
        for at, column in enumerate(self.model.columns):
            if column.sortable and column.kind != "check":
                entry = sorting.addAction(column.title)
                entry.setCheckable(True)
                entry.setChecked(at == self.model.sorting[0])
                entry.triggered.connect(lambda _=False, at=at: self._head_clicked(at))
        self._add_columns(menu.addMenu(theme().icon("columns"), "Columns"))
        if self._memory is not None:
            add_views(self, menu, SavedViews(*self._memory))
