"""The Overview's real widgets over a stand-in account: what there is, what it costs, what is idle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from console.tabs import TABS
from console.tabs.overview.actions import entries_for
from console.tabs.overview.details import facts
from console.tabs.overview.opening import payload_of
from console.tabs.overview.rows import Clock
from console.tabs.overview.tab import LOOK_SECONDS, OverviewTab
from console.widgets.frames.confirm import ConfirmDialog
from tests.helpers.inventory import NOW, FakeInventory, denied, pictured, resource
from tests.helpers.models import enter
from tests.helpers.overview_tab import names, opened, shown
from tests.helpers.window import dialog_of, menu_of, texts, until
from workers.errors.tree import Expired
from workers.inventory.types import ALL_KINDS, KINDS, CostFigures, Inventory, Kind, Place, Resource

OLD = ("endpoint", "dog-classifier-old")


def said(part: QWidget) -> str:
    """What labels below it say, shown or not."""
    return " ".join(found.text() for found in part.findChildren(QLabel))


# What there is


async def test_it_shows_figures_rows_and_what_is_idle(make_application: Callable[..., Any]) -> None:
    _, tab = await shown(make_application, FakeInventory(pictured()))
    figures = tab.figures
    assert [figure.text for figure in (figures.now, figures.today, figures.month, figures.end)] == [
        "$3.05", "$24.90", "$214.60", "$592",
    ]  # fmt: skip
    assert figures.now.caption.text() == "10 resources billing"
    assert "$155 without what is idle" in figures.end.caption.text()
    assert names(tab)[:2] == ["dogs-tuning-1409", "dog-classifier-old"]
    states = {row.name: tab.list.table.model.columns[3].text_of(row) for row in tab.list.table.model.visible_rows()}
    assert states["dog-classifier-old"] == "Idle" and states["vol-0c81d9be27"] == "Unused"
    assert states["dog-trainer"] == "Running" and states["SageDeckTraining-dogs"] == "–"
    uses = {row.name: tab.list.table.model.columns[7].text_of(row) for row in tab.list.table.model.visible_rows()}
    assert tab.list.table.model.columns[8].text_of(tab.list.table.model.row_at(0)) == "sagedeck:created-by=sagedeck"
    assert uses["dogs-tuning-1409"] == "now" and uses["dog-classifier-old"] == "19 d ago"
    assert "$499" in texts(tab.idle)
    assert [line.findings[0].resource.name for line in tab.idle.lines] == [
        "dog-classifier-old", "dog-scratch", "dog-notebook", "vol-0c81d9be27",
    ]  # fmt: skip
    await until(lambda: "tuning, 3 at a time" in tab.cost_panel.chart.accessibleDescription())


async def test_what_saves_nothing_that_could_be_seen_is_not_told_as_a_saving(
    make_application: Callable[..., Any],
) -> None:
    _, tab = await shown(make_application, FakeInventory(pictured()))
    found = CostFigures(NOW, 3.05, 24.9, 214.6, 592.0, without_idle=591.9999, billing=10)
    tab.figures.show_figures(found, idle=5)
    assert "without" not in tab.figures.end.caption.text()
    tab.figures.show_figures(replace(found, without_idle=590.0), idle=5)
    assert "$590 without what is idle" in tab.figures.end.caption.text()


async def test_what_is_not_known_is_a_dash_and_what_is_old_says_so(make_application: Callable[..., Any]) -> None:
    inventory = FakeInventory(pictured())

    async def unknown() -> CostFigures:
        return CostFigures(
            NOW - timedelta(hours=1), 1.25, None, None, None, missing=("2 instance types have no price.",)
        )

    inventory.costs = unknown  # type: ignore[method-assign]
    _, tab = await shown(make_application, inventory)
    figures = tab.figures
    assert [figure.text for figure in (figures.now, figures.today, figures.month, figures.end)] == [
        "$1.25",
        "–",
        "–",
        "–",
    ]
    assert figures.now.caption.text().startswith("as of ")
    assert figures.now.toolTip() == "2 instance types have no price."


async def test_the_header_says_the_same_sum(make_application: Callable[..., Any]) -> None:
    stored = [resource("volume", "vol-1", dollars_per_hour=0.5), resource("notebook", "n", dollars_per_hour=0.25)]
    application, tab = await shown(make_application, FakeInventory(stored))
    await until(lambda: application.window.header.cost.value.text() == "$0.75/h")
    assert tab.figures.now.text == "$0.75"


async def test_a_page_built_before_the_account_was_there_does_not_call_the_sandboxes_dollars_a_bill(
    make_application: Callable[..., Any],
) -> None:
    application, _ = await shown(make_application, FakeInventory(pictured()))
    late = OverviewTab(application.ctx)
    late.setParent(application.window)
    late.figures.set_pretended(False)
    backend = application.ctx.backend
    late.enter()
    assert backend.kind == "sandbox" and "Would cost" in said(late.figures.now)
    late.leave()
    late.deleteLater()


async def test_a_kind_that_cannot_be_read_is_a_row_with_its_cure(make_application: Callable[..., Any]) -> None:
    application, tab = await shown(make_application, FakeInventory(pictured(), [denied("model"), denied("role")]))
    assert names(tab)[:2] == ["Models: you may not do this", "Roles: you may not do this"]
    row = tab.list.table.model.visible_rows()[0]
    size = next(column for column in tab.list.table.model.columns if column.key == "size")
    assert size.text_of(row) == "Return says why"
    assert "sagemaker:ListModels is missing" in tab.list.table.model.columns[0].tooltip(row)
    # It may bill, and may be idle: no view hides it.
    for view in ("billing", "idle"):
        tab.list.views.set_current(view)
        assert "Models: you may not do this" in names(tab)
    tab.list.table.select_keys([row.key])
    tab.list.table.setFocus()
    QTest.keyClick(tab.list.table.view, Qt.Key.Key_Return)
    assert any("ListModels" in notice.text for notice in application.notify.notices)


async def test_an_account_where_nothing_may_be_listed_says_so(make_application: Callable[..., Any]) -> None:
    inventory = FakeInventory((), [denied(kind) for kind in ALL_KINDS])
    _, tab = await shown(make_application, inventory)
    assert "Nothing of this account may be listed" in texts(tab)
    assert len(names(tab)) == len(ALL_KINDS) and tab.list.table.state == "rows"
    assert "What is idle is not known" in texts(tab.idle) and "Nothing is idle" not in texts(tab.idle)


async def test_that_nothing_may_be_listed_is_said_only_when_all_was_asked(make_application: Callable[..., Any]) -> None:
    _, tab = await shown(make_application, FakeInventory(pictured(), [denied("endpoint")]))
    said: list[str] = []
    tab.list.table.set_error = lambda error, *_, **__: said.append(str(error))
    first = Inventory((), (denied("endpoint"),), NOW)
    # What was read of one kind so far is no word about the others.
    tab.list.show_inventory(first, whole=False)
    assert said == [] and tab.list.table.state == "rows"
    tab.list.show_inventory(first)
    assert said == ["Nothing of this account may be listed"]


async def test_an_empty_account_shows_the_next_step(make_application: Callable[..., Any]) -> None:
    application, tab = await shown(make_application, FakeInventory())
    went: list[str] = []
    application.ctx.navigateRequested.connect(lambda tab_id, _: went.append(tab_id))
    assert tab.list.table.state == "empty" and "Nothing here yet" in texts(tab.list)
    from console.widgets.forms.buttons import Button

    next(button for button in tab.list.findChildren(Button) if button.text() == "Go to Data").click()
    assert went == ["data"]


async def test_it_is_not_said_to_be_empty_before_all_was_asked(make_application: Callable[..., Any]) -> None:
    inventory, gate = FakeInventory(), asyncio.Event()
    inventory.answered = gate.wait
    _, tab = await opened(make_application, inventory)
    await until(lambda: inventory.asked)
    assert tab.list.table.state == "loading" and tab.figures.now.text == "–"
    gate.set()
    await until(lambda: tab.list.table.state == "empty")


async def test_a_sign_in_that_expired_keeps_the_rows_with_their_age(make_application: Callable[..., Any]) -> None:
    inventory = FakeInventory(pictured())
    _, tab = await shown(make_application, inventory)
    inventory.error = Expired("Your session has ended", "ExpiredToken.")
    tab.refresh_button.click()
    await until(lambda: "Your session has ended" in texts(tab.list))
    assert "as of " in texts(tab.list) and "dog-trainer" in names(tab) and tab.figures.now.text == "$3.05"
    inventory.error = None
    tab.refresh()
    await until(lambda: "Your session has ended" not in texts(tab.list))


# The list


async def test_it_is_narrowed_by_words_kind_and_what_bills(make_application: Callable[..., Any]) -> None:
    _, tab = await shown(make_application, FakeInventory(pictured()))
    tab.list.views.set_current("idle")
    assert len(names(tab)) == 4
    tab.list.views.set_current("billing")
    # What a bucket costs is not known: it may bill.
    assert len(names(tab)) == 11 and "dogs-482109375516" in names(tab) and "SageDeckTraining-dogs" not in names(tab)
    tab.list.kinds.set_value("endpoint")
    assert len(names(tab)) == 4
    tab.list.search.setText("tag:sagedeck:created-by=sagedeck multi")
    await until(lambda: names(tab) == ["dog-classifier-multi"])
    assert "1 of 13" in texts(tab.list)
    tab.list.table.clear_filter()
    assert len(names(tab)) == 13 and tab.list.views.current == "all" and tab.list.kinds.value() == ""


async def test_a_refresh_touches_the_changed_rows_alone(make_application: Callable[..., Any]) -> None:
    rows = tuple(resource("log-group", f"/aws/{at:03}", dollars_per_hour=at / 1000) for at in range(300))
    inventory = FakeInventory(rows)
    _, tab = await shown(make_application, inventory)
    table = tab.list.table
    table.select_keys([("log-group", "/aws/150"), ("log-group", "/aws/100")])
    bar = table.view.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    place, touched = bar.value(), []
    table.model.dataChanged.connect(lambda first, last: touched.append((first.row(), last.row())))
    table.model.modelReset.connect(lambda: touched.append("reset"))
    inventory.rows = (*rows[:120], replace(rows[120], size="9 GB"), *rows[121:])
    tab.refresh()
    await until(lambda: touched)
    await until(lambda: not tab.running("list"))
    at = table.model.position_of(("log-group", "/aws/120"))
    assert touched == [(at, at)]
    assert bar.value() == place and set(table.selected_keys()) == {("log-group", "/aws/150"), ("log-group", "/aws/100")}


async def test_a_slow_account_is_not_asked_anew_before_it_has_answered(make_application: Callable[..., Any]) -> None:
    inventory = FakeInventory(pictured())
    _, tab = await shown(make_application, inventory)
    gate = asyncio.Event()
    inventory.answered = gate.wait
    inventory.asked.clear()
    for _ in range(5):
        tab.refresh()
        await asyncio.sleep(0)
    assert inventory.asked.count(("refresh", ())) == 1
    gate.set()
    # What was wanted meanwhile is read once more, once.
    await until(lambda: inventory.asked.count(("refresh", ())) == 2)
    await until(lambda: not tab.running("list"))
    assert inventory.asked.count(("refresh", ())) == 2


async def test_what_costs_money_is_asked_for_what_is_in_sight(make_application: Callable[..., Any]) -> None:
    rows = tuple(resource("endpoint", f"e-{at:03}", "InService", dollars_per_hour=1.0) for at in range(300))
    inventory = FakeInventory(rows)
    _, tab = await shown(make_application, inventory)

    def looked() -> list[Any]:
        return [keys for what, keys in inventory.asked if what == "look_closer"]

    await until(looked)
    assert 5 < len(looked()[-1]) < 40
    assert "an hour" in texts(tab.list)
    before = len(looked())
    tab.leave()
    [looking] = [timer for timer in tab.findChildren(QTimer) if timer.interval() == LOOK_SECONDS * 1000]
    looking.timeout.emit()
    assert len(looked()) == before and not looking.isActive()


async def test_rows_are_copied_as_a_table(make_application: Callable[..., Any]) -> None:
    _, tab = await shown(make_application, FakeInventory(pictured()))
    tab.list.views.set_current("idle")
    tab.copy_button.click()
    lines = QApplication.clipboard().text().splitlines()
    assert lines[0].startswith("Name\tKind") and len(lines) == 5


@pytest.mark.parametrize("kind", [kind for kind in ALL_KINDS if KINDS[kind].tab])
async def test_a_resource_is_opened_in_its_tab(make_application: Callable[..., Any], kind: Any) -> None:
    name = "function:dogs:live" if kind == "scalable-target" else "dogs"
    kept = resource(kind, name, place=Place(KINDS[kind].tab, "dogs"))
    application, tab = await shown(make_application, FakeInventory([kept]))
    went: list[tuple[str, Any]] = []
    application.ctx.navigateRequested.connect(lambda tab_id, payload: went.append((tab_id, payload)))
    tab.list.activated.emit(tab.list.table.model.row_at(0))
    assert went == [(KINDS[kind].tab, payload_of(kept))]
    assert list(payload_of(kept).values()) == ["dogs"], "the tab is told what to choose"
    assert any(spec.id == KINDS[kind].tab for spec in TABS)


async def test_what_no_tab_has_shows_its_details(make_application: Callable[..., Any]) -> None:
    from console.tabs.overview.details import DetailsDialog

    application, tab = await shown(make_application, FakeInventory([resource("role", "SageDeckTraining-dogs")]))
    tab.list.activated.emit(tab.list.table.model.row_at(0))
    dialog = await dialog_of(DetailsDialog, application.window)
    said = texts(dialog).replace("\u200b", "")
    assert "SageDeckTraining-dogs" in said and "sagedeck:created-by=sagedeck" in said
    dialog.accept()


def test_a_state_and_why_it_is_idle_are_said_once() -> None:
    def state(kind: Kind, idle: str) -> str:
        return dict(facts(replace(resource(kind, "dogs"), idle=idle), Clock()))["State"]

    assert state("log-group", "kept for ever") == "Kept for ever"
    assert state("endpoint", "no calls for 3 h") == "Idle, no calls for 3 h"


async def test_the_menu_offers_what_a_row_is_good_for(make_application: Callable[..., Any]) -> None:
    application, tab = await shown(make_application, FakeInventory(pictured()))
    tab.list.table.select_keys([OLD])
    assert menu_of(tab.list.table) == ["Open", "Details…", "Events…", "Park…", "Delete…"]
    # What parking takes along is said, and done, in the endpoints' own tab.
    went: list[Any] = []
    application.ctx.navigateRequested.connect(lambda tab_id, payload: went.append((tab_id, payload)))
    busy = next(found for found in pictured() if found.name == "dog-classifier-1x")
    [(words, _, park)] = entries_for(application.ctx, [busy])  # type: ignore[misc]
    park()
    assert words == "Park…" and went == [("endpoints", {"park": "dog-classifier-1x"})]
    tab.list.table.select_keys([("tuning-job", "dogs-tuning-1409")])
    assert menu_of(tab.list.table) == ["Open", "Details…", "Events…", "Stop…", "Delete…"]
    # One that is idle is offered to be stopped once, and a failed job not at all.
    tab.list.table.select_keys([("instance", "i-07be44d0")])
    assert menu_of(tab.list.table) == ["Open", "Details…", "Events…", "Stop…", "Delete…"]
    tab.list.table.select_keys([("training-job", "dogs-resnet50-ddp-2")])
    assert menu_of(tab.list.table) == ["Open", "Details…", "Events…", "Delete…"]
    tab.list.table.select_keys([OLD])
    application.ctx.set_read_only(True)
    assert menu_of(tab.list.table) == ["Open", "Details…", "Events…"]
    assert not tab.tear_down_button.isEnabled() and not tab.idle.lines[0].button.isEnabled()


async def test_what_runs_is_stopped_by_its_own_service(make_application: Callable[..., Any]) -> None:
    from console.tabs.overview.stopping import StopRunning

    inventory = FakeInventory(pictured())
    application, _ = await shown(make_application, inventory)
    stopped: list[str] = []

    async def stop(name: str) -> None:
        stopped.append(name)

    application.ctx.services.tuning = SimpleNamespace(stop=stop)
    row = next(row for row in pictured() if row.kind == "tuning-job")
    application.ctx.start(StopRunning([row]))
    dialog = await dialog_of(ConfirmDialog, application.window)
    assert "Its running trials stop" in texts(dialog) and "$1.383 an hour" in texts(dialog)
    dialog.accept()
    await until(lambda: stopped == ["dogs-tuning-1409"])
    await until(lambda: application.activity.history)
    assert "stop-hyper-parameter-tuning-job" in application.activity.history[0].cli
    instance = next(row for row in pictured() if row.kind == "instance")
    assert StopRunning([instance]).cli() == f"aws ec2 stop-instances --instance-ids {instance.id}"


@pytest.mark.parametrize(
    ("kind", "means"),
    [("processing-job", "What it uploads as it goes is kept"), ("transform-job", "Nothing of its predictions is kept")],
)
async def test_a_job_that_only_the_inventory_shows_is_stopped_there(
    make_application: Callable[..., Any], kind: Kind, means: str
) -> None:
    from console.tabs.overview.stopping import StopRunning

    row = replace(next(row for row in pictured() if row.kind == "tuning-job"), kind=kind, id="batch-1", name="batch-1")
    inventory = FakeInventory([*pictured(), row])
    application, tab = await shown(make_application, inventory)
    stopped: list[str] = []

    async def stop(job: Resource) -> None:
        stopped.append(job.name)

    inventory.stop = stop  # type: ignore[attr-defined]
    tab.list.table.select_keys([row.key])
    assert "Stop…" in menu_of(tab.list.table)
    application.ctx.start(StopRunning([row]))
    dialog = await dialog_of(ConfirmDialog, application.window)
    assert means in texts(dialog)
    dialog.accept()
    await until(lambda: stopped == ["batch-1"])
    await until(lambda: application.activity.history)
    assert f"stop-{kind} --{kind}-name batch-1" in application.activity.history[0].cli


# With the other tabs


async def test_the_tabs_choose_what_is_opened(make_application: Callable[..., Any]) -> None:
    from tests.helpers import full_account as full

    application = make_application(TABS)
    application.window.resize(1440, 900)
    application.show(connect=False)
    services = full.FullServices()
    instance = services.compute.rows[-1]

    def there(kind: Any, name: str, target: str = "") -> Any:
        return resource(kind, name, place=Place(KINDS[kind].tab, target or name))

    services.inventory = FakeInventory(
        [
            there("endpoint", full.ENDPOINTS[2]), there("training-job", full.OTHER_JOB), there("bucket", "short"),
            there("instance", instance.name, instance.id), there("function", "classify"),
        ]
    )  # fmt: skip
    enter(application, services)
    window = application.window
    tab = window.pages.tab("overview")
    window.show_tab("overview")
    await until(lambda: tab.list.table.model.total == 5)
    chosen: dict[str, Callable[[], Any]] = {
        "endpoint": lambda: getattr(window.pages.tab("endpoints").table.current_row(), "name", ""),
        "training-job": lambda: getattr(window.pages.tab("training").table.current_row(), "key", ""),
        "bucket": lambda: window.pages.tab("data").browser.name,
        "instance": lambda: getattr(window.pages.tab("compute").table.current_row(), "id", ""),
        "function": lambda: getattr(window.pages.tab("endpoints").functions.current(), "name", ""),
    }
    for row in tab.list.table.model.rows():
        tab.list.activated.emit(row)
        await until(lambda row=row: str(chosen[row.kind]()).endswith(row.resource.place.target))
        assert window.pages.current_id == row.resource.place.tab


async def test_ages_are_of_the_account_s_clock(make_application: Callable[..., Any]) -> None:
    inventory = FakeInventory([resource("endpoint", "e", "InService", created=NOW + timedelta(hours=5))])
    _, tab = await shown(make_application, inventory)
    age = next(column for column in tab.list.table.model.columns if column.key == "age")
    # By this computer's clock it is not made yet.
    assert age.text_of(tab.list.table.model.row_at(0)) == "now"
    inventory.known = replace(inventory.known, clock_off=7 * 3600.0)
    tab.list.show_inventory(inventory.known)
    assert age.text_of(tab.list.table.model.row_at(0)) in ("1 h", "2 h")
