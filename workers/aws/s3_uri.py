"""A place in S3 as people and AWS write it: ``s3://bucket/key``. ``sandbox/s3/uri.py`` has the same rules."""

from __future__ import annotations

import re
from dataclasses import dataclass

SCHEME = "s3://"
# Names of buckets, also of old ones and aliases of access points. A key may have any character, "?" and "#" too.
_FORM = re.compile(r"s3://([A-Za-z0-9._-]+)(?:/(.*))?", re.DOTALL)


@dataclass(frozen=True)
class S3Uri:
    """A bucket, and a key or the beginning of keys in it ("" for the whole bucket)."""

    bucket: str
    key: str = ""

    @classmethod
    def parse(cls, text: str) -> S3Uri:
        """Read ``s3://bucket/key``. Raises ``ValueError`` for anything else."""
        found = cls.find(text)
        if found is None:
            raise ValueError(f"{text!r} is no place in S3 (s3://bucket/folder)")
        return found

    @classmethod
    def find(cls, text: str) -> S3Uri | None:
        """As ``parse``; ``None`` for anything else."""
        match = _FORM.fullmatch(text)
        return None if match is None else cls(match[1], match[2] or "")

    @classmethod
    def typed(cls, text: str) -> S3Uri | None:
        """As ``find``, for what a person types: ``s3://`` may be missing."""
        return cls.find(text if text.startswith(SCHEME) else SCHEME + text)

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}"

    @property
    def folder(self) -> str:
        """The key as a folder: with one slash at its end, "" for the whole bucket.

        So a neighbour whose name begins alike (breeds-2) does not belong to it.
        """
        inner = self.key.rstrip("/")
        return f"{inner}/" if inner else ""

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the key: folders, and the file's."""
        return tuple(name for name in self.key.split("/") if name)

    def below(self, *names: str) -> S3Uri:
        """The place with ``names`` as folders below it."""
        return S3Uri(self.bucket, "/".join(name for name in (self.key.rstrip("/"), *names) if name))


def without_scheme(uri: str) -> str:
    """``bucket/folder``, for people; what is no place in S3 stays as it is."""
    return uri.removeprefix(SCHEME).rstrip("/")
