"""The instances of one account: list with agent and rules, start, stop, terminate, and how busy they are."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from workers.aws.session import AwsSession
from workers.aws.times import utc, utc_of
from workers.compute.access import inbound_rules
from workers.compute.types import AT_END_TAG, Agent, AtEnd, Instance, InstanceState, Series
from workers.errors.tree import AccessDenied, NotFound

EC2_NAMESPACE, AGENT_NAMESPACE = "AWS/EC2", "CWAgent"
# Seconds between figures with and without detailed monitoring.
MINUTE, BASIC = 60, 300
# GetMetricData takes 500 queries a call (CloudWatch API reference).
_QUERIES = 500
_STOPPED_AT = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)")


class Instances:
    """Everything about the instances of one account but launching. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    async def all(self) -> tuple[Instance, ...]:
        """All instances, running ones first, then the newest; with agent and open ports where they may be read."""
        items, agents = await asyncio.gather(self._described(), self._agents())
        rules = await self._rules({group["GroupId"] for item in items for group in item.get("SecurityGroups", ())})
        found = [instance_of(item, agents.get(item["InstanceId"]), rules) for item in items]
        return tuple(
            sorted(
                found,
                key=lambda instance: (
                    not instance.running,
                    instance.state == "terminated",
                    -instance.started.timestamp(),
                ),
            )
        )

    async def running(self) -> tuple[Instance, ...]:
        """The running instances alone, without agents and rules: one call."""
        return tuple(instance_of(item, None, {}) for item in await self._described("running"))

    async def start(self, identity: str) -> None:
        """Start a stopped instance; its disk is as it was. Raises ``Conflict`` in another state."""
        await self._session.call(
            "ec2", "start_instances", doing=f"start the instance {identity}", InstanceIds=[identity]
        )

    async def stop(self, identity: str) -> None:
        """Stop an instance: what runs there ends, its disk stays and goes on costing."""
        await self._session.call("ec2", "stop_instances", doing=f"stop the instance {identity}", InstanceIds=[identity])

    async def terminate(self, identity: str) -> None:
        """Terminate an instance: it and its disk are gone for good."""
        await self._session.call(
            "ec2", "terminate_instances", doing=f"terminate the instance {identity}", InstanceIds=[identity]
        )

    async def cpu(self, instances: Iterable[Instance], span: timedelta = timedelta(hours=1)) -> dict[str, Series]:
        """CPUUtilization in percent of each instance by its id, for small charts. Reads one metric an instance."""
        wanted = tuple(instances)
        values = await self._metrics(
            [
                (instance.id, EC2_NAMESPACE, "CPUUtilization", "Average", period_of(instance, span), instance.id)
                for instance in wanted
            ],
            span,
        )
        return {instance.id: Series("CPUUtilization", "%", values.get(instance.id, ())) for instance in wanted}

    async def charts(self, instance: Instance, span: timedelta) -> tuple[Series, ...]:
        """CPU, network, memory and for T types CPU credits of one instance. Empty series: nothing was measured."""
        period = period_of(instance, span)
        names = [
            ("CPUUtilization", "%", EC2_NAMESPACE, "Average", period),
            ("NetworkIn", "bytes", EC2_NAMESPACE, "Sum", period),
            ("NetworkOut", "bytes", EC2_NAMESPACE, "Sum", period),
            ("mem_used_percent", "%", AGENT_NAMESPACE, "Average", period),
        ]
        if instance.burstable:
            names.append(("CPUCreditBalance", "credits", EC2_NAMESPACE, "Average", max(BASIC, period)))
        values = await self._metrics(
            [(name, space, name, statistic, step, instance.id) for name, _, space, statistic, step in names], span
        )
        return tuple(Series(name, unit, values.get(name, ())) for name, unit, *_ in names)

    async def _metrics(
        self, wanted: list[tuple[str, str, str, str, int, str]], span: timedelta
    ) -> dict[str, tuple[tuple[datetime, float], ...]]:
        end = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        values: dict[str, list[tuple[datetime, float]]] = {key: [] for key, *_ in wanted}
        for first in range(0, len(wanted), _QUERIES):
            keys = {f"m{index}": item for index, item in enumerate(wanted[first : first + _QUERIES])}
            queries = [
                {
                    "Id": key,
                    "MetricStat": {
                        "Metric": {
                            "Namespace": space,
                            "MetricName": name,
                            "Dimensions": [{"Name": "InstanceId", "Value": identity}],
                        },
                        "Period": period,
                        "Stat": statistic,
                    },
                }
                for key, (_, space, name, statistic, period, identity) in keys.items()
            ]
            async for result in self._session.paginate(
                "cloudwatch",
                "get_metric_data",
                "MetricDataResults",
                doing="read the instances' metrics",
                MetricDataQueries=queries,
                StartTime=end - span,
                EndTime=end,
                ScanBy="TimestampAscending",
            ):
                values[keys[result["Id"]][0]].extend(zip(map(utc, result["Timestamps"]), result["Values"], strict=True))
        return {key: tuple(sorted(found)) for key, found in values.items()}

    async def _described(self, state: str = "") -> list[dict[str, Any]]:
        filters = {"Filters": [{"Name": "instance-state-name", "Values": [state]}]} if state else {}
        pages = self._session.paginate(
            "ec2", "describe_instances", "Reservations", doing="list the instances", **filters
        )
        return [instance async for reservation in pages for instance in reservation["Instances"]]

    async def _agents(self) -> dict[str, Agent]:
        try:
            return {
                item["InstanceId"]: Agent(
                    item.get("PingStatus", ""),
                    utc_of(item, "LastPingDateTime"),
                    item.get("AgentVersion", ""),
                    " ".join(filter(None, (item.get("PlatformName"), item.get("PlatformVersion")))),
                )
                async for item in self._session.paginate(
                    "ssm",
                    "describe_instance_information",
                    "InstanceInformationList",
                    doing="look which instances take commands",
                )
            }
        except AccessDenied:
            # The instances are shown all the same; that commands are not known is seen in their rows.
            return {}

    async def _rules(self, groups: set[str]) -> dict[str, tuple[str, ...]]:
        if not groups:
            return {}
        try:
            answer = await self._session.call(
                "ec2", "describe_security_groups", doing="read the open ports", GroupIds=sorted(groups)
            )
        except (AccessDenied, NotFound):
            # Unknown, which the row says; a group may have been deleted since the instances were listed.
            return {}
        return {item["GroupId"]: inbound_rules(item) for item in answer["SecurityGroups"]}


