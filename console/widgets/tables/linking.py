"""The part of a table's menu that leads elsewhere: a link to the row's thing, and its page in AWS's console."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QMenu

from console.links import Link, console_url
from console.look.theme import theme
from console.widgets.saving import context_of

if TYPE_CHECKING:
    from console.widgets.tables.table import ResourceTable

NOT_IN_SANDBOX = "Open in AWS console (the sandbox has none)"
NO_PAGE = "Open in AWS console (it has no page for this)"


def add_links(table: ResourceTable, menu: QMenu) -> None:
    """Copying links of the rows selected, and opening the page of a single one; nothing for rows without any."""
    ctx = context_of(table)
    rows = table.selected_rows()
    if table.link_of is None or ctx is None or ctx.identity is None or ctx.backend is None:
        return
    targets = [target for row in rows if (target := table.link_of(row)) is not None]
    if not targets:
        return
    account, region, backend = ctx.identity.account, ctx.backend.region, ctx.backend
    links = [Link(account, region, kind, name) for kind, name in targets]
    copy = menu.addAction(theme().icon("link"), "Copy link" if len(links) == 1 else "Copy links")
    copy.triggered.connect(lambda: QApplication.clipboard().setText("\n".join(map(str, links))))
    if len(links) > 1:
        return
    url = console_url(links[0].kind, links[0].name, region)
    words = NOT_IN_SANDBOX if backend.kind == "sandbox" else "Open in AWS console" if url else NO_PAGE
    page = menu.addAction(theme().icon("globe"), words)
    page.setEnabled(backend.kind != "sandbox" and bool(url))
    page.triggered.connect(lambda: QDesktopServices.openUrl(QUrl(url)))
