"""Pages of a list that does not change while it is read: the token says how many rows were given."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sandbox.wire.errors import AwsError

# Where an operation names no page of its own.
DEFAULT_PAGE = 100

T = TypeVar("T")


def page(
    request: Mapping[str, Any], member: str, rows: Sequence[T], show: Callable[[T], Any], bad_token: AwsError
) -> dict[str, Any]:
    """The rows that ``MaxResults`` and ``NextToken`` ask for, as an answer. Raises ``bad_token`` for another token."""
    start = 0
    if request.get("NextToken"):
        try:
            start = int(base64.b64decode(request["NextToken"].encode()))
        except (ValueError, binascii.Error) as error:
            raise bad_token from error
    end = start + request.get("MaxResults", DEFAULT_PAGE)
    more = {"NextToken": base64.b64encode(str(end).encode()).decode()} if end < len(rows) else {}
    return {member: [show(row) for row in rows[start:end]], **more}
