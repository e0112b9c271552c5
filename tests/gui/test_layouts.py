"""Every page of the window, filled with the longest names, in small windows and with large text: nothing is cut."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication, QDialog, QMenu, QWidget

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


class Flashes(QObject):
    """Notes what is shown as a window without being one: it takes the keyboard from the real one."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        shown = event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow()
        if shown and not isinstance(watched, QDialog | QMenu):
            self.seen.append(f"{type(watched).__name__} {getattr(watched, 'text', str)()}")
        return False


@pytest.mark.parametrize(("width", "height", "scale"), SIZES)
async def test_nothing_is_cut_and_no_part_is_a_window_before_it_is_in_its_place(
    make_application: Callable[..., Any], tmp_path: Path, qapp: QApplication, width: int, height: int, scale: str
) -> None:
    flashes = Flashes()
    stage = await stage_of(make_application, tmp_path)
    theme().set_scale(SCALES[scale])
    stage.window.resize(width, height)
    await stage.settle()
    found = []
    # It sees every event, which takes its time: pages and dialogs are made the same way in all sizes.
    if (width, height, scale) == SIZES[0]:
        qapp.installEventFilter(flashes)
    for scene in SCENES:
        shown = await stage.show(scene)
        found += [f"{scene}: {problem}" for problem in faults(shown)]
        found += [f"{scene}: a window of its own: {seen}" for seen in flashes.seen]
        flashes.seen.clear()
    qapp.removeEventFilter(flashes)
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
