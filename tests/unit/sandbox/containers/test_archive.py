"""Archives are checked before anything of them is kept."""

from __future__ import annotations

import gzip
import io
import os
import random
import struct
import tarfile
import zlib
from pathlib import Path
from typing import Any

import pytest

from sandbox.containers import archive as container_archive
from sandbox.containers.archive import ArchiveError, pack, unpack, walk


def make(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_a_packed_folder_comes_back(tmp_path: Path) -> None:
    source = tmp_path / "model"
    (source / "code").mkdir(parents=True)
    (source / "model.pth").write_bytes(b"weights" * 1000)
    (source / "code" / "inference.py").write_text("x = 1")
    (source / "code" / "naïve 😀.txt").write_text("y")
    os.link(source / "model.pth", source / "copy.pth")
    assert pack([source], tmp_path / "m.tar.gz") == 4
    assert unpack(tmp_path / "m.tar.gz", tmp_path / "out") == 4
    assert (tmp_path / "out" / "copy.pth").read_bytes() == b"weights" * 1000
    assert (tmp_path / "out" / "code" / "naïve 😀.txt").read_text() == "y"


def ways(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Level and strategy of each stream that is compressed from now on."""
    made: list[tuple[int, int]] = []
    compressobj = zlib.compressobj

    def remembered(level: int, wbits: int, strategy: int) -> Any:
        made.append((level, strategy))
        return compressobj(level, wbits=wbits, strategy=strategy)

    monkeypatch.setattr(container_archive.zlib, "compressobj", remembered)
    return made


def test_no_time_is_spent_on_what_compresses_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = ways(monkeypatch)
    dice = random.Random(1)
    drawn = [dice.gauss(0, 0.1) for _ in range(80_000)]
    weights = struct.pack("80000f", *drawn)
    features = struct.pack("80000e", *(max(0.0, value) for value in drawn))
    text = b"epoch=1 loss=0.25\n" * 20_000
    for name, content, most, way in (
        ("weights", weights, 1.1, (0, zlib.Z_DEFAULT_STRATEGY)),
        ("features", features, 1.03, (1, zlib.Z_HUFFMAN_ONLY)),
        ("text", text, 1.03, (1, zlib.Z_DEFAULT_STRATEGY)),
    ):
        source = tmp_path / name
        source.mkdir()
        (source / "large").write_bytes(content)
        (source / "small").write_bytes(b"0" * 1000)
        pack([source], tmp_path / f"{name}.tar.gz")
        assert unpack(tmp_path / f"{name}.tar.gz", tmp_path / "out" / name) == 2
        assert (tmp_path / "out" / name / "large").read_bytes() == content
        headers = 1000
        assert (tmp_path / f"{name}.tar.gz").stat().st_size < most * len(gzip.compress(content, 1)) + headers
        # The last one is the archive itself; before it, a sample is tried in all ways.
        assert made.pop() == way


def test_links_out_of_the_folder_and_loops_are_left_out(tmp_path: Path) -> None:
    source = tmp_path / "model"
    source.mkdir()
    (tmp_path / "secret").write_text("secret")
    (source / "a.txt").write_text("a")
    (source / "inside").symlink_to(source / "a.txt")
    (source / "outside").symlink_to(tmp_path / "secret")
    (source / "loop").symlink_to(source)
    (source / "self").symlink_to(source / "self")
    assert [name for name, _path in walk(source)] == ["a.txt", "inside"]


def test_the_first_host_wins_when_hosts_wrote_the_same_name(tmp_path: Path) -> None:
    for host in ("one", "two"):
        (tmp_path / host).mkdir()
        (tmp_path / host / "same").write_text(host)
        (tmp_path / host / host).write_text(host)
    assert pack([tmp_path / "one", tmp_path / "two"], tmp_path / "m.tar.gz") == 3
    unpack(tmp_path / "m.tar.gz", tmp_path / "out")
    assert (tmp_path / "out" / "same").read_text() == "one"
    assert (tmp_path / "out" / "two").read_text() == "two"


def test_an_empty_folder_makes_no_archive(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert pack([tmp_path / "empty"], tmp_path / "m.tar.gz") == 0
    assert not (tmp_path / "m.tar.gz").exists()


@pytest.mark.parametrize(
    ("info", "words"),
    [
        (member("../evil"), "outside"),
        (member("/etc/evil"), "outside"),
        (member("a/../../evil"), "outside"),
        (member("a\\..\\evil"), "outside"),
        (member("link", tarfile.SYMTYPE, "/etc/passwd"), "link"),
        (member("hard", tarfile.LNKTYPE, "../../x"), "link"),
        (member("device", tarfile.CHRTYPE), "neither"),
        (member("pipe", tarfile.FIFOTYPE), "neither"),
    ],
)
def test_a_dangerous_member_is_refused_and_nothing_stays(tmp_path: Path, info: tarfile.TarInfo, words: str) -> None:
    archive = make(tmp_path / "bad.tar.gz", (member("good.txt"), b"good"), (info, b""))
    with pytest.raises(ArchiveError, match=words):
        unpack(archive, tmp_path / "deep" / "out")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [archive]


def test_size_and_number_are_limited(tmp_path: Path) -> None:
    archive = make(tmp_path / "big.tar.gz", (member("zeros"), bytes(2_000_000)), (member("more"), b"x"))
    with pytest.raises(ArchiveError, match="more than 1000000 bytes"):
        unpack(archive, tmp_path / "out", max_bytes=1_000_000)
    with pytest.raises(ArchiveError, match="more than 1 members"):
        unpack(archive, tmp_path / "out", max_members=1)


@pytest.mark.parametrize("content", [b"", b"not a tar", b"\x1f\x8b\x08\x00broken"])
def test_what_is_no_archive_says_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.tar.gz").write_bytes(content)
    with pytest.raises(ArchiveError, match="not a readable"):
        unpack(tmp_path / "x.tar.gz", tmp_path / "out")


def test_a_cut_archive_says_so(tmp_path: Path) -> None:
    whole = make(tmp_path / "w.tar.gz", (member("data"), os.urandom(50_000)))
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(whole.read_bytes()[:20_000])
    with pytest.raises(ArchiveError, match="not a readable"):
        unpack(cut, tmp_path / "out")
    assert not (tmp_path / "out" / "data").exists()


def crowded(path: Path, count: int) -> None:
    """A small archive of ``count`` empty members."""
    header = tarfile.TarInfo("x").tobuf()
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(count // 1000):
            file.write(header * 1000)
        file.write(header * (count % 1000) + bytes(1024))


def test_too_many_members_are_refused_before_the_first_is_written(tmp_path: Path) -> None:
    crowded(tmp_path / "a.tar.gz", container_archive.MAX_MEMBERS + 1)
    with pytest.raises(ArchiveError, match="more than 100000 members"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "out", max_bytes=1)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("bad", ["../x", "/x", "a\\b"])
def test_nothing_is_written_when_a_later_member_is_refused(
    tmp_path: Path, bad: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def extract(*_: object) -> None:
        raise AssertionError("a member was read")

    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        for name in ("good", bad):
            info = tarfile.TarInfo(name)
            info.size = 3
            tar.addfile(info, io.BytesIO(b"abc"))
    monkeypatch.setattr(tarfile.TarFile, "extractfile", extract)
    with pytest.raises(ArchiveError, match="points outside"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "out")


def test_attributes_are_not_read_into_memory_without_limit(tmp_path: Path) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 2 * 1024**3
    (tmp_path / "a.tar").write_bytes(gzip.compress(header.tobuf() + bytes(4096)))
    with pytest.raises(ArchiveError, match="bytes of attributes"):
        unpack(tmp_path / "a.tar", tmp_path / "out")


def test_a_tar_that_is_not_compressed_is_no_tar_gz(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "model.tar.gz", "w") as tar:
        tar.addfile(member("model.pth"))
    with pytest.raises(ArchiveError, match=r"it is not a readable tar\.gz archive \(not a gzip file\)"):
        unpack(tmp_path / "model.tar.gz", tmp_path / "out")


def test_a_chain_of_long_names_is_refused(tmp_path: Path) -> None:
    long = tarfile.TarInfo("././@LongLink")
    long.type, long.size = tarfile.GNUTYPE_LONGNAME, 2
    chain = (long.tobuf() + b"a\0".ljust(512, b"\0")) * 5000 + bytes(1024)
    (tmp_path / "a.tar").write_bytes(gzip.compress(chain))
    with pytest.raises(ArchiveError):
        unpack(tmp_path / "a.tar", tmp_path / "out")
