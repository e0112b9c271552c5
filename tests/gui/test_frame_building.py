"""Pages are built in pieces: the window answers meanwhile, and nothing that was asked of a page is lost."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QWidget

from console.tabs import TABS, TabSpec
from console.tabs.base import Tab
from console.window import building
from tests.helpers import full_account as full
from tests.helpers.models import enter
from tests.helpers.waiting import until
from tests.helpers.window import RecordingTab, activate, connect, shown

# What happened, in order: "piece", and "turn" where a test lets the event loop tell its turns.
EVENTS: list[str] = []


class PiecesTab(Tab):
    spec = TabSpec("training", "Training", "training", 2, f"{__name__}:PiecesTab")
    pieces = 6

    def build(self) -> Iterator[None]:
        self.calls: list[tuple[str, Any]] = []
        for _ in range(self.pieces):
            EVENTS.append("piece")
            self.body.addWidget(QLabel("part"))
            yield

    def activate(self, payload: Any = None) -> None:
        self.calls.append(("activate", payload))

    def deactivate(self) -> None:
        self.calls.append(("deactivate", None))

    def backend_changed(self) -> None:
        self.calls.append(("account", None))

    def resource_changed(self, kind: str, name: str) -> None:
        self.calls.append(("resource", name))

    def accept_drop(self, paths: list[Path]) -> bool:
        self.calls.append(("drop", paths))
        return True


class LongTab(PiecesTab):
    """Never whole by the end of a test, unless something is wrong."""

    spec = replace(PiecesTab.spec, target=f"{__name__}:LongTab")
    pieces = 100_000


class HeldTab(PiecesTab):
    spec = replace(PiecesTab.spec, target=f"{__name__}:HeldTab")
    held = True

    def build(self) -> Iterator[None]:
        yield from super().build()
        while self.held:
            yield


class FallingTab(PiecesTab):
    spec = replace(PiecesTab.spec, target=f"{__name__}:FallingTab")
    falls = True

    def build(self) -> Iterator[None]:
        yield from super().build()
        if self.falls:
            raise RuntimeError("no such widget")


SPECS = [RecordingTab.spec, PiecesTab.spec]


@pytest.fixture(autouse=True)
def _events() -> Iterator[None]:
    EVENTS.clear()
    yield
    EVENTS.clear()


@pytest.fixture
def nothing_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """No page is built that nobody asked for."""
    monkeypatch.setattr(building, "PAUSE_SECONDS", 3600)


async def turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def test_the_first_picture_waits_for_no_page(make_application: Callable[..., Any]) -> None:
    application = make_application([PiecesTab.spec])
    pieces_at_paint: list[int] = []
    application.window.painted.connect(lambda: pieces_at_paint.append(len(EVENTS)))
    application.show(connect=False)
    await until(lambda: application.window.pages.current_tab)
    assert pieces_at_paint == [0]


@pytest.mark.usefixtures("nothing_ahead")
async def test_the_window_answers_between_the_pieces_of_a_page(make_application: Callable[..., Any]) -> None:
    application = await shown(make_application, SPECS)
    window, pages = application.window, application.window.pages
    ticker = QTimer()
    ticker.timeout.connect(lambda: EVENTS.append("turn"))
    ticker.start(0)
    window.navigation.buttons["training"].click()
    assert pages.current_tab is None and EVENTS.count("piece") == 0
    assert pages.frame.isVisible() and pages.frame.title.text() == "Training"
    assert window.navigation.buttons["training"].isChecked()
    await until(lambda: pages.current_tab is not None)
    ticker.stop()
    first, last = EVENTS.index("piece"), len(EVENTS) - EVENTS[::-1].index("piece")
    assert EVENTS[first:last].count("piece") == PiecesTab.pieces
    assert "piece piece" not in " ".join(EVENTS[first:last])
    assert pages.currentWidget() is pages.current_tab and not pages.frame.isVisible()
    assert pages.current_tab.calls == [("activate", None)]


@pytest.mark.usefixtures("nothing_ahead")
async def test_a_number_key_opens_a_page_that_is_not_built(make_application: Callable[..., Any]) -> None:
    application = await shown(make_application, SPECS)
    pages = application.window.pages
    await activate(application.window)
    for _ in range(2):
        QTest.keyClick(application.window, Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
    assert pages.current_id == "training" and pages.current_tab is None
    await until(lambda: pages.current_tab is not None)
    assert pages.current_tab.calls == [("activate", None)]


@pytest.mark.usefixtures("nothing_ahead")
async def test_what_is_meant_for_a_page_reaches_it_when_it_is_whole(make_application: Callable[..., Any]) -> None:
    application = await shown(make_application, SPECS)
    pages = application.window.pages
    application.ctx.navigate("training")
    application.ctx.navigate("training", {"job": "dogs"})
    application.window.take_paths([Path("dogs.jpg")])
    await until(lambda: pages.current_tab is not None)
    assert pages.current_tab.calls == [("activate", {"job": "dogs"}), ("drop", [Path("dogs.jpg")])]


@pytest.mark.usefixtures("nothing_ahead")
async def test_a_page_that_is_left_before_it_is_whole_gets_what_was_meant_for_it(
    make_application: Callable[..., Any],
) -> None:
    application = await shown(make_application, SPECS)
    pages = application.window.pages
    application.ctx.navigate("training", {"job": "dogs"})
    application.ctx.navigate("data")
    assert pages.current_tab is pages.tabs["data"] and pages.currentWidget() is pages.current_tab
    await until(lambda: "training" in pages.tabs)
    assert pages.tabs["training"].calls == [("activate", {"job": "dogs"}), ("deactivate", None)]
    assert pages.currentWidget() is pages.tabs["data"]


async def test_pages_are_built_ahead_and_told_of_the_account_from_their_first_showing(
    make_application: Callable[..., Any],
) -> None:
    application = await shown(make_application, SPECS)
    pages = application.window.pages
    await until(lambda: "training" in pages.tabs)
    tab = pages.tabs["training"]
    await connect(application)
    application.ctx.resourceChanged.emit("job", "dogs")
    assert tab.calls == [] and not tab.isVisible()
    application.ctx.navigate("training")
    assert pages.currentWidget() is tab and tab.calls == [("activate", None)]
    application.ctx.resourceChanged.emit("job", "cats")
    await connect(application)
    assert tab.calls == [("activate", None), ("resource", "cats"), ("account", None)]


async def test_who_clicks_or_types_is_not_disturbed(
    make_application: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "QUIET_SECONDS", 3600)
    monkeypatch.setattr(building, "PAUSE_SECONDS", 0)
    application = await shown(make_application, [RecordingTab.spec, LongTab.spec])
    window, pages = application.window, application.window.pages
    await until(lambda: EVENTS)
    clicked = asyncio.Event()

    def click() -> None:
        QTest.mouseClick(window.windowHandle(), Qt.MouseButton.LeftButton, pos=QPoint(700, 400))
        clicked.set()

    # Not from inside a task: it lets the event loop turn, and a task may not begin inside another.
    QTimer.singleShot(0, click)
    await clicked.wait()
    await turns(5)
    built = len(EVENTS)
    await turns(100)
    assert len(EVENTS) == built
    # Who asks for the page waits for it: there is no reason to hold back.
    application.ctx.navigate("training")
    await turns(100)
    assert len(EVENTS) > built and pages.coming


@pytest.mark.usefixtures("nothing_ahead")
async def test_the_window_closes_while_a_page_is_built(make_application: Callable[..., Any]) -> None:
    application = await shown(make_application, [RecordingTab.spec, LongTab.spec])
    application.ctx.navigate("training", {"job": "dogs"})
    await until(lambda: len(EVENTS) > 2)
    application.window.close()
    await asyncio.wait_for(application.closed, 60)
    await application.close()
    built = len(EVENTS)
    await turns(20)
    assert len(EVENTS) == built < LongTab.pieces
    assert len(application.ctx.tasks) == 0 and not application.window.isVisible()


@pytest.mark.usefixtures("nothing_ahead")
async def test_a_page_that_falls_half_way_is_told_and_can_be_tried_again(
    make_application: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    application = await shown(make_application, [RecordingTab.spec, FallingTab.spec])
    window, pages = application.window, application.window.pages
    application.ctx.navigate("training")
    await until(lambda: not pages.coming)
    [notice] = [notice for notice in application.notify.notices if notice.level == "error"]
    assert "Training" in notice.title and "no such widget" in notice.text
    assert "no such widget" in " ".join(text.text() for text in pages.currentWidget().findChildren(QLabel))
    window.show_tab("data")
    assert pages.currentWidget() is pages.tabs["data"]
    monkeypatch.setattr(FallingTab, "falls", False)
    window.show_tab("training")
    await until(lambda: pages.current_tab is not None)
    assert pages.currentWidget() is pages.tabs["training"]


async def test_a_page_that_nobody_opens_may_fall_without_a_word(make_application: Callable[..., Any]) -> None:
    application = await shown(make_application, [FallingTab.spec, RecordingTab.spec][::-1])
    await until(lambda: not application.ctx.tasks.running("pages"))
    assert application.notify.notices == [] and application.window.pages.currentWidget().spec.id == "data"


@pytest.mark.usefixtures("nothing_ahead")
async def test_an_account_that_comes_while_a_page_is_built_is_its_own(
    make_application: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    application = await shown(make_application, [RecordingTab.spec, HeldTab.spec])
    pages = application.window.pages
    application.ctx.navigate("training")
    await until(lambda: EVENTS)
    await connect(application)
    assert pages.coming and pages.frame.isVisible()
    monkeypatch.setattr(HeldTab, "held", False)
    await until(lambda: pages.current_tab is not None)
    assert pages.current_tab.calls == [("activate", None)] and application.ctx.connected


@pytest.mark.parametrize("tab", TABS, ids=lambda tab: tab.id)
async def test_every_page_comes_in_several_pieces(make_application: Callable[..., Any], tab: Any) -> None:
    application = make_application([tab])
    pages = application.window.pages
    application.show(connect=False)
    kind = tab.load()
    build_on = kind.build_on
    pieces = 0

    def counted(self: Tab) -> bool:
        nonlocal pieces
        pieces += 1
        return bool(build_on(self))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "build_on", counted)
        await until(lambda: pages.current_tab is not None)
    assert pieces >= 3


@pytest.mark.usefixtures("nothing_ahead")
async def test_another_tabs_action_works_on_a_page_that_is_not_built(make_application: Callable[..., Any]) -> None:
    application = await shown(make_application, TABS)
    pages = application.window.pages
    enter(application, full.FullServices())
    application.ctx.navigate("endpoints", {"endpoint": full.ENDPOINTS[1]})
    assert "endpoints" not in pages.tabs
    await until(lambda: pages.current_tab is not None and pages.current_tab.panel.name == full.ENDPOINTS[1])
    application.ctx.navigate("training", {"job": full.JOB})
    assert "training" not in pages.tabs
    await until(lambda: pages.current_tab is not None and pages.current_tab.detail.job is not None)
    assert pages.current_tab.detail.job.name == full.JOB


async def test_a_change_of_page_looks_through_no_page_that_is_hidden(
    make_application: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    application = await shown(make_application, SPECS)
    window, pages = application.window, application.window.pages
    await until(lambda: "training" in pages.tabs)
    looked: list[QWidget] = []
    hidden = pages.tabs["training"]
    monkeypatch.setattr(PiecesTab, "children", lambda self: looked.append(self) or [])
    monkeypatch.setattr(RecordingTab, "children", lambda self: looked.append(self) or [])
    window.toasts.place()
    assert looked == []
    application.notify.warn("Settings were reset", "They could not be read.")
    assert looked == [pages.tabs["data"]] and hidden.isHidden()


async def test_what_is_finished_at_once_while_the_builder_waits_is_no_failure(
    make_application: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    application = await shown(make_application, [RecordingTab.spec, HeldTab.spec])
    told: list[str] = []
    application.notify.listen(lambda notice: told.append(f"{notice.title}: {notice.text}"))
    await until(lambda: EVENTS and application.ctx.tasks.running("pages"))
    monkeypatch.setattr(HeldTab, "held", False)
    assert application.window.pages.tab("training") is not None
    await until(lambda: not application.ctx.tasks.running("pages"))
    assert told == []


@pytest.mark.parametrize("spec", TABS, ids=lambda spec: spec.id)
async def test_a_page_that_is_half_built_can_be_resized_painted_and_closed(
    make_application: Callable[..., Any], spec: TabSpec
) -> None:
    """Qt sends sizes, pictures and keys to what is placed, whole or not."""
    application = await shown(make_application, SPECS)
    tab = spec.load()(application.ctx, whole=False)
    tab.setParent(application.window)
    sizes = itertools.cycle([(1200, 800), (800, 600)])
    going = True
    while going:
        tab.resize(*next(sizes))
        assert not tab.grab().isNull()
        QTest.keyClick(tab, Qt.Key.Key_Escape)
        going = tab.build_on()
    tab.grab()
    tab.deleteLater()


async def test_a_thread_that_ends_while_the_loop_is_closed_disturbs_nobody() -> None:
    loop, asked = asyncio.get_running_loop(), threading.Event()

    def late() -> None:
        still = 0
        while still < 30:
            asked.set()
            still = 0 if loop.is_running() else still + 1
            # The loop runs again for a moment before it is closed, which waits for this thread.
            time.sleep(0.002)

    loop.run_in_executor(None, late)
    await until(asked.is_set)
