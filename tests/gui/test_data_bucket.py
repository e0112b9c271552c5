"""The bucket panel with listings of many pages and with slow or failing answers, from a stand-in storage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtWidgets import QLabel

from console.tabs.data.rows import ObjectRow
from console.widgets.forms.buttons import Button
from tests.helpers.paged_bucket import PAGE, SPECS, NoUploads, PagedStorage
from tests.helpers.window import SANDBOX, FakeServices, until
from workers.errors.tree import AccessDenied


async def open_bucket(make_application: Callable[..., Any], pages: int = 3) -> tuple[Any, Any, PagedStorage]:
    application = make_application(SPECS)
    application.show(connect=False)
    storage = PagedStorage(pages)
    services: Any = FakeServices(SANDBOX)
    services.storage, services.uploader = storage, NoUploads()
    application.connection.state = "ready"
    application.ctx.enter(SANDBOX, services, await services.identity())
    tab = application.window.pages.tab("data")
    await until(lambda: tab.browser.listed and tab.browser.count is not None)
    return application, tab, storage


def again_buttons(panel: Any) -> list[Button]:
    return [found for found in panel.findChildren(Button) if found.text() == "Try again" and found.isVisible()]


async def test_pages_are_added_and_kept_through_a_refresh(make_application: Callable[..., Any]) -> None:
    _, tab, _ = await open_bucket(make_application)
    panel = tab.bucket_panel
    assert panel.table.model.total == PAGE
    assert panel.chips.count.text() == "3,000 objects"
    panel.more_button.click()
    await until(lambda: panel.table.model.total == 2 * PAGE)
    panel.table.select_keys(["file-01500.txt"])
    tab.refresh()
    await until(lambda: not tab.browser.loading)
    assert panel.table.model.total == 2 * PAGE
    assert panel.table.selected_keys() == ["file-01500.txt"]
    panel.more_button.click()
    await until(lambda: panel.table.model.total == 3 * PAGE)
    assert not panel.more_button.isVisible()


async def test_loading_is_not_empty_and_an_error_keeps_the_old_rows(make_application: Callable[..., Any]) -> None:
    _, tab, storage = await open_bucket(make_application, pages=1)
    panel = tab.bucket_panel
    storage.gate.clear()
    tab.browser.open("sub/")
    assert panel.table.state == "loading"
    storage.gate.set()
    await until(lambda: panel.table.state == "rows")

    storage.failure = AccessDenied("Not allowed", "s3:ListBucket is missing.")
    tab.refresh()
    await until(lambda: tab.browser.error is not None)
    assert panel.table.model.total == PAGE
    (again,) = again_buttons(panel)
    storage.failure = None
    again.click()
    await until(lambda: tab.browser.error is None and not tab.browser.loading)
    assert not again_buttons(panel)


async def test_an_object_that_is_no_picture_says_what_it_is(make_application: Callable[..., Any]) -> None:
    _, tab, _ = await open_bucket(make_application, pages=1)
    tab.bucket_panel.table.select_keys(["file-00007.txt"])
    await until(lambda: tab.bucket_panel.preview.facts[2])
    name, facts, checksum = tab.bucket_panel.preview.facts
    assert (name, facts, checksum) == ("file-00007.txt", "text/plain, 5 B", "no SHA-256 is kept for it")


async def test_what_is_not_downloaded_is_said(make_application: Callable[..., Any]) -> None:
    _, tab, _ = await open_bucket(make_application, pages=1)
    preview = tab.bucket_panel.preview
    file = next(row for row in tab.browser.rows if not row.is_folder)
    folder = ObjectRow("train/", "train")
    for rows, works, said in (([file], True, False), ([folder], False, True), ([file, folder], True, True)):
        preview.show_rows(rows)
        assert (preview.download_button.isEnabled(), bool(preview.download_button.toolTip())) == (works, said)


async def test_a_bucket_that_was_made_just_now_is_shown_before_the_next_reading(
    make_application: Callable[..., Any],
) -> None:
    _, tab, _ = await open_bucket(make_application)
    tab.browser.choose("fresh")
    assert tab.bucket_panel.combo.value() == "fresh"
    assert [bucket.name for bucket in tab.browser.buckets] == ["many", "fresh"]
    tab.refresh()
    await until(lambda: [bucket.name for bucket in tab.browser.buckets] == ["many"])
    assert tab.bucket_panel.combo.value() == "many"


async def test_what_was_empty_is_not_called_so_while_something_arrives(make_application: Callable[..., Any]) -> None:
    _, tab, storage = await open_bucket(make_application, pages=1)
    panel, browser = tab.bucket_panel, tab.browser
    browser.rows = []
    browser.listingChanged.emit()
    assert panel.table.state == "empty"

    browser.await_upload(("many", "dogs/"))
    assert "Nothing has arrived yet" in [label.text() for label in panel.table.findChildren(QLabel)]
    browser.await_upload(None)
    assert "Nothing has arrived yet" not in [label.text() for label in panel.table.findChildren(QLabel)]

    storage.gate.clear()
    tab.ctx.resourceChanged.emit("bucket", "many")
    await until(lambda: browser.loading)
    assert panel.table.state == "loading"
    storage.gate.set()
    await until(lambda: panel.table.state == "rows")
