"""The folder check says in plain words what a folder of pictures is good for; the split is reproducible."""

from __future__ import annotations

import asyncio
import os
import struct
import unicodedata
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from workers.datasets import scan as datasets_scan
from workers.datasets.folder import (
    DatasetProgress,
    check_folder,
    class_pictures,
    split_folder,
    split_name,
)
from workers.errors.tree import LocalProblem
from workers.types import DatasetReport, Finding

pytestmark = pytest.mark.timeout(180)
Splits = dict[str, dict[str, int]]
GOOD: Splits = {
    split: {"001.Akita": count, "002.Pug": count} for split, count in (("train", 4), ("valid", 1), ("test", 1))
}


def picture(path: Path, shade: int = 0, size: tuple[int, int] = (40, 30)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (shade % 256, shade // 256 % 256, 90)).save(path)
    return path


def build(root: Path, splits: Splits = GOOD) -> Path:
    shade = 0
    for split, classes in splits.items():
        for folder, count in classes.items():
            (root / split / folder).mkdir(parents=True, exist_ok=True)
            for index in range(count):
                shade += 7
                picture(root / split / folder / f"{index}.png", shade)
    return root


def check(folder: Path, on_progress: Callable[[DatasetProgress], None] | None = None) -> DatasetReport:
    return asyncio.run(check_folder(folder, on_progress))


def find(report: DatasetReport, code: str) -> Finding:
    found = [finding for finding in report.findings if finding.code == code]
    assert len(found) == 1, [finding.code for finding in report.findings]
    return found[0]


def codes(report: DatasetReport) -> set[str]:
    return {finding.code for finding in report.findings}


def test_a_good_folder(tmp_path: Path) -> None:
    picture(build(tmp_path / "dogs") / "train" / "001.Akita" / "tiny.jpg", 999, (21, 50))
    seen: list[DatasetProgress] = []
    report = check(tmp_path / "dogs", seen.append)
    assert report.usable
    assert not report.needs_split
    assert report.splits == ("train", "valid", "test")
    assert [(entry.name, entry.folder, dict(entry.counts)) for entry in report.classes] == [
        ("Akita", "001.Akita", {"train": 5, "valid": 1, "test": 1}),
        ("Pug", "002.Pug", {"train": 4, "valid": 1, "test": 1}),
    ]
    assert report.pictures == 13
    assert report.bytes == sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert (report.shortest_side, report.formats) == (21, {"PNG": 12, "JPEG": 1})
    assert find(report, "same_classes").title == "Same 2 breeds"
    assert find(report, "same_classes").detail == "in train, valid and test"
    assert find(report, "all_open").detail == "12 PNG, 1 JPEG, shortest side 21 px"
    early = [progress.early for progress in seen if progress.early]
    assert [(entry.name, entry.total) for entry in early[0].classes] == [("Akita", 7), ("Pug", 6)]
    assert report.classes[0].sample is not None
    assert report.classes[0].sample.exists()
    assert len(class_pictures(report, report.classes[0], "train")) == 5


def test_classes_alone_need_a_split(tmp_path: Path) -> None:
    build(tmp_path, {"": {"cats": 3, "dogs": 3}})
    report = check(tmp_path)
    assert report.usable
    assert report.needs_split
    assert find(report, "no_split").severity == "warning"
    assert [entry.total for entry in report.classes] == [3, 3]
    assert len(class_pictures(report, report.classes[1])) == 3


def test_an_empty_folder_and_no_folder(tmp_path: Path) -> None:
    report = check(tmp_path)
    assert find(report, "empty").severity == "error"
    assert not report.usable
    with pytest.raises(LocalProblem, match="does not exist"):
        check(tmp_path / "nowhere")
    with pytest.raises(LocalProblem, match="is a file"):
        check(picture(tmp_path / "a.png"))


def test_pictures_without_class_folders(tmp_path: Path) -> None:
    for index in range(3):
        picture(tmp_path / f"{index}.jpg", index)
    finding = find(check(tmp_path), "no_classes")
    assert finding.severity == "error"
    assert "3 pictures side by side" in finding.detail


def test_a_folder_of_other_things(tmp_path: Path) -> None:
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "letter.txt").write_text("dear")
    report = check(tmp_path)
    assert find(report, "no_pictures").severity == "error"
    assert report.classes == ()


def test_one_class_only(tmp_path: Path) -> None:
    report = check(build(tmp_path, {split: {"001.Akita": 2} for split in ("train", "valid", "test")}))
    assert not report.usable
    assert "Akita" in find(report, "one_class").detail
    assert not [finding for finding in report.findings if finding.code == "same_classes"]


def test_a_class_without_pictures_is_named(tmp_path: Path) -> None:
    report = check(build(tmp_path, {**GOOD, "train": {"001.Akita": 3, "002.Pug": 2, "003.Boxer": 0}}))
    finding = find(report, "empty_classes")
    assert (finding.severity, finding.title, finding.detail) == ("error", "1 breed without a picture in train", "Boxer")


def test_a_class_none_of_whose_pictures_opens_has_none(tmp_path: Path) -> None:
    build(tmp_path, {"train": {"a": 30, "b": 30, "c": 1}, "valid": {"a": 1, "b": 1}, "test": {"a": 1, "b": 1}})
    (tmp_path / "train" / "c" / "0.png").write_bytes(b"nothing")
    assert find(check(tmp_path), "empty_classes").paths == ("c",)


def test_missing_and_unknown_classes_of_a_split(tmp_path: Path) -> None:
    build(tmp_path, {"train": {"a": 2, "b": 2, "c": 2}, "valid": {"a": 1, "b": 1, "c": 1}, "test": {"a": 1, "d": 1}})
    report = check(tmp_path)
    missing, unknown = find(report, "missing_classes"), find(report, "unknown_classes")
    assert (missing.severity, missing.title) == ("warning", "2 classes are missing in test")
    assert (unknown.severity, unknown.title, unknown.paths) == ("error", "1 class of test is not in train", ("test/d",))
    assert "same_classes" not in codes(report)


def test_missing_splits(tmp_path: Path) -> None:
    report = check(build(tmp_path / "a", {"train": {"a": 2, "b": 2}}))
    assert {"no_valid", "no_test"} <= codes(report)
    assert report.usable
    report = check(build(tmp_path / "b", {"test": {"a": 2, "b": 2}}))
    assert find(report, "no_train").severity == "error"


@pytest.mark.parametrize("name", ["val", "validation"])
def test_other_names_of_the_validation_folder(tmp_path: Path, name: str) -> None:
    report = check(build(tmp_path, {"train": GOOD["train"], name: GOOD["valid"], "test": GOOD["test"]}))
    assert report.splits == ("train", "valid", "test")
    assert len(class_pictures(report, report.classes[0], "valid")) == 1


def test_the_splits_may_be_one_folder_deeper(tmp_path: Path) -> None:
    build(tmp_path / "download" / "dogImages")
    report = check(tmp_path / "download")
    assert report.root == tmp_path / "download" / "dogImages"
    assert find(report, "deeper").severity == "info"


def test_files_that_are_no_pictures(tmp_path: Path) -> None:
    build(tmp_path)
    (tmp_path / "train" / "001.Akita" / "notes.txt").write_text("x")
    (tmp_path / "train" / "001.Akita" / ".DS_Store").write_text("x")
    (tmp_path / "readme.md").write_text("x")
    picture(tmp_path / "train" / "loose.jpg")
    report = check(tmp_path)
    finding = find(report, "not_pictures")
    assert (finding.title, finding.detail) == ("2 files are not pictures", "the training will skip them")
    assert finding.paths == ("readme.md", "train/001.Akita/notes.txt")
    assert find(report, "loose").paths == ("train/loose.jpg",)
    assert report.usable


def test_a_few_damaged_pictures_are_a_warning_with_reasons(tmp_path: Path) -> None:
    build(tmp_path, {"train": {"a": 30, "b": 30}, "valid": {"a": 1, "b": 1}, "test": {"a": 1, "b": 1}})
    good = picture(tmp_path / "whole.jpg", 5, (300, 300)).read_bytes()
    (tmp_path / "whole.jpg").unlink()
    (tmp_path / "train" / "a" / "cut.jpg").write_bytes(good[: len(good) // 2])
    (tmp_path / "train" / "b" / "none.jpg").write_bytes(b"")
    report = check(tmp_path)
    finding = find(report, "unreadable")
    assert (finding.severity, finding.title) == ("warning", "2 pictures do not open")
    assert dict(zip(finding.paths, finding.notes, strict=True))["train/b/none.jpg"] == "the file is empty"
    assert "damaged" in dict(zip(finding.paths, finding.notes, strict=True))["train/a/cut.jpg"]
    assert report.usable
    assert report.pictures == 64
    assert "all_open" not in codes(report)


def test_over_five_percent_damaged_is_an_error(tmp_path: Path) -> None:
    build(tmp_path)
    (tmp_path / "train" / "001.Akita" / "0.png").write_bytes(b"not a picture")
    finding = find(check(tmp_path), "too_many_unreadable")
    assert finding.severity == "error"
    assert finding.title == "1 of 12 pictures does not open"
    assert finding.notes == ("it is not a picture",)


def test_a_picture_of_600_megapixels_is_refused_and_not_decoded(tmp_path: Path) -> None:
    build(tmp_path, {"train": {"a": 30, "b": 30}, "valid": {"a": 1, "b": 1}, "test": {"a": 1, "b": 1}})
    header = struct.pack(">IIBBBBB", 30_000, 20_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    (tmp_path / "train" / "a" / "bomb.png").write_bytes(data)
    finding = find(check(tmp_path), "too_large")
    assert finding.title == "1 picture claims 600 megapixels"
    assert finding.paths == ("train/a/bomb.png",)


def test_the_same_picture_in_two_splits_and_in_two_classes(tmp_path: Path) -> None:
    build(tmp_path)
    data = (tmp_path / "train" / "001.Akita" / "0.png").read_bytes()
    (tmp_path / "test" / "001.Akita" / "copy.png").write_bytes(data)
    (tmp_path / "train" / "002.Pug" / "copy.png").write_bytes(data)
    report = check(tmp_path)
    finding = find(report, "duplicates")
    assert (finding.title, finding.detail) == ("1 picture is in both train and test", "scores would flatter the model")
    assert finding.paths == ("test/001.Akita/copy.png",)
    assert finding.notes == ("the same as train/001.Akita/0.png",)
    assert find(report, "two_classes").paths == ("train/002.Pug/copy.png",)


def test_names_with_spaces_emoji_and_dots(tmp_path: Path) -> None:
    folder = "003.Border collie 🐕 a..b"
    build(tmp_path, {split: {**classes, folder: 2} for split, classes in GOOD.items()})
    picture(tmp_path / "train" / folder / "..two dots é.png", 4000)
    picture(tmp_path / "train" / folder / "with space ü🐾.png", 5000)
    report = check(tmp_path)
    assert report.usable
    assert [entry.name for entry in report.classes][-1] == "Border collie 🐕 a..b"
    # A name that begins with a dot is a hidden file.
    assert report.classes[-1].counts["train"] == 3


def test_link_loops_end_and_are_told(tmp_path: Path) -> None:
    build(tmp_path)
    (tmp_path / "train" / "003.Loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "train" / "004.Self").symlink_to(tmp_path / "train" / "004.Self")
    (tmp_path / "train" / "001.Akita" / "up").symlink_to(tmp_path / "train", target_is_directory=True)
    (tmp_path / "train" / "001.Akita" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    report = check(tmp_path)
    finding = find(report, "links")
    assert set(finding.paths) == {
        "train/003.Loop",
        "train/004.Self",
        "train/001.Akita/up",
        "train/001.Akita/gone.png",
    }
    assert len(report.classes) == 2
    assert report.pictures == 12


def test_a_class_folder_may_be_a_link_to_elsewhere(tmp_path: Path) -> None:
    build(tmp_path / "dogs")
    picture(tmp_path / "elsewhere" / "a.png", 3000)
    (tmp_path / "dogs" / "train" / "003.Boxer").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert [entry.counts["train"] for entry in check(tmp_path / "dogs").classes] == [4, 4, 1]


def test_a_folder_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(tmp_path)
    listed = datasets_scan._entries

    def refuse(folder: Path) -> list[os.DirEntry[str]]:
        if folder.name == "002.Pug":
            raise PermissionError(13, "Permission denied", str(folder))
        return listed(folder)

    monkeypatch.setattr(datasets_scan, "_entries", refuse)
    result = datasets_scan.scan(tmp_path)
    assert result.denied == ["train/002.Pug", "valid/002.Pug", "test/002.Pug"]
    assert len(result.files) == 6


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_chosen_folder_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o000)
    with pytest.raises(LocalProblem, match="may not read"):
        check(tmp_path / "closed")


def test_the_pictures_of_a_class_are_found_however_its_accents_are_written(tmp_path: Path) -> None:
    wide = unicodedata.normalize("NFD", "é")
    build(tmp_path, {"Train": {"é": 2, "b": 2}, "Val": {wide: 1, "b": 1}, "test set": {wide: 1, "b": 1}})
    report = check(tmp_path)
    assert report.usable and [entry.folder for entry in report.classes] == ["b", "é"]
    assert [len(class_pictures(report, report.classes[1], split)) for split in report.splits] == [2, 1, 1]


def test_a_device_and_a_pipe_are_told_and_not_opened(tmp_path: Path) -> None:
    build(tmp_path)
    (tmp_path / "train" / "001.Akita" / "zero.jpg").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "train" / "001.Akita" / "pipe.jpg")
    report = check(tmp_path)
    assert find(report, "not_pictures").paths == ("train/001.Akita/pipe.jpg", "train/001.Akita/zero.jpg")
    assert report.usable and report.pictures == 12
    assert len(class_pictures(report, report.classes[0], "train")) == 4


def test_a_folder_beside_the_splits_is_told(tmp_path: Path) -> None:
    picture(build(tmp_path) / "extra" / "a" / "0.png")
    finding = find(check(tmp_path), "other_folders")
    assert (finding.title, finding.paths) == ("1 folder beside train, valid and test", ("extra",))


def test_cancelling_the_check_ends_its_child(tmp_path: Path) -> None:
    build(tmp_path, {"train": {"a": 300, "b": 300}})

    async def body() -> None:
        begun = asyncio.Event()
        task = asyncio.create_task(check_folder(tmp_path, lambda progress: begun.set()))
        await asyncio.wait_for(begun.wait(), 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(body())


def flat(root: Path, classes: int = 2, count: int = 20) -> Path:
    return build(root, {"": {f"{index:03d}.Breed": count for index in range(1, classes + 1)}})


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.png")}


def split(src: Path, dest: Path | None = None, seed: int = 0, fractions: dict[str, float] | None = None) -> Path:
    return asyncio.run(split_folder(src, dest, fractions, seed)).folder


def test_a_split_is_stratified_reproducible_and_leaves_the_source(tmp_path: Path) -> None:
    source = flat(tmp_path / "dogs")
    before = {path: path.read_bytes() for path in source.rglob("*.png")}
    made = split(source)
    assert made == tmp_path / "dogs-split"
    report = check(made)
    assert [dict(entry.counts) for entry in report.classes] == [{"train": 16, "valid": 2, "test": 2}] * 2
    assert report.usable
    assert {path: path.read_bytes() for path in source.rglob("*.png")} == before

    again = split(source)
    assert again == tmp_path / "dogs-split-2" != split_name(source)
    assert names(again) == names(made)
    assert names(split(source, tmp_path / "other", seed=1)) != names(made)


def test_a_split_keeps_copies_of_a_picture_together(tmp_path: Path) -> None:
    source = flat(tmp_path / "dogs", count=6)
    for index in range(14):
        (source / "001.Breed" / f"copy{index}.png").write_bytes((source / "001.Breed" / "0.png").read_bytes())
    assert "duplicates" not in codes(check(split(source)))


def test_a_split_by_other_fractions(tmp_path: Path) -> None:
    made = split(flat(tmp_path / "dogs"), fractions={"train": 0.5, "valid": 0.25, "test": 0.25})
    assert [dict(entry.counts) for entry in check(made).classes] == [{"train": 10, "valid": 5, "test": 5}] * 2


def test_a_half_split_folder_is_split_anew(tmp_path: Path) -> None:
    source = build(tmp_path / "dogs", {"train": {"a": 8, "b": 8}, "test": {"a": 4, "b": 4}})
    report = check(split(source))
    assert report.splits == ("train", "valid", "test")
    assert report.pictures == 24


def test_a_split_refuses_to_overwrite_and_too_few_pictures(tmp_path: Path) -> None:
    source = flat(tmp_path / "dogs")
    with pytest.raises(LocalProblem, match="not empty"):
        split(source, source.parent)
    with pytest.raises(LocalProblem, match="inside"):
        split(source, source / "new")
    picture(source / "003.Rare" / "0.png", 9999)
    with pytest.raises(LocalProblem, match=r"003\.Rare"):
        split(source)
    assert [path.name for path in tmp_path.iterdir()] == ["dogs"]
