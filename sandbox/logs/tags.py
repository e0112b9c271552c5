"""Tags of log groups: the operations of today, by ARN, and those of before, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.core.account import arn
from sandbox.logs.names import group_name
from sandbox.logs.store import Logs, no_such
from sandbox.service import Operation
from sandbox.wire.errors import AwsError

# CloudWatch Logs API Reference, TagResource.
MAX_TAGS = 50
_RESERVED = "aws:"
Members = dict[str, Any]


class LogTags:
    """The tags of all log groups."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self.operations: dict[str, Operation] = {
            "TagResource": lambda given, _: self.add(_named(given), given["tags"]),
            "UntagResource": lambda given, _: self._remove(_named(given), given["tagKeys"]),
            "ListTagsForResource": lambda given, _: {"tags": self.of(_named(given))},
            "TagLogGroup": lambda given, _: self.add(group_name(given), given["tags"]),
            "UntagLogGroup": lambda given, _: self._remove(group_name(given), given["tags"]),
            "ListTagsLogGroup": lambda given, _: {"tags": self.of(group_name(given))},
        }

    def of(self, group: str) -> dict[str, str]:
        """The tags of a group. Raises ResourceNotFoundException."""
        self._logs.group(group)
        rows = self._logs.db.query("SELECT key, value FROM log_tags WHERE grp=? ORDER BY key", (group,))
        return {row["key"]: row["value"] for row in rows}

    def tagged(self) -> dict[str, dict[str, str]]:
        """All groups that have tags, by ARN."""
        found: dict[str, dict[str, str]] = {}
        for row in self._logs.db.query("SELECT * FROM log_tags ORDER BY grp, key"):
            found.setdefault(arn("logs", f"log-group:{row['grp']}"), {})[row["key"]] = row["value"]
        return found

    def add(self, group: str, tags: Mapping[str, str]) -> Members:
        """Set tags; all of them or, beyond AWS's limits, none."""
        self.check(tags)
        with self._logs.db.transaction():
            if len({**self.of(group), **tags}) > MAX_TAGS:
                text = f"The resource {arn('logs', f'log-group:{group}')} would have more than {MAX_TAGS} tags."
                raise AwsError("TooManyTagsException", text)
            self._logs.db.executemany(
                "INSERT OR REPLACE INTO log_tags VALUES (?,?,?)", [(group, key, value) for key, value in tags.items()]
            )
        return {}

    def check(self, tags: Mapping[str, str]) -> None:
        """Raise InvalidParameterException for a key that AWS keeps for itself."""
        if reserved := [key for key in tags if key.lower().startswith(_RESERVED)]:
            raise AwsError("InvalidParameterException", f"The tag key {reserved[0]} is reserved for AWS use.")

    def _remove(self, group: str, keys: list[str]) -> Members:
        self._logs.group(group)
        self._logs.db.executemany("DELETE FROM log_tags WHERE grp=? AND key=?", [(group, key) for key in keys])
        return {}


def _named(given: Mapping[str, Any]) -> str:
    """The group that a request names by its ARN. Raises ResourceNotFoundException for another kind of resource."""
    prefix = arn("logs", "log-group:")
    if not given["resourceArn"].startswith(prefix):
        raise no_such("group")
    return str(given["resourceArn"]).removeprefix(prefix)
