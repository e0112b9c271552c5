"""Files for the operator, written whole or not at all: exports of lists, of charts, of an evaluation.

The text goes into a file beside the wanted one and takes its place in one step: a full disk or a forbidden folder
leaves what was there before, and nothing half-written.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from workers.errors.tree import LocalProblem
from workers.files.os_words import os_words


def save_whole(path: Path, content: str | bytes) -> None:
    """Replace ``path`` by ``content`` (text as UTF-8) in one step, with the usual rights of a new file. Blocking.

    What is no letter (a file's name may have such bytes) is written as JSON and Python escape it: ``\\udcff``.
    Raises ``LocalProblem`` that says why and that nothing was written.
    """
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    # A link stays one: what it leads to is replaced.
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        if target.exists() and not target.is_file():
            raise LocalProblem("The file was not saved", f"{path} is not a file. Nothing was written.")
        with beside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            beside.chmod(target.stat().st_mode & 0o777)
        beside.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise LocalProblem(
            "The file was not saved",
            f"{path}: {os_words(error)}. Nothing was written, and what was there before is as it was.",
            "Choose another folder, or make room there.",
        ) from error
