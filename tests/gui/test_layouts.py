"""Every page of the window, filled with the longest names, in small windows and with large text: nothing is cut."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console.look.theme import theme
from tests.helpers.faults import faults
from tests.helpers.scenes import SCALES, SCENES, stage_of

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
