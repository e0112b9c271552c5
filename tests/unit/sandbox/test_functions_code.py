from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest

from sandbox.errors import AwsError
from sandbox.functions_code import CodeStore


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
