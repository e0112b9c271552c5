"""The other kinds: functions, scaling, alarms, buckets, log groups, and the roles that SageDeck made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from workers.aws.tags import made_by_sagedeck
from workers.aws.times import utc_of
from workers.errors.tree import SageDeckError
from workers.functions.costs import function_per_hour
from workers.functions.types import Usage, function_of
from workers.inventory.asking import Asking, tags_of
from workers.inventory.rates import GIB, Rates
from workers.inventory.reader import Reader, made
from workers.inventory.types import Resource, Span
from workers.prices.billing import billed_environments

# How SageDeck names its roles; their tags then tell whether it made them.
_ROLE_START, _ROLE_END = "SageDeck", "-role"
LATEST = "$LATEST"
NAMESPACES = ("sagemaker", "lambda")
_ALARM_PAGES = {"PaginationConfig": {"PageSize": 100}}
_IAM_PAGES = {"PaginationConfig": {"PageSize": 1000}}
_PROVISIONED_SECONDS = 300.0
# So many new roles are asked about one by one; more of them by one reading of all roles.
FEW_ROLES = 8


async def functions(ask: Asking, rates: Rates) -> list[Resource]:
    """All functions. What is kept warm costs something all the time; calls come on top."""
    # With their versions: only a published one can be kept warm, and then the function is asked about it.
    every = await ask.all("lambda", "list_functions", "Functions", "list the functions", FunctionVersion="ALL")
    items = [item for item in every if item.get("Version", LATEST) == LATEST]
    published = {item["FunctionName"] for item in every if item.get("Version", LATEST) != LATEST}
    return await ask.rows(items, lambda item: function_row(item, item["FunctionName"] in published))


def function_row(item: Mapping[str, Any], published: bool) -> Resource:
    """A function from ListFunctions' item; without a published version nothing of it is kept warm."""
    function = function_of(item)
    return made(
        "function",
        item["FunctionArn"].removesuffix(f":{LATEST}"),
        item["FunctionName"],
        item.get("State", "Active"),
        size=f"{item.get('MemorySize', 128):,} MB",
        created=function.modified,
        dollars_per_hour=None if published else 0.0,
        facts={
            "version": item.get("LastModified", ""),
            "memory": str(item.get("MemorySize", 128)),
            "role": item.get("Role", ""),
            "endpoint": function.endpoint_name,
        },
    )


async def provisioned(ask: Asking, rates: Rates, row: Resource) -> dict[str, Any]:
    """The provisioned concurrency of one function."""
    configs = await ask.all(
        "lambda",
        "list_provisioned_concurrency_configs",
        "ProvisionedConcurrencyConfigs",
        f"read what is kept warm of {row.name}",
        FunctionName=row.name,
    )
    count = sum(billed_environments(config) for config in configs)
    memory = int(row.facts["memory"])
    rate = standing_rate(rates, memory, count)
    since = min((found for config in configs if (found := _when(config))), default=None)
    return {
        "size": f"{memory:,} MB" + (f", {count:,} provisioned" if count else ""),
        "dollars_per_hour": rate,
        "spans": (Span(since, None, rate),) if since and count else (),
    }


def standing_rate(rates: Rates, memory_mb: int, count: int) -> float | None:
    """Dollars an hour of so many environments kept warm, without calls."""
    if not count:
        return 0.0
    blank = {"FunctionName": "", "FunctionArn": "", "MemorySize": memory_mb}
    function = function_of(blank)
    warm = replace(function, last_hour=Usage(0.0, 0.0), provisioned=count)
    return function_per_hour(rates.prices, warm, rates.region)


def _when(config: Mapping[str, Any]) -> datetime | None:
    text = config.get("LastModified", "")
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z") if text else None
    except ValueError:
        return None


async def scalable_targets(ask: Asking, rates: Rates) -> list[Resource]:
    """What scales by itself: variants of endpoints, and functions kept warm."""
    found = []
    for space in NAMESPACES:
        items = await ask.all(
            "application-autoscaling",
            "describe_scalable_targets",
            "ScalableTargets",
            "list what scales by itself",
            ServiceNamespace=space,
        )
        found += [
            made(
                "scalable-target",
                f"{space} {item['ResourceId']} {item['ScalableDimension']}",
                item["ResourceId"].removeprefix("endpoint/").replace("/variant/", " / "),
                size=f"{item['MinCapacity']:,} to {item['MaxCapacity']:,}",
                created=utc_of(item, "CreationTime"),
                dollars_per_hour=0.0,
                facts={
                    "space": space,
                    "resource": item["ResourceId"],
                    "dimension": item["ScalableDimension"],
                    "least": str(item["MinCapacity"]),
                    "most": str(item["MaxCapacity"]),
                },
            )
            for item in items
        ]
    return found


async def alarms(ask: Asking, rates: Rates) -> list[Resource]:
    """All alarms: each metric that one watches is paid for."""
    items = await ask.all(
        "cloudwatch", "describe_alarms", "MetricAlarms", "list the alarms", AlarmTypes=["MetricAlarm"], **_ALARM_PAGES
    )
    return await ask.rows(items, lambda item: alarm_row(item, rates))


