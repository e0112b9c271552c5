"""The check, the split, the upload and the training read the same folder in the same way, however it is named."""

from __future__ import annotations

import random
import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from console.tabs.data.rows import ObjectRow
from console.tabs.predict import pictures as predict_pictures
from console.widgets.forms import drops
from sagedeck_training.data import folders
from sagedeck_training.data.dataset import DataError, read_dataset
from workers.datasets.findings import full_report
from workers.datasets.folder import DEFAULT_FRACTIONS
from workers.datasets.pictures import Opened
from workers.datasets.scan import scan
from workers.datasets.split import plan
from workers.errors.tree import LocalProblem
from workers.files import folder_rules
from workers.samples.child import split_sizes
from workers.types import DatasetReport
from workers.upload import scan as upload_scan

CAFE = ("café", unicodedata.normalize("NFD", "café"))
TOPS = (
    "train", "Train", "TRAINING", "train_set", "Training Data", "training-set", "val", "Val", "valid", "Validation",
    "validation_set", "test", "Testing", "test_images", "TestSet", "archive", "cats", "dogs", "@eaDir", ".git",
)  # fmt: skip
CLASSES = (
    "cats", "dogs", *CAFE, "birds", "@eaDir", "#recycle", "lost+found", "System Volume Information", "__MACOSX",
    ".thumbnails", "train", "Test",
)  # fmt: skip
FILES = ("a.jpg", "b.PNG", "c.jpeg", "Thumbs.db", "notes.txt", ".x.jpg", "deep/x.webp", "@eaDir/a.jpg", "zero.jpg")


def tree(root: Path, *files: str) -> Path:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def each(*folders_: str, count: int = 4) -> list[str]:
    return [f"{folder}/{number}.jpg" for folder in folders_ for number in range(count)]


def checked(root: Path) -> DatasetReport:
    """The check's report when every picture opens."""
    listed = scan(root)
    opened = {file.path: Opened(format="JPEG", shortest_side=9, digest=file.path) for file in listed.files}
    return full_report(listed, opened)


def codes(report: DatasetReport) -> set[str]:
    return {finding.code for finding in report.findings}


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("Train", "train"), ("TRAINING", "train"), ("train_set", "train"), ("Training Data", "train"),
        ("trainset", "train"), ("Val", "valid"), ("validation-set", "valid"), ("Valid", "valid"),
        ("testing", "test"), ("Test_Images", "test"), ("test.dataset", "test"),
        ("trains", None), ("retrain", None), ("contest", None), ("set", None), ("valley", None), ("trainer", None),
    ],
)  # fmt: skip
def test_what_a_folders_name_means(name: str, split: str | None) -> None:
    assert folders.split_of(name) == folder_rules.split_of(name) == split


@pytest.mark.parametrize(
    "name",
    ["@eaDir", "#recycle", "lost+found", "System Volume Information", ".thumbnails", "__MACOSX", "$RECYCLE.BIN",
     "Thumbs.db", "desktop.ini", "Icon\r", "@Recycle"],
)  # fmt: skip
def test_what_systems_and_network_storage_leave_is_no_class_and_is_not_sent(tmp_path: Path, name: str) -> None:
    root = tree(tmp_path, *each("train/a", "train/b", "valid/a", "test/b", f"train/{name}", f"test/{name}", name))
    assert read_dataset(root, 0).folders == ["a", "b"]
    assert scan(root).classes == ["a", "b"]
    assert not [file.name for file in upload_scan.scan(root).files if name in file.name]


@pytest.mark.parametrize("names", [("Train", "Val", "Test"), ("training", "validation", "testing"), ("train", "Val")])
def test_splits_by_other_names_are_splits_everywhere(tmp_path: Path, names: tuple[str, ...]) -> None:
    root = tree(tmp_path, *each(*[f"{name}/{folder}" for name in names for folder in ("cats", "dogs")]))
    data, report = read_dataset(root, 0), checked(root)
    assert data.folders == ["cats", "dogs"] and report.usable
    assert report.splits == ("train", "valid", "test")[: len(names)]
    assert {sample.path.split("/")[0] for sample in data.splits["valid"]} == {names[1]}


