"""Scaling of one account: concurrency of functions, instances of endpoint variants, and what a choice costs."""

from __future__ import annotations

from workers.aws.session import AwsSession
from workers.errors.tree import AccessDenied
from workers.prices.table import HOURS_PER_MONTH, PriceTable
from workers.scaling.concurrency import Concurrency
from workers.scaling.figures import Figures
from workers.scaling.plan import Plan, PlanInput, make_plan, provisioned_month
from workers.scaling.prober import Prober
from workers.scaling.schedules import Schedules
from workers.scaling.snapshots import Snapshots
from workers.scaling.types import Scalable, Variant
from workers.scaling.variants import Variants


class Scaling:
    """One of each for one account. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession, prices: PriceTable) -> None:
        self._session, self._prices = session, prices
        self.concurrency = Concurrency(session)
        self.variants = Variants(session)
        self.figures = Figures(session)
        self.prober = Prober(session)
        self.schedules = Schedules(session)
        self.snapshots = Snapshots(session)

    async def identity(self, scalable: Scalable) -> str:
        """What tells it from another one of its name, in words; "" for who may not read it, and of functions.

        Raises ``NotFound`` when it is gone.
        """
        parts = scalable.resource.split(":" if scalable.namespace == "lambda" else "/")
        try:
            if scalable.namespace == "lambda":
                _, name, qualifier = parts
                await self._session.call(
                    "lambda", "get_function_configuration", f"look for {scalable.id}", FunctionName=name,
                    Qualifier=qualifier,
                )  # fmt: skip
                return ""
            return await self.variants.identity(parts[1], [parts[3]])
        except AccessDenied:
            return ""

    def per_hour(self, variant: Variant) -> float | None:
        """US dollars an hour of one instance of the variant; ``None``: not known."""
        return self._prices.per_hour(variant.instance_type, "hosting", self._session.region)

    def per_month(self, variant: Variant, instances: int) -> float | None:
        """US dollars a month of that many instances; ``None``: not known."""
        price = self.per_hour(variant)
        return None if price is None else price * instances * HOURS_PER_MONTH

    def warm_month(self, count: int, memory_mb: int) -> float | None:
        """US dollars a month of environments kept warm; ``None``: not known. Reserving costs nothing."""
        return provisioned_month(count, memory_mb, self._prices.function_prices(self._session.region))

    def plan(self, given: PlanInput, variant: Variant, memory_mb: int | None = None) -> Plan:
        """The plan for this variant, and for the function in front when its memory is given.

        Raises ``ValueError`` with what is missing in words.
        """
        prices = self._prices.function_prices(self._session.region)
        return make_plan(given, self.per_hour(variant), prices, memory_mb)
