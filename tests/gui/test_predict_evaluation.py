"""The page Evaluations: begun, stopped, shown, compared, exported; and what else than endpoints can be asked."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtGui import QImage

from console.tabs.predict.evaluation import exporting
from console.tabs.predict.evaluation.comparison import ComparisonView
from console.tabs.predict.evaluation.panel import EvaluationPanel
from console.tabs.predict.evaluation.rows import EVALUATIONS
from console.tabs.predict.tab import PredictTab
from tests.helpers.evaluation import AKITA, CLASSES, HUSKY, PUG, FakeEvaluations, answered, evaluation, labelled_folder
from tests.helpers.models import NOW, ModelServices
from tests.helpers.predict_tab import always, open_tab, picture, png, with_endpoints
from tests.helpers.predict_tab import answered as all_answered
from tests.helpers.window import activate, texts, until
from workers.errors.tree import AccessDenied, ModelFailed, SageDeckError
from workers.evaluation.comparing import compare
from workers.evaluation.measures import measure
from workers.evaluation.types import Answered, Summary
from workers.functions.types import Function
from workers.types import Fleet


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return labelled_folder(tmp_path / "set")


async def opened(
    make_application: Callable[..., Any], services: ModelServices, folder: Path | None = None
) -> PredictTab:
    _, tab = await open_tab(make_application, services)
    tab.show_page("evaluations")
    if folder is not None:
        tab.accept_drop([folder])
        await until(lambda: tab.evaluations.setup.labelled is not None)
    return tab


def kept(folder: Path) -> FakeEvaluations:
    first = [answered(f"test/{name}/{at}.jpg", name, name, 0.9) for name in CLASSES for at in range(3)]
    first[0] = replace(first[0], labels=(PUG, AKITA, HUSKY))
    second = [replace(answer, labels=(answer.truth, *CLASSES)) for answer in first]
    second[4] = replace(second[4], labels=(HUSKY, PUG, AKITA))
    failed = Answered("test/bad.jpg", PUG, "", error="It is damaged.")
    return FakeEvaluations(
        evaluation([*first, failed], id="20260101T000000-one", target="one", folder=str(folder), began=1.0),
        evaluation(second, id="20260102T000000-two", target="function:two", folder=str(folder), began=2.0),
    )


async def test_every_target_is_evaluated_and_the_two_are_compared(
    make_application: Callable[..., Any], folder: Path
) -> None:
    services = with_endpoints("a", "b")
    tab = await opened(make_application, services, folder)
    page = tab.evaluations
    assert "9 pictures of test, 3 classes" in texts(page)
    # The folder is chosen: nothing asks for one any longer.
    assert "No evaluation yet" in texts(page) and "Choose a" not in texts(page)
    tab.choice.b.set_value("b")
    page.setup.start_button.click()
    await until(lambda: len(page.shown) == 2)
    assert [target for target, _ in services.evaluations.begun] == ["a", "b"]
    await until(lambda: not page.running and page.setup.start_button.isVisible())
    # Both may be called alike: what A and B are is said beside their figures.
    await until(lambda: all(f"endpoint {name}, test of" in texts(page.panel) for name in "ab"))
    assert "function" not in texts(page.panel)
    assert "pictures were answered alike" in texts(page.comparison) and len(page.comparison.grid.cards()) > 0
    page.comparison.filter.set_current("first")
    assert all(card.answers[0].labels[0] == card.truth for card in page.comparison.grid.cards())


def _word(row: Summary) -> str:
    """What stands in a row's column of states, and its tone."""
    state = next(column for column in EVALUATIONS if column.key == "state").value(row)
    return f"{state.word}, {state.tone}"


