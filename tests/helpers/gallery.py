"""Every widget of the window on a few pages, for looking at: ``python -m tests.helpers.gallery OUT [--dark]``.

Saves one picture for each page, without a display when ``QT_QPA_PLATFORM=offscreen`` is set.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PySide6.QtCore import QEventLoop, Qt, QTimer
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QApplication, QHBoxLayout, QVBoxLayout, QWidget

from console.commands import Affected, Confirmation
from console.look.theme import theme
from console.models.cards import Answer, Card
from console.models.chart import Event, Series, Threshold
from console.models.columns import Column
from console.models.confusion import most_confused
from console.models.format import fraction
from console.models.log import LogLine
from console.models.states import State
from console.widgets.charts.chart import LineChart
from console.widgets.charts.confusion_matrix import ConfusionMatrix
from console.widgets.charts.histogram import Histogram
from console.widgets.charts.progress import ProgressBar
from console.widgets.charts.sparkline import StackedBar
from console.widgets.forms.buttons import Button, IconButton
from console.widgets.forms.drop_area import DropArea
from console.widgets.forms.fields import ComboBox, IntField, LineEdit, NumberField
from console.widgets.forms.form import Form
from console.widgets.forms.lines import CheckLine
from console.widgets.forms.segmented import Segmented
from console.widgets.forms.switch import Switch
from console.widgets.frames.banner import Banner
from console.widgets.frames.confirm import ConfirmDialog
from console.widgets.frames.empty_state import EmptyState
from console.widgets.frames.side_panel import SidePanel
from console.widgets.pictures.prediction_grid import PredictionGrid
from console.widgets.pictures.thumbnail_grid import Thumb, ThumbnailGrid
from console.widgets.tables.search_field import SearchField
from console.widgets.tables.state_chip import StateChip
from console.widgets.tables.table import ResourceTable
from console.widgets.text.key_values import KeyValues
from console.widgets.text.log_panel import LogPanel

Page = Callable[[], QWidget]


@dataclass(frozen=True)
class Endpoint:
    """A row of the gallery's tables."""

    name: str
    state: State | str
    size: str
    calls: tuple[float, ...] | None
    per_minute: int | None
    cost: float


def endpoints() -> list[Endpoint]:
    """The rows of the picture that the table is to look like."""
    wave = tuple(40 + 12 * math.sin(at / 3) + at % 5 for at in range(60))
    return [
        Endpoint("dog-classifier-multi", "InService", "2 × ml.m5.xlarge", wave, 52, 0.460),
        Endpoint("dog-classifier-1x", "InService", "1 × ml.m5.xlarge", wave[::3], 14, 0.230),
        Endpoint("dog-classifier-old", "Idle", "1 × ml.m5.2xlarge", None, 0, 0.461),
        Endpoint("dog-classifier-canary", "Creating", "1 × ml.m5.large", None, None, 0.115),
        Endpoint("dog-predict", State("6 denied", "err"), "Python, 512 MB", wave, 12, 0.015),
    ]


COLUMNS = (
    Column("name", "Name", kind="name", icon="endpoints", priority=0),
    Column("state", "State", kind="state"),
    Column("size", "Size", priority=3),
    Column("calls", "Requests, 24 h", kind="spark", sortable=False, priority=4),
    Column("per_minute", "Per min", kind="number", priority=2),
    Column("cost", "$ per hour", kind="number", strong=True, format=lambda value, row: f"{value:.3f}"[1:], priority=2),
)


def page(*parts: QWidget, width: int = 860, height: int = 0) -> QWidget:
    """Parts below each other on the page colour."""
    made = QWidget()
    made.setObjectName("page")
    made.setAutoFillBackground(True)
    column = QVBoxLayout(made)
    column.setContentsMargins(24, 24, 24, 24)
    column.setSpacing(16)
    for part in parts:
        column.addWidget(part)
    made.resize(width, height or max(200, made.sizeHint().height()))
    return made


def row(*parts: QWidget) -> QWidget:
    """Parts beside each other."""
    made = QWidget()
    line = QHBoxLayout(made)
    line.setContentsMargins(0, 0, 0, 0)
    line.setSpacing(8)
    for part in parts:
        line.addWidget(part)
    line.addStretch(1)
    return made


