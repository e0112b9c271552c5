"""Which pictures a folder holds, how it is split, and which folders are refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sagedeck_training.data.dataset import DataError, check_unreadable, content_hash, read_dataset, readable_names


def tree(root: Path, *files: str) -> Path:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def many(split: str, folder: str, count: int) -> list[str]:
    return [f"{split}/{folder}/{number}.jpg".lstrip("/") for number in range(count)]


def test_readable_names_drop_numbers_and_underscores() -> None:
    assert readable_names(["004.Akita", "133.Yorkshire_terrier", "Boxer"]) == ["Akita", "Yorkshire terrier", "Boxer"]


def test_names_that_would_be_the_same_stay_folder_names() -> None:
    assert readable_names(["001.Akita", "002.Akita", "003.Pug"]) == ["001.Akita", "002.Akita", "Pug"]


def test_splits_and_classes_are_read_in_folder_order(tmp_path: Path) -> None:
    root = tree(tmp_path, *many("train", "b", 3), *many("train", "a", 2), *many("valid", "a", 1), *many("test", "b", 1))
    data = read_dataset(root, 0)
    assert data.folders == ["a", "b"]
    assert [(sample.path, sample.label) for sample in data.splits["train"]][:3] == [
        ("train/a/0.jpg", 0), ("train/a/1.jpg", 0), ("train/b/0.jpg", 1),
    ]  # fmt: skip
    assert [sample.label for sample in data.splits["test"]] == [1]


def test_other_names_of_the_validation_folder_and_a_top_folder_are_understood(tmp_path: Path) -> None:
    tree(tmp_path, *[f"dogs/{name}" for name in (*many("train", "a", 3), *many("train", "b", 3), *many("val", "a", 2))])
    data = read_dataset(tmp_path, 0)
    assert len(data.splits["valid"]) == 2 and data.root == tmp_path / "dogs"


def test_a_missing_validation_folder_is_made_up_reproducibly(tmp_path: Path) -> None:
    root = tree(tmp_path, *many("train", "a", 20), *many("train", "b", 20))
    first, again, other = read_dataset(root, 1), read_dataset(root, 1), read_dataset(root, 2)
    assert first.splits == again.splits != other.splits
    train, valid = ({sample.path for sample in first.splits[split]} for split in ("train", "valid"))
    assert len(valid) == 4 and len(train) == 36 and not train & valid
    assert any("valid" in note for note in first.notes)


def test_classes_without_splits_are_split_in_three(tmp_path: Path) -> None:
    data = read_dataset(tree(tmp_path, *many("", "a", 20), *many("", "b", 20)), 0)
    assert {split: len(samples) for split, samples in data.splits.items()} == {"train": 32, "valid": 4, "test": 4}


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([], "no class folders"),
        (["notes.txt"], "no class folders"),
        (many("train", "a", 3), "only one class, a"),
        ([*many("train", "a", 3), *many("train", "b", 3), "train/c/readme.md"], "no training pictures: c"),
        ([*many("train", "a", 3), *many("train", "b", 3), *many("test", "z", 1)], "train does not have: z"),
    ],
)
def test_folders_that_cannot_be_trained_on_say_why(tmp_path: Path, files: list[str], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_dataset(tree(tmp_path, *files), 0)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder"):
        read_dataset(tmp_path / "gone", 0)


def test_a_folder_that_cannot_be_listed_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree(tmp_path, *many("train", "a", 2), *many("train", "b", 2))
    listed = Path.iterdir

    def refuse(folder: Path) -> object:
        if folder == root / "train":
            raise PermissionError(13, "Keine Berechtigung", str(folder))
        return listed(folder)

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(DataError, match=r"cannot be read \(Permission denied: .*train\)"):
        read_dataset(root, 0)


def test_links_in_circles_end_and_are_named(tmp_path: Path) -> None:
    root = tree(tmp_path, *many("train", "a", 2), *many("train", "b", 2), *many("valid", "a", 1))
    (root / "train/loop").symlink_to(root / "train/loop")
    (root / "train/up").symlink_to(root)
    (root / "train/a/in").symlink_to(root / "train")
    data = read_dataset(root, 0)
    assert data.folders == ["a", "b"] and len(data.splits["train"]) == 4
    assert {path for path, _ in data.skipped} == {"train/loop", "train/up"}


def test_a_class_folder_may_be_a_link(tmp_path: Path) -> None:
    elsewhere = tree(tmp_path / "elsewhere", "1.jpg", "2.jpg")
    root = tree(tmp_path / "data", *many("train", "a", 2), *many("valid", "a", 1))
    (root / "train/b").symlink_to(elsewhere)
    assert len(read_dataset(root, 0).splits["train"]) == 4


def test_odd_names_are_kept_hidden_and_foreign_files_are_not(tmp_path: Path) -> None:
    odd = ["train/a/my dog.JPG", "train/a/two..dots.jpeg", "train/b/🐶 ü.png", "train/b/deep/er/x.webp"]
    root = tree(tmp_path, *odd, *many("valid", "a", 1), "train/a/.DS_Store", "train/a/notes.txt", "train/.git/x.jpg")
    data = read_dataset(root, 0)
    assert sorted(sample.path for sample in data.splits["train"]) == sorted(odd)
    assert data.skipped == [("train/a/notes.txt", "not the name of a picture file")]


def test_a_name_that_is_no_text_is_skipped_and_can_be_printed(tmp_path: Path) -> None:
    root = tree(tmp_path, *many("train", "a", 2), *many("train", "b", 2), *many("valid", "a", 1))
    Path(os.fsdecode(os.fsencode(root / "train/a") + b"/\xff.jpg")).write_bytes(b"x")
    data = read_dataset(root, 0)
    assert [reason for _, reason in data.skipped] == ["the name is not valid UTF-8"]
    assert data.skipped[0][0].encode()


def test_few_unreadable_pictures_pass_and_many_are_named(tmp_path: Path) -> None:
    root = tree(tmp_path, *many("train", "a", 50), *many("train", "b", 40), *many("valid", "a", 10))
    data = read_dataset(root, 0)
    bad = [(f"train/a/{number}.jpg", "it is damaged") for number in range(6)]
    check_unreadable(data, bad[:5], [0, 1])
    with pytest.raises(DataError, match=r"6 of 100 .*train/a/0\.jpg: it is damaged"):
        check_unreadable(data, bad, [0, 1])


def test_a_class_with_no_readable_picture_is_named(tmp_path: Path) -> None:
    root = tree(tmp_path, *many("train", "a", 60), *many("train", "b", 1), *many("valid", "a", 1))
    with pytest.raises(DataError, match=r"can be read of: b\. train/b/0\.jpg: it is empty"):
        check_unreadable(read_dataset(root, 0), [("train/b/0.jpg", "it is empty")], [0] * 60)


def test_the_content_hash_follows_names_and_bytes(tmp_path: Path) -> None:
    root = tree(tmp_path, "a/1.jpg", "a/2.jpg")
    before = content_hash(root, ["a/1.jpg", "a/2.jpg"])
    assert before == content_hash(root, ["a/2.jpg", "a/1.jpg"])
    (root / "a/1.jpg").write_bytes(b"other")
    assert before != content_hash(root, ["a/1.jpg", "a/2.jpg"])
