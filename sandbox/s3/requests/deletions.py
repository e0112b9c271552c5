"""The body of DeleteObjects, read once: access control decides about just the entries that are deleted."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from sandbox.s3 import xml
from sandbox.wire.errors import AwsError

# S3 API reference, DeleteObjects.
MAX_ENTRIES = 1000


@dataclass(frozen=True)
class Deletion:
    """One entry: a key, perhaps one of its versions, perhaps only if its ETag is this.

    ``unknown`` names what else the entry asks for.
    """

    key: str
    version: str | None
    etag: str | None
    unknown: tuple[str, ...] = ()


def parse_deletions(body: bytes) -> tuple[tuple[Deletion, ...], bool]:
    """The entries of a DeleteObjects, and whether only what went wrong shall be answered.

    Raises ``AwsError`` MalformedXML.
    """
    root = xml.parse(body)
    items = list(itertools.islice(root.iter("Object"), MAX_ENTRIES + 1))
    if not 0 < len(items) <= MAX_ENTRIES:
        raise AwsError("MalformedXML", f"DeleteObjects takes 1 to {MAX_ENTRIES} keys.")
    entries = tuple(
        Deletion(
            xml.text_of(item, "Key"),
            xml.text_of(item, "VersionId") or None,
            xml.text_of(item, "ETag") or None,
            tuple(sorted({child.tag for child in item} - {"Key", "VersionId", "ETag"})),
        )
        for item in items
    )
    return entries, xml.text_of(root, "Quiet").lower() == "true"
