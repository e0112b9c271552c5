"""Whatever cannot be pressed says why: in every page with nothing chosen, in read-only mode, and in the palette."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from console.context import NO_ACCOUNT, READ_ONLY
from console.widgets.base import below
from console.widgets.forms.buttons import Button, IconButton
from console.widgets.forms.reasons import Reasoned
from console.window.palette_entries import entries
from tests.helpers.scenes import IDS, stage_of
from tests.helpers.window import until

CONSOLE = Path(__file__).resolve().parents[2] / "console"


@pytest.mark.parametrize("kind", [lambda: Button("Go"), lambda: IconButton("close", "Close")])
def test_a_reason_goes_with_the_button_and_leaves_its_own_tip(qtbot: QtBot, kind: Callable[[], Any]) -> None:
    button = kind()
    qtbot.addWidget(button)
    own = button.toolTip()
    button.hinder("It is Creating")
    button.hinder("Choose one")
    assert not button.isEnabled() and button.why_off() == "Choose one" and button.toolTip().endswith("Choose one")
    assert button.toolTip().startswith(own)
    button.allow(True, "Choose one")
    assert button.isEnabled() and button.why_off() == "" and button.toolTip() == own


def test_no_button_is_turned_off_without_its_reason() -> None:
    wrong = [
        f"{path.relative_to(CONSOLE)}: {line.strip()}"
        for path in CONSOLE.rglob("*.py")
        for line in path.read_text().splitlines()
        if re.search(r"(button|previous|next|\bstop|\bchoose)\.setEnabled\(", line)
    ]
    assert wrong == []


def unexplained(root: QWidget) -> list[str]:
    """Buttons in sight or in a drawer that are off themselves and say nothing."""
    return [
        f"{button.meaning()} of {type(button.parentWidget()).__name__}"
        for button in root.findChildren(QWidget)
        if isinstance(button, Reasoned) and not button.isEnabledTo(button.parentWidget()) and not button.why_off()
    ]


async def test_every_page_tells_why_with_nothing_chosen_and_in_read_only_mode(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    stage = await stage_of(make_application, tmp_path)
    window = stage.window
    for tab_id in IDS:
        tab = stage.tab(tab_id)
        await until(lambda tab=tab: tab.whole and tab.entered)
        await stage.settle()
        assert unexplained(window) == []
        stage.ctx.set_read_only(True)
        assert unexplained(window) == []
        off = [found for found in entries(window) if found.id.startswith("button:") and found.why_not]
        assert all("just now" not in found.why_not for found in off)
        assert any(found.why_not == READ_ONLY for found in off) or tab_id in ("predict",)
        stage.ctx.set_read_only(False)
    stage.ctx.leave()
    told = {found.why_not for found in entries(window) if found.id.startswith("button:endpoints:")}
    assert told == {NO_ACCOUNT}


async def test_endpoints_scaling_and_data_name_what_is_to_be_chosen(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    stage = await stage_of(make_application, tmp_path)
    await stage.show("endpoints")
    tab = stage.tab("endpoints")
    tab.table.select_keys([])
    await until(lambda: tab.panel.update_button.why_off() == "Choose an endpoint")
    scaling = stage.tab("scaling")
    await until(lambda: scaling.whole and scaling.entered and scaling.panel.apply_button.why_off() != "")
    assert list(below(scaling, Button))
    data = stage.tab("data")
    await until(lambda: data.whole and data.browser.listed)
    assert data.bucket_panel.up_button.why_off() == "This is the bucket itself"