async def test_it_is_followed_stopped_and_what_was_answered_is_kept(
    make_application: Callable[..., Any], folder: Path
) -> None:
    services = with_endpoints("a")
    services.evaluations.gate = asyncio.Event()
    tab = await opened(make_application, services, folder)
    page = tab.evaluations
    page.setup.start_button.click()
    await until(lambda: "a: 1 of 9, 100.0 % right so far" in texts(page.setup))
    # Its row is there from the beginning, and says that it is under way.
    await until(lambda: [(row.done, _word(row)) for row in page.table.model.rows()] == [(1, "1 of 9, run")])
    page.table.select_keys([page.table.model.rows()[0].id])
    assert not [entry for entry in page.table.entries() if "Resume" in str(entry) or "Delete" in str(entry)]
    page.table.select_keys([])
    assert not page.setup.start_button.isVisible() and not page.setup.folder_button.isEnabled()
    # As the run ends Evaluate comes back: a click that is on its way to Stop must not meet it.
    page.setup.layout().activate()
    assert page.setup.stop_button.geometry().right() < page.setup.start_button.geometry().left()
    page.setup.stop_button.click()
    assert "waited for" in texts(page.setup)
    services.evaluations.gate.set()
    await until(lambda: len(page.shown) == 1 and not page.running)
    await until(lambda: "7 of 9 pictures were not asked about" in texts(page.panel))
    assert _word(page.table.model.rows()[0]) == "2 of 9, warn"
    services.evaluations.gate = asyncio.Event()
    page.panel.resume_button.click()
    await until(lambda: services.evaluations.resumed == [page.shown[0][0].head.id])
    await until(lambda: _word(page.table.model.rows()[0]) == "2 of 9, run")
    assert not page.panel.resume_button.isVisible() and not page.panel.delete_button.isEnabled()
    services.evaluations.gate.set()
    await until(lambda: not page.running)
    assert page.panel.delete_button.isEnabled()
    # What was resumed is looked at next, not exported.
    await activate(tab.window())
    page.panel.resume_button.setFocus()
    await until(page.panel.resume_button.hasFocus)
    page.panel.resume_button.hide()
    await until(page.table.view.hasFocus)


async def test_a_refusal_is_told_above_the_list_which_stays(make_application: Callable[..., Any], folder: Path) -> None:
    services = with_endpoints("a")
    services.evaluations = kept(folder)
    services.evaluations.error = AccessDenied("Not allowed", "You may not invoke it.")
    tab = await opened(make_application, services, folder)
    page = tab.evaluations
    await until(lambda: page.table.model.total == 2)
    page.setup.start_button.click()
    await until(page.banner.isVisible)
    assert "You may not invoke it." in texts(page.banner) and page.table.model.total == 2


async def test_what_is_being_read_is_not_called_unchosen(make_application: Callable[..., Any], folder: Path) -> None:
    services = with_endpoints("one")
    services.evaluations = kept(folder)
    whole, given = services.evaluations.whole, asyncio.Event()

    async def slow(name: str) -> Any:
        await given.wait()
        return await whole(name)

    services.evaluations.whole = slow
    page = (await opened(make_application, services)).evaluations
    await until(lambda: page.table.model.total == 2)
    assert "No evaluation chosen" in texts(page)
    page.table.select_keys(["20260101T000000-one"])
    await until(lambda: "Reading what was answered" in texts(page))
    assert "No evaluation chosen" not in texts(page)
    given.set()
    await until(lambda: len(page.shown) == 1 and "Reading" not in texts(page))

    async def refused(name: str) -> Any:
        raise AccessDenied("Not readable", "No.")

    page.table.select_keys([])
    await until(lambda: "No evaluation chosen" in texts(page))
    services.evaluations.whole = refused
    page.table.select_keys(["20260102T000000-two"])
    await until(lambda: "Not readable" in texts(page) and "No evaluation chosen" in texts(page))


