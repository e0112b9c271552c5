"""tar.gz archives: checked while they are unpacked, and packed without links.

An archive comes from whoever may write to a bucket, so every member is checked before a byte of it is
written: plain files and folders only, below the target, within a number and a size.
"""

from __future__ import annotations

import io
import lzma
import os
import shutil
import stat
import tarfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Self

from sandbox.core.os_words import plain_words
from sandbox.wire.errors import is_disk_full

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

# Far above any model, and below what would fill a usual disk or take minutes to unpack.
MAX_MEMBERS = 100_000
MAX_BYTES = 20 * 1024**3
_BLOCK = 1024 * 1024
_MAX_EXTENDED_BYTES = 1024 * 1024
# zlib's number for a stream with gzip's header and checksum.
_GZIP = 31
_SAMPLE_BYTES = 256 * 1024
# How zlib may compress, as (level, strategy), the fastest first: not at all, by how often each byte comes, and with a
# search for repetitions. Beside how much larger an archive may become for it: these take a fiftieth and a third of the
# time of a search at level 1; higher levels take far longer.
_WAYS = (
    ((0, zlib.Z_DEFAULT_STRATEGY), 1.1),
    ((1, zlib.Z_HUFFMAN_ONLY), 1.02),
    ((1, zlib.Z_DEFAULT_STRATEGY), 1.0),
)
_EXTENDED = frozenset(
    {
        *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
        *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
    }
)


class ArchiveError(Exception):
    """The archive cannot be used; the text says why, for a person."""


class _Member(tarfile.TarInfo):
    """A member whose long name or attributes, which are read into memory, are within reason."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """A header's content."""
        made = super().frombuf(buf, encoding, errors)
        if made.type in _EXTENDED and made.size > _MAX_EXTENDED_BYTES:
            raise ArchiveError(f"it has {made.size} bytes of attributes for one member")
        return made


def unpack(archive: Path, target: Path, *, max_bytes: int = MAX_BYTES, max_members: int = MAX_MEMBERS) -> int:
    """Unpack a tar.gz into the folder ``target`` and return the number of files.

    ``max_bytes`` counts the unpacked size. On any refusal the files written so far are removed and
    ``ArchiveError`` names the member.
    """
    target.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    try:
        _check(archive, max_bytes, max_members)
        with tarfile.open(archive, "r:gz", tarinfo=_Member) as tar:
            for member in tar:
                destination = target.joinpath(*_checked_name(member).parts)
                if member.isdir():
                    destination.mkdir(parents=True, exist_ok=True)
                    continue
                destination.parent.mkdir(parents=True, exist_ok=True)
                source = tar.extractfile(member)
                if source is None:
                    raise ArchiveError(f"its member {member.name!r} cannot be read")
                with source, destination.open("wb") as file:
                    written.append(destination)
                    shutil.copyfileobj(source, file, _BLOCK)
                if member.mode & stat.S_IXUSR:
                    destination.chmod(0o700)
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError, ValueError, RecursionError) as error:
        _remove(written)
        if is_disk_full(error):
            raise
        # tarfile goes on with what each decompressor said; the first line is the reason.
        why = plain_words(error).partition("\n")[0].rstrip(":")
        raise ArchiveError(f"it is not a readable tar.gz archive ({why})") from error
    except ArchiveError:
        _remove(written)
        raise
    return len(written)


def _check(archive: Path, max_bytes: int, max_members: int) -> None:
    """Look at every member before anything is written: making a hundred thousand files takes minutes."""
    number = total = 0
    with tarfile.open(archive, "r:gz", tarinfo=_Member) as tar:
        while (member := tar.next()) is not None:
            # The archive object remembers each member; a refusal must not cost the memory for all of them.
            tar.members.clear()  # type: ignore[attr-defined]
            number += 1
            total += member.size
            if number > max_members:
                raise ArchiveError(f"it has more than {max_members} members")
            if total > max_bytes:
                raise ArchiveError(f"it unpacks to more than {max_bytes} bytes")
            _checked_name(member)


def pack(folders: Iterable[Path], archive: Path) -> int:
    """Write the files below ``folders`` into one tar.gz and return how many there are; none: no archive.

    The content of each folder goes to the top of the archive. Where two folders hold the same name, the
    first one wins. Links to files inside of a folder are stored as files; other links and devices are left out.
    """
    entries: dict[str, Path] = {}
    for folder in folders:
        for name, path in walk(folder):
            entries.setdefault(name, path)
    if not entries:
        return 0
    with archive.open("wb") as packed:
        compressed = _Compressed(packed, *_way(entries.values()))
        with tarfile.open(fileobj=compressed, mode="w", dereference=True) as tar:
            for name in sorted(entries):
                info = tar.gettarinfo(str(entries[name].resolve()), arcname=name)
                info.uid = info.gid = 0
                info.uname = info.gname = "root"
                with entries[name].open("rb") as file:
                    tar.addfile(info, file)
        compressed.finish()
    return len(entries)


class _Compressed(io.RawIOBase):
    """A file of gzip that is written from its beginning to its end."""

    def __init__(self, file: IO[bytes], level: int, strategy: int) -> None:
        super().__init__()
        self._file = file
        self._compressor = zlib.compressobj(level, wbits=_GZIP, strategy=strategy)
        self._written = 0

    def write(self, data: Buffer, /) -> int:
        """Add bytes."""
        self._file.write(self._compressor.compress(data))
        size = memoryview(data).nbytes
        self._written += size
        return size

    def tell(self) -> int:
        """How many bytes were written, before they were compressed."""
        return self._written

    def finish(self) -> None:
        """Write what is left; the file stays open."""
        self._file.write(self._compressor.flush())


def _way(files: Iterable[Path]) -> tuple[int, int]:
    """How zlib is to compress these files: their largest one, tried in its middle, stands for all.

    Weights repeat nothing, and nearly all of their bits are chance.
    """
    largest = max(files, key=lambda path: path.stat().st_size)
    with largest.open("rb") as file:
        file.seek(max(0, largest.stat().st_size - _SAMPLE_BYTES) // 2)
        sample = file.read(_SAMPLE_BYTES)
    sizes = []
    for (level, strategy), _growth in _WAYS:
        compressor = zlib.compressobj(level, wbits=_GZIP, strategy=strategy)
        sizes.append(len(compressor.compress(sample) + compressor.flush()))
    least = min(sizes)
    return next(way for (way, growth), size in zip(_WAYS, sizes, strict=True) if size <= growth * least)


def walk(folder: Path) -> list[tuple[str, Path]]:
    """The plain files below ``folder`` as (name with slashes, path), sorted by name."""
    root = folder.resolve()
    found = []
    for current, _folders, files in os.walk(root):
        for name in files:
            path = Path(current) / name
            try:
                real = path.resolve(strict=True)
            except (OSError, RuntimeError):
                continue
            if real.is_file() and real.is_relative_to(root):
                found.append((path.relative_to(root).as_posix(), path))
    return sorted(found)


def _checked_name(member: tarfile.TarInfo) -> PurePosixPath:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\\" in member.name or "\0" in member.name:
        raise ArchiveError(f"its member {member.name!r} points outside of the folder")
    if any(":" in part for part in path.parts[:1]):
        raise ArchiveError(f"its member {member.name!r} points outside of the folder")
    if member.issym() or member.islnk():
        raise ArchiveError(f"its member {member.name!r} is a link; only files and folders are unpacked")
    if not (member.isreg() or member.isdir()):
        raise ArchiveError(f"its member {member.name!r} is neither a file nor a folder")
    return path


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
