"""Which names a bucket may have, as S3's user guide says ("General purpose bucket naming rules")."""

from __future__ import annotations

import re

from sandbox.wire.errors import AwsError

_FORM = re.compile(r"^(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
_RESERVED = ("xn--", "sthree-")


def check_bucket_name(name: str) -> None:
    """Raise ``InvalidBucketName`` in AWS's words for a name that no bucket can have."""
    if not _FORM.match(name) or ".." in name or name.startswith(_RESERVED):
        raise AwsError("InvalidBucketName", "The specified bucket is not valid.", BucketName=name)
