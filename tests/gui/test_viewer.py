"""Looking at pictures inside the window: by key and mouse, off the GUI thread, with what the model sees of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QImage, QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QWidget

from console.look.theme import theme
from console.models.cards import Answer, Card
from console.models.viewing import ViewItem
from console.tabs import TabSpec
from console.tabs.base import Tab
from console.viewing import CANCELLED, Viewing
from console.widgets.pictures import prediction_card
from console.widgets.pictures.viewer import Viewer
from tests.helpers.models import CLASSES
from tests.helpers.predict_tab import AKITA, PUG, always, answered, open_tab, picture, with_endpoints
from tests.helpers.window import activate, until
from workers.errors.tree import ModelFailed
from workers.inference.model_view import model_view
from workers.types import JobReport

Key = Qt.Key


class PageTab(Tab):
    spec = TabSpec("data", "Data", "data", 1, f"{__name__}:PageTab", works_alone=True)


SPECS = [PageTab.spec]


def shapes(folder: Path, number: int) -> list[Path]:
    return [picture(folder / f"{at}.png", size=(60 + 10 * at, 40)) for at in range(number)]


async def open_page(make_application: Callable[..., Any]) -> tuple[Any, Viewing, QWidget]:
    application = make_application(SPECS)
    application.window.resize(1200, 800)
    application.show(connect=False)
    await activate(application.window)
    tab = application.window.pages.current_tab
    below = QWidget(tab)
    below.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    below.show()
    below.setFocus()
    return application, Viewing(application.ctx, tab), below


def item_of(paths: list[Path]) -> Callable[[int], ViewItem]:
    return lambda at: ViewItem(paths[at].name, str(paths[at].parent), "004.Akita", path=paths[at])


async def test_keys_go_through_the_pictures_and_the_focus_comes_back(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    _, viewing, below = await open_page(make_application)
    told: list[int] = []
    viewing.open(5, item_of(shapes(tmp_path, 5)), 1, told.append)
    viewer = viewing.viewer
    assert viewer.window().focusWidget() is viewer
    await until(lambda: "70 × 40 px" in viewer.facts.text())
    for key, at in ((Key.Key_Right, 2), (Key.Key_End, 4), (Key.Key_Right, 4), (Key.Key_Home, 0), (Key.Key_Left, 0)):
        QTest.keyClick(viewer, key)
        assert viewer.position == at
    assert told == [2, 4, 0]
    assert viewer.number.text() == "1 of 5" and not viewer.previous.isEnabled()
    assert viewer.accessibleDescription() == "0.png, Akita, 1 of 5"
    await until(lambda: viewer.facts.text().startswith("PNG, 60 × 40 px, "))
    for _ in range(9):
        QTest.keyClick(viewer.window().focusWidget(), Key.Key_Tab)
        found = viewer.window().focusWidget()
        assert found is viewer or viewer.isAncestorOf(found), "Tab left the viewer"
    QTest.keyClick(viewer, Key.Key_Escape)
    assert not viewing.is_open and viewer.window().focusWidget() is below


async def test_another_tab_ends_it(make_application: Callable[..., Any], tmp_path: Path) -> None:
    application, viewing, _ = await open_page(make_application)
    viewing.open(1, item_of(shapes(tmp_path, 1)), 0)
    assert viewing.is_open
    application.window.pages.current_tab.hide()
    assert not viewing.is_open
    application.window.pages.current_tab.show()
    assert not viewing.viewer.isVisible()


async def test_it_stays_as_large_as_the_page(make_application: Callable[..., Any], tmp_path: Path) -> None:
    application, viewing, _ = await open_page(make_application)
    viewing.open(1, item_of(shapes(tmp_path, 1)), 0)
    application.window.resize(1024, 700)
    page = application.window.pages.current_tab
    await until(lambda: viewing.viewer.size() == page.size() and page.width() < 1024)


async def test_what_cannot_be_shown_is_told_and_the_next_one_is_shown(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    _, viewing, _ = await open_page(make_application)
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    paths = [tmp_path / "a.jpg", tmp_path / "gone.png", *shapes(tmp_path, 1)]
    viewing.open(3, item_of(paths), 0)
    viewer = viewing.viewer
    await until(lambda: viewer.canvas.sentence == "It is not a picture that can be read.")
    viewer.go(1)
    await until(lambda: viewer.canvas.sentence == "The file cannot be read: No such file or directory.")
    viewer.go(2)
    await until(lambda: not viewer.canvas.image.isNull() and not viewer.canvas.sentence)


async def test_the_event_loop_turns_while_a_large_picture_is_decoded(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (600, 600, 3), dtype=np.uint8)
    large = tmp_path / "large.png"
    Image.fromarray(np.kron(noise, np.ones((8, 8, 1), np.uint8))).save(large, compress_level=1)
    _, viewing, _ = await open_page(make_application)
    viewing.open(1, lambda at: ViewItem("large.png", path=large, input_size=224, network="a model"), 0)
    turns = 0
    while viewing.viewer.model.image.isNull():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 20
    shown = viewing.viewer.model.image.convertToFormat(QImage.Format.Format_RGB888)
    assert bytes(shown.constBits())[: 224 * 3] == model_view(large, 224)[: 224 * 3]
    assert viewing.viewer.canvas.seen is not None


async def test_fetching_tells_how_far_it_is_and_can_be_given_up(make_application: Callable[..., Any]) -> None:
    application, viewing, _ = await open_page(make_application)
    ended: list[str] = []

    async def slow(progress: Callable[[int, int], object]) -> bytes:
        progress(2_000_000, 8_000_000)
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("ended")
        return b""

    viewing.open(1, lambda at: ViewItem("far.png", fetch=slow, size=8_000_000), 0)
    viewer = viewing.viewer
    await until(lambda: viewer.fetching.isVisible() and viewer.fetching.words.text() == "2 MB of 8 MB")
    viewer.fetching.cancel_button.click()
    await until(lambda: ended == ["ended"])
    assert viewer.canvas.sentence == CANCELLED and viewing.is_open
    viewing.open(1, lambda at: ViewItem("far.png", fetch=slow, size=8_000_000), 0)
    await until(lambda: viewer.fetching.isVisible())
    application.ctx.backendChanging.emit()
    assert not viewing.is_open
    await until(lambda: len(ended) == 2)


async def with_cards(make_application: Callable[..., Any], folder: Path, number: int = 3) -> tuple[Any, Any, Any]:
    services = with_endpoints("a", "b")
    services.answers["b"] = always(PUG, AKITA)
    services.reports["a-1"] = JobReport(
        CLASSES, (), 0.8, (), ((5, 1, 0), (0, 6, 0), (2, 0, 4)), (), {"settings": {"image_size": 160}}
    )
    application, tab = await open_tab(make_application, services)
    await activate(application.window)
    shapes(folder / "Akita", number)
    tab.choice.b.set_value("b")
    tab.choice.b.chosen.emit("b")
    tab.add_paths([folder])
    await answered(tab, number)
    return application, tab, services


async def test_a_card_is_looked_at_by_space_and_by_double_click(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    _, tab, _ = await with_cards(make_application, tmp_path)
    tab.grid.setFocus()
    tab.grid.set_current(tab.grid.cards()[0].key)
    QTest.keyClick(tab.grid, Key.Key_Space)
    viewer = tab.looking.viewing.viewer
    assert tab.looking.viewing.is_open and viewer.name.text() == "0.png"
    assert [line[:2] for line in viewer.asked.lines] == [("A", "a"), ("B", "b")]
    assert viewer.verdict.text() == "B wrong" and viewer.class_words.text() == "Akita"
    await until(lambda: viewer.model.image.width() == 160)
    assert "160 × 160 px: the input of the model of a-1" in viewer.model_words.text()
    QTest.keyClick(viewer, Key.Key_Right)
    QTest.keyClick(viewer, Key.Key_Space)
    assert not tab.looking.viewing.is_open and tab.grid.current.name == "1.png"
    assert tab.window().focusWidget() is tab.grid
    place = tab.grid.cell_rect(2).center().toPoint()
    QTest.mouseDClick(tab.grid.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert viewer.name.text() == "2.png" and not tab.panel.raw.isVisible()


async def test_a_card_has_a_menu_by_key(make_application: Callable[..., Any], tmp_path: Path) -> None:
    _, tab, services = await with_cards(make_application, tmp_path)
    key = tab.grid.cards()[0].key
    actions = {text: call for text, _, call in tab.looking.actions(key)}
    assert list(actions) == [
        "Open", "Open with another program", "Show in folder", "Copy picture", "Copy answer as JSON", "Copy path",
        "Ask again", "Remove",
    ]  # fmt: skip
    actions["Copy answer as JSON"]()
    said = json.loads(QGuiApplication.clipboard().text())
    assert said["picture"] == "0.png" and [answer["endpoint"] for answer in said["answers"]] == ["a", "b"]
    assert said["answers"][1]["answer"]["labels"][0] == PUG
    actions["Copy path"]()
    assert QGuiApplication.clipboard().text() == str(tmp_path / "Akita" / "0.png")
    tab.grid.set_current(key)
    QTest.keyClick(tab.grid, Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    await until(lambda: not QGuiApplication.clipboard().image().isNull())
    before = services.asked
    actions["Ask again"]()
    await until(lambda: services.asked == before + 2)
    await answered(tab, 3)
    QTest.keyClick(tab.grid, Key.Key_Delete)
    assert [card.name for card in tab.grid.cards()] == ["1.png", "2.png"] and tab.grid.current.name == "1.png"


def choose(viewer: Viewer, words: str) -> None:
    """An entry of the viewer's menu."""
    middle = viewer.rect().center()
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, middle, viewer.mapToGlobal(middle))
    QApplication.sendEvent(viewer, event)
    menu = next(menu for menu in viewer.findChildren(QMenu) if menu.isVisible())
    next(action for action in menu.actions() if action.text() == words).trigger()
    menu.close()


