"""The classes of a folder: what the colours mean is said as long as something has these colours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QWidget

from console.tabs.data.breeds_panel import BreedsPanel
from console.widgets.base import below
from console.widgets.tables.columns import Choice
from tests.helpers.full_account import dataset
from tests.helpers.window import until


async def test_colours_are_explained_only_while_there_are_bars_of_these_colours(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    application = make_application([])
    panel = BreedsPanel(application.ctx.settings)
    panel.resize(700, 400)
    panel.show()

    def explained() -> bool:
        return any(
            place.isVisible() and place.accessibleName().startswith("Splits:") for place in below(panel, QWidget)
        )

    assert not explained(), "no bars without a folder"
    panel.set_report(dataset(tmp_path))
    assert explained()
    table = panel.table
    table.choose_columns(Choice(frozenset({"counts"})))
    assert not explained(), "the operator took the bars away"
    table.choose_columns(Choice())
    assert explained()
    panel.resize(150, 400)
    await until(lambda: bool(table.view.hidden_columns()))
    assert not explained(), "there is no room for the bars"
    panel.resize(700, 400)
    await until(explained)
    panel.set_report(None)
    assert not explained()
