"""What S3 accepts as the name of a general purpose bucket, in words for a form.

Source: Amazon S3 User Guide, "General purpose bucket naming rules".
"""

from __future__ import annotations

import re

# S3's limits.
SHORTEST, LONGEST = 3, 63
_ALLOWED = re.compile(r"[a-z0-9.-]+")
_RESERVED_STARTS = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_ENDS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def bucket_name_problem(name: str) -> str:
    """Why ``name`` cannot be a bucket's name, as one sentence; empty when it can."""
    if not SHORTEST <= len(name) <= LONGEST:
        return f"A bucket name has {SHORTEST} to {LONGEST} characters; this one has {len(name)}."
    if not _ALLOWED.fullmatch(name):
        wrong = next(char for char in name if not _ALLOWED.fullmatch(char))
        return f"Only small letters a–z, digits and hyphens are allowed; {_shown(wrong)} is not."
    if "." in name:
        return "A dot breaks the certificate check of encrypted connections; use hyphens."
    if not (name[0].isalnum() and name[-1].isalnum()):
        return "A bucket name begins and ends with a letter or a digit."
    if name.startswith(_RESERVED_STARTS) or name.endswith(_RESERVED_ENDS):
        return "This beginning or end is reserved by Amazon; choose another one."
    return ""


def _shown(char: str) -> str:
    return {" ": "a space", "_": "an underscore"}.get(char, f"“{char}”")
