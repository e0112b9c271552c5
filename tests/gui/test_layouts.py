"""Every page of the window, filled with the longest names, in small windows and with large text: nothing is cut."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QWidget

from console.look.theme import theme
from console.widgets.base import below
from console.widgets.charts.confusion_matrix import ConfusionMatrix
from console.widgets.forms.segmented import Segmented
from tests.helpers.faults import faults
from tests.helpers.scenes import SCALES, SCENES, stage_of
from tests.helpers.window import until

SIZES = (
    (1440, 900, "normal"),
    (1280, 800, "normal"),
    (1200, 700, "large"),
    (1024, 700, "normal"),
    (1024, 700, "largest"),
)


@pytest.mark.parametrize(("width", "height", "scale"), SIZES)
async def test_nothing_is_cut(
    make_application: Callable[..., Any], tmp_path: Path, width: int, height: int, scale: str
) -> None:
    stage = await stage_of(make_application, tmp_path)
    theme().set_scale(SCALES[scale])
    stage.window.resize(width, height)
    await stage.settle()
    found = []
    for scene in SCENES:
        shown = await stage.show(scene)
        found += [f"{scene}: {problem}" for problem in faults(shown)]
    stage.close()
    assert found == []


def whole_in_sight(part: QWidget) -> bool:
    """Whether nothing of it lies outside of what scrolls it."""
    return part.visibleRegion().boundingRect().height() >= min(part.height(), part.minimumHeight() or part.height())


async def test_what_a_page_is_for_is_in_sight_in_the_lowest_window_with_the_largest_text(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    stage = await stage_of(make_application, tmp_path)
    theme().set_scale(SCALES["largest"])
    stage.window.resize(1024, 700)
    await stage.settle()
    await stage.show("report")
    detail = stage.tab("training").detail
    matrix = next(below(detail, ConfusionMatrix))
    turn = next(turn for turn in below(detail, Segmented) if turn.accessibleName().startswith("View of the job"))
    await until(lambda: whole_in_sight(matrix))
    detail.show_page("live")
    await until(lambda: whole_in_sight(turn))
    await stage.show("data")
    pictures = stage.tab("data").pictures
    await until(lambda: whole_in_sight(pictures.next) and whole_in_sight(pictures.previous))
    stage.close()
