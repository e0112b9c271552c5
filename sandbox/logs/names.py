"""Names of log groups, read once: access control and the service must mean the same group."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sandbox.core.account import ACCOUNT_ID, REGION, arn
from sandbox.wire.errors import AwsError

_NAME = re.compile(r"[\w./#-]{1,512}")
_ARN = re.compile(rf"arn:aws:logs:{REGION}:{ACCOUNT_ID}:log-group:([^:*]+)(?::\*)?")


def group_name(params: Mapping[str, object]) -> str:
    """The group that a call names by ``logGroupName`` or ``logGroupIdentifier`` (a name or an ARN); "" for none.

    Raises ``AwsError`` InvalidParameterException for what is neither, and for both at once.
    """
    given = [params[member] for member in ("logGroupName", "logGroupIdentifier") if params.get(member)]
    if not given:
        return ""
    if len(given) == 2:
        raise _invalid("LogGroupName and logGroupIdentifier cannot be given together.")
    text = given[0]
    if not isinstance(text, str):
        raise _invalid("logGroupName must be a string.")
    found = _ARN.fullmatch(text)
    name = found[1] if found else text
    if not _NAME.fullmatch(name):
        raise _invalid(
            "1 validation error detected: Value at 'logGroupName' failed to satisfy constraint: "
            "1 to 512 characters of letters, digits, '_', '-', '/', '.' and '#'"
        )
    return name


def group_names(params: Mapping[str, Any]) -> list[str]:
    """The groups of a call that may name several (StartQuery, StartLiveTail), in any of the ways.

    Raises ``AwsError`` InvalidParameterException for two ways at once and for what names no group here.
    """
    ways = [member for member in ("logGroupName", "logGroupNames", "logGroupIdentifiers") if params.get(member)]
    if len(ways) > 1:
        raise _invalid("Only one of logGroupName, logGroupNames and logGroupIdentifiers can be given.")
    given = params[ways[0]] if ways else []
    member = "logGroupIdentifier" if ways == ["logGroupIdentifiers"] else "logGroupName"
    return [group_name({member: name}) for name in ([given] if isinstance(given, str) else given)]


def log_stream_arn(group: str, stream: str, region: str) -> str:
    """The ARN that CloudWatch Logs asks IAM about; without a stream for a whole group."""
    return arn("logs", f"log-group:{group}:log-stream:{stream}", region)


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)
