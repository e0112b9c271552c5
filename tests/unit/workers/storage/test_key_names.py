"""For any set of keys: what is reported as saved is on the disk with its bytes, and everything else is named."""

from __future__ import annotations

import random
import unicodedata
from pathlib import Path

import pytest

from workers.storage.key_names import FileRules, plan_download, rules_of, told

POSIX = FileRules(windows=False)
WINDOWS = FileRules(windows=True, folds_case=True)
MAC = FileRules(windows=False, folds_case=True, folds_accents=True)


def plan(keys, rules=POSIX, root="", dest=Path("/dest"), sizes=None):
    return plan_download(keys, root, dest, rules, sizes or {})


@pytest.mark.parametrize(
    ("rules", "keys", "refused"),
    [
        (POSIX, ["x//a.jpg", "x/a.jpg", "x/./a.jpg"], ["x//a.jpg", "x/./a.jpg"]),
        (POSIX, ["../a", "a/../../b", "/etc/passwd", "", ".", "a\0b"], None),
        (POSIX, ["a", "a/b"], ["a"]),
        (POSIX, ["a.jpg", "A.jpg", "a\\b", "CON", "a.", "a:b"], []),
        (WINDOWS, ["a.jpg", "A.jpg"], ["A.jpg"]),
        (WINDOWS, ["d/a.jpg", "D/A.JPG", "D/b.jpg"], ["D/A.JPG"]),
        (WINDOWS, ["CON", "aux.txt", "nul", "LPT1.tar.gz", "com¹", "x/Prn .txt"], None),
        (WINDOWS, ["console", "auxiliary.txt", "com10", "com.txt"], []),
        (WINDOWS, ["a.", "a ", "d./x", "d /x", "a\\b", "C:/x", "a?b", "a\tb", 'a"b'], None),
        (WINDOWS, ["x" * 256, "/".join(["y" * 100] * 3)], None),
        (MAC, ["caf\u00e9.jpg", "cafe\u0301.jpg", "CAFE\u0301.JPG"], ["cafe\u0301.jpg", "CAFE\u0301.JPG"]),
        (POSIX, ["caf\u00e9.jpg", "cafe\u0301.jpg"], []),
        (POSIX, ["x" * 255, "x" * 256, "\u00e9" * 128], ["x" * 256, "\u00e9" * 128]),
        (POSIX, ["/".join(["z" * 200] * 21)], None),
    ],
)
def test_what_cannot_be_saved_side_by_side_is_named(rules, keys, refused):
    made = plan(keys, rules)
    assert [key for key, _ in made.refused] == (keys if refused is None else refused)
    assert [key for key, _ in made.files] == [key for key in keys if key not in dict(made.refused)]
    assert all(reason for _, reason in made.refused)


def test_folder_marks_become_folders_and_what_only_looks_like_one_is_named():
    made = plan(["album/in/", "album/in/a.jpg", "set/", "full/", "album/"], root="", sizes={"full/": 5})
    assert [path for _, path in made.folders] == [Path("/dest/album/in"), Path("/dest/set"), Path("/dest/album")]
    assert [key for key, _ in made.files] == ["album/in/a.jpg"]
    assert [key for key, _ in made.refused] == ["full/"]
    assert plan(["album/"], root="album/").folders == [("album/", Path("/dest"))]


def test_a_folder_that_is_there_is_no_file(tmp_path):
    (tmp_path / "a").mkdir()
    assert plan(["a"], dest=tmp_path).refused == [("a", "a folder of this name is there already")]


def test_the_file_system_is_asked_how_it_takes_names_and_left_as_it_was(tmp_path):
    rules = rules_of(tmp_path / "not" / "there" / "yet")
    (tmp_path / "x").touch()
    assert rules.folds_case == (tmp_path / "X").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_the_first_refused_are_told_and_the_others_counted():
    assert told([("a", "x"), ("", "y"), ("c", "z"), ("d", "w")]) == "a: x; (empty): y; c: z; and 1 more"


class FoldingDisk:
    """A file system that takes names for one that ``rules`` take for one, as Windows and macOS do."""

    def __init__(self, rules):
        self.rules, self.files, self.folders = rules, {}, set()

    def _name(self, path):
        name = "/".join(path.relative_to("/dest").parts)
        if self.rules.folds_accents:
            name = unicodedata.normalize("NFC", name)
        return name.lower() if self.rules.folds_case else name

    def write(self, path, data):
        name = self._name(path)
        for end in range(1, len(name.split("/"))):
            above = "/".join(name.split("/")[:end])
            assert above not in self.files, "a file is where a folder has to be"
            self.folders.add(above)
        assert name not in self.folders, "a folder is where the file has to be"
        self.files[name] = data


PARTS = [
    "a", "A", "b", "", ".", "..", "con", "Aux.txt", "a.", "a ", "a\\b", "c:d", "x" * 300,
    "\u00e9", "e\u0301", "E\u0301", "stra\u00dfe", "a.jpg", "A.JPG",
]  # fmt: skip


@pytest.mark.parametrize("rules", [POSIX, WINDOWS, MAC], ids=["posix", "windows", "mac"])
def test_for_any_keys_the_number_reported_is_the_number_of_files(rules):
    for seed in range(400):
        dice = random.Random(f"keys/{seed}")
        keys = ["/".join(dice.choices(PARTS, k=dice.randint(1, 4))) for _ in range(dice.randint(1, 12))]
        root = ""
        made = plan(keys, rules, root, sizes={key: dice.choice([0, 0, 7]) for key in keys})
        listed = [*made.files, *made.folders, *made.refused]
        assert sorted(key for key, _ in listed) == sorted(set(keys)), (seed, keys)
        disk = FoldingDisk(rules)
        for key, path in made.files:
            assert Path("/dest") in path.parents
            disk.write(path, key.encode())
        assert len(disk.files) == len(made.files), (seed, keys)
        assert sorted(disk.files.values()) == sorted(key.encode() for key, _ in made.files)
        for _, path in made.folders:
            assert disk._name(path) not in disk.files or path == Path("/dest"), (seed, keys)
