"""Rows as others take them: JSON, Markdown and CSV (tab-separated text for the clipboard is ``models.table.tsv``).

JSON and CSV have the values, so that a program reads numbers and moments; Markdown has the texts that are shown.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from console.models.columns import Column
from workers.files.cells import harmless

# What has no text of its own.
_PICTURES = ("check", "spark")


def told_columns(columns: Sequence[Column]) -> list[Column]:
    """The columns that say something."""
    return [column for column in columns if column.kind not in _PICTURES and column.title]


def as_json(columns: Sequence[Column], rows: Iterable[Any]) -> str:
    """A list of objects with the columns' keys; what is not known is null."""
    shown = told_columns(columns)
    return json.dumps([{c.key: _value(c, row) for c in shown} for row in rows], ensure_ascii=False, indent=2)


def as_csv(columns: Sequence[Column], rows: Iterable[Any]) -> str:
    """A head with the columns' titles, then a line for each row; what is not known is empty."""
    shown = told_columns(columns)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([column.title for column in shown])
    for row in rows:
        values = (_value(column, row) for column in shown)
        # Names come from the account, where others write them too.
        writer.writerow([harmless(value) if isinstance(value, str) else value for value in values])
    return text.getvalue()


def as_markdown(columns: Sequence[Column], rows: Iterable[Any]) -> str:
    """A table as issues and wikis show it."""
    shown = told_columns(columns)
    lines = [_line(column.title for column in shown), _line("---:" if column.right else "---" for column in shown)]
    lines += [_line(column.text_of(row) for column in shown) for row in rows]
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(' '.join(cell.replace('|', chr(92) + '|').split()) for cell in cells)} |"


def _value(column: Column, row: Any) -> Any:
    value = column.value_of(row)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.isoformat()
    return column.text_of(row)
