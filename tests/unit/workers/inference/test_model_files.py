"""A model's archive: only the weights and classes of an honest one come to the disk, and whole or not at all."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from workers.errors.tree import LocalProblem
from workers.inference import model_files

ABOUT = json.dumps({"classes": ["Akita", "Pug"], "backbone": "efficientnet_lite0", "image_size": 224}).encode()
Add = Callable[[tarfile.TarFile], None]


def file(name: str, data: bytes = b"x") -> Add:
    def add(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))

    return add


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> Add:
    def add(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        tar.addfile(info)

    return add


def archive(*members: Add) -> io.BytesIO:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for member in members:
            member(tar)
    return io.BytesIO(out.getvalue())


GOOD = (file("./classes.json", ABOUT), file("model.pth", b"weights"), file("code/inference.py", b"evil()"))


def test_only_weights_and_classes_are_taken(tmp_path: Path) -> None:
    folder = model_files.unpack(archive(*GOOD), "m", tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["classes.json", "model.pth"]
    assert (folder / "model.pth").read_bytes() == b"weights"


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ((*GOOD, file("../model.pth")), "outside of itself"),
        ((*GOOD, file("/etc/passwd")), "outside of itself"),
        ((*GOOD, file("a\\..\\..\\b")), "outside of itself"),
        ((link("model.pth", "/etc/passwd"), GOOD[0]), "is not a file"),
        ((GOOD[0], link("other", "/etc/passwd"), GOOD[1]), "a link or a device"),
        ((GOOD[0], link("fifo", "", tarfile.FIFOTYPE), GOOD[1]), "a link or a device"),
        ((GOOD[0], link("model.pth", "classes.json", tarfile.LNKTYPE)), "is not a file"),
        ((GOOD[1],), "no classes.json"),
        ((GOOD[0],), "no model.pth"),
        ((file("classes.json", b"{}"), GOOD[1]), "not one of SageDeck's script"),
        ((file("classes.json", b'{"classes": [1], "backbone": "x", "image_size": 2}'), GOOD[1]), "not one of"),
        ((file("classes.json", b"[" * 3000), GOOD[1]), "not one of SageDeck's script"),
        ((), "no model.pth and no classes.json"),
    ],
)
def test_what_is_no_honest_model_leaves_nothing(tmp_path: Path, members: tuple[Add, ...], words: str) -> None:
    with pytest.raises(LocalProblem, match=words):
        model_files.unpack(archive(*members), "m", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_too_large_weights_and_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_files, "MAX_WEIGHTS_BYTES", 100)
    with pytest.raises(LocalProblem, match="MB"):
        model_files.unpack(archive(GOOD[0], file("model.pth", b"x" * 101)), "m", tmp_path)
    monkeypatch.setattr(model_files, "MAX_READ_BYTES", 1000)
    with pytest.raises(LocalProblem, match="more than any model"):
        model_files.unpack(archive(file("big", bytes(5000)), *GOOD), "m", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cut", [0, 1, 20, 60])
def test_a_damaged_archive_is_told(tmp_path: Path, cut: int) -> None:
    data = archive(*GOOD).getvalue()
    for damaged in (data[: len(data) - cut] if cut else b"no gzip at all", data[:30] + b"\xff\xff\xff" + data[33:]):
        if damaged == data:
            continue
        with pytest.raises(LocalProblem):
            model_files.unpack(io.BytesIO(damaged), "m", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_replaced_archive_is_another_model_and_old_ones_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_files, "MOST_KEPT", 2)
    names = [model_files.name_of("s3://b/m.tar.gz", etag, 10) for etag in ("one", "two", "three")]
    assert len(set(names)) == 3
    for name in names:
        model_files.unpack(archive(*GOOD), name, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    assert model_files.kept("s3://b/m.tar.gz", "four", 10, tmp_path) is None
