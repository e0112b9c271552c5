"""Parked endpoints in the Endpoints tab: shown, resumed, forgotten, and what is told when it is not so simple."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from console.widgets.forms.buttons import Button
from console.widgets.frames.confirm import ConfirmDialog
from tests.helpers.endpoints_tab import open_tab
from tests.helpers.models import ModelServices, endpoint, parked
from tests.helpers.window import dialog_of, menu_of, saying, texts, until
from workers.errors.tree import AccessDenied, Conflict


def shown(tab: Any, name: str) -> Any:
    return next((row for row in tab.table.model.rows() if row.name == name), None)


async def test_an_endpoint_is_parked_and_comes_back(make_application: Callable[..., Any]) -> None:
    services = ModelServices()
    services.endpoint_rows = [endpoint("dogs")]
    application, tab = open_tab(make_application, services)
    await until(lambda: tab.panel.park_button.isEnabled())
    tab.panel.park_button.click()
    dialog = await dialog_of(ConfirmDialog, application.window)
    said = texts(dialog)
    assert "stop at once" in said and "$0.115 an hour" in said and "asks this endpoint" in said and "remembered" in said
    dialog.confirm_button.click()
    await until(lambda: shown(tab, "dogs") is not None and shown(tab, "dogs").away)
    row = shown(tab, "dogs")
    assert (row.state.word, row.per_hour, row.size) == ("Parked", 0.0, "0 × ml.m5.large")
    await until(tab.parked_panel.isVisible)
    await until(lambda: "team=kennel" in texts(tab.parked_panel))
    said = texts(tab.parked_panel)
    assert "1 to 5" in said and "target tracking, 70" in said and "1 × ml.m5.large" in said
    assert "Costs nothing now" in said and "$0.115 an hour" in said

    tab.parked_panel.resume_button.click()
    dialog = await dialog_of(ConfirmDialog, application.window)
    assert "It costs $0.115 an hour again" in texts(dialog)
    dialog.confirm_button.click()
    await until(lambda: shown(tab, "dogs") is not None and not shown(tab, "dogs").away)
    assert [name for name, _ in services.done] == ["park", "resume", "finish"]
    assert shown(tab, "dogs").state == "InService"


async def test_another_tab_asks_to_park_one(make_application: Callable[..., Any]) -> None:
    services = ModelServices()
    services.endpoint_rows = [endpoint("dogs"), endpoint("cats")]
    application, tab = open_tab(make_application, services)
    tab.enter({"park": "dogs"})
    dialog = await dialog_of(ConfirmDialog, application.window)
    assert "Park dogs" in texts(dialog) and tab.table.current_row().name == "dogs"
    dialog.reject()
    # It is asked once, not at every reading.
    tab.refresh()
    await until(lambda: not tab.running("list"))
    assert services.done == [] and not dialog.isVisible()


async def test_what_is_not_ready_at_once_is_finished_when_it_is(make_application: Callable[..., Any]) -> None:
    services = ModelServices()
    services.parked_rows, services.finished = [parked("dogs")], False
    application, tab = open_tab(make_application, services)
    tab.follower.poll_seconds = 0.01
    await until(tab.parked_panel.isVisible)
    tab.parked_panel.resume_button.click()
    (await dialog_of(ConfirmDialog, application.window)).confirm_button.click()
    await until(lambda: any(row.status == "Creating" for row in services.endpoint_rows))
    await until(lambda: any("its scaling follows" in item.text for item in application.activity.history))
    services.endpoint_rows, services.finished = [endpoint("dogs")], True
    await until(lambda: ("finish", "dogs") in services.done)
    await until(lambda: any("back as it was" in item.text for item in application.activity.history))
    assert services.parked_rows == []


async def test_what_could_not_be_finished_is_told_and_kept(make_application: Callable[..., Any]) -> None:
    services = ModelServices()
    services.endpoint_rows, services.parked_rows = [endpoint("dogs")], [parked("dogs", "resuming")]
    application, tab = open_tab(make_application, services)
    await until(lambda: "its scaling and alarms are not there yet" in texts(tab.panel))
    assert shown(tab, "dogs").state.word == "Resuming"

    async def fails(found: Any) -> bool:
        raise Conflict("dogs answers, but is not all as it was", "Not as remembered: policy tracks.")

    services.parking.finish = fails
    saying(Button, tab.panel, "Go on").click()
    await until(lambda: any(item.state == "failed" for item in application.activity.history))
    assert services.parked_rows


async def test_a_half_parked_one_and_another_of_its_name_are_told_apart(make_application: Callable[..., Any]) -> None:
    services = ModelServices()
    services.endpoint_rows = [endpoint("cats"), endpoint("dogs")]
    services.parked_rows = [parked("cats", "interrupted"), parked("dogs", "changed")]
    _, tab = open_tab(make_application, services)
    await until(lambda: shown(tab, "cats") is not None and shown(tab, "cats").parked is not None)
    tab.table.select_keys(["cats"])
    await until(lambda: "Parking it stopped half-way" in texts(tab.panel))
    assert (shown(tab, "cats").state.word, shown(tab, "dogs").state) == ("Half parked", "InService")
    tab.table.select_keys(["dogs"])
    await until(lambda: "One of its name is parked" in texts(tab.panel))


async def test_a_memory_that_cannot_be_read_can_be_forgotten_only(make_application: Callable[..., Any]) -> None:
    services = ModelServices()
    services.parked_rows = [parked("dogs", problem="dogs was parked by a newer SageDeck. It has version 2.")]
    application, tab = open_tab(make_application, services)
    await until(tab.parked_panel.isVisible)
    assert "dogs was parked by a newer SageDeck" in texts(tab.parked_panel)
    assert not tab.parked_panel.resume_button.isEnabled()
    tab.parked_panel.forget_button.click()
    dialog = await dialog_of(ConfirmDialog, application.window)
    dialog.field.set_value("dogs")
    dialog.confirm_button.click()
    await until(lambda: shown(tab, "dogs") is None)
    assert services.done == [("forget", "dogs")]


async def test_not_knowing_what_is_parked_is_not_called_none(make_application: Callable[..., Any]) -> None:
    services = ModelServices()
    services.parked_rows = [parked("dogs")]
    _, tab = open_tab(make_application, services)
    await until(lambda: shown(tab, "dogs") is not None)
    services.parking_error = AccessDenied("Not allowed", "You may not tag:GetResources.")
    tab.refresh()
    await until(lambda: "Parked endpoints are not known" in texts(tab))
    assert shown(tab, "dogs") is not None
    services.parking_error = None
    tab.refresh()
    await until(lambda: "Parked endpoints are not known" not in texts(tab))


async def test_read_only_parks_nothing(make_application: Callable[..., Any]) -> None:
    services = ModelServices()
    services.endpoint_rows, services.parked_rows = [endpoint("cats")], [parked("dogs")]
    _, tab = open_tab(make_application, services)
    await until(lambda: shown(tab, "dogs") is not None)
    tab.table.select_keys(["dogs"])
    assert {"Resume…", "Forget…"} <= set(menu_of(tab.table))
    tab.ctx.set_read_only(True)
    assert not tab.parked_panel.resume_button.isEnabled() and not tab.parked_panel.forget_button.isEnabled()
    assert not tab.panel.park_button.isEnabled()