async def test_a_cell_shows_its_pictures_and_a_class_all_of_its(
    make_application: Callable[..., Any], folder: Path
) -> None:
    services = with_endpoints("a")
    services.evaluations = kept(folder)
    tab = await opened(make_application, services)
    page = tab.evaluations
    await until(lambda: page.table.model.total == 2)
    page.table.select_keys(["20260101T000000-one"])
    await until(lambda: len(page.shown) == 1)
    assert [card.key for card in page.report.cell_grid.cards()] == ["test/004.Akita/0.jpg"], "the worst cell"
    page.report.matrix.cellActivated.emit(1, 1)
    assert len(page.report.cell_grid.cards()) == 3 and "Pug recognised, 3 of 3" in texts(page.report)
    page.report.show_class(AKITA)
    assert len(page.report.cell_grid.cards()) == 3
    page.report.pages.set_current("mistakes")
    assert [card.key for card in page.report.mistakes.cards()] == ["test/004.Akita/0.jpg"]
    page.report.pages.set_current("failed")
    assert [row.error for row in page.report.failed.model.rows()] == ["It is damaged."]
    assert "1 picture got no answer" in texts(page.panel) and "88.9 %" in texts(page.panel)
    page.report.mistakes.lookWanted.emit("test/004.Akita/0.jpg")
    await until(lambda: page.viewing.is_open)
    page.viewing.close()


def read(place: Path) -> bytes:
    return place.read_bytes()


