"""The Predict tab's real widgets over stand-in services."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QGuiApplication, QImage

from console.models.cards import Answer, Card
from console.tabs.predict import pictures
from console.tabs.predict.result_part import ResultPart
from console.tabs.predict.score import Score, underway
from console.tabs.predict.tab import PredictTab
from console.widgets.forms.buttons import Button
from tests.helpers.models import CLASSES, ModelServices, endpoint, enter
from tests.helpers.predict_tab import AKITA, HUSKY, PUG, always, answered, open_tab, picture, png, with_endpoints
from tests.helpers.window import texts, until
from workers.errors.tree import ModelFailed, NotFound, Unreachable
from workers.types import JobReport

STILL_SECONDS = 0.5


def shown(tab: PredictTab) -> list[str]:
    return [card.name for card in tab.grid.cards()]


async def test_without_an_endpoint_the_way_to_one_is_offered(make_application: Callable[..., Any]) -> None:
    services = ModelServices()
    services.endpoint_rows = [endpoint("broken", "Failed")]
    application, tab = await open_tab(make_application, services)
    await until(lambda: "No endpoint is in service" in texts(tab))
    wanted: list[str] = []
    application.ctx.navigateRequested.connect(lambda tab_id, payload: wanted.append(tab_id))
    for button in tab.empty.findChildren(Button):
        button.click()
    assert wanted == ["endpoints", "training"]


async def test_pictures_wait_for_an_endpoint_that_is_being_created(
    make_application: Callable[..., Any], tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("console.tabs.predict.tab._COMING_MS", 20)
    services = with_endpoints("dogs")
    services.endpoint_rows = [endpoint("dogs", "Creating")]
    _, tab = await open_tab(make_application, services)
    await until(lambda: "dogs is being created" in texts(tab))
    tab.add_paths([picture(tmp_path / "1.png")])
    await until(lambda: len(tab.cards()) == 1)
    assert "dogs is being created" in texts(tab.banner) and services.asked == 0
    services.endpoint_rows = [endpoint("dogs")]
    (card,) = await answered(tab, 1)
    assert card.answers[0].labels[0] == AKITA and tab.banner.isHidden()


async def test_not_connected_reading_and_failed_are_not_called_empty(make_application: Callable[..., Any]) -> None:
    application, tab = await open_tab(make_application)
    assert "Not connected" in texts(tab) and "No endpoint" not in texts(tab)
    services = with_endpoints("dogs")
    services.list_gate = asyncio.Event()
    services.list_error = Unreachable("No answer from AWS", "Could not list the endpoints.")
    enter(application, services)
    await until(lambda: "Reading the endpoints…" in texts(tab))
    services.list_gate.set()
    await until(lambda: "No answer from AWS" in texts(tab))
    services.list_error = None
    next(button for button in tab.empty.findChildren(Button) if button.text() == "Try again").click()
    await until(lambda: "No pictures yet" in texts(tab))


async def test_with_an_endpoint_pictures_are_asked_for(make_application: Callable[..., Any]) -> None:
    services = with_endpoints("dogs")
    # A finished job's model could be compared with.
    services.job_rows = []
    _, tab = await open_tab(make_application, services)
    await until(lambda: "No pictures yet" in texts(tab))
    assert tab.choice.a.value() == "dogs"
    assert not tab.choice.b.isVisible()


async def test_a_folders_name_is_the_truth_and_answers_are_judged(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    picture(tmp_path / "test" / "004.Akita" / "a b 😀.png")
    picture(tmp_path / "test" / "010.Pug" / "p.png")
    picture(tmp_path / "test" / "Other" / "o.png")
    (tmp_path / "test" / "notes.txt").write_text("x")
    application, tab = await open_tab(make_application, with_endpoints("dogs"))
    assert tab.accept_drop([tmp_path / "test"])
    cards = {card.name: card for card in await answered(tab, 3)}
    assert [cards[name].truth for name in ("a b 😀.png", "p.png", "o.png")] == [AKITA, PUG, ""]
    assert any(notice.title == "1 file left out" for notice in application.notify.notices)
    await until(lambda: "1 of 2" in texts(tab.panel) and "right first" in texts(tab.panel))
    assert tab.list_head.filter.texts() == ["All 3", "Wrong 1"]
    tab.list_head.filter.set_current("wrong")
    assert shown(tab) == ["p.png"]
    tab.grid.set_current(tab.grid.cards()[0].key)
    assert '"labels"' in tab.panel.raw.text.toPlainText()


async def test_while_it_is_being_asked_it_says_so_and_what_failed_is_not_called_answered(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    services = with_endpoints("cats", "dogs")
    _, tab = await open_tab(make_application, services)
    tab.add_paths([picture(tmp_path / f"{at}.png", size=(40, 30 + at)) for at in range(6)])
    await answered(tab, 6)
    assert tab.list_head.filter.texts() == ["All 6", "Wrong –"], "nobody said what they show"
    services.predict_seconds = 600.0
    tab.choice.b.set_value("dogs")
    tab.choice.b.chosen.emit("dogs")
    assert tab.again_button.text() == "Stop" and all(card.asking for card in tab.cards())
    tab.again_button.click()
    await until(lambda: tab.again_button.text() == "Ask the rest")
    told = [Answer((AKITA,), (0.9,)), Answer(error="boom"), None]
    cards = [Card(str(at), "", f"{at}.png", answers=(answer,)) for at, answer in enumerate(told)]
    assert underway(cards) == "1 of 3 answered, 1 failed"


def test_a_thousand_of_each_have_room(qtbot: Any) -> None:
    part = ResultPart()
    qtbot.addWidget(part)
    part.resize(260, 200)
    part.show()
    part.show_scores([], [Score(1010, 1000, 10, 0, 0, None, None, ())] * 3)

    def rows() -> int:
        return len({figure.y() for figure in part.figures})

    qtbot.waitUntil(lambda: all(figure.geometry().right() <= 260 for figure in part.figures))
    assert rows() > 1 and part.minimumSizeHint().width() < 200
    part.resize(600, 200)
    qtbot.waitUntil(lambda: rows() == 1)


async def test_sorting_and_filtering_hide_nothing_unsaid(make_application: Callable[..., Any], tmp_path: Path) -> None:
    services = with_endpoints("dogs")
    red, blue = picture(tmp_path / "Akita" / "1.png", "red"), picture(tmp_path / "Akita" / "2.png", "blue")
    unsure = blue.read_bytes()
    services.answers["dogs"] = lambda data: always(AKITA, PUG, first=0.4 if data == unsure else 0.9)(data)
    _, tab = await open_tab(make_application, services)
    tab.add_paths([red, blue])
    await answered(tab, 2)
    tab.list_head.sorting.set_value("unsure")
    tab.list_head.sorting.chosen.emit("unsure")
    assert shown(tab) == ["2.png", "1.png"]
    tab.list_head.filter.set_current("wrong")
    await until(lambda: "No wrong answers" in texts(tab))
    tab.list_head.filter.set_current("all")
    assert len(shown(tab)) == 2
    tab.list_head.filter.set_current("wrong")
    tab.add_paths([picture(tmp_path / "Akita" / "3.png", "green")])
    await answered(tab, 3)
    assert len(shown(tab)) == 3, "what was added just now must not be hidden by the filter"


async def test_errors_stay_on_their_cards(make_application: Callable[..., Any], tmp_path: Path) -> None:
    services = with_endpoints("dogs")
    bad = picture(tmp_path / "bad.png", "black").read_bytes()

    def answer(data: bytes) -> tuple[tuple[str, ...], tuple[float, ...]]:
        if data == bad:
            raise ModelFailed("Could not get a prediction", "The container answered with status 500: boom")
        return always(PUG, AKITA)(data)

    services.answers["dogs"] = answer
    (tmp_path / "torn.jpg").write_bytes(b"no picture at all")
    (tmp_path / "empty.png").write_bytes(b"")
    picture(tmp_path / "good.png")
    gone = tmp_path / "gone.png"
    _, tab = await open_tab(make_application, services)
    tab.add_paths([*(tmp_path / name for name in ("bad.png", "empty.png", "good.png", "torn.jpg")), gone])
    cards = {card.name: card.answers[0] for card in await answered(tab, 5)}
    assert "boom" in cards["bad.png"].error
    assert "torn.jpg cannot be read" in cards["torn.jpg"].error
    assert "empty.png cannot be read" in cards["empty.png"].error
    assert "No such file" in cards["gone.png"].error
    assert cards["good.png"].labels[0] == PUG
    await until(lambda: "1 of 5" in texts(tab.panel) and "4 failed" in texts(tab.panel))
    assert tab.list_head.filter.texts() == ["All 5", "Wrong or failed 4"]
    assert "1 answered, 4 failed in" in texts(tab) and "all answered" not in texts(tab)


async def test_what_is_no_picture_is_refused_in_words(make_application: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    application, tab = await open_tab(make_application, with_endpoints("dogs"))
    assert not tab.accept_drop([tmp_path / "notes.txt"])
    tab.add_paths([tmp_path])
    await until(lambda: any(notice.title == "No pictures there" for notice in application.notify.notices))
    assert tab.cards() == []


async def test_a_large_picture_is_sent_smaller_and_a_small_one_as_it_is(
    make_application: Callable[..., Any], tmp_path: Path, monkeypatch: Any
) -> None:
    sent: dict[int, bytes] = {}
    services = with_endpoints("dogs")

    def answer(data: bytes) -> tuple[tuple[str, ...], tuple[float, ...]]:
        sent[len(sent)] = data
        return always(AKITA, PUG)(data)

    services.answers["dogs"] = answer
    monkeypatch.setattr(pictures, "MOST_BYTES", 2000)
    large, small = picture(tmp_path / "l.bmp", size=(3000, 1500)), picture(tmp_path / "s.png")
    _, tab = await open_tab(make_application, services)
    tab.add_paths([large, small])
    await answered(tab, 2)
    by_size = sorted(sent.values(), key=len)
    assert by_size[0] == small.read_bytes()
    made = QImage.fromData(by_size[1])
    assert by_size[1][:3] == b"\xff\xd8\xff" and (made.width(), made.height()) == (1024, 512)


async def test_a_pasted_picture_is_asked_and_shown(make_application: Callable[..., Any]) -> None:
    application, tab = await open_tab(make_application, with_endpoints("dogs"))
    mime = QMimeData()
    mime.setImageData(QImage.fromData(png()))
    QGuiApplication.clipboard().setMimeData(mime)
    application.window.paste()
    (card,) = await answered(tab, 1)
    assert card.answers[0].labels[0] == AKITA and card.truth == ""
    tab.clear()
    assert tab.cards() == []


async def test_a_picture_that_is_added_again_is_one_card_and_asked_anew(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    services = with_endpoints("dogs")
    application, tab = await open_tab(make_application, services)
    file = picture(tmp_path / "1.png", "red")
    mime = QMimeData()
    mime.setImageData(QImage.fromData(png()))
    QGuiApplication.clipboard().setMimeData(mime)
    for _ in range(2):
        application.window.paste()
        tab.add_paths([file, picture(tmp_path / "2.png", "blue")])
        await answered(tab, 3)
    # The file may be another picture by now.
    asked = services.asked
    tab.add_paths([file])
    await until(lambda: services.asked == asked + 1)
    await answered(tab, 3)


async def test_an_endpoint_that_has_another_model_is_asked_anew(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    services = with_endpoints("dogs", "cats")
    services.endpoint_rows = [replace(row, model_uri="s3://b/first") for row in services.endpoint_rows]
    _, tab = await open_tab(make_application, services)
    tab.add_paths([picture(tmp_path / "1.png")])
    (card,) = await answered(tab, 1)
    name = tab.choice.asked[0]
    before = card.answers[0].labels[0]
    services.answers[name] = always(PUG, HUSKY)
    tab.refresh()
    await until(lambda: not tab.running("endpoints"))
    assert services.asked == 1, "the same model is not asked again"
    services.endpoint_rows = [replace(row, model_uri="s3://b/second") for row in services.endpoint_rows]
    tab.refresh()
    await until(lambda: services.asked == 2)
    (card,) = await answered(tab, 1)
    assert card.answers[0].labels[0] == PUG != before


async def test_two_endpoints_are_compared(make_application: Callable[..., Any], tmp_path: Path) -> None:
    services = with_endpoints("a", "b")
    other = picture(tmp_path / "Pug" / "2.png", "blue").read_bytes()
    picture(tmp_path / "Akita" / "1.png", "red")
    services.answers["b"] = lambda data: always(PUG if data == other else AKITA, HUSKY)(data)
    _, tab = await open_tab(make_application, services)
    tab.add_paths([tmp_path])
    await answered(tab, 2)
    tab.choice.b.set_value("b")
    tab.choice.b.chosen.emit("b")
    cards = await answered(tab, 2)
    assert all(len(card.answers) == 2 for card in cards)
    await until(lambda: all(words in texts(tab.panel) for words in ("right first", "both agree")))
    tab.list_head.sorting.set_value("disagree")
    tab.list_head.sorting.chosen.emit("disagree")
    assert shown(tab)[0] == "2.png"
    assert services.asked == 4


async def test_the_models_known_confusions_are_shown(make_application: Callable[..., Any]) -> None:
    services = with_endpoints("dogs")
    matrix = ((5, 1, 0), (0, 6, 0), (2, 0, 4))
    services.reports["dogs-1"] = JobReport(CLASSES, (), 0.83, (), matrix, ())
    _, tab = await open_tab(make_application, services)
    await until(lambda: tab.panel.confusions.matrix.isVisible())
    assert "Test pictures of dogs-1" in texts(tab.panel)


async def test_an_endpoint_that_went_away_is_told_on_the_cards(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    services = with_endpoints("dogs")

    def gone(data: bytes) -> Any:
        raise NotFound("Could not get a prediction from dogs", "Endpoint dogs of account 1 not found.")

    services.answers["dogs"] = gone
    _, tab = await open_tab(make_application, services)
    tab.add_paths([picture(tmp_path / "1.png")])
    (card,) = await answered(tab, 1)
    assert "not found" in card.answers[0].error
    services.answers["dogs"] = always(AKITA, PUG)
    tab.run_again()
    await until(lambda: tab.cards()[0].answers[0] is not None and not tab.cards()[0].answers[0].error)


def many(folder: Path, number: int) -> None:
    first = picture(folder / "Akita" / "0.png").read_bytes()
    for at in range(1, number):
        (folder / "Akita" / f"{at}.png").write_bytes(first)


async def test_an_endpoint_deleted_meanwhile_is_asked_no_more_and_keeps_its_answers(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    many(tmp_path, 60)
    services = with_endpoints("dogs", "other")
    good: list[bytes] = []

    def gone_after_ten(data: bytes) -> Any:
        if len(good) == 10:
            services.endpoint_rows = [row for row in services.endpoint_rows if row.name != "dogs"]
            raise NotFound("Could not get a prediction from dogs", "Endpoint dogs of account 1 not found.")
        good.append(data)
        return always(AKITA, PUG)(data)

    services.answers["dogs"] = gone_after_ten
    _, tab = await open_tab(make_application, services)
    tab.add_paths([tmp_path])
    await until(lambda: "dogs does not answer any more" in texts(tab.banner))
    cards = await answered(tab, 60)
    assert sum(bool(card.answers[0].labels) for card in cards) == 10
    assert services.asked < 20, "pictures went on being sent to an endpoint that is gone"
    assert tab.choice.a.currentText() == "dogs, gone" and not tab.again_button.isEnabled()
    tab.choice.a.set_value("other")
    await until(lambda: all(card.answers[0] and card.answers[0].labels for card in tab.cards()))
    assert tab.banner.isHidden()


async def test_an_account_that_stops_answering_is_told_once_and_the_rest_can_be_asked(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    many(tmp_path, 40)
    services = with_endpoints("dogs")

    good: list[bytes] = []

    def silent(data: bytes) -> Any:
        if len(good) == 5:
            raise Unreachable("No answer from AWS", "Could not get a prediction.", "Check the network.")
        good.append(data)
        return always(AKITA, PUG)(data)

    services.answers["dogs"] = silent
    _, tab = await open_tab(make_application, services)
    tab.add_paths([tmp_path])
    await until(lambda: "No answer from AWS" in texts(tab.banner))
    assert services.asked < 15 and "35 pictures got no answer from dogs" in texts(tab.banner)
    services.answers["dogs"] = always(AKITA, PUG)
    before = services.asked
    next(button for button in tab.banner.findChildren(Button) if button.text() == "Ask again").click()
    await until(lambda: all(card.answers[0] and card.answers[0].labels for card in tab.cards()))
    assert services.asked - before == 35 and tab.banner.isHidden()


async def test_asking_can_be_stopped_and_gone_on_with(make_application: Callable[..., Any], tmp_path: Path) -> None:
    many(tmp_path, 60)
    services = with_endpoints("dogs")
    services.predict_seconds = 0.01
    _, tab = await open_tab(make_application, services)
    tab.add_paths([tmp_path])
    await until(lambda: services.asked > 8)
    assert tab.again_button.text() == "Stop"
    tab.again_button.click()
    await until(lambda: tab.again_button.text() == "Ask the rest")
    left = sum(card.answers[0] is None for card in tab.cards())
    assert left > 0 and not any(card.asking for card in tab.cards())
    before = services.asked
    tab.again_button.click()
    await answered(tab, 60)
    assert services.asked - before == left and tab.again_button.text() == "Run again"


async def test_of_a_containers_traceback_the_last_line_is_on_the_card_and_all_of_it_in_the_panel(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    services = with_endpoints("dogs")
    trace = "The model's container answered with status 500: Traceback:\n  File x\nValueError: it is damaged"

    def fails(data: bytes) -> Any:
        raise ModelFailed("Could not get a prediction", trace)

    services.answers["dogs"] = fails
    _, tab = await open_tab(make_application, services)
    tab.add_paths([picture(tmp_path / "1.png")])
    (card,) = await answered(tab, 1)
    assert card.answers[0].error == "The model's container answered with status 500: ValueError: it is damaged"
    assert not tab.panel.raw.isVisible()
    tab.grid.set_current(card.key)
    tab.grid.activated.emit(card.key)
    assert tab.panel.raw.isVisible() and "File x" in tab.panel.raw.text.toPlainText()
    assert tab.banner.isHidden(), "one bad picture is no trouble of the endpoint"


async def test_500_pictures_leave_the_window_alive_and_can_be_stopped(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    many(tmp_path, 500)
    services = with_endpoints("dogs")
    services.predict_seconds = 0.001
    application, tab = await open_tab(make_application, services)
    worst, running = 0.0, True

    async def measure() -> None:
        nonlocal worst
        while running:
            # Its own computing time: what other programs of this machine take does not count.
            began = time.thread_time()
            # Long enough to let the window work between two looks, short enough to see each of its turns.
            await asyncio.sleep(0.005)
            worst = max(worst, time.thread_time() - began)

    measuring = asyncio.ensure_future(measure())
    tab.add_paths([tmp_path])
    await until(lambda: sum(bool(card.answers and card.answers[0]) for card in tab.cards()) > 20)
    item = next(item for item in application.activity.running if item.title == "Classify 500 pictures")
    item.request_cancel()
    await until(lambda: item.state == "cancelled")
    stopped_at = services.asked
    tab.run_again()
    await answered(tab, 500)
    running = False
    await measuring
    assert 20 <= stopped_at < 500
    await until(lambda: "500 of 500" in texts(tab.panel))
    assert worst < STILL_SECONDS, f"the event loop stood still for {worst:.2f} s"


async def test_read_only_mode_still_classifies(make_application: Callable[..., Any], tmp_path: Path) -> None:
    application, tab = await open_tab(make_application, with_endpoints("dogs"))
    application.ctx.set_read_only(True)
    tab.add_paths([picture(tmp_path / "1.png")])
    await answered(tab, 1)


async def test_another_account_forgets_answers_and_keeps_pictures(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    application, tab = await open_tab(make_application, with_endpoints("dogs"))
    tab.add_paths([picture(tmp_path / "1.png")])
    await answered(tab, 1)
    application.ctx.leave()
    other = with_endpoints("cats")
    other.answers["cats"] = always(PUG, AKITA)
    enter(application, other)
    await until(lambda: tab.choice.a.value() == "cats")
    (card,) = await answered(tab, 1)
    assert card.answers[0].labels[0] == PUG


async def test_while_folders_are_looked_through_it_does_not_say_that_there_is_nothing(
    make_application: Callable[..., Any], tmp_path: Path, monkeypatch: Any
) -> None:
    _, tab = await open_tab(make_application, with_endpoints("dogs"))
    await until(lambda: "No pictures yet" in texts(tab))
    going = threading.Event()
    kept = pictures.find

    def slow(paths: Any) -> Any:
        going.wait(30)
        return kept(paths)

    monkeypatch.setattr(pictures, "find", slow)
    tab.add_paths([picture(tmp_path / "1.png")])
    await until(lambda: "Looking for pictures…" in texts(tab))
    assert "No pictures yet" not in texts(tab)
    going.set()
    await answered(tab, 1)
    tab.clear()
    assert "No pictures yet" in texts(tab)
