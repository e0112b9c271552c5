"""The story's functions: refused, granted just that, answered; a second one that cannot reach the first endpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from console.tour.hands import Hands, StoryFailed


class FunctionSteps(Hands):
    """Steps that put functions in front of endpoints."""

    endpoint_name = ""
    second_endpoint = ""

    async def function(self, picture: Path) -> None:
        """Put a function in front of the endpoint, see it refused, grant just that, see it answer."""
        async with self._step("function") as step:
            name = f"{self.endpoint_name}-predict"
            part = await self._make_function(name, self.endpoint_name, allowed=False, look="function-dialog")
            await self._call(part, picture)
            await self._until(lambda: not part.denial.isHidden(), "the call was not refused")
            await self._look("function-refused")
            self._click(part.denial.grant_button)
            await self._until(part.denial.isHidden, "the permission was not granted")
            body = _answered(await self._call(part))
            await self._look("function-answers")
            step.result.update(function=name, label=body["labels"][0], numbers=len(body["logits"]))

    async def second_function(self, job_name: str, endpoint: str, picture: Path) -> None:
        """Deploy a second endpoint with a function of its own, which is refused the first endpoint."""
        async with self._step("second function") as step:
            await self._deploy_second(job_name, endpoint)
            name = f"{endpoint}-predict"
            part = await self._make_function(name, endpoint, allowed=True)
            body = _answered(await self._call(part, picture))
            await self._look("second-function-answers")
            await self._point(part, self.endpoint_name, look="function-settings")
            refused = await self._call(part)
            await self._until(lambda: not part.denial.isHidden(), "the call to the first endpoint was not refused")
            if "AccessDenied" not in refused:
                raise StoryFailed(f"The call to the first endpoint was not refused by AWS: {refused}")
            denied = part.denial.grant.denial.resource
            await self._look("second-function-refused")
            await self._point(part, endpoint)
            await self._until(part.denial.isHidden, "the refusal stayed after the function was pointed back")
            _answered(await self._call(part))
            await self._look("second-function-back")
            step.result.update(function=name, numbers=len(body["logits"]), refused=denied.rsplit("/", 1)[-1])

    async def _deploy_second(self, job_name: str, endpoint: str) -> None:
        tab = self._tab("endpoints")
        self._click(tab.deploy_button)
        dialog = await self._dialog("DeployDialog")
        dialog.form.set_values({"job": job_name, "name": endpoint})
        self._click(dialog.ok_button)
        self.second_endpoint = endpoint
        await self._until(lambda: tab.endpoint(endpoint) is not None, "no second endpoint came up")
        await self._until(lambda: tab.endpoint(endpoint).status != "Creating", "the second endpoint stayed Creating")
        found = tab.endpoint(endpoint)
        if found.status != "InService":
            raise StoryFailed(f"The second endpoint is {found.status}: {found.failure_reason}")

    async def _make_function(self, name: str, endpoint: str, *, allowed: bool, look: str = "") -> Any:
        tab = self._tab("endpoints")
        part = tab.functions
        await self._until(tab.function_button.isEnabled, "a function could not be made")
        self._click(tab.function_button)
        dialog = await self._dialog("NewFunctionDialog")
        dialog.form.set_values({"endpoint": endpoint, "name": name, "memory": 512})
        if not allowed:
            self._click(dialog.allow)
        if look:
            await self._look(look)
        self._click(dialog.ok_button)
        await self._until(lambda: part.current() is not None and part.current().name == name, "no function came up")
        return part

    async def _call(self, part: Any, picture: Path | None = None) -> str:
        """Test the chosen function; the answer as it is shown."""
        if picture is not None:
            self._click(part.panel.test_button)
            part.test.use_picture(picture)
        await self._until(part.test.test_button.isEnabled, "the event was not accepted")
        before = part.test.results
        self._click(part.test.test_button)
        await self._until(lambda: part.test.results > before, "the function did not answer")
        return str(part.test.answer.toPlainText())

    async def _point(self, part: Any, endpoint: str, look: str = "") -> None:
        """Let the chosen function ask another endpoint, and leave its role as it is."""
        name = part.current().name
        self._click(part.panel.settings_button)
        dialog = await self._dialog("SettingsDialog")
        dialog.form.set_values({"endpoint": endpoint})
        if dialog.adapt.isEnabled() and dialog.adapt.isChecked():
            self._click(dialog.adapt)
        if look:
            await self._look(look)
        self._click(dialog.ok_button)
        await self._until(
            lambda: part.rows[name].function.endpoint_name == endpoint, f"the function was not pointed at {endpoint}"
        )


def _answered(text: str) -> dict[str, Any]:
    answer = json.loads(text)
    if answer.get("statusCode") != 200:
        raise StoryFailed(f"The function answered {answer.get('statusCode', '')}: {text}")
    body: dict[str, Any] = answer["body"]
    return body
