"""Objects to files: where a key may be written, and how it gets there in one piece."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workers.errors.tree import InvalidInput
from workers.storage.key_names import FileRules, plan_download, told

# Some ten reports a second at 10 MB/s.
CHUNK_BYTES = 2**20


def common_folder(keys: Sequence[str]) -> str:
    """The part up to and with the last slash that all ``keys`` share; empty when they share none."""
    folders = [key.split("/")[:-1] for key in keys]
    common: list[str] = []
    for names in zip(*folders, strict=False):
        if len(set(names)) > 1:
            break
        common.append(names[0])
    return "".join(f"{name}/" for name in common)


def local_path(dest: Path, relative_key: str) -> Path:
    """Where the object goes below ``dest``. Raises ``InvalidInput`` for a key that is no path below it."""
    plan = plan_download([relative_key], "", dest, FileRules(), {relative_key: 1})
    if plan.refused:
        raise InvalidInput("The object cannot be saved", told(plan.refused))
    return plan.files[0][1]


def fetch(client: Any, bucket: str, key: str, path: Path) -> None:
    """Write one object to ``path``: into a temporary file beside it, which takes its name when it is complete.

    botocore verifies the checksum that S3 keeps while the body is read. Blocking.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    answer = client.get_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        # Entering the body itself would give the bare stream, which skips the checksum.
        with contextlib.closing(answer["Body"]) as body, part.open("xb") as out:
            for chunk in body.iter_chunks(CHUNK_BYTES):
                out.write(chunk)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
