"""The page Load test over stand-in services: what is asked, shown live, kept, compared and exported."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QFileDialog

from console.tabs.scaling import TAB
from console.tabs.scaling.load.page import LoadPage
from console.widgets.forms.fields import ComboBox
from console.widgets.frames.confirm import ConfirmDialog
from tests.helpers.load import BEGAN, MAIN, THROTTLED, FakeLoad, report_of, seconds_of, totals_of
from tests.helpers.models import ModelServices, enter
from tests.helpers.scaling import scaled_account
from tests.helpers.window import dialog_of, texts, until
from workers.errors.tree import InvalidInput, LocalProblem
from workers.load.arrivals import Shape
from workers.load.costs import endpoint_cost
from workers.load.types import LoadTarget

FUNCTION = LoadTarget("function", "dog-predict")


class Opened:
    """The window with its Load test page in sight."""

    def __init__(self, application: Any, load: FakeLoad) -> None:
        self.application, self.load = application, load
        self.tab = application.window.pages.tab("scaling")
        self.page: LoadPage = self.tab.load_page

    async def begin(self) -> None:
        """Press Start, agree, and let the test be under way."""
        self.page.start_button.click()
        dialog = await dialog_of(ConfirmDialog, self.application.window)
        dialog.accept()
        await until(lambda: self.load.running is not None and self.page.running)

    async def ended(self) -> None:
        await until(lambda: not self.page.running)


@pytest.fixture
def opened(make_application: Callable[..., Any]) -> Callable[..., Any]:
    async def make(*, function: bool = False, load: FakeLoad | None = None) -> Opened:
        application = make_application([TAB])
        application.window.resize(1440, 900)
        application.show(connect=False)
        services = ModelServices()
        services.scaling, services.load = scaled_account(), load or FakeLoad()
        enter(application, services)
        made = Opened(application, services.load)
        if function:
            made.tab.activate({"function": "dog-predict"})
        made.tab.views.set_current("load")
        await until(lambda: made.page.form.target == (FUNCTION if function else MAIN))
        return made

    return make


async def test_what_is_asked_is_what_the_page_is_about(opened: Callable[..., Any]) -> None:
    window = await opened(function=True)
    window.tab.activate({"endpoint": MAIN.name})
    await until(lambda: window.page.form.target == MAIN)
    # Read again, it stays what was chosen.
    window.page.form.form.set_values({"target": FUNCTION.words})
    window.tab.refresh()
    await until(lambda: not window.tab.running("list"))
    assert window.page.form.target == FUNCTION


async def test_without_a_report_it_says_what_comes_here(opened: Callable[..., Any]) -> None:
    window = await opened()
    await until(lambda: window.page.reports.state == "empty")
    assert "No report yet" in texts(window.page)
    assert not window.page.charts.isVisible()
    assert "600 requests, at most 10 a second" in texts(window.page)


async def test_what_it_costs_is_told_and_agreed_to_before_anything_is_sent(opened: Callable[..., Any]) -> None:
    window = await opened()
    window.page.form.form.set_values({"rate": 20, "seconds": 120})
    window.page.start_button.click()
    dialog = await dialog_of(ConfirmDialog, window.application.window)
    said = texts(dialog)
    assert "Constant 20/s for 2 min" in said and "2,400 requests, at most 20 a second" in said
    assert "At most $0.12 more on AWS" in said and "3 × $0.115 × 0.35 h" in said
    dialog.reject()
    await until(lambda: not window.application.ctx.tasks.running("scaling:load"))
    assert window.load.asked == [("check", MAIN, Shape("constant", 20, 120), "")] and not window.page.running


@pytest.mark.parametrize(
    "maximum, per_hour, words",
    [
        (4, None, "3 instances, at a price that is not known"),
        (None, 0.115, "whether more may be added could not be read"),
    ],
)
async def test_a_price_that_is_not_known_is_not_nothing(
    opened: Callable[..., Any], maximum: int | None, per_hour: float | None, words: str
) -> None:
    window = await opened()
    window.load.cost = endpoint_cost(60, 1, maximum, per_hour, 600, 26_000)
    window.page.start_button.click()
    dialog = await dialog_of(ConfirmDialog, window.application.window)
    assert "Not known on AWS" in texts(dialog) and words in texts(dialog)
    dialog.reject()


async def test_a_test_is_shown_second_by_second_and_its_report_kept(opened: Callable[..., Any]) -> None:
    window = await opened()
    page = window.page
    await window.begin()
    assert window.load.asked[-1] == ("run", MAIN, Shape("constant", 10, 60), "", MAIN)
    assert not page.start_button.isVisible() and page.stop_button.isVisible() and not page.form.isVisible()
    assert "dog-classifier-multi / AllTraffic, constant 10/s for 1 min 00 s" in texts(page)
    window.load.tell(30.2, seconds_of()[:30], ((0.0, 1), (20.0, 2)))
    assert "30 s, 600 sent" in page.state.text() and "errors" in page.state.text()
    charts = page.charts
    for chart, words in (
        (charts.requests, "answered 19"),
        (charts.latency, "p99"),
        (charts.errors, "throttled: reserved 1"),
        (charts.instances, "in service 2"),
    ):
        await until(lambda chart=chart, words=words: words in chart.accessibleDescription())
    [error] = page.errors.model.visible_rows()
    assert error.code == THROTTLED
    window.load.end()
    await window.ended()
    said = texts(page)
    assert "service time 108 ms" in said and "1,170" in said and "Setting desired instance count to 2." in said
    await until(lambda: page.reports.model.total == 1)
    await until(lambda: window.application.activity.history)
    done = window.application.activity.history[0]
    assert done.state == "done" and "1,170 answered, 30 errors, p99 600 ms" in done.text
    assert "invoke-endpoint --endpoint-name dog-classifier-multi" in done.cli


async def test_throttling_is_shown_as_such(opened: Callable[..., Any]) -> None:
    window = await opened(function=True)
    await window.begin()
    window.load.end(target=FUNCTION, instances=(), happened=())
    await window.ended()
    table = window.page.errors.model
    [error] = table.visible_rows()
    shown = [column.text_of(error) for column in table.columns]
    assert shown == [THROTTLED, "30", "Throttled"]
    assert "Throttled: more calls at a time than are reserved. Rate Exceeded." in texts(window.page)


async def test_stopping_keeps_what_was_measured(opened: Callable[..., Any]) -> None:
    window = await opened()
    await window.begin()
    window.page.stop_button.click()
    assert window.load.control is not None and window.load.control.cancelled
    window.load.end(ended="cancelled", elapsed=12.0)
    await window.ended()
    assert len(window.load.reports) == 1
    await until(lambda: window.application.activity.history)
    assert window.application.activity.history[0].text.startswith("stopped after 12 s: ")


async def test_the_panels_cross_stops_it_as_well(opened: Callable[..., Any]) -> None:
    window = await opened()
    await window.begin()
    window.application.activity.running[0].request_cancel()
    assert window.load.control is not None and window.load.control.cancelled
    window.load.end(ended="cancelled")
    await window.ended()


@pytest.mark.parametrize(
    "ended, reason, title",
    [
        ("gone", "ValidationError: Endpoint dog-classifier-multi of account 1 not found.", "what it asks is gone"),
        ("broken", "exit -9", "stopped unexpectedly"),
        ("refused", "AccessDeniedException: no", "every request is refused"),
    ],
)
async def test_a_test_that_ends_before_its_time_is_told_and_its_report_kept(
    opened: Callable[..., Any], ended: str, reason: str, title: str
) -> None:
    window = await opened()
    await window.begin()
    window.load.end(ended=ended, reason=reason)
    await window.ended()
    assert title in texts(window.page.banner) and len(window.load.reports) == 1
    assert window.page.report is not None and window.page.report.ended == ended
    await until(lambda: window.application.activity.history)
    assert window.application.activity.history[0].state == "failed"


async def test_a_test_that_is_let_run_again_is_followed_and_can_be_stopped(opened: Callable[..., Any]) -> None:
    window = await opened()
    await window.begin()
    window.load.end(ended="broken", reason="exit -9")
    await window.ended()
    history = window.application.activity.history
    await until(lambda: history and history[0].retry is not None)
    window.load.running = None
    history[0].retry()
    dialog = await dialog_of(ConfirmDialog, window.application.window)
    dialog.accept()
    await until(lambda: window.load.running is not None and window.page.running)
    # Another one is not begun beside it.
    history[0].retry()
    dialog = await dialog_of(ConfirmDialog, window.application.window)
    dialog.accept()
    await until(lambda: "A load test is running" in texts(window.application.window))
    window.page.stop_button.click()
    assert window.load.control is not None and window.load.control.cancelled
    window.load.end(ended="cancelled")
    await window.ended()


async def test_answers_after_the_last_request_are_in_sight(opened: Callable[..., Any]) -> None:
    window = await opened()
    window.page.form.form.set_values({"seconds": 10})
    await window.begin()
    window.load.tell(30.0, seconds_of(30))
    await until(lambda: "answered" in window.page.charts.requests.accessibleDescription())
    assert window.page.charts.length == 29
    window.load.end()
    await window.ended()


async def test_what_refuses_the_load_is_told_before_anything_is_asked(opened: Callable[..., Any]) -> None:
    window = await opened()
    window.load.error = InvalidInput(
        "Could not test dogs", "Endpoint dogs is not in service: its status is Creating.", "It answers when InService."
    )
    window.page.start_button.click()
    await until(lambda: window.page.banner.isVisible())
    assert "its status is Creating" in texts(window.page.banner)
    assert window.load.running is None and not window.page.running


async def test_a_report_that_cannot_be_kept_is_shown_and_told(opened: Callable[..., Any]) -> None:
    window = await opened()
    window.load.keep_error = LocalProblem("Could not keep the report", "The disk is full.")
    await window.begin()
    window.load.end()
    await window.ended()
    assert "The disk is full." in texts(window.page.banner) and window.page.report is not None


NOT_TO_BE_SENT: list[tuple[dict[str, Any], str]] = [
    ({"rate": 0}, "above 0"),
    ({"rate": 5000}, "At most 2,000"),
    ({"kind": "curve", "points": "five"}, "is not a second and a rate"),
    ({"kind": "curve", "points": ""}, "needs points"),
    ({"rate": 900, "seconds": 3600}, "sends at most 500,000"),
]


async def test_what_cannot_be_sent_cannot_be_started(opened: Callable[..., Any]) -> None:
    window = await opened()
    form = window.page.form.form
    usual = {name: form.value(name) for name in ("kind", "rate", "seconds")}
    for values, words in NOT_TO_BE_SENT:
        form.set_values(values)
        assert words in window.page.form.summary.text and not window.page.start_button.isEnabled(), values
        form.set_values(usual)
        assert window.page.start_button.isEnabled(), values


async def test_it_asks_what_was_chosen_beside_it(opened: Callable[..., Any]) -> None:
    window = await opened(function=True)
    field = window.page.form.form.field("target", ComboBox)
    window.tab.activate({"endpoint": MAIN.name})
    await until(lambda: window.page.form.target == MAIN)
    # A function in front of it can be asked instead, and stays chosen when all is read again.
    field.set_value(FUNCTION.words)
    window.tab.refresh()
    await until(lambda: window.page.form.target == FUNCTION)
    window.page.form.set_targets([MAIN, FUNCTION])
    assert window.page.form.target == FUNCTION


async def test_shapes_ask_for_what_they_need(opened: Callable[..., Any]) -> None:
    window = await opened()
    form, page = window.page.form.form, window.page.form
    form.set_values({"kind": "ramp", "start": 2, "rate": 30, "seconds": 90})
    assert page.shape == Shape("ramp", 30, 90, 2) and form.row("start").isVisible()
    form.set_values({"kind": "curve", "points": "0 5, 60 40"})
    assert page.shape.points == ((0.0, 5.0), (60.0, 40.0)) and not form.row("rate").isVisible()
    form.set_values({"kind": "poisson"})
    assert "About 2,700 requests" in page.summary.text


async def test_pictures_of_a_folder_are_sent(opened: Callable[..., Any], tmp_path: Path) -> None:
    window = await opened()
    window.page.form.set_pictures(tmp_path)
    assert f"Sends {tmp_path.name}." in texts(window.page)
    window.page.start_button.click()
    dialog = await dialog_of(ConfirmDialog, window.application.window)
    dialog.reject()
    assert window.load.asked[-1][-1] == str(tmp_path)


async def test_two_reports_are_compared(opened: Callable[..., Any]) -> None:
    load = FakeLoad()
    load.reports = [report_of(BEGAN + 3600, p50=60.0, totals=totals_of(p50=60.0, failed=0)), report_of()]
    window = await opened(load=load)
    page = window.page
    await until(lambda: page.reports.model.total == 2)
    page.reports.select_keys([load.reports[1].id])
    await until(lambda: page.report == load.reports[1])
    assert "Result" in texts(page)
    page.reports.select_keys([report.id for report in load.reports])
    await until(lambda: page.report == load.reports[0])
    rows = {what: (reckoned, result) for what, reckoned, result in page.sums.rows}
    assert rows["p99"] == ("600 ms → 300 ms", "−50 %") and rows["Errors"] == ("30 → 0", "−100 %")
    await until(lambda: "p99 before" in page.charts.latency.accessibleDescription())


@pytest.mark.parametrize("kind", ["csv", "json"])
async def test_a_report_is_exported(opened: Callable[..., Any], tmp_path: Path, kind: str) -> None:
    load = FakeLoad()
    load.reports = [report_of()]
    window = await opened(load=load)
    page = window.page
    await until(lambda: page.reports.model.total == 1)
    page.reports.select_keys([load.reports[0].id])
    await until(lambda: page.report is not None)
    (page.csv_button if kind == "csv" else page.json_button).click()
    dialog = await dialog_of(QFileDialog, page)
    target = tmp_path / f"out.{kind}"
    dialog.fileSelected.emit(str(target))
    dialog.close()
    await until(target.exists)
    await until(lambda: "The report was exported" in texts(window.application.window))
    text = target.read_text("utf-8")
    if kind == "csv":
        assert len(list(csv.reader(text.splitlines()))) == 61
    else:
        assert json.loads(text)["totals"]["answered"] == 1170


async def test_deleting_a_report_is_asked(opened: Callable[..., Any]) -> None:
    load = FakeLoad()
    load.reports = [report_of()]
    window = await opened(load=load)
    await until(lambda: window.page.reports.model.total == 1)
    window.page.reports.select_keys([load.reports[0].id])
    await until(lambda: window.page.report is not None)
    window.page.delete_button.click()
    dialog = await dialog_of(ConfirmDialog, window.application.window)
    dialog.accept()
    await until(lambda: not load.reports and window.page.reports.state == "empty")
    assert window.page.report is None


async def test_read_only_starts_no_test(opened: Callable[..., Any]) -> None:
    window = await opened()
    assert window.page.start_button.isEnabled()
    window.application.ctx.set_read_only(True)
    assert not window.page.start_button.isEnabled()


async def test_leaving_the_account_ends_the_test_and_forgets_it(opened: Callable[..., Any]) -> None:
    window = await opened()
    await window.begin()
    window.load.tell(5.0, seconds_of()[:5])
    window.application.ctx.leave()
    await window.ended()
    assert window.page.form.target is None and window.page.report is None
    assert not window.page.charts.isVisible()
