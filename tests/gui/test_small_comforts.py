"""Small things that one stumbles over: what is typed into a number, a title that is cut, a hole, a useless entry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from console.look.theme import theme
from console.models.chart import Series
from console.tabs.predict.confusions_part import ConfusionsPart
from console.tabs.predict.latency_part import LatencyPart
from console.tabs.predict.score import Score
from console.widgets.base import text_width
from console.widgets.charts.chart import LineChart
from console.widgets.forms.fields import IntField, NumberField
from console.window.palette_entries import entries
from tests.helpers.scenes import stage_of
from tests.helpers.window import activate, until
from workers.types import JobReport


@pytest.mark.parametrize("kind", [IntField, NumberField])
async def test_what_is_typed_replaces_a_number_that_got_the_keyboard(
    qtbot: QtBot, kind: Callable[[int], Any], make_application: Callable[..., Any]
) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    field = kind(10)
    QVBoxLayout(window).addWidget(field)
    window.show()
    await activate(window)
    # The first field of a dialog has it as soon as the dialog is there.
    await until(field.hasFocus)
    qtbot.keyClicks(field, "5")
    assert field.value() == 5
    field.clearFocus()
    field.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClicks(field, "5")
    assert field.value() == 5
    field.clearFocus()
    field.setFocus(Qt.FocusReason.ActiveWindowFocusReason)
    qtbot.keyClicks(field, "1")
    assert field.value() in (51, 15)
    field.clearFocus()
    # A click puts the cursor where it hits.
    field.setFocus(Qt.FocusReason.MouseFocusReason)
    qtbot.keyClicks(field, "7")
    assert field.value() > 100


def test_a_charts_title_is_whole_and_its_figures_give_way(qtbot: QtBot) -> None:
    chart = LineChart("Accuracy", y_format=lambda value: f"{value:.3f}")
    qtbot.addWidget(chart)
    chart.set_series(
        [Series("train", [1.0, 2.0], [0.5, 1.0], comparison=True), Series("valid", [1.0, 2.0], [0.4, 0.833])]
    )
    told = lambda room: [figure for _, figure, _ in chart.head_lines(room)]  # noqa: E731
    title = text_width("Accuracy", "strong")
    assert told(title + 400) == ["1.000", "0.833"]
    assert told(title + 190) == ["", "0.833"] and told(title + 150) == ["", ""]
    chart.set_cursor(1.0)
    assert told(title + 150) == ["0.500", "0.400"]


def test_the_words_of_a_small_matrix_stand_right_below_it(qtbot: QtBot) -> None:
    part = ConfusionsPart()
    qtbot.addWidget(part)
    part.resize(320, 700)
    counts = ((3, 0, 0), (0, 3, 0), (1, 0, 2))
    part.show_reports({"A": ("dogs-1", JobReport(("akita", "pug", "husky"), (), 0.9, (), counts, ()))})
    part.show()
    qtbot.waitUntil(lambda: part.matrix.height() > 0)
    part.grab()
    matrix = part.matrix
    side = 3 * matrix.cell_size()
    assert matrix.height() < side + theme().pixels(110)
    [words] = [label for label in part.findChildren(QLabel) if "taken for" in label.text()]
    assert words.y() - matrix.geometry().bottom() <= 12


def test_one_answer_has_no_spread(qtbot: QtBot) -> None:
    part = LatencyPart()
    qtbot.addWidget(part)
    [chart] = part.findChildren(LineChart)
    lines = lambda: len(chart.csv().splitlines())  # noqa: E731
    part.show_scores([score(134.0)])
    assert chart.placeholder == "One answer has no spread" and lines() <= 1
    part.show_scores([score(134.0, 140.0)])
    assert lines() > 2
    part.show_scores([score()])
    assert chart.placeholder == "No answers yet" and lines() <= 1


def score(*latencies: float) -> Score:
    slow = max(latencies, default=None)
    return Score(2, len(latencies), 0, 0, 0, slow, slow, latencies)


async def test_the_palette_offers_no_zoom_and_the_same_thing_once(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    stage = await stage_of(make_application, tmp_path)
    await stage.show("evaluation")
    titles = [entry.title for entry in entries(stage.window) if entry.id.startswith("button:predict")]
    assert titles and not {"Zoom in", "Zoom out", "Fit"} & set(titles)
    page = stage.tab("predict").evaluations
    rows = page.table.view.height() - page.table.view.heads.height()
    assert rows >= min(4, page.table.model.total) * page.table.view.row_height() - 2