def test_two_folders_for_one_split_are_refused_by_both(tmp_path: Path) -> None:
    root = tree(tmp_path, *each("train/a", "train/b", "Training/a", "Training/b"))
    with pytest.raises(DataError, match="2 folders for train: Training, train"):
        read_dataset(root, 0)
    assert "two_folders" in codes(checked(root))
    with pytest.raises(LocalProblem, match="Training, train"):
        plan(scan(root), {"train": 0.8, "valid": 0.1, "test": 0.1}, 0)


def test_a_test_folder_without_a_train_folder_is_no_class(tmp_path: Path) -> None:
    root = tree(tmp_path, *each("Test/a", "Test/b", "val/a"))
    with pytest.raises(DataError, match="no train folder, only val, Test"):
        read_dataset(root, 0)
    assert "no_train" in codes(checked(root))


def test_a_class_that_is_called_like_a_split_is_a_class(tmp_path: Path) -> None:
    root = tree(tmp_path, *each("car", "bus", "train"))
    assert read_dataset(root, 0).folders == scan(root).classes == ["bus", "car", "train"]


def test_names_that_look_the_same_are_one_class(tmp_path: Path) -> None:
    root = tree(tmp_path, *each(f"train/{CAFE[0]}", "train/b", f"test/{CAFE[1]}", "test/b", f"valid/{CAFE[1]}"))
    data, report = read_dataset(root, 0), checked(root)
    assert data.folders == ["b", "café"] == [entry.folder for entry in report.classes]
    assert len(data.splits["test"]) == 8 and "unknown_classes" not in codes(report)
    assert (root / data.splits["test"][-1].path).exists()


@pytest.mark.parametrize("depth", ["PetImages", "archive/PetImages"])
def test_a_folder_around_the_classes_is_offered(tmp_path: Path, depth: str) -> None:
    root = tree(tmp_path, *each(f"{depth}/Cat", f"{depth}/Dog"), "readme.txt")
    finding = next(finding for finding in checked(root).findings if finding.severity == "error")
    assert (finding.code, finding.use, finding.title) == ("wrapped", depth, f"The classes are in {depth}")
    assert finding.detail == "2 classes: Cat, Dog"
    assert checked(root / finding.use).usable
    with pytest.raises(DataError, match="only one class"):
        read_dataset(root, 0)


def test_training_says_which_folder_to_give_instead(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="give PetImages itself"):
        read_dataset(tree(tmp_path, *each("PetImages/Cat", "PetImages/Dog")), 0)


@pytest.mark.parametrize(
    ("names", "noun"),
    [
        (["001.Akita", "002.Pug"], "breed"), (["n02085620-Beagle", "n02-border_collie"], "breed"),
        (["cats", "dogs"], "class"), (["Akita", "tulip", "rose"], "class"), (["daisy"], "class"),
    ],
)  # fmt: skip
def test_only_dogs_are_breeds(tmp_path: Path, names: list[str], noun: str) -> None:
    report = checked(tree(tmp_path, *each(*[f"train/{name}" for name in names], f"test/{names[0]}")))
    assert report.noun == noun
    told = " ".join(f"{finding.title} {finding.detail}" for finding in report.findings)
    assert ("breed" in told) == (noun == "breed") and "classs" not in told


def grown(root: Path, dice: random.Random) -> Path:
    """A folder of pictures as people have them: split by any names or not, with what lies around."""
    below = root / "archive" if dice.random() < 0.2 else root
    shared = dice.sample(CLASSES, 4)
    for top in dice.sample(TOPS, dice.choice((1, 2, 2, 3))):
        for folder in shared if dice.random() < 0.7 else dice.sample(CLASSES, dice.choice((0, 1, 2))):
            for name in dice.sample(FILES, 7 if dice.random() < 0.9 else dice.choice((0, 1, 2))):
                place = below / top / folder / name
                place.parent.mkdir(parents=True, exist_ok=True)
                if name == "zero.jpg":
                    place.symlink_to("/dev/zero")
                else:
                    place.write_bytes(str(place).encode())
        if dice.random() < 0.2:
            (below / top).mkdir(parents=True, exist_ok=True)
            (below / top / "loose.jpg").write_bytes(b"loose")
    root.mkdir(exist_ok=True)
    return root


