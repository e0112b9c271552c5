"""A place in S3 as requests name it: ``s3://bucket/key``. ``workers/aws/s3_uri.py`` has the same rules."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from sandbox.wire.errors import AwsError

SCHEME = "s3://"
# Names of buckets, also of old ones and aliases of access points. A key may have any character, "?" and "#" too.
_HTTPS_HOST = re.compile(r"https://([a-z0-9.-]+)\.s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com/(.+)", re.DOTALL)
_HTTPS_PATH = re.compile(r"https://s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com/([A-Za-z0-9._-]+)/(.+)", re.DOTALL)
_FORM = re.compile(r"s3://([A-Za-z0-9._-]+)(?:/(.*))?", re.DOTALL)


@dataclass(frozen=True)
class S3Uri:
    """A bucket, and a key or the beginning of keys in it ("" for the whole bucket)."""

    bucket: str
    key: str = ""

    @classmethod
    def parse(cls, text: str, member: str = "S3Uri") -> S3Uri:
        """Read ``s3://bucket/key``; anything else is a ValidationException naming ``member``."""
        found = cls.find(text)
        if found is None:
            message = f"{member} must be an S3 URI (s3://bucket/prefix), not {text!r}."
            raise AwsError("ValidationException", message)
        return found

    @classmethod
    def find(cls, text: object) -> S3Uri | None:
        """As ``parse``; ``None`` for anything else."""
        match = _FORM.fullmatch(text) if isinstance(text, str) else None
        return None if match is None else cls(match[1], match[2] or "")

    @classmethod
    def located(cls, text: str, member: str = "S3Uri") -> S3Uri:
        """As ``parse``, and the https URL of an object, which SageMaker takes where it reads one."""
        host = _HTTPS_HOST.fullmatch(text)
        path = _HTTPS_PATH.fullmatch(text)
        found = host or path
        return cls.parse(f"{SCHEME}{found[1]}/{unquote(found[2])}" if found else text, member)

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}"

    def below(self, *names: str) -> S3Uri:
        """The place with ``names`` as folders below it."""
        return S3Uri(self.bucket, "/".join(name for name in (self.key.rstrip("/"), *names) if name))
