"""What the machines of jobs and endpoints use: CPU, memory and disk, as CloudWatch has them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from workers.aws.machine_use import MachineUse
from workers.aws.session import AwsSession
from workers.aws.times import utc
from workers.errors.tree import SageDeckError
from workers.types import TrainingJob

JOBS, ENDPOINTS = "/aws/sagemaker/TrainingJobs", "/aws/sagemaker/Endpoints"
NAMES = {"cpu": "CPUUtilization", "memory": "MemoryUtilization", "disk": "DiskUtilization"}
RECENT = timedelta(hours=1)
# CloudWatch answers a metric by whole minutes for 15 days, then by 5 minutes, then by hours (CloudWatch User Guide).
_PERIODS = ((timedelta(hours=3), 60), (timedelta(days=2), 300), (timedelta.max, 3600))
# Of a shorter job whole minutes tell too little; who counts more often answers these seconds.
_SHORT, _SHORT_PERIOD = timedelta(minutes=15), 10
# Hosts of which the mean is made; more would be a long question about alike machines.
_MOST_HOSTS = 8
_HOSTS_SLACK = timedelta(minutes=2)

_Points = dict[datetime, list[float]]


class Machines:
    """CloudWatch's figures of machines. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    async def job(self, job: TrainingJob, now: datetime | None = None) -> MachineUse:
        """The use of the hosts of a job, of several their mean; empty where nothing was counted."""
        began, ended = job.started or job.created, job.ended or now or datetime.now(UTC)
        hosts = [f"{job.name}/algo-{number + 1}" for number in range(min(max(1, job.instance_count), _MOST_HOSTS))]
        dimensions = [{"Host": host} for host in hosts]
        span = (began - _HOSTS_SLACK, ended + _HOSTS_SLACK)
        length = ended - began
        period = next(seconds for longest, seconds in _PERIODS if length <= longest)
        use = await self._use(JOBS, dimensions, span, period)
        if length > _SHORT:
            return use
        try:
            closer = await self._use(JOBS, dimensions, span, _SHORT_PERIOD)
        except SageDeckError:
            # Not every account answers seconds; the minutes are known.
            return use
        return closer if len(closer.cpu) > len(use.cpu) else use

    async def endpoint(self, name: str, variant: str = "AllTraffic", now: datetime | None = None) -> MachineUse:
        """The use of a variant's instances in the last hour."""
        end = now or datetime.now(UTC)
        dimensions = [{"EndpointName": name, "VariantName": variant}]
        return await self._use(ENDPOINTS, dimensions, (end - RECENT, end + timedelta(minutes=1)), 60)

    async def _use(
        self, namespace: str, dimensions: Iterable[Mapping[str, str]], span: tuple[datetime, datetime], period: int
    ) -> MachineUse:
        queries = [
            {
                "Id": f"{key}{number}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": namespace,
                        "MetricName": name,
                        "Dimensions": [{"Name": named, "Value": value} for named, value in of.items()],
                    },
                    "Period": period,
                    "Stat": "Average",
                },
            }
            for number, of in enumerate(dimensions)
            for key, name in NAMES.items()
        ]
        found: dict[str, _Points] = {key: defaultdict(list) for key in NAMES}
        async for result in self._session.paginate(
            "cloudwatch",
            "get_metric_data",
            "MetricDataResults",
            doing="read what the machines use",
            MetricDataQueries=queries,
            StartTime=span[0],
            EndTime=span[1],
            ScanBy="TimestampAscending",
        ):
            points = found[result["Id"].rstrip("0123456789")]
            for at, value in zip(map(utc, result["Timestamps"]), result["Values"], strict=True):
                points[at].append(value)
        return MachineUse(**{key: _means(points) for key, points in found.items()})


def _means(points: _Points) -> tuple[tuple[datetime, float], ...]:
    return tuple((at, sum(values) / len(values)) for at, values in sorted(points.items()))