def table_page() -> QWidget:
    """The table with rows, selected, and with check boxes."""
    table = ResourceTable(COLUMNS, "name", name="Endpoints", noun="endpoints", sort=("per_minute", "desc"))
    table.set_rows(endpoints())
    table.fit_rows()
    table.select_keys(["dog-classifier-multi"])
    checks = ResourceTable(
        (
            Column("", "", kind="check", sortable=False, priority=0),
            Column("name", "Name", kind="name", icon="file", priority=0),
            Column("size", "Size", kind="number"),
            Column("split", "Split", kind="bar", value=lambda r: r["bar"]),
            Column("two", "Note", kind="two_tone", value=lambda r: ("train", "63 pictures")),
            Column("id", "Instance", kind="mono", value=lambda r: "i-0a3f91c2"),
        ),
        "name",
        sort=("name", "asc"),
    )
    checks.set_rows(
        [
            {
                "name": f"Akita_002{at}.jpg",
                "size": at * 1234,
                "bar": [(60 + at, "series1"), (9, "series2"), (8, "series3")],
            }
            for at in range(56, 62)
        ]
    )
    checks.fit_rows()
    checks.select_keys(["Akita_00258.jpg", "Akita_00259.jpg"])
    return page(table, checks)


def narrow_page() -> QWidget:
    """The same table with little room: columns hide, names stay whole."""
    table = ResourceTable(COLUMNS, "name", name="Endpoints", sort=("name", "asc"))
    table.set_rows(endpoints())
    table.fit_rows()
    return page(table, width=460)


def states_page() -> QWidget:
    """Loading, empty, filtered and error."""
    loading = ResourceTable(COLUMNS, "name", noun="endpoints")
    loading.set_loading("page 2 of 4, 1.2 s", 0.5)
    empty = ResourceTable(COLUMNS, "name", noun="endpoints")
    empty.set_empty(
        "endpoints",
        "No endpoints yet",
        "Deploy a trained model to classify pictures.",
        ("Deploy best of tuning-1409…", lambda: None),
        ("New endpoint…", lambda: None),
    )
    empty.set_rows([])
    filtered = ResourceTable(COLUMNS, "name", noun="endpoints")
    filtered.set_rows(endpoints())
    filtered.set_filter("canry")
    broken = ResourceTable(COLUMNS, "name", noun="endpoints")
    broken.set_rows(endpoints()[:4])
    broken.set_error(
        "Your session has ended", "ExpiredToken, since 14:20:31", fix=("Sign in again", lambda: None, "key")
    )
    for table in (loading, empty, filtered, broken):
        table.fit_rows()
    return page(loading, empty, filtered, broken)


def controls_page() -> QWidget:
    """Buttons, segments, switches, chips, banners."""
    busy = Button("Launch 12 jobs", "primary", "play")
    busy.setEnabled(False)
    chips = [StateChip(word) for word in ("InService", "Creating", "Idle", "Failed", "Waiting", "Stopped", "Completed")]
    return page(
        row(
            Button("Launch 12 jobs", "primary", "play"),
            busy,
            Button("Choose folder…"),
            Button("Copy as CLI", "ghost", "terminal"),
            Button("Delete endpoint", "danger", "trash"),
            Button("Show", "link"),
        ),
        row(
            Button("New endpoint…", "primary", "plus", small=True),
            Button("Stop…", icon="stop", small=True),
            Button("Terminate…", "dangerText", "trash", small=True),
            Button("All calls", "link", small=True),
            IconButton("refresh", "Refresh"),
            SearchField("Filter jobs"),
        ),
        row(
            Segmented([("a", "Single job"), ("b", "Tuning"), ("c", "Two hosts")], "b"),
            Segmented([("a", "train 63"), ("b", "valid 8"), ("c", "test 8")], small=True),
            Switch("Spot instances", True),
            Switch("Read-only", label_first=True),
        ),
        row(*chips),
        Banner(
            "err",
            "Your session has ended",
            "ExpiredToken, since 14:20:31",
            fix=("Sign in again", lambda: None, "key"),
            details="Code: ExpiredToken",
        ),
        Banner(
            "warn",
            "iam:PassRole is missing",
            "AWS would refuse the launch.",
            icon="lock",
            fix=("Grant just this", lambda: None, "key"),
        ),
        Banner("info", "The sandbox is starting", "It takes about four seconds.", closable=True),
        EmptyState("predict", "No pictures yet", "Drop some here.", ("Choose…", lambda: None)),
    )


