"""CloudWatch metrics: its operations over ``metrics.store``; dashboards are moto's."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sandbox.context import SandboxContext
from sandbox.core.state import utc_ms
from sandbox.metrics.alarms import Alarms
from sandbox.metrics.store import Datum, Metrics, check_statistic, one_value, statistic
from sandbox.service import Refusals, Service
from sandbox.wire.call import Call
from sandbox.wire.errors import AwsError
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
        data = []
        for item in given:
            name = str(item.get("MetricName") or "")
            if not name:
                raise AwsError("MissingParameter", "The parameter MetricData.member.1.MetricName is required.")
            data += [(name, _dimensions(item), datum) for datum in _received(item)]
        self._metrics.put_data(namespace, data)

    def _statistics(self, params: GetMetricStatisticsInputTypeDef, caller: Caller) -> Params:
        start, end, period = _window(params)
        plain, extended = params.get("Statistics") or [], params.get("ExtendedStatistics") or []
        if not plain and not extended:
            raise AwsError("InvalidParameterCombination", "Statistics or ExtendedStatistics must be given.")
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
            dimensions=_dimensions(params),
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
        start, end = as_datetime(params.get("StartTime")), as_datetime(params.get("EndTime"))
        if start is None or end is None or start >= end:
            raise AwsError("ValidationError", "The parameter StartTime must be less than the parameter EndTime.")
        newest_first = params.get("ScanBy", "TimestampDescending") == "TimestampDescending"
        results = []
        for query in params.get("MetricDataQueries") or []:
            if query.get("ReturnData") in (False, "false"):
                continue
            results.append(self._one_query(query, start.timestamp(), end.timestamp(), newest_first))
        return {"MetricDataResults": results, "Messages": []}

    def _one_query(self, query: Mapping[str, Any], start: float, end: float, newest_first: bool) -> Params:
        wanted = query.get("MetricStat")
        if not wanted:
            raise AwsError("ValidationError", "The sandbox does not offer metric math; ask for metrics themselves.")
        metric, name = wanted.get("Metric") or {}, str(wanted.get("Stat") or "")
        check_statistic(name)
        periods = self._metrics.statistics(
            namespace=str(metric.get("Namespace")),
            name=str(metric.get("MetricName")),
            dimensions=_dimensions(metric),
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
        raise AwsError("InvalidParameterValue", "The NextToken is invalid.") from exc


def _dimensions(item: Mapping[str, Any]) -> dict[str, str]:
    return {str(entry.get("Name")): str(entry.get("Value")) for entry in item.get("Dimensions") or []}


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as exc:
        raise AwsError("InvalidParameterValue", f"{value!r} is not a number.") from exc


def _received(item: Mapping[str, Any]) -> list[Datum]:
    """The data of one MetricDatum: a value, values with counts, or a statistic set."""
    moment = as_datetime(item.get("Timestamp"))
    at = moment.timestamp() if moment else utc_ms() / 1000
    unit = str(item.get("Unit") or "None")
    if item.get("StatisticValues"):
        values = item["StatisticValues"]
        count, total, low, high = (_number(values.get(name)) for name in ("SampleCount", "Sum", "Minimum", "Maximum"))
        return [Datum(at, count, total, low, high, unit)]
    if item.get("Values"):
        values = [_number(value) for value in item["Values"]]
        counts = [_number(count) for count in item.get("Counts") or [1.0] * len(values)]
        if len(counts) != len(values):
            raise AwsError("InvalidParameterValue", "Values and Counts must have the same length.")
        return [one_value(value, at, unit, count) for value, count in zip(values, counts, strict=True)]
    if "Value" not in item:
        raise AwsError("MissingParameter", "Value, Values or StatisticValues must be given.")
    return [one_value(_number(item["Value"]), at, unit)]


def _period(value: object) -> float:
    period = _number(value)
    if period not in (1, 5, 10, 20, 30) and (period < 60 or period % 60):
        raise AwsError("InvalidParameterValue", "Period must be 1, 5, 10, 20, 30 or a multiple of 60.")
    return period


def _window(params: Mapping[str, object]) -> tuple[float, float, float]:
    start, end = as_datetime(params.get("StartTime")), as_datetime(params.get("EndTime"))
    if start is None or end is None or start >= end:
        raise AwsError(
            "InvalidParameterCombination", "The parameter StartTime must be less than the parameter EndTime."
        )
    return start.timestamp(), end.timestamp(), _period(params.get("Period"))
