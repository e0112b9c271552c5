"""Limits, a load test that scales an endpoint and lets it go back, and one that is throttled: the real widgets on a
real sandbox whose time runs fast."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console.tabs.scaling import TAB
from console.tabs.scaling.tab import ScalingTab
from console.widgets.frames.confirm import ConfirmDialog
from tests.helpers.backends import sandbox_of
from tests.helpers.functions import zipped
from tests.helpers.load import THROTTLED
from tests.helpers.sagemaker_jobs import ANSWERING, TRUST, Account
from tests.helpers.waiting import wait_for
from tests.helpers.window import dialog_of, texts, until
from workers.account import sandbox as local_account
from workers.load.types import LoadReport
from workers.types import Backend

SLOW = """
import time
def handler(event, context):
    # Calls are to be under way at the same time.
    time.sleep(2)
    return {"statusCode": 200, "body": "{}"}
"""


def made(backend: Backend, state: Path) -> Account:
    """An endpoint that answers and a function that takes its time."""
    account = Account(sandbox_of(backend, state))
    account.endpoint("dogs", ANSWERING)
    trust = json.dumps(TRUST).replace("sagemaker.amazonaws.com", "lambda.amazonaws.com")
    role = account.iam.create_role(RoleName="caller", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    functions = account.sandbox.client("lambda")
    functions.create_function(
        FunctionName="dogs-predict", Runtime="python3.12", Role=role, Handler="code.handler",
        Code={"ZipFile": zipped(SLOW)}, MemorySize=128, Timeout=30,
    )  # fmt: skip
    wait_for(lambda: functions.get_function_configuration(FunctionName="dogs-predict")["State"] == "Active")
    assert account.settled("dogs") == "InService"
    return account


async def report_after(application: Any, tab: ScalingTab, until_then: Callable[[], bool], **values: Any) -> LoadReport:
    """A load test with these fields, stopped when ``until_then``, or at its end."""
    page = tab.load_page
    page.form.form.set_values(values)
    page.start_button.click()
    dialog = await dialog_of(ConfirmDialog, application.window)
    assert "on AWS" in texts(dialog)
    dialog.accept()
    await until(lambda: page.running)
    await until(lambda: until_then() or not page.running)
    page.stop_button.click()
    await until(lambda: not page.running and page.report is not None)
    assert page.report is not None
    return page.report


@pytest.mark.integration
async def test_an_endpoint_scales_under_load_and_a_function_is_throttled(
    tmp_path: Path, make_application: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGEDECK_TIME_FACTOR", "100")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    state = tmp_path / "sandbox"
    application = make_application([TAB], state_dir=state)
    application.window.resize(1440, 900)
    application.show()
    try:
        await until(lambda: application.ctx.connected)
        account = await asyncio.to_thread(made, application.ctx.backend, state)
        tab = application.window.pages.tab("scaling")
        tab.activate({"endpoint": "dogs"})
        await until(lambda: tab.panel.apply_button.isVisible())
        tab.panel.variant_form.form.set_values({"minimum": 1, "maximum": 3, "target": 300, "out": 60, "in": 60})
        tab.panel.apply_button.click()
        await until(lambda: application.activity.history)
        tab.views.set_current("load")
        instances = tab.load_page.charts.instances
        scaled = await report_after(
            application, tab, lambda: "in service 3" in instances.accessibleDescription(),
            kind="poisson", rate=20, seconds=300,
        )  # fmt: skip
        assert scaled.totals.failed == 0 and scaled.totals.answered + scaled.totals.unanswered == scaled.totals.sent
        assert "Setting desired instance count to 3. alarm high: above the target" in texts(tab.load_page)
        tab.load_page.activities_button.click()

        def one_again() -> bool:
            described = account.sagemaker.describe_endpoint(EndpointName="dogs")
            return bool(described["ProductionVariants"][0]["CurrentInstanceCount"] == 1)

        await until(lambda: asyncio.to_thread(one_again), every=0.3)
        tab.refresh()
        activities = tab.variant_page.table.model
        await until(lambda: any("to 1." in row.description for row in activities.visible_rows()))

        tab.activate({"function": "dogs-predict"})
        await until(lambda: tab.panel.function_form.isVisible())
        tab.panel.function_form.reserve.setChecked(True)
        tab.panel.function_form.form.set_values({"reserved": 2})
        before = len(application.activity.history)
        tab.panel.apply_button.click()
        await until(lambda: len(application.activity.history) > before)
        tab.views.set_current("load")
        await until(lambda: tab.load_page.form.target is not None and tab.load_page.form.target.kind == "function")
        throttled = await report_after(application, tab, lambda: False, kind="constant", rate=10, seconds=1)
        assert [error.code for error in throttled.totals.errors] == [THROTTLED]
        assert throttled.totals.answered + throttled.totals.failed == 10 and throttled.totals.answered >= 2
        await until(lambda: tab.load_page.reports.model.total == 2)
    finally:
        await local_account.stop(state)