def chart_page() -> QWidget:
    """Charts side by side."""
    epochs = list(range(12))
    loss = LineChart("Loss", y_format=lambda value: f"{value:.2f}", x_name="epoch")
    loss.set_x_range(0, 20)
    loss.set_series(
        [
            Series("train", epochs, [3.2 * math.exp(-at / 4) + 0.3 for at in epochs], comparison=True),
            Series("val", epochs, [3.2 * math.exp(-at / 4.2) + 0.42 for at in epochs]),
        ]
    )
    accuracy = LineChart(
        "Accuracy", y_format=fraction, tick_format=lambda value: fraction(value, 2), y_range=(0, 1), x_name="epoch"
    )
    accuracy.set_x_range(0, 20)
    accuracy.set_series(
        [
            Series("train", epochs, [0.9 - 0.88 * math.exp(-at / 3) for at in epochs], comparison=True),
            Series("val", epochs, [0.86 - 0.82 * math.exp(-at / 3) for at in epochs]),
        ]
    )
    minutes = [1_700_000_000 + 60 * at for at in range(60)]
    calls = LineChart("Invocations per instance and minute", time_axis=True)
    calls.set_series([Series("now", minutes, [20 + 8 * math.sin(at / 9) + at % 3 for at in range(60)], fill=True)])
    calls.set_thresholds([Threshold(30, "out 30"), Threshold(26, "in 26", "text3")])
    calls.set_events([Event(minutes[20], "first run, stopped")])
    empty = LineChart("Latency")
    empty.set_placeholder("no requests yet")
    for chart in (loss, accuracy, calls, empty):
        chart.setMinimumHeight(210)
    lines = [QWidget(), QWidget()]
    for line, pair in zip(lines, ((loss, accuracy), (calls, empty)), strict=True):
        box = QHBoxLayout(line)
        box.setSpacing(24)
        for chart in pair:
            box.addWidget(chart, 1)
    names = [f"breed {at}" for at in range(133)]
    bars = Histogram()
    bars.set_bars(names, [60 + (at * 37) % 23 for at in range(133)], marked=[100])
    bars.set_current(3)
    stacked = StackedBar([(30, "series5"), (15, "series3"), (120, "series6")])
    half, busy = ProgressBar(0.64), ProgressBar(None)
    return page(*lines, bars, stacked, half, busy)


def log_page() -> QWidget:
    """A log with warnings, matches and a selection."""
    panel = LogPanel("Log")
    began = datetime(2025, 1, 1, 14, 29, 29, tzinfo=UTC)
    lines = []
    for epoch in range(1, 13):
        at = began + timedelta(seconds=43 * epoch)
        lines.append(LogLine(at, f"epoch {epoch:2} train loss {3 / epoch:.3f} acc {1 - 1 / (epoch + 1):.3f}"))
        lines.append(LogLine(at, f"         val   loss {3.2 / epoch:.3f} acc {0.97 - 1 / (epoch + 1):.3f}  215 img/s"))
    lines.insert(8, LogLine(began, "warning: skipped 1 file: cannot open 'Akita_00221.jpg'"))
    lines.insert(16, LogLine(began, "RuntimeError: out of memory"))
    panel.view.set_live(True)
    panel.view.append(lines)
    panel.view.flush()
    panel.view.search("loss 0.")
    return page(panel, width=620, height=460)


def form_page() -> QWidget:
    """A form that is checked while one types, and a drop area."""
    form = Form()
    form.add("name", "Name", LineEdit("dogs-tuning-1432")).hint("Free", "ok")
    form.add("data", "Data", ComboBox([("d", "dogs-482109375516/dogImages", "bucket")])).hint(
        "8,351 pictures, checked 14:32", "ok"
    )
    form.add_pair(
        ("instance", "Instance", ComboBox([("a", "ml.m5.2xlarge"), ("b", "ml.m5.xlarge")])),
        ("count", "Count", IntField(12), lambda value: "Quota: 8 at once" if value > 8 else None),
    )
    form.add_pair(
        ("rate", "Learning rate", NumberField(0.0003)), ("time", "Stop a job after", LineEdit("60", suffix="min"))
    )
    area = DropArea("folder", "dogImages", "~/data/dogImages, 8,351 pictures in 133 breeds", button="Choose folder…")
    inline = DropArea("image", "Drop pictures or folders here", "or paste, or choose", inline=True)
    return page(
        area,
        inline,
        CheckLine("ok", "Same 133 breeds", "in train, valid and test"),
        CheckLine("warn", "4 files are not pictures", "they will be skipped", action=("Show", lambda: None)),
        form,
        width=560,
    )


def confirm_page() -> QWidget:
    """The confirmation of the picture."""
    return ConfirmDialog(
        Confirmation(
            "Delete dog-classifier-multi?",
            "It answered 52 requests in the last minute.",
            confirm_label="Delete endpoint",
            also_deleted=(
                Affected("scaling", "Scaling target, 2 alarms", "AWS would keep them"),
                Affected("settings", "Config dog-classifier-multi-cfg-3"),
            ),
            kept=(Affected("training", "Model dogs-resnet50-0920", "dog-classifier-1x uses it"),),
            stops_working=(Affected("lambda", "Function dog-predict", "12 calls a minute"),),
            saves="$0.460 an hour, $336 a month",
            type_name="dog-classifier-multi",
        ),
        "aws sagemaker delete-endpoint --endpoint-name dog-classifier-multi",
    )


