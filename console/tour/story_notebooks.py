"""The story's notebook instance: made, opened in the browser, stopped, deleted; or why it cannot start here."""

from __future__ import annotations

import asyncio
import re
import urllib.request
from typing import Any

from PySide6.QtCore import QObject, QPoint, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QMenu

from console.tour.hands import StoryFailed
from console.tour.story_overview import OverviewSteps

_SECRET = re.compile(r"(?<=oken=).*")
_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)
# JupyterLab loads for long on a busy computer.
_OPEN_SECONDS = 60.0


class _Browser(QObject):
    """Takes an address in the browser's place."""

    def __init__(self) -> None:
        super().__init__()
        self.address = ""

    @Slot(QUrl)
    def take(self, url: QUrl) -> None:
        """The window opens this."""
        self.address = url.toString()


class NotebookSteps(OverviewSteps):
    """Steps with notebook instances, in the list of the first tab."""

    async def notebook(self, name: str) -> None:
        """Make one, open it, stop it and delete it. Where JupyterLab is not installed, see what the window says."""
        async with self._step("notebook") as step:
            tab = self._tab("overview")
            await self._listed(tab)
            await self._make_notebook(tab, name)
            await self._notebook_is(tab, name, ("InService", "Failed"))
            if _state_of(tab, name) == "InService":
                await self._look("notebook-ready")
                step.result.update(await self._open_notebook(tab, name))
                _choose(tab, name, "Stop…")
                question = await self._dialog("ConfirmDialog")
                await self._look("notebook-stop")
                self._click(question.confirm_button)
                await self._notebook_is(tab, name, ("Stopped",))
                await self._look("notebook-stopped")
            else:
                step.result["why"] = await self._why_it_failed(tab, name)
            await self._delete_notebook(tab, name)
            step.result["notebook"] = name

    async def _make_notebook(self, tab: Any, name: str) -> None:
        self._click(tab.more_button)
        await self._until(lambda: _menu() is not None, "the menu did not open")
        _trigger(_menu(), "New notebook instance…")
        dialog = await self._dialog("NotebookDialog")
        dialog.form.set_values({"name": name})
        await self._look("notebook-dialog")
        self._click(dialog.ok_button)
        await self._until(lambda: _row_of(tab, name) is not None, "the notebook did not come up")
        tab.list.table.select_keys([_row_of(tab, name).key])
        await self._look("notebook-made")

    async def _open_notebook(self, tab: Any, name: str) -> dict[str, Any]:
        browser = _Browser()
        for scheme in ("http", "https"):
            QDesktopServices.setUrlHandler(scheme, browser, "take")  # type: ignore[arg-type]
        try:
            _choose(tab, name, "Open in the browser")
            await self._until(lambda: browser.address, "the notebook was not opened")
        finally:
            for scheme in ("http", "https"):
                QDesktopServices.unsetUrlHandler(scheme)
        await self._look("notebook-opened")
        title = await asyncio.to_thread(_title_of, browser.address)
        if not title:
            raise StoryFailed("What the address opens is no page of JupyterLab.")
        return {"opened": _SECRET.sub("…", browser.address), "page": title}

    async def _why_it_failed(self, tab: Any, name: str) -> str:
        _choose(tab, name, "Why it failed")

        def told() -> list[str]:
            notices = [toast.notice for toast in self.app.window.toasts.shown]
            return [notice.text for notice in notices if name in notice.title]

        await self._until(told, "why it failed was not told")
        words = told()
        await self._look("notebook-failed")
        return words[0]

    async def _delete_notebook(self, tab: Any, name: str) -> None:
        _choose(tab, name, "Delete…")
        dialog = await self._dialog("TearDownDialog")
        await self._until(lambda: dialog.plan is not None, "no plan was made")
        if dialog.field.isVisible():
            dialog.field.set_value(dialog.plan.confirm)
            dialog.field.edited.emit()
        await self._look("notebook-delete")
        self._click(dialog.confirm_button)
        await self._until(lambda: dialog.outcome is not None or not dialog.running, "it was not deleted")
        if dialog.outcome is None:
            raise StoryFailed(dialog.words.text())
        self._click(dialog.cancel_button)
        await self._until(lambda: _row_of(tab, name) is None, "the notebook is still listed")

    async def _notebook_is(self, tab: Any, name: str, states: tuple[str, ...]) -> None:
        await self._until(lambda: _state_of(tab, name) in states, f"{name} is not {' or '.join(states)}")
        # With its price it has gone to another place of the list.
        tab.list.table.select_keys([_row_of(tab, name).key])


def _row_of(tab: Any, name: str) -> Any:
    return next((row for row in tab.list.table.model.rows() if row.kind == "notebook" and row.name == name), None)


def _state_of(tab: Any, name: str) -> str:
    row = _row_of(tab, name)
    return row.resource.state if row is not None else ""


def _choose(tab: Any, name: str, words: str) -> None:
    """An entry of the notebook's menu in the list."""
    table = tab.list.table
    table.select_keys([_row_of(tab, name).key])
    _trigger(table.open_menu(QPoint(10, 10)), words)


def _menu() -> QMenu | None:
    shown = QApplication.activePopupWidget()
    return shown if isinstance(shown, QMenu) else None


def _trigger(menu: QMenu | None, words: str) -> None:
    action = next((action for action in menu.actions() if action.text() == words), None) if menu is not None else None
    if menu is None or action is None:
        raise StoryFailed(f"The menu does not offer “{words}”.")
    menu.close()
    action.trigger()


def _title_of(address: str) -> str:
    """The title of the page that a browser gets."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor())
    with opener.open(address, timeout=_OPEN_SECONDS) as answer:
        found = _TITLE.search(answer.read().decode("utf-8", "replace"))
    return found[1].strip() if found else ""
