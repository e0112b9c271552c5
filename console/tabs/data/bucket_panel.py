"""The right side: the buckets of the account, what protects the one chosen, and what is in it."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QVBoxLayout, QWidget

from console.context import AppContext
from console.look.theme import theme
from console.models.columns import Column, natural_key
from console.tabs.data.bucket import COUNT_AT_MOST, BucketBrowser
from console.tabs.data.crumbs import Crumbs
from console.tabs.data.object_looking import ObjectLooking
from console.tabs.data.object_preview import ObjectPreviewPanel
from console.tabs.data.object_thumbs import ObjectThumbs, Twin
from console.tabs.data.rows import ObjectRow, modified_text, size_text
from console.widgets.base import ElidedLabel, label
from console.widgets.forms.buttons import Button, IconButton
from console.widgets.forms.fields import ComboBox
from console.widgets.forms.lines import IconLabel
from console.widgets.tables.table import MenuEntry, ResourceTable

# Pictures are fetched for the rows at which scrolling comes to rest.
SCROLL_PAUSE_MS = 120
# Pixels left and right, as in the pictures of this screen.
SIDES = (24, 20)


class SafetyChips(QWidget):
    """Private, encrypted, versions: each as icon and word."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._parts = [(IconLabel("off", "text3", 14), ElidedLabel("", "small", least=3)) for _ in range(3)]
        self.count = label("", "small", "text2")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        for glyph, words in self._parts:
            row.addWidget(glyph)
            row.addWidget(words)
            row.addSpacing(10)
        row.addStretch(1)
        row.addWidget(self.count)

    def show_browser(self, browser: BucketBrowser) -> None:
        """Say what is known of the bucket."""
        safety = browser.safety
        known = safety is not None
        flags = (safety.private, safety.encrypted, safety.versioned) if safety is not None else (None, None, None)
        words = (
            ("lock", "Private", "Public access possible", "Privacy unknown"),
            ("shieldok", "Encrypted", "Not encrypted", "Encryption unknown"),
            ("history", "Versions kept", "No versions", "Versions unknown"),
        )
        for at, ((glyph, text), flag) in enumerate(zip(self._parts, flags, strict=True)):
            icon, good, bad, unknown = words[at]
            optional = at == 2
            glyph.setVisible(known)
            text.setText((good if flag else unknown if flag is None else bad) if known else "")
            if flag:
                glyph.set_icon(icon, "ok")
            else:
                glyph.set_icon(
                    "info" if flag is None else "stopped" if optional else "warn",
                    "text3" if flag is None or optional else "warn",
                )
            glyph.setVisible(known)
        number = "" if browser.count is None else f"{browser.count:,}{'' if browser.count_is_whole else '+'} objects"
        if browser.count == 1:
            number = "1 object"
        self.count.setText(number)
        self.count.setToolTip("" if browser.count_is_whole else f"Counting stops at {COUNT_AT_MOST:,}")


