"""How much something was used, from CloudWatch's metrics (which AWS bills by the metric) and Jupyter's log."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from workers.aws.session import AwsSession
from workers.aws.times import utc
from workers.errors.tree import SageDeckError
from workers.inventory.asking import Asking
from workers.inventory.kinds import Kind
from workers.inventory.types import Resource

Points = tuple[tuple[datetime, float], ...]
SEARCHED = timedelta(days=14)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
QUIET_STEP = timedelta(minutes=5)
# An instance that does less than this is taken to be doing nothing.
BUSY_PERCENT = 5.0
NOTEBOOK_LOG = "/aws/sagemaker/NotebookInstances"
# GetMetricData: 500 queries and 100,800 values a call; 14 days have 336 hours.
_QUERIES = 250


@dataclass(frozen=True)
class Use:
    """What is known of one resource. Points are (begin, value), oldest first; what nobody asked for is ``None``.

    ``calls`` are requests an hour, ``cpu`` percent an hour, ``network`` bytes an hour both ways, ``cpu_now`` percent in
    steps of five minutes of the last hour, ``spoke`` the last line of a notebook's log.
    """

    calls: Points | None = None
    cpu: Points | None = None
    network: Points | None = None
    cpu_now: Points | None = None
    spoke: datetime | None = None

    def last(self, now: datetime) -> datetime | None:
        """When it was last used, to the hour; ``None``: not within the time that was searched."""
        found = [min(at + HOUR, now) for at, number in self.calls or () if number > 0]
        found += [min(at + HOUR, now) for at, percent in self.cpu or () if percent >= BUSY_PERCENT]
        return max([*found, *([self.spoke] if self.spoke else [])], default=None)


@dataclass(frozen=True)
class _Query:
    """One metric: of which resource, into which field of ``Use``."""

    key: tuple[Kind, str]
    field: str
    namespace: str
    metric: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str
    period: timedelta
    span: timedelta


@dataclass
class Reading:
    """The uses that were read, and what could not be, as sentences."""

    uses: dict[tuple[Kind, str], Use] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)


def metrics_of(row: Resource, *, judging: bool = False) -> int:
    """How many metrics reading a resource's use takes, which AWS bills."""
    return len(_queries(row, judging))


def _queries(row: Resource, judging: bool) -> list[_Query]:
    """Calls of endpoints and functions, CPU of instances; ``judging`` also asks what the rules of instances need."""

    def query(name: str, namespace: str, metric: str, dimensions: Mapping[str, str], statistic: str = "Sum",
              period: timedelta = HOUR, span: timedelta = SEARCHED) -> _Query:  # fmt: skip
        return _Query(row.key, name, namespace, metric, tuple(dimensions.items()), statistic, period, span)

    if row.kind == "endpoint":
        variants = [name for name in row.facts.get("variants", "").split(",") if name]
        return [
            query("calls", "AWS/SageMaker", "Invocations", {"EndpointName": row.name, "VariantName": variant})
            for variant in variants
        ]
    if row.kind == "function":
        return [query("calls", "AWS/Lambda", "Invocations", {"FunctionName": row.name})]
    if row.kind == "instance" and row.state == "running":
        which = {"InstanceId": row.id}
        asked = [query("cpu", "AWS/EC2", "CPUUtilization", which, "Average")]
        if judging:
            asked += [query("network", "AWS/EC2", metric, which) for metric in ("NetworkIn", "NetworkOut")]
            asked.append(query("cpu_now", "AWS/EC2", "CPUUtilization", which, "Average", QUIET_STEP, HOUR))
        return asked
    return []


async def read_uses(ask: Asking, rows: Collection[Resource], *, judging: bool = False) -> Reading:
    """How these were used within 14 days. What may not be read is told in ``unknown``; it never raises for that."""
    now = ask.clock.now()
    queries = [query for row in rows for query in _queries(row, judging)]
    reading = Reading()
    by_span: dict[timedelta, list[_Query]] = {}
    for query in queries:
        by_span.setdefault(query.span, []).append(query)
    parts = [
        (span, asked[at : at + _QUERIES]) for span, asked in by_span.items() for at in range(0, len(asked), _QUERIES)
    ]
    values: dict[_Query, dict[datetime, float]] = {}
    answers = await asyncio.gather(
        *(_read(ask.session, part, span, now) for span, part in parts), return_exceptions=True
    )
    for answer in answers:
        if isinstance(answer, SageDeckError):
            sentence = f"How much endpoints and instances are used is not known: {answer.title}."
            if sentence not in reading.unknown:
                reading.unknown.append(sentence)
        elif isinstance(answer, BaseException):
            raise answer
        else:
            values |= answer
    for query, found in values.items():
        use = reading.uses.get(query.key, Use())
        # Several variants, and both directions of a network, are one sum.
        sums = dict(getattr(use, query.field) or ())
        for at, value in found.items():
            sums[at] = sums.get(at, 0.0) + value
        reading.uses[query.key] = _with(use, query.field, tuple(sorted(sums.items())))
    await _read_notebooks(ask, [row for row in rows if row.kind == "notebook" and row.state == "InService"], reading)
    return reading


def _with(use: Use, name: str, points: Points) -> Use:
    return Use(**{**{key: getattr(use, key) for key in Use.__dataclass_fields__}, name: points})


async def _read(
    session: AwsSession, queries: list[_Query], span: timedelta, now: datetime
) -> dict[_Query, dict[datetime, float]]:
    by_id = {f"m{at}": query for at, query in enumerate(queries)}
    values: dict[_Query, dict[datetime, float]] = {query: {} for query in queries}
    # CloudWatch aligns to whole periods; the present one belongs to the answer.
    step = queries[0].period.total_seconds()
    end = datetime.fromtimestamp((now.timestamp() // step + 1) * step, UTC)
    async for result in session.paginate(
        "cloudwatch",
        "get_metric_data",
        "MetricDataResults",
        doing="read how much is used",
        MetricDataQueries=[
            {
                "Id": identity,
                "MetricStat": {
                    "Metric": {
                        "Namespace": query.namespace,
                        "MetricName": query.metric,
                        "Dimensions": [{"Name": name, "Value": value} for name, value in query.dimensions],
                    },
                    "Period": int(query.period.total_seconds()),
                    "Stat": query.statistic,
                },
            }
            for identity, query in by_id.items()
        ],
        StartTime=end - span,
        EndTime=end,
        ScanBy="TimestampAscending",
    ):
        found = zip(map(utc, result["Timestamps"]), result["Values"], strict=True)
        values[by_id[result["Id"]]].update(found)
    return values


async def _read_notebooks(ask: Asking, rows: Iterable[Resource], reading: Reading) -> None:
    """The last line of each notebook's log: the nearest to a kernel's activity that AWS tells."""

    async def one(row: Resource) -> datetime | None:
        answer = await ask.one(
            "logs",
            "describe_log_streams",
            f"look into the log of {row.name}",
            logGroupName=NOTEBOOK_LOG,
            logStreamNamePrefix=f"{row.name}/",
        )
        times = [stream.get("lastEventTimestamp", 0) for stream in answer.get("logStreams", ())]
        return datetime.fromtimestamp(max(times) / 1000, UTC) if any(times) else None

    async for row, found in ask.each(rows, one):
        if isinstance(found, datetime):
            reading.uses[row.key] = Use(spoke=found)
