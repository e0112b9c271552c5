"""CloudWatch alarms: their records and operations. What their states are is found out elsewhere and told here.

Source: CloudWatch API Reference, ``MetricAlarm``.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sandbox.core.account import arn as make_arn
from sandbox.core.numbers import whole
from sandbox.core.state import Database
from sandbox.metrics.received import number_of
from sandbox.metrics.store import PERCENTILE
from sandbox.service import Operation
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS alarms (name TEXT PRIMARY KEY, record TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS alarm_history (name TEXT NOT NULL, at REAL NOT NULL, item TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS alarm_history_at ON alarm_history (name, at)",
)
# CloudWatch API Reference, DescribeAlarmHistory: 30 days. PutMetricAlarm: 50 tags.
_KEEP_SECONDS = 30 * 86_400.0
_PAGE = 100
_MOST_TAGS = 50
_KEPT = (
    *("AlarmName", "AlarmDescription", "ActionsEnabled", "OKActions", "AlarmActions", "InsufficientDataActions"),
    *("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Dimensions", "Period", "Unit"),
    *("EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData"),
    "EvaluateLowSampleCountPercentile",
)
_REQUIRED = ("MetricName", "Namespace", "Period", "Threshold")
_COMPARISONS = frozenset(
    {
        *("GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold"),
        "LessThanOrEqualToThreshold",
    }
)
# Options that AWS names when another one is asked for.
_OPTIONS = {
    "EvaluateLowSampleCountPercentile": ("evaluate", "ignore"),
    "TreatMissingData": ("breaching", "notBreaching", "ignore", "missing"),
}
_STATES = frozenset({"OK", "ALARM", "INSUFFICIENT_DATA"})
_LISTS = ("OKActions", "AlarmActions", "InsufficientDataActions", "Dimensions")

Members = dict[str, Any]


class Alarms:
    """The alarms of the account."""

    def __init__(self, db: Database) -> None:
        self._db = db
        for statement in _SCHEMA:
            db.execute(statement)
        db.execute("DELETE FROM alarm_history WHERE at < ?", (time.time() - _KEEP_SECONDS,))
        self.operations: dict[str, Operation] = {
            "PutMetricAlarm": self._put,
            "DescribeAlarms": self._describe,
            "DescribeAlarmsForMetric": self._for_metric,
            "DescribeAlarmHistory": self._history,
            "SetAlarmState": self._set_state,
            "DeleteAlarms": self._delete,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._tags,
            "EnableAlarmActions": lambda given, _: self._enable(given, True),
            "DisableAlarmActions": lambda given, _: self._enable(given, False),
        }

    def all(self) -> list[Members]:
        """The records of all alarms, by name; times in them are epoch seconds."""
        return [json.loads(row["record"]) for row in self._db.query("SELECT record FROM alarms ORDER BY name")]

    def get(self, name: str) -> Members | None:
        """The record of one alarm."""
        row = self._db.one("SELECT record FROM alarms WHERE name=?", (name,))
        return json.loads(row["record"]) if row else None

    def put(self, given: Mapping[str, Any]) -> str:
        """Make an alarm, or change it, which leaves its state as it is; its ARN. Raises ``AwsError``."""
        _check(given)
        now = time.time()
        name = given["AlarmName"]
        old = self.get(name)
        record = {member: given[member] for member in _KEPT if given.get(member) is not None}
        record = {"ActionsEnabled": True, **{member: [] for member in _LISTS}, **record}
        state = {
            "StateValue": "INSUFFICIENT_DATA",
            "StateReason": "Unchecked: Initial alarm creation",
            "StateUpdatedTimestamp": now,
            "StateTransitionedTimestamp": now,
        }
        kept = {member: old[member] for member in (*state, "_Tags") if member in old} if old else state
        record |= {"AlarmArn": make_arn("cloudwatch", f"alarm:{name}"), "AlarmConfigurationUpdatedTimestamp": now}
        with self._db.transaction():
            self._save(record | kept)
            self._tell(name, "ConfigurationUpdate", f'Alarm "{name}" {"updated" if old else "created"}')
        return str(record["AlarmArn"])

    def set_state(self, name: str, state: str, reason: str, data: str = "") -> None:
        """Note what state an alarm is in; nothing happens when it has been deleted meanwhile."""
        with self._db.transaction():
            record = self.get(name)
            if record is None:
                return
            before = record["StateValue"]
            record |= {"StateValue": state, "StateReason": reason, "StateUpdatedTimestamp": time.time()}
            if data:
                record["StateReasonData"] = data
            if before != state:
                record["StateTransitionedTimestamp"] = record["StateUpdatedTimestamp"]
                self._tell(name, "StateUpdate", f"Alarm updated from {before} to {state}")
            self._save(record)

    def delete(self, names: list[str]) -> None:
        """Delete alarms; those that are not there are ignored."""
        for name in names:
            self._db.execute("DELETE FROM alarms WHERE name=?", (name,))

    def _save(self, record: Members) -> None:
        row = (record["AlarmName"], json.dumps(record))
        self._db.execute("INSERT OR REPLACE INTO alarms VALUES (?,?)", row)

    def _tell(self, name: str, kind: str, summary: str) -> None:
        item = json.dumps({"HistoryItemType": kind, "HistorySummary": summary})
        self._db.execute("INSERT INTO alarm_history VALUES (?,?,?)", (name, time.time(), item))

    def _put(self, given: Members, caller: Caller) -> None:
        new = self.get(given["AlarmName"]) is None
        arn = self.put(given)
        # As on AWS, tags are taken for a new alarm only.
        if given.get("Tags") and new:
            self._tag({"ResourceARN": arn, "Tags": given["Tags"]}, caller)

    def _describe(self, given: Members, caller: Caller) -> Members:
        if given.get("AlarmNames") and given.get("AlarmNamePrefix"):
            raise AwsError("ValidationError", "AlarmNames and AlarmNamePrefix cannot be given together.")
        if given.get("ChildrenOfAlarmName") or given.get("ParentsOfAlarmName"):
            # Of composite alarms, which the sandbox does not have.
            return {"MetricAlarms": [], "CompositeAlarms": []}
        wanted, types = given.get("AlarmNames") or None, given.get("AlarmTypes") or ["MetricAlarm"]
        prefix, state = given.get("AlarmNamePrefix") or "", given.get("StateValue")
        action = given.get("ActionPrefix") or ""
        found = [
            record
            for record in self.all()
            if "MetricAlarm" in types
            and (wanted is None or record["AlarmName"] in wanted)
            and record["AlarmName"].startswith(prefix)
            and state in (None, record["StateValue"])
            and (not action or any(arn.startswith(action) for arn in record["AlarmActions"]))
            and record["AlarmName"] > (given.get("NextToken") or "")
        ]
        page = found[: given.get("MaxRecords") or _PAGE]
        more = {"NextToken": page[-1]["AlarmName"]} if len(page) < len(found) else {}
        return {"MetricAlarms": [_shown(record) for record in page], "CompositeAlarms": [], **more}

    def _for_metric(self, given: Members, caller: Caller) -> Members:
        dimensions = _pairs(given.get("Dimensions"))
        asked = ("MetricName", "Namespace", "Statistic", "Period")
        found = [
            record
            for record in self.all()
            if all(given.get(member) in (None, record.get(member)) for member in asked)
            and _pairs(record["Dimensions"]) == dimensions
        ]
        return {"MetricAlarms": [_shown(record) for record in found]}

    def _history(self, given: Members, caller: Caller) -> Members:
        kind, start, end = (given.get(member) for member in ("HistoryItemType", "StartDate", "EndDate"))
        types = given.get("AlarmTypes") or ["MetricAlarm"]
        oldest_first = given.get("ScanBy") == "TimestampAscending"
        order = "ASC" if oldest_first else "DESC"
        rows = self._db.query(
            "SELECT name, at, item FROM alarm_history WHERE (:name IS NULL OR name=:name)"
            " AND at >= :start AND at <= :end"
            " AND (:kind IS NULL OR json_extract(item, '$.HistoryItemType')=:kind)"
            f" ORDER BY at {order}, rowid {order} LIMIT :limit OFFSET :offset",
            {
                "name": given.get("AlarmName"),
                "kind": kind,
                "start": start.timestamp() if start else 0.0,
                "end": end.timestamp() if end else math.inf,
                "limit": (size := given.get("MaxRecords") or _PAGE) + 1,
                "offset": (offset := _offset(given.get("NextToken"))),
            },
        )
        items = [
            {"AlarmName": row["name"], "AlarmType": "MetricAlarm", "Timestamp": _time(row["at"])}
            | json.loads(row["item"])
            for row in rows[:size]
            if "MetricAlarm" in types
        ]
        return {"AlarmHistoryItems": items} | ({"NextToken": str(offset + size)} if len(rows) > size else {})

    def _set_state(self, given: Members, caller: Caller) -> None:
        if given["StateValue"] not in _STATES:
            raise AwsError("ValidationError", f"{given['StateValue']} is no state of an alarm.")
        if self.get(given["AlarmName"]) is None:
            raise AwsError("ResourceNotFound", f"Alarm {given['AlarmName']} does not exist.", 404)
        self.set_state(given["AlarmName"], given["StateValue"], given["StateReason"], given.get("StateReasonData", ""))

    def _delete(self, given: Members, caller: Caller) -> None:
        missing = [name for name in given["AlarmNames"] if self.get(name) is None]
        if missing and len(given["AlarmNames"]) > 1:
            raise AwsError("ResourceNotFound", f"Alarm {missing[0]} does not exist.", 404)
        self.delete(given["AlarmNames"])

    def _tagged(self, given: Members) -> Members:
        record = self.get(str(given["ResourceARN"]).partition(":alarm:")[2])
        if record is None or record["AlarmArn"] != given["ResourceARN"]:
            raise AwsError("ResourceNotFoundException", "Unknown", 404)
        return record

    def _tag(self, given: Members, caller: Caller) -> Members:
        record = self._tagged(given)
        tags = record.get("_Tags", {}) | {tag["Key"]: tag["Value"] for tag in given["Tags"]}
        if len(tags) > _MOST_TAGS:
            raise AwsError("InvalidParameterValue", f"An alarm has at most {_MOST_TAGS} tags.")
        self._save(record | {"_Tags": tags})
        return {}

    def _untag(self, given: Members, caller: Caller) -> Members:
        record = self._tagged(given)
        tags = {key: value for key, value in record.get("_Tags", {}).items() if key not in given["TagKeys"]}
        self._save(record | {"_Tags": tags})
        return {}

    def _tags(self, given: Members, caller: Caller) -> Members:
        tags = self._tagged(given).get("_Tags", {})
        return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}

    def _enable(self, given: Members, enabled: bool) -> None:
        for name in given["AlarmNames"]:
            record = self.get(name)
            if record is not None:
                self._save(record | {"ActionsEnabled": enabled})


def _offset(token: str | None) -> int:
    number = whole(token) if token else 0
    if number is None:
        raise AwsError("InvalidNextToken", "The next token specified is invalid.")
    return number


def _check(given: Mapping[str, Any]) -> None:
    for member in _REQUIRED:
        if given.get(member) is None:
            raise AwsError("MissingParameter", f"The parameter {member} is required.")
    if bool(given.get("Statistic")) == bool(given.get("ExtendedStatistic")):
        raise AwsError("InvalidParameterCombination", "One of Statistic and ExtendedStatistic must be given.")
    number_of(given["Threshold"], "Threshold")
    extended = given.get("ExtendedStatistic")
    if extended and not PERCENTILE.match(extended):
        text = f"The value {extended} for parameter ExtendedStatistic is not supported."
        raise AwsError("InvalidParameterValue", text)
    for member, options in _OPTIONS.items():
        if given.get(member) not in (None, *options):
            known = f"{', '.join(options[:-1])} and {options[-1]}"
            text = f"Option {given[member]} is not supported. Supported options for parameter {member} are {known}."
            raise AwsError("ValidationError", text)
    if given.get("ComparisonOperator") not in _COMPARISONS:
        text = f"The sandbox does not offer the comparison {given.get('ComparisonOperator')}."
        raise AwsError("InvalidParameterValue", text)
    period, periods = given["Period"], given["EvaluationPeriods"]
    if period not in (10, 20, 30) and (period < 60 or period % 60):
        raise AwsError("InvalidParameterValue", "Period must be 10, 20, 30 or a multiple of 60.")
    if not 1 <= given.get("DatapointsToAlarm", periods) <= periods:
        raise AwsError("ValidationError", "DatapointsToAlarm must be 1 to EvaluationPeriods.")
    if period * periods > 7 * 86_400:
        raise AwsError("ValidationError", "EvaluationPeriods times Period must be at most seven days.")


def _shown(record: Members) -> Members:
    return {
        name: _time(value) if name.endswith("Timestamp") else value
        for name, value in record.items()
        if not name.startswith("_")
    }


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _pairs(dimensions: Any) -> dict[str, str]:
    return {dimension["Name"]: dimension["Value"] for dimension in dimensions or ()}
