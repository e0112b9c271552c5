"""What an evaluation is handed on as: read again, harmless for a spreadsheet, written whole or not at all."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
from pathlib import Path

import pytest

from tests.helpers.evaluation import AKITA, HUSKY, PUG, answered, evaluation, jpeg
from workers.errors.tree import SageDeckError
from workers.evaluation import export
from workers.evaluation.comparing import compare
from workers.evaluation.measures import measure
from workers.evaluation.types import Answered


def some(folder: Path) -> list[Answered]:
    (folder / "a").mkdir()
    (folder / "a" / "2.jpg").write_bytes(jpeg(2))
    return [
        answered("a/1.jpg", AKITA, AKITA), answered("a/2.jpg", AKITA, "<b>Pug</b>", 0.9),
        answered("=cmd.jpg", "Wolf", HUSKY), Answered("b/4.jpg", PUG, "", error="It is damaged"),
    ]  # fmt: skip


def test_csv_has_a_row_for_each_picture(tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(export.as_csv(evaluation(some(tmp_path))))))
    assert [row["picture"] for row in rows] == ["'=cmd.jpg", "a/1.jpg", "a/2.jpg", "b/4.jpg"]
    assert [row["right"] for row in rows] == ["", "yes", "no", ""]
    assert rows[3]["error"] == "It is damaged" and rows[1]["class"] == AKITA and rows[1]["ms"] == "20.0"


def test_a_row_has_the_five_best_their_probability_and_every_time() -> None:
    labels = tuple(f"class {at}" for at in range(7))
    answer = Answered(
        "a.jpg", "class 0", "d1", labels, (0.5, 0.2, 0.1, 0.1, 0.05, 0.03, 0.02), 20.0, 0.0, 12.5, error=""
    )
    few = Answered("b.jpg", "class 1", "d2", ("class 0",), (0.75,))
    [first, second] = csv.DictReader(io.StringIO(export.as_csv(evaluation([answer, few], classes=labels))))
    assert list(first.values()) == [
        "a.jpg", "class 0", "class 0", "class 0", "0.5", "yes", "class 1", "class 2", "class 3", "class 4", "20.0",
        "0.0", "12.5", "", "d1",
    ]  # fmt: skip
    assert list(second.values()) == ["b.jpg", "class 1", "class 1", "class 0", "0.75", "no", *[""] * 8, "d2"]


def test_json_has_the_figures_and_every_answer(tmp_path: Path) -> None:
    made = evaluation(some(tmp_path))
    found = json.loads(export.as_json(made, measure(made)))
    assert found["version"] == 1 and found["figures"]["mistakes"] == ["a/2.jpg"]
    assert found["figures"]["judged"] == 2 and found["figures"]["unknown"] == [["Wolf", 1]]
    assert len(found["answers"]) == 4 and found["evaluation"]["target_words"] == "endpoint dogs"


def test_the_page_says_what_was_left_out_and_holds_its_pictures(tmp_path: Path) -> None:
    made = evaluation(some(tmp_path), folder=str(tmp_path))
    page = export.as_html(made, measure(made), {"Confusions": b"\x89PNG"})
    assert "no class for 1 of the folders: Wolf (1)" in page and "It is damaged" in page
    assert "<b>Pug</b>" not in page and "&lt;b&gt;Pug&lt;/b&gt;" in page
    assert page.count("data:image/png;base64,") == 1 and page.count("data:image/jpeg;base64,") == 1
    assert "http" not in page, "nothing is fetched from elsewhere"


def test_a_comparison_is_exported_too(tmp_path: Path) -> None:
    first = evaluation(some(tmp_path))
    second = evaluation([answered("a/1.jpg", AKITA, PUG), answered("a/2.jpg", AKITA, AKITA)], target="model:dogs-2")
    found = compare(first, second)
    rows = list(csv.DictReader(io.StringIO(export.comparison_csv(found))))
    assert [row["change"] for row in rows] == ["only first right", "only second right"]
    assert [(row["first_probability"], row["second_probability"]) for row in rows] == [("0.8", "0.8"), ("0.9", "0.8")]
    told = json.loads(export.comparison_json(first, second, found))
    assert "changes" not in told["counts"] and told["changes"][1]["first"]["probability"] == 0.9
    assert told["counts"]["only_first"] == 1 and told["second"]["target_words"] == "model of dogs-2 on this computer"
    page = export.comparison_html(first, second, found, (measure(first), measure(second)))
    assert "As many pictures speak for one as for the other." in page


def test_a_full_disk_leaves_what_was_there_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "report.csv"
    place.write_text("older")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("workers.errors.saving.os.fsync", full)
    with pytest.raises(SageDeckError, match=r"report\.csv"):
        export.save(place, lambda: "newer")
    assert place.read_text() == "older" and [path.name for path in tmp_path.iterdir()] == ["report.csv"]


@pytest.mark.parametrize("place", ["nowhere/report.csv", "file/report.csv", "folder"])
def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(SageDeckError):
        export.save(tmp_path / place, lambda: b"new")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]


def test_a_file_is_written_with_the_rights_of_any_other(tmp_path: Path) -> None:
    export.save(tmp_path / "a.csv", lambda: "x")
    (tmp_path / "b.csv").write_text("x")
    assert (tmp_path / "a.csv").stat().st_mode == (tmp_path / "b.csv").stat().st_mode
