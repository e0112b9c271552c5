"""A function's code: the zip as it came, checked member by member, and the folder that it runs from."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import lzma
import os
import shutil
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from sandbox.wire.errors import AwsError, is_disk_full

# Lambda's quotas: 50 MB zipped in a direct upload, 250 MB unzipped.
MAX_ZIP_BYTES = 50 * 1024 * 1024
MAX_UNZIPPED_BYTES = 250 * 1024 * 1024
MAX_MEMBERS = 20_000
_UNIX = 3
# What reading a damaged or contradictory zip raises (a member that is a file and a folder at once: OSError).
_UNREADABLE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError, ValueError)


@dataclass(frozen=True)
class Code:
    """Unpacked code. ``sha256`` is base64, as ``CodeSha256``; ``size`` is the zip's.

    ``unreadable`` is a file, a JSON list of what the function may not open: on AWS it runs as another user than the
    one who unpacks, here it does not.
    """

    sha256: str
    size: int
    folder: Path
    unreadable: Path


class CodeStore:
    """Keeps every zip under its hash, so versions that share code share the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, data: bytes) -> Code:
        """Check and unpack a zip. Raises ``AwsError`` that names the member at fault; nothing is kept then."""
        if len(data) > MAX_ZIP_BYTES:
            raise AwsError("RequestEntityTooLargeException", f"The zip is larger than {MAX_ZIP_BYTES} bytes.", 413)
        digest = hashlib.sha256(data)
        code = self.get(base64.b64encode(digest.digest()).decode(), len(data))
        if code.folder.is_dir():
            return code
        fresh = self.folder / f"{digest.hexdigest()}.{os.getpid()}.new"
        try:
            code.unreadable.write_text(json.dumps(_unpack(data, fresh)), encoding="utf-8")
            (self.folder / f"{digest.hexdigest()}.zip").write_bytes(data)
            fresh.rename(code.folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return code

    def get(self, sha256: str, size: int) -> Code:
        """The code of this hash; its folder exists if it was ever put."""
        name = base64.b64decode(sha256).hex()
        return Code(sha256, size, self.folder / name, self.folder / f"{name}.unreadable")

    def keep_only(self, hashes: set[str]) -> None:
        """Remove the code of every function and version that is gone."""
        kept = {base64.b64decode(sha256).hex() for sha256 in hashes}
        for entry in self.folder.iterdir():
            if entry.name.split(".")[0] in kept:
                continue
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)


def _unpack(data: bytes, target: Path) -> list[str]:
    """Unpack; returns the members whose mode in the zip lets nobody read them."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (*_UNREADABLE, struct.error):
        raise _refused("Could not unzip uploaded file. Please check your file, then try to upload again.") from None
    with archive:
        members = archive.infolist()
        if not members:
            raise _refused("Uploaded file must be a non-empty zip")
        if len(members) > MAX_MEMBERS:
            raise _refused(f"The zip has more than {MAX_MEMBERS} members.")
        if sum(member.file_size for member in members) > MAX_UNZIPPED_BYTES:
            raise _refused(f"Unzipped size must be smaller than {MAX_UNZIPPED_BYTES} bytes")
        for member in members:
            _check_member(member)
        target.mkdir(mode=0o700)
        for member in members:
            try:
                _write(archive, member, target / member.filename)
            except _UNREADABLE as error:
                if is_disk_full(error):
                    raise
                raise _refused(f"The zip's member {member.filename!r} cannot be unpacked: {error}") from None
        shut = tuple(member.filename for member in members if member.is_dir() and not _may(member, 0o111))
        return [
            member.filename
            for member in members
            if not member.is_dir() and (not _may(member, 0o444) or (shut and member.filename.startswith(shut)))
        ]


def _may(member: zipfile.ZipInfo, bits: int) -> bool:
    """Whether the member's mode has one of ``bits``; a zip that was not made on Unix has no modes, and all may."""
    return member.create_system != _UNIX or bool(member.external_attr >> 16 & bits)


def _write(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> None:
    if member.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as source, path.open("wb") as copy:
        shutil.copyfileobj(source, copy)
    path.chmod(0o700 if member.external_attr >> 16 & 0o111 else 0o600)


def _check_member(member: zipfile.ZipInfo) -> None:
    name = member.filename
    path = PurePosixPath(name)
    drive = any(":" in part for part in path.parts[:1])
    # On AWS, as on any Unix, a backslash is part of a name. It must lead nowhere on a system where it is not.
    as_folders = PureWindowsPath(name).parts
    if path.is_absolute() or drive or ".." in (*path.parts, *as_folders) or name.startswith("\\") or "\0" in name:
        raise _refused(f"The zip's member {name!r} would be written outside of the function's folder.")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        what = "a link" if kind == stat.S_IFLNK else "a device or a pipe"
        raise _refused(f"The zip's member {name!r} is {what}; only files and folders are allowed.")


def _refused(reason: str) -> AwsError:
    return AwsError("InvalidParameterValueException", reason)
