"""Figures that stand beside each other speak of the same thing, or say that they do not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.tabs.compute.rows import COLUMNS
from console.tabs.data.upload_words import what_is_sent
from console.tabs.endpoints.functions.rows import FunctionRow, errors_text
from workers.functions.calls import FunctionCall
from workers.functions.types import Function
from workers.types import DatasetReport, Finding


def report(*codes: str, pictures: int = 79) -> DatasetReport:
    findings = tuple(Finding("warning", code, code) for code in codes)
    return DatasetReport(Path("d"), ("train",), (), pictures, 99, 30, {}, findings)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (report(), "79 pictures"),
        (report("no_test", "links"), "79 pictures"),
        (report(pictures=1), "1 picture"),
        (report("unreadable"), "the folder"),
        (report("not_pictures"), "the folder"),
        (report("other_folders"), "the folder"),
        (report(pictures=0), "the folder"),
        (None, "the folder"),
    ],
)
def test_an_upload_is_not_called_fewer_files_than_it_sends(found: DatasetReport | None, words: str) -> None:
    assert what_is_sent(found) == words


def test_an_instance_that_bills_has_cost_something() -> None:
    column = next(column for column in COLUMNS if column.key == "cost")
    assert column.format is not None
    assert [column.format(value, None) for value in (0.0, 0.0004, 0.36)] == ["$0.00", "<$0.01", "$0.36"]


@pytest.mark.parametrize(
    ("errors", "statuses", "words"),
    [
        (0, (502,), "0, answers of 500 and above not counted"),
        (1, (502, 502), "1, answers of 500 and above not counted"),
        (0, (200,), "0"),
        (0, (400,), "0"),
        (2, (502,), "2"),
        (None, (502,), ""),
    ],
)
def test_errors_that_lambda_does_not_count_are_named(errors: int | None, statuses: tuple[int, ...], words: str) -> None:
    function = Function("f", "arn", "python3.12", 512, 30, "role", None, errors=errors)
    calls = tuple(
        FunctionCall(datetime(2026, 1, 31, tzinfo=UTC), str(at), status=code) for at, code in enumerate(statuses)
    )
    assert errors_text(FunctionRow(function, calls)) == words
