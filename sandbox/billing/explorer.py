"""Cost Explorer over what ran here, and AWS Budgets, of which there are none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sandbox.billing.meter import Meter, Used
from sandbox.context import SandboxContext
from sandbox.core.account import ACCOUNT_ID, REGION
from sandbox.service import Service
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller

_COSTS = frozenset({"AmortizedCost", "BlendedCost", "NetAmortizedCost", "NetUnblendedCost", "UnblendedCost"})
_QUANTITY = "UsageQuantity"
_READ: dict[str, Callable[[Used], str]] = {
    "SERVICE": lambda used: used.service,
    "USAGE_TYPE": lambda used: used.usage,
    "INSTANCE_TYPE": lambda used: used.instance_type or "NoInstanceType",
    "REGION": lambda used: REGION,
    "LINKED_ACCOUNT": lambda used: ACCOUNT_ID,
}
# "Cost Explorer has up to 13 months of history".
_MOST_DAYS = 13 * 31


class CostExplorerService(Service):
    """GetCostAndUsage by day or month, in all by services, usage types, instance types, regions or accounts."""

    name = "ce"
    undone = {"GetCostAndUsage": {"BillingViewArn": (), "NextPageToken": ()}}

    def start(self, ctx: SandboxContext) -> None:
        """Measure from now on."""
        self._meter = Meter(ctx)
        self._meter.start()
        self.operations = {"GetCostAndUsage": self._costs}

    def stop(self) -> None:
        """End measuring."""
        self._meter.close()

    def _costs(self, given: dict[str, Any], caller: Caller) -> dict[str, Any]:
        start, end = (_date(given["TimePeriod"][name]) for name in ("Start", "End"))
        if start >= end:
            raise _invalid("Start date (and hour) should be before end date (and hour)")
        if (end - start).days > _MOST_DAYS:
            raise _invalid("You haven't enabled historical data beyond 14 months")
        metrics = given["Metrics"]
        for metric in metrics:
            if metric not in _COSTS | {_QUANTITY}:
                raise _invalid(f"The sandbox knows no metric {metric} of Cost Explorer.")
        if given["Granularity"] not in ("DAILY", "MONTHLY"):
            raise _invalid("Hourly data must be enabled by the account, and is not.")
        groups = [_dimension(group) for group in given.get("GroupBy") or ()]
        wanted = given.get("Filter")
        used = [row for row in self._meter.used(str(start), str(end)) if wanted is None or _passes(row, wanted)]
        today = datetime.now(UTC).date()
        results = [
            _period(first, after, used, groups, metrics) | {"Estimated": after > today.replace(day=1)}
            for first, after in _periods(start, end, given["Granularity"])
        ]
        answer: dict[str, Any] = {"ResultsByTime": results, "DimensionValueAttributes": []}
        return answer | ({"GroupDefinitions": given["GroupBy"]} if groups else {})


class BudgetsService(Service):
    """There are no budgets: CreateBudget is not offered."""

    name = "budgets"
    undone = {"DescribeBudgets": {"ShowFilterExpression": (False,)}}

    def start(self, ctx: SandboxContext) -> None:
        """Register the operation."""
        self.operations = {"DescribeBudgets": self._describe}

    def _describe(self, given: dict[str, Any], caller: Caller) -> dict[str, Any]:
        if given["AccountId"] != ACCOUNT_ID:
            raise AwsError("AccessDeniedException", f"Account {ACCOUNT_ID} cannot see another account's budgets.")
        return {"Budgets": []}


def _period(first: date, after: date, used: Iterable[Used], groups: list[str], metrics: list[str]) -> dict[str, Any]:
    rows = [row for row in used if str(first) <= row.day < str(after)]
    period: dict[str, Any] = {"TimePeriod": {"Start": str(first), "End": str(after)}}
    if not groups:
        return period | {"Total": _metrics(rows, metrics), "Groups": []}
    found: dict[tuple[str, ...], list[Used]] = defaultdict(list)
    for row in rows:
        found[tuple(_READ[group](row) for group in groups)].append(row)
    shown = [{"Keys": list(keys), "Metrics": _metrics(of, metrics)} for keys, of in sorted(found.items())]
    return period | {"Total": {}, "Groups": shown}


def _metrics(rows: Iterable[Used], metrics: list[str]) -> dict[str, dict[str, str]]:
    cost, quantity = sum(row.cost for row in rows), sum(row.quantity for row in rows)
    units = {row.service for row in rows}
    return {
        metric: {"Amount": f"{quantity:.10f}", "Unit": "Hrs" if len(units) == 1 else "N/A"}
        if metric == _QUANTITY
        else {"Amount": f"{cost:.10f}", "Unit": "USD"}
        for metric in metrics
    }


def _periods(start: date, end: date, granularity: str) -> Iterator[tuple[date, date]]:
    while start < end:
        after = start + timedelta(days=1)
        if granularity == "MONTHLY":
            after = (start.replace(day=1) + timedelta(days=32)).replace(day=1)
        yield start, min(after, end)
        start = after


def _dimension(group: Mapping[str, str]) -> str:
    if group.get("Type") != "DIMENSION" or group.get("Key") not in _READ:
        raise _invalid(f"The sandbox groups costs by the dimensions {', '.join(_READ)} only.")
    return group["Key"]


def _passes(row: Used, wanted: Mapping[str, Any]) -> bool:
    """Whether a row passes an expression of And, Or, Not and Dimensions."""
    if "And" in wanted:
        return all(_passes(row, part) for part in wanted["And"])
    if "Or" in wanted:
        return any(_passes(row, part) for part in wanted["Or"])
    if "Not" in wanted:
        return not _passes(row, wanted["Not"])
    dimensions = wanted.get("Dimensions") or {}
    options = dimensions.get("MatchOptions") or ["EQUALS"]
    if dimensions.get("Key") not in _READ or options != ["EQUALS"]:
        raise _invalid(f"The sandbox filters costs by equal values of {', '.join(_READ)} only.")
    return _READ[dimensions["Key"]](row) in dimensions.get("Values", ())


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise _invalid(f"time period has invalid date: {text}. The format is yyyy-MM-dd.") from error


def _invalid(text: str) -> AwsError:
    return AwsError("ValidationException", text)
