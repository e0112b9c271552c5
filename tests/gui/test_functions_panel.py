"""Functions in the Endpoints tab, by the real widgets against a real sandbox process."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from console.tabs.endpoints.functions.test_panel import SETTING, pretty
from console.widgets.text.policy_diff import PolicyDiff
from tests.helpers.functions import INFERENCE
from tests.helpers.sagemaker_jobs import Account
from tests.helpers.sandbox import SandboxProcess
from tests.helpers.waiting import until
from workers.access.grants import diff_lines
from workers.account import sandbox as local_account

FULL_ACCESS = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder with two endpoints in service; no sandbox runs on it yet."""
    folder = tmp_path_factory.mktemp("account") / "sandbox"
    with SandboxProcess(folder) as sandbox:
        account = Account(sandbox)
        for name in ("dogs", "cats"):
            account.endpoint(name, {"code/inference.py": INFERENCE})
        assert [account.settled(name) for name in ("dogs", "cats")] == ["InService", "InService"]
    return folder


def click(button: QWidget) -> None:
    assert button.isEnabled() and button.isVisible(), f"{button.property('text')} cannot be clicked"
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


async def dialog(kind: str) -> Any:
    def found() -> QWidget | None:
        shown = (
            widget for widget in QApplication.topLevelWidgets() if type(widget).__name__ == kind and widget.isVisible()
        )
        return next(shown, None)

    return await until(found, what=f"no {kind}")


def event() -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "brown").save(buffer, "JPEG")
    return json.dumps({"image": base64.b64encode(buffer.getvalue()).decode()})


@pytest.mark.integration
@pytest.mark.timeout(600)
async def test_from_a_refused_call_to_an_answer(
    state: Path, make_application: Callable[..., Any], tmp_path: Path
) -> None:
    from console.tabs import TABS

    application = make_application(specs=TABS, state_dir=state)
    application.window.resize(1440, 900)
    application.show()
    try:
        await until(lambda: application.ctx.connected, what="not connected")
        application.ctx.navigate("endpoints")
        tab = application.window.pages.tab("endpoints")
        part = tab.functions
        await until(lambda: tab.endpoint("dogs") is not None, what="no endpoints")
        await until(lambda: part.table.state == "empty", what="the empty state of functions")
        badges: list[tuple[str, str, str]] = []
        tab.badgeChanged.connect(lambda *badge: badges.append(badge))

        # Made without the permission, on purpose.
        click(tab.function_button)
        form = await dialog("NewFunctionDialog")
        form.form.set_values({"endpoint": "dogs", "name": "ask-dogs", "memory": 512})
        assert "sagemaker:InvokeEndpoint" in form.policy.text()
        click(form.allow)
        assert "sagemaker:InvokeEndpoint" not in form.policy.text()
        form.form.set_values({"s3": "whole-bucket"})
        assert not form.ok_button.isEnabled()
        form.form.set_values({"s3": ""})
        click(form.ok_button)
        await until(
            lambda: part.current() is not None and part.current().name == "ask-dogs", what="the function chosen"
        )
        assert part.panel.isVisible() and not tab.panel.isVisible()

        # Refused, with the fix.
        click(part.panel.test_button)
        part.test.editor.setPlainText("{not json")
        assert not part.test.test_button.isEnabled()
        part.test.editor.setPlainText(event())
        click(part.test.test_button)
        await until(lambda: not part.denial.isHidden(), what="the refusal shown")
        assert "AccessDenied" in part.test.answer.toPlainText()
        assert part.denial.diff.added == 2
        assert "endpoint/dogs" in part.denial.diff.text()
        await until(lambda: part.rows["ask-dogs"].calls, what="the call in the log")
        assert part.denied == 1 and badges[-1] == ("err", "1", "err")
        click(part.denial.cli_button)
        assert QApplication.clipboard().text().startswith("aws iam put-role-policy --role-name ask-dogs-role")

        # Granted just that, answered.
        click(part.denial.grant_button)
        await until(lambda: part.denied == 0 and part.denial.isHidden(), what="the refusal gone")
        before = part.test.answer.toPlainText()
        click(part.test.test_button)
        await until(lambda: part.test.answer.toPlainText() != before, what="another answer")
        answer = json.loads(part.test.answer.toPlainText())
        assert answer["statusCode"] == 200 and len(answer["body"]["logits"]) == 3
        await until(lambda: "START RequestId" in part.test.log.toPlainText(), what="the log tail")
        await until(lambda: len(part.rows["ask-dogs"].calls or ()) == 2, what="both calls listed")
        await until(lambda: part.calls.model.total == 2, what="both calls shown")
        assert part.calls.model.row_at(0).result.word == "OK"

        # Events are kept for each function.
        click(part.test.save_button)
        naming = await dialog("FormDialog")
        naming.form.set_values({"name": "brown"})
        click(naming.ok_button)
        await until(lambda: part.test.events.value() == "brown", what="the event saved")
        assert "brown" in application.ctx.settings.value(SETTING, {})["ask-dogs"]

        # A role that may too much is told, with the narrower policy, and narrowed.
        services = application.ctx.services
        await services.session.call("iam", "attach_role_policy", RoleName="ask-dogs-role", PolicyArn=FULL_ACCESS)
        tab.refresh()
        await until(lambda: part.panel.narrowing is not None, what="the narrower policy")
        assert FULL_ACCESS in part.panel.narrowing.detach
        part.function_actions.narrow()
        confirm = await dialog("ConfirmDialog")
        click(confirm.confirm_button)
        await until(lambda: not part.rows["ask-dogs"].function.broad, what="the role narrowed")
        assert (await services.functions.test("ask-dogs", event())).status == 200

        # A version, then gone with its role and log.
        click(part.panel.publish_button)
        publish = await dialog("PublishDialog")
        publish.form.set_values({"alias": "live"})
        click(publish.ok_button)
        await until(lambda: any("live" in version.aliases for version in part.panel.versions), what="the alias")
        click(part.panel.delete_button)
        confirm = await dialog("ConfirmDialog")
        confirm.field.set_value("ask-dogs")
        click(confirm.confirm_button)
        await until(lambda: "ask-dogs" not in part.rows, what="the function gone")
        roles = await services.session.call("iam", "list_roles")
        assert "ask-dogs-role" not in {role["RoleName"] for role in roles["Roles"]}
    finally:
        await local_account.stop(state)


