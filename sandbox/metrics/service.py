"""CloudWatch metrics: its operations over ``metrics.store``; dashboards are moto's."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sandbox.context import SandboxContext
from sandbox.core.account import ACCOUNT_ID
from sandbox.core.state import utc_ms
from sandbox.metrics.alarms import Alarms
from sandbox.metrics.received import dimensions, number_of, received
from sandbox.metrics.store import Metrics, check_statistic, statistic
from sandbox.service import Refusals, Service
from sandbox.wire.call import Call
from sandbox.wire.errors import AwsError, not_implemented
from sandbox.wire.messages import Caller, RestResponse, as_datetime
from sandbox.wire.render import render

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import (
        GetMetricDataInputTypeDef,
        GetMetricStatisticsInputTypeDef,
        ListMetricsInputTypeDef,
        PutMetricDataInputTypeDef,
    )


# CloudWatch API Reference: PutMetricData 1,000 metrics, GetMetricStatistics 1,440 points, ListMetrics 500.
MAX_PUT = 1000
MAX_DATAPOINTS = 1440
MAX_LISTED = 500
Params = dict[str, Any]


class MetricsService(Service):
    """The CloudWatch of the sandbox."""

    name = "cloudwatch"
    signing_name = "monitoring"
    own_words = True
    undone = {
        "DescribeAlarmHistory": {"AlarmContributorId": ()},
        "GetMetricData": {"MaxDatapoints": (), "LabelOptions": ()},
        # Nobody shares metrics with the account.
        "ListMetrics": {"IncludeLinkedAccounts": (True, False), "OwningAccount": (ACCOUNT_ID,)},
        "PutMetricAlarm": dict.fromkeys(
            (
                *("EvaluationWindow", "WarmUpConfiguration", "EvaluationCriteria", "EvaluationInterval"),
                *("ActionConfiguration", "Metrics", "ThresholdMetricId"),
            ),
            ([],),
        ),
        "PutMetricData": {"EntityMetricData": ([],), "StrictEntityValidation": (False,)},
    }

    def start(self, ctx: SandboxContext) -> None:
        """Register the operations."""
        self._metrics: Metrics = ctx.part(Metrics)
        self._call = ctx.call
        self.operations = {
            "PutMetricData": self._put,
            "GetMetricStatistics": self._statistics,
            "GetMetricData": self._data,
            "ListMetrics": self._list,
            **ctx.part(Alarms).operations,
        }

    def handle(self, call: Call, refusals: Refusals) -> RestResponse | None:
        """Today's clients speak CBOR, which moto does not: translate for what is moto's (dashboards)."""
        if call.protocol != "cbor" or not call.operation.endswith(("Dashboard", "Dashboards")):
            return None
        members = self._call(self.name, call.operation, call.members)
        return render(self.name, call.operation, call.protocol, members, call.http.request_id)

    def _put(self, params: PutMetricDataInputTypeDef, caller: Caller) -> None:
        namespace = str(params.get("Namespace") or "")
        given = params.get("MetricData") or []
        if not namespace or namespace.startswith(":"):
            raise AwsError("MissingParameter", "The parameter Namespace is required.")
        if namespace.startswith("AWS/"):
            raise AwsError("InvalidParameterValue", "The value AWS/ for parameter Namespace is invalid.")
        if not 1 <= len(given) <= MAX_PUT:
            raise AwsError("InvalidParameterValue", f"MetricData must hold 1 to {MAX_PUT} data.")
        now = utc_ms() / 1000
        self._metrics.put_data(
            namespace,
            [
                (str(item["MetricName"]), dimensions(item), datum)
                for number, item in enumerate(given, 1)
                for datum in received(item, f"MetricData.member.{number}", now)
            ],
        )

    def _statistics(self, params: GetMetricStatisticsInputTypeDef, caller: Caller) -> Params:
        start, end, period = _window(params)
        plain, extended = params.get("Statistics") or [], params.get("ExtendedStatistics") or []
        if not plain and not extended:
            raise AwsError("InvalidParameterCombination", "Must specify either Statistics or ExtendedStatistics")
        for name in (*plain, *extended):
            check_statistic(name)
        if (end - start) / period > MAX_DATAPOINTS:
            raise AwsError(
                "InvalidParameterCombination",
                f"You have requested up to {(end - start) / period:.0f} datapoints, which exceeds the limit of 1,440.",
            )
        periods = self._metrics.statistics(
            namespace=str(params.get("Namespace")),
            name=str(params.get("MetricName")),
            dimensions=dimensions(params),
            start=start,
            end=end,
            period=period,
            unit=params.get("Unit"),
        )
        points = []
        for at, data in periods:
            point: Params = {"Timestamp": datetime.fromtimestamp(at, UTC), "Unit": data[0].unit}
            point.update({name: statistic(name, data) for name in plain})
            if extended:
                point["ExtendedStatistics"] = {name: statistic(name, data) for name in extended}
            points.append(point)
        return {"Label": str(params.get("MetricName")), "Datapoints": points}

    def _data(self, params: GetMetricDataInputTypeDef, caller: Caller) -> Params:
        start, end = _times(params)
        if start == end:
            raise AwsError("ValidationError", "The parameter StartTime must not equal parameter EndTime.")
        if start > end:
            raise AwsError("ValidationError", "The parameter EndTime must be greater than StartTime.")
        newest_first = params.get("ScanBy", "TimestampDescending") == "TimestampDescending"
        results = []
        for query in params.get("MetricDataQueries") or []:
            if query.get("ReturnData") in (False, "false"):
                continue
            results.append(self._one_query(query, start, end, newest_first))
        return {"MetricDataResults": results, "Messages": []}

    def _one_query(self, query: Mapping[str, Any], start: float, end: float, newest_first: bool) -> Params:
        wanted = query.get("MetricStat")
        if not wanted:
            raise not_implemented(self.name, "GetMetricData with metric math; ask for metrics themselves")
        metric, name = wanted.get("Metric") or {}, str(wanted.get("Stat") or "")
        check_statistic(name)
        periods = self._metrics.statistics(
            namespace=str(metric.get("Namespace")),
            name=str(metric.get("MetricName")),
            dimensions=dimensions(metric),
            start=start,
            end=end,
            period=_period(wanted.get("Period")),
            unit=wanted.get("Unit"),
        )
        if newest_first:
            periods.reverse()
        return {
            "Id": query.get("Id"),
            "Label": query.get("Label") or metric.get("MetricName"),
            "Timestamps": [datetime.fromtimestamp(at, UTC) for at, _ in periods],
            "Values": [statistic(name, data) for _, data in periods],
            "StatusCode": "Complete",
        }

    def _list(self, params: ListMetricsInputTypeDef, caller: Caller) -> Params:
        filters = params.get("Dimensions") or []
        recent = utc_ms() / 1000 - 3 * 3600 if params.get("RecentlyActive") == "PT3H" else 0.0
        offset = _offset(params.get("NextToken"))
        found = [
            series
            for series in self._metrics.series(params.get("Namespace"), params.get("MetricName"))
            if series.last >= recent
            and all(
                item.get("Name") in series.dimensions
                and item.get("Value") in (None, series.dimensions[item.get("Name", "")])
                for item in filters
            )
        ]
        answer: Params = {
            "Metrics": [
                {
                    "Namespace": series.namespace,
                    "MetricName": series.name,
                    "Dimensions": [{"Name": name, "Value": value} for name, value in series.dimensions.items()],
                }
                for series in found[offset : offset + MAX_LISTED]
            ]
        }
        if offset + MAX_LISTED < len(found):
            answer["NextToken"] = base64.b64encode(str(offset + MAX_LISTED).encode()).decode()
        return answer


def _offset(token: str | None) -> int:
    if not token:
        return 0
    try:
        return int(base64.b64decode(token))
    except ValueError as exc:
        raise AwsError("InvalidParameterValue", "Request parameter NextToken is invalid") from exc


def _period(value: object) -> float:
    period = number_of(value, "Period")
    if period not in (1, 5, 10, 20, 30) and (period < 60 or period % 60):
        raise AwsError("InvalidParameterValue", "Period must be 1, 5, 10, 20, 30 or a multiple of 60.")
    return period


def _times(params: Mapping[str, Any]) -> tuple[float, float]:
    """StartTime and EndTime in whole epoch seconds: CloudWatch does not look at what is below."""
    start, end = as_datetime(params.get("StartTime")), as_datetime(params.get("EndTime"))
    if start is None or end is None:
        raise AwsError("MissingParameter", "The parameters StartTime and EndTime are required.")
    return math.floor(start.timestamp()), math.floor(end.timestamp())


def _window(params: Mapping[str, Any]) -> tuple[float, float, float]:
    start, end = _times(params)
    if start >= end:
        raise AwsError("InvalidParameterValue", "The parameter StartTime must be less than the parameter EndTime.")
    return start, end, _period(params.get("Period"))