def period_of(instance: Instance, span: timedelta) -> int:
    """Seconds of one point: a minute with detailed monitoring, else five, and coarser over a day."""
    base = MINUTE if instance.detailed_monitoring else BASIC
    return max(base, BASIC) if span > timedelta(hours=6) else base


def instance_of(item: Mapping[str, Any], agent: Agent | None, rules: Mapping[str, tuple[str, ...]]) -> Instance:
    """An instance from DescribeInstances' item."""
    tags = {tag["Key"]: tag["Value"] for tag in item.get("Tags", ())}
    groups = tuple((group["GroupId"], group.get("GroupName", "")) for group in item.get("SecurityGroups", ()))
    known = all(identity in rules for identity, _ in groups)
    reason = item.get("StateReason", {})
    return Instance(
        id=item["InstanceId"],
        state=cast("InstanceState", item["State"]["Name"]),
        type=item.get("InstanceType", ""),
        started=utc(item["LaunchTime"]),
        name=tags.get("Name", ""),
        image=item.get("ImageId", ""),
        zone=item.get("Placement", {}).get("AvailabilityZone", ""),
        reason_code=reason.get("Code", ""),
        reason=item.get("StateTransitionReason", "") or reason.get("Message", ""),
        agent=agent,
        profile=item.get("IamInstanceProfile", {}).get("Arn", "").rpartition("/")[2],
        vpc=item.get("VpcId", ""),
        groups=groups,
        open_ports=tuple(rule for identity, _ in groups for rule in rules[identity]) if known else None,
        tokens_required=item.get("MetadataOptions", {}).get("HttpTokens") == "required",
        volumes=tuple(
            disk["Ebs"]["VolumeId"]
            for disk in item.get("BlockDeviceMappings", ())
            if disk.get("Ebs", {}).get("VolumeId")
        ),
        at_end=cast("AtEnd", tags.get(AT_END_TAG, "stop")),
        detailed_monitoring=item.get("Monitoring", {}).get("State") in ("enabled", "pending"),
        tags=tags,
    )


def stopped_at(instance: Instance) -> datetime | None:
    """When it stopped or was terminated, as EC2 tells in words (``User initiated (2026-01-31 14:25:01 GMT)``)."""
    match = _STOPPED_AT.search(instance.reason)
    return datetime.fromisoformat(match[1]).replace(tzinfo=UTC) if match else None


def up_seconds(instance: Instance, now: datetime | None = None) -> float | None:
    """Seconds of its last run, until now or until it stopped; ``None`` where EC2 does not tell when that was."""
    # EC2 tells of a terminated one when it was terminated, not whether and when it was stopped before.
    ended = stopped_at(instance) if instance.state != "terminated" else None
    end = (now or datetime.now(UTC)) if instance.running else ended
    return None if end is None else max(0.0, (end - instance.started).total_seconds())
