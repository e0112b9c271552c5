"""Rows taken along: values for programs, texts for people, and nothing that breaks the form."""

from __future__ import annotations

import csv
import io
import json
import math
from datetime import UTC, datetime

from console.models.columns import Column
from console.models.taking import as_csv, as_json, as_markdown

COLUMNS = (
    Column("mark", "", kind="check"),
    Column("name", "Name", kind="name"),
    Column("count", "Count", kind="number", format=lambda value, _: f"{value} pieces"),
    Column("share", "Share", kind="number"),
    Column("at", "Made"),
    Column("state", "State", kind="state"),
    Column("line", "Line", kind="spark"),
)
ROWS = [
    {"name": 'a, "b"\n| c', "count": 3, "share": 0.5, "at": datetime(2026, 1, 31, tzinfo=UTC), "state": "InService"},
    {"name": "Ä=1+1", "count": None, "share": math.nan, "at": None, "state": "Failed"},
]


def test_csv_has_the_values_and_survives_a_round() -> None:
    rows = list(csv.reader(io.StringIO(as_csv(COLUMNS, ROWS))))
    assert rows == [
        ["Name", "Count", "Share", "Made", "State"],
        ['a, "b"\n| c', "3", "0.5", "2026-01-31T00:00:00+00:00", "InService"],
        ["Ä=1+1", "", "", "", "Failed"],
    ]


def test_a_name_that_a_spreadsheet_would_run_is_a_text_in_csv() -> None:
    (_, row) = csv.reader(io.StringIO(as_csv(COLUMNS, [{**ROWS[1], "name": "=HYPERLINK(1)"}])))
    assert row[0] == "'=HYPERLINK(1)"


def test_json_has_numbers_and_null() -> None:
    first, second = json.loads(as_json(COLUMNS, ROWS))
    assert first == {
        "name": 'a, "b"\n| c', "count": 3, "share": 0.5, "at": "2026-01-31T00:00:00+00:00", "state": "InService",
    }  # fmt: skip
    assert second["count"] is second["share"] is None


def test_markdown_is_one_line_a_row() -> None:
    assert as_markdown(COLUMNS, ROWS).splitlines() == [
        "| Name | Count | Share | Made | State |",
        "| --- | ---: | ---: | --- | --- |",
        f'| a, "b" \\| c | 3 pieces | 0.5 | {COLUMNS[4].text_of(ROWS[0])} | InService |',
        "| Ä=1+1 | – | nan | – | Failed |",
    ]