async def test_every_kind_of_export_is_written_whole_and_a_full_disk_leaves_nothing(
    make_application: Callable[..., Any], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = with_endpoints("a")
    services.evaluations = kept(folder)
    tab = await opened(make_application, services)
    shown = [await services.evaluations.whole(row.head.id) for row in services.evaluations.rows]
    for several in (shown[:1], shown):
        for kind in ("csv", "json", "png", "html"):
            place = tmp_path / f"out-{len(several)}.{kind}"
            await exporting.write(tab.ctx, place, kind, several)
            if kind == "png":
                assert QImage.fromData(read(place)).width() > 300
                continue
            text = read(place).decode()
            assert text.startswith({"csv": "picture,", "json": "{", "html": "<!DOCTYPE html>"}[kind])
            assert "test/004.Akita/0.jpg" in text

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("workers.errors.saving.os.fsync", full)
    with pytest.raises(SageDeckError):
        await exporting.write(tab.ctx, tmp_path / "new" / "out.csv", "csv", shown)
    with pytest.raises(SageDeckError):
        await exporting.write(tab.ctx, tmp_path / "out-1.csv", "csv", shown)
    assert read(tmp_path / "out-1.csv").startswith(b"picture,folder")


async def test_variants_functions_and_models_can_be_asked_and_compared(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    services = with_endpoints("a")
    services.endpoint_rows[0] = replace(
        services.endpoint_rows[0], fleets=(Fleet("ml.m5.large", 1, 1, "x", 1.0), Fleet("ml.m5.large", 1, 1, "y", 1.0))
    )
    services.function_rows = [Function("asks-a", "", "", 128, 3, "", NOW, endpoint_name="a")]
    services.answers |= {
        "a/y": always(PUG, AKITA, HUSKY), "function:asks-a": always(AKITA, PUG), "model:a-1": always(AKITA, PUG),
    }  # fmt: skip
    picture(tmp_path / "Akita" / "1.png")
    _, tab = await open_tab(make_application, services)
    choice = tab.choice
    assert [choice.a.itemText(at) for at in range(choice.a.count())] == ["a", "a / x", "a / y"]
    choice.kinds.set_current("function")
    assert choice.a.value() == "function:asks-a" and not choice.c.isVisible()
    choice.b.set_value("model:a-1")
    assert choice.c.isVisible()
    choice.c.set_value("a/y")
    assert choice.asked == ["function:asks-a", "model:a-1", "a/y"]
    tab.add_paths([tmp_path])
    [card] = await all_answered(tab, 1)
    assert [answer.labels[0] for answer in card.answers if answer is not None] == [AKITA, AKITA, PUG]
    assert tab.list_head.filter.texts()[-1] == "Differ 1" and "0 of 1" in texts(tab.panel)
    tab.list_head.filter.set_current("differ")
    assert len(tab.grid.cards()) == 1
    choice.c.set_value("")
    await until(lambda: tab.list_head.filter.texts()[-1] == "Differ 0")


async def test_a_thousand_bad_pictures_are_each_told_and_the_good_ones_predicted(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    reasons = {"empty": b"", "words": b"no picture at all", "cut": png()[:30]}
    for at in range(1000):
        (tmp_path / f"{at}.gif").write_bytes(list(reasons.values())[at % 3])
    good = [picture(tmp_path / f"good-{at}.png") for at in range(5)]
    services = with_endpoints("a")

    def answer(data: bytes) -> Any:
        # What begins like a picture is sent, and the container says what is wrong with it.
        if len(data) == 30:
            raise ModelFailed("Could not get a prediction", "ValueError: it cannot be read")
        return always(AKITA, PUG)(data)

    services.answers["a"] = answer
    _, tab = await open_tab(make_application, services)
    tab.add_paths([tmp_path])
    await until(lambda: tab.list_head.filter.texts()[-1] == "Wrong or failed 1,000" and not tab.asking)
    cards = {card.name: card.answers[0] for card in tab.cards()}
    told = {name: answer.error for name, answer in cards.items() if answer is not None and answer.error}
    assert len(told) == 1000 and all("cannot be read" in words for words in told.values())
    assert {path.name for path in good} == set(cards) - set(told) and services.asked == 338
    await until(lambda: "5 of 1,005" in texts(tab.panel))


async def test_where_no_model_can_be_loaded_that_is_said(
    make_application: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.tabs.predict.choice.can_load", lambda: False)
    services = with_endpoints("a")
    _, tab = await open_tab(make_application, services)
    assert tab.choice.kinds.isVisible() and "PyTorch is not installed here" in tab.choice.kinds.toolTip()
    assert not tab.choice.b.isVisible(), "nothing else is offered"
    services.endpoint_rows = []
    tab.choice.forget()
    tab.refresh()
    await until(lambda: "cannot be asked: PyTorch is not installed here" in texts(tab))


async def test_functions_that_may_not_be_listed_are_no_end_of_endpoints(make_application: Callable[..., Any]) -> None:
    services = with_endpoints("a")

    async def refused() -> Any:
        raise AccessDenied("Not allowed", "You may not list functions.")
        yield

    services.functions.list_all = refused
    _, tab = await open_tab(make_application, services)
    assert tab.choice.asked == ["a"] and "You may not list functions." in tab.choice.unread["function"]


def test_what_is_the_same_of_both_is_said_once(qtbot: Any) -> None:
    panel = EvaluationPanel()
    qtbot.addWidget(panel)
    answers = [answered("test/x/1.jpg", "900.Cat", AKITA), answered("test/y/2.jpg", PUG, PUG)]
    both = [evaluation(answers, id=name, target=name) for name in ("one", "two")]
    panel.show_evaluations([(shown, measure(shown)) for shown in both])
    panel.show()
    assert texts(panel).count("has no class for") == 1 and "A and B: " in texts(panel)


def test_a_grid_without_pictures_says_so_and_shows_that_it_has_the_keyboard(qtbot: Any) -> None:
    view = ComparisonView()
    qtbot.addWidget(view)
    view.resize(700, 500)
    answers = [answered(f"test/{at}.jpg", AKITA, AKITA) for at in range(3)]
    first, second = (
        evaluation(answers, id="one"),
        evaluation([answered("test/0.jpg", AKITA, PUG), *answers[1:]], id="two"),
    )
    view.show_comparison(first, compare(first, second))
    view.show()
    told = []
    for key, _ in view.filter.segments():
        view.filter.set_current(key)
        told.append((len(view.grid.cards()), view.grid.placeholder))
    assert [number for number, _ in told] == [1, 1, 0, 0] and len({words for _, words in told}) == 4
    bare = view.grid.grab().toImage()
    view.grid.setFocus()
    qtbot.waitUntil(view.grid.hasFocus)
    assert view.grid.grab().toImage() != bare
