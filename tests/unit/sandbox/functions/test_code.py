from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest

from sandbox.functions.code import CodeStore
from sandbox.wire.errors import AwsError


def zipped(**files: str | bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return buffer.getvalue()


def test_code_is_unpacked_once_and_kept_by_its_hash(tmp_path: Path) -> None:
    store = CodeStore(tmp_path)
    code = store.put(zipped(**{"handler.py": "x = 1", "package/inner.py": "y = 2"}))
    assert (code.folder / "package" / "inner.py").read_text() == "y = 2"
    assert store.put(zipped(**{"handler.py": "x = 1", "package/inner.py": "y = 2"})).folder == code.folder
    other = store.put(zipped(**{"handler.py": "x = 3"}))
    store.keep_only({other.sha256})
    assert not code.folder.exists() and other.folder.is_dir()


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil.py", "a/../../evil.py", "..\\evil.py", "C:/evil.py"])
def test_a_member_outside_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(AwsError, match="outside"):
        CodeStore(tmp_path / "store").put(zipped(**{"ok.py": "x", name: "evil"}))
    assert [path.name for path in tmp_path.rglob("*")] == ["store"]


def test_a_link_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(AwsError, match="is a link"):
        CodeStore(tmp_path).put(buffer.getvalue())


def test_what_is_no_zip_or_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AwsError, match="Could not unzip"):
        CodeStore(tmp_path).put(b"not a zip")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(251 * 1024 * 1024))
    with pytest.raises(AwsError, match="Unzipped size"):
        CodeStore(tmp_path).put(buffer.getvalue())
    assert list(tmp_path.iterdir()) == []


def test_an_empty_or_damaged_zip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AwsError, match="non-empty zip"):
        CodeStore(tmp_path).put(zipped())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("handler.py", b"x = 1\n" * 1000)
    data = bytearray(buffer.getvalue())
    data[45:60] = b"\xff" * 15
    with pytest.raises(AwsError, match="cannot be unpacked"):
        CodeStore(tmp_path).put(bytes(data))
    with pytest.raises(AwsError, match="Could not unzip"):
        CodeStore(tmp_path).put(buffer.getvalue()[:60])
    assert list(tmp_path.iterdir()) == []


def test_a_member_that_is_a_file_and_a_folder_or_has_an_endless_name_is_refused(tmp_path: Path) -> None:
    for files in ({"a": "file", "a/b.py": "x"}, {"x" * 300 + ".py": "x"}):
        with pytest.raises(AwsError, match="cannot be unpacked"):
            CodeStore(tmp_path).put(zipped(**files))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK])
def test_a_device_or_pipe_is_refused(tmp_path: Path, kind: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        member = zipfile.ZipInfo("dev")
        member.external_attr = (kind | 0o666) << 16
        archive.writestr(member, "")
    with pytest.raises(AwsError, match="only files and folders"):
        CodeStore(tmp_path).put(buffer.getvalue())


def test_a_size_that_the_zip_lies_about_is_not_believed(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(10_000_000))
    data = buffer.getvalue().replace((10_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    with pytest.raises(AwsError, match="cannot be unpacked"):
        CodeStore(tmp_path).put(data)
    assert list(tmp_path.iterdir()) == []
