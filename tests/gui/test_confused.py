"""A click on a cell of a confusion matrix shows the pictures that it counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from console.confused import NOT_NAMED, RIGHT
from console.tabs.training.report_view import ReportView
from console.widgets.charts.confusion_matrix import ConfusionMatrix
from console.widgets.tables.table import ResourceTable
from tests.helpers import full_account
from tests.helpers.models import CLASSES, ModelServices
from tests.helpers.predict_tab import AKITA, PUG, always, answered, open_tab, picture, png, with_endpoints
from tests.helpers.scenes import SPECS, Stage
from tests.helpers.window import activate, texts, until
from workers.types import JobReport

MATRIX = ((5, 2, 0), (0, 6, 0), (2, 0, 4))
NAMED = {"mistakes": [["test/004.Akita/1.png", 0, 1], ["test/004.Akita/2.png", 0, 1]], "settings": {"image_size": 64}}


class Objects:
    """Reads pictures of any key."""

    def __init__(self) -> None:
        self.read_keys: list[tuple[str, str]] = []

    async def read(self, bucket: str, key: str, progress: Callable[[int, int], object]) -> bytes:
        self.read_keys.append((bucket, key))
        return png((50, 30))


async def with_report(
    make_application: Callable[..., Any], extra: dict[str, object]
) -> tuple[Any, ModelServices, Objects]:
    services, objects = with_endpoints("dogs"), Objects()
    held: Any = services
    held.storage = SimpleNamespace(read=objects.read)
    services.job_rows = [replace(row, data_uri="s3://pictures/dogs/") for row in services.job_rows]
    services.reports["dogs-1"] = JobReport(CLASSES, (), 0.83, (), MATRIX, (), extra)
    application, tab = await open_tab(make_application, services)
    await activate(application.window)
    await until(lambda: tab.panel.confusions.matrix.isVisible())
    return tab, services, objects


async def test_the_test_pictures_of_a_mistake_are_shown_from_their_bucket(
    make_application: Callable[..., Any],
) -> None:
    tab, _, objects = await with_report(make_application, NAMED)
    matrix = tab.panel.confusions.matrix
    matrix.setFocus()
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Return):
        QTest.keyClick(matrix, key)
    viewer = tab.looking.confused.viewing.viewer
    assert tab.looking.confused.viewing.is_open and viewer.number.text() == "1 of 2"
    assert viewer.class_words.text() == "Akita, taken for Pug" and viewer.name.text() == "1.png"
    await until(lambda: viewer.model.image.width() == 64)
    assert objects.read_keys == [("pictures", "dogs/test/004.Akita/1.png")]
    QTest.keyClick(viewer, Qt.Key.Key_Escape)
    assert tab.window().focusWidget() is matrix


async def test_a_cell_whose_pictures_are_not_named_says_so(make_application: Callable[..., Any]) -> None:
    tab, _, _ = await with_report(make_application, {})
    matrix = tab.panel.confusions.matrix
    for (truth, answer), words in (
        ((0, 1), NOT_NAMED),
        ((0, 0), RIGHT),
        ((0, 2), "No test picture is in this cell."),
    ):
        matrix.cellActivated.emit(truth, answer)
        assert words in texts(tab.panel.confusions) and not tab.looking.confused.viewing.is_open


async def test_pictures_of_the_tab_stand_in_for_those_that_are_not_named(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    tab, services, _ = await with_report(make_application, {})
    services.answers["dogs"] = always(PUG, AKITA)
    picture(tmp_path / "Akita" / "mine.png")
    picture(tmp_path / "Pug" / "right.png")
    tab.add_paths([tmp_path])
    await answered(tab, 2)
    tab.panel.confusions.matrix.cellActivated.emit(0, 1)
    viewer = tab.looking.viewing.viewer
    assert tab.looking.viewing.is_open and viewer.name.text() == "mine.png" and viewer.number.text() == "1 of 1"
    assert "1 picture of yours" in texts(tab.panel.confusions)


async def test_a_cell_of_all_classes_closes_the_dialog_first(make_application: Callable[..., Any]) -> None:
    tab, _, _ = await with_report(make_application, NAMED)
    tab.panel.confusions.show_all()
    (large,) = [matrix for matrix in tab.window().findChildren(ConfusionMatrix) if matrix.window() is not tab.window()]
    large.cellActivated.emit(0, 1)
    assert tab.looking.confused.viewing.is_open
    await until(lambda: not large.isVisible())


async def test_a_cell_of_a_jobs_report_is_looked_at_in_training(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    application = make_application(SPECS)
    application.window.resize(1440, 900)
    application.show(connect=False)
    stage, objects = Stage(application, tmp_path), Objects()
    report = stage.services.reports[full_account.JOB]
    cells = [(row, column) for row, line in enumerate(report.confusion) for column, n in enumerate(line) if n]
    first, second = next(cell for cell in cells if cell[0] != cell[1])
    named = {"mistakes": [["test/x/1.png", first, second]]}
    stage.services.reports[full_account.JOB] = replace(report, extra=named)
    stage.services.job_rows = [replace(row, data_uri="s3://pictures/dogs/") for row in stage.services.job_rows]
    held: Any = stage.services
    held.storage = SimpleNamespace(read=objects.read)
    await stage.enter()
    await stage.report()
    detail = stage.tab("training").detail
    view = detail.findChild(ReportView)
    view.findChild(ConfusionMatrix).cellActivated.emit(first, second)
    table = view.findChild(ResourceTable).model
    assert not any(table.columns[0].text_of(row)[:3].isdigit() for row in table.visible_rows()), "folders' names"
    assert detail.confused.viewing.is_open and detail.confused.viewing.viewer.name.text() == "1.png"
    await until(lambda: objects.read_keys == [("pictures", "dogs/test/x/1.png")])
    await until(lambda: not detail.confused.viewing.viewer.canvas.image.isNull())
