"""Looking at pictures of the Data tab: those of the folder in hand, and those of a bucket, brought into memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.helpers.paged_bucket import NOW, SPECS, NoUploads, PagedStorage
from tests.helpers.predict_tab import picture, png
from tests.helpers.window import SANDBOX, FakeServices, activate, until
from workers.errors.tree import AccessDenied
from workers.types import Listing, ObjectPreview, S3Object

Key = Qt.Key


class PictureStorage(PagedStorage):
    """Three pictures and a text; ``read`` waits for ``gate``."""

    def __init__(self) -> None:
        super().__init__(1)
        self.reads: list[str] = []

    async def list(self, bucket: str, prefix: str = "", token: str | None = None) -> Listing:
        names = ("train/004.Akita/a.png", "train/004.Akita/b.png", "train/004.Akita/c.png", "train/004.Akita/notes.txt")
        return Listing(prefix, (), tuple(S3Object(name, 5_000_000, NOW, "e") for name in names), None)

    async def preview(self, bucket: str, key: str) -> ObjectPreview:
        return ObjectPreview(key, "image/png", 5, None, b"", truncated=True)

    async def read(self, bucket: str, key: str, on_progress: Callable[[int, int], object]) -> bytes:
        self.reads.append(key)
        on_progress(1_000_000, 5_000_000)
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return png((50, 30))


async def open_bucket(make_application: Callable[..., Any]) -> tuple[Any, Any, PictureStorage]:
    application = make_application(SPECS)
    application.window.resize(1440, 900)
    application.show(connect=False)
    storage, services = PictureStorage(), FakeServices(SANDBOX)
    held: Any = services
    held.storage, held.uploader = storage, NoUploads()
    application.connection.state = "ready"
    application.ctx.enter(SANDBOX, services, await services.identity())
    application.connection.changed.emit()
    tab = application.window.pages.tab("data")
    await until(lambda: tab.bucket_panel.table.model.rowCount() == 4)
    await activate(application.window)
    return application, tab.bucket_panel, storage


async def test_an_object_is_looked_at_by_space_and_kept_in_memory(make_application: Callable[..., Any]) -> None:
    _, panel, storage = await open_bucket(make_application)
    panel.table.select_keys(["train/004.Akita/b.png"])
    panel.table.view.setFocus()
    QTest.keyClick(panel.table.view, Key.Key_Space)
    viewer = panel.looking.viewing.viewer
    assert panel.looking.viewing.is_open and viewer.number.text() == "2 of 3", "the text is none of the pictures"
    assert viewer.class_words.text() == "Akita" and "s3://many" in viewer.place.text().replace("\u200b", "")
    await until(lambda: "50 × 30 px" in viewer.facts.text())
    QTest.keyClick(viewer, Key.Key_Right)
    await until(lambda: "50 × 30 px" in viewer.facts.text() and viewer.name.text().endswith("c.png"))
    QTest.keyClick(viewer, Key.Key_Left)
    await until(lambda: "50 × 30 px" in viewer.facts.text() and viewer.name.text().endswith("b.png"))
    assert storage.reads == ["train/004.Akita/b.png", "train/004.Akita/c.png"], "what is here is not fetched again"
    QTest.keyClick(viewer, Key.Key_Escape)
    assert [row.key for row in panel.selected()] == ["train/004.Akita/b.png"]
    assert panel.window().focusWidget() is panel.table.view


async def test_ctrl_space_marks_and_a_double_click_looks(make_application: Callable[..., Any]) -> None:
    _, panel, _ = await open_bucket(make_application)
    view = panel.table.view
    panel.table.select_keys(["train/004.Akita/a.png"])
    QTest.keyClick(view, Key.Key_Space, Qt.KeyboardModifier.ControlModifier)
    assert not panel.looking.viewing.is_open and panel.selected() == []
    place = view.visualRect(view.model().index(0, 1)).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    QTest.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert panel.looking.viewing.is_open


async def test_a_slow_or_refused_picture_says_so(make_application: Callable[..., Any]) -> None:
    _, panel, storage = await open_bucket(make_application)
    storage.gate.clear()
    panel.looking.look(panel.table.model.row_at(0))
    viewer = panel.looking.viewing.viewer
    await until(lambda: viewer.fetching.isVisible() and viewer.fetching.words.text() == "1 MB of 5 MB")
    storage.failure = AccessDenied("Access denied", "s3:GetObject is not allowed.", "Ask for it.")
    storage.gate.set()
    await until(lambda: viewer.canvas.sentence == "s3:GetObject is not allowed. Ask for it.")
    assert not viewer.fetching.isVisible()


async def test_pictures_of_the_folder_are_looked_at(make_application: Callable[..., Any], tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        for number in range(3):
            for name in ("001.Akita", "002.Pug"):
                picture(tmp_path / "dogs" / split / name / f"{split}{number}.png", size=(50, 20 + number))
    application = make_application(SPECS)
    application.window.resize(1440, 900)
    application.show(connect=False)
    tab = application.window.pages.tab("data")
    tab.dataset.choose(tmp_path / "dogs")
    grid, viewing = tab.pictures.grid, tab.pictures.viewing
    await until(lambda: grid.placeholder == "Listing the pictures…" or grid.cell_count() == 3)
    await until(lambda: grid.cell_count() == 3)
    await activate(application.window)
    grid.setFocus()
    grid.set_current(0)
    QTest.keyClick(grid, Key.Key_Space)
    viewer = viewing.viewer
    assert viewer.number.text() == "1 of 3" and viewer.class_words.text() == "Akita"
    await until(lambda: viewer.model.image.width() == 224)
    QTest.keyClick(viewer, Key.Key_End)
    assert grid.current == 2 and viewer.name.text() == "train2.png"
    QTest.keyClick(viewer, Key.Key_Escape)
    await asyncio.sleep(0)
    assert application.window.focusWidget() is grid
