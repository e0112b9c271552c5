"""A file for the operator is written whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from workers.errors.saving import save_whole
from workers.errors.tree import LocalProblem


def test_a_file_is_replaced_in_one_step_and_keeps_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "rows ä.csv"
    path.write_text("old")
    path.chmod(0o640)
    save_whole(path, "new: ä")
    assert path.read_text("utf-8") == "new: ä"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_one(tmp_path: Path) -> None:
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    real.write_text("old")
    link.symlink_to(real)
    save_whole(link, b"new")
    assert link.is_symlink() and real.read_bytes() == b"new"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_disk_that_fills_leaves_what_was_there(tmp_path: Path, monkeypatch: Any, number: int) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("old")

    def full(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LocalProblem) as told:
        save_whole(path, "new")
    assert "Nothing was written" in told.value.message
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_place_for_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for place in (tmp_path, tmp_path / "missing" / "rows.csv", tmp_path / "file" / "rows.csv", tmp_path / ("n" * 300)):
        with pytest.raises(LocalProblem):
            save_whole(place, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_name_that_is_no_text_is_written_as_python_and_json_escape_it(tmp_path: Path) -> None:
    save_whole(tmp_path / "rows.csv", "picture\n" + os.fsdecode(b"ok-\xff.jpg"))
    assert (tmp_path / "rows.csv").read_text("utf-8") == "picture\nok-\\udcff.jpg"