def breeds(folder: Path) -> list[Path]:
    """A few drawn pictures, so that the pages need no files."""
    made = []
    folder.mkdir(parents=True, exist_ok=True)
    for at in range(24):
        image = QImage(320, 260, QImage.Format.Format_RGB32)
        image.fill(QColor.fromHsv(at * 15, 70, 215))
        painter = QPainter(image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor.fromHsv(at * 15, 140, 150))
        painter.drawEllipse(80, 60, 160, 180)
        painter.end()
        path = folder / f"breed-{at:02}.png"
        image.save(str(path))
        made.append(path)
    broken = folder / "broken.jpg"
    broken.write_bytes(b"no picture")
    made[5] = broken
    return made


def cards_page() -> QWidget:
    """Prediction cards with one and two answers, waiting and failed."""
    paths = breeds(Path(tempfile.gettempdir()) / "sagedeck-gallery")
    labels = ("020.Siberian_husky", "Alaskan malamute", "Norwegian elkhound", "Akita", "Keeshond")
    other = ("Alaskan malamute", "020.Siberian_husky", "Norwegian elkhound", "Akita", "Keeshond")
    unsure = Answer(labels, (0.63, 0.31, 0.02, 0.014, 0.006), 71.2)
    two = Answer(other, (0.52, 0.41, 0.03, 0.02, 0.001), 65)
    grid = PredictionGrid()
    grid.set_cards(
        [
            Card("1", paths[0], "husky.jpg", labels[0], (two, unsure)),
            Card("2", paths[1], "b.jpg", labels[0], (unsure, unsure)),
            Card("3", paths[2], "unknown.jpg", "", (unsure,)),
            Card("4", paths[3], "d.jpg", labels[0], (unsure,)),
            Card("5", paths[4], "waiting.jpg", labels[0], (None,)),
            Card("6", paths[5], "broken.jpg", "", (Answer(error="The model said: cannot identify image file."),)),
        ]
    )
    grid.set_current("1")
    return page(grid, width=880, height=560)


def thumbs_page() -> QWidget:
    """The grid of thumbnails and key/value rows."""
    grid = ThumbnailGrid()
    grid.set_items([Thumb(path, path.name) for path in breeds(Path(tempfile.gettempdir()) / "sagedeck-gallery")])
    grid.set_current(2)
    rows = [
        ("ARN", "arn:aws:sagemaker:us-east-1:482109375516:endpoint/dog-classifier-multi"),
        ("Created", "15 Sep 09:12"),
        ("Data capture", ""),
    ]
    side = SidePanel("dog-classifier-multi")
    side.title_row.addWidget(StateChip("InService"))
    side.add(KeyValues(rows, copy=("ARN",)))
    side.section("If you delete it", Button("All calls", "link", small=True))
    side.add(CheckLine("ok", "Quota: 6 of 8 instances with this", small=True))
    made = QWidget()
    line = QHBoxLayout(made)
    line.addWidget(grid, 1)
    line.addWidget(side, 1)
    return page(made, width=760, height=420)


def matrix_page() -> QWidget:
    """Ten classes with figures, and 133 in sight at once."""
    names = [f"{at:03}.Breed_number_{at}" for at in range(133)]
    counts = [[0] * 133 for _ in names]
    for at in range(133):
        counts[at][at] = 8 - at % 4
        counts[at][(at * 7 + 3) % 133] += at % 4
    few = ConfusionMatrix()
    few.set_matrix(names, counts)
    few.show_classes(most_confused(counts, 10))
    everything = ConfusionMatrix()
    everything.set_matrix(names, counts)
    made = QWidget()
    line = QHBoxLayout(made)
    line.addWidget(few, 1)
    line.addWidget(everything, 1)
    return page(made, width=880, height=460)


PAGES: dict[str, Page] = {
    "table": table_page,
    "narrow": narrow_page,
    "states": states_page,
    "controls": controls_page,
    "charts": chart_page,
    "log": log_page,
    "form": form_page,
    "confirm": confirm_page,
    "cards": cards_page,
    "thumbs": thumbs_page,
    "matrix": matrix_page,
}


def settle(milliseconds: int = 60) -> None:
    """Let layouts, timers and decoders run for a moment."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def save(out: Path, names: list[str], dark: bool) -> None:
    """Save pictures of the pages ``names`` into ``out``."""
    theme().set_preference("dark" if dark else "light")
    theme().apply()
    out.mkdir(parents=True, exist_ok=True)
    for name in names:
        widget = PAGES[name]()
        widget.show()
        settle(250)
        widget.grab().save(str(out / f"{name}-{'dark' if dark else 'light'}.png"))
        widget.close()
        widget.deleteLater()


def main() -> None:
    """Save the pages asked for, in light and dark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("pages", nargs="*", default=list(PAGES))
    arguments = parser.parse_args()
    app = QApplication.instance() or QApplication([])
    for dark in (False, True):
        save(arguments.out, arguments.pages or list(PAGES), dark)
    del app


if __name__ == "__main__":
    main()