async def test_a_picture_removed_in_the_viewer_makes_room_for_the_next(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    _, tab, _ = await with_cards(make_application, tmp_path, 2)
    tab.looking.look(tab.grid.cards()[1].key)
    viewer = tab.looking.viewing.viewer

    choose(viewer, "Remove")
    assert viewer.name.text() == "0.png" and viewer.number.text() == "1 of 1"
    choose(viewer, "Remove")
    assert not tab.looking.viewing.is_open and tab.cards() == []


async def test_answers_that_come_while_it_is_open_are_shown(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    _, tab, services = await with_cards(make_application, tmp_path, 1)
    tab.looking.look(tab.grid.cards()[0].key)
    viewer = tab.looking.viewing.viewer

    def fails(data: bytes) -> Any:
        raise ModelFailed("Could not get a prediction", "boom")

    services.answers["a"] = fails
    choose(viewer, "Ask again")
    await until(lambda: "boom" in viewer.asked.lines[0][2])
    await until(lambda: viewer.verdict.text() == "A failed")


async def test_the_menu_key_opens_the_menu_of_the_chosen_card(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    _, tab, _ = await with_cards(make_application, tmp_path, 2)
    asked: list[str] = []
    tab.grid.menuRequested.disconnect()
    tab.grid.menuRequested.connect(lambda key, place: asked.append(key))
    tab.grid.set_current(tab.grid.cards()[1].key)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(5, 5), tab.grid.mapToGlobal(QPoint(5, 5)))
    QApplication.sendEvent(tab.grid, event)
    assert asked == [tab.grid.cards()[1].key]


async def test_what_a_model_that_says_nothing_of_its_input_sees_is_not_known(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    _, tab = await open_tab(make_application, with_endpoints("dogs"))
    tab.add_paths([picture(tmp_path / "1.png")])
    await answered(tab, 1)
    tab.looking.look(tab.grid.cards()[0].key)
    viewer = tab.looking.viewing.viewer
    assert viewer.model_words.text() == "Not known: the model of dogs does not say how large its input is."
    assert not viewer.model.isVisible()


@pytest.mark.parametrize("scale", [1.0, 1.15, 1.3, 1.5])
def test_a_card_says_its_files_name_and_five_classes(qapp: object, scale: float) -> None:
    labels = ("004.Akita", "Beagle", "Boxer", "Collie", "Poodle")
    card = Card("1", "x.png", "0.png", labels[0], (Answer(labels, (0.5, 0.2, 0.1, 0.1, 0.1), 5.0),))
    theme().set_scale(scale)
    written: list[str] = []
    kept = prediction_card.draw_text

    def write(painter: Any, rect: Any, text: str, *rest: Any, **more: Any) -> float:
        written.append(text)
        return kept(painter, rect, text, *rest, **more)

    prediction_card.draw_text = write
    try:
        page = QImage(800, prediction_card.card_height(), QImage.Format.Format_RGB32)
        painter = QPainter(page)
        prediction_card.paint_card(painter, QRectF(page.rect()), card)
        painter.end()
    finally:
        prediction_card.draw_text = kept
    assert "0.png" in written and {"Akita", *labels[1:]} <= set(written)
