"""The list of training and tuning jobs, a tuning job's views and the comparison, without a sandbox."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from console.models.format import dollars, duration, fraction
from console.tabs.training.book import JobBook
from console.tabs.training.compare_facts import facts
from console.tabs.training.rows import JobRow, columns, cost_of, trial_number
from console.tabs.training.tab import TrainingTab
from console.tabs.training.tuning.charts import Explorer
from console.tabs.training.tuning.follow import time_left
from console.tabs.training.tuning.trial_strip import Mark, TrialStrip
from console.tabs.training.tuning.views import dots, last_epoch, lines, marks, parallel, rounded, setting_words, short
from console.widgets.charts.parallel import Axis, ParallelChart, Thread
from console.widgets.charts.scatter import Dot, ScatterChart
from console.widgets.forms.range_fields import RangeField, ToggleRow
from console.widgets.frames.banner import Banner
from tests.helpers.training_tab import NOW, TRIALS, FakeAccount, training, trial, tuning
from tests.helpers.window import menu_of, saying
from workers.prices.table import PriceTable
from workers.tuning.answers import leaderboard
from workers.tuning.types import TrialCounts, TuningJob
from workers.types import EpochMetrics, JobReport, TrainingJob


def account(page: int = 100) -> FakeAccount:
    jobs = [training(f"dogs-{number:04}", number) for number in range(450, 0, -1)]
    jobs[2:2] = [training(trial.name) for trial in TRIALS]
    return FakeAccount(jobs, [tuning()], page)


async def test_trials_are_part_of_their_tuning_job(qapp: Any) -> None:
    services: Any = account()
    changes: list[int] = []
    book = JobBook(lambda: changes.append(1))
    await book.refresh(services)
    rows = {row.key: row for row in book.rows(services)}
    assert "tuning:dogs-tuning" in rows and len(rows) == 1 + 97
    row = rows["tuning:dogs-tuning"]
    assert (row.kind, row.instances) == ("Tuning, 4 trials", "2 × ml.m5.2xlarge")
    price = services.prices.per_hour("ml.m5.2xlarge", "training", "us-east-1")
    assert row.cost == pytest.approx(3 * price), "three trials of an hour each"
    assert changes


async def test_a_job_on_an_instance_stands_beside_the_others_and_is_marked(qapp: Any) -> None:
    services: Any = FakeAccount([training("dogs")], [], 100)
    services.compute.elsewhere = (
        TrainingJob(
            "dogs-ec2", "Completed", NOW, NOW + timedelta(hours=1), NOW,
            instance_type="t3.xlarge", instance_count=1, model_uri="s3://b/model.tar.gz", place="ec2",
        ),
    )  # fmt: skip
    book = JobBook(lambda: None)
    await book.refresh(services)
    rows = {row.name: row for row in book.rows(services)}
    assert {row.kind for row in rows.values()} == {"EC2", "Single job"}
    assert (rows["dogs-ec2"].icon, rows["dogs-ec2"].instances) == ("ec2", "1 × t3.xlarge")
    assert rows["dogs-ec2"].cost == pytest.approx(0.1664)


async def test_every_job_can_be_reached_page_by_page(qapp: Any) -> None:
    services: Any = account()
    book = JobBook(lambda: None)
    await book.refresh(services)
    pages = 1
    while book.more:
        await book.older(services)
        pages += 1
    assert len(book.rows(services)) == 451
    assert pages == 5
    await book.refresh(services)
    assert not book.more, "reading the newest again does not forget how far the list was read"


async def test_search_asks_the_account_for_jobs_that_were_not_read(qapp: Any) -> None:
    services: Any = account()
    book = JobBook(lambda: None)
    await book.refresh(services)
    assert "job:dogs-0007" not in {row.key for row in book.rows(services)}
    await book.find(services, "0007")
    assert "job:dogs-0007" in {row.key for row in book.rows(services)}
    assert services.searches[-1] == "0007"
    await book.find(services, "")
    assert book.more


def test_what_a_row_says() -> None:
    assert JobRow(training("a", instance_count=4)).kind == "4 hosts"
    assert JobRow(training("a")).kind == "Single job"
    assert JobRow(training("features-0123456789ab-1")).kind == "Features"
    assert JobRow(TrainingJob("a", "InProgress", NOW)).kind is None, "the details are on their way"
    assert trial_number("dogs-tuning-007-0123abcd") == "007"
    best = tuning(best=TRIALS[1])
    assert JobRow(best).accuracy == 0.9
    assert JobRow(tuning(best=TRIALS[1], objective_metric="valid:loss")).accuracy is None
    assert cost_of(tuning(instance_type="ml.unknown"), TRIALS, PriceTable.load(), "us-east-1") is None


def test_time_left_by_the_pace_so_far() -> None:
    begun = datetime.now(UTC) - timedelta(seconds=10_000)
    job = TuningJob("t", "InProgress", begun, counts=TrialCounts(completed=3, running=2), max_jobs=8)
    assert time_left(job) == pytest.approx(10_000, rel=0.05), "four of eight trials in 10,000 s"
    assert time_left(TuningJob("t", "InProgress", begun, max_jobs=8)) is None


def test_views_of_a_tuning_job() -> None:
    job = tuning(status="InProgress")
    board = leaderboard(job, (*TRIALS, trial(4, None, "0.02", "64", "InProgress")))
    strip = marks(tuning(status="InProgress", max_jobs=6), board)
    assert [mark.state for mark in strip] == ["Completed", "Completed", "Stopped", "InProgress", "", ""]
    assert "Stopped early" in strip[2].words
    points = dots(job, board, "learning_rate", board[1].name)
    assert {(dot.x, dot.y) for dot in points} == {(0.001, 0.8), (0.01, 0.9), (0.1, 0.5)}
    assert [dot.label for dot in points] == ["002", "001", ""], "the best and the chosen one are named"
    assert {dot.tone for dot in points if dot.y != 0.9} == {"series1"}
    assert [dot.hollow for dot in points] == [False, False, True]
    axes, threads = parallel(job, board)
    assert [axis.name for axis in axes] == ["learning_rate", "batch_size", ""]
    assert axes[0].share(0.01) == pytest.approx(2 / 3)
    assert [thread.good for thread in threads] == [1.0, pytest.approx(0.75), 0.0, None]


def test_early_stopped_curves_are_marked_and_the_chosen_one_is_named() -> None:
    board = leaderboard(tuning(), TRIALS)
    curve = (EpochMetrics(1, 2, {"train:loss": 1.0, "valid:loss": 0.9}, NOW),)
    made = lines(board, {row.name: curve for row in board}, "loss", board[0].name)
    assert [series.name for series in made] == ["", "", "train", "valid"]
    assert [series.cut for series in made] == [False, True, False, False]


def test_numbers_as_short_as_they_can_be_read() -> None:
    assert [short(value) for value in (0.0011, 0.05, 64.0, 0.0)] == ["1.1e-3", "0.05", "64", "0"]


def test_curves_of_what_has_ended_end_where_it_ended() -> None:
    """A job of 1,000 epochs that stopped early after 21 is not drawn in the first fiftieth of its chart."""
    curve = [EpochMetrics(number, 1000, {}, NOW) for number in range(1, 22)]
    assert (last_epoch(curve, running=True), last_epoch(curve, running=False), last_epoch([], False)) == (1000, 21, 0)


def test_an_axis_writes_all_its_numbers_alike() -> None:
    assert [rounded(value) for value in (1e-4, 0.002, 0.005, 0.01, 0.1)] == ["0.0001", "0.002", "0.005", "0.01", "0.1"]


def test_facts_of_a_comparison() -> None:
    single = JobRow(training("a", hyperparameters={"epochs": "4", "batch_size": "32"}), (), 0.5)
    two = JobRow(training("b", instance_count=4, hyperparameters={"epochs": "4", "batch_size": "32"}), (), 2.0)
    curve = (EpochMetrics(1, 1, {"valid:accuracy": 0.7, "valid:loss": 0.4}, NOW),)
    found = {fact.name: fact for fact in facts([single, two], {single.key: curve})}
    assert found["Instances"].differs and not found["Epochs"].differs
    assert dict(found["Cost"].texts) == {single.key: "$0.500", two.key: "$2.000"}
    cheap = replace(single, cost=0.0003)
    assert next(fact for fact in facts([cheap], {}) if fact.name == "Cost").texts[cheap.key] == "<$0.001"
    assert dict(found["Best validation accuracy"].texts) == {single.key: ".700", two.key: "–"}


# Widgets


def test_points_are_chosen_by_click_and_key(qtbot: Any) -> None:
    chart = ScatterChart()
    qtbot.addWidget(chart)
    chart.resize(300, 200)
    chart.set_points([Dot("a", 0.001, 0.5), Dot("b", 0.1, 0.9)], log=True)
    chart.show()
    chosen: list[str] = []
    chart.chosen.connect(chosen.append)
    spots = {dot.key: spot for dot, spot in chart.spots()}
    QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=spots["b"].toPoint())
    QTest.keyClick(chart, Qt.Key.Key_Left)
    QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=QPoint(2, 2))
    assert chosen == ["b", "a"]
    middle = (spots["a"].x() + spots["b"].x()) / 2
    chart.set_points([Dot("a", 0.001, 0.5), Dot("b", 0.1, 0.9), Dot("c", 0.01, 0.7)], log=True)
    assert {dot.key: spot for dot, spot in chart.spots()}["c"].x() == pytest.approx(middle)
    chart.grab()


def test_lines_are_chosen_by_click_and_key(qtbot: Any) -> None:
    chart = ParallelChart()
    qtbot.addWidget(chart)
    chart.resize(400, 220)
    axes = [Axis("rate", 0, 1), Axis("batch", values=("32", "64")), Axis("", 0.5, 0.9)]
    chart.set_content(
        axes,
        [
            Thread("low", {"rate": 0.0, "batch": "32", "": 0.5}, 0.0),
            Thread("high", {"rate": 1.0, "batch": "64", "": 0.9}, 1.0),
        ],
    )
    chart.show()
    chosen: list[str] = []
    chart.chosen.connect(chosen.append)
    spot = chart.points(chart.threads[0])[1]
    QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=spot.toPoint())
    QTest.keyClick(chart, Qt.Key.Key_Up)
    assert chosen == ["low", "high"]
    chart.grab()


def test_the_hyperparameter_of_the_scatter_is_a_choice(qtbot: Any) -> None:
    explorer = Explorer()
    qtbot.addWidget(explorer)
    explorer.show()
    board = leaderboard(tuning(), TRIALS)
    explorer.show_trials(tuning(), board, board[0].name)
    assert {dot.x for dot in explorer.scatter.dots} == {0.001, 0.01, 0.1}
    explorer.choice.set_value("batch_size")
    assert {dot.x for dot in explorer.scatter.dots} == {"32", "64"}
    wide: list[bool] = []
    explorer.wideChanged.connect(wide.append)
    explorer.choice.set_value("*")
    assert wide == [True] and len(explorer.parallel.threads) == 3
    explorer.grab()


def test_the_strip_chooses_trials_that_were_started(qtbot: Any) -> None:
    strip = TrialStrip()
    qtbot.addWidget(strip)
    strip.set_marks([Mark("a", "Completed", "a"), Mark("b", "InProgress", "b"), Mark("", "", "later")])
    strip.resize(strip.sizeHint())
    strip.show()
    chosen: list[str] = []
    strip.chosen.connect(chosen.append)
    for at in (2, 1):
        QTest.mouseClick(strip, Qt.MouseButton.LeftButton, pos=QPoint(24 * at + 12, 12))
    strip.set_chosen("b")
    QTest.keyClick(strip, Qt.Key.Key_Left)
    assert chosen == ["b", "a"]


def test_range_and_toggle_fields(qtbot: Any) -> None:
    ends, sizes = RangeField(0.1, 0.2), ToggleRow([(16, "16"), (32, "32")], [32])
    for widget in (ends, sizes):
        qtbot.addWidget(widget)
    edits: list[str] = []
    ends.edited.connect(lambda: edits.append("range"))
    sizes.edited.connect(lambda: edits.append("sizes"))
    ends.high.setText("nine")
    assert ends.value() == (0.1, None)
    sizes.toggles[16].click()
    assert sizes.value() == (16, 32)
    sizes.set_value((16,))
    assert sizes.value() == (16,)
    assert edits == ["range", "sizes", "sizes"]


async def test_two_chosen_jobs_are_compared(make_application: Callable[..., Any]) -> None:
    application = make_application()
    tab = TrainingTab(application.ctx)
    tab.resize(1200, 800)
    tab.show()
    rows = [JobRow(training("a", 1), (), 1.0), JobRow(training("b", 2, instance_count=4), (), 4.0)]
    tab.table.set_rows(rows)
    tab.table.select_keys(["job:a"])
    assert not tab.compare_button.isVisible()
    assert tab.detail.isVisible()
    tab.table.select_keys(["job:a", "job:b"])
    tab.compare_button.click()
    assert tab.compare.isVisible()
    assert {row.name for row in tab.compare.rows} == {"a", "b"}
    shown = [fact.name for fact in tab.compare.facts]
    assert "Instances" in shown and "Duration" in shown
    tab.table.select_keys(["job:b"])
    assert tab.detail.isVisible() and not tab.compare.isVisible()
    tab.deleteLater()


async def test_a_failed_tuning_job_says_why(make_application: Callable[..., Any]) -> None:
    application = make_application()
    tab = TrainingTab(application.ctx)
    tab.show()
    job = tuning(status="Failed", failure_reason="Five training jobs in a row failed.")
    tab.tuning.show_job(job, leaderboard(job, TRIALS))
    assert saying(Banner, tab.tuning, "Five training jobs in a row failed.")
    assert tab.tuning.chosen == "dogs-tuning-002-0123abcd", "the best trial"
    tab.deleteLater()


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (training("dogs-1", model_uri="s3://b/dogs-1/output/model.tar.gz"), ""),
        (training("features-0123456789ab-1", model_uri="s3://b/f/output/model.tar.gz"), "prepared features"),
        (replace(training("dogs-2"), status="Stopped"), "stopped before it saved a model"),
        (replace(training("dogs-3"), status="Failed"), "failed"),
    ],
)
async def test_what_is_no_model_is_not_offered_for_deployment(
    make_application: Callable[..., Any], job: TrainingJob, words: str
) -> None:
    application = make_application()
    tab = TrainingTab(application.ctx)
    tab.show()
    tab.table.set_rows([JobRow(job)])
    tab.table.select_keys([f"job:{job.name}"])
    offered = tab.detail.deploy_button.isVisibleTo(tab.detail)
    assert offered is not bool(words)
    assert ("Deploy…" in menu_of(tab.table)) is offered
    told = " ".join(text.text() for text in tab.detail.findChildren(QLabel))
    assert ("not offered" in told) is bool(words) and words in told
    tab.deleteLater()


@pytest.mark.parametrize("reason", ["", "Its model file is empty."])
async def test_a_job_that_was_stopped_is_offered_once_its_archive_is_known(
    make_application: Callable[..., Any], reason: str
) -> None:
    application = make_application()
    tab = TrainingTab(application.ctx)
    tab.show()
    job = replace(training("dogs-2", model_uri="s3://b/dogs-2/output/model.tar.gz"), status="Stopped")
    tab.table.set_rows([JobRow(job)])
    tab.table.select_keys([f"job:{job.name}"])

    def offered() -> list[bool]:
        entries = menu_of(tab.table)
        return [tab.detail.deploy_button.isVisibleTo(tab.detail), "Deploy…" in entries]

    async def answer(job: TrainingJob) -> str:
        return reason

    assert offered() == [False, False]
    # Only the answer about the model counts here: following the job would ask for much more.
    await tab.detail._look_for_model(SimpleNamespace(endpoints=SimpleNamespace(no_model_reason=answer)), job)
    assert offered() == [not reason] * 2
    told = " ".join(text.text() for text in tab.detail.findChildren(QLabel))
    assert ("model file is empty" in told) is bool(reason)
    tab.deleteLater()


@pytest.mark.parametrize(
    ("metrics", "table", "compared"),
    [
        ({"valid:best_accuracy": 0.831, "valid:accuracy": 0.814}, ".831", ".831"),
        ({"valid:accuracy": 0.814}, "≥ .814", ".831"),
        ({"valid:best_accuracy": float("nan")}, "–", ".831"),
    ],
)
def test_the_table_never_says_less_than_the_comparison(metrics: dict[str, float], table: str, compared: str) -> None:
    curve = [EpochMetrics(n, 3, {"valid:accuracy": value}, NOW) for n, value in enumerate((0.7, 0.831, 0.814), 1)]
    row = JobRow(training("a", final_metrics=metrics))
    column = next(column for column in columns() if column.key == "accuracy")
    assert (column.format(row.accuracy, row) if row.accuracy is not None else "–") == table
    fact = next(fact for fact in facts([row], {row.key: curve}) if fact.name == "Best validation accuracy")
    assert fact.texts[row.key] == compared


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("backbone", '"efficientnet_lite0"', "EfficientNet-Lite0"),
        ("backbone", "my_net", "my_net"),
        ("learning_rate", "0.00293223", "0.0029"),
        ("learning-rate", "0.05", "0.05"),
        ("learning_rate", "2.93223e-06", "2.9e-6"),
        ("batch_size", "64", "64"),
        ("weights", "default", "default"),
        ("rate", "nan", "–"),
        ("rate", "inf", "–"),
    ],
)
def test_settings_are_shown_as_people_say_them(name: str, text: str, words: str) -> None:
    assert setting_words(name, text) == words


def test_settings_that_are_rounded_alike_still_differ_and_keep_their_whole_value() -> None:
    rows = [
        JobRow(training(name, hyperparameters={"learning_rate": rate, "backbone": "resnet18"}))
        for name, rate in (("a", "0.00293223"), ("b", "0.00291"))
    ]
    found = {fact.name: fact for fact in facts(rows, {})}
    assert set(found["Learning rate"].texts.values()) == {"0.0029"} and found["Learning rate"].differs
    assert found["Learning rate"].full["job:a"] == "0.00293223"
    assert set(found["Backbone"].texts.values()) == {"ResNet-18"} and not found["Backbone"].differs


async def test_the_details_keep_the_whole_value_in_the_tip_and_show_an_accuracy_of_zero(
    make_application: Callable[..., Any],
) -> None:
    application = make_application()
    tab = TrainingTab(application.ctx)
    report = JobReport((), (), 0.0, (), (), ())
    tab.detail.show_job(training("a", hyperparameters={"learning_rate": "0.00293223"}))
    tab.detail.show_report(training("a", hyperparameters={"learning_rate": "0.00293223"}), report)
    labels = {text.text(): text.toolTip() for text in tab.detail.findChildren(QLabel)}
    assert labels["0.0029"] == "0.00293223" and ".000" in labels
    tab.deleteLater()


def test_what_is_no_number_is_a_dash() -> None:
    for value in (float("nan"), float("inf"), float("-inf")):
        assert [fraction(value), dollars(value), duration(value)] == ["–"] * 3
