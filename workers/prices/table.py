"""What things cost an hour, from a dated price table (``resources/prices.json``). An estimate, never a bill."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from workers.paths import RESOURCES
from workers.prices.billing import billed_fleets, bills_now
from workers.training.paces import Machine
from workers.training.spot import SPOT_SAVING
from workers.types import Endpoint, TrainingJob

PRICE_FILE = RESOURCES / "prices.json"
Kind = Literal["training", "hosting", "ec2"]
# The hours that AWS's pricing calculator counts for a month.
HOURS_PER_MONTH = 730


@dataclass(frozen=True)
class InstanceOffer:
    """An instance type one can choose: its size and its price an hour in one region (US dollars)."""

    name: str
    vcpus: int
    memory_gib: int
    gpus: int
    gpu: str
    per_hour: float


@dataclass(frozen=True)
class HourlyTotal:
    """What runs now costs an hour. ``unpriced`` names the instance types that the table does not know."""

    per_hour: float
    training: float
    hosting: float
    unpriced: tuple[str, ...] = ()
    functions: float = 0.0


class PriceTable:
    """On-demand list prices of SageMaker's and EC2's instances, with the date they were collected."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data

    @classmethod
    def load(cls, path: Path = PRICE_FILE) -> PriceTable:
        """Read the table that comes with the program. Raises ``OSError`` or ``ValueError`` for a broken file."""
        return cls(json.loads(path.read_text(encoding="utf-8")))

    def learn(
        self,
        region: str,
        kind: Kind,
        prices: Mapping[str, float],
        sizes: Mapping[str, Mapping[str, Any]],
        as_of: str,
        source: str,
    ) -> None:
        """Take these prices (US dollars an hour by instance type) for one kind in one region, instead of its own.

        ``sizes`` has ``vcpus`` and ``memory_gib`` of each type. Date and source are then told for the whole table.
        """
        known = {other: dict(by_type) for other, by_type in self._prices(region).items()}
        self._data = {
            **self._data,
            "as_of": as_of or self.as_of,
            "source": source,
            "prices": {**self._data["prices"], region: {**known, kind: dict(prices)}},
            "instances": {**sizes, **self._data["instances"]},
        }

    @property
    def as_of(self) -> str:
        """The date of the prices, ``YYYY-MM-DD``; to be shown wherever a price is."""
        return str(self._data["as_of"])

    @property
    def source(self) -> str:
        """Where the prices were collected."""
        return str(self._data["source"])

    def caption(self) -> str:
        """One line to stand beside a price: list price, date, source."""
        return f"On-demand list prices of {self.as_of}, without storage, transfer and taxes. {self.source}."

    def regions(self) -> tuple[str, ...]:
        """The regions the table has prices for."""
        return tuple(self._data["prices"])

    def per_hour(self, instance_type: str, kind: Kind, region: str) -> float | None:
        """US dollars for one instance and hour, or ``None`` when the table does not know it."""
        price = self._prices(region).get(kind, {}).get(instance_type)
        return None if price is None else float(price)

    def cores(self, instance_type: str) -> int:
        """The vCPUs of an instance type, by AWS's sizes where the table does not know it; 0 for no type."""
        known = self._data["instances"].get(instance_type, {}).get("vcpus")
        if known is not None:
            return int(known)
        # EC2 User Guide, "Instance types": a large has 2 vCPUs, an xlarge 4, an Nxlarge N times 4.
        size = re.search(r"\.(?:(\d*)x)?large$", instance_type)
        return 0 if size is None else 2 if size[1] is None else 4 * int(size[1] or 1)

    def machine(self, instance_type: str) -> Machine:
        """Processors and GPUs of an instance type; a GPU that the table does not know has no name."""
        known = self._data["instances"].get(instance_type, {})
        with_gpu = instance_type.removeprefix("ml.")[:1] in ("g", "p")
        return Machine(
            self.cores(instance_type), known.get("gpus", 1 if with_gpu and not known else 0), known.get("gpu", "")
        )

    def offers(self, kind: Kind, region: str) -> tuple[InstanceOffer, ...]:
        """The priced instance types of ``kind`` in ``region``, cheapest first; empty for an unknown region."""
        offers = [
            InstanceOffer(
                name=name,
                vcpus=size["vcpus"],
                memory_gib=size["memory_gib"],
                gpus=size.get("gpus", 0),
                gpu=size.get("gpu", ""),
                per_hour=float(price),
            )
            for name, price in self._prices(region).get(kind, {}).items()
            for size in (self._data["instances"][name],)
        ]
        return tuple(sorted(offers, key=lambda offer: (offer.per_hour, offer.name)))

    def job_cost(self, job: TrainingJob, region: str, now: datetime | None = None) -> float | None:
        """US dollars of a training job so far: billable seconds times instances times the hourly price.

        ``BillableTimeInSeconds`` is wall-clock time, to be multiplied by the number of instances (DescribeTrainingJob's
        reference); a spot job's are fewer than it trained, by what it saved. While the job runs AWS reports none, so
        the time since it started is taken, on spot instances less what they usually save.
        """
        price = self.per_hour(job.instance_type, "training", region)
        if price is None:
            return None
        seconds = float(job.billable_seconds)
        if not seconds and job.running and job.started is not None:
            seconds = max(0.0, ((now or datetime.now(UTC)) - job.started).total_seconds()) * price_share(job)
        return seconds / 3600 * price * max(1, job.instance_count)

    def function_prices(self, region: str) -> Mapping[str, float] | None:
        """Lambda's prices in a region: ``request``, ``duration`` and ``provisioned_duration`` (GB-seconds),
        ``provisioned`` (GB-seconds kept ready), US dollars each. ``None`` when they are not known.
        """
        prices = self._data.get("lambda", {}).get("prices", {}).get(region)
        if isinstance(prices, str):
            prices = self._data["lambda"]["prices"][prices]
        return prices or None

    def standing(self, what: str, region: str) -> float | None:
        """The price of something that is there: ``address`` (an hour), ``alarm`` (a month), ``logs``, ``s3``,
        ``notebook_volume`` and ``volume_gp3`` … (a GB and month). US dollars, ``None`` when it is not known.
        """
        price = self._standing(region).get(what)
        return None if price is None else float(price)

    def notebook_per_hour(self, instance_type: str, region: str) -> float | None:
        """US dollars for an hour of a notebook instance, without its volume; ``None`` when it is not known."""
        own = self._standing(region).get("notebook", {}).get(instance_type)
        return self.per_hour(instance_type, "training", region) if own is None else float(own)

    def _standing(self, region: str) -> Mapping[str, Any]:
        regions: Mapping[str, Any] = self._data.get("standing", {}).get("prices", {})
        prices = regions.get(region, {})
        return regions[prices] if isinstance(prices, str) else prices

    def endpoint_per_hour(self, endpoint: Endpoint, region: str) -> float | None:
        """US dollars an hour that an endpoint costs in its present state (``workers.prices.billing``); 0 when it
        costs none.

        ``None`` when an instance type has no known price, or its instances are not known yet.
        """
        fleets = billed_fleets(endpoint)
        prices = [self.per_hour(fleet.instance_type, "hosting", region) for fleet in fleets]
        if None in prices or not (endpoint.instance_type or fleets):
            return None
        return sum((price or 0.0) * fleet.current for price, fleet in zip(prices, fleets, strict=True))

    def hourly_total(
        self, jobs: Iterable[TrainingJob], endpoints: Iterable[Endpoint], region: str, functions: float = 0.0
    ) -> HourlyTotal:
        """What the running ones of these jobs and endpoints cost an hour, and ``functions`` dollars for functions."""
        training = hosting = 0.0
        unpriced: dict[str, None] = {}
        for job in jobs:
            if bills_now(job) and job.instance_type:
                price = self.per_hour(job.instance_type, "training", region)
                if price is None:
                    unpriced[job.instance_type] = None
                else:
                    training += price * max(1, job.instance_count) * price_share(job)
        for endpoint in endpoints:
            cost = self.endpoint_per_hour(endpoint, region)
            hosting += cost or 0.0
            if cost is None:
                types = {fleet.instance_type for fleet in billed_fleets(endpoint)}
                unpriced |= {kind: None for kind in sorted(types) if self.per_hour(kind, "hosting", region) is None}
        return HourlyTotal(training + hosting + functions, training, hosting, tuple(unpriced), functions)

    def _prices(self, region: str) -> Mapping[str, Mapping[str, float]]:
        prices = self._data["prices"].get(region, {})
        # A region may name another one with the same prices.
        return self._data["prices"][prices] if isinstance(prices, str) else prices


def price_share(job: TrainingJob) -> float:
    """What part of the on-demand price a running job usually costs: 1, or less on spot instances."""
    return 1 - SPOT_SAVING if job.spot else 1.0
