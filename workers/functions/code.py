"""The code of functions: SageDeck's own handler as a zip, and an operator's zip checked before it is sent."""

from __future__ import annotations

import ast
import errno
import io
import stat
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from workers.errors.tree import InvalidInput, LocalProblem
from workers.files.os_words import os_words
from workers.files.regular_file import read_regular
from workers.paths import PREDICT_FUNCTION

HANDLER = "handler.handler"
# Lambda's quotas for code that is sent with the request, and for the code unzipped.
MAX_ZIP_BYTES = 50 * 1024 * 1024
MAX_UNZIPPED_BYTES = 250 * 1024 * 1024
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_ENCRYPTED = 0x1
# What is looked through for handlers: a module that is larger was not written by hand.
_MOST_SOURCE_BYTES = 1024 * 1024
_USUAL = ("lambda_function.lambda_handler", HANDLER, "app.lambda_handler", "main.lambda_handler")
_NOTHING_SENT = "Nothing was sent."


@dataclass(frozen=True)
class OwnCode:
    """A checked zip: its bytes, how many files it holds, their size in bytes, and the handlers found in it."""

    name: str
    data: bytes = field(repr=False)
    files: int
    unzipped: int
    modules: tuple[str, ...]
    handlers: tuple[str, ...]

    def handler_problem(self, handler: str) -> str:
        """Why ``handler`` (``module.function``) cannot be called in this code, or an empty text."""
        module, dot, function = handler.rpartition(".")
        if not dot or not module or not function.isidentifier():
            return "Write module.function, for example lambda_function.lambda_handler."
        if module.replace("/", ".") not in self.modules:
            return f"There is no module {module} in {self.name}."
        return ""


def package() -> bytes:
    """The zip of ``lambda/predict``: the same bytes for the same code, so that its hash tells a change."""
    return _zipped((path.name, path.read_bytes()) for path in sorted(PREDICT_FUNCTION.glob("*.py")))


def read_code(path: Path) -> OwnCode:
    """Read and check a zip, or one Python file, which is zipped. Blocking.

    Raises ``LocalProblem`` when it cannot be read, ``InvalidInput`` that names the member at fault otherwise.
    """
    try:
        data = read_regular(path, MAX_ZIP_BYTES)
    except OSError as error:
        if error.errno == errno.EFBIG:
            limit = f"{MAX_ZIP_BYTES // 1024**2} MB, Lambda's limit"
            raise _refused(f"{path.name} is larger than {limit}.") from error
        raise LocalProblem("The code cannot be read", f"{path.name}: {os_words(error)}.") from error
    if path.suffix == ".py":
        data = _zipped([(path.name, data)])
    return check_code(path.name, data)


def check_code(name: str, data: bytes) -> OwnCode:
    """Check the bytes of a zip called ``name``; nothing is unpacked. Raises ``InvalidInput``."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile:
        raise _refused(f"{name} is no zip.") from None
    with archive:
        members = archive.infolist()
        files = [member for member in members if not member.is_dir()]
        unzipped = sum(member.file_size for member in members)
        if not files:
            raise _refused(f"{name} is empty.")
        if unzipped > MAX_UNZIPPED_BYTES:
            raise _refused(
                f"Unzipped it is larger than {MAX_UNZIPPED_BYTES // 1024**2} MB, which Lambda takes at most."
            )
        for member in members:
            _check_member(member)
        modules = tuple(sorted(filter(None, (_module(member.filename) for member in files))))
        return OwnCode(name, data, len(files), unzipped, modules, _handlers(archive, files))


def _zipped(files: Iterable[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            member = zipfile.ZipInfo(name, _ZIP_TIME)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            archive.writestr(member, data)
    return buffer.getvalue()


def _check_member(member: zipfile.ZipInfo) -> None:
    # ``filename`` has its backslashes turned and is cut at a NUL on some systems; ``orig_filename`` is as written.
    name = member.orig_filename
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or ":" in name.split("/")[0] or "\\" in name or "\0" in name:
        raise _refused(f"Its member {name!r} would be written outside of the function's folder.")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise _refused(f"Its member {name!r} is a link; only files and folders are allowed.")
    if member.flag_bits & _ENCRYPTED:
        raise _refused(f"Its member {name!r} is encrypted.")


def _module(name: str) -> str:
    path = PurePosixPath(name)
    if path.suffix == ".py":
        parts = path.parent.parts if path.name == "__init__.py" else (*path.parent.parts, path.stem)
        return ".".join(parts)
    # A compiled module, such as ``fast.cpython-312-x86_64-linux-gnu.so``.
    return ".".join((*path.parent.parts, path.name.split(".")[0])) if path.suffix == ".so" else ""


def _handlers(archive: zipfile.ZipFile, files: list[zipfile.ZipInfo]) -> tuple[str, ...]:
    """``module.function`` of every function of two arguments in the top folder's modules, the likeliest first."""
    found: list[str] = []
    for member in files:
        path = PurePosixPath(member.filename)
        if path.suffix == ".py" and len(path.parts) == 1 and member.file_size <= _MOST_SOURCE_BYTES:
            try:
                tree = ast.parse(archive.read(member))
            except (SyntaxError, ValueError, RecursionError, MemoryError, zipfile.BadZipFile, NotImplementedError):
                # Whether it runs is for Lambda to say; here it only offers no handler.
                continue
            functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
            found += [f"{path.stem}.{function.name}" for function in functions if len(function.args.args) == 2]
    return tuple(sorted(found, key=lambda name: (name not in _USUAL, not name.endswith("handler"), name)))


def _refused(reason: str) -> InvalidInput:
    return InvalidInput("This code cannot be deployed", f"{reason} {_NOTHING_SENT}")
