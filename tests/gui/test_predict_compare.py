"""Two endpoints in the Predict tab: asked in turns, compared only over what can be compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.helpers.models import ModelServices
from tests.helpers.predict_tab import AKITA, PUG, always, answered, open_tab, picture, with_endpoints
from tests.helpers.window import texts
from workers.errors.tree import ModelFailed


def recorded(services: ModelServices) -> list[tuple[str, bytes]]:
    """Who was asked about what, in order."""
    told: list[tuple[str, bytes]] = []
    for name in list(services.answers):

        def answer(data: bytes, name: str = name) -> Any:
            told.append((name, data))
            return always(AKITA, PUG)(data)

        services.answers[name] = answer
    return told


def some(folder: Path, number: int) -> list[bytes]:
    return [picture(folder / "Akita" / f"{at}.png", size=(40, 30 + at)).read_bytes() for at in range(number)]


async def test_endpoints_are_asked_in_turns_with_the_order_swapped_picture_by_picture(
    make_application: Callable[..., Any], tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("console.tabs.predict.asking.CONCURRENT", 1)
    services, data = with_endpoints("a", "b"), some(tmp_path, 4)
    told = recorded(services)
    _, tab = await open_tab(make_application, services)
    tab.choice.b.set_value("b")
    tab.choice.b.chosen.emit("b")
    tab.add_paths([tmp_path])
    await answered(tab, 4)
    assert told == [(name, data[at]) for at in range(4) for name in ("ab" if at % 2 == 0 else "ba")]
    assert tab.panel.latency.words.text().startswith("95 % under ")
    assert tab.panel.latency.words.text().count(" ms") == 1 and "that both answered" not in texts(tab.panel)


async def test_times_of_different_runs_are_not_compared_until_both_run_again(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    services = with_endpoints("a", "b")
    some(tmp_path, 3)
    _, tab = await open_tab(make_application, services)
    tab.add_paths([tmp_path])
    await answered(tab, 3)
    assert "95 % under" in tab.panel.latency.words.text()
    tab.choice.b.set_value("b")
    tab.choice.b.chosen.emit("b")
    await answered(tab, 3)
    assert services.asked == 6, "nothing is asked twice without being told to"
    assert tab.panel.latency.words.text() == "" and "asked at different times" in texts(tab.panel)
    assert "all answered" in texts(tab.list_head) and " in " not in texts(tab.list_head)
    tab.again_button.click()
    await answered(tab, 3)
    assert "95 % under" in tab.panel.latency.words.text()
    some(tmp_path / "more", 1)
    tab.choice.b.set_value("")
    tab.choice.b.chosen.emit("")
    tab.add_paths([tmp_path / "more"])
    await answered(tab, 4)
    tab.choice.b.set_value("b")
    tab.choice.b.chosen.emit("b")
    await answered(tab, 4)
    assert "of the 3 pictures that both answered in one run" in texts(tab.panel)
    assert "asked at different times" not in texts(tab.panel)


async def test_one_side_that_fails_is_named(make_application: Callable[..., Any], tmp_path: Path) -> None:
    services = with_endpoints("a", "b")

    def fails(data: bytes) -> Any:
        raise ModelFailed("Could not get a prediction", "boom")

    services.answers["b"] = fails
    some(tmp_path, 2)
    _, tab = await open_tab(make_application, services)
    tab.choice.b.set_value("b")
    tab.choice.b.chosen.emit("b")
    tab.add_paths([tmp_path])
    await answered(tab, 2)
    assert "A: all answered; B: 0 answered, 2 failed in" in texts(tab.list_head)