async def answered(part: Any) -> str:
    """Press Test and wait for the end of that call; the answer as it is shown."""
    before = part.test.results
    await until(part.test.test_button.isEnabled, what="the event to be accepted")
    click(part.test.test_button)
    await until(lambda: part.test.results > before, what="an answer")
    return str(part.test.answer.toPlainText())


async def made(tab: Any, name: str, endpoint: str) -> None:
    click(tab.function_button)
    form = await dialog("NewFunctionDialog")
    form.form.set_values({"endpoint": endpoint, "name": name, "memory": 512})
    click(form.ok_button)
    part = tab.functions
    await until(lambda: part.current() is not None and part.current().name == name, what="the function")


async def settings_of(part: Any, **values: Any) -> Any:
    click(part.panel.settings_button)
    form = await dialog("SettingsDialog")
    form.form.set_values(values)
    return form


@pytest.mark.integration
@pytest.mark.timeout(240)
async def test_a_second_function_cannot_call_the_first_endpoint(
    state: Path, make_application: Callable[..., Any], tmp_path: Path
) -> None:
    from console.tabs import TABS

    application = make_application(specs=TABS, state_dir=state)
    application.window.resize(1440, 900)
    application.show()
    try:
        await until(lambda: application.ctx.connected, what="not connected")
        application.ctx.navigate("endpoints")
        tab = application.window.pages.tab("endpoints")
        part = tab.functions
        await until(lambda: tab.endpoint("cats") is not None, what="no endpoints")
        await until(lambda: part.table.state != "loading", what="the functions")
        await made(tab, "ask-cats", "cats")
        click(part.panel.test_button)
        part.test.editor.setPlainText(event())
        assert json.loads(await answered(part))["statusCode"] == 200

        # Bad settings are told while one types.
        form = await settings_of(part, variables="1BAD=x")
        assert not form.ok_button.isEnabled()
        form.form.set_values({"variables": "LEVEL=debug", "timeout": 21, "endpoint": "dogs"})
        assert "may then call dogs" in form.consequence and "no longer call cats" in form.consequence
        assert "endpoint/dogs" in form.policy.text() and form.adapt.isChecked()
        # Left as it is, the role refuses the other endpoint.
        click(form.adapt)
        assert "may not call dogs" in form.consequence and form.policy.isHidden()
        click(form.ok_button)
        await until(lambda: part.rows["ask-cats"].function.endpoint_name == "dogs", what="the function pointed at dogs")
        function = part.rows["ask-cats"].function
        assert (function.timeout_s, function.variables["LEVEL"]) == (21, "debug")
        refused = await answered(part)
        assert "AccessDenied" in refused
        await until(lambda: not part.denial.isHidden(), what="the refusal shown")
        assert part.denial.grant.allowed_already == ("cats",)
        assert part.denial.grant.denial.resource.endswith(":endpoint/dogs")
        item = next(item for item in application.activity.history if item.title == "Change the settings of ask-cats")
        assert "update-function-configuration" in item.cli and "put-role-policy" not in item.cli
        assert "LEVEL=VALUE" in item.cli

        # Adapted, it may call exactly the new one.
        form = await settings_of(part, endpoint="cats")
        assert not form.adapt.isEnabled(), "its role allows cats already"
        click(form.ok_button)
        await until(part.denial.isHidden, what="the refusal gone once it asks cats again")
        form = await settings_of(part, endpoint="dogs")
        click(form.ok_button)
        await until(lambda: part.rows["ask-cats"].function.endpoint_name == "dogs", what="the function pointed at dogs")
        assert json.loads(await answered(part))["statusCode"] == 200
        policies = await application.ctx.services.grants.inline_policies("ask-cats-role")
        assert "endpoint/dogs" in json.dumps(policies) and "endpoint/cats" not in json.dumps(policies)
        await until(
            lambda: [row.endpoint for row in part.calls.model.visible_rows()] == ["dogs", "dogs", "cats"],
            what="calls",
        )

        # A zip of one's own; one that leaves its folder is refused.
        for name, member in (("evil.zip", "../lambda_function.py"), ("mine.zip", "lambda_function.py")):
            with zipfile.ZipFile(tmp_path / name, "w") as archive:
                archive.writestr(
                    member, "def lambda_handler(event, context):\n    print(context)\n    return [event]\n"
                )
        click(part.code_button)
        form = await dialog("DeployCodeDialog")
        assert form.ok_button.isEnabled(), "SageDeck's own handler needs no file"
        form.use_file(tmp_path / "evil.zip")
        await until(lambda: "outside of the function's folder" in form.said, what="the zip refused")
        assert not form.ok_button.isEnabled()
        form.use_file(tmp_path / "mine.zip")
        await until(form.ok_button.isEnabled, what="the zip accepted")
        assert form.handler() == "lambda_function.lambda_handler"
        form.form.set_values({"handler": "gone.handler"})
        assert not form.ok_button.isEnabled()
        form.form.set_values({"handler": "lambda_function.lambda_handler"})
        click(form.ok_button)
        await until(lambda: part.rows["ask-cats"].function.handler == "lambda_function.lambda_handler", what="the code")
        part.test.editor.setPlainText('{"anything": 1}')
        assert json.loads(await answered(part)) == [{"anything": 1}]
        assert "LambdaContext([aws_request_id=" in part.test.log.toPlainText()
        await until(lambda: part.rows["ask-cats"].per_hour is not None, what="what it costs")
        assert 0 < part.rows["ask-cats"].per_hour < 0.01

        # An endpoint that goes leaves its functions behind, and that is told.
        await application.ctx.services.session.call("sagemaker", "delete_endpoint", EndpointName="dogs")
        tab.refresh()
        await until(lambda: tab.endpoint("dogs") is None, what="the endpoint gone")
        await until(lambda: part.rows["ask-cats"].orphan, what="the function without an endpoint")
        assert part.rows["ask-cats"].state.word == "No endpoint"
    finally:
        await local_account.stop(state)


def test_a_diff_shows_added_lines_with_their_neighbours(qtbot: Any) -> None:
    before = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "a:B", "Resource": "r" * 200}]}
    after = {**before, "Statement": [*before["Statement"], {"Effect": "Allow", "Action": "a:C", "Resource": "s"}]}
    diff = PolicyDiff()
    qtbot.addWidget(diff)
    diff.resize(400, 100)
    diff.set_lines(diff_lines(before, after))
    assert diff.added == 2
    assert '"a:C"' in diff.text() and '"Version"' not in diff.text()
    high = diff.sizeHint().height()
    diff.resize(4000, 100)
    diff.show()
    assert diff.sizeHint().height() < high, "long lines are wrapped when there is no room for them"
    QTest.keyClick(diff, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.clipboard().text() == diff.text()


def test_answers_are_shown_as_json() -> None:
    assert json.loads(pretty('{"statusCode": 200, "body": "{\\"labels\\": []}"}'))["body"] == {"labels": []}
    assert pretty("no json") == "no json"