class BucketPanel(QWidget):
    """Signals: ``createWanted()``, ``deleteWanted(list[ObjectRow])``, ``downloadWanted(list[ObjectRow])``,
    ``deleteBucketWanted()``, ``restoreWanted()``."""

    createWanted = Signal()
    deleteWanted = Signal(object)
    downloadWanted = Signal(object)
    deleteBucketWanted = Signal()
    restoreWanted = Signal()

    def __init__(self, ctx: AppContext, browser: BucketBrowser, twin: Twin, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ctx, self._browser = ctx, browser
        self.thumbs = ObjectThumbs(ctx, twin, self)
        self.combo = ComboBox(name="Bucket", placeholder="No bucket", small=True)
        # The style sheet reserves the arrow's place twice; bucket names are long.
        self.combo.setStyleSheet("QComboBox { padding-right: 2px; }")
        self.create_button = IconButton("plus", "New bucket…", on=self.createWanted.emit)
        self.refresh_button = IconButton("refresh", "Read the bucket again", on=browser.refresh)
        self.bucket_menu_button = IconButton("dots", "More of this bucket", on=self._show_bucket_menu)
        self.chips = SafetyChips()
        self.up_button = IconButton("up", "Folder above", on=browser.up)
        self.crumbs = Crumbs()
        self.table = ResourceTable(self._columns(), "key", name="Objects", noun="objects", sort=None)
        self.more_button = Button("Load more", small=True, on=browser.more)
        self._shown = label("", "small", "text2")
        self.preview = ObjectPreviewPanel(ctx, browser, self.thumbs)
        self.looking = ObjectLooking(ctx, self.table, self.thumbs, lambda: browser.name, self.downloadWanted.emit)
        self._title = label("Bucket", "section")
        self._head, self._own_line = QHBoxLayout(), QVBoxLayout()
        self._scrolled = QTimer(self)
        self._scrolled.setSingleShot(True)
        self._scrolled.setInterval(SCROLL_PAUSE_MS)
        self._lay_out()
        self._connect()
        self.chips.show_browser(browser)
        self._show_buckets()

    def _columns(self) -> list[Column]:
        def icon(row: ObjectRow) -> str:
            return "folder" if row.is_folder else "" if row.is_picture else "file"

        return [
            Column("selected", "", kind="check", priority=0, sortable=False, searchable=False),
            Column(
                "name", "Name", kind="name", priority=0, icon=icon,
                thumb=lambda row: self.thumbs.source(self._browser.name, row),
                sort_key=lambda row: ("0" if row.is_folder else "1") + row.name.casefold(),
            ),
            Column("size", "Size", kind="number", priority=2, sort_key=lambda row: row.size or 0, format=size_text),
            Column("modified", "Modified", kind="number", priority=3, format=lambda value, row: modified_text(value)),
        ]  # fmt: skip

    def _lay_out(self) -> None:
        head = self._head
        head.setSpacing(8)
        head.addWidget(self._title)
        head.addWidget(self.combo, 1)
        head.addStretch(0)
        head.addWidget(self.create_button)
        head.addWidget(self.refresh_button)
        head.addWidget(self.bucket_menu_button)
        way = QHBoxLayout()
        way.setSpacing(4)
        way.addWidget(self.up_button)
        way.addWidget(self.crumbs, 1)
        foot = QHBoxLayout()
        foot.addWidget(self._shown)
        foot.addStretch(1)
        foot.addWidget(self.more_button)
        line = QFrame()
        line.setProperty("panel", "line")
        column = QVBoxLayout(self)
        column.setContentsMargins(SIDES[0], 17, SIDES[1], 16)
        column.setSpacing(10)
        column.addLayout(head)
        column.addLayout(self._own_line)
        column.addWidget(self.chips)
        column.addWidget(line)
        column.addLayout(way)
        column.addWidget(self.table, 1)
        column.addLayout(foot)
        column.addWidget(self.preview)

    def _connect(self) -> None:
        browser = self._browser
        browser.bucketsChanged.connect(self._show_buckets)
        browser.listingChanged.connect(self._show_listing)
        browser.safetyChanged.connect(lambda: self.chips.show_browser(browser))
        self.combo.chosen.connect(self._chosen)
        self.crumbs.opened.connect(browser.open)
        self.table.activated.connect(self._activated)
        self.table.selectionChanged.connect(self._selected)
        self.table.set_actions(self._menu)
        self.table.remember(self._ctx.settings, "objects")
        self.table.view.verticalScrollBar().valueChanged.connect(lambda _: self._scrolled.start())
        self.table.model.applied.connect(self._scrolled.start)
        self._scrolled.timeout.connect(self._want_thumbs)
        self.thumbs.changed.connect(self.table.view.viewport().update)
        self.preview.downloadWanted.connect(lambda: self.downloadWanted.emit(self.selected()))
        self.preview.deleteWanted.connect(lambda: self.deleteWanted.emit(self.selected()))
        self.preview.lookWanted.connect(self.looking.look)
        self._ctx.readOnlyChanged.connect(self._read_only)

    def selected(self) -> list[ObjectRow]:
        """The entries selected."""
        return [row for row in self.table.selected_rows() if isinstance(row, ObjectRow)]

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another name fits beside the title."""
        super().resizeEvent(event)
        self._place_combo()

    def _place_combo(self) -> None:
        """A name too long for its place beside the title gets a line of its own."""
        beside = (self._title, self.create_button, self.refresh_button, self.bucket_menu_button)
        room = self.contentsRect().width() - SIDES[0] - SIDES[1]
        room -= sum(part.sizeHint().width() + self._head.spacing() for part in beside)
        apart = self.combo.sizeHint().width() > room
        if apart != (self._own_line.indexOf(self.combo) >= 0):
            (self._head if apart else self._own_line).removeWidget(self.combo)
            if apart:
                self._own_line.addWidget(self.combo)
            else:
                self._head.insertWidget(1, self.combo, 1)
            self._head.setStretch(2 if not apart else 1, 1 if apart else 0)

    def _read_only(self, on: bool) -> None:
        self.create_button.hinder(self._ctx.hindrance)

    def bucket_menu(self) -> QMenu:
        """What can be done with the bucket as a whole."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        safety = self._browser.safety
        if safety is not None and safety.versioned is not False:
            restore = menu.addAction(theme().icon("history"), "Restore deleted objects…", self.restoreWanted.emit)
            restore.setEnabled(not self._ctx.read_only)
        delete = menu.addAction(theme().icon("trash"), "Delete bucket…", self.deleteBucketWanted.emit)
        delete.setEnabled(not self._ctx.read_only)
        return menu

    def _show_bucket_menu(self) -> None:
        self.bucket_menu().popup(self.bucket_menu_button.menu_position())

    def _chosen(self, name: object) -> None:
        if isinstance(name, str):
            self._browser.choose(name)

    def _show_buckets(self) -> None:
        browser = self._browser
        names = sorted((bucket.name for bucket in browser.buckets or ()), key=natural_key)
        blocked = self.combo.blockSignals(True)
        self.combo.set_items([(name, name, "bucket") for name in names], browser.name or None)
        self.combo.blockSignals(blocked)
        self.combo.setEnabled(bool(names))
        self.bucket_menu_button.allow(bool(browser.name), "Choose a bucket")
        self._place_combo()
        self.create_button.hinder(self._ctx.hindrance)
        self._show_listing()

    def _show_listing(self) -> None:
        browser = self._browser
        self.crumbs.set_place(browser.name, browser.prefix)
        self.crumbs.setVisible(bool(browser.name))
        self.up_button.setVisible(bool(browser.name))
        self.up_button.allow(bool(browser.prefix), "This is the bucket itself")
        self._say_empty()
        error = browser.buckets_error or browser.error
        if browser.loading and not browser.listed:
            self.table.set_rows([])
            self.table.set_loading("")
        elif error is not None:
            self.table.set_error(error, fix=("Try again", browser.refresh, "refresh"))
        elif (browser.name and not browser.listed) or (browser.buckets is None and self._ctx.connected):
            self.table.set_loading("")
        else:
            self.table.set_rows(browser.rows)
        self.more_button.setVisible(browser.token is not None)
        self.more_button.allow(not browser.loading, "More is being read")
        self._shown.setText(f"{len(browser.rows):,} shown" if browser.token is not None else "")

    def _say_empty(self) -> None:
        browser = self._browser
        if not self._ctx.connected:
            self.table.set_empty("bucket", "Not connected", "The buckets appear when an account is connected.")
        elif not browser.name:
            create = ("Create a bucket…", self.createWanted.emit)
            self.table.set_empty("bucket", "No buckets yet", "Pictures are uploaded to a private bucket.", create)
        elif browser.arriving:
            self.table.set_empty("upload", "Nothing has arrived yet", "An upload to here is under way.")
        elif browser.prefix:
            self.table.set_empty("folder", "Nothing in here", "This folder of the bucket is empty.")
        else:
            self.table.set_empty("bucket", "The bucket is empty", "Choose a folder at the left and upload it.")

    def _activated(self, row: object) -> None:
        if isinstance(row, ObjectRow) and row.is_folder:
            self._browser.open(row.key)
        else:
            self.looking.look(row)

    def _selected(self) -> None:
        self.preview.show_rows(self.selected())

    def _menu(self, rows: list[ObjectRow]) -> list[MenuEntry]:
        entries: list[MenuEntry] = []
        if len(rows) == 1 and rows[0].is_folder:
            entries.append(("Open", "folder", lambda: self._browser.open(rows[0].key)))
        elif len(rows) == 1 and rows[0].is_picture:
            entries.append(("Open", "eye", lambda: self.looking.look(rows[0])))
        if any(not row.is_folder for row in rows):
            entries.append(("Download…", "download", lambda: self.downloadWanted.emit(rows)))
        entries.append(("Delete…", "trash", lambda: self.deleteWanted.emit(rows)))
        return entries

    def _want_thumbs(self) -> None:
        view = self.table.view
        first, last = view.rowAt(0), view.rowAt(view.viewport().height() - 1)
        if first < 0:
            return
        last = last if last >= 0 else self.table.model.rowCount() - 1
        rows = [self.table.model.row_at(at) for at in range(first, last + 1)]
        self.thumbs.want(self._browser.name, rows)
