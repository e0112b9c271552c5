"""What the buttons of the functions part do: ask, run the command, show what came of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from console.context import AppContext, Rest
from console.narrowing import NarrowRole
from console.tabs.endpoints.functions.code import DeployCodeDialog
from console.tabs.endpoints.functions.commands import (
    ChangeSettings,
    CreateFunction,
    DeleteFunction,
    GrantJustThis,
    MoveAlias,
    PublishVersion,
    UpdateFunctionCode,
)
from console.tabs.endpoints.functions.dialogs import AliasDialog, NewFunctionDialog, PublishDialog
from console.tabs.endpoints.functions.settings import SettingsDialog
from workers.errors.tree import NotFound, SageDeckError
from workers.functions.calls import refused_call
from workers.functions.types import TestResult

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from console.tabs.endpoints.functions.part import FunctionsPart
    from workers.services import Services

_KEY = "endpoints:function-action"


class FunctionActions:
    """The actions of one part, on the function chosen in it."""

    def __init__(self, ctx: AppContext, part: FunctionsPart) -> None:
        self.ctx, self._part = ctx, part

    def create(self, endpoint: str = "") -> None:
        """Open the dialog for a new function, for ``endpoint`` if it is given."""
        self._with_services(self._create, endpoint, label="New function")

    def update_code(self) -> None:
        """Put SageDeck's handler or a zip of one's own into the chosen function."""
        self._start(self._update_code(), "Deploy code")

    def settings(self) -> None:
        """Change the settings of the chosen function."""
        self._with_services(self._settings, label="Change the settings")

    def publish(self) -> None:
        """Publish a version of the chosen function."""
        self._start(self._publish(), "Publish a version")

    def move_alias(self) -> None:
        """Point an alias of the chosen function to another version."""
        self._start(self._move_alias(), "Move an alias")

    def delete(self) -> None:
        """Delete the chosen function with its role and log group."""
        self._with_services(self._delete, label="Delete the function")

    def narrow(self) -> None:
        """Take the broad policies of the chosen function's role away."""
        row, plan = self._part.current(), self._part.panel.narrowing
        if row is not None and plan is not None:
            self.ctx.start(NarrowRole(plan, row.name, row.name))

    def grant(self) -> None:
        """Grant what the denial panel shows."""
        self._start(self._grant(), "Grant just this")

    def test(self, event: str, qualifier: str = "") -> None:
        """Call the function of the test panel."""
        self._with_services(self._test, self._part.test.function, event, qualifier, label="Test the function")

    def _start(self, coro: Coroutine[Any, Any, None], label: str) -> None:
        self.ctx.tasks.start(coro, label=label, key=_KEY)

    def _with_services(
        self, work: Callable[[Services, *Rest], Coroutine[Any, Any, None]], *rest: *Rest, label: str
    ) -> None:
        self.ctx.with_services(work, *rest, label=label, key=_KEY)

    async def _create(self, services: Services, endpoint: str) -> None:
        endpoints = [(endpoint.name, endpoint.arn) for endpoint in await services.endpoints.list(details=False)]
        if not endpoints:
            self.ctx.notify.info(
                "There is no endpoint yet",
                "A function asks an endpoint; deploy a model first.",
                action=("Train one", lambda: self.ctx.navigate("training")),
            )
            return
        dialog = NewFunctionDialog(endpoints, set(self._part.rows), endpoint, self._part.window())
        if await dialog.ask():
            spec = dialog.spec()
            self._part.choose(spec.name)
            await self.ctx.run(CreateFunction(spec))

    async def _update_code(self) -> None:
        row = self._part.current()
        if row is None:
            return
        dialog = DeployCodeDialog(self.ctx, row.name, row.function.handler, self._part.window())
        if await dialog.ask():
            await self.ctx.run(UpdateFunctionCode(row.name, dialog.code, dialog.handler()))

    async def _settings(self, services: Services) -> None:
        row = self._part.current()
        if row is None:
            return
        try:
            context = await services.functions.changes.context(row.name)
        except NotFound:
            self.ctx.notify.info(f"{row.name} is gone already")
            self._part.refresh()
            return
        endpoints = [endpoint.name for endpoint in await services.endpoints.list(details=False)]
        dialog = SettingsDialog(context, endpoints, self._part.window())
        if await dialog.ask():
            await self.ctx.run(ChangeSettings(dialog.change()))

    async def _publish(self) -> None:
        row = self._part.current()
        if row is None:
            return
        aliases = [alias for version in self._part.panel.versions for alias in version.aliases]
        dialog = PublishDialog(row.name, aliases, self._part.window())
        if await dialog.ask():
            given = dialog.form.values()
            await self.ctx.run(PublishVersion(row.name, given["alias"], given["description"]))

    async def _move_alias(self) -> None:
        row = self._part.current()
        if row is None or not self._part.panel.versions:
            return
        dialog = AliasDialog(row.name, self._part.panel.versions, self._part.window())
        if await dialog.ask():
            given = dialog.form.values()
            await self.ctx.run(MoveAlias(row.name, given["alias"], given["version"]))

    async def _delete(self, services: Services) -> None:
        row = self._part.current()
        if row is None:
            return
        try:
            plan = await services.functions.deletion_plan(row.name)
        except NotFound:
            self.ctx.notify.info(f"{row.name} is gone already")
            self._part.refresh()
            return
        await self.ctx.run(DeleteFunction(plan))

    async def _grant(self) -> None:
        grant = self._part.denial.grant
        row = next((row for row in self._part.rows.values() if row.grant is grant), None)
        if grant is not None and row is not None and await self.ctx.run(GrantJustThis(grant, row.name)):
            self._part.forget_refusal(row.name)
            self.ctx.notify.success(f"{row.name} may now call {grant.denial.resource.rsplit('/', 1)[-1]}")

    async def _test_at_once(self, services: Services, name: str, event: str, qualifier: str) -> None:
        panel = self._part.test

        async def call() -> TestResult | SageDeckError:
            try:
                return await services.functions.test(name, event, qualifier)
            except SageDeckError as error:
                return error

        try:
            outcomes = await asyncio.gather(*(call() for _ in range(panel.at_once.value())))
        finally:
            panel.set_busy(False)
        if panel.function == name:
            panel.set_results(outcomes)
        await self._part.read_one(services, name)

    async def _test(self, services: Services, name: str, event: str, qualifier: str) -> None:
        panel = self._part.test
        panel.set_busy(True)
        if panel.at_once.value() > 1:
            await self._test_at_once(services, name, event, qualifier)
            return
        try:
            result = await services.functions.test(name, event, qualifier)
        except SageDeckError as error:
            if panel.function == name:
                panel.set_error(error.title, error.message)
            return
        finally:
            panel.set_busy(False)
        if panel.function == name:
            panel.set_result(result)
        self._part.note_test(name, refused_call(result.denial) if result.denial is not None else None)
        await self._part.read_one(services, name)
        if result.denial is not None and not self._part.denial.isHidden():
            self._part.sight.emit(self._part.denial)
