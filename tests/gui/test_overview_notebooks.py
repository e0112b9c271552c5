"""Notebook instances in the Overview: what each state offers, the form, and what is told when one is ready."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication

from console.notify import Notice
from console.tabs.overview import TAB
from console.tabs.overview.notebook_dialog import NotebookDialog
from console.tabs.overview.tab import OverviewTab
from console.widgets.frames.confirm import ConfirmDialog
from tests.helpers.inventory import FakeInventory, resource
from tests.helpers.models import ModelServices, enter
from tests.helpers.window import dialog_of, menu_of, texts, until
from workers.notebooks.service import Notebook, NotebookSpec

URL = "http://127.0.0.1:8888/lab?authToken=secret"
ROWS = [
    resource("notebook", "open", "InService"),
    resource("notebook", "resting", "Stopped"),
    resource("notebook", "broken", "Failed"),
    resource("notebook", "starting", "Pending"),
]


class FakeNotebooks:
    """Notebook instances that are ready at once; what was done is in ``done``."""

    def __init__(self) -> None:
        self.done: list[tuple[str, Any]] = []
        self.found = Notebook("x", "InService", "ml.t2.medium", 5)

    async def create(self, spec: NotebookSpec) -> str:
        self.done.append(("create", spec))
        return spec.name

    async def start(self, name: str) -> None:
        self.done.append(("start", name))

    async def stop(self, name: str) -> None:
        self.done.append(("stop", name))

    async def url(self, name: str) -> str:
        self.done.append(("url", name))
        return URL

    async def get(self, name: str) -> Notebook:
        return Notebook(name, self.found.status, "ml.t2.medium", 5, self.found.reason)


class Opened:
    """The Overview over an account with notebooks; ``urls`` were handed to the browser."""

    def __init__(self, application: Any, tab: OverviewTab, notebooks: FakeNotebooks, urls: list[str]) -> None:
        self.application, self.tab, self.notebooks, self.urls = application, tab, notebooks, urls
        self.told: list[Notice] = []
        application.ctx.notify.listen(self.told.append)

    def offered(self, *names: str) -> list[str]:
        self.tab.list.table.select_keys([("notebook", name) for name in names])
        return [word for word in menu_of(self.tab.list.table) if word not in ("Details…", "Events…", "Delete…")]

    def choose(self, name: str, word: str) -> None:
        self.tab.list.table.select_keys([("notebook", name)])
        menu = self.tab.list.table.open_menu(QPoint(10, 10))
        [action] = [action for action in menu.actions() if action.text() == word]
        action.trigger()
        menu.close()


Overview = Callable[[], Awaitable[Opened]]


async def opened_over(make_application: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Opened:
    urls: list[str] = []

    def open_url(url: QUrl) -> bool:
        urls.append(url.toString())
        return True

    monkeypatch.setattr(QDesktopServices, "openUrl", open_url)
    application = make_application([TAB])
    application.show(connect=False)
    tab = application.window.pages.tab("overview")
    services, notebooks = ModelServices(), FakeNotebooks()
    services.inventory = FakeInventory(ROWS)
    services.notebooks = notebooks  # type: ignore[attr-defined]
    bucket = SimpleNamespace(name="photos")

    async def buckets() -> list[Any]:
        return [bucket]

    services.storage = SimpleNamespace(buckets=buckets)  # type: ignore[assignment]
    enter(application, services)
    await until(lambda: tab.list.table.model.total == len(ROWS))
    return Opened(application, tab, notebooks, urls)


@pytest.fixture
def overview(make_application: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Overview:
    """Opens it; a window needs the loop that runs the test."""
    return lambda: opened_over(make_application, monkeypatch)


async def test_each_state_offers_what_aws_does_in_it(overview: Overview) -> None:
    opened = await overview()
    assert opened.offered("open") == ["Open in the browser", "Stop…"]
    assert opened.offered("resting") == ["Start"]
    assert opened.offered("broken") == ["Start", "Why it failed"]
    assert opened.offered("starting") == []
    assert opened.offered("open", "resting") == ["Stop…", "Start"]


async def test_the_address_goes_to_the_browser_and_is_kept_nowhere(overview: Overview) -> None:
    opened = await overview()
    opened.choose("open", "Open in the browser")
    await until(lambda: opened.urls == [URL])
    await until(lambda: opened.application.activity.history)
    item = opened.application.activity.history[0]
    assert "secret" not in f"{item.title}{item.cli}{item.__dict__}"


async def test_stopping_says_what_ends_and_asks(overview: Overview) -> None:
    opened = await overview()
    opened.choose("open", "Stop…")
    dialog = await dialog_of(ConfirmDialog, opened.application.window)
    assert "the volume bills on" in texts(dialog)
    dialog.accept()
    await until(lambda: opened.notebooks.done == [("stop", "open")])


async def test_a_new_one_is_made_small_and_told_when_it_is_ready(
    overview: Overview, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = await overview()
    # The menu was it, and is gone.
    monkeypatch.setattr(QApplication, "activeWindow", lambda: None)
    [make] = [act for text, _, act in opened.tab.more_entries() if text.startswith("New notebook")]
    make()
    dialog = await dialog_of(NotebookDialog, opened.application.window)
    assert dialog.parentWidget() is opened.application.window
    assert "$0.046 an hour" in dialog.price.text() and "$0.70 a month" in dialog.price.text()
    field = dialog.form.row("name").field
    field.setText("-bad-")
    assert not dialog.ok_button.isEnabled()
    field.setText("dogs")
    dialog.ok_button.click()
    await until(lambda: opened.notebooks.done == [("create", NotebookSpec("dogs", "photos"))])
    await until(lambda: any("dogs is ready" in notice.title for notice in opened.told))


async def test_a_failed_one_says_why(overview: Overview) -> None:
    opened = await overview()
    opened.notebooks.found = Notebook("broken", "Failed", "ml.t2.medium", 5, "JupyterLab is not installed.")
    opened.choose("broken", "Why it failed")
    await until(lambda: any("not installed" in notice.text for notice in opened.told))
