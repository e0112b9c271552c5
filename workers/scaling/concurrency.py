"""Concurrency of functions: the account's pool, what a function has reserved, what is kept warm for it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from workers.aws.creating import Attempt, Part, as_one, surely, surely_gone
from workers.aws.session import AwsSession
from workers.errors.tree import AccessDenied, NotFound, SageDeckError
from workers.functions.service import Functions
from workers.scaling.reading import provisioned_of
from workers.scaling.schedules import Schedules
from workers.scaling.types import FunctionRow, FunctionScaling, Pool, Provisioned, Qualifier, Schedule

DEFAULT_ALIAS = "live"
_DAY = timedelta(days=1)
# The pool is looked at as a day's line of hours.
_HOUR_SECONDS = 3600


class Concurrency:
    """The concurrency of one account's functions. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session
        self._functions = Functions(session)
        self._schedules = Schedules(session)

    async def functions(self) -> tuple[FunctionRow, ...]:
        """All functions, by name."""
        rows = [
            FunctionRow(found["FunctionName"], int(found.get("MemorySize", 128)))
            async for found in self._session.paginate(
                "lambda", "list_functions", "Functions", doing="list the functions"
            )
        ]
        return tuple(sorted(rows, key=lambda row: row.name))

    async def pool(self) -> Pool:
        """The account's pool in this region."""
        limits = (await self._session.call("lambda", "get_account_settings", "read the account's concurrency"))[
            "AccountLimit"
        ]
        return Pool(int(limits["ConcurrentExecutions"]), int(limits["UnreservedConcurrentExecutions"]))

    async def describe(self, row: FunctionRow) -> FunctionScaling:
        """All that is known of one function's concurrency. Raises ``NotFound``."""
        name = row.name
        pool, reserved, provisioned, qualifiers, busiest, schedules = await asyncio.gather(
            self.pool(),
            self.reserved(name),
            self.provisioned(name),
            self.qualifiers(name),
            self._busiest(name),
            self._scheduled(name),
        )
        return FunctionScaling(name, row.memory_mb, pool, reserved, provisioned, qualifiers, busiest, schedules)

    async def _scheduled(self, name: str) -> tuple[Schedule, ...] | None:
        """Its scheduled actions; ``None`` for who may not read them."""
        try:
            return await self._schedules.of_function(name)
        except AccessDenied:
            return None

    # Reserved

    async def reserved(self, name: str) -> int | None:
        """What the function has reserved; ``None``: it shares what nobody has reserved."""
        found = await self._session.call(
            "lambda", "get_function_concurrency", f"read the concurrency of {name}", FunctionName=name
        )
        value = found.get("ReservedConcurrentExecutions")
        return None if value is None else int(value)

    async def reserve(self, name: str, count: int) -> None:
        """Reserve ``count`` calls at a time; 0 lets none through. The same a second time changes nothing."""

        async def send() -> dict[str, Any]:
            return await self._session.call(
                "lambda",
                "put_function_concurrency",
                f"reserve {count} for {name}",
                FunctionName=name,
                ReservedConcurrentExecutions=count,
            )

        await surely(send, send)

    async def unreserve(self, name: str) -> None:
        """Give the reservation back to the pool; none is no error."""

        async def has_one() -> bool:
            return await self.reserved(name) is not None

        await surely_gone(
            lambda: self._session.call(
                "lambda", "delete_function_concurrency", f"give back what {name} has reserved", FunctionName=name
            ),
            has_one,
        )

    # Provisioned

    async def provisioned(self, name: str) -> tuple[Provisioned, ...]:
        """What is kept warm, for each version or alias."""
        return tuple(
            [
                provisioned_of(found, str(found.get("FunctionArn", "")).rsplit(":", 1)[-1])
                async for found in self._session.paginate(
                    "lambda",
                    "list_provisioned_concurrency_configs",
                    "ProvisionedConcurrencyConfigs",
                    doing=f"read what is kept warm for {name}",
                    FunctionName=name,
                )
            ]
        )

    async def qualifiers(self, name: str) -> tuple[Qualifier, ...]:
        """Aliases first, then versions, the newest first; never ``$LATEST``."""
        versions = [published for published in await self._functions.versions(name) if published.version != "$LATEST"]
        aliases = [Qualifier(alias, published.version) for published in versions for alias in published.aliases]
        return (*aliases, *(Qualifier(published.version) for published in versions))

    async def provide(self, name: str, count: int, qualifier: str = "") -> str:
        """Keep ``count`` environments warm; returns the version or alias that they are kept for.

        Without ``qualifier`` a version is published and the alias ``live`` made for it; both are taken back when the
        environments are refused.
        """
        doing = f"keep {count} environments of {name} warm"

        async def steps(attempt: Attempt) -> str:
            chosen = qualifier or await self._make_alias(name, attempt, doing)
            await attempt.make(
                Part(
                    "provisioned concurrency",
                    f"{name}:{chosen}",
                    None,
                    f"aws lambda delete-provisioned-concurrency-config --function-name {name} --qualifier {chosen}",
                    "goes on billing",
                ),
                lambda: self._put_provisioned(name, count, chosen, doing),
                lambda: self._has(name, chosen, count),
            )
            return chosen

        return await as_one(steps, doing)

    async def unprovide(self, name: str, qualifier: str) -> None:
        """Keep nothing warm for this version or alias any more; nothing there is no error."""

        async def there() -> bool:
            return any(warm.qualifier == qualifier for warm in await self.provisioned(name))

        await surely_gone(
            lambda: self._session.call(
                "lambda",
                "delete_provisioned_concurrency_config",
                f"keep nothing of {name} warm",
                FunctionName=name,
                Qualifier=qualifier,
            ),
            there,
        )

    async def _put_provisioned(self, name: str, count: int, qualifier: str, doing: str) -> dict[str, Any]:
        return await self._session.call(
            "lambda",
            "put_provisioned_concurrency_config",
            doing,
            FunctionName=name,
            Qualifier=qualifier,
            ProvisionedConcurrentExecutions=count,
        )

    async def _has(self, name: str, qualifier: str, count: int) -> Provisioned | None:
        found = [
            warm for warm in await self.provisioned(name) if (warm.qualifier, warm.requested) == (qualifier, count)
        ]
        return found[0] if found else None

    async def _make_alias(self, name: str, attempt: Attempt, doing: str) -> str:
        said = f"SageDeck {attempt.token}"

        async def mine() -> str | None:
            return next(
                (
                    published.version
                    for published in await self._functions.versions(name)
                    if published.description == said
                ),
                None,
            )

        async def publish() -> str:
            answer = await self._session.call("lambda", "publish_version", doing, FunctionName=name, Description=said)
            return str(answer["Version"])

        before = {published.version for published in await self._functions.versions(name)}
        version = await attempt.make(
            Part("version", f"{name}, published for this", lambda: self._unpublish(name, before, said)), publish, mine
        )
        alias = {"FunctionName": name, "Name": DEFAULT_ALIAS}

        async def found() -> dict[str, Any] | None:
            try:
                answer = await self._session.call("lambda", "get_alias", doing, **alias)
            except NotFound:
                return None
            return answer if answer.get("Description") == said else None

        await attempt.make(
            Part(
                "alias",
                f"{name}:{DEFAULT_ALIAS}",
                lambda: self._session.call("lambda", "delete_alias", doing, **alias),
                f"aws lambda delete-alias --function-name {name} --name {DEFAULT_ALIAS}",
            ),
            lambda: self._session.call(
                "lambda", "create_alias", doing, **alias, FunctionVersion=version, Description=said
            ),
            found,
        )
        return DEFAULT_ALIAS

    async def _unpublish(self, name: str, before: set[str], said: str) -> None:
        """Delete the version with this description, never one that was there before."""
        for published in await self._functions.versions(name):
            if published.description == said and published.version not in before:
                await self._session.call(
                    "lambda", "delete_function", "take the version back", FunctionName=name, Qualifier=published.version
                )

    async def _busiest(self, name: str) -> float | None:
        """The most calls at a time in the last day; ``None`` for who may not read CloudWatch, and without a call."""
        end = datetime.now(UTC)
        try:
            answer = await self._session.call(
                "cloudwatch",
                "get_metric_statistics",
                "read the function's figures",
                Namespace="AWS/Lambda",
                MetricName="ConcurrentExecutions",
                Dimensions=[{"Name": "FunctionName", "Value": name}],
                StartTime=end - _DAY,
                EndTime=end,
                Period=_HOUR_SECONDS,
                Statistics=["Maximum"],
            )
        except SageDeckError:
            return None
        return max((float(point["Maximum"]) for point in answer.get("Datapoints", ())), default=None)
