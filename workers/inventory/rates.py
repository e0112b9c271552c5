"""What one resource costs an hour as AWS describes it, by the price table. Pure functions of answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from workers.aws.times import utc_of
from workers.inventory.types import Span
from workers.prices.table import HOURS_PER_MONTH, Kind, PriceTable
from workers.training.spot import SPOT_SAVING

GIB = 1024**3
# What a notebook instance's volume has when nobody says otherwise.
NOTEBOOK_GIB = 5
_BILLING_NOTEBOOKS = frozenset({"InService", "Pending", "Updating", "Stopping"})


@dataclass(frozen=True)
class Rates:
    """Prices of one region. Everything is US dollars; ``None`` is not known."""

    prices: PriceTable
    region: str

    def machines(self, instance_type: str, count: int, kind: Kind) -> float | None:
        """So many instances of a type, an hour."""
        price = self.prices.per_hour(instance_type, kind, self.region)
        return None if price is None else price * count

    def monthly(self, what: str, amount: float) -> float | None:
        """An hour of what is priced by the month, such as GB of a volume."""
        price = self.prices.standing(what, self.region)
        return 0.0 if amount == 0 else None if price is None else price * amount / HOURS_PER_MONTH

    def address(self) -> float | None:
        """An hour of a public address."""
        return self.prices.standing("address", self.region)

    def notebook(self, answer: Mapping[str, Any]) -> float | None:
        """An hour of a notebook instance with its volume, which is paid for while it is stopped, too."""
        disk = self.monthly("notebook_volume", answer.get("VolumeSizeInGB", NOTEBOOK_GIB))
        if answer.get("NotebookInstanceStatus") not in _BILLING_NOTEBOOKS:
            return 0.0 if answer.get("NotebookInstanceStatus") in ("Deleting", "Failed") else disk
        machine = self.prices.notebook_per_hour(answer.get("InstanceType", ""), self.region)
        return None if machine is None or disk is None else machine + disk


def machines_of(answer: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    """``(type, count)`` of the instances in the description of a training, processing or transform job."""
    for holder in (
        answer.get("ResourceConfig"),
        answer.get("ProcessingResources", {}).get("ClusterConfig"),
        answer.get("TransformResources"),
    ):
        if holder:
            groups = holder.get("InstanceGroups") or [holder]
            return tuple((group.get("InstanceType", ""), group.get("InstanceCount", 0)) for group in groups)
    return ()


def size_of(machines: tuple[tuple[str, int], ...]) -> str:
    """Instances in words: ``2 × ml.m5.xlarge``."""
    return ", ".join(f"{count} × {name}" for name, count in machines if name)


def job_rate(answer: Mapping[str, Any], rates: Rates) -> float | None:
    """Dollars an hour of a job while its instances run; less by what spot instances usually save."""
    prices = [rates.machines(name, count, "training") for name, count in machines_of(answer)]
    if not prices or None in prices:
        return None
    share = 1 - SPOT_SAVING if answer.get("EnableManagedSpotTraining") else 1.0
    return sum(price or 0.0 for price in prices) * share


def job_spans(answer: Mapping[str, Any], rates: Rates) -> tuple[Span, ...]:
    """When a job's instances cost how much: from its start to its end, spot jobs by the seconds AWS billed, and a warm
    pool that was kept after the end.
    """
    rate = job_rate(answer, rates)
    names = ("Training", "Processing", "Transform")
    start = next((found for name in names if (found := utc_of(answer, f"{name}StartTime"))), None)
    if start is None:
        return ()
    end = next((found for name in names if (found := utc_of(answer, f"{name}EndTime"))), None)
    billed = answer.get("BillableTimeInSeconds")
    if end is not None and billed is not None and answer.get("EnableManagedSpotTraining"):
        seconds = (end - start).total_seconds()
        full = job_rate({**answer, "EnableManagedSpotTraining": False}, rates)
        rate = None if full is None else full * billed / seconds if seconds > 0 else 0.0
    spans = [Span(start, end, rate)]
    pool = answer.get("WarmPoolStatus", {})
    if end is not None and pool.get("Status") == "Available":
        spans.append(Span(end, None, rate))
    elif end is not None and pool.get("ResourceRetainedBillableTimeInSeconds"):
        kept = timedelta(seconds=pool["ResourceRetainedBillableTimeInSeconds"])
        spans.append(Span(end, end + kept, rate))
    return tuple(spans)


def spent(spans: tuple[Span, ...], now: datetime, since: datetime | None = None) -> float | None:
    """US dollars of these spans until now, and not before ``since``; ``None`` when a price in them is not known."""
    total = 0.0
    for span in spans:
        begin = span.start if since is None else max(span.start, since)
        hours = ((min(span.end, now) if span.end else now) - begin).total_seconds() / 3600
        if hours <= 0 or span.dollars_per_hour == 0:
            continue
        if span.dollars_per_hour is None:
            return None
        total += hours * span.dollars_per_hour
    return total


def shown(dollars: float | None) -> float | None:
    """Rounded to what a table shows, so that a row changes only when what it says does."""
    return None if dollars is None else round(dollars, 2 if dollars >= 0.1 else 3)
