"""After a resize the layout is right at once: nothing moves later, without any further event of the operator."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QRect
from PySide6.QtWidgets import QApplication, QScrollBar, QWidget

from console.widgets.base import below
from console.widgets.forms.lines import CheckLine
from console.widgets.frames.edge import Edge
from tests.helpers.faults import faults
from tests.helpers.scenes import Stage, stage_of
from tests.helpers.waiting import until

SIZES = ((1024, 700), (1280, 800), (1100, 800), (1440, 900), (1259, 700), (1261, 800), (1024, 700), (1280, 800))
SCENES = ("overview", "data", "bucket", "report", "endpoints", "predict")


def lay_out() -> None:
    """Layouts that ask for layouts; no timer runs and nothing is awaited."""
    for _ in range(5):
        QApplication.sendPostedEvents()


def places(root: QWidget) -> dict[str, QRect]:
    """Where every visible widget lies, by its way down from the root."""
    found = {}
    for number, widget in enumerate(below(root, QWidget, in_sight=True)):
        if not isinstance(widget, QScrollBar):
            name = f"{number} {type(widget.parentWidget()).__name__}/{type(widget).__name__} {widget.accessibleName()}"
            found[name] = QRect(widget.mapTo(root, QPoint()), widget.size())
    return found


@pytest.mark.parametrize("scene", SCENES)
async def test_nothing_moves_after_a_resize(make_application: Callable[..., Any], tmp_path: Path, scene: str) -> None:
    stage: Stage = await stage_of(make_application, tmp_path, (1440, 900))
    await stage.show(scene)
    window = stage.window
    # What the account allows is told when it has been read, which moves no place but takes another name.
    await until(lambda: not [line for line in below(window, CheckLine) if "being read" in line.accessibleName()])
    late = []
    for size in SIZES:
        window.resize(*size)
        lay_out()
        soon = places(window)
        wrong = faults(window)
        for _ in range(8):
            # What moves later, by a timer or a deferred layout, has nothing to wait for.
            await asyncio.sleep(0.03)
        settled = places(window)
        late += [
            f"{size} {name}: {soon.get(name)} then {settled.get(name)}"
            for name in soon.keys() | settled.keys()
            if soon.get(name) != settled.get(name)
        ]
        late += [f"{size} {problem}" for problem in wrong]
    stage.close()
    assert not late, "\n".join(late)


@pytest.mark.parametrize("scene", ["bucket", "endpoints"])
async def test_a_panel_made_wide_gives_way_when_the_window_becomes_smaller(
    make_application: Callable[..., Any], tmp_path: Path, scene: str
) -> None:
    stage: Stage = await stage_of(make_application, tmp_path, (1440, 900))
    await stage.show(scene)
    window, tab = stage.window, stage.window.pages.current_tab
    edge = next(below(tab.side_place, Edge))
    window.resize(1900, 1000)
    lay_out()
    edge.set_width(760)
    assert tab.side_place.maximumWidth() == 760
    window.resize(1280, 800)
    lay_out()
    assert faults(window) == []
    window.resize(1900, 1000)
    lay_out()
    # What the operator chose comes back.
    assert tab.side_place.maximumWidth() == 760
    stage.close()
