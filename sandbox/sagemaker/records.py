"""SageMaker's records in the sandbox's database: one row for each job, model, configuration and endpoint.

A record is the answer of its Describe operation; times in it are epoch seconds, as the JSON protocol sends
them. Rows outlive the process from the moment a call has been answered.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sandbox.core.account import arn as make_arn
from sandbox.core.state import Database
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import as_datetime

_SCHEMA = """CREATE TABLE IF NOT EXISTS sagemaker_records (
    kind TEXT NOT NULL, name TEXT NOT NULL, arn TEXT NOT NULL, parent TEXT NOT NULL, status TEXT NOT NULL,
    created REAL NOT NULL, modified REAL NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, name))"""
_INDEXES = (
    "CREATE INDEX IF NOT EXISTS sagemaker_by_time ON sagemaker_records (kind, created, name)",
    "CREATE INDEX IF NOT EXISTS sagemaker_by_parent ON sagemaker_records (kind, parent, created)",
    "CREATE INDEX IF NOT EXISTS sagemaker_by_arn ON sagemaker_records (arn)",
)
_TAG_SCHEMA = """CREATE TABLE IF NOT EXISTS sagemaker_tags (
    arn TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (arn, key))"""
_TAG_INDEX = "CREATE INDEX IF NOT EXISTS sagemaker_tags_by_key ON sagemaker_tags (key, value, arn)"
# SageMaker's limit.
MAX_TAGS = 50
_RESERVED = "aws:"
# SageMaker's own, where MaxResults is left out.
DEFAULT_PAGE = 10
_SORT_COLUMNS = {"Name": "name", "CreationTime": "created", "LastModifiedTime": "modified", "Status": "status"}
_TIME_FILTERS = {
    "CreationTimeAfter": "created > ?",
    "CreationTimeBefore": "created < ?",
    "LastModifiedTimeAfter": "modified > ?",
    "LastModifiedTimeBefore": "modified < ?",
}


class Records:
    """All records of one ``kind``, which is the resource type in their ARNs (``training-job``)."""

    def __init__(self, db: Database, kind: str) -> None:
        self._db = db
        self.kind = kind
        with db.transaction():
            for statement in (_SCHEMA, *_INDEXES, _TAG_SCHEMA, _TAG_INDEX):
                db.execute(statement)

    def arn(self, name: str) -> str:
        """The ARN of a record of this kind."""
        return make_arn("sagemaker", f"{self.kind}/{name}")

    def add(self, name: str, record: dict[str, Any], *, status: str = "", created: float, parent: str = "") -> bool:
        """Keep a new record; False when the name is taken."""
        try:
            self._db.execute(
                "INSERT INTO sagemaker_records VALUES (?,?,?,?,?,?,?,?)",
                (self.kind, name, self.arn(name), parent, status, created, created, json.dumps(record)),
            )
        except sqlite3.IntegrityError:
            return False
        return True

    def get(self, name: str) -> dict[str, Any] | None:
        """The record of this name, or None."""
        row = self._db.one("SELECT body FROM sagemaker_records WHERE kind=? AND name=?", (self.kind, name))
        return json.loads(row["body"]) if row else None

    def save(self, name: str, record: dict[str, Any], *, status: str = "", modified: float) -> None:
        """Replace a record; nothing happens when it has been deleted."""
        self._db.execute(
            "UPDATE sagemaker_records SET body=?, status=?, modified=? WHERE kind=? AND name=?",
            (json.dumps(record), status, modified, self.kind, name),
        )

    def delete(self, name: str) -> bool:
        """Remove a record and its tags; False when there is none."""
        with self._db.transaction():
            self._db.execute("DELETE FROM sagemaker_tags WHERE arn=?", (self.arn(name),))
            gone = self._db.execute("DELETE FROM sagemaker_records WHERE kind=? AND name=?", (self.kind, name))
        return gone.rowcount > 0

    def all(self, statuses: Iterable[str] = (), parent: str | None = None) -> list[dict[str, Any]]:
        """All records in one of ``statuses`` (default: any) and of ``parent`` (default: any), the oldest first."""
        wanted = list(statuses)
        sql, args = "SELECT body FROM sagemaker_records WHERE kind=?", [self.kind]
        if wanted:
            sql += f" AND status IN ({','.join('?' * len(wanted))})"
            args += wanted
        if parent is not None:
            sql += " AND parent=?"
            args.append(parent)
        return [json.loads(row["body"]) for row in self._db.query(f"{sql} ORDER BY created, name", args)]

    def page(
        self,
        request: Mapping[str, Any],
        summarize: Callable[[dict[str, Any]], dict[str, Any]],
        *,
        parent: str | None = None,
        sort_by: str = "CreationTime",
        sort_order: str = "Ascending",
    ) -> tuple[list[dict[str, Any]], str | None]:
        """One page of a List operation: the summaries and the NextToken.

        Reads SageMaker's common members: NameContains, the four time filters, StatusEquals, SortBy, SortOrder,
        MaxResults and NextToken. Pages go by key, so rows that come or go in between shift nothing.
        """
        sql, args = "SELECT * FROM sagemaker_records WHERE kind=?", [self.kind]
        if parent is not None:
            sql += " AND parent=?"
            args.append(parent)
        for text, value in _filters(request):
            sql += f" AND {text}"
            args.append(value)
        column = _SORT_COLUMNS.get(request.get("SortBy", sort_by), "created")
        descending = request.get("SortOrder", sort_order) == "Descending"
        query_id = hashlib.sha256(json.dumps([sql, args, column, descending], default=str).encode()).hexdigest()[:16]
        if request.get("NextToken"):
            value, name = _read_token(request["NextToken"], query_id)
            sql += f" AND ({column}, name) {'<' if descending else '>'} (?, ?)"
            args += [value, name]
        direction = "DESC" if descending else "ASC"
        size = request.get("MaxResults", DEFAULT_PAGE)
        rows = self._db.query(f"{sql} ORDER BY {column} {direction}, name {direction} LIMIT ?", [*args, size + 1])
        token = None
        if len(rows) > size:
            rows = rows[:size]
            token = _write_token(rows[-1][column], rows[-1]["name"], query_id)
        return [summarize(json.loads(row["body"])) for row in rows], token


class Tags:
    """AddTags, ListTags and DeleteTags."""

    def __init__(self, db: Database) -> None:
        self._db = db
        db.execute(_SCHEMA)
        db.execute(_TAG_SCHEMA)

    def add(self, arn: str, tags: Iterable[Mapping[str, Any]]) -> None:
        """Set tags on a resource.

        A key twice, a key that begins with ``aws:`` or more than 50 tags in all: ValidationException, and nothing
        is changed.
        """
        keys = [tag["Key"] for tag in tags]
        if len(set(keys)) < len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise AwsError("ValidationException", f"Duplicate tag keys found: {twice} is given more than once.")
        _refuse_reserved(keys)
        with self._db.transaction():
            for tag in tags:
                self._db.execute(
                    "INSERT OR REPLACE INTO sagemaker_tags VALUES (?,?,?)", (arn, tag["Key"], tag["Value"])
                )
            if len(self.of(arn)) > MAX_TAGS:
                raise AwsError("ValidationException", f"The resource {arn} would have more than {MAX_TAGS} tags.")

    def of(self, arn: str) -> list[dict[str, str]]:
        """The tags of a resource, sorted by key."""
        rows = self._db.query("SELECT key, value FROM sagemaker_tags WHERE arn=? ORDER BY key", (arn,))
        return [{"Key": row["key"], "Value": row["value"]} for row in rows]

    def add_tags(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """AddTags."""
        self._must_exist(request["ResourceArn"])
        self.add(request["ResourceArn"], request["Tags"])
        return {"Tags": self.of(request["ResourceArn"])}

    def list_tags(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """ListTags, in pages of MaxResults (50 when it is left out)."""
        arn = request["ResourceArn"]
        self._must_exist(arn)
        after = _read_token(request["NextToken"], arn)[1] if request.get("NextToken") else ""
        tags = [tag for tag in self.of(arn) if tag["Key"] > after]
        size = request.get("MaxResults", MAX_TAGS)
        more = {"NextToken": _write_token("", tags[size - 1]["Key"], arn)} if len(tags) > size else {}
        return {"Tags": tags[:size], **more}

    def delete_tags(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """DeleteTags; keys that are not there are ignored."""
        self._must_exist(request["ResourceArn"])
        _refuse_reserved(request["TagKeys"])
        for key in request["TagKeys"]:
            self._db.execute("DELETE FROM sagemaker_tags WHERE arn=? AND key=?", (request["ResourceArn"], key))
        return {}

    def _must_exist(self, arn: str) -> None:
        if not self._db.query("SELECT 1 FROM sagemaker_records WHERE arn=?", (arn,)):
            raise AwsError("ValidationException", f"Could not find the resource {arn}.")


def _refuse_reserved(keys: Iterable[str]) -> None:
    for key in keys:
        if key.lower().startswith(_RESERVED):
            raise AwsError(
                "ValidationException",
                f"The tag key {key} is not valid: tag keys that begin with {_RESERVED} are reserved for AWS use.",
            )


def _filters(request: Mapping[str, object]) -> Iterable[tuple[str, Any]]:
    if request.get("NameContains"):
        yield "instr(lower(name), lower(?)) > 0", request["NameContains"]
    if request.get("StatusEquals"):
        yield "status = ?", request["StatusEquals"]
    for member, text in _TIME_FILTERS.items():
        moment = as_datetime(request.get(member))
        if moment is not None:
            yield text, moment.timestamp()


def _write_token(value: object, name: str, query_id: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([query_id, value, name]).encode()).decode()


def _read_token(token: str, query_id: str) -> tuple[Any, str]:
    invalid = AwsError("ValidationException", "NextToken is not valid: it belongs to another request.")
    try:
        parts = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise invalid from error
    if not isinstance(parts, list) or len(parts) != 3 or parts[0] != query_id:
        raise invalid
    return parts[1], parts[2]
