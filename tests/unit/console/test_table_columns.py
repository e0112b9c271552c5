"""Which columns a table shows: what a list is read for, and names before what is secondary."""

from __future__ import annotations

import pytest

from console.models.columns import Column
from console.widgets.tables.columns import WHOLE_NAME, plan

OTHERS = [Column("state", "State"), Column("last", "Last use", priority=3), Column("tags", "Tags", priority=8)]
# Two alarms that Application Auto Scaling named, among endpoints and buckets.
NATURAL = [560.0, 100.0, 90.0, 120.0]


@pytest.mark.parametrize(
    ("yields", "shown"),
    [(False, [0, 1]), (True, [0, 1, 2, 3])],
    ids=["a list of names", "a list of everything"],
)
def test_long_names_hide_secondary_columns_unless_the_list_is_read_for_them(yields: bool, shown: list[int]) -> None:
    columns = [Column("name", "Name", kind="name", priority=0, yields=yields), *OTHERS]
    found = plan(columns, NATURAL, 700.0)
    assert sorted(found) == shown
    assert found[0] >= WHOLE_NAME and sum(found.values()) == pytest.approx(700.0)


def test_a_name_that_yields_is_whole_where_there_is_room() -> None:
    columns = [Column("name", "Name", kind="name", priority=0, yields=True), *OTHERS]
    assert plan(columns, NATURAL, 1000.0)[0] >= 560.0
