"""What the list says of a function whose endpoint is not there."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from console.tabs.endpoints.functions.rows import FunctionRow
from workers.functions.types import Function


@pytest.mark.parametrize(
    ("orphan", "asleep", "word", "icon"),
    [
        (True, True, "Endpoint parked", "pause"),
        (True, False, "No endpoint", "warn"),
        (False, False, "Active", "ok"),
    ],
)
def test_an_endpoint_that_is_parked_is_not_called_gone(orphan: bool, asleep: bool, word: str, icon: str) -> None:
    function = Function("f", "arn:f", "python3.12", 512, 30, "arn:role/r", datetime.now(UTC), state="Active")
    row = FunctionRow(function, orphan=orphan, asleep=asleep)
    found = row.state
    assert (found if isinstance(found, str) else found.word) == word
    assert isinstance(found, str) or found.icon_name == icon
