"""What an operator points at is read only when it is a file, and never beyond its bound."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from workers.errors.tree import InvalidInput, LocalProblem
from workers.files.os_words import NotAFile, os_sentence, os_words
from workers.files.regular_file import is_regular, read_regular
from workers.functions.code import MAX_ZIP_BYTES, read_code


def test_a_file_and_a_link_to_it_are_read_to_the_bound(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert read_regular(tmp_path / "link", 5) == b"12345" and is_regular(tmp_path / "link")
    with pytest.raises(OSError, match="too large") as told:
        read_regular(tmp_path / "a", 4)
    assert told.value.errno == errno.EFBIG


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with a name")
def test_a_pipe_and_a_device_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero.py").symlink_to("/dev/zero")
    for name in ("pipe", "zero.py"):
        assert not is_regular(tmp_path / name)
        with pytest.raises(NotAFile):
            read_regular(tmp_path / name, 10)
    with pytest.raises(LocalProblem, match=r"zero\.py: It is not a regular file\."):
        read_code(tmp_path / "zero.py")


def test_a_zip_over_lambdas_limit_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.zip").open("wb") as file:
        file.truncate(MAX_ZIP_BYTES + 1)
    with pytest.raises(InvalidInput, match="50 MB"):
        read_code(tmp_path / "a.zip")


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_no_error_of_the_system_is_told_in_the_systems_words(number: int) -> None:
    error = OSError(number, "Ist kein Verzeichnis", "/da")
    assert "Ist" not in os_words(error) and os_words(error)
    assert os_sentence(error) == f"{os_words(error)}: /da"


def test_what_is_shown_for_the_usual_errors_is_what_a_system_in_english_says() -> None:
    for number in (errno.ENOENT, errno.EACCES, errno.ENOTDIR, errno.ENOSPC, errno.EADDRINUSE, errno.ECONNREFUSED):
        assert os_words(OSError(number, "x")) == os.strerror(number)
    assert os_words(TimeoutError()) == "Timed out" and os_words(OSError("our own words")) == "our own words"


def test_nothing_shows_the_systems_words() -> None:
    """They come in the operator's language, and with numbers: ``os_words`` tells them."""
    root = Path(__file__).resolve().parents[4]
    # The keeper, what shuts its child in and an instance's first process run without our packages, where no language
    # was set.
    allowed = {"os_words.py", "keeper.py", "enclosure.py", "instance.py"}
    packages = ("console", "workers", "sandbox", "training", "lambda")
    sources = [path for package in packages for path in (root / package).rglob("*.py") if path.name not in allowed]
    found = [str(path.relative_to(root)) for path in sources if "strerror" in path.read_text(encoding="utf-8")]
    assert found == []
