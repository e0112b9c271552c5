"""SageMaker's Search over training and tuning jobs: thousands of them, with their tags, in few calls.

Source: SageMaker API Reference, Search, SearchExpression and Filter. Names of jobs, statuses, times and tags are
columns of the database; other properties are read from the records, and only when a filter asks for them.
"""

from __future__ import annotations

import base64
import binascii
import bisect
import functools
import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.core.state import Database
from sandbox.sagemaker.records import DEFAULT_PAGE, Tags
from sandbox.service import Operation
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller, as_datetime
from sandbox.wire.models import operation_model

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import (
        SearchRequestTypeDef,
    )


_KINDS = {"TrainingJob": "training-job", "HyperParameterTuningJob": "hyper-parameter-tuning-job"}
_TAGS = "Tags."
# The order of so many searches is kept, so that the second page and the later ones cost only their own rows.
_REMEMBERED = 8
_Ranked = tuple[tuple[int, float, str], str]


class Search:
    """Answers the Search operation."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._tags = Tags(db)
        self._lock = threading.Lock()
        self._recent: dict[str, list[_Ranked]] = {}
        self.operations: dict[str, Operation] = {"Search": self._search}

    def _search(self, request: SearchRequestTypeDef, _caller: Caller) -> dict[str, Any]:
        resource = request["Resource"]
        if resource not in _KINDS:
            raise AwsError("ValidationException", f"The sandbox searches {' and '.join(_KINDS)}, not {resource}.")
        order = (request.get("SortBy", "LastModifiedTime"), request.get("SortOrder", "Descending") == "Descending")
        expression = request.get("SearchExpression", {})
        query_id = hashlib.sha256(json.dumps([resource, expression, *order], sort_keys=True).encode()).hexdigest()[:16]
        start, ranked = 0, None
        if request.get("NextToken"):
            after = _read_token(request["NextToken"], query_id)
            ranked = self._remembered(query_id) or self._ranked(resource, expression, *order)
            start = _position(ranked, after, descending=order[1])
        else:
            ranked = self._ranked(resource, expression, *order)
        self._remember(query_id, ranked)
        end = start + request.get("MaxResults", DEFAULT_PAGE)
        results = (self._result(resource, name) for _rank, name in ranked[start:end])
        answer: dict[str, Any] = {
            "Results": [{resource: result} for result in results if result is not None],
            "TotalHits": {"Value": len(ranked), "Relation": "EqualTo"},
        }
        if end < len(ranked):
            answer["NextToken"] = _write_token(ranked[end - 1], query_id)
        return answer

    def _ranked(self, resource: str, expression: Mapping[str, Any], sort_by: str, descending: bool) -> list[_Ranked]:
        found = (candidate for candidate in self._candidates(resource) if _matches(expression, candidate))
        return sorted(((_rank(candidate.value(sort_by)), candidate.name) for candidate in found), reverse=descending)

    def _remembered(self, query_id: str) -> list[_Ranked] | None:
        with self._lock:
            return self._recent.get(query_id)

    def _remember(self, query_id: str, ranked: list[_Ranked]) -> None:
        with self._lock:
            self._recent.pop(query_id, None)
            self._recent[query_id] = ranked
            if len(self._recent) > _REMEMBERED:
                self._recent.pop(next(iter(self._recent)))

    def _candidates(self, resource: str) -> Iterable[_Candidate]:
        kind = _KINDS[resource]
        tags = functools.cache(lambda: self._tags_of(kind))
        bodies = functools.cache(lambda: self._bodies(kind))
        names = "name, arn, status, created, modified"
        for row in self._db.query(f"SELECT {names} FROM sagemaker_records WHERE kind=?", (kind,)):
            columns = {
                f"{resource}Name": row["name"],
                f"{resource}Arn": row["arn"],
                f"{resource}Status": row["status"],
                "CreationTime": row["created"],
                "LastModifiedTime": row["modified"],
            }
            yield _Candidate(row["name"], columns, tags, bodies)

    def _tags_of(self, kind: str) -> dict[str, dict[str, str]]:
        tags: dict[str, dict[str, str]] = {}
        of_kind = "FROM sagemaker_records r JOIN sagemaker_tags t ON t.arn=r.arn WHERE r.kind=?"
        for row in self._db.query(f"SELECT r.name, t.key, t.value {of_kind}", (kind,)):
            tags.setdefault(row["name"], {})[row["key"]] = row["value"]
        return tags

    def _bodies(self, kind: str) -> dict[str, dict[str, Any]]:
        rows = self._db.query("SELECT name, body FROM sagemaker_records WHERE kind=?", (kind,))
        return {row["name"]: json.loads(row["body"]) for row in rows}

    def _result(self, resource: str, name: str) -> dict[str, Any] | None:
        """The record of a job with its tags; None when it was deleted since the first page."""
        sql = "SELECT arn, body FROM sagemaker_records WHERE kind=? AND name=?"
        row = self._db.one(sql, (_KINDS[resource], name))
        if row is None:
            return None
        members = {member: value for member, value in json.loads(row["body"]).items() if member in _members(resource)}
        return {**members, "Tags": self._tags.of(row["arn"])}


@dataclass(frozen=True)
class _Candidate:
    name: str
    columns: Mapping[str, Any]
    tags: Callable[[], dict[str, dict[str, str]]]
    bodies: Callable[[], dict[str, dict[str, Any]]]

    def values(self, name: str) -> list[object]:
        """Every value of a property: none when the job has no such property, several below a list."""
        if name in self.columns:
            return [self.columns[name]]
        if name.startswith(_TAGS):
            key, tags = name.removeprefix(_TAGS), self.tags().get(self.name, {})
            return [tags[key]] if key in tags else []
        body = self.bodies().get(self.name, {})
        if name.startswith("Metrics."):
            wanted = name.removeprefix("Metrics.")
            return [metric["Value"] for metric in body.get("FinalMetricDataList", []) if metric["MetricName"] == wanted]
        return _walk(body, name)

    def value(self, name: str) -> Any:
        """The first value of a property, or None."""
        return next(iter(self.values(name)), None)


def _walk(value: Any, name: str) -> list[object]:
    if isinstance(value, list):
        return [found for item in value for found in _walk(item, name)]
    if not name:
        return [value]
    if not isinstance(value, dict):
        return []
    # A hyperparameter's own name may have dots.
    if name in value:
        return _walk(value[name], "")
    member, _, rest = name.partition(".")
    return _walk(value[member], rest) if rest and member in value else []


def _matches(expression: Mapping[str, Any], candidate: _Candidate) -> bool:
    if expression.get("NestedFilters"):
        raise AwsError("ValidationException", "The sandbox does not offer NestedFilters; use Filters.")
    answers = [_passes(each, candidate) for each in expression.get("Filters", [])]
    answers += [_matches(each, candidate) for each in expression.get("SubExpressions", [])]
    if expression.get("Operator") == "Or":
        return any(answers) or not answers
    return all(answers)


def _passes(condition: Mapping[str, Any], candidate: _Candidate) -> bool:
    name = condition["Name"]
    wanted = condition.get("Value")
    operator = condition.get("Operator", "Equals" if wanted is not None else "Exists")
    values = candidate.values(name)
    if operator in ("Exists", "NotExists"):
        return bool(values) == (operator == "Exists")
    if wanted is None:
        raise AwsError("ValidationException", f"The filter on {name} needs a Value for the operator {operator}.")
    if operator == "NotEquals":
        return not any(_compare("Equals", name, value, wanted) for value in values)
    return any(_compare(operator, name, value, wanted) for value in values)


def _compare(operator: str, name: str, value: Any, wanted: str) -> bool:
    if operator == "Contains":
        return wanted.lower() in str(value).lower()
    if operator == "In":
        return str(value) in [part.strip() for part in wanted.split(",")]
    left, right = _comparable(name, value), _comparable(name, wanted)
    if operator == "Equals":
        return left == right if type(left) is type(right) else str(value) == wanted
    if not (isinstance(left, float) and isinstance(right, float)):
        return False
    ordered = {
        "GreaterThan": left > right,
        "GreaterThanOrEqualTo": left >= right,
        "LessThan": left < right,
        "LessThanOrEqualTo": left <= right,
    }
    return ordered[operator]


def _comparable(name: str, value: Any) -> float | str:
    """A number where the property is one (hyperparameters come as text), a time as epoch seconds, else text."""
    if name.endswith("Time") and not name.startswith(_TAGS):
        moment = as_datetime(value)
        return moment.timestamp() if moment else ""
    if name.startswith(_TAGS):
        return str(value)
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(value)


def _rank(value: Any) -> tuple[int, float, str]:
    """A sort key: nothing, then numbers, then texts."""
    if value is None:
        return (0, 0.0, "")
    if isinstance(value, int | float):
        return (1, float(value), "")
    return (2, 0.0, str(value))


@functools.cache
def _members(resource: str) -> frozenset[str]:
    """What the Describe answer and the search's record have in common."""
    output: Any = operation_model("sagemaker", "Search").output_shape
    return frozenset(output.members["Results"].member.members[resource].members)


def _position(ranked: list[_Ranked], after: _Ranked, *, descending: bool) -> int:
    """Where the page behind ``after`` starts, also when ``after`` itself is not there any more."""
    if descending:
        return next((place for place, rank in enumerate(ranked) if rank < after), len(ranked))
    return bisect.bisect_right(ranked, after)


def _write_token(after: _Ranked, query_id: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([query_id, after]).encode()).decode()


def _read_token(token: str, query_id: str) -> _Ranked:
    invalid = AwsError("ValidationException", "NextToken is not valid: it belongs to another request.")
    try:
        known, (rank, name) = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise invalid from error
    if known != query_id or len(rank) != 3:
        raise invalid
    return (rank[0], rank[1], rank[2]), name