@pytest.mark.parametrize("seed", range(8))
def test_check_training_split_and_upload_read_any_folder_alike(tmp_path: Path, seed: int) -> None:
    dice, usable = random.Random(seed), 0
    for number in range(60):
        root = grown(tmp_path / str(number), dice)
        listed, report = scan(root), checked(root)
        by_check = {(file.split, file.folder, file.path) for file in listed.files}
        sent = {file.name for file in upload_scan.scan(listed.root).files}
        assert {path for _, _, path in by_check} <= sent
        try:
            data = read_dataset(root, 0)
        except DataError as error:
            assert not report.usable, f"{error}; {sorted(path.relative_to(root) for path in root.rglob('*'))}"
            continue
        assert report.usable, f"{report.findings}; {sorted(path.relative_to(root) for path in root.rglob('*'))}"
        usable += 1
        by_training = {
            (split, data.folders[sample.label], sample.path)
            for split, samples in data.splits.items()
            for sample in samples
        }
        assert data.root == listed.root and data.folders == sorted(listed.folders[next(iter(listed.folders))])
        assert {entry[1:] for entry in by_training} == {entry[1:] for entry in by_check}
        if "valid" in listed.splits and any(split == "valid" for split, *_ in by_check):
            assert by_training == by_check
        try:
            placed = plan(listed, {"train": 0.8, "valid": 0.1, "test": 0.1}, 0)
        except LocalProblem:
            continue
        assert {item.source for item in placed} == {path for _, _, path in by_check}
    assert usable >= 3


ROOT = Path(__file__).parents[4]
# One list of these endings or names beside the one in folders.json would drift away from it.
_LISTS = re.compile(
    r"""["']\.jpe?g["'],\s*["']\.\w+["'] | thumbs\.db | @eadir | __macosx"""
    r"""| ["']train["'],\s*["']valid["'],\s*["']test""",
    re.I | re.X,
)


def test_there_is_no_second_list_of_splits_endings_and_ignored_names() -> None:
    found = [
        str(file.relative_to(ROOT))
        for room in ("console", "workers", "sandbox", "training", "lambda")
        for file in (ROOT / room).rglob("*.py")
        if _LISTS.search(file.read_text("utf-8"))
    ]
    assert found == []


def test_both_readers_have_the_same_rules() -> None:
    for name in ("SPLITS", "SHARES", "SUFFIXES"):
        assert getattr(folders, name) == getattr(folder_rules, name)


def test_a_set_without_splits_is_divided_alike_by_the_training_the_split_and_the_drawing(tmp_path: Path) -> None:
    root = tree(tmp_path, *each("cats", "dogs", count=40))
    trained = {split: len(samples) for split, samples in read_dataset(root, 0).splits.items()}
    placed = Counter(move.target.split("/")[0] for move in plan(scan(root), DEFAULT_FRACTIONS, 0))
    drawn = {split: 2 * size for split, size in split_sizes(40).items()}
    assert trained == placed == drawn == {"train": 64, "valid": 8, "test": 8}


def test_a_set_that_is_dropped_on_predict_has_the_pictures_that_the_check_sees(tmp_path: Path) -> None:
    root = tree(tmp_path, *(f"{top}/{file}" for top in ("cats", "@eaDir", ".git", "__MACOSX") for file in FILES))
    found = predict_pictures.find([root])
    assert {path.relative_to(root).as_posix() for path in found.paths} == {file.path for file in scan(root).files}
    assert found.others == 1
    for name in FILES:
        row = ObjectRow(f"set/{name}", name.rpartition("/")[2], 1)
        assert row.is_picture == folders.is_picture(name) == bool(drops.pictures([Path(name)]))
