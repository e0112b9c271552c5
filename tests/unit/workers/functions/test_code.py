"""An operator's code is checked before it is sent: what is in it, what may not be, and which handlers it offers."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest

from workers.errors.tree import InvalidInput, LocalProblem
from workers.functions.code import check_code, package, read_code

COURSE = (
    "import boto3\nruntime = None\ndef helper(one):\n  return one\ndef lambda_handler(event, context):\n  return {}\n"
)


def zipped(*members: tuple[str | zipfile.ZipInfo, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in members:
            archive.writestr(name, text)
    return buffer.getvalue()


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def test_a_zip_offers_its_handlers_the_usual_one_first(tmp_path: Path) -> None:
    path = tmp_path / "mine.zip"
    other = "def a_handler(event, context): pass\n"
    path.write_bytes(
        zipped(("aaa.py", other), ("lambda_function.py", COURSE), ("lib/tools.py", COURSE), ("broken.py", "def ("))
    )
    code = read_code(path)
    assert code.handlers == ("lambda_function.lambda_handler", "aaa.a_handler")
    assert code.files == 4 and code.data == path.read_bytes()
    assert code.handler_problem("lambda_function.lambda_handler") == ""
    assert code.handler_problem("lib/tools.lambda_handler") == "" == code.handler_problem("lib.tools.lambda_handler")
    assert "no module gone" in code.handler_problem("gone.handler")
    assert code.handler_problem("lambda_handler")


def test_one_python_file_is_zipped(tmp_path: Path) -> None:
    path = tmp_path / "lambda_function.py"
    path.write_text(COURSE)
    code = read_code(path)
    with zipfile.ZipFile(io.BytesIO(code.data)) as archive:
        assert archive.read("lambda_function.py").decode() == COURSE
    assert code.handlers == ("lambda_function.lambda_handler",)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"no zip at all", "is no zip"),
        (zipped(), "is empty"),
        (zipped(("a.py", ""), ("../evil.py", "")), r"'\.\./evil\.py' would be written outside"),
        (zipped(("lib/../../evil.py", "")), "would be written outside"),
        (zipped(("/etc/evil.py", "")), "would be written outside"),
        (zipped(("C:/evil.py", "")), "would be written outside"),
        (zipped(("..\\evil.py", "")), "would be written outside"),
        (zipped((link("passwd"), "/etc/passwd")), "is a link"),
    ],
)
def test_bad_zips_are_refused_with_the_member_at_fault(data: bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as refused:
        check_code("mine.zip", data)
    assert "Nothing was sent." in refused.value.message


def test_a_bomb_is_refused_without_unpacking_it() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("zeros.bin", "w") as member:
        for _ in range(251):
            member.write(bytes(1024 * 1024))
    with pytest.raises(InvalidInput, match="larger than 250 MB"):
        check_code("bomb.zip", buffer.getvalue())


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(LocalProblem, match=r"gone\.zip"):
        read_code(tmp_path / "gone.zip")


def test_our_own_package_passes_its_own_check() -> None:
    assert check_code("predict.zip", package()).handlers[0] == "handler.handler"
