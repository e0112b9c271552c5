"""Lambda functions in front of endpoints: made with a role of their own that may do exactly what they need."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import math
import re
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

from workers.access.grants import Grants, Narrowing
from workers.access.role_removal import remove_role
from workers.aws.creating import FLOW_SECONDS, as_one, surely, surely_gone, to_the_end
from workers.aws.session import AwsSession
from workers.errors.tree import Conflict, InvalidInput, Left, NotFound, SageDeckError, Unreachable
from workers.functions.answered import result_of
from workers.functions.calls import CallLog, FunctionCall
from workers.functions.code import HANDLER, OwnCode, package
from workers.functions.costs import function_per_hour
from workers.functions.figures import Figures
from workers.functions.making import make_function
from workers.functions.role import narrowing
from workers.functions.settings import S3_VARIABLE, FunctionChanges
from workers.functions.types import (
    Function,
    FunctionSpec,
    FunctionVersion,
    TestResult,
    function_of,
    when_of,
)
from workers.prices.billing import billed_environments
from workers.prices.table import PriceTable
from workers.types import DeletionPlan

# What changes seldom is read this often: a role's policies, concurrency.
DETAILS_SECONDS = 300.0
HOURLY_SECONDS = 120.0
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def name_problem(name: str) -> str:
    """Why ``name`` cannot be a function's name, or an empty text."""
    if not name:
        return "Give the function a name."
    if not _NAME.fullmatch(name):
        return "Only letters, digits, - and _ are allowed, at most 64."
    return ""


