"""A job's model on this computer: its archive from S3, checked member by member before anything of it is written.

Only the weights and the list of classes are taken. The code in the archive is never run here: the program's own
``training/inference.py`` loads the weights, and reads nothing but plain tensors.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO, Any

from workers import paths
from workers.aws.s3_uri import S3Uri
from workers.errors.tree import LocalProblem
from workers.files import private
from workers.files.os_words import plain_words

WEIGHTS, CLASSES = "model.pth", "classes.json"
# An archive of ours has a dozen members; one with this many is not looked through.
MAX_MEMBERS = 10_000
# Unpacked; the largest backbone has less than 2 GB.
MAX_WEIGHTS_BYTES = 4 * 1024**3
MAX_CLASSES_BYTES = 4 * 1024**2
MAX_READ_BYTES = 8 * 1024**3
# Models that stay in the cache; of more, those that were used longest ago go.
MOST_KEPT = 8
# Bytes at a time, so that progress is told.
_PART = 1024 * 1024

OnProgress = Callable[[int], object]


def cache_folder() -> Path:
    """Where models lie that were fetched."""
    return paths.user_cache() / "models"


def name_of(uri: str, etag: str, size: int) -> str:
    """The folder of this very archive: one that was replaced in its bucket has another."""
    return hashlib.sha256(f"{uri}\n{etag}\n{size}".encode()).hexdigest()[:32]


def kept(uri: str, etag: str, size: int, cache: Path | None = None) -> Path | None:
    """The folder of a model that was fetched before. Blocking."""
    folder = (cache or cache_folder()) / name_of(uri, etag, size)
    if not (folder / WEIGHTS).is_file() or not (folder / CLASSES).is_file():
        return None
    try:
        os.utime(folder)
    except OSError:
        # It is used all the same, and thought to be older.
        return folder
    return folder


def unpack(
    archive: IO[bytes], folder_name: str, cache: Path | None = None, on_progress: OnProgress = lambda done: None
) -> Path:
    """Take the model out of a ``.tar.gz`` stream into the cache; whole or not at all. Blocking.

    ``on_progress`` gets the unpacked bytes. Raises ``LocalProblem`` for an archive that is damaged, is not sane or
    holds no model of SageDeck's script, and ``OSError`` where the disk does not take it.
    """
    cache = cache or cache_folder()
    private.make_folder(cache)
    making = Path(tempfile.mkdtemp(dir=cache, prefix=".making-"))
    try:
        _take(archive, making, on_progress)
        check_classes((making / CLASSES).read_bytes())
        folder = cache / folder_name
        shutil.rmtree(folder, ignore_errors=True)
        making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    _tidy(cache)
    return folder


def check_classes(data: bytes) -> list[str]:
    """The classes that ``classes.json`` names. Raises ``LocalProblem`` when it is not one of ours."""
    try:
        about = json.loads(data)
        names, side = about["classes"], about["image_size"]
        if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
            raise ValueError("it names no classes")
        if not isinstance(about["backbone"], str) or type(side) is not int or not 0 < side <= 4096:
            raise ValueError("it does not say what the network is")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise no_model(f"its {CLASSES} is not one of SageDeck's script: {plain_words(error)}") from error
    return names


def no_model(why: str) -> LocalProblem:
    """The error for an archive that is no model."""
    return LocalProblem(
        "The model cannot be used on this computer",
        f"Its archive was not unpacked: {why}.",
        "Only models of SageDeck's training script can be asked here; an endpoint may serve others.",
        code="NoModel",
    )


def _take(archive: IO[bytes], folder: Path, on_progress: OnProgress) -> None:
    wanted = {WEIGHTS: MAX_WEIGHTS_BYTES, CLASSES: MAX_CLASSES_BYTES}
    try:
        # tarfile's own reading of gzip does not look at the checksum behind the data.
        whole = gzip.GzipFile(fileobj=archive)
        with tarfile.open(fileobj=whole, mode="r|") as tar:
            for number, member in enumerate(tar):
                if number >= MAX_MEMBERS or member.offset_data + member.size > MAX_READ_BYTES:
                    raise no_model("it holds more than any model does")
                name = _checked(member)
                if name not in wanted:
                    continue
                if member.size > wanted.pop(name):
                    raise no_model(f"its {name} has {member.size / 1e6:,.0f} MB")
                _write(tar.extractfile(member), folder / name, member.offset_data, on_progress)
        while whole.read(_PART):
            pass
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise no_model(f"it is damaged ({plain_words(error)})") from error
    except OSError as error:
        # gzip tells of damage by an OSError without a number; what the disk refuses has one.
        if error.errno is None:
            raise no_model(f"it is damaged ({plain_words(error)})") from error
        raise
    if wanted:
        raise no_model(f"it has no {' and no '.join(wanted)}")


def _checked(member: tarfile.TarInfo) -> str:
    """The member's name in the archive's root. Raises ``LocalProblem`` for one that no honest archive has."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\\" in member.name:
        raise no_model(f"it names a file outside of itself ({member.name[:80]})")
    name = str(path)
    if name in (WEIGHTS, CLASSES) and not member.isreg():
        raise no_model(f"its {name} is not a file")
    if not (member.isreg() or member.isdir()):
        raise no_model(f"it holds a link or a device ({member.name[:80]})")
    return name


def _write(source: IO[bytes] | None, path: Path, before: int, on_progress: OnProgress) -> None:
    if source is None:
        raise no_model(f"its {path.name} is not a file")
    done = before
    with path.open("xb") as file:
        while part := source.read(_PART):
            file.write(part)
            done += len(part)
            on_progress(done)


def _tidy(cache: Path) -> None:
    def age(folder: Path) -> float:
        try:
            return folder.stat().st_mtime
        except OSError:
            return 0.0

    folders = [folder for folder in cache.iterdir() if folder.is_dir() and not folder.name.startswith(".")]
    for old in sorted(folders, key=age, reverse=True)[MOST_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


def fetch(client: Any, bucket: str, key: str, on_progress: OnProgress = lambda done: None) -> Path:
    """The folder of the model at ``s3://bucket/key``, fetched unless it is there. ``client``: boto3's for S3.

    Blocking; raises what boto3 raises, ``LocalProblem`` and ``OSError``.
    """
    uri = str(S3Uri(bucket, key))
    head = client.head_object(Bucket=bucket, Key=key)
    etag, size = str(head.get("ETag", "")), int(head["ContentLength"])
    found = kept(uri, etag, size)
    if found is not None:
        return found
    answer = client.get_object(Bucket=bucket, Key=key, **({"IfMatch": etag} if etag else {}))
    body = answer["Body"]
    try:
        return unpack(body, name_of(uri, etag, size), on_progress=on_progress)
    finally:
        # Closing without reading to the end drops the connection instead of downloading the rest.
        body.close()
