"""Reports: kept, found again, exported; somebody's own files and other accounts' are left alone."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers.load import report_of
from workers.errors.tree import LocalProblem
from workers.load import reports as module
from workers.load.costs import endpoint_cost, function_cost
from workers.load.reports import Reports, as_csv, as_json, default_folder, export, new_id
from workers.load.running import problem_of
from workers.load.types import ErrorCount, LoadTarget, Second
from workers.types import Backend


def test_a_report_is_found_again_as_it_was(tmp_path: Path) -> None:
    kept = Reports(tmp_path / "new" / "folder")
    report = report_of()
    kept.keep(report)
    [listed] = kept.all(report.account, report.region)
    assert listed == replace(report, seconds=()) and kept.whole(report.id) == report
    assert kept.all("another", report.region) == () == kept.all(report.account, "eu-central-1")
    [file] = (tmp_path / "new" / "folder").iterdir()
    assert file.stat().st_mode & 0o077 == 0 and file.name == f"{report.id}.json"
    kept.forget(report.id)
    kept.forget(report.id)
    with pytest.raises(FileNotFoundError):
        kept.whole(report.id)
    assert kept.all(report.account, report.region) == ()


def test_two_sandboxes_have_one_account_number_and_reports_of_their_own() -> None:
    def sandbox(key: str) -> Backend:
        return Backend("sandbox", "Sandbox", "us-east-1", None, "http://127.0.0.1:1", key, "secret")

    folders = [default_folder(backend) for backend in (None, sandbox("AKONE"), sandbox("AKTWO"))]
    assert len(set(folders)) == 3 and default_folder(sandbox("AKONE")) == folders[1]
    assert "AKONE" not in str(folders[1])
    first, second = Reports(folders[1]), Reports(folders[2])
    first.keep(report_of())
    assert first.all(report_of().account, report_of().region)
    assert second.all(report_of().account, report_of().region) == () == Reports().all("123456789012", "us-east-1")
    first.forget(report_of().id)


def test_the_newest_come_first_and_the_oldest_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 3)
    kept, target = Reports(tmp_path), LoadTarget("endpoint", "a b/c", "V")
    for minute in range(5):
        began = 1_800_000_000.0 + 60 * minute
        kept.keep(replace(report_of(), id=new_id(began, target), began=began))
    found = kept.all(report_of().account, report_of().region)
    assert [report.began for report in found] == [1_800_000_000.0 + 60 * minute for minute in (4, 3, 2)]


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"version": 2}', '{"version": 1}', "null", '{"version": 1, "id": 5}']
)
def test_a_damaged_file_is_left_out(tmp_path: Path, damage: str) -> None:
    kept = Reports(tmp_path)
    kept.keep(report_of())
    (tmp_path / "20260101T000000-broken.json").write_text(damage)
    (tmp_path / "somebody's own.json").write_text("{}")
    assert len(kept.all(report_of().account, report_of().region)) == 1
    with pytest.raises(FileNotFoundError):
        kept.forget("../outside")


def test_a_folder_that_is_not_there_has_no_reports(tmp_path: Path) -> None:
    assert Reports(tmp_path / "none").all("1", "us-east-1") == ()


def test_the_table_has_a_line_a_second_and_a_column_for_each_error() -> None:
    report = replace(
        report_of(),
        seconds=(
            Second(0, 5, 5, 5, 0, 10.0, 20.0, 30.0),
            Second(1, 5, 5, 3, 2, None, None, None, (ErrorCount("=evil", 1), ErrorCount("Timeout", 1))),
        ),
        instances=((0.0, 1), (1.5, 2)),
    )
    head, first, second = csv.reader(io.StringIO(as_csv(report)))
    assert head[-2:] == ["'=evil", "Timeout"] and head[8] == "instances"
    assert first == ["0", "5", "5", "5", "0", "10.0", "20.0", "30.0", "1", "0", "0"]
    assert second == ["1", "5", "5", "3", "2", "", "", "", "2", "1", "1"]
    assert json.loads(as_json(report))["totals"]["intended"] == report.totals.intended


def test_an_export_is_written_whole_or_what_was_there_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = report_of()
    export(report, tmp_path / "a.csv")
    export(report, tmp_path / "a.json")
    assert (tmp_path / "a.csv").read_bytes().decode() == as_csv(report)
    assert json.loads((tmp_path / "a.json").read_text("utf-8")) == json.loads(as_json(report))
    before = (tmp_path / "a.csv").read_bytes()

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("workers.errors.saving.os.fsync", full)
    with pytest.raises(LocalProblem):
        export(replace(report, seconds=()), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == before and len(list(tmp_path.iterdir())) == 2


def test_what_ended_a_test_is_told() -> None:
    assert problem_of(report_of()) is None and problem_of(replace(report_of(), ended="cancelled")) is None
    gone = problem_of(replace(report_of(), ended="gone", reason="ValidationError: Endpoint e not found."))
    assert gone is not None and gone.message == "ValidationError: Endpoint e not found." and "report" in gone.hint
    broken = problem_of(replace(report_of(), ended="broken", reason="exit -9"))
    assert broken is not None and "stopped unexpectedly" in broken.title and broken.code == "exit -9"
    refused = problem_of(replace(report_of(), ended="refused", reason="AccessDeniedException"))
    assert refused is not None and refused.message == "AccessDeniedException"


def test_what_it_costs_is_reckoned_by_what_it_may_become() -> None:
    fixed = endpoint_cost(600, 2, 0, 0.115, 1000, 26_000)
    assert (fixed.dollars, fixed.more, fixed.gigabytes) == (0, 0, 0.026)
    assert endpoint_cost(600, 2, 0, None, 1000, 26_000).dollars == 0
    scaled = endpoint_cost(600, 1, 4, 0.1, 1000, 26_000)
    assert scaled.more == 3 and scaled.hours == 0.5 and scaled.dollars == pytest.approx(3 * 0.1 * 0.5)
    assert endpoint_cost(600, 1, 4, None, 1000, 1).dollars is None
    # Who may not read whether it scales is not told that it costs nothing.
    assert endpoint_cost(600, 1, None, 0.1, 1000, 1).dollars is None
    prices = {"request": 2e-7, "duration": 1.7e-5}
    assert function_cost(1000, 512, 30, prices).dollars == pytest.approx(1000 * (2e-7 + 30 * 0.5 * 1.7e-5))
    assert function_cost(1000, 512, 30, None).dollars is None