class Functions:
    """Everything about the account's functions."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session
        self.grants = Grants(session)
        self.changes = FunctionChanges(session, self.grants)
        self._figures = Figures(session)
        self._logs: dict[str, CallLog] = {}
        self._details: dict[str, tuple[float, dict[str, Any]]] = {}
        self._hourly = (-math.inf, 0.0)

    async def list_all(self) -> AsyncIterator[Function]:
        """All functions of the account and region, with what one call tells. Raises ``SageDeckError``."""
        async for found in self._session.paginate("lambda", "list_functions", "Functions", doing="list the functions"):
            yield function_of(found)

    async def describe(self, name: str) -> Function:
        """One function with the figures of the last day and what its role may too much, read now.

        Raises ``SageDeckError``.
        """
        answer = await self._session.call(
            "lambda", "get_function_configuration", f"read the function {name}", FunctionName=name
        )
        function = function_of(answer)
        measured, detailed = await asyncio.gather(
            self._figures.of((), fresh=(name,)), self.detailed(function, fresh=True)
        )
        return replace(detailed, **measured.get(name, {}))

    async def measured(self, functions: Sequence[Function]) -> list[Function]:
        """The same functions with the figures of the last day, by few calls; at most a minute old."""
        found = await self._figures.of([function.name for function in functions])
        return [replace(function, **found.get(function.name, {})) for function in functions]

    async def detailed(self, function: Function, *, fresh: bool = False) -> Function:
        """The same function with its concurrency and what its role may too much: some minutes old unless ``fresh``.

        What may not be read is left unknown.
        """
        kept = self._details.get(function.name)
        if fresh or kept is None or time.monotonic() - kept[0] > DETAILS_SECONDS:
            reserved, provisioned, broad = await asyncio.gather(
                self._reserved(function.name), self._provisioned(function.name), self._broad(function.role)
            )
            found = {"reserved_concurrency": reserved, "provisioned": provisioned, "broad": tuple(broad)}
            kept = self._details[function.name] = (time.monotonic(), found)
        return replace(function, **kept[1])

    async def per_hour(self, prices: PriceTable) -> float:
        """US dollars an hour of all functions that ask an endpoint, by their last hour; some minutes old.

        Raises ``SageDeckError``, ``AccessDenied`` when the caller may not list functions.
        """
        if time.monotonic() - self._hourly[0] < HOURLY_SECONDS:
            return self._hourly[1]
        total = await self._sum_per_hour(prices)
        self._hourly = (time.monotonic(), total)
        return total

    async def _sum_per_hour(self, prices: PriceTable) -> float:
        asking = [function async for function in self.list_all() if function.endpoint_name]
        found = [await self.detailed(function) for function in await self.measured(asking)]
        return sum(function_per_hour(prices, function, self._session.region) or 0.0 for function in found)

    async def create(self, spec: FunctionSpec) -> str:
        """Make role, log group and function; returns its ARN. What was made is removed when a later step fails.

        Raises ``SageDeckError``.
        """
        if problem := name_problem(spec.name):
            raise InvalidInput("This name cannot be used", problem)
        if await self._exists(spec.name):
            raise Conflict("The name is taken", f"There is a function {spec.name} already.", "Choose another name.")
        return await as_one(
            lambda attempt: make_function(self._session, spec, attempt), f"make the function {spec.name}"
        )

    async def update_code(self, name: str, own: OwnCode | None = None, handler: str = HANDLER) -> bool:
        """Put this version's handler, or the operator's ``own`` code, into the function.

        False when it is there already. Raises ``SageDeckError``.
        """
        code = package() if own is None else own.data
        if own is not None and (problem := own.handler_problem(handler)):
            raise InvalidInput("This code cannot be deployed", f"{problem} Nothing was sent.")
        digest = base64.b64encode(hashlib.sha256(code).digest()).decode()
        found = await self._session.call("lambda", "get_function_configuration", FunctionName=name)
        doing = f"update the code of {name}"
        if found["CodeSha256"] != digest:

            async def send() -> dict[str, object]:
                return await self._session.call(
                    "lambda", "update_function_code", doing, FunctionName=name, ZipFile=code
                )

            # The same code a second time changes nothing more.
            await surely(send, send)
            await self.changes.settled(name)
        elif found["Handler"] == handler:
            return False
        if found["Handler"] != handler:
            await self._session.call(
                "lambda", "update_function_configuration", doing, FunctionName=name, Handler=handler
            )
            await self.changes.settled(name)
        return True

    async def publish(self, name: str, alias: str = "", description: str = "") -> str:
        """Publish a version and, if named, point ``alias`` to it; returns the version. Raises ``SageDeckError``."""
        doing = f"publish a version of {name}"

        async def publish() -> dict[str, object]:
            return await self._session.call(
                "lambda", "publish_version", doing, FunctionName=name, Description=description
            )

        # Lambda publishes the same code and settings once only: asked again, it tells the version made before.
        answer = await surely(publish, publish)
        version = str(answer["Version"])
        if alias:
            await self.point_alias(name, alias, version)
        return version

    async def point_alias(self, name: str, alias: str, version: str) -> None:
        """Make or move an alias. Raises ``SageDeckError``."""
        arguments = {"FunctionName": name, "Name": alias, "FunctionVersion": version}

        async def move() -> dict[str, object]:
            return await self._session.call("lambda", "update_alias", f"move the alias {alias}", **arguments)

        async def create() -> dict[str, Any]:
            return await self._session.call("lambda", "create_alias", f"make the alias {alias}", **arguments)

        try:
            await surely(move, move)
        except NotFound:
            await surely(create, move)

    async def versions(self, name: str) -> tuple[FunctionVersion, ...]:
        """``$LATEST`` first, then the newest. Raises ``SageDeckError``."""
        aliases: dict[str, list[str]] = {}
        async for alias in self._session.paginate("lambda", "list_aliases", "Aliases", FunctionName=name):
            aliases.setdefault(alias["FunctionVersion"], []).append(alias["Name"])
        found = [
            FunctionVersion(
                version=version["Version"],
                description=version.get("Description", ""),
                modified=when_of(version.get("LastModified", "")),
                code_sha256=version["CodeSha256"],
                aliases=tuple(aliases.get(version["Version"], ())),
            )
            async for version in self._session.paginate(
                "lambda", "list_versions_by_function", "Versions", FunctionName=name
            )
        ]
        return (*found[:1], *reversed(found[1:]))

    async def test(self, name: str, event: str, qualifier: str = "") -> TestResult:
        """Call the function with ``event`` (JSON text) and wait for its answer. Raises ``SageDeckError``."""
        try:
            json.loads(event)
        except ValueError as error:
            raise InvalidInput("The event is not JSON", f"{error}. Nothing was sent.") from None
        arguments = {"FunctionName": name, "LogType": "Tail", "Payload": event.encode()}
        if qualifier:
            arguments["Qualifier"] = qualifier

        def call() -> tuple[dict[str, Any], str]:
            answer = self._session.client("lambda").invoke(**arguments)
            return answer, answer["Payload"].read().decode("utf-8", "replace")

        started = asyncio.get_running_loop().time()
        answer, payload = await self._session.run(f"call {name}", call, service="lambda")
        seconds = asyncio.get_running_loop().time() - started
        return result_of(answer, payload, seconds)

    async def calls(self, name: str) -> tuple[FunctionCall, ...]:
        """The last calls, newest first, as the function's log tells them. Raises ``SageDeckError``."""
        return await self._logs.setdefault(name, CallLog(self._session, name)).read()

    async def narrower(self, function: Function) -> Narrowing:
        """What the function's role would be with exactly what it needs. Raises ``SageDeckError``."""
        found = await self._session.call("lambda", "get_function_configuration", FunctionName=function.name)
        allowed = found.get("Environment", {}).get("Variables", {}).get(S3_VARIABLE, "")
        inline = await self.grants.inline_policies(function.role)
        return narrowing(function, allowed, inline, await self.grants.attached_policies(function.role))

    async def deletion_plan(self, name: str) -> DeletionPlan:
        """What deleting the function takes along: its own role and log group, if SageDeck made them."""
        function = await self.describe(name)
        also: list[tuple[str, str, str]] = [("log", f"/aws/lambda/{name}", "with all its lines")]
        kept: list[tuple[str, str, str]] = []
        others = [
            other.name async for other in self.list_all() if other.role_arn == function.role_arn and other.name != name
        ]
        if others:
            kept.append(("role", function.role, f"the function {others[0]} uses it"))
        elif await self.grants.own_role(function.role):
            also.insert(0, ("role", function.role, "made for this function"))
        else:
            kept.append(("role", function.role, "not made by SageDeck"))
        if function.endpoint_name and (goes_on := await self._endpoint_goes_on(function.endpoint_name)):
            kept.append(("endpoint", function.endpoint_name, goes_on))
        return DeletionPlan(name, tuple(also), tuple(kept), (), None)

    async def delete(self, plan: DeletionPlan) -> None:
        """Delete the function, then its role and its log group; what is gone already is no error.

        Once begun it goes on to its end, also when it is cancelled. Raises ``SageDeckError`` with what is ``left``.
        """
        self._logs.pop(plan.target, None)
        error, cancelled = await to_the_end(self._delete(plan))
        if error is not None:
            raise error
        if cancelled:
            raise asyncio.CancelledError

    async def _delete(self, plan: DeletionPlan) -> SageDeckError | None:
        name = plan.target
        todo = [("function", name), *((kind, target) for kind, target, _ in plan.also_deleted)]
        failed: list[tuple[Left, SageDeckError]] = []
        for kind, target in todo:
            try:
                async with asyncio.timeout(FLOW_SECONDS / len(todo)):
                    await self._delete_part(kind, target)
            except (SageDeckError, TimeoutError) as error:
                if not isinstance(error, SageDeckError):
                    error = Unreachable("No answer in time", f"Could not delete the {kind} {target}.", code="Timeout")
                failed.append((_left(kind, target), error))
                if kind == "function":
                    # It goes on working only with its role.
                    failed += [(_left(*part), error) for part in todo[1:]]
                    break
        return failed[0][1].leaving([left for left, _ in failed]) if failed else None

    async def _delete_part(self, kind: str, target: str) -> None:
        call = self._session.call
        if kind == "role":
            await surely_gone(
                lambda: remove_role(self._session, self.grants, target),
                lambda: self._is_there("iam", "get_role", RoleName=target),
            )
        elif kind == "function":
            await surely_gone(
                lambda: call("lambda", "delete_function", f"delete the function {target}", FunctionName=target),
                lambda: self._exists(target),
            )
        elif kind == "log":
            await surely_gone(
                lambda: call("logs", "delete_log_group", f"delete the log group {target}", logGroupName=target),
                lambda: self._is_there("logs", "list_tags_log_group", logGroupName=target),
            )

    async def _endpoint_goes_on(self, name: str) -> str:
        """What becomes of an endpoint that a function asks; empty when there is none any more."""
        try:
            found = await self._session.call(
                "sagemaker", "describe_endpoint", f"look for the endpoint {name}", EndpointName=name
            )
        except NotFound:
            return ""
        except SageDeckError:
            return "it could not be asked whether it still bills"
        status = found["EndpointStatus"]
        if status == "Deleting":
            return ""
        return "failed, and does not bill" if status == "Failed" else "goes on billing"

    async def _exists(self, name: str) -> bool:
        return await self._is_there("lambda", "get_function_configuration", FunctionName=name)

    async def _is_there(self, service: str, operation: str, **arguments: Any) -> bool:
        try:
            await self._session.call(service, operation, **arguments)
        except NotFound:
            return False
        return True

    async def _reserved(self, name: str) -> int | None:
        try:
            found = await self._session.call("lambda", "get_function_concurrency", FunctionName=name)
        except SageDeckError:
            return None
        return found.get("ReservedConcurrentExecutions")

    async def _provisioned(self, name: str) -> int:
        try:
            return sum(
                [
                    billed_environments(config)
                    async for config in self._session.paginate(
                        "lambda",
                        "list_provisioned_concurrency_configs",
                        "ProvisionedConcurrencyConfigs",
                        FunctionName=name,
                    )
                ]
            )
        except SageDeckError:
            # An account that does not offer it has none.
            return 0

    async def _broad(self, role: str) -> list[Any]:
        try:
            return await self.grants.broad(role)
        except SageDeckError:
            # The function is shown even if the caller may not read IAM.
            return []


def _left(kind: str, name: str) -> Left:
    line = {
        "function": f"aws lambda delete-function --function-name {name}",
        "role": f"aws iam delete-role --role-name {name}",
        "log": f"aws logs delete-log-group --log-group-name {name}",
    }[kind]
    return Left("log group" if kind == "log" else kind, name, cli=line)
