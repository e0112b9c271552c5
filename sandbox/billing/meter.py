"""What ran here and bills on AWS, hour by hour: measured every minute, priced with the dated table of the program.

A kill of the sandbox loses the minute that was not written yet. Training jobs say themselves what they bill.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sandbox.billing.products import PRICE_FILE, volume_type, volume_usage
from sandbox.context import SandboxContext
from sandbox.core.account import REGION
from sandbox.core.diagnostics import tell_exception
from sandbox.wire.errors import AwsError

_SCHEMA = """CREATE TABLE IF NOT EXISTS usage_days (day TEXT NOT NULL, service TEXT NOT NULL, usage TEXT NOT NULL,
    quantity REAL NOT NULL, PRIMARY KEY (day, service, usage))"""
# Usage goes by the day; a crash loses a minute of it at most.
_EVERY_SECONDS = 60.0
# A computer that slept did not run anything meanwhile.
_MOST_SECONDS = 10 * 60.0
SAGEMAKER = "Amazon SageMaker"
COMPUTE = "Amazon Elastic Compute Cloud - Compute"
OTHER = "EC2 - Other"
# The hours that AWS's pricing calculator counts for a month.
_HOURS_A_MONTH = 730.0
# Cost Explorer writes the region's short name before SageMaker's usage types.
_SHORT = "USE1-"
# How usage types call the jobs that are billed as training is, hour by hour.
_JOBS = {"Processing": "Processing", "Transform": "Tsform"}

# (service, usage type).
Line = tuple[str, str]
Call = Callable[[str, str, dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Used:
    """What one kind of thing used on one day: hours, or GB-months, and US dollars (0 where no price is known)."""

    day: str
    service: str
    usage: str
    quantity: float
    cost: float

    @property
    def instance_type(self) -> str:
        """``ml.t2.medium`` of ``USE1-Host:ml.t2.medium``; empty where no instance ran."""
        kind, _, name = self.usage.partition(":")
        return name if kind != "EBS" else ""


class Meter:
    """Measures while the sandbox runs; ``used`` tells it all."""

    def __init__(self, ctx: SandboxContext, now: Callable[[], float] = time.time) -> None:
        self._db, self._call, self._now = ctx.state.db, ctx.call, now
        self._db.execute(_SCHEMA)
        self._lock = threading.Lock()
        self._last = now()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Measure every minute from now on."""
        self._thread = threading.Thread(target=self._run, name="usage meter", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; what ran since the last minute is written."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        over = False
        while not over:
            over = self._closed.wait(_EVERY_SECONDS)
            try:
                self.measure()
            except AwsError as error:
                # Nothing can be asked while moto starts or ends: then nothing of its own ran.
                if error.status < 500:
                    tell_exception(error)
            except Exception as exc:
                # One minute is lost; the next is tried.
                tell_exception(exc)

    def measure(self) -> None:
        """Add what runs now, for the time since the last look."""
        with self._lock:
            now = self._now()
            hours = min(now - self._last, _MOST_SECONDS) / 3600
            self._last = now
            if hours <= 0:
                return
            day = _day(now)
            rows = [(day, *line, count * hours) for line, count in running(self._call).items()]
            self._db.executemany(
                "INSERT INTO usage_days VALUES (?,?,?,?) ON CONFLICT (day, service, usage) "
                "DO UPDATE SET quantity = quantity + excluded.quantity",
                rows,
            )

    def used(self, start: str, end: str) -> list[Used]:
        """All usage from the day ``start`` to before ``end`` (YYYY-MM-DD, UTC)."""
        self.measure()
        sums: dict[tuple[str, str, str], float] = defaultdict(float)
        rows = self._db.query("SELECT * FROM usage_days WHERE day >= ? AND day < ?", (start, end))
        for row in rows:
            sums[row["day"], row["service"], row["usage"]] += row["quantity"]
        for day, usage, hours in (*_trained(self._call, self._now()), *_processed(self._call, self._now())):
            if start <= day < end:
                sums[day, SAGEMAKER, usage] += hours
        return [
            Used(day, service, usage, quantity, quantity * price(usage))
            for (day, service, usage), quantity in sorted(sums.items())
        ]


def running(call: Call) -> dict[Line, float]:
    """What bills now, by its usage type: how many instances, or GB-months an hour."""
    found: dict[Line, float] = defaultdict(float)
    for endpoint in _rows(call, "sagemaker", "ListEndpoints", "Endpoints"):
        for usage, count in _hosted(call, endpoint["EndpointName"]):
            found[SAGEMAKER, usage] += count
    for notebook in _rows(call, "sagemaker", "ListNotebookInstances", "NotebookInstances"):
        if notebook["NotebookInstanceStatus"] == "InService":
            found[SAGEMAKER, f"{_SHORT}Notebk:{notebook['InstanceType']}"] += 1
    for reservation in _rows(call, "ec2", "DescribeInstances", "Reservations"):
        for instance in reservation["Instances"]:
            if instance["State"]["Name"] == "running":
                found[COMPUTE, f"BoxUsage:{instance['InstanceType']}"] += 1
    for volume in _rows(call, "ec2", "DescribeVolumes", "Volumes") if ec2_was_used() else ():
        found[OTHER, volume_usage(volume.get("VolumeType", "gp2"))] += volume["Size"] / _HOURS_A_MONTH
    return found


def _hosted(call: Call, name: str) -> Iterator[tuple[str, float]]:
    try:
        endpoint = call("sagemaker", "DescribeEndpoint", {"EndpointName": name})
        config = call("sagemaker", "DescribeEndpointConfig", {"EndpointConfigName": endpoint["EndpointConfigName"]})
    except AwsError:
        # It was deleted meanwhile, or its configuration is gone and says no more what it runs on.
        return
    types = {variant["VariantName"]: variant.get("InstanceType", "") for variant in config["ProductionVariants"]}
    for variant in endpoint.get("ProductionVariants", ()):
        kind, count = types.get(variant["VariantName"], ""), variant.get("CurrentInstanceCount", 0)
        if kind and count:
            yield f"{_SHORT}Host:{kind}", count


def _trained(call: Call, now: float) -> Iterator[tuple[str, str, float]]:
    """Day, usage type and hours of each training job, those of tuning jobs among them."""
    for row in _rows(call, "sagemaker", "ListTrainingJobs", "TrainingJobSummaries"):
        job = call("sagemaker", "DescribeTrainingJob", {"TrainingJobName": row["TrainingJobName"]})
        begun = job.get("TrainingStartTime")
        if begun is None:
            continue
        resources = job["ResourceConfig"]
        seconds = job.get("BillableTimeInSeconds")
        if seconds is None:
            seconds = max(0.0, _epoch(job.get("TrainingEndTime"), now) - _epoch(begun, now))
        hours = seconds * resources.get("InstanceCount", 1) / 3600
        yield _day(_epoch(begun, now)), f"{_SHORT}Train:{resources.get('InstanceType', '')}", hours


def _processed(call: Call, now: float) -> Iterator[tuple[str, str, float]]:
    """Day, usage type and hours of each processing and transform job."""
    for word, kind in _JOBS.items():
        for row in _rows(call, "sagemaker", f"List{word}Jobs", f"{word}JobSummaries"):
            name = f"{word}JobName"
            job = call("sagemaker", f"Describe{word}Job", {name: row[name]})
            begun = job.get(f"{word}StartTime")
            if begun is None:
                continue
            resources = job.get("TransformResources") or job["ProcessingResources"]["ClusterConfig"]
            seconds = max(0.0, _epoch(job.get(f"{word}EndTime"), now) - _epoch(begun, now))
            hours = seconds * resources.get("InstanceCount", 1) / 3600
            yield _day(_epoch(begun, now)), f"{_SHORT}{kind}:{resources.get('InstanceType', '')}", hours


def ec2_was_used() -> bool:
    """Whether anything of EC2 was made or asked for, in this run or, as its journal tells, in an earlier one.

    Before, there is no volume; and moto's EC2 takes a second to read, which every end of a sandbox would take longer.
    """
    return "moto.ec2" in sys.modules


def _rows(call: Call, service: str, operation: str, member: str) -> Iterator[dict[str, Any]]:
    """All rows of a list, page by page."""
    token: dict[str, Any] = {}
    while True:
        answer = call(service, operation, {"MaxResults": 100, **token})
        yield from answer.get(member) or ()
        if not answer.get("NextToken"):
            return
        token = {"NextToken": answer["NextToken"]}


def _epoch(moment: Any, otherwise: float) -> float:
    if moment is None:
        return otherwise
    return float(moment.timestamp()) if isinstance(moment, datetime) else float(moment)


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


@cache
def _table() -> Mapping[str, Any]:
    table: Mapping[str, Any] = json.loads(PRICE_FILE.read_text(encoding="utf-8"))
    return table


def price(usage: str) -> float:
    """US dollars an hour, or a GB and month, of a usage type; 0 where the table has none."""
    kind, _, name = usage.removeprefix(_SHORT).partition(":")
    prices, standing = _table()["prices"][REGION], _table()["standing"]["prices"][REGION]
    if kind == "Host":
        found = prices["hosting"].get(name)
    elif kind == "Train" or kind in _JOBS.values():
        # The same prices for the same types.
        found = prices["training"].get(name)
    elif kind == "Notebk":
        # Where a notebook's price is not its own, it is the one of training.
        found = standing["notebook"].get(name, prices["training"].get(name))
    elif kind == "BoxUsage":
        found = prices["ec2"].get(name)
    else:
        found = standing.get(f"volume_{volume_type(usage)}")
    return float(found or 0.0)