def alarm_row(item: Mapping[str, Any], rates: Rates) -> Resource:
    """An alarm from DescribeAlarms' item; one of less than a minute costs three times as much (CloudWatch pricing)."""
    watched = sum("MetricStat" in query for query in item.get("Metrics", ())) or 1
    rate = rates.monthly("alarm", watched * (3 if item.get("Period", 60) < 60 else 1))
    made_at = utc_of(item, "AlarmConfigurationUpdatedTimestamp")
    return made(
        "alarm",
        item["AlarmArn"],
        item["AlarmName"],
        item.get("StateValue", ""),
        size=item.get("MetricName", ""),
        created=made_at,
        dollars_per_hour=rate,
        spans=(Span(made_at, None, rate),) if made_at else (),
        facts={"dimensions": ",".join(each.get("Value", "") for each in item.get("Dimensions", ()))},
    )


async def buckets(ask: Asking, rates: Rates) -> list[Resource]:
    """All buckets of the account. What they hold costs, and is counted when somebody looks."""
    items = await ask.all("s3", "list_buckets", "Buckets", "list the buckets", PaginationConfig={"PageSize": 1000})
    return [
        made(
            "bucket",
            item["Name"],
            item["Name"],
            created=utc_of(item, "CreationDate"),
            facts={"region": item.get("BucketRegion", "")},
        )
        for item in items
    ]


async def log_groups(ask: Asking, rates: Rates) -> list[Resource]:
    """All log groups; what they keep is paid for."""
    items = await ask.all("logs", "describe_log_groups", "logGroups", "list the log groups")
    return await ask.rows(items, lambda item: log_group_row(item, rates))


def log_group_row(item: Mapping[str, Any], rates: Rates) -> Resource:
    """A log group from DescribeLogGroups' item."""
    stored, days = item.get("storedBytes", 0), item.get("retentionInDays")
    kept = f"kept {days:,} days" if days else "kept for ever"
    return made(
        "log-group",
        item.get("arn", item["logGroupName"]).removesuffix(":*"),
        item["logGroupName"],
        size=f"{_bytes(stored)}, {kept}",
        created=datetime.fromtimestamp(item["creationTime"] / 1000, UTC) if item.get("creationTime") else None,
        dollars_per_hour=rates.monthly("logs", stored / GIB),
        facts={"retention": str(days or ""), "bytes": str(stored)},
    )


def _bytes(number: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= size:
            return f"{number / size:,.1f} {unit}"
    return f"{number} bytes"


async def roles(ask: Asking, rates: Rates) -> list[Resource]:
    """The roles that SageDeck made, by their names and then by their tags."""
    items = await ask.all("iam", "list_roles", "Roles", "list the roles", **_IAM_PAGES)
    mine = [item for item in items if item["RoleName"].startswith(_ROLE_START) or item["RoleName"].endswith(_ROLE_END)]
    if sum(not ask.knows(_tags_key(item)) for item in mine) > FEW_ROLES:
        await _learn_role_tags(ask)
    found = []
    async for item, tags in ask.each(mine, lambda item: _role_tags(ask, item)):
        if tags is None:
            continue
        known = not isinstance(tags, SageDeckError)
        ours = made_by_sagedeck(tags) if known else None
        if ours or (ours is None and item["RoleName"].startswith(_ROLE_START)):
            found.append(
                made(
                    "role",
                    item["Arn"],
                    item["RoleName"],
                    created=utc_of(item, "CreateDate"),
                    dollars_per_hour=0.0,
                    tags=tags_of(tags) if known else None,
                    ours=ours,
                )
            )
    return found


def _tags_key(item: Mapping[str, Any]) -> tuple[object, ...]:
    return "tags", item["Arn"], item.get("CreateDate")


async def _learn_role_tags(ask: Asking) -> None:
    """The tags of all roles with what else IAM tells of them, a thousand in a call."""
    try:
        roles = await ask.all(
            "iam",
            "get_account_authorization_details",
            "RoleDetailList",
            "read the roles",
            Filter=["Role"],
            **_IAM_PAGES,
        )
    except SageDeckError:
        # Fewer people may read this than the tags of a role: then each role is asked about.
        return
    ask.learn({_tags_key(role): role.get("Tags", []) for role in roles})


async def _role_tags(ask: Asking, item: Mapping[str, Any]) -> list[Any]:
    return await ask.kept(
        _tags_key(item),
        lambda: ask.all("iam", "list_role_tags", "Tags", f"read {item['RoleName']}", RoleName=item["RoleName"]),
    )


async def instance_profiles(ask: Asking, rates: Rates) -> list[Resource]:
    """The instance profiles with SageDeck's names; they go with the role that they hold."""
    items = await ask.all(
        "iam", "list_instance_profiles", "InstanceProfiles", "list the instance profiles", **_IAM_PAGES
    )
    return [
        made(
            "instance-profile",
            item["Arn"],
            item["InstanceProfileName"],
            size=", ".join(role["RoleName"] for role in item.get("Roles", ())),
            created=utc_of(item, "CreateDate"),
            dollars_per_hour=0.0,
            parts=tuple(("role", role["Arn"]) for role in item.get("Roles", ())),
        )
        for item in items
        if item["InstanceProfileName"].startswith(_ROLE_START)
    ]


def _not_known(row: Resource) -> bool:
    return row.dollars_per_hour is None


def _some_minutes(row: Resource) -> float:
    return _PROVISIONED_SECONDS


READERS = (
    Reader("function", functions, _not_known, provisioned, _some_minutes),
    Reader("scalable-target", scalable_targets),
    Reader("alarm", alarms),
    Reader("bucket", buckets),
    Reader("log-group", log_groups),
    Reader("role", roles),
    Reader("instance-profile", instance_profiles),
)
