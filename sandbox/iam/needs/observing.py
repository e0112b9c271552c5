"""What the operations of CloudWatch Logs and of CloudWatch need."""

from __future__ import annotations

from sandbox.core.account import arn
from sandbox.iam.needs.need import Names, Need, text, texts
from sandbox.logs.names import group_name, group_names, log_stream_arn
from sandbox.wire.call import Call

_LOGS = frozenset(
    {
        *("CreateLogGroup", "DeleteLogGroup", "DescribeLogGroups", "ListLogGroups", "CreateLogStream"),
        *("DeleteLogStream", "DescribeLogStreams", "PutLogEvents", "GetLogEvents", "FilterLogEvents"),
        *("PutRetentionPolicy", "DeleteRetentionPolicy", "DescribeMetricFilters", "DescribeSubscriptionFilters"),
        *("TagLogGroup", "UntagLogGroup", "ListTagsLogGroup"),
    }
)
# Each group is asked about, and what is known of a query by nothing but its id.
_SEVERAL_GROUPS = frozenset({"StartQuery", "StartLiveTail"})
_QUERIES = frozenset({"GetQueryResults", "StopQuery", "DescribeQueries"})
_METRICS = frozenset({"GetMetricData", "GetMetricStatistics", "ListMetrics", "DescribeAlarmsForMetric"})
_ALARMS = frozenset(
    {
        *("DescribeAlarms", "DeleteAlarms", "DisableAlarmActions", "EnableAlarmActions"),
        *("PutMetricAlarm", "SetAlarmState", "DescribeAlarmHistory"),
    }
)
_DASHBOARDS = frozenset({"GetDashboard", "PutDashboard", "DeleteDashboards"})
_TAGS = frozenset({"ListTagsForResource", "TagResource", "UntagResource"})


def logs_needs(call: Call, names: Names) -> list[Need] | None:
    """Of CloudWatch Logs: a group, or one stream of it."""
    action = f"logs:{call.operation}"
    if call.operation in _TAGS:
        return [Need(action, text(call, "resourceArn"))]
    if call.operation in _QUERIES:
        return [Need(action)]
    if call.operation in _SEVERAL_GROUPS:
        arns = [log_stream_arn(name, "", call.region) for name in group_names(call.members)]
        return [Need(action, arn) for arn in arns] or [Need(action)]
    if call.operation not in _LOGS:
        return None
    group = group_name(call.members) or text(call, "logGroupNamePrefix")
    target = log_stream_arn(group, text(call, "logStreamName"), call.region)
    tags = call.operation == "CreateLogGroup" and call.members.get("tags")
    return [Need(action, target), *([Need("logs:TagResource", target)] if tags else [])]


def metrics_needs(call: Call, names: Names) -> list[Need] | None:
    """Of CloudWatch: metrics are no resources, alarms and dashboards are."""
    action = f"cloudwatch:{call.operation}"
    if call.operation == "PutMetricData":
        return [Need(action, context={"cloudwatch:namespace": text(call, "Namespace")})]
    if call.operation in _METRICS:
        return [Need(action)]
    if call.operation in _ALARMS:
        alarms = texts(call, "AlarmNames") or [name for name in [text(call, "AlarmName")] if name]
        return [Need(action, arn("cloudwatch", f"alarm:{name}", call.region)) for name in alarms] or [Need(action)]
    if call.operation in _DASHBOARDS:
        # Dashboards belong to no region.
        boards = texts(call, "DashboardNames") or [text(call, "DashboardName")]
        return [Need(action, arn("cloudwatch", f"dashboard/{name}", "")) for name in boards]
    if call.operation == "ListDashboards":
        return [Need(action)]
    if call.operation in _TAGS:
        return [Need(action, text(call, "ResourceARN"))]
    return None
