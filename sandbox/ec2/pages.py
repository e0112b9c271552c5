"""``MaxResults`` and ``NextToken`` of EC2's Describe operations."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from sandbox.wire.errors import AwsError

# The most that a Describe operation of EC2 gives in one page.
_MOST = 1000


def page(
    members: dict[str, Any], rows: Sequence[Any], *, whole: bool = False, least: int = 5
) -> tuple[list[Any], dict[str, str]]:
    """The rows of one page, and the NextToken as a member. ``whole``: ids were named, so there are no pages."""
    wanted = members.get("MaxResults")
    if wanted is not None and whole:
        text = "The parameter instancesSet cannot be used with the parameter maxResults"
        raise AwsError("InvalidParameterCombination", text)
    if wanted is not None and wanted < least:
        text = f"Value ( {wanted} ) for parameter maxResults is invalid. Expecting a value greater than {least}."
        raise AwsError("InvalidParameterValue", text)
    start = 0
    if token := members.get("NextToken"):
        try:
            start = int(base64.b64decode(token.encode()))
        except (ValueError, binascii.Error) as exc:
            raise AwsError("InvalidNextToken", "The token is not valid.") from exc
    end = start + min(wanted, _MOST) if wanted else len(rows)
    more = {"NextToken": base64.b64encode(str(end).encode()).decode()} if end < len(rows) and not whole else {}
    return list(rows[start:] if whole else rows[start:end]), more
