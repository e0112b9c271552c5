"""Times of answers: read as botocore reads them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.utils import parse_timestamp

from workers.aws.times import moment

MOMENT = datetime(2026, 11, 28, 13, 45, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        1795873530,
        1795873530.25,
        "1795873530",
        "2026-11-28T13:45:30Z",
        "2026-11-28T13:45:30.250Z",
        "2026-11-28T13:45:30.123456789Z",
        "2026-11-28T13:45:30+00:00",
        "2026-11-28T14:45:30+0100",
        "Sat, 28 Nov 2026 13:45:30 GMT",
        "2026-11-28",
        "2026-11-28T13:45:30",
        "20261128T134530Z",
        -1.0,
        253402300800000,
    ],
)
def test_every_form_is_read_as_botocore_reads_it(value: object) -> None:
    try:
        wanted = parse_timestamp(value)
    except Exception as error:
        with pytest.raises(type(error)):
            moment(value)
    else:
        assert moment(value) == wanted


def test_the_usual_forms_are_in_utc() -> None:
    assert [moment(value).utcoffset() for value in (MOMENT.timestamp(), MOMENT.isoformat())] == [MOMENT.utcoffset()] * 2


@pytest.mark.parametrize("value", ["yesterday", "", None, "2026-13-41T99:00:00Z"])
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        moment(value)
