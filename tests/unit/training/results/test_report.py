"""The figures of report.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from sagedeck_training.machine.distributed import Group
from sagedeck_training.results.report import class_scores, confusion_matrix, make_report, mistakes, write_report


def test_confusion_counts_truth_by_row_and_scores_follow() -> None:
    truth, answers = torch.tensor([0, 0, 0, 1, 1, 2]), torch.tensor([0, 0, 1, 1, 1, 0])
    counts = confusion_matrix(answers, truth, 3, Group())
    assert counts.tolist() == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    first, second, third = class_scores(["a", "b", "c"], counts)
    assert (first["precision"], first["recall"], first["support"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3), 3)
    assert (second["precision"], second["recall"], second["f1"]) == (pytest.approx(2 / 3), 1.0, pytest.approx(0.8))
    assert third == {"name": "c", "precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}


def test_the_report_goes_to_every_folder_and_reads_back(tmp_path: Path) -> None:
    report = make_report(
        ["a", "ü"],
        [{"epoch": 1}],
        torch.tensor([[3, 1], [0, 4]]),
        [("x.jpg", "it is empty")],
        {"seed": 0},
        {"total": 1.23456},
    )
    write_report(report, tmp_path / "model", None, tmp_path / "data")
    read = json.loads((tmp_path / "data" / "report.json").read_text(encoding="utf-8"))
    assert read == json.loads((tmp_path / "model" / "report.json").read_text(encoding="utf-8"))
    assert read["test_accuracy"] == 0.875 and read["classes"] == ["a", "ü"]
    assert read["skipped"] == [["x.jpg", "it is empty"]] and read["durations"] == {"total": 1.235}
    assert set(read) == {
        "classes", "curves", "test_accuracy", "scores", "confusion", "skipped", "settings", "durations",
    }  # fmt: skip


def test_without_test_pictures_there_is_no_accuracy() -> None:
    report = make_report(["a", "b"], [], torch.zeros(2, 2, dtype=torch.int64), [], {}, {})
    assert report["test_accuracy"] is None and report["scores"] == [] and report["confusion"] == []


def test_mistakes_name_the_picture_its_class_and_the_answer() -> None:
    assert mistakes(["a", "b", "c"], [0, 1, 2], [0, 2, 1]) == [("b", 1, 2), ("c", 2, 1)]
    assert mistakes(["a", "b"], [], []) == [], "a run that was stopped asked about none"
