"""Where the keyboard begins on a page that was opened, and where it is after what changes the page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractItemView, QApplication, QComboBox, QWidget

from console.widgets.base import below
from console.widgets.forms.buttons import Button
from console.widgets.forms.focus import give
from tests.helpers import full_account as full
from tests.helpers.predict_tab import answered, open_tab, picture, with_endpoints
from tests.helpers.scenes import Stage, stage_of
from tests.helpers.window import activate, saying, until

WIDE, NARROW = (1440, 900), (1024, 700)


def called(parent: QWidget, words: str) -> Button:
    return next(button for button in below(parent, Button) if button.text() == words and button.isVisible())


async def held_by(widget: QWidget, name: str) -> None:
    try:
        await until(lambda: QApplication.focusWidget() is widget)
    except AssertionError:
        held = QApplication.focusWidget()
        words = getattr(held, "text", str)()
        raise AssertionError(f"{name}: the keyboard is on {held} {words!r}") from None


def form_name(stage: Stage) -> QWidget:
    field: QWidget = stage.tab("training").form.form.row("name").field
    return field


Place = Callable[[Stage], QWidget]
# What the tab is opened with, and where the keyboard begins then.
OPENED: dict[str, tuple[str, Any, Place]] = {
    "the jobs": ("training", None, lambda stage: stage.tab("training").table.view),
    "a data set to train on": ("training", {"data_uri": "s3://dogs-1/breeds"}, form_name),
    "a job": ("training", {"job": full.JOB}, lambda stage: stage.tab("training").table.view),
    "an endpoint": ("endpoints", {"endpoint": full.ENDPOINTS[0]}, lambda stage: stage.tab("endpoints").table.view),
    "a function": ("endpoints", {"function": full.FUNCTION}, lambda stage: stage.tab("endpoints").functions.table.view),
    "an endpoint to ask": (
        "predict",
        {"endpoint": full.ENDPOINTS[0]},
        lambda stage: stage.tab("predict").choose_button,
    ),
    "what scales": ("scaling", {"function": full.FUNCTION}, lambda stage: stage.tab("scaling").panel.functions.view),
    "the instances": ("compute", None, lambda stage: stage.tab("compute").table.view),
}


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_a_page_that_is_opened_has_the_keyboard_where_it_is_used(
    make_application: Callable[..., Any], tmp_path: Path, size: tuple[int, int]
) -> None:
    stage = await stage_of(make_application, tmp_path, size)
    await stage.data()
    await activate(stage.window)
    begins = stage.tab("data").breeds.table.view
    begins.setFocus()
    for name, (tab_id, payload, place) in OPENED.items():
        stage.ctx.navigate(tab_id, payload)
        await until(lambda: not stage.window.pages.coming)
        await held_by(place(stage), name)
        # Who comes back finds it where it was, and not at the beginning.
        stage.window.show_tab("data")
        await held_by(begins, name)
    stage.close()


async def test_the_window_opens_with_the_keyboard_in_the_page(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    stage = await stage_of(make_application, tmp_path)
    await activate(stage.window)
    await until(lambda: not stage.window.pages.coming)
    held = QApplication.focusWidget()
    assert held is not None and stage.window.pages.isAncestorOf(held)
    assert isinstance(held, QAbstractItemView), "in the list of the first page"


async def from_the_keyboard_of_the_header(stage: Stage) -> QWidget:
    stage.window.header.pill.setFocus()
    stage.window.show_tab("endpoints")
    return stage.window.header.pill


async def a_deployment_refused(stage: Stage) -> QWidget:
    await stage.job()
    called(stage.tab("training").detail, "Deploy…").click()
    await stage.asked("DeployDialog")
    assert stage.dialog is not None
    assert isinstance(stage.dialog.focusWidget(), QComboBox), "the dialog begins in its first field"
    stage.dialog.reject()
    stage.dialog = None
    return stage.tab("endpoints").table.view  # type: ignore[no-any-return]


async def a_deployment_refused_from_another_page(stage: Stage) -> QWidget:
    await stage.deploy()
    assert stage.dialog is not None
    endpoints = stage.tab("endpoints")
    endpoints.deploy_button.setFocus()
    view: QWidget = stage.tab("training").table.view
    stage.dialog.reject()
    stage.dialog = None
    give(view)
    # What asked goes on only now, and its page is not shown.
    await until(lambda: endpoints.focusWidget() is endpoints.table.view)
    return view


async def the_activity_closed(stage: Stage) -> QWidget:
    await stage.job()
    view = stage.tab("training").table.view
    view.setFocus()
    await stage.activity()
    await held_by(stage.window.panel.segments, "the activity panel")
    QTest.keyClick(stage.window.panel.segments, Qt.Key.Key_Escape)
    assert not stage.window.panel.isVisible()
    return view  # type: ignore[no-any-return]


async def the_settings_closed(stage: Stage) -> QWidget:
    await stage.endpoints()
    view = stage.tab("endpoints").table.view
    view.setFocus()
    await stage.settings()
    QTest.keyClick(stage.dialog, Qt.Key.Key_Escape)
    stage.dialog = None
    return view  # type: ignore[no-any-return]


async def a_comparison_closed(stage: Stage) -> QWidget:
    await stage.compare()
    compare = stage.tab("training").compare
    close = called(compare, "Close")
    close.setFocus()
    QTest.keyClick(close, Qt.Key.Key_Space)
    return stage.tab("training").table.view  # type: ignore[no-any-return]


async def a_job_run_again(stage: Stage) -> QWidget:
    await stage.job()
    called(stage.tab("training").detail, "Run again…").click()
    return form_name(stage)


async def a_drawer_left_by_escape(stage: Stage) -> QWidget:
    await stage.endpoints()
    (button,) = stage.tab("endpoints").drawer_buttons()
    if not stage.tab("endpoints").narrow:
        button.setFocus()
        return QApplication.focusWidget() or button
    called(stage.tab("endpoints").panel, "Delete…").setFocus()
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Escape)
    assert not button.isChecked()
    return button  # type: ignore[no-any-return]


async def the_account_that_went_and_came(stage: Stage) -> QWidget:
    await stage.job()
    stage.tab("training").table.view.setFocus()
    stage.ctx.leave()
    await stage.enter()
    return stage.tab("training").table.view  # type: ignore[no-any-return]


STEPS: dict[str, Callable[[Stage], Awaitable[QWidget]]] = {
    step.__name__: step
    for step in (
        from_the_keyboard_of_the_header,
        a_deployment_refused,
        a_deployment_refused_from_another_page,
        the_activity_closed,
        the_settings_closed,
        a_comparison_closed,
        a_job_run_again,
        a_drawer_left_by_escape,
        the_account_that_went_and_came,
    )
}


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_after(make_application: Callable[..., Any], tmp_path: Path, size: tuple[int, int]) -> None:
    stage = await stage_of(make_application, tmp_path, size)
    await activate(stage.window)
    for name, step in STEPS.items():
        expected = await step(stage)
        await activate(stage.window)
        await held_by(expected, name)
        stage.close()


async def test_the_keyboard_is_where_pictures_are_chosen_though_what_asked_for_them_is_gone(
    make_application: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, tab = await open_tab(make_application, with_endpoints("a"))
    taken: list[Callable[[list[Path]], object]] = []
    monkeypatch.setattr("console.tabs.predict.collecting.choose_files", lambda _, take: taken.append(take))
    await activate(tab.window())
    saying(Button, tab.empty, "Choose pictures…").setFocus()
    saying(Button, tab.empty, "Choose pictures…").click()
    taken[0]([picture(tmp_path / "a.png")])
    await answered(tab, 1)
    assert tab.choose_button.hasFocus()
